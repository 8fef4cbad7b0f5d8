/* SPDX-License-Identifier: MIT */
/* Who waits for a page stands in one of a few queues, by the page's number, until it has what it wanted, and looks
 * again whenever it is woken. Whoever lets go changes the flag first and looks into the queue then; who waits queues
 * first and looks at the flag then: one of the two sees the other.
 *
 * Lock: each queue's, alone. */
#include <mm/cache/cache_page.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/list.h>

#define NR_QUEUES 32u

struct page_waiter {
	const struct page *page;
	enum page_flag flag; /* until it is clear */
	bool wants_lock;     /* then it sets it: of these one at a time is woken */
	struct port_thread *thread;
	struct list_head link; /* (L) */
};

static struct page_queue {
	struct port_lock lock;
	struct list_head waiters; /* (L) in order of arrival */
} queues[NR_QUEUES];

void cache_page_init(void)
{
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		port_lock_init(&queues[i].lock, "page queue");
		list_init(&queues[i].waiters);
	}
}

static struct page_queue *queue_of(const struct page *page)
{
	return &queues[page_to_pfn(page) % NR_QUEUES];
}

static void enter(struct page_waiter *waiter)
{
	struct page_queue *queue = queue_of(waiter->page);
	irqflags_t flags = port_lock_irqsave(&queue->lock);

	ASSERT(waiter->thread == port_current() && READ_ONCE(waiter->page->refcount) >= 1);
	list_add_tail(&waiter->link, &queue->waiters);
	port_unlock_irqrestore(&queue->lock, flags);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void leave(struct page_waiter *waiter)
{
	struct page_queue *queue = queue_of(waiter->page);
	irqflags_t flags = port_lock_irqsave(&queue->lock);

	list_del(&waiter->link);
	port_unlock_irqrestore(&queue->lock, flags);
}

/* All who look on, and the first of those who want the lock. */
static NOINLINE void wake_queue(struct page_queue *queue, const struct page *page, enum page_flag flag)
{
	struct page_waiter *waiter;
	bool is_promised = false;
	irqflags_t flags;

	flags = port_lock_irqsave(&queue->lock);
	list_for_each_entry(waiter, &queue->waiters, link) {
		if (waiter->page != page || waiter->flag != flag || (waiter->wants_lock && is_promised))
			continue;
		is_promised |= waiter->wants_lock;
		port_unpark(waiter->thread);
	}
	port_unlock_irqrestore(&queue->lock, flags);
}

static inline void wake(const struct page *page, enum page_flag flag)
{
	struct page_queue *queue = queue_of(page);

	if (unlikely(!list_is_empty(&queue->waiters)))
		wake_queue(queue, page, flag);
}

static void wait_until_clear(struct page *page, enum page_flag flag)
{
	struct page_waiter waiter = {.page = page, .flag = flag, .thread = port_current()};

	ASSERT(port_may_sleep());
	if (!page_has(page, flag))
		return;
	enter(&waiter);
	while (page_has(page, flag))
		port_park();
	leave(&waiter);
}

static NOINLINE void wait_for_lock(struct page *page)
{
	struct page_waiter waiter = {
		.page = page, .flag = PG_LOCKED, .wants_lock = true, .thread = port_current()};

	enter(&waiter);
	while (!page_trylock(page))
		port_park();
	leave(&waiter);
}

void page_lock(struct page *page)
{
	ASSERT(port_may_sleep());
	if (unlikely(!page_trylock(page)))
		wait_for_lock(page);
}

void page_unlock(struct page *page)
{
	bool was_locked = page_clear(page, PG_LOCKED);

	ASSERT(was_locked);
	(void)was_locked;
	wake(page, PG_LOCKED);
}

void page_wait_unlocked(struct page *page)
{
	wait_until_clear(page, PG_LOCKED);
}

void page_wait_written(struct page *page)
{
	wait_until_clear(page, PG_WRITEBACK);
}

void page_wait_written_for(struct page *page, unsigned int timeout_ms)
{
	struct page_waiter waiter = {.page = page, .flag = PG_WRITEBACK, .thread = port_current()};
	uint64_t now = port_now_ms(), end = now + timeout_ms;

	ASSERT(port_may_sleep());
	enter(&waiter);
	for (; page_has(page, PG_WRITEBACK) && now < end; now = port_now_ms())
		port_park_for((unsigned int)(end - now));
	leave(&waiter);
}

void page_wake_written(struct page *page)
{
	wake(page, PG_WRITEBACK);
}
