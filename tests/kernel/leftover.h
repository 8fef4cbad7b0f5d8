/* SPDX-License-Identifier: MIT */
/* What a suite must leave as it found it: pages, objects of every cache, areas, windows, shrinkers, threads. Compared
 * behind each suite by the frame, and in the middle of one by who lets its requests fail. */
#pragma once

#include <kernel/lib/types.h>

/* The machine as it is now; what is parked, empty or at rest is given back first. Context: a test's, or between
 * two. */
void leftover_note(void);

/* Is it as it was noted? Each difference is told with ktest_note(), and by whom, if a mark is set
 * (mm/report/leak.h). Threads that are about to end are waited for. */
bool leftover_none(void);

/* Supplied by the guest and by the host: what only they know. */
struct leftover_more {
	unsigned int machine; /* 0: none that is up; another one: nothing can be compared */
	size_t nr_threads;
	size_t nr_kept_pages; /* for good, and nobody's loss */
};
void leftover_more(struct leftover_more *more);

/* Supplied, too: has no thread ever used more than four fifths of its stack? Who has is told. */
bool leftover_stacks_are_low(void);

/* Supplied, too: lets others run for a moment. Result: are there any? */
bool leftover_wait(void);
