/* SPDX-License-Identifier: MIT */
/* What was allocated since a mark and has not come back, by caller. Serves CONTRACT S6.
 *
 * From leak_mark() on all lists are closed, so that every object, block of pages and area of vmalloc passes a slow
 * path, which writes it down: where, how much, by whom, when. The table is one block of pages that comes with the
 * mark; it does not grow, and recording allocates nothing.
 *
 * LK1 an entry is what was handed out since the mark and has not come back; what the table has no room for is
 *     counted, and nothing more: whether it came back nobody knows.
 * LK2 what only serves an entry is none: the pages of a slab, pages, page tables and descriptors of an area, and
 *     pages that wait in a reserve.
 * LK3 without a mark nobody comes here: slow paths look at one bit.
 * LK4 a page of a file, or on its way to a swap disk or back, is none: reclaim gives it back. Such pages are counted apart.
 */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

struct sink;

/* From now on; what was written down before is forgotten. Result: NULL, or why not. Context: process. */
const char *leak_mark(void) MUST_CHECK;

/* No mark any more; the table is given back. Context: process. */
void leak_stop(void);

bool leak_is_on(void);

/* Was it handed out since the mark, and has it not come back? A page's descriptor, an object, the start of an area. */
bool leak_is_out(const void *what);

/* One after another, from *at = 0 on; NULL: that was the last. What comes or goes meanwhile is seen or not. */
const void *leak_next(uint32_t *at);

/* What a caller has that did not come back. */
struct leak_caller {
	const void *caller; /* NULL: all those for whom there was no row */
	size_t nr, bytes;
	uint32_t first_ms, last_ms; /* when the oldest and the newest were handed out */
};

#define LEAK_CALLERS 64u /* more are one row */

struct leak_sum {
	size_t nr, bytes, nr_cached, nr_not_in_table; /* LK4, LK1 */
	uint32_t since_ms;
};

/* The callers since the mark, largest first, to rows[] of LEAK_CALLERS + 1; what rests before it is given back
 * (vmalloc_purge()) is none of them. Result: how many. Context: process. */
unsigned int leak_collect(struct leak_caller *rows, struct leak_sum *sum);

/* The same as a table for people: `leak report` of the monitor. One at a time. Context: process. */
void leak_report(struct sink *out);
