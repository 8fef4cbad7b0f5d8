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
 * the last pages and the reserve instead of reclaiming again. One that is inside a file system (SCOPE_FS) and asks with
 * __GFP_FS would enter it again, sooner or later: a BUG in every build, where it first has to wait.
 */
#pragma once

#include <mm/reclaim/wait.h>

#define RETRY_ROUNDS	    4u
#define RETRY_REPEAT_ROUNDS 16u
#define RETRY_WAIT_MS	    50u /* for somebody's free, or a page that becomes clean, in each round */

/* Result: waiter->page or waiter->object is there. Context: process, may sleep. */
bool retry_until_served(struct mem_waiter *waiter) MUST_CHECK;
