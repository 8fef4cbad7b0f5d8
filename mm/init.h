/* SPDX-License-Identifier: MIT */
/* Bringing mm up, in the order of these declarations. Context: boot, one CPU, interrupts off. */
#pragma once

#include <mm/early/nodemap.h>
#include <mm/early/range.h>

/* What the machine and the command line say. */
struct mm_params {
	paddr_t dma_end;    /* first byte that the oldest DMA device cannot reach: 16 MiB on a PC */
	paddr_t lowmem_end; /* end of the direct map, bytes; page aligned */
	const struct node_claims *nodes; /* NULL: all memory is one node's */
	uint32_t min_free_kbytes;	 /* 0: chosen from the size of memory */
	uint32_t guard_sample; /* one object in so many between unmapped pages, 0: none: mm/report/guard.h */
	bool page_poison;      /* free pages hold a pattern: mm/report/poison.h */
	bool page_owner;       /* who took each page, and who freed it: mm/report/owner.h */
};

/* 1. The end of low memory: of the RAM below `limit`, bytes, the end of the direct map; 0: there is none. RAM at
 * the end that brings less than its descriptors, and those of the hole before it, cost is first taken out of
 * `usable`, with a message. Serves P10, F3. */
paddr_t mm_choose_lowmem_end(struct range_set *usable, paddr_t limit);

/* 2. memblock_init() and memblock_reserve() by the caller (mm/early/memblock.h). */

/* 3. Allocate and clear the page descriptors, lay out nodes and zones. Leaves out, with a message, RAM above
 * low memory whose descriptors would take more than half of what is free there, or find no place in one
 * piece; and what is left of such RAM when it is less than the descriptors of a hole before it. Refuses to
 * start (port_refuse) when not even the descriptors of low memory fit. */
void mm_init_zones(const struct mm_params *params);

/* 4. Hand all that memblock holds free to the buddy allocator, then start the slab layer: kmalloc works from
 * here on. */
void mm_init_allocators(void);

/* Hardening (K4): memory is cleared whenever it is handed out, or given back. Objects of caches with a
 * constructor are left as they are. Context: process. */
void mm_init_on(bool alloc, bool free);

/* Give whole pages [start, end) that nobody uses to the allocator: the freed .init sections. Result: pages
 * given. */
uint64_t mm_free_reserved(paddr_t start, paddr_t end);
