/* SPDX-License-Identifier: MIT */
/* Blocks are found by their heads; only the first page of a range may lie inside one that began before. */
#include <mm/report/map.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <mm/cache/swap.h>

static const struct {
	char letter;
	const char *name;
} owners[NR_MAP_OWNERS] = {
	[MAP_OUTSIDE] = {'#', "reserved"},
	[MAP_FREE_SMALL] = {'.', "free 0-3"},
	[MAP_FREE_MIDDLE] = {':', "free 4-7"},
	[MAP_FREE_LARGE] = {'=', "free 8-10"},
	[MAP_PARKED] = {'c', "per-CPU"},
	[MAP_SLAB] = {'s', "slab"},
	[MAP_LARGE] = {'k', "kmalloc"},
	[MAP_PAGES] = {'p', "pages"},
	[MAP_USER] = {'u', "user"},
	[MAP_FILE] = {'f', "file"},
	[MAP_SWAP] = {'w', "swap cache"},
	[MAP_TABLE] = {'t', "page table"},
	[MAP_STACK] = {'T', "stack"},
	[MAP_VMALLOC] = {'v', "vmalloc"},
};

char map_owner_letter(enum map_owner owner)
{
	ASSERT(owner < NR_MAP_OWNERS);
	return owners[owner].letter;
}

const char *map_owner_name(enum map_owner owner)
{
	return owners[owner].name;
}

static enum map_owner owner_of_head(const struct page *head)
{
	switch (head->state) {
	case PAGE_FREE:
		return head->order < 4 ? MAP_FREE_SMALL : head->order < 8 ? MAP_FREE_MIDDLE : MAP_FREE_LARGE;
	case PAGE_PERCPU:
		return MAP_PARKED;
	case PAGE_SLAB:
		return MAP_SLAB;
	case PAGE_LARGE:
	case PAGE_EXACT:
	case PAGE_PINNED:
	case PAGE_PIECE:
		return MAP_LARGE;
	case PAGE_ALLOCATED:
	case PAGE_COMPOUND:
		return MAP_PAGES;
	case PAGE_USER:
		return MAP_USER;
	case PAGE_FILE:
		return swap_disk_of(head->mapping) ? MAP_SWAP : MAP_FILE;
	}
	return MAP_OUTSIDE;
}

/* A copy of the head of the block at pfn, and where it ends; a page in no block is one of its own. */
static struct page block_at(pfn_t pfn, pfn_t *end)
{
	struct page copy = {.head = READ_ONCE(pfn_to_page(pfn)->head)};

	ASSERT(pfn < mem_map_pages);
	if (copy.state == PAGE_FILE)
		copy.mapping = READ_ONCE(pfn_to_page(pfn)->mapping);
	if (copy.order > MAX_PAGE_ORDER)
		copy.head = PAGE_HEAD(PAGE_INTERIOR, 0, 0);
	*end = (pfn & ~((1u << copy.order) - 1)) + (1u << copy.order);
	return copy;
}

static struct page block_around(pfn_t pfn, pfn_t *end)
{
	const struct page *head = page_find_head(pfn_to_page(pfn));
	struct page copy = block_at(head ? page_to_pfn(head) : pfn, end);

	if (*end <= pfn) /* it was split meanwhile */
		*end = pfn + 1;
	return copy;
}

void map_count(struct map_count *count, pfn_t first, pfn_t end)
{
	struct page head;
	pfn_t next;

	ASSERT(first <= end && end <= mem_map_pages);
	for (pfn_t pfn = first; pfn < end; pfn = next) {
		head = pfn == first ? block_around(pfn, &next) : block_at(pfn, &next);
		next = MIN(next, end);
		count->nr[owner_of_head(&head)] += next - pfn;
	}
}

enum map_owner map_owner_of(pfn_t pfn)
{
	pfn_t end;
	struct page head = block_around(pfn, &end);

	ASSERT(end > pfn);
	return owner_of_head(&head);
}

enum map_owner map_count_most(const struct map_count *count)
{
	enum map_owner most = MAP_OUTSIDE, most_free = MAP_FREE_SMALL;
	size_t nr_free = 0;

	for (enum map_owner owner = 0; owner < NR_MAP_OWNERS; owner++) {
		if (owner < MAP_FREE_SMALL || owner > MAP_FREE_LARGE) {
			most = count->nr[owner] > count->nr[most] ? owner : most;
			continue;
		}
		nr_free += count->nr[owner];
		most_free = count->nr[owner] > count->nr[most_free] ? owner : most_free;
	}
	return nr_free > count->nr[most] ? most_free : most;
}

/* --- cells --- */

static pfn_t cell_floor(pfn_t pfn, unsigned int order)
{
	return pfn >> order << order;
}

static size_t rows_needed(const struct zone *zone, unsigned int order)
{
	size_t nr_cells =
		((size_t)(zone->end_pfn - cell_floor(zone->start_pfn, order)) + (1u << order) - 1) >> order;

	return (nr_cells + MAP_COLUMNS - 1) / MAP_COLUMNS;
}

static unsigned int lay_zone(struct map_row *row, const struct zone *zone, size_t share)
{
	unsigned int order = 0, nr = 0;

	ASSERT(share); /* so it ends: all cells of a zone fit a row some time */
	while (rows_needed(zone, order) > share)
		order++;
	for (pfn_t pfn = cell_floor(zone->start_pfn, order); pfn < zone->end_pfn; pfn += MAP_COLUMNS << order)
		row[nr++] = (struct map_row){
			.zone = zone,
			.first = pfn,
			.order = order,
			.nr_cells = MIN((zone->end_pfn - pfn + (1u << order) - 1) >> order, MAP_COLUMNS),
		};
	return nr;
}

unsigned int map_layout(struct map_row row[MAP_ROWS_MAX], unsigned int max)
{
	size_t nr_pages = 0, nr_zones = 0, spare;
	const struct zone *zone;
	unsigned int nr = 0;

	for_each_zone(zone) {
		nr_pages += zone_has_memory(zone) ? zone->end_pfn - zone->start_pfn : 0;
		nr_zones += zone_has_memory(zone);
	}
	max = MAX(MIN(max, MAP_ROWS_MAX), (unsigned int)nr_zones);
	spare = max - nr_zones;
	for_each_zone(zone)
		if (zone_has_memory(zone))
			nr += lay_zone(row + nr, zone,
				       1 + spare * ((zone->end_pfn - zone->start_pfn) >> 4) /
						       ((nr_pages >> 4) + 1));
	ASSERT(nr <= max);
	return nr;
}

void map_cell_range(const struct map_row *row, unsigned int cell, pfn_t *first, pfn_t *end)
{
	ASSERT(cell < row->nr_cells);
	*first = MAX(row->first + (cell << row->order), row->zone->start_pfn);
	*end = MIN(row->first + ((cell + 1) << row->order), row->zone->end_pfn);
}
