/* SPDX-License-Identifier: MIT */
/* Caches of objects of one size. Serves CONTRACT S1-S3. <linux/slab.h> is its face.
 * Context of all functions unless said otherwise: any for alloc with GFP_ATOMIC and for free; create, destroy
 * and shrink in process context. */
#pragma once

#include <mm/pages/gfp.h>
#include <mm/port.h>

struct kmem_cache;
struct sink;

typedef unsigned int slab_flags_t;

#define SLAB_HWCACHE_ALIGN	(1u << 0) /* align to a cache line, or a fraction of one that the object fills */
#define SLAB_PANIC		(1u << 1) /* creation that fails panics */
#define SLAB_CACHE_DMA		(1u << 2) /* slabs come from the DMA zone */
#define SLAB_RECLAIM_ACCOUNT	(1u << 3) /* pages are reclaimable: counted so, and grouped so */
#define SLAB_POISON		(1u << 4) /* debugging, see mm/objects/slab_debug.h: P, */
#define SLAB_RED_ZONE		(1u << 5) /* Z, */
#define SLAB_STORE_USER		(1u << 6) /* U, */
#define SLAB_CONSISTENCY_CHECKS (1u << 7) /* F, */
#define SLAB_QUARANTINE		(1u << 8) /* Q */
#define SLAB_DEBUG_FLAGS	(0x1fu << 4)
#define SLAB_NO_USER_FLAGS	(1u << 9) /* slab_debug= does not concern it */
#define SLAB_DIRECT_MAP		(1u << 10) /* objects have physical addresses: guard_sample= leaves them alone */
#define SLAB_KNOWN_FLAGS	((1u << 11) - 1)

#define SLAB_MIN_ALIGN		8u
#define SLAB_MAX_OBJECT_BYTES	(64u << 10)
#define CACHE_LINE_BYTES	64u

/* A cache of `size`-byte objects, or NULL with one message (panic under SLAB_PANIC): no name, one that is not
 * printable ASCII without spaces, or whose first 31 characters, which are kept, are another's; size 0 or above SLAB_MAX_OBJECT_BYTES less a word, align no power of two or above a page, unknown flags, no
 * memory. align 0: SLAB_MIN_ALIGN. ctor runs once per object, when its
 * slab first hands it out, in the context of that allocation; what it set must be there again when the object
 * is freed.
 */
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, slab_flags_t flags,
				     void (*ctor)(void *object)) MUST_CHECK;

/* The same with a constructor that is also told its cache and what it is called for: SLAB_CTOR_CONSTRUCTOR, and that it
 * may not sleep. */
#define SLAB_CTOR_CONSTRUCTOR 1ul
#define SLAB_CTOR_ATOMIC      2ul
typedef void (*slab_ctor_told)(void *object, struct kmem_cache *cache, unsigned long flags);
struct kmem_cache *kmem_cache_create_told(const char *name, size_t size, size_t align, slab_flags_t flags,
					  slab_ctor_told ctor) MUST_CHECK;

/* Frees the cache and all its slabs. With live objects: refused with a report that lists them, and the cache
 * stays usable (S2). NULL is ignored. Result: 0 when it is gone, else 1. */
int kmem_cache_destroy(struct kmem_cache *cache);

/* One object, or NULL as alloc_pages. Contents: what ctor or the last owner left; _zalloc clears (not with a
 * ctor). */
MUST_CHECK static ALWAYS_INLINE void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp);
static ALWAYS_INLINE void kmem_cache_free(struct kmem_cache *cache, void *object);
void *kmem_cache_alloc_any(struct kmem_cache *cache, gfp_t gfp) MUST_CHECK;
void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp) MUST_CHECK;

/* The same, from a slab of the node if there is an object or a page for one; with __GFP_THISNODE from no other. For the
 * CPU's own node, and NUMA_NO_NODE, as kmem_cache_alloc(). Row G22. */
void *kmem_cache_alloc_node(struct kmem_cache *cache, gfp_t gfp, int node) MUST_CHECK;

/* Gives an object back. NULL is ignored. Reported at once, and without effect: an address in no slab of this cache,
 * one inside an object, and what was freed last, freed again. An object freed again later, or one never handed out,
 * is reported when it comes back to its slab, unless it is one among others that are free there; until then it
 * may have had two owners. With slab_debug=F each of these is reported at once. */
void slab_free_object(void *object, struct kmem_cache *cache);

/* The object first: most callers have it in that register, and so does what parks it. */
static ALWAYS_INLINE void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	slab_free_object(object, cache);
}

/* nr objects into objects[]: all, or none. Result: nr or 0. Context: as kmem_cache_alloc. */
size_t kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t nr, void **objects) MUST_CHECK;

/* As kmem_cache_free() for each: what is no object of the cache is reported, the others are freed. */
void kmem_cache_free_bulk(struct kmem_cache *cache, size_t nr, void **objects);

/* Gives empty slabs back to the page allocator. Result: pages given. */
size_t kmem_cache_shrink(struct kmem_cache *cache);

/* Bytes of one object as asked for at creation. */
unsigned int kmem_cache_size(const struct kmem_cache *cache);
const char *kmem_cache_name(const struct kmem_cache *cache);

/* Brings the layer up; called once by mm_init_allocators(). */
void slab_init(void);

/* All caches in the format of /proc/slabinfo 2.1 (S3): each as it was at one moment. Context: process. */
void slabinfo_print(struct sink *out);

/* Pages in slabs and depots, counted cache by cache. Context: process. */
size_t slab_pages(void);

/* Flags of a request that any object in the stack satisfies: all that only matter when there is none. */
#define GFP_OBJECT_BITS                                                                                      \
	(GFP_KERNEL | __GFP_HIGH | __GFP_NOWARN | __GFP_REPEAT | __GFP_NORETRY | __GFP_NO_GROW |             \
	 __GFP_NOMEMALLOC)

/* gfp has no other flags. The most common ones need not be passed on. */
static ALWAYS_INLINE void *slab_pop_object(struct kmem_cache *cache, gfp_t gfp)
{
	if (gfp_has(gfp, __GFP_WAIT) && port_debug_irqs_off())
		return object_pop_invalid(cache, gfp);
	if (__builtin_constant_p(gfp) && gfp == GFP_KERNEL)
		return object_pop_kernel(cache);
	if (__builtin_constant_p(gfp) && gfp == GFP_ATOMIC)
		return object_pop_atomic(cache);
	return gfp_has(gfp, __GFP_WAIT) ? object_pop_wait(cache, gfp) : object_pop(cache, gfp);
}

static ALWAYS_INLINE void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	if (__builtin_constant_p(gfp) && !gfp_has(gfp, ~GFP_OBJECT_BITS))
		return slab_pop_object(cache, gfp);
	return kmem_cache_alloc_any(cache, gfp);
}
