/* SPDX-License-Identifier: MIT */
/* Who has the pages of a range, for a picture of memory. Serves CONTRACT D8.
 *
 * M1 Counting takes no lock, writes nothing and reads each head once, so it is true of no single moment; but the sum
 *    over all owners is the number of pages asked for.
 * M2 A range costs a look per block that lies in it, and one per page that no block holds.
 */
#pragma once

#include <mm/pages/zone.h>

enum map_owner {
	MAP_OUTSIDE,	 /* no block: holes, firmware, the kernel's image and what boot set aside */
	MAP_FREE_SMALL,	 /* in the buddy's lists, orders 0 to 3 */
	MAP_FREE_MIDDLE, /* ... 4 to 7 */
	MAP_FREE_LARGE,	 /* ... 8 to 10 */
	MAP_PARKED,	 /* in a per-CPU list */
	MAP_SLAB,
	MAP_LARGE, /* kmalloc beyond the slabs, exact allocations */
	MAP_PAGES, /* handed out by alloc_pages */
	MAP_USER,
	MAP_FILE, /* of a file: the page cache */
	MAP_SWAP, /* a program's, on its way to a swap disk or from it */
	/* Of MAP_PAGES, for callers who know more of them; map_count() gives none. */
	MAP_TABLE,
	MAP_STACK,
	MAP_VMALLOC,
	NR_MAP_OWNERS
};

struct map_count {
	size_t nr[NR_MAP_OWNERS]; /* pages */
};

/* Adds who has the pages [first, end), which have descriptors. Context: any. */
void map_count(struct map_count *count, pfn_t first, pfn_t end);

/* Who has most; free pages count together, and when they win the size that most of them have is the answer. Of
 * nothing: MAP_OUTSIDE. */
enum map_owner map_count_most(const struct map_count *count);

/* Who owns the block around a page. Context: any. */
enum map_owner map_owner_of(pfn_t pfn);

/* A letter, unlike all others, and a few words: at most 10 characters. */
char map_owner_letter(enum map_owner owner);
const char *map_owner_name(enum map_owner owner);

/* --- cut into rows of cells --- */

#define MAP_COLUMNS    64u
#define MAP_ROWS_USUAL 16u
#define MAP_ROWS_MAX   (MAX_NODES * NR_ZONES)

/* A row: cells of 2^order pages, all of one zone, aligned so that a block either fills whole cells or lies in one. */
struct map_row {
	const struct zone *zone;
	pfn_t first;	       /* of its first cell, a multiple of the cell; may lie before the zone */
	unsigned int order;    /* of a cell */
	unsigned int nr_cells; /* up to the zone's end, at most MAP_COLUMNS */
};

/* Rows for all zones with memory, at least one a zone, else in at most `max` rows (at most MAP_ROWS_MAX): each zone begins
 * one, gets rows by its size, and has cells as small as its rows allow. Result: how many. */
unsigned int map_layout(struct map_row row[MAP_ROWS_MAX], unsigned int max);

/* The pages of a cell that lie in the row's zone. */
void map_cell_range(const struct map_row *row, unsigned int cell, pfn_t *first, pfn_t *end);
