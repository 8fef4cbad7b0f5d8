/* SPDX-License-Identifier: MIT */
/* What this room and the one above it ask of the reports: words for an address that somebody misused
 * (report/locate.c), and whether a request shall fail on purpose. */
#pragma once

#include <kernel/lib/types.h>
#include <mm/pages/gfp.h>

/* What lies at any address, for reports of misuse: an object, a page, an area of vmalloc, or nothing of ours;
 * written to buf. Result: buf. Context: any. */
const char *locate_phrase(const void *addr, char *buf, size_t size);

/* report/fault.c: shall this request fail on purpose? As pages_must_fail(), while WATCH_FAULT. */
struct kmem_cache;
bool fault_hits_object(const struct kmem_cache *cache, gfp_t gfp, const void *caller);
