/* SPDX-License-Identifier: MIT */
/* Counters of what rarely happens, as /proc/vmstat has them: for tests, the monitor and the demonstrations.
 * Context of everything here: any. */
#pragma once

#include <kernel/lib/types.h>

struct sink;

enum mm_event {
	EVENT_BACKGROUND_WAKE, /* the background reclaimer was woken */
	EVENT_RECLAIM,	       /* passes of reclaim, direct and background */
	EVENT_RECLAIMED,       /* what shrinkers said they freed, and pages of empty slabs */
	EVENT_ROUND,	       /* rounds of requests that could not be met at once */
	EVENT_WAIT,	       /* threads that slept for memory */
	EVENT_SERVED,	       /* waiters that were handed what they wait for */
	EVENT_GAVE_UP,	       /* waiters that left with nothing */
	EVENT_OOM_KILL,
	EVENT_RESERVE,	     /* pages taken out of reserves */
	EVENT_SCAN,	     /* pages of files that reclaim looked at */
	EVENT_STEAL,	     /* those it dropped */
	EVENT_RECLAIM_WRITE, /* those it began to write */
	EVENT_RECLAIM_WAIT,  /* times it waited for one to be written */
	EVENT_FAULT,	     /* of programs, that brought a page or tried to */
	EVENT_MAJOR_FAULT,   /* those that had to wait for a device */
	EVENT_SWAP_IN,	     /* pages that were begun to be read from a swap disk */
	EVENT_SWAP_OUT,	     /* pages that were begun to be written there */
	NR_MM_EVENTS
};

extern size_t mm_event_count[NR_MM_EVENTS];

static inline void mm_event_add(enum mm_event event, size_t n)
{
	__atomic_fetch_add(&mm_event_count[event], n, __ATOMIC_RELAXED);
}

/* "name value" a line. */
void vmstat_print(struct sink *out);
