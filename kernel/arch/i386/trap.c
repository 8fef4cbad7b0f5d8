/* SPDX-License-Identifier: MIT */
/* The interrupt table and what happens behind it.
 *
 * An exception in ring 3 is the program's (kernel/arch/user.h). One in the kernel is a page fault where a program's
 * memory is read or written (kernel/arch/uaccess.h), or expected (trap_expect() is under way in this very context: it is
 * jumped back to), or the end (report, panic). Any other vector is an interrupt: acknowledged here, handled in
 * kernel/core/irq.c.
 *
 * The double fault has a task gate, so that the CPU changes to a good stack before it pushes anything. Its
 * usual cause is a stack that grew into its guard page: the page fault could not push its frame. CR2 then
 * lies in the guard page.
 *
 * T1 a thread's word is set only inside its trap_expect(), which concerns only the depth of interrupts it was called in.
 * T2 trap_context and its use in trap_entry.asm agree field by field.
 *
 * Context: whatever was interrupted; takes no lock, allocates nothing. */
#include <kernel/arch/trap.h>

#include <arch/interrupts.h>
#include <arch/segments.h>
#include <kernel/arch/apic.h>
#include <kernel/arch/cpu.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/percpu.h>
#include <kernel/arch/uaccess.h>
#include <kernel/arch/user.h>
#include <kernel/core/address.h>
#include <kernel/core/ksym.h>
#include <kernel/core/lockorder.h>
#include <kernel/core/panic.h>
#include <kernel/core/printk.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

#define NR_VECTORS     256
#define NR_EXCEPTIONS  32
#define INTERRUPT_GATE 0x8e00u
#define USER_GATE      0xee00u /* an interrupt gate for ring 3, too */
#define TASK_GATE      0x8500u
#define VECTOR_NMI     2
#define VECTOR_DOUBLE  8
#define VECTOR_PAGE    14
#define VECTOR_MACHINE 18
#define VECTOR_CALL    0x80
#define COUNT_CONTEXT  0x000fff00u /* the part of preempt_count that says in which interrupt we are */

#define PF_PRESENT     0x01u
#define PF_WRITE       0x02u
#define PF_USER	       0x04u
#define PF_RESERVED    0x08u
#define PF_FETCH       0x10u

struct gate {
	uint32_t low, high;
};

struct trap_context {
	uintptr_t esp, eip, ebx, esi, edi, ebp;
};

/* On the stack of trap_expect(). */
struct expectation {
	struct trap_context context; /* where to go back to */
	struct trap_info *info;
	uint32_t preempt_count, nr_texts, nr_held; /* as they were */
};

static struct {
	__aligned(8) struct gate idt[NR_VECTORS];
} trap;

static const char *const exception_names[NR_EXCEPTIONS] = {
	"divide error",
	"debug exception",
	"non-maskable interrupt",
	"breakpoint",
	"overflow",
	"bound range exceeded",
	"invalid opcode",
	"no coprocessor",
	"double fault",
	"coprocessor overrun",
	"invalid task state",
	"segment not present",
	"stack segment fault",
	"general protection fault",
	"page fault",
	"reserved exception",
	"coprocessor error",
	"alignment check",
	"machine check",
	"SIMD error",
	"virtualization exception",
	"control protection exception",
};

extern const uintptr_t trap_entries[NR_VECTORS];

/* trap_entry.asm */
bool trap_context_call(void (*fn)(void *), void *arg, struct trap_context *context);
NORETURN void trap_context_abandon(const struct trap_context *context);
void trap_handle(struct trap_frame *frame);
void trap_interrupt(struct trap_frame *frame);
void double_fault_handle(void);

/* --- reports --- */

static inline uintptr_t read_cr2(void)
{
	uintptr_t value;

	__asm__ volatile("movl %%cr2, %0" : "=r"(value));
	return value;
}

static inline uintptr_t read_cr3(void)
{
	uintptr_t value;

	__asm__ volatile("movl %%cr3, %0" : "=r"(value));
	return value;
}

static bool from_user(const struct trap_frame *frame)
{
	return frame->cs & 3;
}

static const char *exception_name(uint32_t vector)
{
	const char *name = vector < NR_EXCEPTIONS ? exception_names[vector] : NULL;

	return name ? name : "reserved exception";
}

static const char *page_fault_cause(uint32_t error)
{
	if (error & PF_RESERVED)
		return "reserved bit set in a page table";
	return error & PF_PRESENT ? "the page forbids it" : "no page there";
}

static const char *page_fault_access(uint32_t error)
{
	if (error & PF_FETCH)
		return "fetch from";
	return error & PF_WRITE ? "write to" : "read from";
}

void trap_describe_page_fault(uint32_t error, uintptr_t address, char *buf, size_t size)
{
	char place[ADDRESS_PHRASE_MAX];
	bool known = address_describe(address, place, sizeof(place));

	(void)snprintf(buf, size, "page fault: %s %s 0x%08lx, error code 0x%x: %s%s%s",
		       error & PF_USER ? "user" : "kernel", page_fault_access(error), (unsigned long)address,
		       error, page_fault_cause(error), known ? "; that is " : "", place);
}

static void page_fault_print(uint32_t error, uintptr_t address)
{
	char text[PRINTK_MAX];

	trap_describe_page_fault(error, address, text, sizeof(text));
	pr_err("%s", text);
}

static void registers_print(const struct trap_frame *frame, uint32_t esp, uint32_t ss)
{
	pr_err("eax %08x ebx %08x ecx %08x edx %08x", frame->eax, frame->ebx, frame->ecx, frame->edx);
	pr_err("esi %08x edi %08x ebp %08x esp %08x", frame->esi, frame->edi, frame->ebp, esp);
	pr_err("eip %08x eflags %08x cr2 %08lx cr3 %08lx", frame->eip, frame->eflags,
	       (unsigned long)read_cr2(), (unsigned long)read_cr3());
	pr_err("cs %04x ss %04x ds %04x es %04x fs %04x gs %04x", frame->cs & 0xffff, ss & 0xffff,
	       frame->ds & 0xffff, frame->es & 0xffff, frame->fs & 0xffff, frame->gs & 0xffff);
}

/* The CPU pushes stack pointer and segment only when it comes from ring 3. */
void trap_frame_print(const struct trap_frame *frame)
{
	if (from_user(frame))
		registers_print(frame, frame->user_esp, frame->user_ss);
	else
		registers_print(frame, (uintptr_t)&frame->user_esp, SEG_KERNEL_DATA);
}

NORETURN static void report_and_panic(const struct trap_frame *frame)
{
	const char *name = exception_name(frame->vector);
	char place[KSYM_FORMAT_MAX];

	panic_begin();
	pr_err("EXCEPTION %u: %s at %s, error code 0x%x", frame->vector, name,
	       ksym_format(frame->eip, place, sizeof(place)), frame->error_code);
	if (frame->vector == VECTOR_PAGE)
		page_fault_print(frame->error_code, read_cr2());
	trap_frame_print(frame);
	panic_at(frame->eip, frame->ebp, "%s at %s", name, place);
}

/* --- expected --- */

bool trap_expect(void (*fn)(void *arg), void *arg, struct trap_info *info)
{
	struct expectation expectation = {
		.info = info,
		.preempt_count = this_cpu_read(preempt_count),
		.nr_texts = this_cpu_read(printk_nr_texts),
		.nr_held = this_cpu_read(lockorder_nr_held),
	};
	bool was_off = irqs_disabled(), trapped;

	*thread_trap_word() = &expectation;
	trapped = trap_context_call(fn, arg, &expectation.context);
	*thread_trap_word() = NULL;
	if (trapped) {
		this_cpu_write(preempt_count, expectation.preempt_count);
		this_cpu_write(printk_nr_texts, expectation.nr_texts);
		this_cpu_write(lockorder_nr_held, expectation.nr_held);
	}
	if (!was_off)
		irq_enable();
	return trapped;
}

void trap_continue_on(void *stack, size_t stack_bytes, void (*fn)(void))
{
	uintptr_t *top = (uintptr_t *)((char *)stack + stack_bytes) - 4; /* fn's return address, and room */
	struct trap_context context = {.esp = (uintptr_t)top, .eip = (uintptr_t)fn};

	memset(top, 0, 4 * sizeof(*top));
	trap_context_abandon(&context);
}

/* Result: NULL when nobody expects anything here. */
static struct expectation *expected_take(void)
{
	void **word = thread_trap_word();
	struct expectation *expectation = *word;

	if (!expectation || (this_cpu_read(preempt_count) ^ expectation->preempt_count) & COUNT_CONTEXT)
		return NULL;
	*word = NULL;
	return expectation;
}

void trap_panicked(const char *text)
{
	struct expectation *expectation = expected_take();
	struct trap_info *info;

	if (!expectation)
		return;
	info = expectation->info;
	*info = (struct trap_info){.vector = TRAP_PANIC, .panic_text = info->text};
	(void)snprintf(info->text, sizeof(info->text), "%s", text);
	trap_context_abandon(&expectation->context);
}

/* --- arrivals --- */

static void handle_exception(const struct trap_frame *frame)
{
	struct expectation *expectation = expected_take();

	if (!expectation)
		report_and_panic(frame);
	*expectation->info = (struct trap_info){
		.vector = frame->vector,
		.error_code = frame->error_code,
		.ip = frame->eip,
		.fault_address = frame->vector == VECTOR_PAGE ? read_cr2() : 0,
	};
	trap_context_abandon(&expectation->context);
}

static enum user_access access_of(uint32_t error)
{
	if (error & PF_FETCH)
		return USER_EXEC;
	return error & PF_WRITE ? USER_WRITE : USER_READ;
}

/* Interrupts are on while it is looked after, and off when the program goes on. */
static void handle_program(struct trap_frame *frame)
{
	uintptr_t address = read_cr2();

	irq_enable();
	if (frame->vector == VECTOR_CALL)
		user_call(frame);
	else if (frame->vector == VECTOR_PAGE && !(frame->error_code & PF_RESERVED))
		user_page_fault(frame, address, access_of(frame->error_code));
	else
		user_exception(frame, exception_name(frame->vector));
	irq_disable();
}

/* The kernel reads or writes memory of a program that is not there. Where nobody may sleep it stays so. */
static bool handle_place(struct trap_frame *frame)
{
	uintptr_t address = read_cr2(), goes_on = uaccess_goes_on(frame->eip);
	bool is_there = false;

	if (frame->vector != VECTOR_PAGE || !goes_on)
		return false;
	if (frame->eflags & EFLAGS_IF && this_cpu_read(preempt_count) == 0 && address < USER_END) {
		irq_enable();
		is_there = user_page_fault_in_kernel(address, access_of(frame->error_code));
		irq_disable();
	}
	if (!is_there)
		frame->eip = goes_on;
	return true;
}

/* NMI and machine check are nobody's fault, whoever runs. */
void trap_handle(struct trap_frame *frame)
{
	if (frame->vector == VECTOR_NMI && panic_is_elsewhere())
		cpu_halt();
	if (from_user(frame) && frame->vector != VECTOR_NMI && frame->vector != VECTOR_MACHINE)
		handle_program(frame);
	else if (!handle_place(frame))
		handle_exception(frame);
}

/* Interrupts are off until a handler or the work after it switches them on. */
void trap_interrupt(struct trap_frame *frame)
{
	unsigned int irq = frame->vector - IRQ_VECTOR(0);

	irqoff_begin(true);
	if (irq < IRQ_NR_LINES) {
		if (pic_acknowledge(irq))
			irq_handle(irq);
		else
			irq_note_spurious(irq);
	} else if (frame->vector == IPI_VECTOR) {
		apic_acknowledge();
		ipi_handle();
	} else if (frame->vector == VECTOR_SPURIOUS) {
		irq_note_spurious(APIC_TIMER_IRQ);
	} else if (irq < IRQ_NR_SOURCES && apic_is_on()) {
		apic_acknowledge();
		irq_handle(irq);
	} else {
		if (apic_is_on())
			apic_acknowledge();
		irq_note_stray(frame->vector);
	}
	irqoff_end();
	if (from_user(frame)) {
		irq_enable();
		user_interrupted();
		irq_disable();
	}
}

/* The interrupted state lies in the CPU's own task segment; make it look like any other exception's. */
static struct trap_frame double_fault_frame(const struct tss *tss)
{
	return (struct trap_frame){
		.gs = tss->gs,
		.fs = tss->fs,
		.es = tss->es,
		.ds = tss->ds,
		.edi = tss->edi,
		.esi = tss->esi,
		.ebp = tss->ebp,
		.ebx = tss->ebx,
		.edx = tss->edx,
		.ecx = tss->ecx,
		.eax = tss->eax,
		.vector = VECTOR_DOUBLE,
		.eip = tss->eip,
		.cs = tss->cs,
		.eflags = tss->eflags,
	};
}

NORETURN static void double_fault_panic(const struct tss *tss)
{
	struct trap_frame frame = double_fault_frame(tss);
	const char *guard = mmu_guard_name(read_cr2());
	char place[KSYM_FORMAT_MAX];

	ksym_format(tss->eip, place, sizeof(place));
	panic_begin();
	pr_err("EXCEPTION %u: %s at %s", VECTOR_DOUBLE, exception_name(VECTOR_DOUBLE), place);
	registers_print(&frame, tss->esp, tss->ss);
	if (guard)
		panic_at(tss->eip, tss->ebp, "stack overflow in %s: the %s grew into its guard page", place,
			 guard);
	panic_at(tss->eip, tss->ebp, "double fault at %s", place);
}

/* Runs in the double-fault task. Returning resumes the CPU's own task, whose registers we may have changed.
 */
void double_fault_handle(void)
{
	struct tss *tss = segments_tss();
	bool overflow = mmu_guard_name(read_cr2()) != NULL;
	struct expectation *expectation = expected_take();

	if (!expectation)
		double_fault_panic(tss);
	*expectation->info = (struct trap_info){
		.vector = VECTOR_DOUBLE,
		.ip = tss->eip,
		.fault_address = overflow ? read_cr2() : 0,
		.stack_overflow = overflow,
	};
	tss->eip = (uintptr_t)trap_context_abandon;
	tss->esp = expectation->context.esp; /* at once: an interrupt may come before its first instruction */
	tss->eax = (uintptr_t)&expectation->context;
}

/* --- set-up --- */

static __init struct gate gate_to(uintptr_t handler)
{
	return (struct gate){
		.low = SEG_KERNEL_CODE << 16 | (handler & 0xffff),
		.high = (handler & 0xffff0000u) | INTERRUPT_GATE,
	};
}

void __init trap_join(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __packed idt = {sizeof(trap.idt) - 1, (uintptr_t)trap.idt};

	__asm__ volatile("lidt %0" ::"m"(idt));
}

void __init trap_init(void)
{
	for (unsigned int v = 0; v < NR_VECTORS; v++)
		trap.idt[v] = gate_to(trap_entries[v]);
	trap.idt[VECTOR_CALL].high += USER_GATE - INTERRUPT_GATE;
	trap.idt[VECTOR_DOUBLE] = (struct gate){.low = SEG_DOUBLE_FAULT << 16, .high = TASK_GATE};
	irq_controllers_init();
	address_add_describer(mmu_describe);
	trap_join();
}
