/* SPDX-License-Identifier: MIT */
/* The table of sources and of their handlers. Handlers come from a fixed pool, for nothing here allocates.
 *
 * Q1 A source that is running is not entered again: its flag says so, and `is_pending` has it run once
 *    more.
 * Q2 Softirqs and a change of thread come when the outermost interrupt has returned its count.
 *
 * Lock: interrupts off. */
#include <kernel/core/irq.h>

#include <kernel/arch/irqflags.h>
#include <kernel/core/err.h>
#include <kernel/core/handler.h>
#include <kernel/core/preempt.h>
#include <kernel/core/printk.h>
#include <kernel/core/softirq.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>

#define NR_ACTIONS  48
#define NR_VECTORS  256
#define MAX_UNHEARD 1000 /* unhandled arrivals in a row before a word is said */

struct irq_action {
	irq_handler_t handler; /* NULL: not in use */
	void *dev;
	const char *name;
	unsigned long flags;
	struct irq_action *next;
};

struct irq_source {
	struct irq_action *actions;
	bool is_running, is_pending;
	uint32_t nr, nr_unhandled, nr_spurious;
	uint32_t nr_unhandled_in_row;
};

static struct {
	struct irq_source sources[IRQ_NR_SOURCES];
	struct irq_action actions[NR_ACTIONS];
	uint32_t nr_strays;
	unsigned int max_nesting;
	uint8_t stray_seen[NR_VECTORS / 8];
} irq_state;

static struct irq_action *action_find_unused(void)
{
	for (unsigned int i = 0; i < NR_ACTIONS; i++)
		if (!irq_state.actions[i].handler)
			return &irq_state.actions[i];
	return NULL;
}

static int action_add(struct irq_source *source, const struct irq_action *wanted)
{
	struct irq_action **end = &source->actions, *action;

	for (; *end; end = &(*end)->next)
		if (!((*end)->flags & wanted->flags & IRQF_SHARED))
			return -EBUSY;
	action = action_find_unused();
	if (!action)
		return -ENOMEM;
	*action = *wanted;
	*end = action;
	return 0;
}

int request_irq(unsigned int irq, irq_handler_t handler, unsigned long flags, const char *name, void *dev)
{
	struct irq_action wanted = {.handler = handler, .dev = dev, .name = name, .flags = flags};
	irqflags_t irqflags;
	int result;

	if (irq >= IRQ_NR_SOURCES || !handler)
		return -EINVAL;
	irqflags = irq_save();
	result = action_add(&irq_state.sources[irq], &wanted);
	if (result == 0)
		irq_line_unmask(irq);
	irq_restore(irqflags);
	return result;
}

void free_irq(unsigned int irq, void *dev)
{
	irqflags_t flags = irq_save();
	struct irq_action **at = irq < IRQ_NR_SOURCES ? &irq_state.sources[irq].actions : NULL;

	while (at && *at && (*at)->dev != dev)
		at = &(*at)->next;
	if (at && *at) {
		(*at)->handler = NULL;
		*at = (*at)->next;
		if (!irq_state.sources[irq].actions)
			irq_line_mask(irq);
	} else {
		pr_warn("free_irq: irq %u has no handler of device %p", irq, dev);
	}
	irq_restore(flags);
}

/* --- arrivals --- */

static inline void irq_enter(void)
{
	unsigned int nesting;

	this_cpu_add(preempt_count, HARDIRQ_OFFSET);
	nesting = (preempt_count() & HARDIRQ_MASK) / HARDIRQ_OFFSET;
	if (unlikely(nesting > irq_state.max_nesting))
		irq_state.max_nesting = nesting;
}

static inline void irq_exit(void)
{
	this_cpu_add(preempt_count, -HARDIRQ_OFFSET);
	if (!in_interrupt())
		softirq_run_pending();
	if (!in_atomic() && this_cpu_read(need_resched))
		thread_preempt_irq();
}

/* A request latched while the device was already being served arrives for nothing: that is no fault. */
static void note_unhandled(struct irq_source *source, unsigned int irq)
{
	source->nr_unhandled++;
	if (++source->nr_unhandled_in_row == MAX_UNHEARD)
		pr_warn("irq %u: %u arrivals and no handler's device had called", irq, MAX_UNHEARD);
}

static void actions_run(struct irq_source *source, unsigned int irq)
{
	irqreturn_t result = IRQ_NONE;

	source->is_pending = false;
	for (struct irq_action *action = source->actions; action; action = action->next) {
		irq_handler_t handler = action->handler; /* it may free its action */
		struct handler_mark mark = handler_begin();

		result |= handler((int)irq, action->dev);
		handler_end(&mark, "irq handler", (uintptr_t)handler);
	}
	irq_disable();
	if (unlikely(result == IRQ_NONE))
		note_unhandled(source, irq);
	else
		source->nr_unhandled_in_row = 0;
}

void irq_handle(unsigned int irq)
{
	struct irq_source *source = &irq_state.sources[irq];

	irq_enter();
	source->nr++;
	source->is_pending = true;
	if (likely(!source->is_running)) {
		source->is_running = true;
		while (source->is_pending)
			actions_run(source, irq);
		source->is_running = false;
	}
	irq_exit();
}

/* No fault of anybody's: a request withdrawn before it was answered. */
void irq_note_spurious(unsigned int irq)
{
	if (irq_state.sources[irq].nr_spurious++ == 0)
		pr_info("irq %u: spurious, said once", irq);
}

void irq_note_stray(unsigned int vector)
{
	uint8_t bit = (uint8_t)(1u << vector % 8),
		*seen = &irq_state.stray_seen[vector / 8 % (NR_VECTORS / 8)];

	irq_state.nr_strays++;
	if (*seen & bit)
		return;
	*seen |= bit;
	pr_warn("stray interrupt, vector 0x%x, said once", vector);
}

/* --- to be seen --- */

bool irq_stat(unsigned int irq, struct irq_stat *stat)
{
	const struct irq_source *source;

	if (irq >= IRQ_NR_SOURCES)
		return false;
	source = &irq_state.sources[irq];
	*stat = (struct irq_stat){
		.name = source->actions ? source->actions->name : NULL,
		.nr = source->nr,
		.nr_unhandled = source->nr_unhandled,
		.nr_spurious = source->nr_spurious,
	};
	return true;
}

uint32_t irq_nr_strays(void)
{
	return irq_state.nr_strays;
}

unsigned int irq_max_nesting(void)
{
	return irq_state.max_nesting;
}
