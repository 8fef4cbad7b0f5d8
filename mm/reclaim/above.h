/* SPDX-License-Identifier: MIT */
/* What this room asks of the one above it: the object layer keeps pages that reclaim wants, and parks objects
 * that waiters must see. Defined in objects/slab_cache.c. */
#pragma once

#include <mm/pages/pcp.h>

/* slab_keep_closed() for all caches, those to come included, while there is any reason. Context: process. */
void slab_close_all(enum slow_reason reason, bool closed);

/* Objects parked in front of all caches to their slabs, empty slabs to the page allocator. Result: pages.
 * Context: process. */
size_t slab_reclaim(void);
