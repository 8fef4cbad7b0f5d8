/* SPDX-License-Identifier: MIT */
/* Slate with threads that sleep for memory. */
#pragma once

#include <kernel/lib/types.h>

typedef unsigned int irqflags_t;

extern unsigned int preempt_off, in_handler;

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

static inline bool port_is_atomic(void)
{
	return preempt_off || in_handler;
}

static inline bool port_in_interrupt(void)
{
	return in_handler;
}

static inline void port_preempt_disable(void)
{
	preempt_off++;
}

static inline void port_preempt_enable(void)
{
	preempt_off--;
}

#include <mm/kit/no_highmem.h>
#include <mm/kit/no_programs.h>
#include <mm/kit/one_cpu.h>

#include <mm/kit/common.h>
