/* SPDX-License-Identifier: MIT */
/* Elements kept in reserve, for those who must get on when there is no memory. Serves CONTRACT S4.
 * <linux/mempool.h> is its face.
 *
 * A pool stands in front of an allocator, a pair of functions. Each request asks the allocator first, in a way
 * that does not wait; the reserve is for when it has nothing. Who may sleep and finds the reserve used up too
 * waits in a queue, and whoever frees an element hands it to the first there. So a sleeping caller never
 * fails, as long as each element comes back in the end.
 */
#pragma once

#include <kernel/lib/list.h>
#include <mm/pages/gfp.h>
#include <mm/port.h>

/* The allocator: an element, or NULL; and back. `pool_data` is the pool's word for them. Context: that of the
 * pool's caller. */
typedef void *mempool_alloc_t(gfp_t gfp, void *pool_data);
typedef void mempool_free_t(void *element, void *pool_data);

/* In the header for the inline fast paths alone. (C) constant after creation  (L) pool->lock */
typedef struct mempool {
	mempool_alloc_t *alloc;	  /* (C) */
	mempool_free_t *free;	  /* (C) */
	void *pool_data;	  /* (C) */
	unsigned int nr_missing;  /* (L) MP1; that it is 0 is read without */
	unsigned int min_nr;	  /* (L) */
	void **element;		  /* (L) min_nr - nr_missing of them */
	struct list_head waiters; /* (L) the longest waiting first */
	struct port_lock lock;
} mempool_t;

/* Pairs for objects of a cache (pool_data: the cache), kmalloc (the size), pages (the order; elements are
 * struct page *). */
mempool_alloc_t mempool_alloc_slab, mempool_kmalloc, mempool_alloc_pages;
mempool_free_t mempool_free_slab, mempool_kfree, mempool_free_pages;

/* A pool that keeps min_nr elements in reserve, or NULL: no memory; min_nr below 1, with a message. Context:
 * process, may sleep. */
mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc, mempool_free_t *free,
			  void *pool_data) MUST_CHECK;

/* From now on min_nr elements, more or fewer. Result: 0; -ENOMEM and -EINVAL (min_nr below 1, with a message):
 * the pool is as it was. One caller at a time; others may allocate and free meanwhile. Context: process, may
 * sleep. */
int mempool_resize_gfp(mempool_t *pool, int min_nr, gfp_t gfp) MUST_CHECK;
int mempool_resize(mempool_t *pool, int min_nr) MUST_CHECK;

/* All elements must be back: otherwise it is refused with a report, and the pool stays. NULL is ignored. */
void mempool_destroy(mempool_t *pool);

/* The whole of mempool_alloc; what is left of it when the allocator has nothing; mempool_free for elements that
 * the reserve may want. */
void *mempool_alloc_any(mempool_t *pool, gfp_t gfp) MUST_CHECK;
void *mempool_take_or_wait(mempool_t *pool, gfp_t gfp) MUST_CHECK;
void mempool_keep_or_free(void *element, mempool_t *pool);

/* What the allocator may do while there is a reserve: nothing that takes time, nor complain. */
static ALWAYS_INLINE gfp_t mempool_gentle(gfp_t gfp)
{
	return (gfp & ~(GFP_KERNEL | GFP_PATIENCE | __GFP_REPEAT)) | __GFP_NOWARN;
}

#define MEMPOOL_USUAL (GFP_KERNEL | __GFP_HIGH | __GFP_NOWARN | __GFP_REPEAT | __GFP_NORETRY)

/* An element. With __GFP_WAIT it never fails, whatever the other flags; without, NULL when allocator and
 * reserve have none, without a message. __GFP_ZERO (an element of the reserve is not cleared) and impossible
 * flags are refused: NULL with one rate-limited warning (K7). Context: as kmalloc. */
MUST_CHECK static ALWAYS_INLINE void *mempool_alloc(mempool_t *pool, gfp_t gfp)
{
	void *element;

	if (!__builtin_constant_p(gfp) || gfp_has(gfp, ~MEMPOOL_USUAL) ||
	    (gfp_has(gfp, __GFP_WAIT) && unlikely(port_is_atomic())))
		return mempool_alloc_any(pool, gfp);
	element = pool->alloc(mempool_gentle(gfp), pool->pool_data);
	return likely(element) ? element : mempool_take_or_wait(pool, gfp);
}

/* To whoever waits, to the reserve, or to the allocator. NULL is ignored. Context: any. */
static ALWAYS_INLINE void mempool_free(void *element, mempool_t *pool)
{
	if (likely(element && !READ_ONCE(pool->nr_missing)))
		pool->free(element, pool->pool_data);
	else
		mempool_keep_or_free(element, pool);
}

#define mempool_create_slab_pool(min_nr, cache)                                                              \
	mempool_create(min_nr, mempool_alloc_slab, mempool_free_slab, cache)
#define mempool_create_kmalloc_pool(min_nr, size)                                                            \
	mempool_create(min_nr, mempool_kmalloc, mempool_kfree, (void *)(uintptr_t)(size))
#define mempool_create_page_pool(min_nr, order)                                                              \
	mempool_create(min_nr, mempool_alloc_pages, mempool_free_pages, (void *)(uintptr_t)(order))

/* Elements in reserve now. */
static inline unsigned int mempool_nr_reserved(const mempool_t *pool)
{
	return pool->min_nr - pool->nr_missing;
}
