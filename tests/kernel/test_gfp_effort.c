/* SPDX-License-Identifier: MIT */
/* What each flag does when memory is short: how hard a request tries, what it may call, what it takes, what
 * it says. Each test fails when its flag is ignored. Host and guest. */
#include <mm/pages/gfp.h>

#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/init.h>
#include <mm/mapped/highmem.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/retry.h>
#include <mm/reclaim/scope.h>
#include <tests/kernel/test_util.h>

#define QUIET(gfp) ((gfp) | __GFP_NOWARN)

/* --- effort --- */

/* Rounds of a request that finds nothing, and the passes over a shrinker that gives nothing. */
static void expect_effort(gfp_t gfp, size_t rounds, bool sleeps)
{
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};
	size_t before = mm_event_count[EVENT_ROUND], waits = mm_event_count[EVENT_WAIT];

	EXPECT(giver_register(&giver, 0, GFP_NOWAIT));
	EXPECT_NULL(alloc_page(QUIET(gfp)));
	EXPECT_EQ(mm_event_count[EVENT_ROUND] - before, rounds);
	EXPECT_EQ(mm_event_count[EVENT_WAIT] - waits, sleeps);
	EXPECT_EQ(giver.nr_scans, rounds);
	giver_unregister(&giver);
}

KTEST(gfp, noretry_default_and_repeat_try_in_growing_numbers_of_rounds, "G1 G14 G16 GFP-05")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);

	STATIC_ASSERT(1 < RETRY_ROUNDS && RETRY_ROUNDS < RETRY_REPEAT_ROUNDS, "NORETRY < default < REPEAT");
	hog_to_floor(&hog, ZONE_NORMAL);
	expect_effort(GFP_KERNEL | __GFP_NORETRY, 1, false);
	expect_effort(GFP_KERNEL, RETRY_ROUNDS, true);
	expect_effort(GFP_KERNEL | __GFP_REPEAT, RETRY_REPEAT_ROUNDS, true);
	expect_effort(GFP_KERNEL | __GFP_REPEAT | __GFP_NORETRY, 1, false);
	hog_release(&hog);
}

KTEST(gfp, nofail_goes_on_where_repeat_gives_up_until_it_succeeds, "G15 GFP-05")
{
	static const gfp_t kinds[] = {__GFP_NOFAIL, __GFP_NOFAIL | __GFP_REPEAT,
				      __GFP_NOFAIL | __GFP_NORETRY};
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		GIVER(giver, .gives_from = RETRY_REPEAT_ROUNDS + 2);
		struct page *page;

		REQUIRE(giver_register(&giver, 1, GFP_KERNEL));
		hog_to_floor(&hog, ZONE_NORMAL);
		page = alloc_page(GFP_KERNEL | kinds[i]);
		EXPECT_NOT_NULL(page);
		EXPECT(giver.nr_scans >= giver.gives_from);
		if (page)
			__free_page(page);
		giver_unregister(&giver);
		hog_release(&hog);
	}
}

KTEST(gfp, nofail_without_wait_is_refused_everywhere_at_once, "G15 K7 GFP-05")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("nofail", 64, 0, 0, NULL);

	REQUIRE(cache);
	expect_reports();
	EXPECT_NULL(alloc_page(QUIET(GFP_ATOMIC | __GFP_NOFAIL)));
	EXPECT_ONE_REPORT("__GFP_NOFAIL without __GFP_WAIT");
	EXPECT_NULL(alloc_pages(__GFP_IO | __GFP_FS | __GFP_NOFAIL, 3));
	EXPECT_ONE_REPORT("__GFP_NOFAIL without __GFP_WAIT");
	EXPECT_EQ(__get_free_page(__GFP_NOFAIL), 0);
	EXPECT_ONE_REPORT("__GFP_NOFAIL without __GFP_WAIT");
	EXPECT_NULL(kmalloc(100, QUIET(GFP_ATOMIC | __GFP_NOFAIL)));
	EXPECT_ONE_REPORT("__GFP_NOFAIL without __GFP_WAIT");
	EXPECT_NULL(kmalloc(100000, GFP_DMA | __GFP_NOFAIL));
	EXPECT_ONE_REPORT("__GFP_NOFAIL without __GFP_WAIT");
	EXPECT_NULL(kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOFAIL));
	EXPECT_ONE_REPORT("__GFP_NOFAIL without __GFP_WAIT");
	kmem_cache_destroy(cache);
}

KTEST(gfp, what_can_never_be_met_is_refused_in_no_round_at_all, "K7 G15 P3")
{
	MACHINE_STAYS_AS_FOUND();
	size_t rounds = mm_event_count[EVENT_ROUND];

	expect_reports();
	EXPECT_NULL(alloc_pages(QUIET(GFP_KERNEL | __GFP_NOFAIL), MAX_PAGE_ORDER + 1));
	EXPECT_ONE_REPORT("impossible page request");
	EXPECT_NULL(alloc_page(QUIET(GFP_KERNEL | __GFP_NOFAIL | __GFP_DMA | __GFP_HIGHMEM)));
	EXPECT_ONE_REPORT("two zones");
	EXPECT_NULL(kmalloc(KMALLOC_MAX_SIZE + 1, QUIET(GFP_KERNEL | __GFP_NOFAIL)));
	EXPECT_ONE_REPORT("too large");
	EXPECT_NULL(kmalloc(8, QUIET(GFP_KERNEL | GFP_BIT(30))));
	EXPECT_ONE_REPORT("unknown flag bits");
	EXPECT_EQ(mm_event_count[EVENT_ROUND], rounds);
}

/* --- permissions --- */

/* Which of four sources a request asks: one that needs nothing, one that does I/O, one that calls a file
 * system (of memory, say), one that does both. */
static struct giver sources[4];

static const char *sources_asked(gfp_t gfp)
{
	static char asked[8];
	unsigned int len = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(sources); i++)
		sources[i].nr_counts = 0;
	EXPECT_NULL(alloc_page(QUIET(gfp)));
	for (unsigned int i = 0; i < ARRAY_SIZE(sources); i++)
		asked[len++] = sources[i].nr_counts ? "-ifb"[i] : '.';
	asked[len] = '\0';
	return asked;
}

static void register_sources(struct list_head *hog)
{
	static const gfp_t needs[ARRAY_SIZE(sources)] = {GFP_NOWAIT, __GFP_IO, __GFP_FS, __GFP_IO | __GFP_FS};

	memset(sources, 0, sizeof(sources));
	for (unsigned int i = 0; i < ARRAY_SIZE(sources); i++) {
		sources[i].shrinker.needs = needs[i];
		EXPECT(giver_register(&sources[i], 0, GFP_NOWAIT));
	}
	hog_to_floor(hog, ZONE_NORMAL);
}

static void unregister_sources(struct list_head *hog)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(sources); i++)
		giver_unregister(&sources[i]);
	hog_release(hog);
}

#define EXPECT_ASKED(gfp, expected) EXPECT(strcmp(sources_asked((gfp) | __GFP_NORETRY), expected) == 0)

KTEST(gfp, noio_and_nofs_keep_reclaim_from_what_they_forbid, "G4 G5 G11 GFP-04")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);

	register_sources(&hog);
	EXPECT_ASKED(GFP_KERNEL, "-ifb");
	EXPECT_ASKED(GFP_USER, "-ifb");
	EXPECT_ASKED(GFP_NOFS, "-i..");
	EXPECT_ASKED(GFP_NOIO, "-...");
	unregister_sources(&hog);
}

KTEST(gfp, each_permission_alone_has_its_effect, "G11")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);

	register_sources(&hog);
	EXPECT_ASKED(__GFP_WAIT, "-...");
	EXPECT_ASKED(__GFP_WAIT | __GFP_IO, "-i..");
	EXPECT_ASKED(__GFP_WAIT | __GFP_FS, "-.f.");
	EXPECT_ASKED(__GFP_IO, "....");
	EXPECT_ASKED(__GFP_FS, "....");
	EXPECT_ASKED(__GFP_IO | __GFP_FS, "....");
	EXPECT_ASKED(GFP_NOWAIT, "....");
	unregister_sources(&hog);
}

KTEST(gfp, a_scope_restricts_what_is_called_in_it_and_scopes_nest, "G4 G5 GFP-04")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	unsigned int outer, inner, nofs;

	register_sources(&hog);
	outer = memalloc_noio_save();
	EXPECT_ASKED(GFP_KERNEL, "-...");
	nofs = memalloc_nofs_save();
	inner = memalloc_noio_save();
	memalloc_noio_restore(inner);
	EXPECT_ASKED(GFP_KERNEL, "-...");
	memalloc_noio_restore(outer);
	EXPECT_ASKED(GFP_KERNEL, "-i..");
	EXPECT_ASKED(GFP_NOIO, "-...");
	memalloc_nofs_restore(nofs);
	EXPECT_ASKED(GFP_KERNEL, "-ifb");
	unregister_sources(&hog);
}

/* --- what is said --- */

static unsigned int nr_zones_with_memory(void)
{
	const struct zone *zone;
	unsigned int nr = 0;

	for_each_zone(zone)
		nr += zone_has_memory(zone);
	return nr;
}

static void expect_failure_report(const char *head, unsigned int *seen)
{
	unsigned int nr = reports_count() - *seen;

	EXPECT_EQ(nr, 1 + nr_zones_with_memory());
	EXPECT(strstr(report_at(*seen), "page allocation failure: "));
	EXPECT(strstr(report_at(*seen), head));
	EXPECT(strstr(report_at(*seen), port_task_name()) == report_at(*seen));
	EXPECT(strstr(report_at(*seen + 1), "DMA free:"));
	EXPECT(strstr(report_at(*seen + 1), "min:") && strstr(report_at(*seen + 1), "largest order:"));
	*seen = reports_count();
}

KTEST(gfp, a_failure_is_reported_once_with_its_flags_and_the_zones, "G13 G20 GFP-06")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("failing", 1000, 0, 0, NULL);
	HOG(hog);
	unsigned int seen;

	REQUIRE(cache);
	hog_all(&hog);
	expect_reports();
	seen = reports_count();
	EXPECT_NULL(alloc_page(GFP_KERNEL | __GFP_NORETRY));
	expect_failure_report("order:0, mode:0x10d0(GFP_KERNEL|__GFP_NORETRY)", &seen);
	EXPECT_NULL(alloc_pages(GFP_ATOMIC, 2));
	expect_failure_report("order:2, mode:0x20(GFP_ATOMIC)", &seen);
	EXPECT_NULL(kmem_cache_alloc(cache, GFP_NOIO | __GFP_NORETRY));
	expect_failure_report("mode:0x1010(GFP_NOIO|__GFP_NORETRY)", &seen);
	EXPECT_NULL(kmem_cache_alloc(cache, GFP_NOWAIT));
	expect_failure_report("mode:0(GFP_NOWAIT)", &seen);
	hog_release(&hog);
	kmem_cache_destroy(cache);
}

KTEST(gfp, nowarn_says_nothing_whoever_fails, "G13 GFP-06")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("failing", 1000, 0, 0, NULL);
	HOG(hog);

	REQUIRE(cache);
	hog_all(&hog);
	expect_reports();
	EXPECT_NULL(alloc_page(QUIET(GFP_KERNEL | __GFP_NORETRY)));
	EXPECT_NULL(alloc_page(QUIET(GFP_ATOMIC)));
	EXPECT_NULL(kmalloc(100000, QUIET(GFP_KERNEL | __GFP_NORETRY)));
	EXPECT_NULL(kmem_cache_alloc(cache, QUIET(GFP_KERNEL | __GFP_NORETRY)));
	EXPECT_NULL(kmem_cache_alloc(cache, QUIET(GFP_ATOMIC)));
	EXPECT_EQ(reports_count(), 0);
	hog_release(&hog);
	kmem_cache_destroy(cache);
}

KTEST(gfp, failures_are_reported_ten_times_and_then_in_silence, "G13 GFP-06")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);

	hog_all(&hog);
	expect_reports();
	for (unsigned int i = 0; i < 3 * RATELIMIT_BURST; i++)
		EXPECT_NULL(alloc_page(GFP_ATOMIC));
	EXPECT_EQ(reports_count(), RATELIMIT_BURST * (1 + nr_zones_with_memory()));
	hog_release(&hog);
}

/* --- what may be taken --- */

static size_t take_until_failure(struct list_head *hog, gfp_t gfp)
{
	struct page *page;
	size_t nr = 0;

	for (; (page = alloc_page(QUIET(gfp))); nr++)
		list_add(&page->links, hog);
	return nr;
}

static size_t floors(enum zone_id highest)
{
	const struct zone *zone;
	size_t nr = 0;

	for_each_zone(zone)
		if (zone->id <= highest)
			nr += zone_floor(zone, highest);
	return nr;
}

static void note_share(const char *name, size_t nr, size_t all)
{
	size_t shift = all > 4000000 ? 10 : 0; /* 32 bits do */
	size_t permille = (nr >> shift) * 1000 / (all >> shift);

	ktest_note("Order-0 until failure: %s %zu of %zu free pages (%zu.%zu %%)", name, nr, all,
		   permille / 10, permille % 10);
}

/* With the lists as they are in use: some pages are parked. */
static void expect_takes(const char *name, gfp_t gfp, size_t kept)
{
	HOG(hog);
	size_t all, nr;

	pcp_keep_closed(false);
	for (unsigned int order = 0; order < 4; order++) {
		struct page *page = alloc_pages(QUIET(gfp), order);

		if (page)
			__free_pages(page, order);
	}
	all = nr_free_pages_below(gfp_zone(gfp));
	nr = take_until_failure(&hog, gfp);
	note_share(name, nr, all);
	EXPECT_EQ(nr, all - kept);
	EXPECT_EQ(nr_free_pages_below(gfp_zone(gfp)), kept);
	hog_release(&hog);
	pcp_keep_closed(true);
}

KTEST(gfp, atomic_takes_the_very_last_page_and_nowait_leaves_the_reserve, "G2 G6 G10 P6 EXH-01 WMK-02")
{
	MACHINE_STAYS_AS_FOUND();

	expect_takes("GFP_ATOMIC", GFP_ATOMIC, 0);
	expect_takes("GFP_NOWAIT", GFP_NOWAIT, floors(ZONE_NORMAL));
	expect_takes("GFP_ATOMIC|GFP_DMA", GFP_ATOMIC | GFP_DMA, 0);
	expect_takes("GFP_ATOMIC|__GFP_HIGHMEM", GFP_ATOMIC | __GFP_HIGHMEM, 0);
	expect_takes("GFP_NOWAIT|__GFP_HIGHMEM", GFP_NOWAIT | __GFP_HIGHMEM, floors(ZONE_HIGHMEM));
}

KTEST(gfp, dma_reclaims_with_kernel_takes_the_last_with_atomic_and_alone_does_neither, "G7 ZON-05")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct zone *dma = &zones[ZONE_DMA];
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};
	struct page *page;

	REQUIRE(giver_register(&giver, 3, GFP_KERNEL | GFP_DMA));
	hog_others(&hog, ZONE_DMA, dma);
	hog_zone(&hog, dma, zone_floor(dma, ZONE_DMA));
	EXPECT_NULL(alloc_page(QUIET(GFP_DMA)));
	EXPECT_EQ(giver.nr_counts, 0);
	page = alloc_page(GFP_KERNEL | GFP_DMA);
	EXPECT(page && page_zone(page) == dma);
	EXPECT(giver.nr_scans > 0);
	if (page)
		list_add(&page->links, &hog);
	hog_zone(&hog, dma, 1);
	page = alloc_page(GFP_ATOMIC | GFP_DMA);
	EXPECT(page && page_zone(page) == dma);
	EXPECT_EQ(dma->nr_free, 0);
	if (page)
		list_add(&page->links, &hog);
	EXPECT_NULL(alloc_page(QUIET(GFP_ATOMIC | GFP_DMA)));
	EXPECT_NULL(alloc_page(QUIET(GFP_KERNEL | GFP_DMA)));
	giver_unregister(&giver);
	hog_release(&hog);
}

KTEST(gfp, no_grow_gets_what_the_cache_holds_while_others_wait_and_never_a_page, "G19")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("no_grow", 500, 0, 0, NULL);
	void *object, *held;
	struct mem_waiter waiter;

	REQUIRE(cache);
	EXPECT_NULL(kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NO_GROW));
	EXPECT_NULL(kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NO_GROW));
	EXPECT_EQ(cache->nr_slabs, 0);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	wait_init_for_nothing(&waiter);
	wait_enter(&waiter);
	held = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NO_GROW);
	EXPECT_NOT_NULL(held);
	(void)wait_leave(&waiter);
	EXPECT_EQ(cache->nr_slabs, 1);
	kmem_cache_free(cache, held);
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}

/* --- hardening --- */

/* The settings of the command line come back when a test ends. */
struct init_on {
	bool alloc, free;
};

static struct init_on init_on_note(void)
{
	return (struct init_on){mm_watch & WATCH_INIT_ALLOC, mm_watch & WATCH_INIT_FREE};
}

static void init_on_restore(struct init_on *before)
{
	mm_init_on(before->alloc, before->free);
}

#define INIT_ON_COMES_BACK()                                                                                 \
	struct init_on init_on_ __attribute__((cleanup(init_on_restore), unused)) = init_on_note()

static void dirty_page(gfp_t gfp, unsigned int order)
{
	struct page *page = alloc_pages(gfp, order);

	REQUIRE(page);
	for (unsigned int i = 0; i < 1u << order; i++) {
		char *window = kmap_local_page(page + i);

		memset(window, 0x5a, PAGE_SIZE);
		kunmap_local(window);
	}
	__free_pages(page, order);
}

static bool page_is_zero(struct page *page)
{
	char *window = kmap_local_page(page);
	bool is_zero = memory_is(window, 0, PAGE_SIZE);

	kunmap_local(window);
	return is_zero;
}

/* After a free: zeros, or poison. */
static bool page_is_cleared(struct page *page)
{
	char *window = kmap_local_page(page);
	bool is_cleared = memory_is_cleared(window, PAGE_SIZE);

	kunmap_local(window);
	return is_cleared;
}

static bool new_pages_are_zero(gfp_t gfp, unsigned int order)
{
	struct page *page;
	bool are_zero = true;

	dirty_page(gfp, order);
	page = alloc_pages(gfp, order);
	if (!page)
		return false;
	for (unsigned int i = 0; i < 1u << order; i++)
		are_zero &= page_is_zero(page + i);
	__free_pages(page, order);
	return are_zero;
}

static bool new_object_is_zero(size_t size, gfp_t gfp)
{
	char *object = kmalloc(size, gfp);
	bool is_zero;

	if (!object)
		return false;
	memset(object, 0x5a, size);
	kfree(object);
	object = kmalloc(size, gfp);
	is_zero = object && memory_is(object, 0, size);
	kfree(object);
	return is_zero;
}

KTEST(gfp, init_on_clears_what_passes_through_the_queue_of_waiters_too, "K4 DBG-11")
{
	MACHINE_STAYS_AS_FOUND();
	INIT_ON_COMES_BACK();
	struct mem_waiter waiter;
	struct page *page;
	char *object, *kept = kmalloc(100, GFP_KERNEL); /* keeps the slab */

	wait_init_for_nothing(&waiter);
	wait_enter(&waiter); /* who comes behind it is served from the queue */
	mm_init_on(true, false);
	EXPECT(new_pages_are_zero(GFP_KERNEL, 0));
	EXPECT(new_object_is_zero(100, GFP_KERNEL));
	mm_init_on(false, true);
	dirty_page(GFP_KERNEL, 0);
	page = alloc_page(GFP_KERNEL);
	EXPECT(page && page_is_cleared(page));
	if (page)
		__free_page(page);
	object = kmalloc(100, GFP_KERNEL);
	EXPECT_NOT_NULL(object); /* and go on: the waiter must leave */
	if (object) {
		memset(object, 0x5a, 100);
		kfree(object);
		EXPECT(freed_is_cleared(object, 100));
	}
	kfree(kept);
	mm_init_on(false, false);
	EXPECT(zones[ZONE_DMA].slow || !zone_has_memory(&zones[ZONE_DMA])); /* somebody waits */
	(void)wait_leave(&waiter);
}

KTEST(gfp, init_on_alloc_clears_pages_and_objects_of_every_kind, "K4 DBG-11")
{
	MACHINE_STAYS_AS_FOUND();
	INIT_ON_COMES_BACK();

	pcp_keep_closed(false); /* they are closed by mm_init_on() alone */
	mm_init_on(true, false);
	EXPECT(new_pages_are_zero(GFP_KERNEL, 0));
	EXPECT(new_pages_are_zero(GFP_ATOMIC, 2));
	EXPECT(new_pages_are_zero(GFP_HIGHUSER, 0));
	EXPECT(new_pages_are_zero(GFP_DMA, 1));
	EXPECT(new_object_is_zero(100, GFP_KERNEL));
	EXPECT(new_object_is_zero(3000, GFP_ATOMIC));
	EXPECT(new_object_is_zero(64, GFP_ATOMIC | GFP_DMA));
	EXPECT(new_object_is_zero(50000, GFP_KERNEL));
}

KTEST(gfp, init_on_free_leaves_nothing_of_what_was_there, "K4 DBG-11")
{
	MACHINE_STAYS_AS_FOUND();
	INIT_ON_COMES_BACK();
	struct page *page, *high;
	char *object;
	void *keep;

	pcp_keep_closed(false);
	mm_init_on(false, true);
	page = alloc_page(GFP_KERNEL);
	high = alloc_page(GFP_HIGHUSER);
	keep = kmalloc(200, GFP_KERNEL); /* its slab stays */
	object = kmalloc(200, GFP_KERNEL);
	REQUIRE(page && high && object);
	memset(page_address(page), 0x5a, PAGE_SIZE);
	memset(object, 0x5a, 200);
	__free_page(page);
	kfree(object);
	EXPECT(page_is_cleared(page));
	EXPECT(freed_is_cleared(object, 200));
	object = kmap_local_page(high);
	memset(object, 0x5a, PAGE_SIZE);
	kunmap_local(object);
	__free_page(high);
	EXPECT(page_is_cleared(high));
	kfree(keep);
}

static unsigned int nr_constructed;

static void construct(void *object)
{
	memset(object, 0x77, 40);
	nr_constructed++;
}

KTEST(gfp, what_a_constructor_made_is_left_alone_by_init_on, "K4 SLB-03")
{
	MACHINE_STAYS_AS_FOUND();
	INIT_ON_COMES_BACK();
	struct kmem_cache *cache = kmem_cache_create("built", 40, 0, SLAB_NO_USER_FLAGS, construct);
	void *object;

	REQUIRE(cache);
	nr_constructed = 0;
	mm_init_on(true, true);
	for (unsigned int i = 0; i < 3; i++) {
		object = kmem_cache_alloc(cache, GFP_KERNEL);
		EXPECT(object && memory_is(object, 0x77, 40));
		kmem_cache_free(cache, object);
	}
	EXPECT_EQ(nr_constructed, 1);
	kmem_cache_destroy(cache);
}

KTEST(gfp, without_init_on_the_lists_are_open_again, "K4")
{
	if (mm_watch & WATCH_GUARD)
		SKIP("guard_sample keeps the lists closed");
	MACHINE_STAYS_AS_FOUND();
	INIT_ON_COMES_BACK();
	struct kmem_cache *cache = kmem_cache_create("open", 100, 0, SLAB_NO_USER_FLAGS, NULL);
	void *object;

	REQUIRE(cache);
	mm_init_on(true, true);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free(cache, object);
	EXPECT_EQ(cache->stack.count, 0);
	mm_init_on(false, false);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free(cache, object);
	EXPECT(cache->stack.count > 0);
	kmem_cache_destroy(cache);
}
