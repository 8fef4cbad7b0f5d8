/* SPDX-License-Identifier: MIT */
/* memmap_build() against its contract. The model has one usable/taken mark per UNIT bytes over a few pages: a
 * page is usable when all its units are usable in some entry and taken in none. Host and guest. */
#include <mm/early/memmap.h>

#include <kernel/lib/string.h>
#include <tests/kernel/test_util.h>

#define UNIT	       0x400u
#define UNITS_PER_PAGE (PAGE_SIZE / UNIT)
#define NR_PAGES       8u
#define NR_UNITS       (NR_PAGES * UNITS_PER_PAGE)

#define RESERVED       2u

static struct range_set usable;

static bool entries_cover(const struct memmap_entry *entries, size_t nr, uint64_t addr, bool want_usable)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if ((entries[i].type == MEMMAP_USABLE) == want_usable && addr >= entries[i].base &&
		    addr - entries[i].base < entries[i].len)
			return true;
	return false;
}

static bool model_page_is_usable(const struct memmap_entry *entries, size_t nr, unsigned int pfn)
{
	unsigned int unit;

	for (unit = 0; unit < UNITS_PER_PAGE; unit++) {
		uint64_t addr = (uint64_t)pfn * PAGE_SIZE + unit * UNIT;

		if (!entries_cover(entries, nr, addr, true) || entries_cover(entries, nr, addr, false))
			return false;
	}
	return true;
}

/* Builds the map and compares it page by page. */
static bool map_equals_model(const struct memmap_entry *entries, size_t nr)
{
	unsigned int pfn;

	memmap_build(&usable, entries, nr);
	for (pfn = 0; pfn < NR_PAGES; pfn++)
		if ((memmap_pages_in(&usable, pfn, pfn + 1) == 1) != model_page_is_usable(entries, nr, pfn))
			return false;
	return memmap_pages_in(&usable, NR_PAGES, UINT64_MAX) == 0;
}

static void swap_entries(struct memmap_entry *a, struct memmap_entry *b)
{
	struct memmap_entry saved = *a;

	*a = *b;
	*b = saved;
}

/* Calls check for every order of entries[at … nr - 1]. Result: orders for which it held. */
static unsigned int permute(struct memmap_entry *entries, size_t at, size_t nr)
{
	unsigned int nr_held = 0;
	size_t i;

	if (at == nr)
		return map_equals_model(entries, nr);
	for (i = at; i < nr; i++) {
		swap_entries(&entries[at], &entries[i]);
		nr_held += permute(entries, at + 1, nr);
		swap_entries(&entries[at], &entries[i]);
	}
	return nr_held;
}

KTEST(memmap, every_order_of_six_entries_gives_the_same_pages, "MAP-03 P10")
{
	static const unsigned int factorial[] = {1, 1, 2, 6, 24, 120, 720};
	struct memmap_entry entries[] = {
		{0x0000, 0x1c00, MEMMAP_USABLE}, {0x1c00, 0x1400, MEMMAP_USABLE},
		{0x2000, 0x3000, MEMMAP_USABLE}, {0x3800, 0x0400, RESERVED},
		{0x6000, 0x2000, MEMMAP_USABLE}, {0x6c00, 0x0800, 4},
	};
	size_t nr;

	for (nr = 0; nr <= ARRAY_SIZE(entries); nr++)
		EXPECT_EQ(permute(entries, 0, nr), factorial[nr]);
	memmap_build(&usable, entries, ARRAY_SIZE(entries));
	EXPECT_EQ(memmap_pages_in(&usable, 0, NR_PAGES), 4);
}

KTEST(memmap, adjacent_and_overlapping_usable_entries_count_once, "MAP-04")
{
	static const struct memmap_entry entries[] = {
		{0x1000, 0x2000, MEMMAP_USABLE}, {0x3000, 0x1000, MEMMAP_USABLE},
		{0x2000, 0x1000, MEMMAP_USABLE}, {0x0000, 0x8000, MEMMAP_USABLE},
		{0x0000, 0x8000, MEMMAP_USABLE},
	};

	EXPECT(map_equals_model(entries, 3));
	EXPECT_EQ(memmap_pages_in(&usable, 0, NR_PAGES), 3);
	EXPECT_EQ(usable.nr, 1);
	EXPECT(map_equals_model(entries, ARRAY_SIZE(entries)));
	EXPECT_EQ(usable.nr, 1);
}

KTEST(memmap, seam_of_usable_entries_inside_a_page_loses_nothing, "MAP-04 MAP-06")
{
	static const struct memmap_entry entries[] = {{0, 0x1c00, MEMMAP_USABLE},
						      {0x1c00, 0x2400, MEMMAP_USABLE}};

	memmap_build(&usable, entries, ARRAY_SIZE(entries));
	EXPECT_EQ(memmap_pages_in(&usable, 0, 16), 4);
}

/* Inside, head, tail, exact, around, beside, before and after in the list: all places of two entries on half
 * pages. */
KTEST(memmap, reserved_wins_in_every_overlap, "MAP-05 MAP-06")
{
	unsigned int a, b, c, d, nr_wrong = 0, half = PAGE_SIZE / 2, nr_halves = 10;

	for (a = 0; a < nr_halves; a++)
		for (b = a + 1; b <= nr_halves; b++)
			for (c = 0; c < nr_halves; c++)
				for (d = c + 1; d <= nr_halves; d++) {
					struct memmap_entry entries[] = {
						{a * half, (b - a) * half, MEMMAP_USABLE},
						{c * half, (d - c) * half, RESERVED},
					};

					nr_wrong += !map_equals_model(entries, 2);
					swap_entries(&entries[0], &entries[1]);
					nr_wrong += !map_equals_model(entries, 2);
				}
	EXPECT_EQ(nr_wrong, 0);
}

KTEST(memmap, usable_is_rounded_inwards_and_reserved_outwards, "MAP-06")
{
	static const struct memmap_entry entries[] = {
		{0x0001, 0x3fff, MEMMAP_USABLE}, /* page 0 lacks a byte */
		{0x2fff, 1, RESERVED},		 /* one byte takes page 2 */
		{0x5001, 0x0ffe, MEMMAP_USABLE}, /* less than a page */
	};

	memmap_build(&usable, entries, ARRAY_SIZE(entries));
	EXPECT_EQ(usable.nr, 2);
	EXPECT_EQ(usable.range[0].start, 0x1000);
	EXPECT_EQ(usable.range[0].end, 0x2000);
	EXPECT_EQ(usable.range[1].start, 0x3000);
	EXPECT_EQ(usable.range[1].end, 0x4000);
}

KTEST(memmap, entries_of_length_zero_are_ignored, "MAP-07 P10")
{
	static const struct memmap_entry entries[] = {{0x2000, 0, RESERVED},
						      {0x1000, 0x3000, MEMMAP_USABLE},
						      {0x8000, 0, MEMMAP_USABLE},
						      {0, 0, 0}};

	memmap_build(&usable, entries, ARRAY_SIZE(entries));
	EXPECT_EQ(usable.nr, 1);
	EXPECT_EQ(memmap_pages_in(&usable, 0, UINT64_MAX), 3);
}

KTEST(memmap, usable_entry_that_wraps_is_a_lie, "MAP-07 P10")
{
	static const struct memmap_entry entries[] = {{0x1000, UINT64_MAX, MEMMAP_USABLE},
						      {UINT64_MAX, 2, MEMMAP_USABLE},
						      {0x1000, 0x1000, MEMMAP_USABLE}};

	memmap_build(&usable, entries, ARRAY_SIZE(entries));
	EXPECT_EQ(memmap_pages_in(&usable, 0, UINT64_MAX), 1);
}

KTEST(memmap, reserved_entry_that_wraps_takes_all_above_it, "MAP-07 P10")
{
	static const struct memmap_entry entries[] = {{0x3000, UINT64_MAX, RESERVED},
						      {0, 0x100000, MEMMAP_USABLE}};

	memmap_build(&usable, entries, ARRAY_SIZE(entries));
	EXPECT_EQ(memmap_pages_in(&usable, 0, UINT64_MAX), 3);
}

KTEST(memmap, usable_entry_is_cut_where_page_numbers_end, "MAP-07 P10")
{
	static const struct memmap_entry entries[] = {{0x1000, UINT64_MAX - 0x1000, MEMMAP_USABLE},
						      {1ull << 50, 0x1000, MEMMAP_USABLE}};

	memmap_build(&usable, entries, ARRAY_SIZE(entries));
	EXPECT_EQ(usable.nr, 1);
	EXPECT_EQ(usable.range[0].start, 0x1000);
	EXPECT_EQ(usable.range[0].end, MEMMAP_END);
	EXPECT_EQ((pfn_t)(usable.range[0].end >> PAGE_SHIFT), usable.range[0].end >> PAGE_SHIFT);
}

KTEST(memmap, addresses_above_4g_and_64g_are_not_truncated, "MAP-07 MAP-13")
{
	static const struct memmap_entry entries[] = {{1ull << 32, 0x2000, MEMMAP_USABLE},
						      {1ull << 36, 0x3000, MEMMAP_USABLE},
						      {(1ull << 36) + 0x1000, 0x1000, RESERVED}};

	memmap_build(&usable, entries, ARRAY_SIZE(entries));
	EXPECT_EQ(memmap_pages_in(&usable, 0, 1u << 20), 0);
	EXPECT_EQ(memmap_pages_in(&usable, 1u << 20, 1u << 24), 2);
	EXPECT_EQ(memmap_pages_in(&usable, 1u << 24, UINT64_MAX), 2);
}

KTEST(memmap, only_type_1_is_usable, "MAP-09 P10")
{
	static const uint32_t types[] = {0, 2, 3, 4, 5, 6, 9, 12, 20, 0x101, 0xffffffff};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		struct memmap_entry entries[] = {{0x1000, 0x1000, types[i]}, {0, 0x4000, MEMMAP_USABLE}};

		memmap_build(&usable, entries, 1);
		EXPECT_EQ(usable.nr, 0);
		memmap_build(&usable, entries, 2);
		EXPECT_EQ(memmap_pages_in(&usable, 0, UINT64_MAX), 3);
	}
}

KTEST(memmap, no_entries_give_no_memory, "P10")
{
	memmap_build(&usable, NULL, 0);
	EXPECT_EQ(usable.nr, 0);
	EXPECT_EQ(memmap_pages_in(&usable, 0, UINT64_MAX), 0);
}

#define NR_MANY 1000u

static struct memmap_entry *many;

KTEST(memmap, more_usable_entries_than_the_table_holds_are_dropped_and_counted, "MAP-10 P10")
{
	BORROW_MANY(many, NR_MANY);
	unsigned int i;

	for (i = 0; i < NR_MANY; i++)
		many[i] = (struct memmap_entry){(uint64_t)i * 0x2000, 0x1000, MEMMAP_USABLE};
	for (i = RANGE_SET_MAX; i <= NR_MANY; i += 436) {
		memmap_build(&usable, many, i);
		EXPECT_EQ(usable.nr, RANGE_SET_MAX);
		EXPECT_EQ(usable.nr_lost, i - RANGE_SET_MAX);
		EXPECT_EQ(memmap_pages_in(&usable, 0, UINT64_MAX), RANGE_SET_MAX);
	}
	memmap_build(&usable, many, RANGE_SET_MAX + 1);
	EXPECT_EQ(usable.nr_lost, 1);
}

KTEST(memmap, large_entries_have_their_place_wherever_they_stand_among_many_small_ones, "MAP-10 P10")
{
	BORROW_MANY(many, NR_MANY);
	static const unsigned int places[] = {0, RANGE_SET_MAX / 2, NR_MANY - 1};

	for (unsigned int n = 0; n < ARRAY_SIZE(places); n++) {
		for (unsigned int i = 0; i < NR_MANY; i++)
			many[i] = (struct memmap_entry){(uint64_t)i * 0x2000, 0x1000, MEMMAP_USABLE};
		many[places[n]] = (struct memmap_entry){0x10000000, 0x20000000, MEMMAP_USABLE};
		memmap_build(&usable, many, NR_MANY);
		EXPECT_EQ(memmap_pages_in(&usable, 0x10000, 0x30000), 0x20000);
		EXPECT_EQ(usable.nr_lost, NR_MANY - RANGE_SET_MAX);
	}
}

KTEST(memmap, more_reserved_entries_than_the_table_holds_all_stay_reserved, "MAP-10 P10")
{
	BORROW_MANY(many, NR_MANY);
	unsigned int i;

	many[0] = (struct memmap_entry){0, 0x1000000, MEMMAP_USABLE};
	for (i = 1; i < NR_MANY; i++)
		many[i] = (struct memmap_entry){(uint64_t)i * 0x2000, 0x1000, RESERVED};
	memmap_build(&usable, many, NR_MANY);
	for (i = 1; i < NR_MANY; i++)
		EXPECT_EQ(memmap_pages_in(&usable, i * 2, i * 2 + 1), 0);
	EXPECT(usable.nr_lost > 0);
	EXPECT(memmap_pages_in(&usable, 0, UINT64_MAX) > 1000);
}
