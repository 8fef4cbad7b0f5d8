/* SPDX-License-Identifier: MIT */
/* Watermarks at work: who may go below which, and what happens there. That marks and floors have the right
 * size is suite zone's. Host and guest; the background reclaimer itself is in test_background.c. */
#include <mm/pages/zone.h>

#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/test_util.h>

/* The largest zone of low memory: the one GFP_KERNEL tries first. */
static struct zone *first_zone(void)
{
	return *near_zones[ZONE_NORMAL];
}

static struct page *take_from(struct zone *zone)
{
	return alloc_page(zone_gfp(zone) | __GFP_NOWARN);
}

KTEST(watermark, below_low_the_lists_of_a_zone_are_closed_and_at_high_open_again, "P6 WMK-01")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct zone *zone = first_zone();
	struct page *page, *low;

	NEEDS_OPEN_LISTS();
	pcp_keep_closed(false);
	page = alloc_page(GFP_KERNEL);
	REQUIRE(page);
	EXPECT(!zone->slow);
	hog_zone(&hog, zone, zone->wmark[WMARK_LOW]);
	drain_all_pages();
	hog_zone(&hog, zone, zone->wmark[WMARK_LOW]); /* what was parked meanwhile */
	low = take_from(zone);			      /* one below `low` */
	REQUIRE(low && page_zone(low) == zone);
	EXPECT(zone->slow);
	__free_page(page);
	EXPECT_EQ(pcp_parked_pages(zone), 0);
	EXPECT(zone->nr_free < zone->wmark[WMARK_HIGH] &&
	       zone->slow); /* between low and high nothing changes */
	__free_page(low);
	hog_release(&hog);
	EXPECT(!zone->slow);
	page = alloc_page(GFP_KERNEL);
	__free_page(page);
	EXPECT(pcp_parked_pages(zone) > 0);
}

KTEST(watermark, a_closed_list_refills_with_exactly_what_is_asked_for, "P6 WMK-02")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct zone *zone = first_zone();
	struct page *page;
	size_t free;

	pcp_keep_closed(false);
	hog_zone(&hog, zone, zone->wmark[WMARK_LOW]);
	for (unsigned int order = 0; order < 3; order++) {
		free = zone->nr_free;
		page = alloc_pages(zone_gfp(zone) | __GFP_HIGH, order);
		REQUIRE(page);
		EXPECT_EQ(zone->nr_free, free - (1u << order));
		__free_pages(page, order);
		EXPECT_EQ(zone->nr_free, free);
	}
	hog_release(&hog);
}

KTEST(watermark, what_atomic_requests_took_of_the_reserve_comes_back_before_others_get_a_page,
      "WMK-02 WMK-03 P6")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *atomic[4], *page;

	hog_to_floor(&hog, ZONE_NORMAL);
	for (unsigned int i = 0; i < 4; i++)
		atomic[i] = alloc_page(GFP_ATOMIC);
	for (unsigned int i = 0; i < 4; i++) {
		EXPECT_NULL(alloc_page(GFP_NOWAIT | __GFP_NOWARN));
		EXPECT_NULL(alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
		if (atomic[i])
			__free_page(atomic[i]);
	}
	EXPECT_NULL(alloc_page(GFP_NOWAIT | __GFP_NOWARN));
	page = list_first_entry(&hog, struct page, links);
	list_del(&page->links);
	__free_pages(page, page->order);
	page = alloc_page(GFP_NOWAIT);
	EXPECT_NOT_NULL(page);
	if (page)
		__free_page(page);
	hog_release(&hog);
}

KTEST(watermark, a_large_request_does_not_dip_below_the_mark_however_many_pages_there_are, "WMK-04 P6")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct zone *zone = first_zone();
	struct page *page, *block = alloc_pages(GFP_KERNEL, 3);
	gfp_t gfp = zone_gfp(zone) | __GFP_NOWARN;

	REQUIRE(block && page_zone(block) == zone);
	hog_others(&hog, ZONE_NORMAL, zone);
	hog_zone(&hog, zone, zone_floor(zone, ZONE_NORMAL));
	__free_pages(block, 3);
	page = alloc_page(gfp); /* seven above the mark */
	REQUIRE(page);
	EXPECT_NULL(alloc_pages(gfp, 3));
	EXPECT_EQ(zone->nr_free, zone_floor(zone, ZONE_NORMAL) + 7);
	__free_page(page);
	block = alloc_pages(gfp, 3);
	EXPECT_NOT_NULL(block);
	if (block)
		__free_pages(block, 3);
	hog_release(&hog);
}

/* --- min_free_kbytes= --- */

struct marks {
	size_t wmark[MAX_NODES * NR_ZONES][NR_WMARKS];
};

static struct marks marks_note(void)
{
	struct marks marks;

	for (unsigned int id = 0; id < node_map.nr_nodes * NR_ZONES; id++)
		memcpy(marks.wmark[id], zones[id].wmark, sizeof(marks.wmark[id]));
	return marks;
}

static void marks_restore(struct marks *marks)
{
	for (unsigned int id = 0; id < node_map.nr_nodes * NR_ZONES; id++) {
		memcpy(zones[id].wmark, marks->wmark[id], sizeof(marks->wmark[id]));
		if (zone_has_memory(&zones[id]))
			pcp_check_mode(&zones[id]);
	}
}

#define MARKS_COME_BACK() struct marks marks_ __attribute__((cleanup(marks_restore), unused)) = marks_note()

static void expect_floor_holds(void)
{
	HOG(hog);
	struct zone *zone = first_zone();
	struct page *page;

	hog_to_floor(&hog, ZONE_NORMAL);
	EXPECT_NULL(alloc_page(GFP_NOWAIT | __GFP_NOWARN));
	page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
	EXPECT_EQ(page != NULL, zone->nr_free != 0 || zones[ZONE_DMA].nr_free != 0 || page);
	if (page)
		__free_page(page);
	hog_release(&hog);
}

KTEST(watermark, any_min_free_kbytes_keeps_its_floor_and_leaves_memory_to_be_used, "P6 WMK-05 USR-05")
{
	static const uint32_t kbytes[] = {1, 3, 4, 5, 999, 100000, 0x7fffffff, 0xffffffff};
	MACHINE_STAYS_AS_FOUND();
	MARKS_COME_BACK();
	const struct zone *zone;

	for (unsigned int i = 0; i < ARRAY_SIZE(kbytes); i++) {
		zone_build_policy(kbytes[i]);
		for_each_zone(zone) {
			EXPECT(zone->wmark[WMARK_MIN] <= zone->managed / 2);
			EXPECT(!zone_has_memory(zone) || zone->wmark[WMARK_MIN] < zone->wmark[WMARK_LOW]);
			EXPECT(zone->wmark[WMARK_LOW] <= zone->wmark[WMARK_HIGH]);
			EXPECT(zone->wmark[WMARK_HIGH] <= zone->managed);
		}
		expect_floor_holds();
	}
}

KTEST(watermark, with_no_floor_at_all_the_last_page_is_anybodys, "WMK-05 P6")
{
	MACHINE_STAYS_AS_FOUND();
	MARKS_COME_BACK();
	HOG(hog);
	struct zone *dma = &zones[ZONE_DMA];
	struct page *page;

	memset(dma->wmark, 0, sizeof(dma->wmark));
	hog_others(&hog, ZONE_DMA, dma);
	hog_zone(&hog, dma, 1);
	page = alloc_page(GFP_DMA);
	EXPECT(page && dma->nr_free == 0);
	EXPECT_NULL(alloc_page(GFP_DMA | __GFP_NOWARN));
	EXPECT_NULL(alloc_page(GFP_DMA | GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	if (page)
		__free_page(page);
	hog_release(&hog);
}
