/* SPDX-License-Identifier: MIT */
/* Which pages of files are given back first. Serves CONTRACT R6.
 *
 * Each zone has two lists. A page begins at the head of the inactive one; who is used a second time while it is there
 * goes to the head of the active one. Reclaim takes from the tail of the inactive list; when that has become shorter
 * than a third of the active one, the tail of the active list follows, but a page that was used meanwhile goes round
 * once more: its second chance. So a stream, each page of which is used once, passes through the inactive list and
 * leaves what is used again and again where it is.
 *
 * LR1 a page is in the list of its zone that its flag ACTIVE says, exactly while it has ONLIST; it is of a mapping then.
 * LR2 the lists count their pages.
 * LR3 whoever takes a page off a list to look at it holds it, and puts it back unless it has left its mapping: whoever
 *     takes a page out of its mapping forgets the mapping first and looks for the page in a list then.
 *
 * Lock: one per zone, the innermost: taken under a mapping's, interrupts off. */
#pragma once

#include <mm/cache/cache_page.h>
#include <mm/pages/zone.h>

enum lru_list { LRU_INACTIVE, LRU_ACTIVE, NR_LRU_LISTS };

/* A page that has just come into its mapping. Context: any. */
void lru_add(struct page *page);

/* A page whose mapping is NULL by now. Context: any. */
void lru_remove(struct page *page);

/* It was used. Context: any; the caller holds the page. */
void lru_touch(struct page *page);

/* Up to nr pages off the tail of the zone's inactive list, held, chained by their links, the coldest first. Result: how
 * many. Context: any. */
size_t lru_isolate(const struct zone *zone, struct list_head *pages, size_t nr);

/* Back to the head of its list, unless it has left its mapping; the hold stays the caller's. */
void lru_put_back(struct page *page);

/* Moves up to nr pages from the tail of the active list, as long as the inactive one is too short. */
void lru_balance(const struct zone *zone, size_t nr);

/* Pages in a list. A snapshot. Context: any. */
size_t lru_pages(const struct zone *zone, enum lru_list list);

/* What is wrong, or NULL; *nr: pages in all lists. Context: as the validator's. */
const char *lru_check(size_t *nr);

/* Context: boot. */
void lru_init(void);
