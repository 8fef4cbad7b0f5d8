/* SPDX-License-Identifier: MIT */
/* The buddy algorithm. Split writes two heads, merge makes the upper head INTERIOR, nothing else of a block
 * is touched; finding a block is one bit scan. Lock: zone->lock, held by the caller of everything here. */
#include <mm/pages/buddy.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>

/* `where` of blocks in this pageblock, for pages that have no head yet. */
static inline uint32_t where_of_pfn(const struct zone *zone, pfn_t pfn)
{
	return ZONE_WHERE(zone, zone->block_mobility[(pfn >> PAGEBLOCK_ORDER) - zone->first_block]);
}

/* `bit` is 2^order, which is the block's size in pages and its list's bit in nonempty. */
static inline void list_block(struct block_lists *lists, struct page *page, struct list_head *list,
			      uint32_t bit)
{
	list_add(&page->links, list);
	lists->nonempty |= bit;
}

static inline void unlist_block(struct block_lists *lists, struct page *page, uint32_t bit)
{
	struct list_head *next = page->links.next, *prev = page->links.prev;

	next->prev = prev;
	prev->next = next;
	if (next == prev) /* both are the list's head: that was the last block */
		lists->nonempty &= ~bit;
}

/* Cut a block of 2^have pages, just unlisted from `list`, down to 2^order. It was the smallest that would do,
 * so the lists between are empty and each upper half becomes the only block of its list. Result: the head of
 * what is left. */
static inline uint32_t split_block(struct block_lists *lists, struct page *page, uint32_t have_bit,
				   uint32_t bit, struct list_head *list)
{
	uint32_t head = page->head;

	lists->nonempty |= have_bit - bit;
	do {
		struct page *upper;

		have_bit >>= 1;
		head -= PAGE_HEAD_ORDER_STEP;
		list--;
		upper = page + have_bit;
		upper->head = head;
		upper->links.next = upper->links.prev = list;
		list->next = list->prev = &upper->links;
	} while (have_bit > bit);
	return head;
}

/* A block of 2^order pages from the smallest list named in `large_enough`, which is not 0. */
static inline struct page *take_block(struct zone *zone, struct block_lists *lists, uint32_t large_enough,
				      unsigned int order)
{
	unsigned int have = bit_lowest(large_enough);
	struct list_head *list = &lists->list[have];
	struct page *page = list_first_entry(list, struct page, links);
	uint32_t have_bit = 1u << have, bit = 1u << order, head = page->head;

	unlist_block(lists, page, have_bit);
	if (have_bit != bit)
		head = split_block(lists, page, have_bit, bit, list);
	page->refcount = 1; /* A1, from the first moment on */
	page->head = head + (PAGE_ALLOCATED - PAGE_FREE);
	zone->nr_free -= bit;
	return page;
}

/* Make a free pageblock of another mobility ours. Result: is there one now? */
static bool convert_pageblock(struct zone *zone, enum mobility from, enum mobility to)
{
	const uint32_t bit = 1u << PAGEBLOCK_ORDER;
	struct page *page;

	if (!(zone->lists[from].nonempty & bit))
		return false;
	page = list_first_entry(&zone->lists[from].list[PAGEBLOCK_ORDER], struct page, links);
	unlist_block(&zone->lists[from], page, bit);
	zone->block_mobility[(page_to_pfn(page) >> PAGEBLOCK_ORDER) - zone->first_block] = (uint8_t)to;
	page->head = PAGE_HEAD(PAGE_FREE, PAGEBLOCK_ORDER, ZONE_WHERE(zone, to));
	list_block(&zone->lists[to], page, &zone->lists[to].list[PAGEBLOCK_ORDER], bit);
	return true;
}

/* Nothing of our own mobility is large enough. A whole pageblock keeps kinds apart; without one the smallest
 * block of another kind spoils the least, and all of it stays of its kind (B6). */
static NOINLINE struct page *alloc_from_other(struct zone *zone, unsigned int order, enum mobility mobility)
{
	static const uint8_t others[NR_MOBILITY][NR_MOBILITY - 1] = {
		[MOBILITY_UNMOVABLE] = {MOBILITY_RECLAIMABLE, MOBILITY_MOVABLE},
		[MOBILITY_MOVABLE] = {MOBILITY_RECLAIMABLE, MOBILITY_UNMOVABLE},
		[MOBILITY_RECLAIMABLE] = {MOBILITY_UNMOVABLE, MOBILITY_MOVABLE},
	};
	uint32_t best = 0, large_enough;
	enum mobility from = mobility;

	for (unsigned int i = 0; i < NR_MOBILITY - 1; i++)
		if (convert_pageblock(zone, (enum mobility)others[mobility][i], mobility))
			return take_block(zone, &zone->lists[mobility], 1u << PAGEBLOCK_ORDER, order);

	for (unsigned int i = 0; i < NR_MOBILITY - 1; i++) {
		large_enough = zone->lists[others[mobility][i]].nonempty & ~0u << order;
		if (large_enough && (!best || bit_lowest(large_enough) < bit_lowest(best))) {
			best = large_enough;
			from = (enum mobility)others[mobility][i];
		}
	}
	return best ? take_block(zone, &zone->lists[from], best, order) : NULL;
}

struct page *buddy_alloc_locked(struct zone *zone, unsigned int order, enum mobility mobility)
{
	struct block_lists *lists = &zone->lists[mobility];
	uint32_t large_enough = lists->nonempty & ~0u << order;

	ASSERT(port_lock_is_held(&zone->lock));
	if (unlikely(!large_enough))
		return alloc_from_other(zone, order, mobility);
	return take_block(zone, lists, large_enough, order);
}

void buddy_free_locked(struct zone *zone, struct page *page, unsigned int order)
{
	struct block_lists *lists = &zone->lists[page_mobility(page)];
	struct list_head *list = &lists->list[order];
	uint32_t free_head = PAGE_HEAD(PAGE_FREE, order, page->where);
	uint32_t bit = 1u << order;
	pfn_t pfn = page_to_pfn(page);

	ASSERT(port_lock_is_held(&zone->lock) && page_zone(page) == zone);
	zone->nr_free += bit;
	for (; bit < 1u << MAX_PAGE_ORDER; bit <<= 1, free_head += PAGE_HEAD_ORDER_STEP, list++) {
		struct page *buddy = pfn_to_page(pfn ^ bit);

		if (buddy->head != free_head)
			break;
		unlist_block(lists, buddy, bit);
		if (pfn & bit) {
			page->head = PAGE_INTERIOR;
			page = buddy;
			pfn ^= bit;
		} else {
			buddy->head = PAGE_INTERIOR;
		}
	}
	page->head = free_head;
	list_block(lists, page, list, bit);
}

pfn_t buddy_free_first_locked(struct zone *zone, pfn_t start, pfn_t end)
{
	unsigned int order = MIN(bit_highest(end - start), (unsigned int)MAX_PAGE_ORDER);

	if (start)
		order = MIN(order, bit_lowest(start));
	pfn_to_page(start)->where = (uint8_t)where_of_pfn(zone, start);
	buddy_free_locked(zone, pfn_to_page(start), order);
	return start + (1u << order);
}

size_t buddy_count_locked(const struct zone *zone, enum mobility mobility, unsigned int order)
{
	const struct page *page;
	size_t nr = 0;

	list_for_each_entry(page, &zone->lists[mobility].list[order], links)
		nr++;
	return nr;
}
