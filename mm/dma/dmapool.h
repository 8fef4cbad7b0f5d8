/* SPDX-License-Identifier: MIT */
/* Small pieces of coherent memory, all of one size. Serves CONTRACT S8. <linux/dmapool.h> is its face.
 *
 * A pool is a cache of objects in memory that the device's coherent mask reaches: fast, in /proc/slabinfo as dma-NAME, and with
 * all that the slab layer checks of frees. A block never crosses the pool's boundary because it is aligned to the power of two
 * that holds it.
 */
#pragma once

#include <mm/dma/dma.h>
#include <mm/objects/slab.h>

#define DMA_POOL_NAME_MAX 24 /* bytes, with the NUL */

/* (C) */
struct dma_pool {
	struct kmem_cache *cache;
	struct device *dev;
};

/* Blocks of `size` bytes, aligned to `align` (0: 8), none of which crosses a multiple of `boundary` (0: any may). Result: NULL
 * with one message: size 0 or above a page, align or boundary no power of two, boundary below size, a mask that does not reach
 * the DMA zone; a name that slabs refuse; or no memory. Context: may sleep. */
struct dma_pool *dma_pool_create(const char *name, struct device *dev, size_t size, size_t align,
				 size_t boundary) MUST_CHECK;

/* With blocks out: refused with a report that lists them (S2), and the pool stays. NULL is ignored. Context: may sleep. */
void dma_pool_destroy(struct dma_pool *pool);

void dma_pool_handle_is_wrong(const struct dma_pool *pool, const void *block, dma_addr_t handle);

/* A block, its contents what the last owner left; *handle: its address for the device. NULL and context: as
 * kmem_cache_alloc(). */
MUST_CHECK static ALWAYS_INLINE void *dma_pool_alloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *handle)
{
	char *block = kmem_cache_alloc(pool->cache, gfp);

	if (likely(block))
		*handle = (uintptr_t)(block - port_direct_map());
	return block;
}

MUST_CHECK static inline void *dma_pool_zalloc(struct dma_pool *pool, gfp_t gfp, dma_addr_t *handle)
{
	return dma_pool_alloc(pool, gfp | __GFP_ZERO, handle);
}

/* With the handle that belongs to it: another, a block of another pool and one that is free are reported and change nothing.
 * Context: any. */
static ALWAYS_INLINE void dma_pool_free(struct dma_pool *pool, void *block, dma_addr_t handle)
{
	if (likely(handle == (uintptr_t)block - (uintptr_t)port_direct_map()))
		kmem_cache_free(pool->cache, block);
	else
		dma_pool_handle_is_wrong(pool, block, handle);
}
