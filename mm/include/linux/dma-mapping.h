/* SPDX-License-Identifier: MIT */
/* Memory for devices under the name the books use. */
#pragma once

#include <linux/device.h>
#include <linux/scatterlist.h>
#include <mm/dma/dma.h>

#define dma_sync_single_range_for_cpu(dev, addr, offset, size, direction)                                    \
	dma_sync_single_for_cpu(dev, (addr) + (offset), size, direction)
#define dma_sync_single_range_for_device(dev, addr, offset, size, direction)                                 \
	dma_sync_single_for_device(dev, (addr) + (offset), size, direction)
#define dma_sync_single(dev, addr, size, direction) dma_sync_single_for_cpu(dev, addr, size, direction)

/* What the older ones call them. */
#define dma_alloc_noncoherent(dev, size, handle, gfp) dma_alloc_coherent(dev, size, handle, gfp)
#define dma_free_noncoherent(dev, size, addr, handle) dma_free_coherent(dev, size, addr, handle)
#define DMA_32BIT_MASK				      DMA_BIT_MASK(32)
#define DMA_24BIT_MASK				      DMA_BIT_MASK(24)
