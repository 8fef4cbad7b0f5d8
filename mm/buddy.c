/* SPDX-License-Identifier: MIT */
/* The buddy algorithm. Split writes two heads, merge makes the upper head INTERIOR, nothing else of a block
 * is touched; finding a block is one bit scan. Lock: zone->lock, held by the caller of everything here. */
#include <mm/buddy.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>

/* `where` of blocks in this pageblock, for pages that have no head yet. */
static inline uint32_t where_of_pfn(const struct zone *zone, pfn_t pfn)
{
	return ZONE_WHERE(zone, zone->block_mobility[(pfn >> PAGEBLOCK_ORDER) - zone->first_block]);
}

static inline void list_block(struct zone *zone, struct page *page, unsigned int order,
			      enum mobility mobility)
{
	list_add(&page->links, &zone->free_list[mobility][order]);
	zone->nonempty[mobility] |= 1u << order;
}

static inline void unlist_block(struct zone *zone, struct page *page, unsigned int order,
				enum mobility mobility)
{
	struct list_head *next = page->links.next, *prev = page->links.prev;

	next->prev = prev;
	prev->next = next;
	if (next == prev) /* both are the list's head: that was the last block */
		zone->nonempty[mobility] &= ~(1u << order);
}

/* Cut a block of order `have`, just unlisted, down to `order`. It was the smallest that would do, so the
 * lists between are empty and each upper half becomes the only block of its list. */
static inline void split_block(struct zone *zone, struct page *page, unsigned int have, unsigned int order,
			       enum mobility mobility)
{
	uint32_t head = PAGE_HEAD(PAGE_FREE, have, ZONE_WHERE(zone, mobility));
	struct list_head *list = &zone->free_list[mobility][have];

	zone->nonempty[mobility] |= (1u << have) - (1u << order);
	while (have > order) {
		struct page *upper = page + (1u << --have);

		head -= PAGE_HEAD_ORDER_STEP;
		list--;
		upper->head = head;
		upper->links.next = upper->links.prev = list;
		list->next = list->prev = &upper->links;
	}
}

/* The first block of that list, cut down to `order`; the list is not empty. */
static inline struct page *take_block(struct zone *zone, unsigned int have, unsigned int order,
				      enum mobility mobility)
{
	struct page *page = list_first_entry(&zone->free_list[mobility][have], struct page, links);

	unlist_block(zone, page, have, mobility);
	if (have != order)
		split_block(zone, page, have, order, mobility);
	page->head = PAGE_HEAD(PAGE_ALLOCATED, order, ZONE_WHERE(zone, mobility));
	zone->nr_free -= (size_t)1 << order;
	return page;
}

/* Make a free pageblock of another mobility ours. Result: is there one now? */
static bool convert_pageblock(struct zone *zone, enum mobility from, enum mobility to)
{
	struct page *page;

	if (!(zone->nonempty[from] >> PAGEBLOCK_ORDER))
		return false;
	page = list_first_entry(&zone->free_list[from][PAGEBLOCK_ORDER], struct page, links);
	unlist_block(zone, page, PAGEBLOCK_ORDER, from);
	zone->block_mobility[(page_to_pfn(page) >> PAGEBLOCK_ORDER) - zone->first_block] = (uint8_t)to;
	page->head = PAGE_HEAD(PAGE_FREE, PAGEBLOCK_ORDER, ZONE_WHERE(zone, to));
	list_block(zone, page, PAGEBLOCK_ORDER, to);
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
	unsigned int best = NR_ORDERS;
	enum mobility from = mobility;

	for (unsigned int i = 0; i < NR_MOBILITY - 1; i++)
		if (convert_pageblock(zone, (enum mobility)others[mobility][i], mobility))
			return take_block(zone, PAGEBLOCK_ORDER, order, mobility);

	for (unsigned int i = 0; i < NR_MOBILITY - 1; i++) {
		uint32_t large_enough = zone->nonempty[others[mobility][i]] & ~0u << order;

		if (large_enough && bit_lowest(large_enough) < best) {
			best = bit_lowest(large_enough);
			from = (enum mobility)others[mobility][i];
		}
	}
	return best == NR_ORDERS ? NULL : take_block(zone, best, order, from);
}

struct page *buddy_alloc_locked(struct zone *zone, unsigned int order, enum mobility mobility)
{
	uint32_t large_enough = zone->nonempty[mobility] & ~0u << order;

	ASSERT(port_lock_is_held(&zone->lock));
	if (unlikely(!large_enough))
		return alloc_from_other(zone, order, mobility);
	return take_block(zone, bit_lowest(large_enough), order, mobility);
}

void buddy_free_locked(struct zone *zone, struct page *page, unsigned int order)
{
	enum mobility mobility = page_mobility(page);
	uint32_t free_head = PAGE_HEAD(PAGE_FREE, order, page->where);
	pfn_t pfn = page_to_pfn(page);

	ASSERT(port_lock_is_held(&zone->lock) && page_zone(page) == zone);
	zone->nr_free += (size_t)1 << order;
	for (; order < MAX_ORDER; order++, free_head += PAGE_HEAD_ORDER_STEP) {
		struct page *buddy = pfn_to_page(pfn ^ (1u << order));

		if (buddy->head != free_head)
			break;
		unlist_block(zone, buddy, order, mobility);
		if (buddy < page) {
			page->head = PAGE_INTERIOR;
			page = buddy;
			pfn ^= 1u << order;
		} else {
			buddy->head = PAGE_INTERIOR;
		}
	}
	page->head = free_head;
	list_block(zone, page, order, mobility);
}

void buddy_free_range_locked(struct zone *zone, pfn_t start, pfn_t end)
{
	while (start < end) {
		unsigned int order = MIN(bit_highest(end - start), (unsigned int)MAX_ORDER);

		if (start)
			order = MIN(order, bit_lowest(start));
		pfn_to_page(start)->where = (uint8_t)where_of_pfn(zone, start);
		buddy_free_locked(zone, pfn_to_page(start), order);
		start += 1u << order;
	}
}

size_t buddy_count_locked(const struct zone *zone, enum mobility mobility, unsigned int order)
{
	const struct page *page;
	size_t nr = 0;

	list_for_each_entry(page, &zone->free_list[mobility][order], links)
		nr++;
	return nr;
}
