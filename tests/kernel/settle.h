/* SPDX-License-Identifier: MIT */
/* For tests that start threads and count pages. A thread that ended gives its stack back a little later; page
 * tables of the area of stacks stay, once they are there; caches keep empty slabs. Guest only. */
#pragma once

#include <kernel/lib/types.h>

/* First line of a test that starts threads, in place of MACHINE_STAYS_AS_FOUND(): their stacks come back a little later. Pages
 * are those that are free and those of slabs, for a reserve of objects that was used is spread over other slabs. */
#define PAGES_COME_BACK() struct settled before_ __attribute__((cleanup(settle_end), unused)) = settle_begin()

struct settled {
	size_t nr_pages, nr_objects;
};
struct settled settle_begin(void);
void settle_end(struct settled *before);

/* Before pages are counted: page tables for two more stacks, and no empty slab. */
void settle_stacks(void);

/* Are that many pages free, at once or after a while? Notes it when not. */
bool settle_all_is_back(size_t before);
