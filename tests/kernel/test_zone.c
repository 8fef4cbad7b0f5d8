/* SPDX-License-Identifier: MIT */
/* Zones: where they lie, in which order a request tries them, and what each keeps from whom. Host and guest;
 * a machine without a zone skips what needs it. */
#include <mm/pages/zone.h>

#include <kernel/lib/align.h>
#include <mm/early/memblock.h>
#include <mm/early/memmap.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/test_util.h>

static struct zone *const dma = &zones[ZONE_DMA];
static struct zone *const normal = &zones[ZONE_NORMAL];
static struct zone *const high = &zones[ZONE_HIGHMEM];

/* What several nodes' zones look like the suites of nodes say. */
#define ONE_NODE()                                                                                           \
	do {                                                                                                 \
		if (node_map.nr_nodes > 1)                                                                   \
			SKIP("several nodes");                                                               \
	} while (0)

/* Ordinary pages of order 0 until the zones that gfp allows are at their floors. */
static void drain_ordinary(struct list_head *hog, gfp_t gfp)
{
	for (unsigned int order = NR_ORDERS; order-- > 0;) {
		struct page *page;

		while ((page = alloc_pages(gfp | __GFP_NOWARN, order)))
			list_add(&page->links, hog);
	}
}

KTEST(zone, zones_lie_side_by_side_and_cover_every_page_number, "P1")
{
	ONE_NODE();
	EXPECT_EQ(dma->start_pfn, 0);
	EXPECT_EQ(dma->end_pfn, MIN((pfn_t)(MIB(16u) >> PAGE_SHIFT), lowmem_end_pfn));
	EXPECT_EQ(normal->start_pfn, dma->end_pfn);
	EXPECT_EQ(normal->end_pfn, lowmem_end_pfn);
	EXPECT_EQ(high->start_pfn, lowmem_end_pfn);
	EXPECT_EQ(high->end_pfn, memblock_end_of_memory() >> PAGE_SHIFT);
}

KTEST(zone, present_counts_the_ram_and_managed_what_was_handed_over, "P1 MAP-15")
{
	const struct zone *zone;

	for_each_zone(zone) {
		EXPECT_EQ(zone->present, memmap_pages_in(memblock_memory(), zone->start_pfn, zone->end_pfn));
		EXPECT(zone->nr_free <= zone->managed && zone->managed <= zone->present);
	}
	EXPECT(dma->managed > 0);
}

KTEST(zone, a_page_number_lies_in_the_zone_that_spans_it, "P1")
{
	const struct zone *zone;

	ONE_NODE();
	for_each_zone(zone) {
		if (zone->start_pfn == zone->end_pfn)
			continue;
		EXPECT(zone_of_pfn(zone->start_pfn) == zone);
		EXPECT(zone_of_pfn(zone->end_pfn - 1) == zone);
	}
	EXPECT_NULL(zone_of_pfn(high->end_pfn));
}

KTEST(zone, a_request_tries_its_zone_and_then_lower_ones_only, "G7 G8 G9 ZON-05")
{
	ONE_NODE();
	for (unsigned int highest = 0; highest < NR_ZONES; highest++) {
		struct zone *const *zone = nodes[0].zonelist[highest].zone;
		unsigned int next = highest + 1;

		for (; *zone; zone++) {
			EXPECT((*zone)->id < next && zone_has_memory(*zone));
			while (next > (*zone)->id + 1u)
				EXPECT(!zone_has_memory(&zones[--next]));
			next = (*zone)->id;
		}
		EXPECT_EQ(next, 0);
	}
}

KTEST(zone, a_high_request_falls_back_to_normal_and_then_to_dma, "G8 ZON-05")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *page;

	ONE_NODE();
	if (!zone_has_memory(high))
		SKIP("no high memory");
	if (!zone_has_memory(normal))
		SKIP("no normal zone");
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(page);
	EXPECT(page_zone(page) == high);
	list_add(&page->links, &hog);

	hog_zone(&hog, high, 0);
	page = alloc_page(GFP_HIGHUSER);
	EXPECT(page && page_zone(page) == normal);
	if (page)
		list_add(&page->links, &hog);

	hog_zone(&hog, normal, 0);
	page = alloc_page(GFP_HIGHUSER | __GFP_HIGH);
	EXPECT(page && page_zone(page) == dma);
	if (page)
		list_add(&page->links, &hog);
	hog_release(&hog);
}

KTEST(zone, a_normal_request_falls_back_to_dma_and_never_upwards, "G9 ZON-05")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *page;

	ONE_NODE();
	if (!zone_has_memory(normal))
		SKIP("no normal zone");
	page = alloc_page(GFP_KERNEL);
	REQUIRE(page);
	EXPECT(page_zone(page) == normal);
	list_add(&page->links, &hog);

	hog_zone(&hog, normal, 0);
	page = alloc_page(GFP_KERNEL);
	EXPECT(page && page_zone(page) == dma);
	if (page)
		list_add(&page->links, &hog);

	hog_zone(&hog, dma, 0);
	EXPECT_NULL(alloc_page(GFP_ATOMIC | __GFP_NOWARN));
	EXPECT_EQ(high->nr_free != 0, zone_has_memory(high));
	hog_release(&hog);
}

KTEST(zone, a_dma_request_fails_when_that_zone_is_gone_whatever_else_is_free, "G7 ZON-05 EXH-01")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *page;

	hog_others(&hog, ZONE_DMA, dma);
	hog_zone(&hog, dma, 1);
	EXPECT_EQ(dma->nr_free, 1);
	EXPECT_NULL(alloc_page(GFP_DMA | __GFP_NOWARN));
	page = alloc_page(GFP_DMA | GFP_ATOMIC);
	REQUIRE(page);
	EXPECT(page_zone(page) == dma && page_to_phys(page) < MIB(16u));
	EXPECT_NULL(alloc_page(GFP_DMA | GFP_ATOMIC | __GFP_NOWARN));
	EXPECT_NULL(alloc_page(GFP_DMA | GFP_KERNEL | __GFP_NOWARN));
	EXPECT_EQ(normal->nr_free != 0, zone_has_memory(normal));
	__free_page(page);
	hog_release(&hog);
}

KTEST(zone, every_dma_page_lies_below_16_mib, "G7 ZON-01")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	const struct page *page;

	drain_ordinary(&hog, GFP_DMA);
	list_for_each_entry(page, &hog, links)
		EXPECT(page_to_phys(page) + ((paddr_t)PAGE_SIZE << page->order) <= MIB(16u));
	hog_release(&hog);
}

KTEST(zone, watermarks_rise_and_leave_memory_to_be_used, "P6 WMK-05")
{
	const struct zone *zone;

	for_each_zone(zone) {
		EXPECT(zone->wmark[WMARK_MIN] <= zone->wmark[WMARK_LOW]);
		EXPECT(zone->wmark[WMARK_LOW] <= zone->wmark[WMARK_HIGH]);
		EXPECT(zone->wmark[WMARK_HIGH] <= zone->managed);
		if (zone->managed > 1024)
			EXPECT(zone->wmark[WMARK_MIN] > 0 && zone->wmark[WMARK_MIN] < zone->wmark[WMARK_LOW]);
	}
}

/* What boot gave back afterwards (.init) is not in the policy. */
#define INIT_PAGES_MAX 64u

static bool is_nearly(size_t found, size_t expected)
{
	return found <= expected && found + INIT_PAGES_MAX >= expected;
}

KTEST(zone, protection_counts_the_pages_above_and_is_0_where_there_are_none, "P6 ZON-06")
{
	ONE_NODE();
	for (unsigned int id = 0; id < NR_ZONES; id++)
		for (unsigned int to = 0; to <= id; to++)
			EXPECT_EQ(zones[id].protection[to], 0);
	EXPECT(is_nearly(dma->protection[ZONE_NORMAL], MIN(normal->managed / 256, dma->managed / 2)));
	EXPECT(is_nearly(dma->protection[ZONE_HIGHMEM],
			 MIN((normal->managed + high->managed) / 256, dma->managed / 2)));
	EXPECT(is_nearly(normal->protection[ZONE_HIGHMEM], MIN(high->managed / 32, normal->managed / 2)));
}

KTEST(zone, ordinary_requests_stop_exactly_at_the_floor_of_each_zone, "G6 P6 WMK-02")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);

	drain_ordinary(&hog, GFP_NOWAIT);
	if (zone_has_memory(normal))
		EXPECT_EQ(normal->nr_free, normal->wmark[WMARK_MIN]);
	EXPECT_EQ(dma->nr_free, dma->wmark[WMARK_MIN] + dma->protection[ZONE_NORMAL]);
	EXPECT_NULL(alloc_page(GFP_NOWAIT | __GFP_NOWARN));
	hog_release(&hog);
}

KTEST(zone, atomic_requests_take_the_very_last_page_of_every_zone_they_may_search, "G2 G10 P6 WMK-02 EXH-01")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	size_t high_free = high->nr_free;
	struct page *page;

	drain_ordinary(&hog, GFP_NOWAIT);
	while ((page = alloc_page(GFP_ATOMIC | __GFP_NOWARN)))
		list_add(&page->links, &hog);
	EXPECT_EQ(nr_free_pages_below(ZONE_NORMAL), 0);
	EXPECT_EQ(high->nr_free, high_free);
	hog_release(&hog);
}

KTEST(zone, high_requests_cannot_drain_what_only_others_can_use, "P6 ZON-06")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *page;

	if (!zone_has_memory(high))
		SKIP("no high memory");
	if (!zone_has_memory(normal))
		SKIP("no normal zone");
	drain_ordinary(&hog, GFP_NOWAIT | __GFP_HIGHMEM);
	EXPECT_EQ(normal->nr_free, zone_floor(normal, ZONE_HIGHMEM));
	EXPECT_EQ(dma->nr_free, zone_floor(dma, ZONE_HIGHMEM));
	EXPECT(normal->nr_free > normal->wmark[WMARK_MIN]);

	page = alloc_page(GFP_KERNEL);
	EXPECT(page && page_zone(page) == normal);
	if (page)
		list_add(&page->links, &hog);
	page = alloc_page(GFP_DMA);
	EXPECT(page && page_zone(page) == dma);
	if (page)
		list_add(&page->links, &hog);
	hog_release(&hog);
}

KTEST(zone, a_large_request_counts_whole_against_the_floor, "P6 WMK-04")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *block = zone_take(dma, 3), *single = zone_take(dma, 0), *page;

	REQUIRE(block && single);
	hog_others(&hog, ZONE_DMA, dma);
	hog_zone(&hog, dma, dma->wmark[WMARK_MIN]);
	EXPECT_EQ(dma->nr_free, dma->wmark[WMARK_MIN]);
	__free_pages(block, 3);
	page = alloc_pages(GFP_DMA, 3);
	EXPECT_NOT_NULL(page);
	EXPECT_NULL(alloc_page(GFP_DMA | __GFP_NOWARN));
	if (page)
		__free_pages(page, 3);

	page = alloc_page(GFP_DMA);
	REQUIRE(page);
	EXPECT_NULL(alloc_pages(GFP_DMA | __GFP_NOWARN, 3));
	__free_page(single);
	__free_page(page);
	hog_release(&hog);
}
