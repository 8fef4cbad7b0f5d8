/* SPDX-License-Identifier: MIT */
/* Sorted tables of disjoint address ranges.
 *
 * The idea: every change first finds the ranges it meets, [first, last), and replaces them by what is left of
 * them. So adding merges and removing splits in one step, and the table is sorted and disjoint after each
 * call.
 *
 * Invariants:
 * R1 range[i].start < range[i].end < range[i + 1].start.
 * R2 nr <= RANGE_SET_MAX.
 * R3 a full table loses addresses and counts it in nr_lost; it never gains an address that nobody added.
 *
 * Context: one CPU, no lock; nothing allocates. */
#include <mm/early/range.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>

void range_set_init(struct range_set *set)
{
	set->nr = 0;
	set->nr_lost = 0;
}

unsigned int range_set_find(const struct range_set *set, paddr_t addr)
{
	unsigned int low = 0, high = set->nr;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (set->range[middle].end > addr)
			high = middle;
		else
			low = middle + 1;
	}
	ASSERT(low == set->nr || set->range[low].end > addr); /* R1 */
	ASSERT(!low || set->range[low - 1].end <= addr);
	return low;
}

/* R1 around range[i], which has just changed. */
static bool is_in_order(const struct range_set *set, unsigned int i)
{
	const struct range *range = set->range;

	return range[i].start < range[i].end && (i == 0 || range[i - 1].end < range[i].start) &&
	       (i + 1 >= set->nr || range[i].end < range[i + 1].start);
}

/* Replaces range[first, last) by nr_new ranges, whose values the caller then writes. */
static void range_set_resize(struct range_set *set, unsigned int first, unsigned int last,
			     unsigned int nr_new)
{
	struct range *from = &set->range[last];

	ASSERT(first <= last && last <= set->nr);
	ASSERT(set->nr - (last - first) + nr_new <= RANGE_SET_MAX); /* R2 */
	memmove(&set->range[first + nr_new], from, (set->nr - last) * sizeof(*from));
	set->nr = set->nr - (last - first) + nr_new;
}

bool range_set_add(struct range_set *set, paddr_t start, paddr_t end)
{
	unsigned int first, last;

	if (start >= end)
		return true;
	first = range_set_find(set, start ? start - 1 : 0); /* a range that only touches is met as well */
	for (last = first; last < set->nr && set->range[last].start <= end; last++)
		;
	if (first == last && set->nr == RANGE_SET_MAX) {
		set->nr_lost++;
		return false;
	}
	if (first < last) {
		start = MIN(start, set->range[first].start);
		end = MAX(end, set->range[last - 1].end);
	}
	range_set_resize(set, first, last, 1);
	set->range[first] = (struct range){start, end};
	ASSERT(is_in_order(set, first)); /* R1 */
	return true;
}

/* The hole [start, end) lies inside range[i]. */
static void range_set_split(struct range_set *set, unsigned int i, paddr_t start, paddr_t end)
{
	struct range lower = {set->range[i].start, start}, upper = {end, set->range[i].end};

	ASSERT(i < set->nr && lower.start < lower.end && upper.start < upper.end); /* R1 */
	if (set->nr == RANGE_SET_MAX) {
		set->nr_lost++;
		set->range[i] = lower.end - lower.start >= upper.end - upper.start ? lower : upper;
		return;
	}
	range_set_resize(set, i, i + 1, 2);
	set->range[i] = lower;
	set->range[i + 1] = upper;
	ASSERT(is_in_order(set, i) && is_in_order(set, i + 1)); /* R1 */
}

void range_set_remove(struct range_set *set, paddr_t start, paddr_t end)
{
	unsigned int first, last;

	if (start >= end)
		return;
	first = range_set_find(set, start);
	if (first < set->nr && set->range[first].start < start) {
		if (end < set->range[first].end) {
			range_set_split(set, first, start, end);
			return;
		}
		set->range[first++].end = start;
	}
	for (last = first; last < set->nr && set->range[last].end <= end; last++)
		;
	if (last < set->nr && set->range[last].start < end)
		set->range[last].start = end;
	range_set_resize(set, first, last, 0);
	ASSERT(first >= set->nr || is_in_order(set, first)); /* R1 */
}

void range_set_round_inwards(struct range_set *set, uint64_t size_bytes)
{
	unsigned int i, nr = 0;

	ASSERT(IS_POWER_OF_2(size_bytes));
	for (i = 0; i < set->nr; i++) {
		paddr_t start = ALIGN_UP(set->range[i].start, size_bytes);
		paddr_t end = ALIGN_DOWN(set->range[i].end, size_bytes);

		if (set->range[i].start <= start && start < end) /* the first: rounding up did not wrap */
			set->range[nr++] = (struct range){start, end};
	}
	set->nr = nr;
}

uint64_t range_set_bytes_in(const struct range_set *set, paddr_t start, paddr_t end)
{
	uint64_t bytes = 0;
	unsigned int i;

	for (i = range_set_find(set, start); i < set->nr && set->range[i].start < end; i++)
		bytes += MIN(end, set->range[i].end) - MAX(start, set->range[i].start);
	return bytes;
}

uint64_t range_set_bytes(const struct range_set *set)
{
	return range_set_bytes_in(set, 0, UINT64_MAX);
}
