/* SPDX-License-Identifier: MIT */
/* Pools made and taken down; the rest is in place, or the slab layer's. */
#include <mm/dma/dmapool.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>
#include <kernel/lib/format.h>
#include <mm/objects/kmalloc.h>

static const char *why_impossible(const struct device *dev, size_t size, size_t align, size_t boundary)
{
	if (size - 1 >= PAGE_SIZE)
		return "a size from 1 to 4096 bytes";
	if (align && (!IS_POWER_OF_2(align) || align > PAGE_SIZE))
		return "an alignment that is a power of two up to 4096, or 0";
	if (boundary && (!IS_POWER_OF_2(boundary) || boundary < size))
		return "a boundary that is a power of two and no less than the size, or 0";
	if (dev->coherent_dma_mask < dma_reach.dma_end - 1)
		return "a mask that reaches the DMA zone";
	return NULL;
}

/* What keeps a block within the boundary; red zones and notes between blocks do not matter then. */
static size_t align_within(size_t size, size_t align, size_t boundary)
{
	return boundary ? MAX(align, (size_t)1 << log2_ceil((uint32_t)size)) : align;
}

struct dma_pool *dma_pool_create(const char *name, struct device *dev, size_t size, size_t align,
				 size_t boundary)
{
	const char *expected = why_impossible(dev, size, align, boundary);
	slab_flags_t flags = dev->coherent_dma_mask >= lowmem_bytes - 1 ? 0 : SLAB_CACHE_DMA;
	char cache_name[DMA_POOL_NAME_MAX + 4], code[64];
	struct dma_pool *pool;

	if (expected) {
		port_print(PORT_WARN, "dma_pool_create of %s for %s by %s: expected %s", name, dev->name,
			   port_code_name(RETURN_ADDRESS(), code, sizeof(code)), expected);
		return NULL;
	}
	pool = kmalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return NULL;
	(void)snprintf(cache_name, sizeof(cache_name), "dma-%s", name);
	ASSERT(!boundary || align_within(size, align, boundary) <= boundary);
	ASSERT(!port_in_interrupt());
	pool->dev = dev;
	pool->cache = kmem_cache_create(cache_name, size, align_within(size, align, boundary),
					flags | SLAB_DIRECT_MAP, NULL);
	if (pool->cache)
		return pool;
	kfree(pool);
	return NULL;
}

void dma_pool_destroy(struct dma_pool *pool)
{
	ASSERT(!port_in_interrupt());
	if (pool && kmem_cache_destroy(pool->cache) == 0)
		kfree(pool);
}

COLD void dma_pool_handle_is_wrong(const struct dma_pool *pool, const void *block, dma_addr_t handle)
{
	char code[64];

	if (!block)
		return;
	port_print(PORT_ERR, "BUG: dma_pool_free to %s of %#lx by %s: expected the handle %#llx, got %#llx",
		   kmem_cache_name(pool->cache), (unsigned long)block,
		   port_code_name(RETURN_ADDRESS(), code, sizeof(code)),
		   (unsigned long long)((uintptr_t)block - (uintptr_t)port_direct_map()),
		   (unsigned long long)handle);
}
