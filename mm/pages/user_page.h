/* SPDX-License-Identifier: MIT */
/* Pages that programs see: movable, from high memory where there is any, counted, and cleared unless their
 * first owner writes them whole. Serves CONTRACT G3, K4, P9. */
#pragma once

#include <mm/pages/page_alloc.h>

/* One page (GFP_HIGHUSER) with one reference, cleared. NULL: no memory. Context: may sleep. */
struct page *alloc_user_page(void) MUST_CHECK;

/* The same with these flags added, and not cleared: the caller writes every byte before a program can see it
 * (a copy, a page of a file). Flags that change zone or mobility are impossible (K7). */
struct page *alloc_user_page_dirty(gfp_t more) MUST_CHECK;

/* Drops a reference, as put_page and __free_page do; the last one, whoever drops it, frees the page and takes
 * it off the count. What is no user page is reported, and nothing changed. Context: any. */
void free_user_page(struct page *page);

static inline bool page_is_user(const struct page *page)
{
	return page->state == PAGE_USER;
}

/* For page_alloc.c: the last reference is gone. It is a page as others again. */
void user_page_uncount(struct page *page);

/* For cache/lru.c: a page that came back from a swap disk is one of a program again. */
void user_page_count(struct page *page);

/* User pages there are, and those of one zone. Context: any. */
size_t nr_user_pages(void);
size_t zone_nr_user_pages(const struct zone *zone);
