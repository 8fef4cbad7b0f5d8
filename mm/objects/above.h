/* SPDX-License-Identifier: MIT */
/* What this room and the one above it ask of the reports: words for an address that somebody misused
 * (report/locate.c), whether a request shall fail on purpose, and objects that are no slab's. */
#pragma once

#include <kernel/lib/types.h>
#include <mm/pages/gfp.h>
#include <mm/pages/watch.h>

/* What lies at any address, for reports of misuse: an object, a page, an area of vmalloc, or nothing of ours;
 * written to buf. Result: buf. Context: any. */
const char *locate_phrase(const void *addr, char *buf, size_t size);

/* report/fault.c: shall this request fail on purpose? As pages_must_fail(), while WATCH_FAULT. */
struct kmem_cache;
bool fault_hits_object(const struct kmem_cache *cache, gfp_t gfp, const void *caller);

/* report/guard.c: objects that lie between unmapped pages, for slow paths of who is given an object's address. */
extern struct guard_space {
	uintptr_t start;
	size_t bytes; /* 0: there are none */
} guard_space;	      /* (C) */

static inline bool is_guarded(const void *addr)
{
	return unlikely((uintptr_t)addr - guard_space.start < guard_space.bytes);
}

/* While WATCH_GUARD: such an object, if it is one's turn; else NULL. size_bytes: asked for. Context: any. */
void *guard_alloc(struct kmem_cache *cache, gfp_t gfp, const void *caller, size_t size_bytes) MUST_CHECK;

/* Of what is_guarded(): takes back what is an object of the cache (NULL: of any), and reports all else. Context: any. */
void guard_free(const struct kmem_cache *cache, const void *object, const void *caller);

/* Bytes of its class, and bytes asked for; 0: no live object starts there. Context: any. */
size_t guard_usable(const void *object);
size_t guard_asked_for(const void *object);

/* Its owner asks for another size. Result: false: its page has no room for it there. Context: any. */
bool guard_resize(void *object, size_t size_bytes, const void *caller);

/* For devices: where size_bytes of a live object lie in memory. Result: false: they do not. Context: any. */
bool guard_phys(const void *addr, size_t size_bytes, paddr_t *phys);

/* How many the cache has, and, unless `tell` is NULL, which, allocated by whom. Context: any. */
unsigned int guard_live_objects(const struct kmem_cache *cache,
				void (*tell)(const void *object, const char *by));
