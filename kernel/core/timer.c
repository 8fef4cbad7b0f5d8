/* SPDX-License-Identifier: MIT */
/* The timer wheel. Level 0 has a list for each of the next 256 ticks; level n (1-4) has 64 lists, each as
 * wide as the whole level below. A timer lies on the lowest level that reaches its tick. When level n-1 has
 * gone round, the next list of level n is dealt out again, in its order.
 *
 * W3 `next` is the first tick not yet run; every pending timer is in the list that expires and next call
 *    for, those that are late in the list of `next`.
 * W4 A timer is detached before its function runs, which may therefore add it again or free it.
 *
 * Lock: wheel.lock; not held while functions run. They run on CPU 0, whose tick it is. */
#include <kernel/core/timer.h>

#include <kernel/arch/cpu.h>
#include <kernel/core/handler.h>
#include <kernel/core/panic.h>
#include <kernel/core/preempt.h>
#include <kernel/core/softirq.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>

#define ROOT_BITS  8
#define LEVEL_BITS 6
#define ROOT_SIZE  (1u << ROOT_BITS)
#define LEVEL_SIZE (1u << LEVEL_BITS)
#define NR_LEVELS  4

volatile unsigned long jiffies = INITIAL_JIFFIES;

static struct {
	struct spinlock lock; /* of all below, and of timers that are pending */
	unsigned long next;
	struct timer_list *running;
	struct list_head root[ROOT_SIZE];
	struct list_head levels[NR_LEVELS][LEVEL_SIZE];
} wheel = {.lock = SPINLOCK_INIT("timers"), .next = INITIAL_JIFFIES};

static unsigned int level_shift(unsigned int level)
{
	return ROOT_BITS + level * LEVEL_BITS;
}

/* The list for a timer of that tick. */
static struct list_head *list_for(unsigned long expires)
{
	unsigned long ahead = expires - wheel.next;
	unsigned int level = 0;

	if ((long)ahead < 0)
		return &wheel.root[wheel.next % ROOT_SIZE];
	if (ahead < ROOT_SIZE)
		return &wheel.root[expires % ROOT_SIZE];
	while (level < NR_LEVELS - 1 && ahead >> level_shift(level + 1))
		level++;
	return &wheel.levels[level][expires >> level_shift(level) & (LEVEL_SIZE - 1)];
}

static void timer_insert(struct timer_list *timer)
{
	list_add_tail(&timer->entry, list_for(timer->expires));
}

static bool timer_detach(struct timer_list *timer)
{
	if (!timer_pending(timer))
		return false;
	list_del(&timer->entry);
	timer->entry.next = NULL;
	return true;
}

void init_timer(struct timer_list *timer)
{
	timer->entry.next = NULL;
}

void setup_timer(struct timer_list *timer, void (*function)(unsigned long), unsigned long data)
{
	*timer = (struct timer_list)TIMER_INITIALIZER(function, 0, data);
}

int mod_timer(struct timer_list *timer, unsigned long expires)
{
	irqflags_t flags = raw_spin_lock_irqsave(&wheel.lock);
	bool was_pending = timer_detach(timer);

	timer->expires = expires;
	timer_insert(timer);
	raw_spin_unlock_irqrestore(&wheel.lock, flags);
	return was_pending;
}

void add_timer(struct timer_list *timer)
{
	if (WARN_ON(timer_pending(timer)))
		return;
	(void)mod_timer(timer, timer->expires);
}

/* *is_running: its function does, on some CPU. */
static bool timer_delete(struct timer_list *timer, bool *is_running)
{
	irqflags_t flags = raw_spin_lock_irqsave(&wheel.lock);
	bool was_pending = timer_detach(timer);

	*is_running = wheel.running == timer;
	raw_spin_unlock_irqrestore(&wheel.lock, flags);
	return was_pending;
}

int del_timer(struct timer_list *timer)
{
	bool is_running;

	return timer_delete(timer, &is_running);
}

/* A thread finds a function half done on another CPU only: softirqs are not preempted. One that adds itself again is
 * deleted once more. */
int del_timer_sync(struct timer_list *timer)
{
	bool was_pending = false, is_running;

	for (;;) {
		was_pending |= timer_delete(timer, &is_running);
		if (!is_running || WARN_ON(in_serving_softirq()))
			return was_pending;
		cpu_relax();
	}
}

/* --- the tick --- */

static void list_take_all(struct list_head *from, struct list_head *to)
{
	list_init(to);
	if (list_is_empty(from))
		return;
	*to = *from;
	to->next->prev = to->prev->next = to;
	list_init(from);
}

/* Deals out the list of that level that begins now. */
static void level_deal(unsigned int level)
{
	unsigned int index = (unsigned int)(wheel.next >> level_shift(level)) & (LEVEL_SIZE - 1);
	struct list_head list;

	list_take_all(&wheel.levels[level][index], &list);
	while (!list_is_empty(&list)) {
		struct timer_list *timer = list_first_entry(&list, struct timer_list, entry);

		list_del(&timer->entry);
		timer_insert(timer);
	}
}

static void timer_call(struct timer_list *timer)
{
	void (*function)(unsigned long) = timer->function;
	unsigned long data = timer->data;
	struct handler_mark mark = handler_begin();

	(void)timer_detach(timer);
	wheel.running = timer;
	raw_spin_unlock(&wheel.lock);
	softirq_set_work("timer", (uintptr_t)function);
	irq_enable();
	function(data);
	handler_end(&mark, "timer", (uintptr_t)function);
	irq_disable();
	raw_spin_lock(&wheel.lock);
	wheel.running = NULL;
}

/* Around each function interrupts are on and the lock is let go. */
static void tick_run(void)
{
	struct list_head due;

	for (unsigned int level = 0; level < NR_LEVELS; level++) {
		if (wheel.next & ((1ul << level_shift(level)) - 1))
			break;
		level_deal(level);
	}
	list_take_all(&wheel.root[wheel.next % ROOT_SIZE], &due);
	wheel.next++;
	while (!list_is_empty(&due))
		timer_call(list_first_entry(&due, struct timer_list, entry));
}

/* What was due when it began: a function that takes ticks and adds itself again must not keep us here (C5). */
static void timers_run(void)
{
	unsigned long now = jiffies;

	irq_disable();
	raw_spin_lock(&wheel.lock);
	while (time_after_eq(now, wheel.next))
		tick_run();
	if (time_after_eq(jiffies, wheel.next))
		raise_softirq(SOFTIRQ_TIMER);
	raw_spin_unlock(&wheel.lock);
	irq_enable();
}

void timer_tick(void)
{
	jiffies = jiffies + 1;
	raise_softirq(SOFTIRQ_TIMER);
	thread_tick();
}

void timer_init(void)
{
	for (unsigned int i = 0; i < ROOT_SIZE; i++)
		list_init(&wheel.root[i]);
	for (unsigned int i = 0; i < NR_LEVELS * LEVEL_SIZE; i++)
		list_init(&wheel.levels[0][0] + i);
	softirq_set_handler(SOFTIRQ_TIMER, "timers", timers_run);
}
