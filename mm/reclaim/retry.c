/* SPDX-License-Identifier: MIT */
/* Rounds of reclaim and wait. The waiter keeps its place in the queue from the first round to the last, so
 * what others free meanwhile, and what its own reclaim frees, is handed out in the order of arrival. No lock
 * is held here. */
#include <mm/reclaim/retry.h>

#include <kernel/lib/assert.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/oom.h>
#include <mm/reclaim/scope.h>
#include <mm/reclaim/vmscan.h>

#define MAX_VICTIM_WAITS 16u /* sets of rounds for victims to end */

/* V3 */
static bool serve_reclaimer(struct mem_waiter *waiter)
{
	ASSERT(scope_is_reclaim()); /* V3 */
	waiter->gfp |= __GFP_HIGH;
	if (waiter->take(waiter))
		return true;
	if (gfp_has(waiter->gfp, __GFP_NOMEMALLOC))
		return false;
	if (waiter->order == 0 && gfp_zone(waiter->gfp) != ZONE_DMA && !gfp_has(waiter->gfp, __GFP_NO_GROW))
		waiter->page = vmscan_reserve_take();
	return waiter->page != NULL;
}

/* A victim that must not fail gets the last pages: it cannot end without, and nobody else is killed
 * meanwhile. */
static void let_victim_end(struct mem_waiter *waiter)
{
	ASSERT(waiter->thread == port_current());
	if (port_is_killed() && gfp_has(waiter->gfp, __GFP_NOFAIL))
		wait_raise(waiter);
}

static bool do_pass(struct mem_waiter *waiter, gfp_t gfp)
{
	ASSERT(port_may_sleep() && waiter->order <= MAX_PAGE_ORDER);
	wait_begin_look(waiter);
	(void)vmscan_reclaim(gfp, (size_t)1 << waiter->order);
	wait_serve_all(); /* also what was put together without a free: drained lists */
	return wait_is_served(waiter);
}

static bool do_round(struct mem_waiter *waiter, gfp_t gfp)
{
	mm_event_add(EVENT_ROUND, 1);
	let_victim_end(waiter);
	return do_pass(waiter, gfp);
}

/* A page of a file that becomes clean meanwhile costs no round. */
static bool wait_in_round(struct mem_waiter *waiter, gfp_t gfp)
{
	uint64_t end = port_now_ms() + RETRY_WAIT_MS;

	ASSERT(READ_ONCE(wait_nr_waiters)); /* W3: it is one itself */
	while (!wait_sleep(waiter, end)) {
		if (!READ_ONCE(waiter->should_look) || wait_is_hopeless(waiter) || port_now_ms() >= end)
			return false;
		if (do_pass(waiter, gfp))
			return true;
	}
	return true;
}

static bool do_rounds(struct mem_waiter *waiter, gfp_t gfp, unsigned int nr)
{
	for (; nr; nr--) {
		if (do_round(waiter, gfp) || wait_in_round(waiter, gfp))
			return true;
		if (wait_is_hopeless(waiter))
			return false;
	}
	return false;
}

static void try_hard(struct mem_waiter *waiter, gfp_t gfp)
{
	unsigned int nr = gfp_has(gfp, __GFP_REPEAT) ? RETRY_REPEAT_ROUNDS : RETRY_ROUNDS;

	for (unsigned int n = 0; n < MAX_VICTIM_WAITS || gfp_has(gfp, __GFP_NOFAIL); n++) {
		bool goes_on;

		if (do_rounds(waiter, gfp, nr))
			return;
		goes_on = !wait_is_hopeless(waiter) && oom_kill(gfp, waiter->order);
		if (!goes_on && !gfp_has(gfp, __GFP_NOFAIL))
			return;
	}
}

/* Before there is a dirty page to prove it. */
static void check_file_system(gfp_t gfp)
{
	if (unlikely(scope_is_fs() && gfp_has(gfp, __GFP_FS) && !scope_is_reclaim()))
		port_panic("BUG: %s reclaims with __GFP_FS inside a file system, which it would enter "
			   "again: expected GFP_NOFS there",
			   port_task_name());
}

/* A node alone is wanted that has no such memory, or is not there: nobody could ever serve it. */
static bool nobody_could_serve(struct mem_waiter *waiter)
{
	if (likely(!gfp_has(waiter->gfp, __GFP_THISNODE) || *gfp_zones(waiter->gfp)))
		return false;
	if (!gfp_has(waiter->gfp, __GFP_NOFAIL))
		return true;
	waiter->gfp &= ~__GFP_THISNODE; /* rather far than never */
	return false;
}

bool retry_until_served(struct mem_waiter *waiter)
{
	gfp_t gfp = scope_limit(waiter->gfp);

	if (nobody_could_serve(waiter))
		return false;
	ASSERT(!port_in_interrupt());
	ASSERT(gfp_has(gfp, __GFP_WAIT) && !waiter->is_served && !waiter->page && !waiter->object);
	check_file_system(gfp);
	if (scope_is_reclaim() && (serve_reclaimer(waiter) || !gfp_has(gfp, __GFP_NOFAIL)))
		return waiter->page || waiter->object;
	wait_enter(waiter);
	if (!wait_is_served(waiter)) {
		if (gfp_has(gfp, __GFP_NORETRY) && !gfp_has(gfp, __GFP_NOFAIL))
			(void)do_round(waiter, gfp);
		else
			try_hard(waiter, gfp);
	}
	return wait_leave(waiter);
}

struct page *retry_pages(gfp_t gfp, unsigned int order)
{
	struct mem_waiter waiter;

	wait_init(&waiter, gfp, order);
	return retry_until_served(&waiter) ? waiter.page : NULL;
}
