/* SPDX-License-Identifier: MIT */
/* Reclaim: the contract of shrinkers, its bounds, and progress with no free page at all. What needs a second
 * thread is in test_background.c. Host and guest. */
#include <mm/reclaim/vmscan.h>

#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/reserve.h>
#include <mm/reclaim/retry.h>
#include <mm/reclaim/scope.h>
#include <tests/kernel/test_util.h>

#define QUICK (GFP_KERNEL | __GFP_NORETRY)

KTEST(reclaim, what_a_shrinker_gives_serves_the_request_at_once, "R1 G1")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};
	size_t waits = mm_event_count[EVENT_WAIT];
	struct page *page;

	REQUIRE(giver_register(&giver, 5, GFP_KERNEL));
	hog_to_floor(&hog, ZONE_NORMAL);
	page = alloc_page(GFP_KERNEL);
	EXPECT_NOT_NULL(page);
	EXPECT_EQ(giver.nr_scans, 1);
	EXPECT_EQ(giver.nr_pages, 0); /* it was asked for all it said it has: one batch */
	EXPECT_EQ(mm_event_count[EVENT_WAIT], waits);
	if (page)
		__free_page(page);
	giver_unregister(&giver);
	hog_release(&hog);
}

static size_t count_far_too_many(struct shrinker *shrinker, gfp_t gfp)
{
	(void)shrinker;
	(void)gfp;
	return (size_t)-2;
}

KTEST(reclaim, one_who_gives_nothing_for_ever_is_asked_once_a_round_and_then_no_more, "R1 REC-06")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(giver_unregister) struct giver nothing = {.answer = 0}, stop = {.answer = SHRINK_STOP};

	EXPECT(giver_register(&nothing, 0, GFP_NOWAIT));
	EXPECT(giver_register(&stop, 0, GFP_NOWAIT));
	hog_to_floor(&hog, ZONE_NORMAL);
	EXPECT_NULL(alloc_page(GFP_KERNEL | __GFP_NOWARN));
	EXPECT_EQ(nothing.nr_scans, RETRY_ROUNDS);
	EXPECT_EQ(stop.nr_scans, RETRY_ROUNDS);
	nothing.nr_scans = stop.nr_scans = 0;
	nothing.shrinker.count = stop.shrinker.count = count_far_too_many;
	EXPECT_EQ(vmscan_reclaim(GFP_KERNEL, 1000), 0);
	EXPECT_EQ(nothing.nr_scans, 1);
	EXPECT_EQ(stop.nr_scans, 1);
	giver_unregister(&nothing);
	giver_unregister(&stop);
	hog_release(&hog);
}

KTEST(reclaim, one_who_lies_about_what_it_has_and_gives_is_asked_a_bounded_number_of_times, "R1 REC-06")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(giver_unregister) struct giver liar = {.answer = 1}; /* says it gave one, and gave none */
	size_t freed;

	EXPECT(giver_register(&liar, 0, GFP_NOWAIT));
	liar.shrinker.count = count_far_too_many;
	freed = vmscan_reclaim(GFP_KERNEL, 1);
	EXPECT(freed < 100 && liar.nr_scans < 100);
	hog_to_floor(&hog, ZONE_NORMAL);
	liar.nr_scans = 0;
	EXPECT_NULL(alloc_page(QUICK | __GFP_NOWARN));
	EXPECT(liar.nr_scans < 100);
	giver_unregister(&liar);
	hog_release(&hog);
}

KTEST(reclaim, one_who_has_little_is_asked_what_it_has_once_a_pass, "R1")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};

	REQUIRE(giver_register(&giver, 2, GFP_KERNEL));
	EXPECT(vmscan_reclaim(GFP_KERNEL, 1) >= 1);
	EXPECT_EQ(giver.nr_counts, 1);
	giver_unregister(&giver);
}

KTEST(reclaim, a_pass_stops_when_enough_was_freed_and_the_next_begins_with_another, "R1")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(giver_unregister) struct giver first = {.answer = 0}, second = {.answer = 0};

	REQUIRE(giver_register(&first, 4, GFP_KERNEL) && giver_register(&second, 4, GFP_KERNEL));
	EXPECT(vmscan_reclaim(GFP_KERNEL, 1) >= 1);
	EXPECT_EQ(first.nr_scans + second.nr_scans, 1);
	EXPECT(vmscan_reclaim(GFP_KERNEL, 1) >= 1);
	EXPECT_EQ(first.nr_scans, 1);
	EXPECT_EQ(second.nr_scans, 1);
	giver_unregister(&first);
	giver_unregister(&second);
}

KTEST(reclaim, who_cannot_help_the_zone_that_is_short_is_left_alone, "R1 REC-06")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	GIVER(giver);

	if (zones[ZONE_NORMAL].managed < 2000)
		SKIP("the zone Normal is too small to own a cache");
	REQUIRE(giver_register(&giver, 600, GFP_KERNEL));
	hog_zone(&hog, &zones[ZONE_DMA], 0);
	for (unsigned int pass = 0; pass < 32; pass++)
		EXPECT_EQ(vmscan_reclaim(GFP_KERNEL | GFP_DMA, 64), 0);
	EXPECT_EQ(giver.nr_scans, 1); /* and then no more */
	EXPECT(giver.nr_pages >= 536);
	EXPECT(vmscan_reclaim(GFP_KERNEL, 64) >= 64); /* for the zone that it owns pages of it is */
	EXPECT(giver.nr_scans > 1);
	/* a turn of the giver's may fall to a pass in the background, to which it gives nothing */
	for (unsigned int pass = 0; pass < 640 && giver.nr_scans < 3; pass++)
		(void)vmscan_reclaim(GFP_KERNEL | GFP_DMA, 64);
	EXPECT_EQ(giver.nr_scans, 3); /* it is tried again now and then */
}

KTEST(reclaim, empty_slabs_and_parked_objects_are_given_back_before_anybody_is_asked, "R1 SLB-08 SLB-09")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("reclaimed", 1000, 0, 0, NULL);
	HOG(hog);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};
	struct page *page;
	void *object;

	REQUIRE(cache && giver_register(&giver, 1, GFP_KERNEL));
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free(cache, object);
	EXPECT_EQ(cache->nr_slabs, 1);
	hog_to_floor(&hog, ZONE_NORMAL);
	/* kept, each of them: the first may be one that a pass in the background had just given back */
	for (unsigned int nr = 0; nr < 32 && cache->nr_slabs != 0; nr++) {
		page = alloc_page(QUICK);
		REQUIRE(page);
		list_add(&page->links, &hog);
	}
	EXPECT_EQ(cache->nr_slabs, 0);
	EXPECT_EQ(giver.nr_scans, 0);
	giver_unregister(&giver);
	hog_release(&hog);
	kmem_cache_destroy(cache);
}

KTEST(reclaim, a_pass_takes_empty_slabs_before_it_asks_anybody, "R1 SLB-08")
{
	MACHINE_STAYS_AS_FOUND();
	OBJECTS_COME_FROM_SLABS();
	struct kmem_cache *cache = kmem_cache_create("reclaimed", 1000, 0, 0, NULL);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};

	REQUIRE(cache && giver_register(&giver, 1, GFP_KERNEL));
	kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	EXPECT_EQ(cache->nr_slabs, 1);
	EXPECT(vmscan_reclaim(GFP_KERNEL, 1) >=
	       1); /* in the background nobody waits, and nothing was drained */
	EXPECT_EQ(cache->nr_slabs, 0);
	EXPECT_EQ(giver.nr_scans, 0);
	giver_unregister(&giver);
	kmem_cache_destroy(cache);
}

/* --- inside a shrinker --- */

static struct page *got_inside;

static void allocate_inside(struct giver *giver)
{
	(void)giver;
	got_inside = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	EXPECT_EQ(vmscan_reclaim(GFP_KERNEL, 1), 0);
	if (got_inside)
		__free_page(got_inside);
}

KTEST(reclaim, what_reclaim_allocates_comes_from_the_last_pages_and_reclaims_nothing_in_turn, "R3 REC-05")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0, .in_scan = allocate_inside};
	size_t reserve;

	EXPECT(giver_register(&giver, 0, GFP_NOWAIT));
	hog_to_floor(&hog, ZONE_NORMAL);
	reserve = mm_event_count[EVENT_RESERVE];
	EXPECT_NULL(alloc_page(QUICK | __GFP_NOWARN));
	EXPECT_EQ(giver.nr_scans, 1);
	EXPECT_NOT_NULL(got_inside);
	EXPECT_EQ(giver.max_depth, 1);
	EXPECT_EQ(mm_event_count[EVENT_RESERVE], reserve);
	EXPECT(!scope_is_reclaim());
	giver_unregister(&giver);
	hog_release(&hog);
}

static size_t reserve_pages_held;

static void add_reserve(const struct reserve *reserve)
{
	reserve_pages_held += reserve->nr;
	EXPECT_EQ(reserve->nr, reserve->wanted);
}

static void expect_full_reserves(void)
{
	reserve_pages_held = 0;
	reserve_for_each(add_reserve);
	EXPECT(reserve_pages_held > 0);
}

/* Blocks differ afterwards, for the reserve holds other pages; their number does not. */
KTEST(reclaim, with_no_free_page_reclaim_lives_on_its_reserve_and_makes_progress, "R3 REC-05 REC-11")
{
	HOG(hog);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0, .in_scan = allocate_inside};
	size_t free, reserve;
	struct page *page;

	pcp_keep_closed(true);
	(void)slab_reclaim();
	(void)vmscan_reclaim(GFP_KERNEL, 1);
	expect_full_reserves();
	free = nr_free_pages();
	REQUIRE(giver_register(&giver, 3, GFP_KERNEL));
	hog_all(&hog);
	EXPECT_EQ(nr_free_pages(), 0);
	reserve = mm_event_count[EVENT_RESERVE];
	page = alloc_page(QUICK | __GFP_HIGH);
	EXPECT_NOT_NULL(page);
	EXPECT_EQ(mm_event_count[EVENT_RESERVE], reserve + 1);
	EXPECT_NOT_NULL(got_inside);
	if (page)
		__free_page(page);
	giver_unregister(&giver);
	hog_release(&hog);
	(void)vmscan_reclaim(GFP_KERNEL, 1);
	expect_full_reserves();
	EXPECT_EQ(nr_free_pages(), free);
	expect_valid();
	pcp_keep_closed(false);
}

KTEST(reclaim, a_thread_that_reclaims_gets_nothing_of_the_reserve_with_nomemalloc, "R3 G10")
{
	HOG(hog);
	struct page *page;
	unsigned int before;
	uint64_t reserve;

	pcp_keep_closed(true);
	(void)vmscan_reclaim(GFP_KERNEL, 1);
	hog_all(&hog);
	reserve = mm_event_count[EVENT_RESERVE];
	before = scope_save(SCOPE_RECLAIM);
	EXPECT_NULL(alloc_page(GFP_KERNEL | __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN));
	EXPECT_EQ(mm_event_count[EVENT_RESERVE], reserve);
	page = alloc_page(GFP_KERNEL);
	scope_restore(SCOPE_RECLAIM, before);
	EXPECT_NOT_NULL(page);
	if (page)
		__free_page(page);
	hog_release(&hog);
	(void)vmscan_reclaim(GFP_KERNEL, 1);
	expect_full_reserves();
	expect_valid();
	pcp_keep_closed(false);
}

KTEST(reclaim, when_the_reserve_is_used_up_too_reclaim_gets_null_and_goes_on, "R3 REC-05 REC-08")
{
	HOG(hog);
	HOG(used);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0, .in_scan = allocate_inside};
	struct page *page;
	size_t free;

	pcp_keep_closed(true);
	(void)vmscan_reclaim(GFP_KERNEL, 1);
	free = nr_free_pages();
	EXPECT(giver_register(&giver, 0, GFP_NOWAIT));
	hog_all(&hog);
	while ((page = vmscan_reserve_take()))
		list_add(&page->links, &used);
	got_inside = NULL;
	EXPECT_NULL(alloc_page(QUICK | __GFP_NOWARN));
	EXPECT_EQ(giver.nr_scans, 1);
	EXPECT_NULL(got_inside);
	giver_unregister(&giver);
	hog_release(&used);
	hog_release(&hog);
	(void)vmscan_reclaim(GFP_KERNEL, 1);
	expect_full_reserves();
	EXPECT_EQ(nr_free_pages(), free);
	pcp_keep_closed(false);
}

KTEST(reclaim, the_reserve_is_no_help_to_ordinary_requests_nor_to_dma, "R3 G7")
{
	HOG(hog);
	size_t reserve = mm_event_count[EVENT_RESERVE];
	unsigned int before;

	pcp_keep_closed(true);
	hog_all(&hog);
	EXPECT_NULL(alloc_page(QUICK | __GFP_HIGH | __GFP_NOWARN));
	before = scope_save(SCOPE_RECLAIM);
	EXPECT_NULL(alloc_page(GFP_KERNEL | GFP_DMA | __GFP_NOWARN));
	EXPECT_NULL(alloc_pages(GFP_KERNEL | __GFP_NOWARN, 1));
	scope_restore(SCOPE_RECLAIM, before);
	EXPECT_EQ(mm_event_count[EVENT_RESERVE], reserve);
	hog_release(&hog);
	pcp_keep_closed(false);
}

/* --- coming and going --- */

static struct giver leaving;

static void leave_inside(struct giver *giver)
{
	unregister_shrinker(&giver->shrinker);
}

KTEST(reclaim, a_shrinker_may_unregister_itself_and_is_not_called_again, "R1 REC-06")
{
	MACHINE_STAYS_AS_FOUND();

	leaving = (struct giver){.answer = 1, .in_scan = leave_inside};
	EXPECT(giver_register(&leaving, 0, GFP_NOWAIT));
	leaving.shrinker.count = count_far_too_many;
	(void)vmscan_reclaim(GFP_KERNEL, 1000);
	EXPECT_EQ(leaving.nr_scans, 1);
	(void)vmscan_reclaim(GFP_KERNEL, 1000);
	EXPECT_EQ(leaving.nr_scans, 1);
}

static void unregister_the_other(struct giver *giver)
{
	giver->in_scan = NULL;
	unregister_shrinker(&leaving.shrinker);
}

KTEST(reclaim, one_shrinker_may_unregister_another, "R1 REC-06")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0, .in_scan = unregister_the_other};

	leaving = (struct giver){.answer = 0};
	EXPECT(giver_register(&leaving, 0, GFP_NOWAIT));
	EXPECT(giver_register(&giver, 0, GFP_NOWAIT));
	(void)vmscan_reclaim(GFP_KERNEL, 1000);
	(void)vmscan_reclaim(GFP_KERNEL, 1000);
	EXPECT(giver.nr_scans >= 2);
	EXPECT_EQ(leaving.nr_scans, 0);
	giver_unregister(&giver);
}

KTEST(reclaim, after_pressure_everything_is_free_again, "REC-11 R1")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};
	void *objects[8];
	size_t nr_got = 0;

	REQUIRE(giver_register(&giver, 40, GFP_KERNEL));
	hog_to_floor(&hog, ZONE_NORMAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
		objects[i] = kmalloc(3000, QUICK | __GFP_NOWARN);
		nr_got += objects[i] != NULL;
	}
	EXPECT(nr_got > 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		kfree(objects[i]);
	giver_unregister(&giver);
	hog_release(&hog);
}
