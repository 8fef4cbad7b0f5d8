/* SPDX-License-Identifier: MIT */
/* Which pages are given back first, of files and of programs. Serves CONTRACT R5, R6.
 *
 * Each zone has two lists of each kind. A page begins at the head of the inactive one; who is used a second time while it is there
 * goes to the head of the active one. Reclaim takes from the tail of the inactive list; when that has become shorter
 * than a third of the active one, the tail of the active list follows, but a page that was used meanwhile goes round
 * once more: its second chance. So a stream, each page of which is used once, passes through the inactive list and
 * leaves what is used again and again where it is.
 *
 * Who uses a page of a program says nothing; the CPU notes it, and reclaim finds that out when it has taken the page off.
 *
 * LR1 a page is in the list of its zone that its state and its flag ACTIVE say, exactly while it has ONLIST; it is of a mapping, or
 *     of an aspace, then.
 * LR2 the lists count their pages.
 * LR3 whoever takes a page off a list to look at it holds it, and puts it back unless it has left its owner: whoever
 *     takes a page from its owner clears page->mapping first and looks for the page in a list then.
 * LR4 a page changes its kind under the lock, so that whoever has it off the lists puts it back to the right one.
 *
 * Lock: one per zone, the innermost: taken under an aspace's and a mapping's, interrupts off. */
#pragma once

#include <mm/cache/cache_page.h>
#include <mm/pages/zone.h>

struct mapping;

enum lru_kind { LRU_FILE, LRU_ANON, NR_LRU_KINDS };

/* Those of files, then in the same order those of programs. */
enum lru_list { LRU_INACTIVE, LRU_ACTIVE, LRU_ANON_INACTIVE, LRU_ANON_ACTIVE, NR_LRU_LISTS };

/* Pages, at least one, that have just come to their owner. Context: any. */
void lru_add_run(struct page **page, unsigned int nr);

/* Pages, at least one, whose mapping is NULL by now. Context: any. */
void lru_remove_run(struct page **page, unsigned int nr);

/* LR4. A page of a program becomes one of a file, or the other way round: locked, up to date and of nobody else. Its references stay. Context:
 * any. */
void lru_turn_to_file(struct page *page, struct mapping *mapping, uint32_t index);
void lru_turn_to_anon(struct page *page, void *aspace, uint32_t index);

/* It was used. Context: any; the caller holds the page. */
void lru_touch(struct page *page);

/* Up to nr pages off the tail of the zone's inactive list, held, chained by their links, the coldest first. Result: how
 * many. Context: any. */
size_t lru_isolate(const struct zone *zone, enum lru_kind kind, struct list_head *pages, size_t nr);

/* Back to the head of its list, unless it has left its owner; the hold stays the caller's. used: a
 * program did, since it was looked at: to the active list. */
void lru_put_back(struct page *page);
void lru_put_back_used(struct page *page);
void lru_put_back_cold(struct page *page); /* it is about to be dropped: to the tail */

/* To the tail of the inactive list, if it is in it: reclaim waits for it. Context: any. */
void lru_rotate(struct page *page);

/* Moves up to nr pages from the tail of the active list, as long as the inactive one is too short. Result: how many. */
size_t lru_balance(const struct zone *zone, enum lru_kind kind, size_t nr);

/* Pages in a list. A snapshot. Context: any. */
size_t lru_pages(const struct zone *zone, enum lru_list list);
size_t lru_inactive(const struct zone *zone, enum lru_kind kind);
size_t lru_active(const struct zone *zone, enum lru_kind kind);

/* What is wrong, or NULL; *nr: pages in all lists. Context: as the validator's. */
const char *lru_check(size_t *nr);

/* Context: boot. */
void lru_init(void);
