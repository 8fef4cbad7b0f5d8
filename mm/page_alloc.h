/* SPDX-License-Identifier: MIT */
/* Pages for the rest of the kernel: the policy above the buddy algorithm. Serves CONTRACT P2-P4, P6, G6-G9,
 * G17, G18, K7.
 *
 * alloc_pages gives a block of 2^order pages with one reference; who drops the last reference frees it.
 * Ordinary requests leave every zone its floor (zone_floor()), those with __GFP_HIGH take the very last page.
 */
#pragma once

#include <mm/zone.h>

/* 2^order contiguous pages, or NULL when no zone that gfp allows has a free block that large above its floor.
 * order > MAX_ORDER and impossible flags: NULL at once, with one rate-limited warning naming the caller (K7).
 * Context: any with GFP_ATOMIC or GFP_NOWAIT; process context, no lock held, with __GFP_WAIT. Rows P2, G1,
 * G2, G6-G9. */
struct page *alloc_pages(gfp_t gfp, unsigned int order) MUST_CHECK;
#define alloc_page(gfp) alloc_pages(gfp, 0)

/* Drop one reference; the last one frees the block. A wrong order, a page inside a block, a free page or one
 * never handed out is reported and nothing is changed. Context: any. Rows P2, P4. */
void __free_pages(struct page *page, unsigned int order);
#define __free_page(page) __free_pages(page, 0)

/* The same by address in low memory; 0 when there is none. With __GFP_HIGHMEM: one warning, then low memory
 * (K6). */
unsigned long __get_free_pages(gfp_t gfp, unsigned int order) MUST_CHECK;
unsigned long get_zeroed_page(gfp_t gfp) MUST_CHECK;
#define __get_free_page(gfp) __get_free_pages(gfp, 0)
void free_pages(unsigned long addr, unsigned int order);
#define free_page(addr) free_pages(addr, 0)

/* Exactly the whole pages that size_bytes needs, contiguous: the rest of the power of two stays free. NULL as
 * alloc_pages. free_pages_exact wants the same size. Context: as alloc_pages; any. Row P2, BUD-14. */
void *alloc_pages_exact(size_t size_bytes, gfp_t gfp) MUST_CHECK;
void free_pages_exact(void *addr, size_t size_bytes);

/* The order whose block holds size_bytes: 0 for 0 and 1, 1 for PAGE_SIZE + 1. Row P3. */
unsigned int get_order(unsigned long size_bytes);

/* Turn one allocated block into 2^order single pages, each with one reference. Not for compound pages.
 * Context: any. */
void split_page(struct page *page, unsigned int order);

/* References. On a compound page any page of the block will do (G18). Context: any; page must be allocated.
 */
void get_page(struct page *page);
void put_page(struct page *page);
int page_count(struct page *page);
struct page *compound_head(struct page *page);
bool PageCompound(struct page *page);
unsigned int compound_order(struct page *page);

/* Free pages of all zones, or of those up to `highest`. A snapshot. Context: any. */
size_t nr_free_pages(void);
size_t nr_free_pages_below(enum zone_id highest);

/* Hand pages [start, end) to the zones they lie in; they must not be in use. Result: pages taken. Context:
 * any. */
uint64_t page_alloc_add_range(pfn_t start, pfn_t end);

/* Says "<task>: page allocation failure" with order, flags and the state of the zones, unless __GFP_NOWARN or
 * too often. Serves G13. */
void page_alloc_report_failure(gfp_t gfp, unsigned int order);

/* For the slab layer: a block of exactly nr pages (as alloc_pages_exact) whose head page gets this state. */
struct page *page_alloc_exact(size_t nr_pages, gfp_t gfp, enum page_state state) MUST_CHECK;
void page_free_exact(struct page *page);
