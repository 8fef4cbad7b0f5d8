/* SPDX-License-Identifier: MIT */
/* A Linux program of one thread as a machine: its RAM is an arena, and nothing interrupts it. */
#pragma once

#include <stdbool.h>

typedef unsigned int irqflags_t;

extern char *arena;

static inline char *port_direct_map(void)
{
	return arena;
}

static inline irqflags_t irq_save(void)
{
	return 0;
}

static inline void irq_restore(irqflags_t flags)
{
	(void)flags;
}

static inline bool irqs_disabled(void)
{
	return false;
}

#include <mm/kit/small.h>
