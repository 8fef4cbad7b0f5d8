/* SPDX-License-Identifier: MIT */
/* The lives of vmalloc's areas: addresses, page tables, and what happens after vfree. For mm/mapped/vmarea.c,
 * vmalloc.c, vmap.c, vmalloc_info.c and tests only: everybody else uses vmalloc.h.
 *
 *   new -> GROWING -> LIVE -> (DEFERRED ->) GOING -> FREED: dirty -> resting -> clean -> used again, or
 *                                                                           -> doomed -> gone
 *
 * A freed area is unmapped and its pages are given back at once; its addresses stay its own. Each
 * AREA_DIRTY_MAX-th free flushes the TLB: those that rested since the flush before are clean from then on,
 * those freed since begin to rest. So no address is used again before a flush, nor soon. The next request for
 * as many pages takes a clean area as it is, page tables included, for the price of a list. A large one, or
 * one too many, leaves the tree, and a page table leaves with the last area under it.
 *
 * VM1-VM3 see areas.h.
 *
 * VM4 all pages of a LIVE or DEFERRED area are mapped; none of a FREED one, and no guard page, ever. One that is
 *     GROWING or GOING is his who works at it.
 * VM5 a FREED area is on one list: dirty, resting (since a flush), clean[pages - 1] or doomed (since two).
 * VM6 the first page of a LIVE vmalloc area points back at it (page->private): how vfree() finds it, in any
 *     context. Pages that others own may hold anything there, so the area must confirm.
 * VM7 whoever waits for addresses is asked after each area freed since it looked for some. */
#pragma once

#include <kernel/lib/align.h>
#include <kernel/lib/list.h>
#include <mm/mapped/areas.h>
#include <mm/pages/above.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/scope.h>

#define AREA_GUARD_BYTES PAGE_SIZE
#define AREA_DIRTY_MAX	 32u /* frees between two flushes */
#define AREA_CLEAN_PAGES 16u /* areas up to this size are used again whole, */
#define AREA_CLEAN_MAX	 32u /* so many of each size */

enum area_kind { AREA_VMALLOC, AREA_VMAP, AREA_IOREMAP };
enum area_state { AREA_GROWING, AREA_LIVE, AREA_DEFERRED, AREA_GOING, AREA_FREED };

/* (L) vm.lock, see vmarea.c. GROWING and GOING areas belong to the thread that makes or unmakes them, LIVE ones
 * to their owner. */
struct vm_area {
	struct area span;      /* (L) [start, end), the guard page behind included */
	struct list_head link; /* (L) VM5; while DEFERRED: in vm.deferred */
	size_t size_bytes;     /* asked for */
	const void *caller, *freed_by;
	paddr_t paddr; /* of ioremap */
	uint8_t kind, state;
};

static inline uintptr_t area_mapped_end(const struct vm_area *area)
{
	return area->span.end - AREA_GUARD_BYTES;
}

static inline size_t area_nr_pages(const struct vm_area *area)
{
	return (area_mapped_end(area) - area->span.start) >> PAGE_SHIFT;
}

/* Where the page table that describes addr ends, or `end` if that comes first. */
static inline uintptr_t area_run_end(uintptr_t addr, uintptr_t end)
{
	return MIN(end, ALIGN_DOWN(addr, PORT_TABLE_SPAN) + PORT_TABLE_SPAN);
}

/* Interrupts, softirqs, locks held, interrupts switched off. */
static inline bool area_context_is_atomic(void)
{
	return unlikely(port_is_atomic() || irqs_disabled());
}

/* The same for callers that must not be there: reported as C1 wants. */
#define area_is_refused_here() (area_context_is_atomic() && !port_check_may_sleep(__FILE__, __LINE__))

/* Why no such area can ever be, or NULL. */
const char *area_why_impossible(size_t size_bytes, size_t align);

/* What is allocated between the two is part of an area, which is written down as a whole when it is LIVE, until
 * it is let go (mm/report/leak.h). Context: process. */
static inline bool area_parts_begin(void)
{
	return unlikely(mm_watch & WATCH_LEAK) && !scope_save(SCOPE_PART);
}

static inline void area_parts_end(bool is_begun)
{
	if (unlikely(is_begun))
		scope_restore(SCOPE_PART, 0);
}

/* Every change of an area's life says what it was before. */
static inline void area_set_state(struct vm_area *area, enum area_state from, enum area_state to)
{
	ASSERT_AT(1, area->state == from);
	area->state = (uint8_t)to;
}

static inline void area_make_live(struct vm_area *area)
{
	area_set_state(area, AREA_GROWING, AREA_LIVE);
	if (unlikely(mm_watch & WATCH_LEAK))
		leak_note((const void *)area->span.start, area->size_bytes, area->caller);
}

/* An area, GROWING, whose pages can be mapped; the size is possible. NULL: *why not; never with __GFP_NOFAIL,
 * which waits for addresses too (G15). Context: process, may sleep if gfp says so. */
struct vm_area *area_get(size_t size_bytes, size_t align, enum area_kind kind, gfp_t gfp, const void *caller,
			 const char **why) MUST_CHECK;

/* From LIVE or DEFERRED to GOING: nobody finds it any more, and its pages may be unmapped. Context: process. */
void area_let_go(struct vm_area *area, const void *caller);

/* A GOING area whose pages are unmapped becomes FREED. Context: process. */
void area_retire(struct vm_area *area);

/* Of a GROWING area whose pages are unmapped nothing is left, page tables included. Context: process. */
void area_abandon(struct vm_area *area);

/* Leaves a LIVE vmalloc area to a thread, which frees it. Context: any. */
void area_defer(struct vm_area *area, const void *caller);

/* The LIVE vmalloc area that starts at addr, or NULL (VM6). Context: any. */
struct vm_area *area_find_live(const void *addr);

/* The LIVE area of that kind that starts at addr, or NULL. Context: process. */
struct vm_area *area_find(uintptr_t addr, enum area_kind kind);

/* The areas with the highest start <= addr and with the lowest > addr, each NULL if there is none. Without
 * lock, maybe wrong: for fault reports. Context: any. */
void area_neighbours(uintptr_t addr, const struct vm_area **below, const struct vm_area **above);

/* A copy of the lowest area from addr on. Result: is there one? Context: process. */
bool area_copy_next(uintptr_t addr, struct vm_area *copy) MUST_CHECK;

/* What is said when there is no area; result: NULL. And when something else is given back. vmalloc.c. */
void *area_refuse(const char *call, size_t size_bytes, gfp_t gfp, const void *caller, const char *why);
void area_report_wrong_free(const char *call, const void *addr, const void *caller, const char *wanted);

/* Unmaps the pages from the area's start up to `end`; and gives them back, where they are its own. Context:
 * the area is the caller's alone. */
void area_unmap(const struct vm_area *area, uintptr_t end);
void area_unmap_and_free(const struct vm_area *area, uintptr_t end);
