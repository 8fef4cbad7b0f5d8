/* SPDX-License-Identifier: MIT */
/* A range of address space cut into areas and gaps: the algorithm under vmalloc, which knows neither pages
 * nor page tables.
 *
 *   [gap | area | gap | area | area | gap | end]
 *
 * The areas are a balanced tree by address. Each knows the gap right below it, and the largest such gap in
 * its subtree: so the lowest gap that is large enough, the area at an address, insertion and removal all take
 * a number of steps that grows with the tree's height alone. `end` is an area of no size behind everything:
 * it owns the last gap.
 *
 * VM1 areas are sorted, lie inside the range and do not overlap; area->gap is the distance to the one
 *     below.
 * VM2 area->largest is the largest gap in its subtree.
 * VM3 the heights of an area's two subtrees differ by at most one.
 *
 * Lock: the owner's. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define AREAS_MAX_HEIGHT 48 /* of a tree that is larger than any memory */

struct area {
	struct area *left, *right;
	uintptr_t start, end; /* [start, end) */
	size_t gap, largest;  /* bytes, VM1, VM2 */
	unsigned int height;  /* of the subtree; 1: a leaf */
};

struct areas {
	struct area *root;
	struct area end;
	uintptr_t start;
	size_t nr; /* without `end` */
};

/* All of [start, end) becomes one gap. */
void areas_init(struct areas *areas, uintptr_t start, uintptr_t end);

/* Puts `area` at a multiple of `align` (a power of two, at least a page) into the lowest gap that has room
 * for size_bytes, whole pages, wherever it begins: so a larger alignment needs align - PAGE_SIZE bytes more.
 * Result: false when there is none. */
bool areas_place(struct areas *areas, struct area *area, size_t size_bytes, size_t align) MUST_CHECK;

/* Puts it at `from` or above, or at `start`, whole pages both. Result: false when there is no room. */
bool areas_place_from(struct areas *areas, struct area *area, size_t size_bytes, uintptr_t from) MUST_CHECK;
bool areas_place_at(struct areas *areas, struct area *area, uintptr_t start, size_t size_bytes) MUST_CHECK;

/* Takes an area out. Result: the one above, whose gap has grown by it. */
struct area *areas_remove(struct areas *areas, struct area *area);

/* The area with the highest start <= addr, or NULL; and the one with the lowest start >= addr, maybe
 * &areas->end. Bounded and without harm, though maybe wrong, while another context changes the tree. */
struct area *areas_below(const struct areas *areas, uintptr_t addr);
struct area *areas_above(const struct areas *areas, uintptr_t addr);

/* Which of VM1 to VM3 does not hold, in words, or NULL. */
const char *areas_check(const struct areas *areas);
