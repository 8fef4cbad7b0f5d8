/* SPDX-License-Identifier: MIT */
/* i386 part of <kernel/arch/irqflags.h>; include that one. */
#pragma once

#include <kernel/lib/types.h>

#define EFLAGS_IF 0x200u

typedef uint32_t irqflags_t; /* EFLAGS */

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
	__asm__ volatile("sti" ::: "memory");
}

static inline irqflags_t irq_save(void)
{
	irqflags_t flags = irq_flags();

	irq_disable();
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
