/* SPDX-License-Identifier: MIT */
/* Threads that wait for memory, in every order: two sleepers, a thread that frees, an interrupt that comes at
 * any moment, the clock that jumps. The machine is a real, tiny one; it is booted anew for each run, and all
 * of its memory taken, so that what is free is what a scene frees. Host only.
 *
 * After each run nothing has leaked and the machine is valid; whenever nobody can run, nobody sleeps whom
 * what is free would serve (C3, W2). */
#include <tests/host/fake_threads.h>

#include <string.h>

#include <kernel/lib/align.h>
#include <mm/objects/slab_internal.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/retry.h>
#include <mm/report/validate.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define MACHINE_PAGES 256u
#define PATIENT	      (GFP_KERNEL | __GFP_NOWARN)
#define NR_SLEEPERS   3u

static const char *const points[] = {"wait", "DMA", "park", "preempt", NULL};
static const char *const points_and_clock[] = {"wait", "DMA", "park", "clock", NULL};
static const char *const points_and_irqs[] = {"wait", "DMA", "park", "irq", NULL};
static const char *const points_and_cache[] = {"wait", "DMA", "park", "interleave", NULL};

static struct {
	size_t nr_free_before;
	struct list_head hog, singles;
	struct page *spare[2]; /* for scenes to free */
	struct page *block;    /* another */
	struct kmem_cache *cache;
	void *full[4], *extra; /* objects of its only slab, all handed out; one of another */

	/* What the sleepers ask for, what they got, and whether they have theirs to the end. */
	unsigned int order;
	struct page *page[NR_SLEEPERS];
	void *object[NR_SLEEPERS];

	bool waits_for_page; /* sleeper 1, while sleeper 0 waits for an object */
	bool was_killed;     /* sleeper 0 */

	/* When each was asked first, and how often served; see take_and_tell(). */
	unsigned int nr_asked, age[NR_SLEEPERS], got[NR_SLEEPERS];
} scene;

/* --- the machine --- */

static void boot_tiny(uint32_t min_free_kbytes)
{
	struct mm_params params = {.dma_end = MIB(16u),
				   .lowmem_end = MACHINE_PAGES * PAGE_SIZE,
				   .min_free_kbytes = min_free_kbytes};

	fake_machine_reboot(params);
	host_set_now_ms(0);
	memset(&scene, 0, sizeof(scene));
	(void)slab_reclaim();
	scene.nr_free_before = nr_free_pages();
	list_init(&scene.hog);
	list_init(&scene.singles);
}

/* Nothing is free; two pages, no buddies, are there to be freed. */
static void fill_up(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(scene.spare); i++) {
		struct page *page = alloc_pages(GFP_ATOMIC, 1);

		split_page(page, 1);
		scene.spare[i] = page;
		list_add(&page[1].links, &scene.hog);
	}
	pcp_keep_closed(true);
	pcp_keep_closed(false);
	hog_all(&scene.hog);
}

static void setup_full(void)
{
	boot_tiny(1);
	fill_up();
}

/* The machine that host_try_all() boots again and again. */
static bool try_all(const struct host_scene *played)
{
	struct memmap_entry ram = {0, MACHINE_PAGES * PAGE_SIZE, MEMMAP_USABLE};

	fake_machine_create(&ram, 1, MACHINE_PAGES * PAGE_SIZE);
	return host_try_all(played);
}

static void finish(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(scene.spare); i++)
		if (scene.spare[i])
			__free_page(scene.spare[i]);
	for (unsigned int i = 0; i < ARRAY_SIZE(scene.full); i++)
		if (scene.full[i])
			kmem_cache_free(scene.cache, scene.full[i]);
	if (scene.extra)
		kmem_cache_free(scene.cache, scene.extra);
	if (scene.cache)
		kmem_cache_destroy(scene.cache);
	hog_release(&scene.hog);
	(void)slab_reclaim();
	FAIL_UNLESS(nr_free_pages() == scene.nr_free_before);
	FAIL_UNLESS(!wait_somebody());
	FAIL_UNLESS(mm_validate(NULL) == 0);
	FAIL_UNLESS(!irqs_disabled() && kit_cpu[0].nr_held == 0 && !port_is_atomic());
}

/* --- what the others do --- */

static void free_spare(unsigned int i)
{
	struct page *page = scene.spare[i];

	scene.spare[i] = NULL;
	__free_page(page);
}

static void free_one(void)
{
	free_spare(0);
}

static void free_both(void)
{
	free_spare(0);
	free_spare(1);
}

static void borrow_atomically(void)
{
	struct page *page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);

	if (page)
		__free_page(page);
}

/* --- sleepers --- */

static void sleep_for_page(unsigned int n)
{
	scene.page[n] = alloc_pages(PATIENT, scene.order);
}

static void keep_page_0(void)
{
	sleep_for_page(0);
}

static void keep_page_1(void)
{
	sleep_for_page(1);
}

static void keep_page_2(void)
{
	sleep_for_page(2);
}

static void give_back(unsigned int n)
{
	struct page *page = scene.page[n];

	scene.page[n] = NULL;
	if (page)
		__free_pages(page, scene.order);
}

static void use_page_0(void)
{
	sleep_for_page(0);
	give_back(0);
}

static void use_page_1(void)
{
	sleep_for_page(1);
	FAIL_UNLESS(scene.page[1] != NULL);
	give_back(1);
}

/* W2. There is one zone, and its lists are closed while anybody waits. */
static void nobody_sleeps_beside_a_page(void)
{
	struct zone *zone = &zones[ZONE_DMA];
	size_t needed = zone_floor(zone, ZONE_NORMAL) + ((size_t)1 << scene.order);

	if (!host_thread_sleeps(0) && !host_thread_sleeps(1) && !(scene.block && host_thread_sleeps(2)))
		return;
	if (pcp_parked_pages(zone))
		host_scene_fail("a thread sleeps while pages are parked");
	if (zone->nr_free >= needed && zone_nr_blocks_within(zone, scene.order))
		host_scene_fail("a thread sleeps, and %zu pages are free", nr_free_pages());
}

static void finish_with_pages(void)
{
	FAIL_UNLESS(scene.page[0] && scene.page[1] && scene.page[0] != scene.page[1]);
	FAIL_UNLESS(!scene.block || scene.page[2]);
	for (unsigned int n = 0; n < NR_SLEEPERS; n++)
		give_back(n);
	finish();
}

KTEST(interleave, no_free_is_lost_whatever_comes_in_between, "C3 GFP-09 GFP-10")
{
	static const struct host_scene two_sleepers = {
		.name = "2 sleepers, 2 frees, an interrupt that borrows",
		.setup = setup_full,
		.thread = {keep_page_0, keep_page_1, free_both},
		.interrupt = borrow_atomically,
		.at_rest = nobody_sleeps_beside_a_page,
		.finish = finish_with_pages,
		.points = points,
		.max_diversions = 2,
	};

	EXPECT(try_all(&two_sleepers));
}

/* --- one page for two --- */

KTEST(interleave, of_two_sleepers_one_page_serves_one_then_the_other, "C3 GFP-10")
{
	static const struct host_scene one_page = {
		.name = "2 sleepers, 1 page that goes through both",
		.setup = setup_full,
		.thread = {use_page_0, use_page_1, free_one},
		.at_rest = nobody_sleeps_beside_a_page,
		.finish = finish,
		.points = points,
		.max_diversions = 2,
	};

	EXPECT(try_all(&one_page));
}

/* --- more than a free serves by itself --- */

static void setup_block(void)
{
	boot_tiny(1);
	scene.block = alloc_pages(GFP_ATOMIC, 2);
	fill_up();
}

static void free_block(void)
{
	__free_pages(scene.block, 2);
}

/* Three wait for what serves them all; the one that is left to the others never frees anything. */
KTEST(interleave, who_was_served_serves_whom_a_free_left, "C3 W2 GFP-09")
{
	static const struct host_scene block = {
		.name = "3 sleepers, a block for all, an interrupt that borrows",
		.setup = setup_block,
		.thread = {keep_page_0, keep_page_1, keep_page_2, free_block},
		.interrupt = borrow_atomically,
		.at_rest = nobody_sleeps_beside_a_page,
		.finish = finish_with_pages,
		.points = points,
		.max_diversions = 1,
	};

	EXPECT(try_all(&block));
}

/* --- first come, first served ---
 * Both want the same. Who is asked (take) in a pass over the queue, and who is served, shows the queue's
 * order: nobody is served while one who was asked earlier than he ever was still waits. */

struct told_waiter {
	struct mem_waiter wait;
	unsigned int n;
	bool (*take)(struct mem_waiter *waiter);
};

static bool take_and_tell(struct mem_waiter *wait)
{
	struct told_waiter *waiter = container_of(wait, struct told_waiter, wait);
	unsigned int n = waiter->n, other = 1 - n;

	if (!scene.age[n])
		scene.age[n] = ++scene.nr_asked;
	if (!waiter->take(wait))
		return false;
	if (scene.age[other] && scene.age[other] < scene.age[n] && !scene.got[other])
		host_scene_fail("thread %u is served before thread %u, which waits longer", n, other);
	if (scene.got[n]++)
		host_scene_fail("thread %u is served twice", n);
	return true;
}

static void wait_in_order(unsigned int n)
{
	struct told_waiter waiter = {.n = n};

	wait_init(&waiter.wait, PATIENT, 0);
	waiter.take = waiter.wait.take;
	waiter.wait.take = take_and_tell;
	if (retry_until_served(&waiter.wait)) {
		waiter.wait.page->refcount = 1;
		scene.page[n] = waiter.wait.page;
	}
}

static void wait_in_order_0(void)
{
	wait_in_order(0);
}

static void wait_in_order_1(void)
{
	wait_in_order(1);
}

KTEST(interleave, the_longest_waiting_is_served_first_and_nobody_twice, "C3 GFP-10")
{
	static const struct host_scene in_order = {
		.name = "2 sleepers in order, 2 frees",
		.setup = setup_full,
		.thread = {wait_in_order_0, wait_in_order_1, free_both},
		.at_rest = nobody_sleeps_beside_a_page,
		.finish = finish_with_pages,
		.points = points,
		.max_diversions = 2,
	};

	EXPECT(try_all(&in_order));
}

/* --- an interrupt that frees --- */

static void free_other(void)
{
	free_spare(1);
}

KTEST(interleave, what_an_interrupt_frees_wakes_as_well, "C2 C3 GFP-09")
{
	static const struct host_scene from_interrupt = {
		.name = "2 sleepers, a free, a free by an interrupt",
		.setup = setup_full,
		.thread = {keep_page_0, keep_page_1, free_one},
		.interrupt = free_other,
		.at_rest = nobody_sleeps_beside_a_page,
		.finish = finish_with_pages,
		.points = points,
		.max_diversions = 2,
	};

	EXPECT(try_all(&from_interrupt));
}

/* --- killed --- */

/* Served or not, it sleeps no more. */
static void the_killed_one_is_gone(void)
{
	nobody_sleeps_beside_a_page();
	if (scene.was_killed && host_thread_sleeps(0))
		host_scene_fail("the killed thread sleeps");
}

static void kill_0(void)
{
	scene.was_killed = true;
	host_thread_kill(0);
}

KTEST(interleave, a_killed_waiter_leaves_and_takes_nothing_with_it, "C3 GFP-12")
{
	static const struct host_scene killed = {
		.name = "2 sleepers, one is killed, 1 free",
		.setup = setup_full,
		.thread = {use_page_0, use_page_1, free_one},
		.interrupt = kill_0,
		.at_rest = the_killed_one_is_gone,
		.finish = finish,
		.points = points,
		.max_diversions = 2,
	};

	EXPECT(try_all(&killed));
}

/* --- a wait with an end --- */

#define WAIT_MS 50u

static void wait_a_while(void)
{
	struct mem_waiter waiter;
	uint64_t end;
	bool was_served;

	wait_init(&waiter, PATIENT, 0);
	wait_enter(&waiter);
	end = port_now_ms() + WAIT_MS;
	was_served = wait_sleep(&waiter, port_now_ms() + WAIT_MS);
	FAIL_UNLESS(was_served || port_now_ms() >= end);
	if (!wait_leave(&waiter))
		return;
	waiter.page->refcount = 1;
	__free_page(waiter.page);
}

KTEST(interleave, a_time_limit_at_the_moment_of_a_free_loses_nothing, "C3 GFP-11")
{
	static const struct host_scene with_time_limit = {
		.name = "2 sleepers with a time limit, 1 free, the clock jumps",
		.setup = setup_full,
		.thread = {wait_a_while, wait_a_while, free_one},
		.at_rest = nobody_sleeps_beside_a_page,
		.finish = finish,
		.points = points_and_clock,
		.max_diversions = 2,
		.nr_clock_jumps = 1,
		.clock_jump_ms = WAIT_MS + 1,
	};

	EXPECT(try_all(&with_time_limit));
}

/* --- objects --- */

static void setup_cache(void)
{
	boot_tiny(1);
	scene.cache = kmem_cache_create("interleave", 1024, 0, 0, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(scene.full); i++)
		scene.full[i] = kmem_cache_alloc(scene.cache, GFP_ATOMIC);
	fill_up();
	(void)kmem_cache_shrink(scene.cache);
}

static void sleep_for_object(unsigned int n)
{
	scene.object[n] = kmem_cache_alloc(scene.cache, PATIENT);
}

static void keep_object_0(void)
{
	sleep_for_object(0);
}

static void keep_object_1(void)
{
	sleep_for_object(1);
}

static void free_object(void)
{
	void *object = scene.full[0];

	scene.full[0] = NULL;
	kmem_cache_free(scene.cache, object);
}

/* What the cache has serves all who wait here for objects. */
static void nobody_sleeps_beside_an_object(void)
{
	if (scene.order == 0 && !scene.waits_for_page)
		nobody_sleeps_beside_a_page();
	if ((host_thread_sleeps(0) || (!scene.waits_for_page && host_thread_sleeps(1))) &&
	    (!list_is_empty(&scene.cache->partial) || scene.cache->stack.count))
		host_scene_fail("a thread sleeps beside an object");
}

static void finish_with_objects(void)
{
	for (unsigned int n = 0; n < 2; n++) {
		bool wants_page = n == 1 && scene.waits_for_page;

		FAIL_UNLESS(wants_page ? scene.page[n] != NULL : scene.object[n] != NULL);
		if (scene.object[n])
			kmem_cache_free(scene.cache, scene.object[n]);
		give_back(n);
	}
	finish();
}

KTEST(interleave, one_page_serves_all_who_wait_for_objects_of_a_cache, "C3 GFP-09")
{
	static const struct host_scene objects_of_a_page = {
		.name = "2 sleepers for objects, 1 page for both",
		.setup = setup_cache,
		.thread = {keep_object_0, keep_object_1, free_one},
		.interrupt = borrow_atomically,
		.at_rest = nobody_sleeps_beside_an_object,
		.finish = finish_with_objects,
		.points = points_and_cache,
		.max_diversions = 1,
	};

	EXPECT(try_all(&objects_of_a_page));
}

static void setup_cache_and_page(void)
{
	setup_cache();
	scene.waits_for_page = true;
}

KTEST(interleave, an_object_serves_who_waits_for_it_and_the_page_the_other, "C3 GFP-09")
{
	static const struct host_scene object_and_page = {
		.name = "a sleeper for an object and one for a page, an object freed, pages by an interrupt",
		.setup = setup_cache_and_page,
		.thread = {keep_object_0, keep_page_1, free_object},
		.interrupt = free_both,
		.at_rest = nobody_sleeps_beside_an_object,
		.finish = finish_with_objects,
		.points = points_and_cache,
		.max_diversions = 1,
	};

	EXPECT(try_all(&object_and_page));
}

static void take_object_atomically(void)
{
	scene.extra = kmem_cache_alloc(scene.cache, GFP_ATOMIC | __GFP_NOWARN);
}

/* An interrupt makes a slab of the page on its way to a sleeper. */
KTEST(interleave, a_slab_that_an_interrupt_made_serves_the_sleepers, "C2 C3")
{
	static const struct host_scene slab_by_interrupt = {
		.name = "2 sleepers for objects, 2 frees, an interrupt that takes an object",
		.setup = setup_cache,
		.thread = {keep_object_0, keep_object_1, free_one},
		.interrupt = take_object_atomically,
		.at_rest = nobody_sleeps_beside_an_object,
		.finish = finish_with_objects,
		.points = points_and_cache,
		.max_diversions = 1,
	};

	EXPECT(try_all(&slab_by_interrupt));
}

/* --- slow mode --- */

/* Closed lists, every second page taken, the others free as far as `nr` says. */
static void leave_single_pages(struct zone *zone, size_t nr)
{
	struct page *pair;

	while ((pair = zone_take(zone, 1)) != NULL) {
		split_page(pair, 1);
		list_add(&pair[0].links, &scene.hog);
		list_add(&pair[1].links, &scene.singles);
	}
	hog_zone(&scene.hog, zone, 0);
	while (zone->nr_free < nr) {
		struct page *page = list_first_entry(&scene.singles, struct page, links);

		list_del(&page->links);
		__free_page(page);
	}
}

/* As many single pages are free as keep the lists open, and no two beside each other: those are parked. */
static void setup_almost_slow(void)
{
	struct zone *zone = &zones[ZONE_DMA];
	struct page *pair;

	boot_tiny(64);
	scene.order = 1;
	pair = alloc_pages(GFP_ATOMIC, 1);
	split_page(pair, 1);
	pcp_keep_closed(true);
	leave_single_pages(zone, zone->wmark[WMARK_HIGH]);
	pcp_keep_closed(false);
	while (zone->nr_free > zone->wmark[WMARK_LOW])
		list_add(&zone_take(zone, 0)->links, &scene.singles);
	__free_page(pair);
	__free_page(pair + 1);
}

static void take_last_but_low(void)
{
	scene.spare[0] = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
}

/* The other may have had one of the pair, drained and not merged yet: nobody sleeps beside both, that is all.
 */
static void finish_almost_slow(void)
{
	give_back(1);
	hog_release(&scene.singles);
	finish();
}

/* Who takes the zone below `low` closes the lists and drains them; who waits meanwhile finds them closed. */
KTEST(interleave, pages_on_their_way_out_of_closing_lists_serve_too, "C3 P7")
{
	static const struct host_scene almost_slow = {
		.name = "1 sleeper for order 1 while the zone enters slow mode",
		.setup = setup_almost_slow,
		.thread = {take_last_but_low, keep_page_1},
		.at_rest = nobody_sleeps_beside_a_page,
		.finish = finish_almost_slow,
		.points = points_and_irqs,
		.max_diversions = 2,
	};

	EXPECT(try_all(&almost_slow));
}

/* --- a slab that nobody needed after all --- */

static void setup_small(void)
{
	boot_tiny(1);
	scene.cache = kmem_cache_create("interleave", 64, 0, 0, NULL);
}

static void borrow_object(void)
{
	void *object = kmem_cache_alloc(scene.cache, GFP_ATOMIC | __GFP_NOWARN);

	if (object)
		kmem_cache_free(scene.cache, object);
}

/* Reclaim takes empty slabs only, wherever the interrupt came. */
static void finish_reclaimed(void)
{
	FAIL_UNLESS(scene.object[0] != NULL);
	(void)slab_reclaim();
	FAIL_UNLESS(virt_to_page(scene.object[0])->slab_cache == scene.cache);
	FAIL_UNLESS(mm_validate(NULL) == 0);
	if (virt_to_page(scene.object[0])->slab_cache != scene.cache)
		return;
	kmem_cache_free(scene.cache, scene.object[0]);
	finish();
}

KTEST(interleave, a_slab_made_for_nothing_lies_behind_those_in_use, "C4 REC-10")
{
	static const struct host_scene s = {
		.name = "1 thread grows the cache, an interrupt grows it meanwhile",
		.setup = setup_small,
		.thread = {keep_object_0},
		.interrupt = borrow_object,
		.at_rest = nobody_sleeps_beside_a_page,
		.finish = finish_reclaimed,
		.points = points_and_cache,
		.max_diversions = 1,
	};

	EXPECT(try_all(&s));
}

/* --- two caches of one name --- */

static void setup_names(void)
{
	boot_tiny(1);
	expect_reports();
}

static struct kmem_cache *created[2];

static void create_0(void)
{
	created[0] = kmem_cache_create("twin", 32, 0, 0, NULL);
}

static void create_1(void)
{
	created[1] = kmem_cache_create("twin", 32, 0, 0, NULL);
}

static void finish_names(void)
{
	FAIL_UNLESS((created[0] != NULL) != (created[1] != NULL));
	for (unsigned int i = 0; i < ARRAY_SIZE(created); i++)
		kmem_cache_destroy(created[i]);
	finish();
}

KTEST(interleave, of_two_that_create_a_cache_of_one_name_one_is_refused, "S1 S3 SLB-06")
{
	static const char *const slab_points[] = {"slab", "kmem_cache", NULL};
	static const struct host_scene s = {
		.name = "2 threads create a cache of one name",
		.setup = setup_names,
		.thread = {create_0, create_1},
		.at_rest = nobody_sleeps_beside_a_page,
		.finish = finish_names,
		.points = slab_points,
		.max_diversions = 2,
	};

	EXPECT(try_all(&s));
}
