/* SPDX-License-Identifier: MIT */
/* Memory for devices that reach it by themselves. Serves CONTRACT S8, P11. <linux/dma-mapping.h> is its face.
 *
 * A device says how many address bits it has: its mask. Memory that both CPU and device use for long is coherent
 * (dma_alloc_coherent, and dmapool.h for small pieces). A buffer that is there already is mapped for one transfer
 * (dma_map_single, _page, _sg) and unmapped after it: where the mask reaches it, the device gets the buffer's own address,
 * which costs a few compares; where it does not, the transfer goes through a piece of the bounce pool (bounce.h).
 * On this bus devices see physical addresses, and what the CPU's caches hold.
 *
 * DM1 Every address handed out is reachable, to the last byte, with the device's mask.
 * DM2 What is no memory of the direct map that somebody owns (a stack, a vmalloc address, the kernel's image, a wild pointer) is
 *     refused with one report, and maps to DMA_MAPPING_ERROR.
 */
#pragma once

#include <mm/dma/bounce.h>

struct sink;

#define DMA_BIT_MASK(n) ((n) == 64 ? ~(uint64_t)0 : ((uint64_t)1 << (n)) - 1)

/* Boot, after mm_init_allocators(): the reach of the oldest device; where the kernel's image ends, below which memory may be
 * nobody's to map; and how much to set aside for bouncing (0: nothing; less when the DMA zone has less). */
void dma_init(paddr_t dma_end, paddr_t image_end, size_t bounce_bytes);

/* From now on the device has these address bits. Result: 0; -EIO: they do not reach all of the DMA zone, and nothing
 * changed. Context: as the driver likes, while nothing of the device is mapped. */
int dma_set_mask(struct device *dev, uint64_t mask) MUST_CHECK;
int dma_set_coherent_mask(struct device *dev, uint64_t mask) MUST_CHECK;
int dma_set_mask_and_coherent(struct device *dev, uint64_t mask) MUST_CHECK;

/* Cleared memory of that size which the device's coherent mask reaches, contiguous, aligned to the next power of two (and whole
 * pages); *handle: its address for the device. NULL: there is none, as alloc_pages; size 0 or above the largest order, refused
 * with one report. Zone flags in gfp are left out: the mask decides. Context: as alloc_pages. */
void *dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp) MUST_CHECK;

/* With what dma_alloc_coherent() was asked for and gave; another handle is reported and nothing freed. NULL is ignored. Context:
 * any. */
void dma_free_coherent(struct device *dev, size_t size, void *addr, dma_addr_t handle);

/* --- streaming --- */

/* Where the direct map's memory may be mapped without a further look. (C) after dma_init() */
struct dma_reach {
	uintptr_t first; /* distance from the direct map's start */
	uintptr_t bytes;
	paddr_t dma_end;
};
extern struct dma_reach dma_reach;

dma_addr_t dma_map_single_any(struct device *dev, const void *ptr, size_t size,
			      enum dma_data_direction direction);
void dma_unmap_any(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction direction);

/* For one transfer in that direction; the buffer is the device's until the unmap, or a sync. Result: the address for the
 * device; DMA_MAPPING_ERROR, see dma_mapping_error(): refused (DM2), or the bounce pool is used up just now. Context: any. */
static ALWAYS_INLINE dma_addr_t dma_map_single(struct device *dev, const void *ptr, size_t size,
					       enum dma_data_direction direction)
{
	uintptr_t distance = (uintptr_t)ptr - (uintptr_t)port_direct_map();

	if (likely(distance - dma_reach.first < dma_reach.bytes &&
		   size - 1 < dma_reach.first + dma_reach.bytes - distance &&
		   distance + size - 1 <= dev->dma_mask && direction < DMA_NONE))
		return distance;
	return dma_map_single_any(dev, ptr, size, direction);
}

/* The same size and direction as mapped: for a bounced buffer anything else is reported, and nothing unmapped. Context: any. */
static ALWAYS_INLINE void dma_unmap_single(struct device *dev, dma_addr_t addr, size_t size,
					   enum dma_data_direction direction)
{
	if (unlikely((uint32_t)(addr >> 32) || (uintptr_t)addr - dma_bounce.start < dma_bounce.bytes))
		dma_unmap_any(dev, addr, size, direction);
}

/* The same for part of a page, of high memory too; offset + size may go on into the pages behind it. */
dma_addr_t dma_map_page(struct device *dev, const struct page *page, size_t offset, size_t size,
			enum dma_data_direction direction);

static ALWAYS_INLINE void dma_unmap_page(struct device *dev, dma_addr_t addr, size_t size,
					 enum dma_data_direction direction)
{
	dma_unmap_single(dev, addr, size, direction);
}

static ALWAYS_INLINE int dma_mapping_error(const struct device *dev, dma_addr_t addr)
{
	(void)dev;
	return addr == DMA_MAPPING_ERROR;
}

/* In the middle of a mapping: the CPU may look at what the device wrote; the device may look at what the CPU wrote. Any part
 * of it. Context: any. */
void dma_sync_single_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
			     enum dma_data_direction direction);
void dma_sync_single_for_device(struct device *dev, dma_addr_t addr, size_t size,
				enum dma_data_direction direction);

/* --- scatter lists --- */

/* `dma_*` are the map's; `length` and dma_length are equal, entries are not merged. */
struct scatterlist {
	struct page *page;
	unsigned int offset, length;
	dma_addr_t dma_address;
	unsigned int dma_length;
};

/* All nr entries, or none. Result: nr, or 0. Context: any. */
int dma_map_sg(struct device *dev, struct scatterlist *sg, int nr,
	       enum dma_data_direction direction) MUST_CHECK;
void dma_unmap_sg(struct device *dev, struct scatterlist *sg, int nr, enum dma_data_direction direction);
