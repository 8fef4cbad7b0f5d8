/* SPDX-License-Identifier: MIT */
/* Handlers of interrupts. A source may have several (IRQF_SHARED, all of them); they run in the order of
 * their request, interrupts off, in_irq() true. One that switches interrupts on is not entered again: an
 * interrupt of its own source meanwhile runs it once more afterwards. */
#pragma once

#include <kernel/arch/irq.h>
#include <kernel/lib/types.h>

typedef enum { IRQ_NONE, IRQ_HANDLED } irqreturn_t;
typedef irqreturn_t (*irq_handler_t)(int irq, void *dev);

#define IRQF_SHARED 0x80u

/* Connects a handler and lets the source through. `dev` tells handlers of one source apart; `name` is kept.
 * Result: 0, -EINVAL (no such source, no handler), -EBUSY (taken and not shared), -ENOMEM (the table is
 * full). Context: any. */
int request_irq(unsigned int irq, irq_handler_t handler, unsigned long flags, const char *name,
		void *dev) MUST_CHECK;

/* Takes the handler of `dev` away; the last one masks the source. It does not run any more when this returns, but for a call
 * from an interrupt, which does not wait for a handler it may have interrupted. Context: any. */
void free_irq(unsigned int irq, void *dev);

struct irq_stat {
	const char *name; /* of the first handler, NULL: nobody asked */
	uint32_t nr;	  /* arrivals */
	uint32_t nr_unhandled, nr_spurious;
};

/* False when there is no such source. */
bool irq_stat(unsigned int irq, struct irq_stat *stat);

uint32_t irq_nr_strays(void);
unsigned int irq_max_nesting(void);
