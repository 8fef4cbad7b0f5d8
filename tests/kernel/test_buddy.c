/* SPDX-License-Identifier: MIT */
/* The buddy algorithm, seen on the machine's own zones: what split, merge and mobility leave behind. Host and
 * guest. Zones of odd shape are tests/host/test_buddy_machine.c. */
#include <mm/pages/buddy.h>

#include <kernel/lib/align.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/test_util.h>

static struct zone *const dma = &zones[ZONE_DMA];

static bool is_free_block(const struct page *page, unsigned int order)
{
	return page->head == PAGE_HEAD(PAGE_FREE, order, page->where) && page_zone(page) == dma;
}

static enum mobility mobility_of(const struct page *page)
{
	const struct zone *zone = page_zone(page);

	return (enum mobility)
		zone->block_mobility[(page_to_pfn(page) >> PAGEBLOCK_ORDER) - zone->first_block];
}

KTEST(buddy, a_block_is_aligned_to_its_size_and_inside_its_zone, "BUD-01 P2")
{
	MACHINE_STAYS_AS_FOUND();
	struct zone *zone;

	for_each_zone(zone)
		for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
			struct page *page = zone_take(zone, order);

			EXPECT_EQ(page != NULL, zone_nr_blocks_within(zone, order) + (page != NULL) > 0);
			if (!page)
				continue;
			EXPECT(IS_ALIGNED(page_to_pfn(page), 1u << order));
			EXPECT(page_to_pfn(page) >= zone->start_pfn);
			EXPECT(page_to_pfn(page) + (1u << order) <= zone->end_pfn);
			EXPECT_EQ(page->head, PAGE_HEAD(PAGE_ALLOCATED, order, page->where));
			EXPECT(page_zone(page) == zone);
			__free_pages(page, order);
		}
}

KTEST(buddy, an_allocation_takes_its_pages_off_the_count_and_a_free_puts_them_back, "B3 BUD-02")
{
	MACHINE_STAYS_AS_FOUND();

	REQUIRE(dma->nr_free);
	for (unsigned int order = 0; order <= 6 && zone_nr_blocks_within(dma, order); order++) {
		size_t before = dma->nr_free;
		struct page *page = zone_take(dma, order);

		REQUIRE(page);
		EXPECT_EQ(dma->nr_free, before - (1u << order));
		__free_pages(page, order);
		EXPECT_EQ(dma->nr_free, before);
	}
}

/* A lone block of order 4 in a zone that is otherwise full: whatever is split from it can be seen. */
static struct page *lone_block(struct list_head *hog)
{
	struct page *block = zone_take(dma, 4);

	hog_zone(hog, dma, 0);
	return block;
}

KTEST(buddy, a_split_leaves_one_free_block_of_each_order_between, "BUD-01 B1 B4")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *block = lone_block(&hog), *page;

	REQUIRE(block);
	__free_pages(block, 4);
	page = zone_take(dma, 0);
	REQUIRE(page == block);
	for (unsigned int order = 0; order < 4; order++) {
		EXPECT(is_free_block(block + (1u << order), order));
		EXPECT_EQ(zone_nr_blocks(dma, order), 1);
	}
	EXPECT_EQ(zone_nr_blocks(dma, 4), 0);
	EXPECT_EQ(dma->nr_free, 15);
	expect_valid();
	__free_page(page);
	EXPECT(is_free_block(block, 4));
	EXPECT_EQ(zone_nr_blocks_within(dma, 0), 16);
	hog_release(&hog);
}

KTEST(buddy, a_free_range_becomes_the_largest_blocks_that_fit, "BUD-14 B1 B2")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *block = lone_block(&hog);
	irqflags_t flags;
	pfn_t pfn;

	REQUIRE(block);
	pfn = page_to_pfn(block);
	block->head = PAGE_INTERIOR;
	flags = port_lock_irqsave(&dma->lock);
	for (pfn_t start = pfn + 1; start < pfn + 15;)
		start = buddy_free_first_locked(dma, start, pfn + 15);
	port_unlock_irqrestore(&dma->lock, flags);
	EXPECT(is_free_block(block + 1, 0) && is_free_block(block + 2, 1) && is_free_block(block + 4, 2));
	EXPECT(is_free_block(block + 8, 2) && is_free_block(block + 12, 1) && is_free_block(block + 14, 0));
	EXPECT_EQ(dma->nr_free, 14);
	expect_valid();

	flags = port_lock_irqsave(&dma->lock);
	EXPECT_EQ(buddy_free_first_locked(dma, pfn + 15, pfn + 16), pfn + 16);
	EXPECT_EQ(buddy_free_first_locked(dma, pfn, pfn + 1), pfn + 1);
	port_unlock_irqrestore(&dma->lock, flags);
	EXPECT(is_free_block(block, 4));
	hog_release(&hog);
}

/* The 16 single pages of a lone block, of which those in `mask` are then freed. */
static void free_some(struct page *block, uint32_t mask)
{
	split_page(block, 4);
	for (unsigned int i = 0; i < 16; i++)
		if (mask >> i & 1)
			__free_page(block + i);
}

static void free_the_others(struct page *block, uint32_t mask)
{
	for (unsigned int i = 0; i < 16; i++)
		if (!(mask >> i & 1))
			__free_page(block + i);
}

/* Aligned runs of 2^order set bits. */
static unsigned int nr_runs(uint32_t mask, unsigned int order)
{
	uint32_t run = (1u << (1u << order)) - 1;
	unsigned int nr = 0;

	for (unsigned int i = 0; i < 16; i += 1u << order)
		nr += (mask >> i & run) == run;
	return nr;
}

KTEST(buddy, a_request_succeeds_if_and_only_if_an_aligned_free_run_exists, "BUD-03 B2")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct random random = {20};

	for (unsigned int round = 0; round < 24; round++) {
		uint32_t mask = round == 0 ? 0x6 : round == 1 ? 0xc : random_next(&random) >> 16;
		struct page *block = lone_block(&hog);

		REQUIRE(block);
		free_some(block, mask);
		for (unsigned int order = 0; order < 4; order++) {
			struct page *taken[16];
			unsigned int nr = 0;

			while (nr < 16 && (taken[nr] = zone_take(dma, order)))
				nr++;
			EXPECT_EQ(nr, nr_runs(mask, order));
			while (nr)
				__free_pages(taken[--nr], order);
		}
		free_the_others(block, mask);
		hog_release(&hog);
	}
}

/* Takes up to `max` blocks of one order from the zone. */
static unsigned int take_blocks(struct page **blocks, unsigned int max, unsigned int order)
{
	unsigned int nr = 0;

	while (nr < max && (blocks[nr] = zone_take(dma, order)))
		nr++;
	return nr;
}

#define MANY 256u
static struct page *many[MANY];

static void free_forward(unsigned int nr, unsigned int order)
{
	for (unsigned int i = 0; i < nr; i++)
		__free_pages(many[i], order);
}

static void free_in_reverse(unsigned int nr, unsigned int order)
{
	while (nr)
		__free_pages(many[--nr], order);
}

static void free_even_then_odd(unsigned int nr, unsigned int order)
{
	for (unsigned int start = 0; start < 2; start++)
		for (unsigned int i = start; i < nr; i += 2)
			__free_pages(many[i], order);
}

static void free_at_random(unsigned int nr, unsigned int order)
{
	struct random random = {6};

	while (nr) {
		unsigned int i = random_below(&random, nr);

		__free_pages(many[i], order);
		many[i] = many[--nr];
	}
}

KTEST(buddy, blocks_freed_in_any_order_merge_to_what_was_there_before, "BUD-06 B2 EXH-01")
{
	static void (*const ways[])(unsigned int nr, unsigned int order) = {
		free_forward, free_in_reverse, free_even_then_odd, free_at_random};
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int order = 0; order <= 4; order++)
		for (unsigned int way = 0; way < ARRAY_SIZE(ways); way++) {
			unsigned int nr = take_blocks(many, MANY, order);

			REQUIRE(nr > 0);
			ways[way](nr, order);
			EXPECT(machine_is_as_found());
		}
}

KTEST(buddy, a_second_run_finds_as_many_blocks_as_the_first, "BUD-05")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);

	hog_zone(&hog, dma, MIB(2u) / PAGE_SIZE);
	for (unsigned int order = 0; order <= 6; order++) {
		size_t expected = MIN(zone_nr_blocks_within(dma, order), (size_t)MANY);
		unsigned int first = take_blocks(many, MANY, order), second;

		free_even_then_odd(first, order);
		second = take_blocks(many, MANY, order);
		free_in_reverse(second, order);
		EXPECT_EQ(first, expected);
		EXPECT_EQ(second, expected);
	}
	hog_release(&hog);
}

static struct zone *zone_with_free_pageblocks(size_t nr)
{
	struct zone *zone;

	for_each_zone(zone)
		if (zone_nr_blocks(zone, PAGEBLOCK_ORDER) >= nr)
			return zone;
	return NULL;
}

static struct page *take_kind(const struct zone *zone, gfp_t kind, unsigned int order)
{
	return alloc_pages(zone_gfp(zone) | __GFP_HIGH | __GFP_NOWARN | kind, order);
}

KTEST(buddy, kinds_of_memory_get_pageblocks_of_their_own_while_there_are_any, "P2 B6")
{
	MACHINE_STAYS_AS_FOUND();
	const struct zone *zone = zone_with_free_pageblocks(NR_MOBILITY);
	struct page *unmovable, *movable, *reclaimable;

	if (!zone)
		SKIP("no zone with three free pageblocks");
	unmovable = take_kind(zone, GFP_NOWAIT, 0);
	movable = take_kind(zone, __GFP_MOVABLE, 0);
	reclaimable = take_kind(zone, __GFP_RECLAIMABLE, 0);
	REQUIRE(unmovable && movable && reclaimable);
	EXPECT_EQ(mobility_of(unmovable), MOBILITY_UNMOVABLE);
	EXPECT_EQ(mobility_of(movable), MOBILITY_MOVABLE);
	EXPECT_EQ(mobility_of(reclaimable), MOBILITY_RECLAIMABLE);
	expect_valid();
	__free_page(movable);
	__free_page(reclaimable);
	__free_page(unmovable);
}

KTEST(buddy, without_a_free_pageblock_the_smallest_block_of_another_kind_is_split, "B6 BUD-03")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *large = zone_take(dma, 5), *small = zone_take(dma, 2), *page;
	enum mobility kind;

	REQUIRE(large && small);
	hog_zone(&hog, dma, 0);
	kind = mobility_of(small);
	__free_pages(large, 5);
	__free_pages(small, 2);
	page = take_kind(dma, kind == MOBILITY_RECLAIMABLE ? GFP_NOWAIT : __GFP_RECLAIMABLE, 0);
	REQUIRE(page);
	EXPECT(page == small);
	EXPECT_EQ(mobility_of(page), kind);
	EXPECT(is_free_block(large, 5));
	expect_valid();
	__free_page(page);
	hog_release(&hog);
}

static gfp_t kind_of(const struct page *page)
{
	return page_mobility(page) == MOBILITY_MOVABLE ? __GFP_MOVABLE : __GFP_RECLAIMABLE;
}

/* One free block of order 2, one of order 5, of two kinds; a request of the third kind takes from
 * `small`. Result: does it, and are both the caller's again? */
static bool splits(struct page *small, struct page *large, gfp_t third)
{
	struct zone *zone = page_zone(small);
	gfp_t small_kind = kind_of(small), large_kind = kind_of(large);
	struct page *page;

	__free_pages(small, 2);
	__free_pages(large, 5);
	page = take_kind(zone, third, 0);
	if (page)
		__free_page(page);
	return take_kind(zone, small_kind, 2) == small && take_kind(zone, large_kind, 5) == large &&
	       page == small;
}

KTEST(buddy, of_two_other_kinds_the_one_with_the_smaller_block_gives, "B6 BUD-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct zone *zone = zone_with_free_pageblocks(NR_MOBILITY);
	struct page *movable[2], *reclaimable[2];
	HOG(hog);

	if (!zone)
		SKIP("no zone with three free pageblocks");
	for (unsigned int i = 0; i < 2; i++) {
		movable[i] = take_kind(zone, __GFP_MOVABLE, i ? 5 : 2);
		reclaimable[i] = take_kind(zone, __GFP_RECLAIMABLE, i ? 5 : 2);
		REQUIRE(movable[i] && reclaimable[i]);
	}
	hog_zone(&hog, zone, 0);
	REQUIRE(splits(movable[0], reclaimable[1], GFP_NOWAIT));
	REQUIRE(splits(reclaimable[0], movable[1], GFP_NOWAIT));
	for (unsigned int i = 0; i < 2; i++) {
		__free_pages(movable[i], i ? 5 : 2);
		__free_pages(reclaimable[i], i ? 5 : 2);
	}
	hog_release(&hog);
}
