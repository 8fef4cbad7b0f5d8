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

/* --- what assertions ask --- */

/* B1, B4, B6, and B2 where it is in the list. */
static bool is_free_block(const struct zone *zone, const struct block_lists *lists, const struct page *page,
			  unsigned int order)
{
	pfn_t pfn = page_to_pfn(page);

	return page->head == PAGE_HEAD(PAGE_FREE, order, ZONE_WHERE(zone, lists - zone->lists)) &&
	       IS_ALIGNED(pfn, 1u << order) && pfn >= zone->start_pfn &&
	       pfn + (1u << order) <= zone->end_pfn && where_of_pfn(zone, pfn) == page->where;
}

static bool has_free_buddy(const struct page *page, unsigned int order)
{
	return order < MAX_PAGE_ORDER && pfn_to_page(page_to_pfn(page) ^ 1u << order)->head == page->head;
}

#define WALK_BLOCKS 16u

/* B5, and the rest of the first blocks of a list. */
static bool list_is_sound(const struct zone *zone, const struct block_lists *lists, unsigned int order)
{
	const struct list_head *list = &lists->list[order], *node = list->next;

	for (unsigned int n = 0; n < WALK_BLOCKS && node != list; n++, node = node->next) {
		const struct page *page = list_entry(node, struct page, links);

		if (!page_is_descriptor(page) || node->prev->next != node || node->next->prev != node ||
		    !is_free_block(zone, lists, page, order) || has_free_buddy(page, order))
			return false;
	}
	return (lists->nonempty >> order & 1) == (list->next != list);
}

/* --- lists --- */

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

	ASSERT(!(lists->nonempty & (have_bit - bit))); /* B5 */
	lists->nonempty |= have_bit - bit;
	do {
		struct page *upper;

		have_bit >>= 1;
		head -= PAGE_HEAD_ORDER_STEP;
		list--;
		upper = page + have_bit;
		ASSERT(upper->head == PAGE_INTERIOR); /* A2 */
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

	ASSERT(is_free_block(zone, lists, page, have)); /* B1, B4, B6 */
	ASSERT(zone->nr_free >= have_bit);		/* B3 */
	unlist_block(lists, page, have_bit);
	if (have_bit != bit)
		head = split_block(lists, page, have_bit, bit, list);
	page->refcount = 1; /* A1, from the first moment on */
	page->head = head + (PAGE_ALLOCATED - PAGE_FREE);
	zone->nr_free -= bit;
	ASSERT(page_is_owned(page, order)); /* A1 */
	ASSERT_SLOW(list_is_sound(zone, lists, have) && list_is_sound(zone, lists, order));
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
	ASSERT(is_free_block(zone, &zone->lists[from], page, PAGEBLOCK_ORDER)); /* B4, B6 */
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
	ASSERT(order <= MAX_PAGE_ORDER && mobility < NR_MOBILITY);
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
	ASSERT(page->state != PAGE_FREE);			      /* B4 */
	ASSERT(order <= MAX_PAGE_ORDER && IS_ALIGNED(pfn, bit));      /* B1 */
	ASSERT(pfn >= zone->start_pfn && pfn + bit <= zone->end_pfn); /* B4 */
	ASSERT(page->where == where_of_pfn(zone, pfn));		      /* B6 */
	zone->nr_free += bit;
	ASSERT(zone->nr_free <= zone->managed); /* Z1 */
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
	ASSERT_SLOW(list_is_sound(zone, lists, page->order)); /* B2, B5 */
}

pfn_t buddy_free_first_locked(struct zone *zone, pfn_t start, pfn_t end)
{
	unsigned int order = MIN(bit_highest(end - start), (unsigned int)MAX_PAGE_ORDER);

	ASSERT(port_lock_is_held(&zone->lock));
	ASSERT(start >= zone->start_pfn && start < end && end <= zone->end_pfn);
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

	ASSERT(port_lock_is_held(&zone->lock));
	list_for_each_entry(page, &zone->lists[mobility].list[order], links)
		nr++;
	return nr;
}
