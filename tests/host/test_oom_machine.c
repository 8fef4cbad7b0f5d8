/* SPDX-License-Identifier: MIT */
/* Out of memory on the host, where the test decides how many victims there are and what each had. Host only.
 */
#include <mm/reclaim/oom.h>

#include <kernel/lib/align.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/retry.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

static struct list_head hog;

static void free_one(void)
{
	struct page *page = list_first_entry(&hog, struct page, links);

	list_del(&page->links);
	__free_pages(page, page->order);
}

KTEST(oom, a_victim_is_killed_after_the_rounds_and_its_memory_serves, "R4 REC-08")
{
	size_t rounds = mm_event_count[EVENT_ROUND];
	struct page *page;

	fake_machine_boot_pc(8);
	list_init(&hog);
	hog_to_floor(&hog, ZONE_NORMAL);
	host_set_victims(1, free_one);
	expect_reports();
	page = alloc_page(GFP_KERNEL);
	EXPECT_NOT_NULL(page);
	EXPECT_ONE_REPORT("killed victim 1, which holds 4 kB");
	EXPECT_EQ(mm_event_count[EVENT_ROUND] - rounds, RETRY_ROUNDS + 1);
	host_set_victims(0, NULL);
}

KTEST(oom, victims_that_have_nothing_are_killed_a_bounded_number_of_times, "R4 REC-08")
{
	size_t kills = mm_event_count[EVENT_OOM_KILL];

	fake_machine_boot_pc(8);
	list_init(&hog);
	hog_to_floor(&hog, ZONE_NORMAL);
	host_set_victims(1000, NULL);
	expect_reports();
	EXPECT_NULL(alloc_page(GFP_KERNEL | __GFP_NOWARN));
	EXPECT(mm_event_count[EVENT_OOM_KILL] - kills < 20);
	host_set_victims(0, NULL);
}

KTEST(oom, noretry_repeat_and_large_orders_kill_nobody, "R4 G14 G16")
{
	fake_machine_boot_pc(8);
	list_init(&hog);
	hog_to_floor(&hog, ZONE_NORMAL);
	host_set_victims(1, free_one);
	EXPECT_NULL(alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	EXPECT_NULL(alloc_page(GFP_KERNEL | __GFP_REPEAT | __GFP_NOWARN));
	EXPECT_NULL(alloc_pages(GFP_KERNEL | __GFP_NOWARN, OOM_MAX_ORDER + 1));
	host_set_victims(0, NULL);
}

static unsigned int parks;

static void free_at_the_hundredth(void)
{
	if (++parks == 100)
		free_one();
}

KTEST(oom, who_must_not_fail_waits_without_victims_until_somebody_frees, "G15 REC-09 R4")
{
	struct page *page;

	fake_machine_boot_pc(8);
	list_init(&hog);
	hog_to_floor(&hog, ZONE_NORMAL);
	parks = 0;
	host_set_on_park(free_at_the_hundredth);
	page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	host_set_on_park(NULL);
	EXPECT_NOT_NULL(page);
	EXPECT_EQ(parks, 100);
}

static struct kmem_cache *cache;
static void *objects[64];

static void free_object_at_the_hundredth(void)
{
	if (++parks == 100)
		kmem_cache_free(cache, objects[0]);
}

KTEST(oom, who_must_not_fail_and_wants_no_page_kills_nobody_while_it_waits, "G15 G19 R4")
{
	size_t kills = mm_event_count[EVENT_OOM_KILL];
	unsigned int nr = 0;
	void *object;

	fake_machine_boot_pc(8);
	cache = kmem_cache_create("as_it_is", 1000, 0, 0, NULL);
	REQUIRE(cache && cache->per_slab <= ARRAY_SIZE(objects));
	do
		objects[nr++] = kmem_cache_alloc(cache, GFP_KERNEL);
	while (nr < cache->per_slab);
	parks = 0;
	host_set_victims(1000, NULL);
	host_set_on_park(free_object_at_the_hundredth);
	object = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NO_GROW | __GFP_NOFAIL);
	host_set_on_park(NULL);
	host_set_victims(0, NULL);
	EXPECT(object && object == objects[0]);
	EXPECT_EQ(parks, 100);
	EXPECT_EQ(mm_event_count[EVENT_OOM_KILL], kills);
	while (nr)
		kmem_cache_free(cache, objects[--nr]);
	kmem_cache_destroy(cache);
}
