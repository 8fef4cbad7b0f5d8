/* SPDX-License-Identifier: MIT */
/* Pages for the rest of the kernel: the policy above the buddy algorithm. Serves CONTRACT P2-P4, P6, G6-G9,
 * G17, G18, K7.
 *
 * alloc_pages gives a block of 2^order pages with one reference; who drops the last reference frees it.
 * Ordinary requests leave every zone its floor (zone_floor()), those with __GFP_HIGH take the very last page.
 */
#pragma once

#include <mm/pages/pcp.h>
#include <mm/pages/watch.h>

/* Flags that the inline fast path serves by popping a page: all that only matter when there is none. */
#define GFP_PLAIN_BITS                                                                                       \
	(__GFP_DMA | __GFP_HIGHMEM | __GFP_MOVABLE | __GFP_RECLAIMABLE | GFP_KERNEL | __GFP_HIGH |           \
	 __GFP_NOWARN | __GFP_REPEAT | __GFP_NORETRY | __GFP_NOMEMALLOC)

static ALWAYS_INLINE bool gfp_is_plain(gfp_t gfp)
{
	return !gfp_has(gfp, ~GFP_PLAIN_BITS);
}

/* alloc_pages for flags or an order that the compiler does not know. */
struct page *alloc_pages_any(gfp_t gfp, unsigned int order) MUST_CHECK;

/* __free_pages for order 0, for orders that have per-CPU lists, for any. */
void free_page_0(struct page *page);
void free_pages_small(struct page *page, unsigned int order);
void free_pages_any(struct page *page, unsigned int order);

/* 2^order contiguous pages, or NULL when no zone that gfp allows has a free block that large above its floor.
 * order > MAX_PAGE_ORDER and impossible flags: NULL at once, with one rate-limited warning naming the caller (K7).
 * Context: any with GFP_ATOMIC or GFP_NOWAIT; process context, no lock held, with __GFP_WAIT. Rows P2, G1,
 * G2, G6-G9. */
MUST_CHECK static ALWAYS_INLINE struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	if (__builtin_constant_p(gfp) && gfp_is_plain(gfp) && likely(order < PCP_ORDERS)) {
		struct pcpu_stack *stack = pcp_stack_for(gfp, order);

		if (gfp_has(gfp, __GFP_WAIT) && port_debug_irqs_off())
			return page_pop_invalid(stack, gfp);
		return gfp_has(gfp, __GFP_WAIT) ? page_pop_wait(stack, gfp) : page_pop(stack, gfp);
	}
	return alloc_pages_any(gfp, order);
}
#define alloc_page(gfp) alloc_pages(gfp, 0)

/* The same, from a node first (NUMA_NO_NODE: the CPU's own); with __GFP_THISNODE from no other. Row G22. */
MUST_CHECK static inline struct page *alloc_pages_node(int node, gfp_t gfp, unsigned int order)
{
	return alloc_pages_any(gfp | __GFP_NODE(node), order);
}

/* Drop one reference; the last one frees the block. A wrong order, a page inside a block, a free page or one
 * never handed out is reported and nothing is changed. Context: any. Rows P2, P4. */
static ALWAYS_INLINE void __free_pages(struct page *page, unsigned int order)
{
	if (__builtin_constant_p(order) && order == 0)
		free_page_0(page);
	else if (likely(order < PCP_ORDERS))
		free_pages_small(page, order);
	else
		free_pages_any(page, order);
}
#define __free_page(page) __free_pages(page, 0)

/* The same by address in low memory; 0 when there is none. With __GFP_HIGHMEM: one warning, then low memory
 * (K6). */
unsigned long __get_free_pages(gfp_t gfp, unsigned int order) MUST_CHECK;
unsigned long get_zeroed_page(gfp_t gfp) MUST_CHECK;
#define __get_free_page(gfp) __get_free_pages(gfp, 0)

/* free_pages for order 0, for any. */
void free_page_at(unsigned long addr);
void free_pages_at(unsigned long addr, unsigned int order);

/* __free_pages by address; 0 is nothing, and no page's address is reported. */
static ALWAYS_INLINE void free_pages(unsigned long addr, unsigned int order)
{
	if (__builtin_constant_p(order) && order == 0)
		free_page_at(addr);
	else
		free_pages_at(addr, order);
}
#define free_page(addr) free_pages(addr, 0)

/* Exactly the whole pages that size_bytes needs, contiguous: the rest of the power of two stays free. NULL as
 * alloc_pages. free_pages_exact wants the same size. Context: as alloc_pages; any. Row P2, BUD-14. */
void free_pages_exact(void *addr, size_t size_bytes);
void *alloc_pages_exact(size_t size_bytes, gfp_t gfp) MUST_CHECK FREED_BY(free_pages_exact, 1);

/* The order whose block holds size_bytes: 0 for 0 and 1, 1 for PAGE_SIZE + 1. Row P3. */
unsigned int get_order(unsigned long size_bytes);

/* Turn one allocated block into 2^order single pages, each with one reference; the first keeps those that the
 * block had. Not for compound pages. Context: any. */
void split_page(struct page *page, unsigned int order);

/* References to what alloc_pages, alloc_pages_exact, kmalloc above 16 KiB and alloc_user_page gave: it goes
 * back, whole, when its owner has freed it and the last of them is dropped. On a compound page, an exact and a
 * large allocation any of its pages will do (G18); of a block without __GFP_COMP its first one alone. Anything
 * else, pages of slabs above all, cannot be kept: reported, nothing changed. page_count(): the owner's
 * included; 0 where there can be none. Context: any. */
void get_page(struct page *page);
void put_page(struct page *page);
int page_count(struct page *page);
struct page *compound_head(struct page *page);
bool PageCompound(struct page *page);
unsigned int compound_order(struct page *page);

/* Give all pages parked in this CPU's lists back to their zones: for reports that want to see them. Context:
 * any. */
void drain_all_pages(void);

/* Free pages of all zones, or of those up to `highest`, with what is parked per CPU. A snapshot. Context:
 * any. */
size_t nr_free_pages(void);
size_t nr_free_pages_below(enum zone_id highest);

/* Hand pages [start, end) to the zones they lie in; they must not be in use. Result: pages taken. Context:
 * any. */
uint64_t page_alloc_add_range(pfn_t start, pfn_t end);

/* page_alloc_report_failure for who wants to be told. */
void page_alloc_print_failure(gfp_t gfp, unsigned int order);

/* Says "<task>: page allocation failure" with order, flags and the state of the zones, unless __GFP_NOWARN or
 * too often. Serves G13. */
static inline void page_alloc_report_failure(gfp_t gfp, unsigned int order)
{
	if (!gfp_has(gfp, __GFP_NOWARN))
		page_alloc_print_failure(gfp, order);
}

/* C1, where only interrupts switched off by hand remain to be seen: reported, and the request goes on as one
 * that may not sleep. For slow paths. */
static inline gfp_t gfp_check_context(gfp_t gfp)
{
	if (gfp_has(gfp, __GFP_WAIT) && unlikely(irqs_disabled()) &&
	    !port_check_may_sleep(__FILE__, __LINE__))
		gfp &= ~GFP_PATIENCE;
	return gfp;
}

/* C1 for whoever comes past the fast path, which asks for it. */
static inline gfp_t gfp_check_atomic(gfp_t gfp)
{
	if (gfp_has(gfp, __GFP_WAIT) && unlikely(port_is_atomic() || port_debug_irqs_off()) &&
	    !port_check_may_sleep(__FILE__, __LINE__))
		gfp &= ~GFP_PATIENCE;
	return gfp;
}

/* What is free now of the zones gfp allows, down to the floor it must leave. For whoever
 * takes on behalf of a waiter. Context: any, zone locks not held. */
struct page *page_alloc_try(gfp_t gfp, unsigned int order) MUST_CHECK;

/* Its pages go to the owner it took them for: unless they come from alloc_pages, whoever watches pages sees them
 * here. Context: any, no lock of mm held. */
void page_alloc_show_taken(struct page *page, gfp_t gfp, unsigned int order, const void *caller);

/* For page_ref.c. The last reference to a block, an exact or a large allocation frees it; `head` is where they are counted.
 * Context: any, no lock of mm held. */
void page_drop_reference(struct page *head);

/* A wild pointer to a descriptor, by whom. Context: any. */
void page_alloc_report_wild(const void *page, const void *caller);

/* What is known of who took and freed the page (page_owner=on), for the lines behind a report. Context: any. */
void page_alloc_print_owner(const struct page *page);

/* Clear pages and objects whenever they are handed out, or given back (K4). Every call then takes the slow
 * path. Context: boot. */
void page_alloc_set_init_on(bool alloc, bool free);

/* The whole of alloc_pages, slow paths included, for callers that name theirs. */
struct page *page_alloc_for(gfp_t gfp, unsigned int order, const void *caller) MUST_CHECK;

/* An address is asked for, and high memory has none: one warning naming the caller, then low memory (K6).
 * Result: the flags to go on with. Context: any. */
gfp_t page_want_address(gfp_t gfp, const void *caller);

/* For large kmalloc: a block of exactly nr pages (as alloc_pages_exact) whose head page gets this state. */
struct page *page_alloc_exact(size_t nr_pages, gfp_t gfp, enum page_state state,
			      const void *caller) MUST_CHECK;

/* Its owner gives it back; whoever holds other references keeps it. */
void page_free_exact(struct page *page);
