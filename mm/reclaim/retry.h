/* SPDX-License-Identifier: MIT */
/* What a request that may sleep does when nothing is free: the effort behind each flag. Serves G1, G4, G5,
 * G11, G14-G16, R4.
 *
 *   __GFP_NORETRY  one pass of reclaim, nothing else
 *   (none)         RETRY_ROUNDS rounds of reclaim and wait; then a victim, as long as there are any
 *   __GFP_REPEAT   RETRY_REPEAT_ROUNDS rounds; never a victim
 *   __GFP_NOFAIL   rounds and victims until it succeeds; without victims when with one of the others
 *
 * A thread that was killed gets nothing that it would have to wait for (but NOFAIL); one that reclaims takes
 * the last pages and the reserve instead of reclaiming again.
 */
#pragma once

#include <mm/reclaim/wait.h>

#define RETRY_ROUNDS	    4u
#define RETRY_REPEAT_ROUNDS 16u
#define RETRY_WAIT_MS	    50u /* for somebody's free, in each round */

/* Must a request queue at once, behind those who wait already? */
static inline bool retry_must_queue(gfp_t gfp)
{
	return unlikely(wait_somebody()) && gfp_has(gfp, __GFP_WAIT);
}

/* C1, where only interrupts switched off by hand remain to be seen: reported, and the request goes on as one
 * that may not sleep. */
static inline gfp_t retry_check_context(gfp_t gfp)
{
	if (gfp_has(gfp, __GFP_WAIT) && unlikely(irqs_disabled()) &&
	    !port_check_may_sleep(__FILE__, __LINE__))
		gfp &= ~GFP_PATIENCE;
	return gfp;
}

/* Result: waiter->page or waiter->object is there. Context: process, may sleep. */
bool retry_until_served(struct mem_waiter *waiter) MUST_CHECK;

/* The same for 2^order pages; NULL: not to be had. */
struct page *retry_pages(gfp_t gfp, unsigned int order) MUST_CHECK;
