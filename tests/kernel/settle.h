/* SPDX-License-Identifier: MIT */
/* For tests that start threads and count pages. A thread that ended gives its stack back a little later; page
 * tables of the area of stacks stay, once they are there; caches keep empty slabs. Guest only. */
#pragma once

#include <kernel/lib/types.h>

/* Before pages are counted: page tables for two more stacks, and no empty slab. */
void settle_stacks(void);

/* Are that many pages free, at once or after a while? Notes it when not. */
bool settle_all_is_back(size_t before);
