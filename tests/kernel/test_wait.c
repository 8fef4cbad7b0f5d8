/* SPDX-License-Identifier: MIT */
/* The queue of waiters as one thread sees it: who is asked, what is handed over, what is closed meanwhile,
 * what is noted. Host and guest. */
#include <mm/reclaim/wait.h>

#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/test_util.h>

static bool take_anything(struct mem_waiter *waiter)
{
	waiter->object = waiter;
	return true;
}

static bool take_none(struct mem_waiter *waiter)
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

static bool pages_are_open(void)
{
	const struct zone *zone;

	for_each_zone(zone)
		if (zone->slow && zone_has_memory(zone) && zone->nr_free >= zone->wmark[WMARK_HIGH])
			return false;
	return true;
}

static bool all_objects_are_closed(void)
{
	const struct kmem_cache *cache;

	list_for_each_entry(cache, slab_caches(), caches)
		if (cache->stack.limit || cache->stack.count)
			return false;
	return true;
}

/* What is closed opens with its next use, if nothing keeps it closed. */
static bool opens_when_used(struct kmem_cache *cache)
{
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	return cache->stack.limit == cache->stack.capacity && cache->stack.count != 0;
}

KTEST(sleep, while_anybody_waits_no_list_of_pages_or_objects_is_open, "C3")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache[2] = {kmem_cache_create("before", 100, 0, SLAB_NO_USER_FLAGS, NULL), NULL};
	struct mem_waiter first, second;

	REQUIRE(cache[0]);
	pcp_keep_closed(false);
	EXPECT(opens_when_used(cache[0]) || lists_stay_closed());
	wait_init_for_nothing(&first);
	wait_init_for_nothing(&second);
	wait_enter(&first);
	EXPECT(all_pages_are_closed());
	EXPECT(all_objects_are_closed());
	cache[1] = kmem_cache_create("meanwhile", 100, 0, SLAB_NO_USER_FLAGS, NULL);
	REQUIRE(cache[1]);
	EXPECT(!opens_when_used(cache[0]) && !opens_when_used(cache[1]));
	wait_enter(&second);
	EXPECT(!wait_leave(&first));
	EXPECT(all_pages_are_closed());
	EXPECT(!opens_when_used(cache[0]) && !opens_when_used(cache[1]));
	EXPECT(all_objects_are_closed());
	EXPECT(!wait_leave(&second));
	EXPECT_EQ(wait_nr_waiters, 0);
	EXPECT(pages_are_open() || lists_stay_closed());
	for (unsigned int i = 0; i < 2; i++) {
		EXPECT(opens_when_used(cache[i]) || lists_stay_closed());
		kmem_cache_destroy(cache[i]);
	}
}

KTEST(sleep, objects_that_a_preempted_thread_left_in_a_closed_cache_are_found, "C3 GFP-09 W3")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("left", 100, 0, SLAB_NO_USER_FLAGS, NULL);
	struct mem_waiter waiter;

	REQUIRE(cache && opens_when_used(cache));
	cache->stack.limit = 0; /* closed, and not drained yet */
	wait_init_for_nothing(&waiter);
	wait_enter(&waiter);
	EXPECT_EQ(cache->stack.count, 0);
	(void)wait_leave(&waiter);
	EXPECT(opens_when_used(cache));
	kmem_cache_destroy(cache);
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

	wait_init_for_nothing(&waiter);
	wait_enter(&waiter);
	EXPECT_EQ(pcp_parked_pages(zone), 0);
	(void)wait_leave(&waiter);
}

KTEST(sleep, a_free_between_looking_and_sleeping_is_not_lost, "C3 GFP-09")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
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
	EXPECT(wait_sleep(&waiter, port_now_ms() + 10000));
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
	HOG(hog);
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

	wait_init_for_nothing(&waiter);
	wait_enter(&waiter);
	begin = port_now_ms();
	EXPECT(!wait_sleep(&waiter, port_now_ms() + 30));
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
		wait_init_for_nothing(&waiter);
		waiter.order = order;
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
	HOG(hog);
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

	wait_init_for_nothing(&waiter);
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

/* --- who is asked, and in which order ---
 * Waiters that note when they are asked. */

#define MANY 6u

static struct {
	struct asked_waiter {
		struct mem_waiter wait;
		unsigned int nr_asked;
		bool (*take)(struct mem_waiter *waiter);
	} waiter[MANY];
	unsigned int nr_asked;
	struct page *spare[2]; /* single pages, no buddies */
	struct list_head hog;
} ask;

static bool note_and_take(struct mem_waiter *wait)
{
	struct asked_waiter *waiter = container_of(wait, struct asked_waiter, wait);

	waiter->nr_asked++;
	ask.nr_asked++;
	return waiter->take(wait);
}

/* Nothing is free above the floor of the zone that ordinary requests try first; two single pages are ours. */
static bool ask_begin(void)
{
	struct page *pairs[2] = {alloc_pages(GFP_KERNEL, 1), alloc_pages(GFP_KERNEL, 1)};

	memset(&ask, 0, sizeof(ask));
	list_init(&ask.hog);
	for (unsigned int i = 0; i < 2 && pairs[0] && pairs[1]; i++) {
		split_page(pairs[i], 1);
		ask.spare[i] = pairs[i];
		list_add(&pairs[i][1].links, &ask.hog);
	}
	hog_to_floor(&ask.hog, ZONE_NORMAL);
	return ask.spare[1] != NULL;
}

static void ask_for(unsigned int n, gfp_t gfp, unsigned int order)
{
	struct asked_waiter *waiter = &ask.waiter[n];

	wait_init(&waiter->wait, gfp, order);
	waiter->take = waiter->wait.take;
	waiter->wait.take = note_and_take;
	wait_enter(&waiter->wait);
}

static bool is_served(unsigned int n)
{
	return wait_is_served(&ask.waiter[n].wait);
}

static void leave(unsigned int n)
{
	struct mem_waiter *waiter = &ask.waiter[n].wait;

	if (!wait_leave(waiter))
		return;
	waiter->page->refcount = 1;
	list_add(&waiter->page->links, &ask.hog);
}

static void ask_end(void)
{
	EXPECT_EQ(wait_nr_waiters, 0);
	hog_release(&ask.hog);
}

KTEST(sleep, who_cannot_be_served_by_a_free_is_not_asked, "C3 GFP-10 W2")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("asked", 1024, 0, 0, NULL);
	struct mem_waiter for_object;

	REQUIRE(cache && ask_begin());
	wait_init_for_nothing(&for_object);
	for_object.objects = &cache->waiters;
	wait_enter(&for_object);
	hog_others(&ask.hog, ZONE_DMA, NULL);
	ask_for(0, GFP_KERNEL, 3);
	ask_for(1, GFP_KERNEL | GFP_DMA, page_zone(ask.spare[0])->id == ZONE_DMA ? 2 : 0);
	ask_for(2, GFP_KERNEL, 0);
	EXPECT_EQ(ask.nr_asked, 0);
	__free_page(ask.spare[0]);
	EXPECT_EQ(is_served(2),
		  page_zone(ask.spare[0])->nr_free >= zone_floor(page_zone(ask.spare[0]), ZONE_NORMAL));
	EXPECT_EQ(ask.nr_asked, is_served(2));
	expect_valid();
	for (unsigned int n = 0; n < 3; n++)
		leave(n);
	(void)wait_leave(&for_object);
	list_add(&ask.spare[1]->links, &ask.hog);
	ask_end();
	kmem_cache_destroy(cache);
}

KTEST(sleep, pages_that_make_no_block_do_not_ask_who_wants_one, "C3 GFP-10")
{
	MACHINE_STAYS_AS_FOUND();
	struct zone *zone;

	REQUIRE(ask_begin());
	for_each_zone(zone)
		if (zone->id <= ZONE_NORMAL)
			hog_zone(&ask.hog, zone, 0);
	ask_for(0, GFP_KERNEL | __GFP_HIGH, 1);
	__free_page(ask.spare[0]);
	__free_page(ask.spare[1]);
	EXPECT_EQ(ask.nr_asked, 0);
	leave(0);
	ask_end();
}

KTEST(sleep, of_all_whom_a_free_serves_the_longest_waiting_goes_first, "C3 GFP-10")
{
	MACHINE_STAYS_AS_FOUND();

	REQUIRE(ask_begin());
	ask_for(0, GFP_KERNEL, 1);
	ask_for(1, GFP_KERNEL | __GFP_HIGHMEM, 0);
	if (is_served(1)) {
		ktest_note("high memory is free");
		leave(1);
		ask_for(1, GFP_KERNEL, 0);
	}
	ask_for(2, GFP_KERNEL | __GFP_MOVABLE, 0);
	ask_for(3, GFP_KERNEL, 0);
	__free_page(ask.spare[0]);
	EXPECT(is_served(1) && !is_served(2) && !is_served(3));
	leave(1);
	__free_page(ask.spare[1]);
	EXPECT(is_served(2) && !is_served(3));
	EXPECT(!is_served(0));
	for (unsigned int n = 0; n < 4; n++)
		if (n != 1)
			leave(n);
	ask_end();
}

KTEST(sleep, who_left_the_middle_of_the_queue_is_not_missed_by_the_others, "C3 GFP-12 W1")
{
	MACHINE_STAYS_AS_FOUND();

	REQUIRE(ask_begin());
	for (unsigned int n = 0; n < 4; n++)
		ask_for(n, GFP_KERNEL, 0);
	leave(1);
	leave(0);
	expect_valid();
	__free_page(ask.spare[0]);
	EXPECT(is_served(2) && !is_served(3));
	leave(2);
	__free_page(ask.spare[1]);
	EXPECT(is_served(3));
	leave(3);
	ask_end();
}

KTEST(sleep, a_free_serves_a_few_and_who_leaves_serves_the_others, "C3 W2 GFP-09")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *block = alloc_pages(GFP_KERNEL, 3);

	REQUIRE(block && ask_begin());
	for (unsigned int n = 0; n < MANY; n++)
		ask_for(n, GFP_KERNEL, 0);
	__free_pages(block, 3);
	for (unsigned int n = 0; n < MANY; n++)
		EXPECT_EQ(is_served(n), n < WAIT_SERVED_AT_ONCE);
	EXPECT_EQ(ask.nr_asked, WAIT_SERVED_AT_ONCE);
	expect_valid(); /* who was served is about to leave */
	leave(0);
	for (unsigned int n = 1; n < MANY; n++) {
		EXPECT(is_served(n));
		leave(n);
	}
	list_add(&ask.spare[0]->links, &ask.hog);
	list_add(&ask.spare[1]->links, &ask.hog);
	ask_end();
}

KTEST(sleep, objects_of_a_cache_serve_those_who_wait_for_it_in_order_and_no_others, "C3 GFP-10")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache[2] = {kmem_cache_create("asked-0", 1024, 0, 0, NULL),
				       kmem_cache_create("asked-1", 1024, 0, 0, NULL)};
	struct mem_waiter waiter[MANY];
	void *object;

	REQUIRE(cache[0] && cache[1]);
	object = kmem_cache_alloc(cache[0], GFP_KERNEL);
	for (unsigned int n = 0; n < MANY; n++) {
		wait_init_for_nothing(&waiter[n]);
		waiter[n].objects = &cache[n % 2]->waiters;
		wait_enter(&waiter[n]);
	}
	for (unsigned int n = 0; n < MANY; n++)
		waiter[n].take = take_anything;
	kmem_cache_free(cache[0], object);
	for (unsigned int n = 0; n < MANY; n++)
		EXPECT_EQ(wait_is_served(&waiter[n]), n % 2 == 0 && n / 2 < WAIT_SERVED_AT_ONCE);
	(void)wait_leave(&waiter[0]);
	for (unsigned int n = 1; n < MANY; n++) {
		EXPECT_EQ(wait_is_served(&waiter[n]), n % 2 == 0);
		waiter[n].take = take_none;
	}
	for (unsigned int n = 1; n < MANY; n++)
		(void)wait_leave(&waiter[n]);
	kmem_cache_destroy(cache[0]);
	kmem_cache_destroy(cache[1]);
}

KTEST(sleep, what_is_left_of_a_new_slab_serves_who_waits_for_the_cache, "C3 GFP-10")
{
	MACHINE_STAYS_AS_FOUND();
	OBJECTS_COME_FROM_SLABS();
	struct kmem_cache *cache = kmem_cache_create("asked", 1024, 0, 0, NULL);
	struct mem_waiter waiter;
	void *object;

	REQUIRE(cache);
	wait_init_for_nothing(&waiter);
	waiter.objects = &cache->waiters;
	wait_enter(&waiter);
	waiter.take = take_anything;
	object = kmem_cache_alloc(cache, GFP_ATOMIC);
	EXPECT_NOT_NULL(object);
	EXPECT(wait_is_served(&waiter));
	(void)wait_leave(&waiter);
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}

KTEST(sleep, who_may_have_the_last_pages_from_now_on_keeps_its_place, "C3 GFP-10")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;

	REQUIRE(ask_begin());
	for (unsigned int n = 0; n < 3; n++)
		ask_for(n, GFP_KERNEL, 0);
	wait_raise(&ask.waiter[1].wait);
	wait_raise(&ask.waiter[1].wait);
	EXPECT(!is_served(1));
	__free_page(ask.spare[0]);
	EXPECT(is_served(0) && is_served(1)); /* the one above the floor, the other below it */
	EXPECT(!is_served(2));
	for (unsigned int n = 0; n < 3; n++)
		leave(n);
	page = ask.spare[1];
	list_add(&page->links, &ask.hog);
	ask_end();
}

KTEST(sleep, who_may_go_below_the_floor_is_served_there, "C3 G10 GFP-10")
{
	MACHINE_STAYS_AS_FOUND();
	struct zone *zone;

	REQUIRE(ask_begin());
	for_each_zone(zone)
		if (zone->id <= ZONE_NORMAL)
			hog_zone(&ask.hog, zone, 0);
	zone = page_zone(ask.spare[0]);
	ask_for(0, GFP_KERNEL, 0);
	ask_for(1, GFP_KERNEL | __GFP_HIGH, 0);
	__free_page(ask.spare[0]);
	EXPECT_EQ(is_served(0), zone_floor(zone, ZONE_NORMAL) == 0);
	EXPECT_EQ(is_served(1), zone_floor(zone, ZONE_NORMAL) != 0);
	leave(0);
	leave(1);
	list_add(&ask.spare[1]->links, &ask.hog);
	ask_end();
}

/* --- what an exact allocation that waited does not need --- */

static struct page *given_block;

static size_t one_block(struct shrinker *shrinker, gfp_t gfp)
{
	(void)shrinker, (void)gfp;
	return given_block != NULL;
}

/* Somebody queues behind the thread that reclaims here, and then its block comes. */
static size_t give_block(struct shrinker *shrinker, size_t nr, gfp_t gfp)
{
	struct page *block = given_block;

	(void)shrinker, (void)nr, (void)gfp;
	given_block = NULL;
	ask_for(0, GFP_KERNEL, 0);
	__free_pages(block, 3);
	EXPECT(!is_served(0));
	return 1;
}

KTEST(sleep, what_an_exact_allocation_trims_serves_who_waits_behind_it, "C3 BUD-14")
{
	MACHINE_STAYS_AS_FOUND();
	static struct shrinker giver = {.name = "block", .count = one_block, .scan = give_block};
	void *exact;

	given_block = alloc_pages(GFP_KERNEL, 3);
	REQUIRE(given_block && ask_begin());
	list_add(&ask.spare[0]->links, &ask.hog);
	list_add(&ask.spare[1]->links, &ask.hog);
	register_shrinker(&giver);
	exact = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	unregister_shrinker(&giver);
	EXPECT_NOT_NULL(exact);
	EXPECT(is_served(0));
	leave(0);
	free_pages_exact(exact, 5 * PAGE_SIZE);
	ask_end();
}
