/* SPDX-License-Identifier: MIT */
/* The buddy algorithm on one zone. Knows blocks, lists and mobility; knows no watermark, no flag and no
 * caller: that is page_alloc's. All functions: zone->lock held, any context, never sleep, no loop longer than
 * NR_ORDERS.
 *
 * B1 a block of order k starts at a page number divisible by 2^k.
 * B2 below MAX_PAGE_ORDER a block and its buddy in one zone are never both free.
 * B3 the sum of 2^k over all free blocks is zone->nr_free.
 * B4 exactly the heads of listed blocks have state FREE, their order, their zone and no flags.
 * B5 bit k of lists[t].nonempty is set exactly when lists[t].list[k] is not empty.
 * B6 a free block is on the list of its pageblock's mobility. */
#pragma once

#include <mm/pages/zone.h>

/* A block of 2^order pages, its head marked ALLOCATED, or NULL when the zone has no free block that large.
 * Prefers blocks of this mobility; else takes over a whole pageblock of another, else the smallest block that
 * will do. */
struct page *buddy_alloc_locked(struct zone *zone, unsigned int order, enum mobility mobility);

/* Takes a block back, whatever its state, and merges it with its free buddies. page->where must be right: it
 * is on every block that was handed out. */
void buddy_free_locked(struct zone *zone, struct page *page, unsigned int order);

/* Frees the largest block that fits from the beginning of pages [start, end) of the zone, heads or not; start < end.
 * Result: where the rest begins. */
pfn_t buddy_free_first_locked(struct zone *zone, pfn_t start, pfn_t end);

/* Blocks free in the list of this mobility and order: a walk, for reports only. */
size_t buddy_count_locked(const struct zone *zone, enum mobility mobility, unsigned int order);
