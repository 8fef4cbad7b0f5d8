/* SPDX-License-Identifier: MIT */
/* What this room asks of those above it: the only calls that leave it upwards. Each says where it is defined;
 * the rooms that do so include this header. Context and locks are stated there. */
#pragma once

#include <mm/pages/gfp.h>
#include <mm/pages/page.h>
#include <mm/pages/watch.h>

struct zone;

/* reclaim/wait.c: pages came free in a zone, and may be what somebody waits for. Serves a few; who was served
 * goes on with the others when it leaves. Context: any, no lock of mm held. */
extern unsigned int wait_nr_waiters;
void wait_serve_zone_slow(struct zone *zone);

static inline bool wait_somebody(void)
{
	return READ_ONCE(wait_nr_waiters) != 0;
}

static inline void wait_serve_zone(struct zone *zone)
{
	if (unlikely(wait_somebody()))
		wait_serve_zone_slow(zone);
}

/* reclaim/vmscan.c: a request left a zone below `low`; wakes the background reclaimer, once until it sleeps
 * again. Context: any. */
extern bool vmscan_is_awake;
void vmscan_wake_slow(void);

static inline void vmscan_wake(void)
{
	if (!READ_ONCE(vmscan_is_awake))
		vmscan_wake_slow();
}

/* reclaim/retry.c: 2^order pages for a request that may sleep, when nothing is free; NULL: not to be had.
 * Context: process, may sleep. */
struct page *retry_pages(gfp_t gfp, unsigned int order) MUST_CHECK;

/* Must a request queue at once, behind those who wait already? */
static inline bool retry_must_queue(gfp_t gfp)
{
	return unlikely(wait_somebody()) && gfp_has(gfp, __GFP_WAIT);
}

/* mapped/highmem.c: clear a page, wherever it lies. Context: any. */
void clear_highpage(const struct page *page);

/* report/poison.c, while WATCH_POISON: was anything written to pages since they were freed? They leave the zones;
 * and pages that go back are filled. report/owner.c, while WATCH_OWNER: who takes a block, who gives pages back; and
 * what is known of a page, for reports about it: line n, false: there are no more. Context: any, no lock of mm
 * held; a line under any. */
void poison_check_pages(struct page *page, size_t nr_pages, const void *caller);
void poison_fill_pages(struct page *page, size_t nr_pages);
void page_owner_taken(struct page *page, unsigned int order, gfp_t gfp);
void page_owner_freed(struct page *page, size_t nr_pages);
bool page_owner_line(const struct page *page, unsigned int n, char *buf, size_t size);
#define PAGE_OWNER_LINE_MAX 192

/* report/fault.c: shall this request fail on purpose? For slow paths, which see every request meanwhile. Context:
 * any, no lock of mm held. */
bool fault_hits_pages(gfp_t gfp, unsigned int order, const void *caller);

/* report/leak.c: what was handed out, and what is about to come back: a page's descriptor, an object, the start of
 * an area. For slow paths, while WATCH_LEAK. Context: any, no lock of mm held. */
void leak_note(const void *what, size_t bytes, const void *caller);
void leak_forget(const void *what);

static inline void pages_note(const struct page *page, size_t nr_pages, const void *caller)
{
	if (unlikely(mm_watch & WATCH_LEAK))
		leak_note(page, nr_pages << PAGE_SHIFT, caller);
}

static inline void pages_forget(const struct page *page)
{
	if (unlikely(mm_watch & WATCH_LEAK))
		leak_forget(page);
}

/* report/validate.c: a slow path is done, maybe the n-th of validate_every=. Context: any, no lock of mm held. */
void mm_validate_count(void);

static inline void slow_path_done(void)
{
	if (DEBUG_LEVEL >= 2 && unlikely(mm_watch & WATCH_VALIDATE))
		mm_validate_count();
}

static inline bool pages_must_fail(gfp_t gfp, unsigned int order, const void *caller)
{
	return unlikely(mm_watch & WATCH_FAULT) && fault_hits_pages(gfp, order, caller);
}
