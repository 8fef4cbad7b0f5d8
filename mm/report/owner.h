/* SPDX-License-Identifier: MIT */
/* Who took each page, and who freed it last. Serves CONTRACT P4, S5. `page_owner=on` on the kernel's command line: of
 * each page a record says which calls led to the allocator, which task it was, when, with which flags and of which
 * order. What is said of misuse (a wrong free, poison that was written to), of pages and of addresses says it, and
 * page_owner_callers() sums it up: memory by who asked for it.
 *
 * The calls, up to OWNER_FRAMES of them from the first outside mm on, and the task are a track; pages with the same ones
 * share it. The table of tracks is fixed: one by which no page lives any more makes room, and where none does the
 * page is nobody's that is known. Records and tracks lie in bootmem, 24 bytes for a page; all lists of pages are
 * closed meanwhile (mm/pages/watch.h): off, nothing is asked and no memory is used.
 *
 * PO1 a record names its track by number and generation: when another has taken the place, nothing is known.
 * PO2 a track's live_pages are the pages that were taken so and are not free, live_blocks the blocks they came in.
 */
#pragma once

#include <mm/pages/above.h>

#define OWNER_FRAMES 16u

/* Takes the tables' memory. Result: false: it is off, because nobody wants it or there is no memory. Context: boot,
 * while there is bootmem. */
bool page_owner_init(bool wanted);

struct page_owner_caller {
	const void *caller; /* NULL: all that are not known, or too many */
	uint32_t nr_blocks, nr_pages;
};

/* Pages that are not free, by who asked for them: the most first. NULL, *nr 0: it is off. What the result points to
 * stays until the next call. Context: process, one at a time. */
const struct page_owner_caller *page_owner_callers(unsigned int *nr);
