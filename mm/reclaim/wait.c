/* SPDX-License-Identifier: MIT */
/* The queue of those who wait for memory, one for all zones and caches: a free may serve any of them, and who
 * came first is asked first.
 *
 * Lock: wait.lock, the first of all (before slab.lock, cache->lock, zone->lock), interrupts off while the
 * waiters try. Entering and leaving is done by threads alone, preemption off, so that the lists are closed
 * and opened in order; more CPUs will want a mutex there. */
#include <mm/reclaim/wait.h>

#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>

static struct {
	struct port_lock lock;
	struct list_head queue;
	struct wait_record log[WAIT_LOG]; /* (L) a ring */
	unsigned int nr_logged;		  /* (L) */
} wait = {.lock = {.name = "wait"}, .queue = LIST_HEAD_INIT(wait.queue)};

unsigned int wait_nr_waiters;

static bool take_pages(struct mem_waiter *waiter)
{
	waiter->page = page_alloc_try(waiter->gfp, waiter->order);
	return waiter->page != NULL;
}

void wait_init(struct mem_waiter *waiter, gfp_t gfp, unsigned int order)
{
	memset(waiter, 0, sizeof(*waiter));
	waiter->gfp = gfp;
	waiter->order = order;
	waiter->take = take_pages;
	waiter->since_ms = port_now_ms();
	waiter->thread = port_current();
}

/* W3 */
static void count_waiters(int change)
{
	port_preempt_disable();
	wait_nr_waiters += (unsigned int)change;
	if (wait_nr_waiters == (change > 0 ? 1u : 0u)) {
		pcp_close(SLOW_WAITERS, change > 0);
		slab_close_all(SLOW_WAITERS, change > 0);
	}
	port_preempt_enable();
}

void wait_enter(struct mem_waiter *waiter)
{
	irqflags_t flags;

	count_waiters(1);
	flags = port_lock_irqsave(&wait.lock);
	list_add_tail(&waiter->link, &wait.queue);
	port_unlock_irqrestore(&wait.lock, flags);
	wait_serve();
}

static void serve_locked(struct mem_waiter *waiter)
{
	list_del(&waiter->link);
	waiter->is_served = true;
	(void)scnprintf(waiter->woken_by, sizeof(waiter->woken_by), "%s", port_task_name());
	mm_event_add(EVENT_SERVED, 1);
	port_unpark(waiter->thread);
}

void wait_serve_queue(void)
{
	struct mem_waiter *waiter, *next;
	irqflags_t flags = port_lock_irqsave(&wait.lock);

	list_for_each_entry_safe(waiter, next, &wait.queue, link)
		if (waiter->take(waiter))
			serve_locked(waiter);
	port_unlock_irqrestore(&wait.lock, flags);
}

bool wait_is_served(struct mem_waiter *waiter)
{
	return READ_ONCE(waiter->is_served);
}

bool wait_is_hopeless(const struct mem_waiter *waiter)
{
	return port_is_killed() && !gfp_has(waiter->gfp, __GFP_NOFAIL);
}

bool wait_sleep(struct mem_waiter *waiter, unsigned int timeout_ms)
{
	uint64_t now = port_now_ms(), end = now + timeout_ms;

	for (; !wait_is_served(waiter) && !wait_is_hopeless(waiter) && now < end; now = port_now_ms()) {
		if (!waiter->has_slept)
			mm_event_add(EVENT_WAIT, 1);
		waiter->has_slept = true;
		port_park_for((unsigned int)(end - now));
	}
	return wait_is_served(waiter);
}

static void log_locked(const struct mem_waiter *waiter)
{
	struct wait_record *record = &wait.log[wait.nr_logged++ % WAIT_LOG];

	*record = (struct wait_record){.gfp = waiter->gfp,
				       .order = waiter->order,
				       .was_served = waiter->is_served,
				       .has_slept = waiter->has_slept,
				       .since_ms = waiter->since_ms,
				       .until_ms = port_now_ms()};
	memcpy(record->woken_by, waiter->woken_by, sizeof(record->woken_by));
	(void)scnprintf(record->task, sizeof(record->task), "%s", port_task_name());
}

bool wait_leave(struct mem_waiter *waiter)
{
	irqflags_t flags = port_lock_irqsave(&wait.lock);

	if (!waiter->is_served)
		list_del(&waiter->link);
	log_locked(waiter);
	port_unlock_irqrestore(&wait.lock, flags);
	count_waiters(-1);
	if (!waiter->is_served)
		mm_event_add(EVENT_GAVE_UP, 1);
	return waiter->is_served;
}

void wait_for_each(void (*fn)(const struct mem_waiter *waiter))
{
	const struct mem_waiter *waiter;

	list_for_each_entry(waiter, &wait.queue, link)
		fn(waiter);
}

bool wait_read_log(unsigned int n, struct wait_record *record)
{
	irqflags_t flags = port_lock_irqsave(&wait.lock);
	bool is_there = n < WAIT_LOG && n < wait.nr_logged;

	if (is_there)
		*record = wait.log[(wait.nr_logged - 1 - n) % WAIT_LOG];
	port_unlock_irqrestore(&wait.lock, flags);
	return is_there;
}
