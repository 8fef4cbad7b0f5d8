/* SPDX-License-Identifier: MIT */
/* The buddy algorithm on zones of odd size and odd start. Host only: each test boots machines of its own. */
#include <mm/pages/buddy.h>

#include <kernel/lib/random.h>
#include <mm/pages/page_alloc.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define PAGES(n)  ((uint64_t)(n)*PAGE_SIZE)
#define LOW_PAGES 600u

static struct zone *const high = &zones[ZONE_HIGHMEM];

/* A machine whose high memory is [start_pfn, start_pfn + nr_pages), and starts right at the border if that is
 * start_pfn. */
static void boot_high(pfn_t start_pfn, pfn_t nr_pages)
{
	struct memmap_entry map[] = {{0, PAGES(LOW_PAGES), MEMMAP_USABLE},
				     {PAGES(start_pfn), PAGES(nr_pages), MEMMAP_USABLE}};

	fake_machine_boot(map, 2, (struct mm_params){.dma_end = PAGES(300), .lowmem_end = PAGES(LOW_PAGES)});
}

/* Takes the zone apart with blocks of one order, all inside it, and puts it together again. */
static void expect_whole_after_use(unsigned int order)
{
	MACHINE_STAYS_AS_FOUND();
	struct list_head taken = LIST_HEAD_INIT(taken);
	size_t nr = 0, expected = zone_nr_blocks_within(high, order);
	struct page *page;

	while ((page = zone_take(high, order))) {
		EXPECT(page_to_pfn(page) >= high->start_pfn);
		EXPECT(page_to_pfn(page) + (1u << order) <= high->end_pfn);
		list_add(&page->links, &taken);
		nr++;
	}
	EXPECT_EQ(nr, expected);
	hog_release(&taken);
}

static void expect_zone_works(pfn_t start_pfn, pfn_t nr_pages)
{
	boot_high(start_pfn, nr_pages);
	EXPECT_EQ(high->managed, nr_pages);
	EXPECT_EQ(high->nr_free, nr_pages);
	expect_valid();
	for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order += 1 + order / 3)
		expect_whole_after_use(order);
}

KTEST(buddy_machine, zones_of_every_small_size_keep_their_blocks_inside, "BUD-07 B1 B2 MAP-12")
{
	for (pfn_t nr = 1; nr <= 40; nr++)
		expect_zone_works(LOW_PAGES, nr);
}

KTEST(buddy_machine, zones_of_odd_size_and_start_keep_their_blocks_inside, "BUD-07 B1 B2 MAP-12")
{
	struct random random = {7};

	for (unsigned int i = 0; i < 40; i++)
		expect_zone_works(LOW_PAGES + random_below(&random, 1500), 1 + random_below(&random, 4096));
}

/* Pages 592-599 are low and 600-607 high; both belong to the block of order 4 at 592. */
KTEST(buddy_machine, blocks_never_merge_across_the_border_of_zones, "MAP-12 B2 BUD-07")
{
	HOG(hog);
	const struct page *page;

	boot_high(LOW_PAGES, 1000);
	EXPECT_EQ(zones[ZONE_NORMAL].end_pfn, high->start_pfn);
	for (unsigned int round = 0; round < 2; round++) {
		hog_all(&hog);
		list_for_each_entry(page, &hog, links)
			EXPECT(page_to_pfn(page) >= LOW_PAGES ||
			       page_to_pfn(page) + (1u << page->order) <= LOW_PAGES);
		hog_release(&hog);
		expect_valid();
	}
}
