/* SPDX-License-Identifier: MIT */
/* Counters and their names. No lock: each is added to in one step. */
#include <mm/reclaim/events.h>

#include <kernel/lib/format.h>

size_t mm_event_count[NR_MM_EVENTS];

void vmstat_print(struct sink *out)
{
	static const char *const names[NR_MM_EVENTS] = {
		"background_wake", "reclaim",  "reclaimed",  "round",  "wait",	  "served",
		"gave_up",	   "oom_kill", "reserve",    "pgscan", "pgsteal", "reclaim_write",
		"reclaim_wait",	   "pgfault",  "pgmajfault", "pswpin", "pswpout",
	};

	for (unsigned int i = 0; i < NR_MM_EVENTS; i++)
		sink_printf(out, "%s %zu\n", names[i], mm_event_count[i]);
}
