/* SPDX-License-Identifier: MIT */
/* The table of sources and of their handlers. Handlers come from a fixed pool, for nothing here allocates.
 *
 * Q1 A source that is running is not entered again: its flag says so, and `is_pending` has it run once
 *    more.
 * Q2 Softirqs and a change of thread come when the outermost interrupt has returned its count.
 * Q3 An action leaves its list while the source is not running: one that is freed meanwhile has no handler any more and
 *    leaves as the source ends. So who runs the handlers may walk the list without the lock.
 *
 * Lock: irq_state.lock (L), interrupts off; no handler runs under it, and in it only the lines' controller is asked. */
#include <kernel/core/irq.h>

#include <kernel/arch/irqflags.h>
#include <kernel/core/err.h>
#include <kernel/core/handler.h>
#include <kernel/core/preempt.h>
#include <kernel/core/printk.h>
#include <kernel/core/softirq.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>

#define NR_ACTIONS  48
#define NR_VECTORS  256
#define MAX_UNHEARD 1000 /* unhandled arrivals in a row before a word is said */

/* (L) all, but for who walks a list that stays (Q3) */
struct irq_action {
	irq_handler_t handler; /* NULL: freed */
	void *dev;
	const char *name;
	unsigned long flags;
	struct irq_action *next;
	bool is_listed;
};

/* (L) */
struct irq_source {
	struct irq_action *actions;
	bool is_running, is_pending;
	uint32_t nr, nr_unhandled, nr_spurious;
	uint32_t nr_unhandled_in_row;
};

static struct {
	struct spinlock lock;
	struct irq_source sources[IRQ_NR_SOURCES]; /* (L) */
	struct irq_action actions[NR_ACTIONS];	   /* (L) */
	uint32_t nr_strays;			   /* (L) */
	unsigned int max_nesting;		   /* (L) */
	uint8_t stray_seen[NR_VECTORS / 8];	   /* (L) */
} irq_state = {.lock = SPINLOCK_INIT("irq")};

static struct irq_action *action_find_unused_locked(void)
{
	for (unsigned int i = 0; i < NR_ACTIONS; i++)
		if (!irq_state.actions[i].is_listed)
			return &irq_state.actions[i];
	return NULL;
}

static int action_add_locked(struct irq_source *source, const struct irq_action *wanted)
{
	struct irq_action **end = &source->actions, *action;

	for (; *end; end = &(*end)->next)
		if ((*end)->handler && !((*end)->flags & wanted->flags & IRQF_SHARED))
			return -EBUSY;
	action = action_find_unused_locked();
	if (!action)
		return -ENOMEM;
	*action = *wanted;
	WRITE_ONCE(*end, action);
	return 0;
}

static bool source_is_heard_locked(const struct irq_source *source)
{
	for (const struct irq_action *action = source->actions; action; action = action->next)
		if (action->handler)
			return true;
	return false;
}

/* Q3 */
static void freed_actions_drop_locked(struct irq_source *source)
{
	struct irq_action **at = &source->actions;

	ASSERT(spin_is_held(&irq_state.lock) && !source->is_running);
	while (*at)
		if ((*at)->handler) {
			at = &(*at)->next;
		} else {
			(*at)->is_listed = false;
			*at = (*at)->next;
		}
}

int request_irq(unsigned int irq, irq_handler_t handler, unsigned long flags, const char *name, void *dev)
{
	struct irq_action wanted = {
		.handler = handler, .dev = dev, .name = name, .flags = flags, .is_listed = true};
	irqflags_t irqflags;
	int result;

	if (irq >= IRQ_NR_SOURCES || !handler)
		return -EINVAL;
	irqflags = raw_spin_lock_irqsave(&irq_state.lock);
	result = action_add_locked(&irq_state.sources[irq], &wanted);
	if (result == 0)
		irq_line_unmask(irq);
	raw_spin_unlock_irqrestore(&irq_state.lock, irqflags);
	return result;
}

/* Result: was there one? */
static bool action_free_locked(struct irq_source *source, const void *dev)
{
	struct irq_action *action = source->actions;

	while (action && (!action->handler || action->dev != dev))
		action = action->next;
	if (!action)
		return false;
	WRITE_ONCE(action->handler, NULL);
	if (!source->is_running)
		freed_actions_drop_locked(source);
	return true;
}

void free_irq(unsigned int irq, void *dev)
{
	struct irq_source *source = &irq_state.sources[irq % IRQ_NR_SOURCES];
	bool was_there = false;
	irqflags_t flags;

	if (irq < IRQ_NR_SOURCES) {
		flags = raw_spin_lock_irqsave(&irq_state.lock);
		was_there = action_free_locked(source, dev);
		if (was_there && !source_is_heard_locked(source))
			irq_line_mask(irq);
		raw_spin_unlock_irqrestore(&irq_state.lock, flags);
	}
	if (!was_there)
		pr_warn("free_irq: irq %u has no handler of device %p", irq, dev);
	while (was_there && !in_irq() && READ_ONCE(source->is_running))
		barrier(); /* another CPU is in it */
}

/* --- arrivals --- */

static COLD void note_nesting(unsigned int nesting)
{
	raw_spin_lock(&irq_state.lock);
	if (nesting > irq_state.max_nesting)
		irq_state.max_nesting = nesting;
	raw_spin_unlock(&irq_state.lock);
}

static inline void irq_enter(void)
{
	unsigned int nesting;

	this_cpu_add(preempt_count, HARDIRQ_OFFSET);
	nesting = (preempt_count() & HARDIRQ_MASK) / HARDIRQ_OFFSET;
	if (unlikely(nesting > READ_ONCE(irq_state.max_nesting)))
		note_nesting(nesting);
}

static inline void irq_exit(void)
{
	this_cpu_add(preempt_count, -HARDIRQ_OFFSET);
	if (!in_interrupt())
		softirq_run_pending();
	if (!in_atomic() && this_cpu_read(need_resched))
		thread_preempt_irq();
}

/* A request latched while the device was already being served arrives for nothing: that is no fault. Result: are those in a row
 * worth a word? */
static bool note_result_locked(struct irq_source *source, irqreturn_t result)
{
	if (likely(result != IRQ_NONE)) {
		source->nr_unhandled_in_row = 0;
		return false;
	}
	source->nr_unhandled++;
	return ++source->nr_unhandled_in_row == MAX_UNHEARD;
}

static irqreturn_t actions_run(const struct irq_source *source, unsigned int irq)
{
	irqreturn_t result = IRQ_NONE;

	for (struct irq_action *action = READ_ONCE(source->actions); action;
	     action = READ_ONCE(action->next)) {
		irq_handler_t handler = READ_ONCE(action->handler);
		struct handler_mark mark;

		if (!handler)
			continue;
		mark = handler_begin();
		result |= handler((int)irq, action->dev);
		handler_end(&mark, "irq handler", (uintptr_t)handler);
	}
	irq_disable();
	return result;
}

/* Once for each arrival until none is left; the lock is let go for the handlers. */
static void source_run_locked(struct irq_source *source, unsigned int irq)
{
	irqreturn_t result;
	bool is_unheard;

	source->is_running = true;
	while (source->is_pending) {
		source->is_pending = false;
		raw_spin_unlock(&irq_state.lock);
		result = actions_run(source, irq);
		raw_spin_lock(&irq_state.lock);
		is_unheard = note_result_locked(source, result);
		if (unlikely(is_unheard)) {
			raw_spin_unlock(&irq_state.lock);
			pr_warn("irq %u: %u arrivals and no handler's device had called", irq, MAX_UNHEARD);
			raw_spin_lock(&irq_state.lock);
		}
	}
	source->is_running = false;
	freed_actions_drop_locked(source);
}

void irq_handle(unsigned int irq)
{
	struct irq_source *source = &irq_state.sources[irq];

	irq_enter();
	raw_spin_lock(&irq_state.lock);
	source->nr++;
	source->is_pending = true;
	if (likely(!source->is_running))
		source_run_locked(source, irq);
	raw_spin_unlock(&irq_state.lock);
	irq_exit();
}

/* No fault of anybody's: a request withdrawn before it was answered. */
void irq_note_spurious(unsigned int irq)
{
	bool is_first;

	raw_spin_lock(&irq_state.lock);
	is_first = irq_state.sources[irq].nr_spurious++ == 0;
	raw_spin_unlock(&irq_state.lock);
	if (is_first)
		pr_info("irq %u: spurious, said once", irq);
}

void irq_note_stray(unsigned int vector)
{
	uint8_t bit = (uint8_t)(1u << vector % 8),
		*seen = &irq_state.stray_seen[vector / 8 % (NR_VECTORS / 8)];
	bool is_first;

	raw_spin_lock(&irq_state.lock);
	irq_state.nr_strays++;
	is_first = !(*seen & bit);
	*seen |= bit;
	raw_spin_unlock(&irq_state.lock);
	if (is_first)
		pr_warn("stray interrupt, vector 0x%x, said once", vector);
}

/* --- to be seen --- */

bool irq_stat(unsigned int irq, struct irq_stat *stat)
{
	const struct irq_source *source;
	irqflags_t flags;

	if (irq >= IRQ_NR_SOURCES)
		return false;
	source = &irq_state.sources[irq];
	flags = raw_spin_lock_irqsave(&irq_state.lock);
	*stat = (struct irq_stat){
		.name = source->actions ? source->actions->name : NULL,
		.nr = source->nr,
		.nr_unhandled = source->nr_unhandled,
		.nr_spurious = source->nr_spurious,
	};
	raw_spin_unlock_irqrestore(&irq_state.lock, flags);
	return true;
}

uint32_t irq_nr_strays(void)
{
	return READ_ONCE(irq_state.nr_strays);
}

unsigned int irq_max_nesting(void)
{
	return READ_ONCE(irq_state.max_nesting);
}
