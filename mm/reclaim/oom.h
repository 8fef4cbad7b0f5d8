/* SPDX-License-Identifier: MIT */
/* Out of memory: nothing is free, nothing can be reclaimed, and somebody has waited long enough. Serves R4.
 */
#pragma once

#include <mm/pages/gfp.h>

#define OOM_MAX_ORDER 3 /* no thread is killed for a larger block: it would hardly free one */

/* May a request of that kind kill? Not one that takes objects of a cache as it is: pages do not help it. */
static inline bool oom_may_kill(gfp_t gfp, unsigned int order)
{
	return !gfp_has(gfp, __GFP_NORETRY | __GFP_REPEAT | __GFP_NO_GROW) && order <= OOM_MAX_ORDER;
}

/* Name and kill a victim, unless the last one has yet to end. Result: is it worth while to wait for memory
 * again? Context: process. */
bool oom_kill(gfp_t gfp, unsigned int order);
