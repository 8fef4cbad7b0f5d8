/* SPDX-License-Identifier: MIT */
/* From firmware's map to whole usable pages.
 *
 * The idea: order does not matter if all that is usable is added before anything is taken away. Bytes are
 * added and taken; only the end result is rounded to pages. A page of which one byte is reserved thus falls
 * out by itself, and two usable entries that meet inside a page keep that page.
 *
 * Invariants:
 * M1 every byte of the result lies in a usable entry and in no other.
 * M2 every range begins and ends at a page, below MEMMAP_END.
 * M3 the result does not depend on the order of the entries (as long as the table holds them).
 * M4 when it does not, what is left out are small entries, while any can be.
 *
 * Context: boot, one CPU, or the host; nothing allocates, nothing is printed. */
#include <mm/early/memmap.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>

#define LARGE_BYTES MIB(1ull) /* goes into the table before all that is smaller */

static bool memmap_entry_wraps(const struct memmap_entry *entry)
{
	return entry->len > 0 && entry->len - 1 > UINT64_MAX - entry->base;
}

/* End of an entry, not above MEMMAP_END, which is also where one that wraps ends. */
static paddr_t memmap_entry_end(const struct memmap_entry *entry)
{
	if (entry->base >= MEMMAP_END || entry->len >= MEMMAP_END - entry->base)
		return MEMMAP_END;
	return entry->base + entry->len;
}

static void memmap_add_usable(struct range_set *usable, const struct memmap_entry *entries, size_t nr_entries,
			      uint64_t min_bytes, uint64_t max_bytes)
{
	for (size_t i = 0; i < nr_entries; i++)
		if (entries[i].type == MEMMAP_USABLE && entries[i].len >= min_bytes &&
		    entries[i].len <= max_bytes && !memmap_entry_wraps(&entries[i]))
			(void)range_set_add(usable, entries[i].base, memmap_entry_end(&entries[i]));
}

void memmap_build(struct range_set *usable, const struct memmap_entry *entries, size_t nr_entries)
{
	size_t i;

	range_set_init(usable);
	memmap_add_usable(usable, entries, nr_entries, LARGE_BYTES, UINT64_MAX);
	memmap_add_usable(usable, entries, nr_entries, 1, LARGE_BYTES - 1);
	for (i = 0; i < nr_entries; i++)
		if (entries[i].type != MEMMAP_USABLE && entries[i].len > 0)
			range_set_remove(usable, entries[i].base, memmap_entry_end(&entries[i]));
	range_set_round_inwards(usable, PAGE_SIZE);
	ASSERT(range_set_bytes_in(usable, 0, MEMMAP_END) == range_set_bytes_in(usable, 0, UINT64_MAX));
}

uint64_t memmap_pages_in(const struct range_set *usable, uint64_t start_pfn, uint64_t end_pfn)
{
	uint64_t limit = MEMMAP_END >> PAGE_SHIFT;

	start_pfn = MIN(start_pfn, limit);
	end_pfn = MIN(end_pfn, limit);
	return range_set_bytes_in(usable, start_pfn << PAGE_SHIFT, end_pfn << PAGE_SHIFT) >> PAGE_SHIFT;
}
