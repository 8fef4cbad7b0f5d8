/* SPDX-License-Identifier: MIT */
/* The alloc_bootmem family over memblock. Serves CONTRACT V2; <linux/bootmem.h> is its face. A block may be
 * larger than any order of the page allocator and stays whole for good. Context: boot, before
 * mm_init_allocators(). */
#pragma once

#include <mm/early/memblock.h>

/* size_bytes of cleared low memory, above the DMA zone while there is any, aligned to a cache line (or whole
 * pages). Never NULL: without memory the kernel cannot boot, and says so. The _low form takes the DMA zone;
 * _nopanic may return NULL. */
void *alloc_bootmem(uint64_t size_bytes);
void *alloc_bootmem_pages(uint64_t size_bytes);
void *alloc_bootmem_low(uint64_t size_bytes);
void *alloc_bootmem_low_pages(uint64_t size_bytes);
void *alloc_bootmem_nopanic(uint64_t size_bytes) MUST_CHECK;
void *alloc_bootmem_pages_nopanic(uint64_t size_bytes) MUST_CHECK;

/* Give such memory back before the hand-over. */
void free_bootmem(paddr_t start, uint64_t size_bytes);

/* Where the DMA zone ends, for the family; called once by boot. */
void bootmem_init(paddr_t dma_end, paddr_t lowmem_end);
