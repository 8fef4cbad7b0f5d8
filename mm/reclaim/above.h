/* SPDX-License-Identifier: MIT */
/* What this room asks of those above it: the object layer keeps pages that reclaim wants, and parks objects
 * that waiters must see (objects/slab_cache.c); files keep pages that can be read again (cache/evict.c). */
#pragma once

#include <mm/pages/pcp.h>

/* Close all caches, those to come included, while there is any reason. When none is left, each opens with its
 * next use. Context: process. */
void slab_close_all(enum slow_reason reason, bool closed);

/* Close and drain what is open, if there is a reason: that somebody waits is one. Context: process. */
void slab_close_open(void);

/* Objects parked in front of all caches to their slabs, empty slabs to the page allocator. Result: pages.
 * Context: process. */
size_t slab_reclaim(void);

/* Pages of files in these zones, a bit for the index of each, with the permissions of gfp, until nr_pages are free.
 * Result: how many are. Context: process, may sleep. */
size_t cache_reclaim(gfp_t gfp, size_t nr_pages, uint32_t zones_wanted);
