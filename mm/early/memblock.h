/* SPDX-License-Identifier: MIT */
/* Memory before there are pages: what is RAM, what is taken, and first-fit allocation from the difference.
 * Serves CONTRACT V2; <linux/bootmem.h> is its face. Lives until memblock_hand_over(). Context: boot, one
 * CPU. */
#pragma once

#include <mm/early/range.h>

/* Take over the usable map. lowmem_end: end of the direct map, bytes; what is allocated lies below it. */
void memblock_init(const struct range_set *usable, paddr_t lowmem_end);

/* Memory that must never be handed out (kernel image, loader data, page 0 …). Need not be RAM. Partial pages
 * count whole. */
void memblock_reserve(paddr_t start, uint64_t size_bytes);

/* size_bytes of free RAM inside [min, max), `align` a power of two (at least 1), cleared. NULL when there is
 * none. The lowest that fits is taken, so that the DMA zone is only touched when min says so or nothing else
 * is left. */
void *memblock_alloc(uint64_t size_bytes, uint64_t align, paddr_t min, paddr_t max) MUST_CHECK;

/* Give memory from memblock_alloc (or a reservation) back, before the hand-over. */
void memblock_free(paddr_t start, uint64_t size_bytes);

/* Bytes that memblock_alloc could give: result: in one piece; *all: altogether. Whole pages count. */
uint64_t memblock_free_bytes(uint64_t *all);

/* Forget RAM at or above `end`; result: bytes forgotten. */
uint64_t memblock_limit(paddr_t end);

/* Calls free_range(start_pfn, end_pfn) once for every maximal run of free whole pages, lowest first. From
 * then on memblock_alloc returns NULL with a message. Result: pages given over. */
uint64_t memblock_hand_over(void (*free_range)(pfn_t start_pfn, pfn_t end_pfn));

bool memblock_is_handed_over(void);

/* What is known, for printing and for the tests. */
const struct range_set *memblock_memory(void);
const struct range_set *memblock_reserved(void);
paddr_t memblock_end_of_memory(void); /* end of the highest RAM, bytes */
