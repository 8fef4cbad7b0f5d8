/* SPDX-License-Identifier: MIT */
/* Of each CPU: flat segments for kernel and user, the per-CPU segment in %fs, and two tasks: the CPU's own, where the
 * double fault finds the interrupted state, and the double-fault task, whose stack is good even when nobody
 * else's is. */
#include <arch/segments.h>

#include <kernel/arch/irqflags.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/percpu.h>
#include <kernel/lib/compiler.h>

#define EFLAGS_RESERVED 2u
#define TYPE_TSS	0x89u

extern uint64_t mmu_kernel_pdpt[];
void double_fault_entry(void);

struct table_pointer {
	uint16_t limit;
	uint32_t base;
} __packed;

/* A task segment lies within a page: pages of per-CPU data need not be neighbours in memory. */
struct segments {
	__aligned(8) uint64_t gdt[8];
	__aligned(128) struct tss tss;
	__aligned(128) struct tss double_fault;
};

static DEFINE_PERCPU(struct segments, segments) = {
	.gdt =
		{
			0, 0x00CF9B000000FFFF,	  /* kernel code */
			0x00CF93000000FFFF,	  /* kernel data */
			0x00CFFB000000FFFF,	  /* user code */
			0x00CFF3000000FFFF,	  /* user data */
			0, 0, 0x00CF93000000FFFF, /* per-CPU data */
		},
};

DEFINE_PERCPU(uintptr_t, cpu_base);
DEFINE_PERCPU(uint32_t, cpu_number);
DEFINE_PERCPU(uint32_t, cpu_lock_id) = 1;
DEFINE_PERCPU(uint32_t, preempt_count);
DEFINE_PERCPU(uint32_t, rseq_rewinds);

/* A base in the places where a descriptor has it. */
static __init uint64_t descriptor_base(uintptr_t base)
{
	return (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(base >> 24) << 56;
}

static __init uint64_t tss_descriptor(const struct tss *tss)
{
	return (sizeof(*tss) - 1) | descriptor_base((uintptr_t)tss) | (uint64_t)TYPE_TSS << 40;
}

static __init void tss_init(struct tss *tss, uintptr_t stack_top)
{
	tss->cr3 = (uint32_t)((uintptr_t)mmu_kernel_pdpt - MMU_DIRECT_MAP_BASE);
	tss->esp0 = tss->esp = stack_top;
	tss->ss0 = tss->ss = tss->ds = tss->es = tss->gs = SEG_KERNEL_DATA;
	tss->fs = SEG_PERCPU;
	tss->cs = SEG_KERNEL_CODE;
	tss->eflags = EFLAGS_RESERVED;
	tss->io_map = sizeof(*tss);
}

static __init void load_segments(const struct table_pointer *gdt)
{
	__asm__ volatile("lgdt %0\n\t"
			 "ljmp %1, $1f\n"
			 "1:\n\t"
			 "movl %2, %%ds; movl %2, %%es; movl %2, %%gs; movl %2, %%ss\n\t"
			 "movl %5, %%fs\n\t"
			 "lldt %w3\n\t"
			 "ltr %w4"
			 :
			 : "m"(*gdt), "i"(SEG_KERNEL_CODE), "r"(SEG_KERNEL_DATA), "r"(0), "r"(SEG_TSS),
			   "r"(SEG_PERCPU)
			 : "memory");
}

void __init segments_init(uintptr_t base, uintptr_t stack_top, uintptr_t double_fault_stack_top)
{
	struct segments *segments = per_cpu_at(segments, base);
	struct table_pointer gdt = {sizeof(segments->gdt) - 1, (uintptr_t)segments->gdt};

	tss_init(&segments->tss, stack_top);
	tss_init(&segments->double_fault, double_fault_stack_top);
	segments->double_fault.eip = (uintptr_t)double_fault_entry;
	segments->gdt[SEG_TSS / 8] = tss_descriptor(&segments->tss);
	segments->gdt[SEG_DOUBLE_FAULT / 8] = tss_descriptor(&segments->double_fault);
	segments->gdt[SEG_PERCPU / 8] |= descriptor_base(base);
	load_segments(&gdt);
	this_cpu_write(cpu_base, base);
}

struct tss *segments_tss(void)
{
	return &this_cpu_ptr(segments)->tss;
}
