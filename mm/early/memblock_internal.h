/* SPDX-License-Identifier: MIT */
/* The early allocator as an object, for memblock.c and its tests only: a test tries maps of its own beside
 * the living one. */
#pragma once

#include <mm/early/memblock.h>

struct memblock {
	struct range_set memory;   /* what is RAM */
	struct range_set reserved; /* what is taken; need not be RAM */
	paddr_t lowmem_end;	   /* bytes; nothing at or above it is allocated */
	bool handed_over;
};

void memblock_setup(struct memblock *mb, const struct range_set *usable, paddr_t lowmem_end);

/* Whole pages around [start, start + size_bytes) are taken. A full table gives up the RAM instead; false says
 * so. */
bool memblock_take(struct memblock *mb, paddr_t start, uint64_t size_bytes);

/* Gives [start, start + size_bytes) back. false: the table has no room for the two rests, and all stays
 * taken. */
bool memblock_give(struct memblock *mb, paddr_t start, uint64_t size_bytes);

/* Lowest free place in [min, max), marked as taken. false when there is none, or no room in the table. */
bool memblock_place(struct memblock *mb, uint64_t size_bytes, uint64_t align, paddr_t min, paddr_t max,
		    paddr_t *place);

/* Calls free_range for every maximal run of free whole pages, lowest first. Result: pages. */
uint64_t memblock_for_each_free(const struct memblock *mb,
				void (*free_range)(pfn_t start_pfn, pfn_t end_pfn));
