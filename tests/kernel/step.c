/* SPDX-License-Identifier: MIT */
/* See step.h. The entries below stand in front of the kernel's own: they touch no register the interrupted
 * code had, and hand on the frame as the CPU made it. */
#include <tests/kernel/step.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/cpu.h>
#include <kernel/arch/irqflags.h>
#include <kernel/lib/string.h>

#define VECTOR_DEBUG 1
#define VECTOR	     ((uint8_t)IRQ_VECTOR(APIC_TIMER_IRQ))
#define NEVER	     0xffffffffu
#define NR_NOPS	     200u
#define TRIAL	     100u /* boundary of the nops at which calibration tries */

struct gate {
	uint32_t low, high;
};

struct __packed idt_register {
	uint16_t limit;
	struct gate *table;
};

struct step_arrival step_arrival;

/* Read and written by the assembly. */
extern uint32_t step_ip, step_in_shadow, step_index, step_target, step_ticks_in, step_ticks_out;
extern uintptr_t step_entry;
extern uint8_t *step_bits;
uint32_t step_ip, step_in_shadow, step_index, step_target, step_ticks_in, step_ticks_out;
uintptr_t step_entry; /* the kernel's */
uint8_t *step_bits;

STATIC_ASSERT(STEP_MAX_BOUNDARIES == 65536, "the exception's entry compares with that");

static struct {
	struct gate *idt;
	struct gate debug, vector; /* the kernel's */
	uint32_t trailing;	   /* single-step exceptions behind a function's last instruction */
	uint32_t ticks_lead;	   /* ticks noted at an arrival minus its boundary */
	uint32_t count_lead;	   /* APIC ticks minus the boundary where they end */
	bool is_counting, is_calibrating;
	irq_handler_t handler;
} step;

void step_debug_entry(void);
void step_vector_entry(void);
void step_call(void (*fn)(void));
void step_call_traced(void (*fn)(void));
void step_nops(void);
extern char step_nops_start[];

/* struct step_arrival: ip at 0, frame_ip at 4. eax, edx, eip, cs, eflags are on the stack. */
__asm__(".pushsection .text\n"
	".globl step_debug_entry, step_vector_entry, step_call, step_call_traced, step_nops, "
	"step_nops_start\n"
	"step_debug_entry:\n\t"
	"pushl %eax\n\t"
	"pushl %edx\n\t"
	"movl $0, step_in_shadow\n\t"
	"movl 8(%esp), %eax\n\t"
	"movl step_ip, %edx\n\t"
	"movl %eax, step_ip\n\t"
	"testl %edx, %edx\n\t"
	"jz 5f\n\t"
	"cmpb $0xfb, (%edx)\n\t" /* sti: nothing comes before the next instruction has run; */
	"jne 5f\n\t"
	"movl $1, step_in_shadow\n\t"
	"incl %edx\n\t"
	"cmpl %edx, %eax\n\t"
	"je 5f\n\t"
	"movl $0, step_in_shadow\n\t" /* with some CPUs not even we do */
	"incl step_index\n"
	"5:\n\t"
	"movl step_index, %eax\n\t"
	"incl step_index\n\t"
	"cmpl %eax, step_target\n\t"
	"je 2f\n\t"
	"movl step_bits, %edx\n\t"
	"testl %edx, %edx\n\t"
	"jz 1f\n\t"
	"cmpl $65536, %eax\n\t"
	"jae 1f\n\t"
	"testl $0x200, 16(%esp)\n\t"
	"jz 1f\n\t"
	"cmpl $0, step_in_shadow\n\t"
	"jne 1f\n\t"
	"btsl %eax, (%edx)\n"
	"1:\n\t"
	"popl %edx\n\t"
	"popl %eax\n\t"
	"iretl\n"
	"2:\n\t"
	"andl $~0x100, 16(%esp)\n\t"
	"jmp 3f\n"
	"step_vector_entry:\n\t"
	"pushl %eax\n\t"
	"pushl %edx\n"
	"3:\n\t"
	"rdtsc\n\t"
	"movl %eax, step_ticks_in\n\t"
	"leal 8(%esp), %eax\n\t"
	"movl %eax, step_arrival + 4\n\t"
	"movl (%eax), %eax\n\t"
	"movl %eax, step_arrival\n\t"
	"popl %edx\n\t"
	"popl %eax\n\t"
	"jmp *step_entry\n"
	"step_call:\n\t"
	"pushl %ebx\n\t"
	"movl %eax, %ebx\n\t"
	"rdtsc\n\t"
	"movl %eax, step_ticks_out\n\t"
	"call *%ebx\n\t"
	"popl %ebx\n\t"
	"ret\n"
	"step_call_traced:\n\t"
	"pushl %ebx\n\t"
	"movl %eax, %ebx\n\t"
	"pushfl\n\t"
	"orl $0x100, (%esp)\n\t"
	"popfl\n\t"
	"call *%ebx\n\t"
	"pushfl\n\t"
	"andl $~0x100, (%esp)\n\t"
	"popfl\n\t"
	"popl %ebx\n\t"
	"ret\n"
	"step_nops:\n"
	"step_nops_start:\n\t"
	".rept 200\n\t"
	"nop\n\t"
	".endr\n\t"
	"ret\n"
	".popsection");

static uintptr_t gate_target(struct gate gate)
{
	return (gate.low & 0xffff) | (gate.high & 0xffff0000u);
}

static struct gate gate_to(struct gate old, void (*target)(void))
{
	uintptr_t address = (uintptr_t)target;

	return (struct gate){(old.low & 0xffff0000u) | (address & 0xffff),
			     (old.high & 0xffff) | (address & 0xffff0000u)};
}

void step_quiet(bool quiet)
{
	void (*change)(unsigned int) = quiet ? irq_line_mask : irq_line_unmask;
	irqflags_t flags = irq_save();

	change(0);
	change(4);
	irq_restore(flags);
}

uint32_t step_trace(void (*fn)(void), uint8_t *may_interrupt)
{
	if (may_interrupt)
		memset(may_interrupt, 0, STEP_MAX_BOUNDARIES / 8);
	step_index = step_ip = 0;
	step_target = NEVER;
	step_bits = may_interrupt;
	step_call_traced(fn);
	return step_index - step.trailing;
}

bool step_inject(void (*fn)(void), uint32_t boundary)
{
	step_arrival = (struct step_arrival){0};
	step_index = step_ip = 0;
	step_target = boundary;
	step_bits = NULL;
	step_call_traced(fn);
	step_target = NEVER;
	return step_arrival.ip != 0;
}

/* One function, so that the instructions between setting the timer and calling fn() are always the same. */
static NOINLINE void call_with_timer(void (*fn)(void), uint32_t ticks)
{
	apic_timer_oneshot(ticks, VECTOR);
	step_call(fn);
}

static void note_boundary(void)
{
	step_arrival.boundary = step_ticks_in - step_ticks_out - step.ticks_lead;
	step_arrival.is_counted = step.is_counting;
}

bool step_oneshot(void (*fn)(void), uint32_t boundary)
{
	step_arrival = (struct step_arrival){0};
	call_with_timer(fn, boundary + step.count_lead);
	for (unsigned int i = 0; i < 1000 && !READ_ONCE(step_arrival.ip); i++)
		cpu_relax();
	apic_timer_oneshot(0, VECTOR);
	note_boundary();
	return step_arrival.ip != 0;
}

bool step_is_counting(void)
{
	return step.is_counting;
}

/* --- calibration --- */

/* Boundary of the nops where the timer, set to `ticks`, came. */
static uint32_t try_oneshot(uint32_t ticks)
{
	step_arrival = (struct step_arrival){0};
	call_with_timer(step_nops, ticks);
	return step_arrival.ip - (uint32_t)(uintptr_t)step_nops_start;
}

static bool calibrate_counting(void)
{
	uint32_t boundary, expected;

	step.ticks_lead = 0;
	boundary = try_oneshot(TRIAL);
	if (boundary > NR_NOPS)
		return false;
	step.count_lead = TRIAL - boundary;
	step.ticks_lead = step_ticks_in - step_ticks_out - boundary;
	for (expected = 0; expected < NR_NOPS; expected++)
		if (try_oneshot(expected + step.count_lead) != expected ||
		    step_ticks_in - step_ticks_out - step.ticks_lead != expected)
			return false;
	return true;
}

static irqreturn_t handle(int irq, void *dev)
{
	return step.is_calibrating ? IRQ_HANDLED : step.handler(irq, dev);
}

static void calibrate(void)
{
	step.is_calibrating = true;
	step_quiet(true);
	step.trailing = 0;
	step.trailing = step_trace(step_nops, NULL) - (NR_NOPS + 1);
	step.is_counting = calibrate_counting();
	apic_timer_oneshot(0, VECTOR);
	step_quiet(false);
	step.is_calibrating = false;
}

const char *step_begin(irq_handler_t handler)
{
	struct idt_register idt;
	irqflags_t flags;

	if (!apic_is_on())
		return "the CPU has no local APIC";
	if (request_irq(APIC_TIMER_IRQ, handle, 0, "step", &step) != 0)
		return "the APIC timer is taken";
	__asm__ volatile("sidt %0" : "=m"(idt));
	flags = irq_save();
	step.handler = handler;
	step.idt = idt.table;
	step.debug = step.idt[VECTOR_DEBUG];
	step.vector = step.idt[VECTOR];
	step_entry = gate_target(step.vector);
	step.idt[VECTOR_DEBUG] = gate_to(step.debug, step_debug_entry);
	step.idt[VECTOR] = gate_to(step.vector, step_vector_entry);
	irq_restore(flags);
	calibrate();
	return NULL;
}

void step_end(void)
{
	irqflags_t flags = irq_save();

	apic_timer_oneshot(0, VECTOR);
	step.idt[VECTOR_DEBUG] = step.debug;
	step.idt[VECTOR] = step.vector;
	irq_restore(flags);
	free_irq(APIC_TIMER_IRQ, &step);
}
