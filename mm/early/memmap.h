/* SPDX-License-Identifier: MIT */
/* The loader's memory map made trustworthy: whole usable pages, sorted, disjoint. Serves CONTRACT P1, P10.
 * Any type but MEMMAP_USABLE is taken away from what is usable, wherever the two overlap; touching usable
 * entries are merged before they are rounded inwards to pages, so that a seam inside a page loses nothing. */
#pragma once

#include <mm/early/range.h>

#define MEMMAP_USABLE 1u

/* End of what is looked at: both ends of every range below it have a number that fits a pfn_t. */
#define MEMMAP_END ((paddr_t)UINT32_MAX << PAGE_SHIFT)

/* One entry as firmware gives it. */
struct memmap_entry {
	uint64_t base; /* bytes */
	uint64_t len;  /* bytes; 0 is ignored */
	uint32_t type; /* MEMMAP_USABLE or anything else */
};

/* Fills `usable` from entries in any order. A usable entry that wraps around 2^64 is a lie and is ignored;
 * one that is not usable is believed up to the end of the address space. Context: boot, or the host. */
void memmap_build(struct range_set *usable, const struct memmap_entry *entries, size_t nr_entries);

/* Whole pages of `usable` with start <= pfn < end. */
uint64_t memmap_pages_in(const struct range_set *usable, uint64_t start_pfn, uint64_t end_pfn);
