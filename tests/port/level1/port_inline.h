/* SPDX-License-Identifier: MIT */
/* Slate without threads. */
#pragma once

#include <kernel/lib/types.h>

typedef unsigned int irqflags_t;

static inline char *port_direct_map(void)
{
	return (char *)0x80000000u;
}

static inline irqflags_t irq_save(void)
{
	irqflags_t flags;

	__asm__ volatile("pushf; pop %0; cli" : "=r"(flags)::"memory");
	return flags;
}

static inline void irq_restore(irqflags_t flags)
{
	__asm__ volatile("push %0; popf" ::"r"(flags) : "memory", "cc");
}

static inline bool irqs_disabled(void)
{
	irqflags_t flags = irq_save();

	irq_restore(flags);
	return !(flags & 0x200);
}

#include <mm/kit/small.h>
