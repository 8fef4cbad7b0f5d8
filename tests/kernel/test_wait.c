/* SPDX-License-Identifier: MIT */
/* The queue of waiters as one thread sees it: what is handed over, what is closed meanwhile, what is noted.
 * Host and guest. */
#include <mm/reclaim/wait.h>

#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/test_util.h>

static bool take_nothing(struct mem_waiter *waiter)
{
	(void)waiter;
	return false;
}

static bool all_pages_are_closed(void)
{
	const struct zone *zone;

	for_each_zone(zone)
		if (zone_has_memory(zone) && (!zone->slow || pcp_parked_pages(zone)))
			return false;
	return true;
}

/* Of all caches that could park anything. */
static bool all_objects_are_closed(bool closed)
{
	const struct kmem_cache *cache;

	list_for_each_entry(cache, slab_caches(), caches) {
		const struct pcpu_stack *stack = &cache->stack;

		if (stack->limit != (closed ? 0 : stack->capacity) || (closed && stack->count))
			return false;
	}
	return true;
}

KTEST(sleep, while_anybody_waits_no_list_of_pages_or_objects_is_open, "C3")
{
	MACHINE_STAYS_AS_FOUND();
	bool were_open = all_objects_are_closed(false);
	struct mem_waiter first, second;

	pcp_keep_closed(false);
	kfree(kmalloc(100, GFP_KERNEL));
	wait_init(&first, GFP_KERNEL, 0);
	wait_init(&second, GFP_KERNEL, 0);
	first.take = second.take = take_nothing;
	wait_enter(&first);
	EXPECT(all_pages_are_closed());
	EXPECT(all_objects_are_closed(true));
	wait_enter(&second);
	EXPECT(!wait_leave(&first));
	EXPECT(all_pages_are_closed());
	EXPECT(all_objects_are_closed(true));
	EXPECT(!wait_leave(&second));
	EXPECT_EQ(all_objects_are_closed(false), were_open);
	EXPECT_EQ(wait_nr_waiters, 0);
}

KTEST(sleep, pages_that_a_preempted_thread_left_in_a_closed_list_are_found, "C3 GFP-09")
{
	MACHINE_STAYS_AS_FOUND();
	struct mem_waiter waiter;
	struct zone *zone;
	struct page *page;

	/* What a thread leaves that is preempted between closing a zone's lists and draining them. */
	pcp_keep_closed(false);
	page = alloc_page(GFP_KERNEL);
	REQUIRE(page);
	zone = page_zone(page);
	__free_page(page);
	if (zone->slow)
		SKIP("something keeps the lists closed");
	EXPECT(pcp_parked_pages(zone) > 0);
	zone->slow = true;

	wait_init(&waiter, GFP_KERNEL, 0);
	waiter.take = take_nothing;
	wait_enter(&waiter);
	EXPECT_EQ(pcp_parked_pages(zone), 0);
	(void)wait_leave(&waiter);
}

KTEST(sleep, a_free_between_looking_and_sleeping_is_not_lost, "C3 GFP-09")
{
	MACHINE_STAYS_AS_FOUND();
	struct list_head hog = LIST_HEAD_INIT(hog);
	struct page *spare = alloc_page(GFP_KERNEL);
	struct mem_waiter waiter;
	size_t waits;

	REQUIRE(spare);
	hog_to_floor(&hog, ZONE_NORMAL);
	wait_init(&waiter, GFP_KERNEL, 0);
	wait_enter(&waiter);
	EXPECT(!wait_is_served(&waiter));
	__free_page(spare);
	waits = mm_event_count[EVENT_WAIT];
	EXPECT(wait_sleep(&waiter, 10000));
	EXPECT_EQ(mm_event_count[EVENT_WAIT], waits);
	EXPECT(wait_leave(&waiter));
	EXPECT(waiter.page == spare);
	waiter.page->refcount = 1;
	__free_page(waiter.page);
	hog_release(&hog);
}

KTEST(sleep, what_was_handed_over_stays_its_even_if_it_was_about_to_leave, "C3 GFP-12")
{
	MACHINE_STAYS_AS_FOUND();
	struct list_head hog = LIST_HEAD_INIT(hog);
	struct page *spare = alloc_page(GFP_KERNEL);
	struct wait_record record;
	struct mem_waiter waiter;

	REQUIRE(spare);
	hog_to_floor(&hog, ZONE_NORMAL);
	wait_init(&waiter, GFP_KERNEL, 0);
	wait_enter(&waiter);
	__free_page(spare);
	EXPECT(wait_leave(&waiter));
	REQUIRE(wait_read_log(0, &record));
	EXPECT(record.was_served && !record.has_slept);
	EXPECT_EQ(record.gfp, GFP_KERNEL);
	EXPECT(strcmp(record.task, port_task_name()) == 0);
	EXPECT(strcmp(record.woken_by, port_task_name()) == 0);
	waiter.page->refcount = 1;
	__free_page(waiter.page);
	hog_release(&hog);
}

KTEST(sleep, a_wait_that_nobody_ends_is_over_in_time, "C3 GFP-11")
{
	MACHINE_STAYS_AS_FOUND();
	struct mem_waiter waiter;
	uint64_t begin;

	wait_init(&waiter, GFP_KERNEL, 0);
	waiter.take = take_nothing;
	wait_enter(&waiter);
	begin = port_now_ms();
	EXPECT(!wait_sleep(&waiter, 30));
	EXPECT(port_now_ms() - begin >= 30);
	EXPECT(port_now_ms() - begin < 3000);
	EXPECT(!wait_leave(&waiter));
}

KTEST(sleep, the_last_waits_can_be_read_and_no_more, "C3")
{
	MACHINE_STAYS_AS_FOUND();
	struct wait_record record;
	struct mem_waiter waiter;

	for (unsigned int order = 0; order < WAIT_LOG + 3; order++) {
		wait_init(&waiter, GFP_NOIO, order);
		waiter.take = take_nothing;
		wait_enter(&waiter);
		(void)wait_leave(&waiter);
	}
	for (unsigned int n = 0; n < WAIT_LOG; n++) {
		REQUIRE(wait_read_log(n, &record));
		EXPECT_EQ(record.order, WAIT_LOG + 2 - n);
		EXPECT(!record.was_served);
	}
	EXPECT(!wait_read_log(WAIT_LOG, &record));
}

KTEST(sleep, a_page_goes_to_who_came_first_and_the_next_one_to_the_next, "C3 GFP-10")
{
	MACHINE_STAYS_AS_FOUND();
	struct list_head hog = LIST_HEAD_INIT(hog);
	struct page *spares[2] = {alloc_page(GFP_KERNEL), alloc_page(GFP_KERNEL)};
	struct mem_waiter waiters[2];

	REQUIRE(spares[0] && spares[1]);
	hog_to_floor(&hog, ZONE_NORMAL);
	for (unsigned int i = 0; i < 2; i++) {
		wait_init(&waiters[i], GFP_KERNEL, 0);
		wait_enter(&waiters[i]);
	}
	__free_page(spares[0]);
	EXPECT(wait_is_served(&waiters[0]) && !wait_is_served(&waiters[1]));
	__free_page(spares[1]);
	EXPECT(wait_is_served(&waiters[1]));
	for (unsigned int i = 0; i < 2; i++) {
		EXPECT(wait_leave(&waiters[i]));
		EXPECT(waiters[i].page == spares[i]);
		waiters[i].page->refcount = 1;
		__free_page(waiters[i].page);
	}
	hog_release(&hog);
}

KTEST(sleep, who_comes_while_others_wait_for_more_gets_what_there_is_in_no_round, "C3 C4")
{
	MACHINE_STAYS_AS_FOUND();
	size_t rounds = mm_event_count[EVENT_ROUND];
	struct mem_waiter waiter;
	struct page *page;
	void *object;

	wait_init(&waiter, GFP_KERNEL, 0);
	waiter.take = take_nothing;
	wait_enter(&waiter);
	page = alloc_page(GFP_KERNEL);
	object = kmalloc(100, GFP_KERNEL);
	EXPECT(page && object);
	EXPECT_EQ(mm_event_count[EVENT_ROUND], rounds);
	(void)wait_leave(&waiter);
	kfree(object);
	if (page)
		__free_page(page);
}
