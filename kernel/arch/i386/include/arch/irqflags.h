/* SPDX-License-Identifier: MIT */
/* i386 part of <kernel/arch/irqflags.h>; include that one. */
#pragma once

#include <kernel/lib/types.h>

#define EFLAGS_IF 0x200u

typedef uint32_t irqflags_t; /* EFLAGS */

/* `make IRQOFF=1`: how long interrupts stay off. Otherwise these are nothing. */
#ifdef MEASURE_IRQOFF
struct irqoff {
	bool is_off, is_hard; /* since `start`; from the entry of an interrupt on */
	uint32_t start, max_task, max_hard;
	const void *where; /* that ended the longest stretch of a task */
};
extern struct irqoff irqoff;

static inline uint32_t irqoff_ticks(void)
{
	uint32_t low;

	__asm__ volatile("rdtsc" : "=a"(low)::"edx", "memory");
	return low;
}

static inline void irqoff_begin(bool is_hard)
{
	irqoff.is_off = true;
	irqoff.is_hard = is_hard;
	irqoff.start = irqoff_ticks();
}

void irqoff_end(void); /* irqoff.c */
#else
static inline void irqoff_begin(bool is_hard)
{
	(void)is_hard;
}

static inline void irqoff_end(void)
{
}
#endif

static inline irqflags_t irq_flags(void)
{
	irqflags_t flags;

	__asm__ volatile("pushfl; popl %0" : "=r"(flags)::"memory");
	return flags;
}

static inline void irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static inline void irq_enable(void)
{
	irqoff_end();
	__asm__ volatile("sti" ::: "memory");
}

static inline irqflags_t irq_save(void)
{
	irqflags_t flags = irq_flags();

	irq_disable();
	if (flags & EFLAGS_IF)
		irqoff_begin(false);
	return flags;
}

static inline void irq_restore(irqflags_t flags)
{
	if (flags & EFLAGS_IF)
		irq_enable();
	else
		irq_disable();
}

static inline bool irqs_disabled(void)
{
	return !(irq_flags() & EFLAGS_IF);
}
