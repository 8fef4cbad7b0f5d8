/* SPDX-License-Identifier: MIT */
/* range_set against its contract: named cases, and random operations beside a dumb model, one bool per
 * address. Runs on host and guest; all state is static, a kernel stack is small. */
#include <mm/early/range.h>

#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <tests/ktest.h>

#define UNIVERSE 1024u /* addresses the model knows */

static struct range_set set, before;
static bool model[UNIVERSE];

static void set_up(void)
{
	range_set_init(&set);
	memset(model, 0, sizeof(model));
}

static bool set_is_sound(void)
{
	unsigned int i;

	if (set.nr > RANGE_SET_MAX)
		return false;
	for (i = 0; i < set.nr; i++)
		if (set.range[i].start >= set.range[i].end ||
		    (i > 0 && set.range[i - 1].end >= set.range[i].start))
			return false;
	return true;
}

static bool set_has(paddr_t addr)
{
	unsigned int i;

	for (i = 0; i < set.nr; i++)
		if (addr >= set.range[i].start && addr < set.range[i].end)
			return true;
	return false;
}

static bool set_is_unchanged(void)
{
	return set.nr == before.nr && memcmp(set.range, before.range, set.nr * sizeof(set.range[0])) == 0;
}

/* Addresses of the model that the set lacks; *nr_invented: addresses only the set has. */
static unsigned int compare_with_model(unsigned int universe, unsigned int *nr_invented)
{
	unsigned int addr, nr_missing = 0;

	*nr_invented = 0;
	for (addr = 0; addr < universe; addr++) {
		bool has = set_has(addr);

		nr_missing += model[addr] && !has;
		*nr_invented += has && !model[addr];
	}
	return nr_missing;
}

static void model_write(unsigned int start, unsigned int end, bool value)
{
	for (; start < end; start++)
		model[start] = value;
}

/* [2, 4), [10, 12), [18, 20) …: the table is full, and there is room to touch nothing between any two. */
static void fill_table(void)
{
	unsigned int i;

	for (i = 0; i < RANGE_SET_MAX; i++)
		EXPECT(range_set_add(&set, 8 * i + 2, 8 * i + 4));
	EXPECT_EQ(set.nr, RANGE_SET_MAX);
}

KTEST(range, empty_and_inverted_ranges_change_nothing, "MAP-07")
{
	set_up();
	EXPECT(range_set_add(&set, 5, 5));
	EXPECT(range_set_add(&set, 9, 3));
	EXPECT_EQ(set.nr, 0);
	EXPECT(range_set_add(&set, 0, 10));
	range_set_remove(&set, 5, 5);
	range_set_remove(&set, 9, 3);
	EXPECT_EQ(set.nr, 1);
	EXPECT_EQ(range_set_bytes(&set), 10);
}

KTEST(range, touching_and_overlapping_ranges_become_one, "MAP-04")
{
	set_up();
	EXPECT(range_set_add(&set, 10, 20));
	EXPECT(range_set_add(&set, 30, 40));
	EXPECT(range_set_add(&set, 20, 25));
	EXPECT_EQ(set.nr, 2);
	EXPECT(range_set_add(&set, 5, 12));
	EXPECT(range_set_add(&set, 24, 31));
	EXPECT_EQ(set.nr, 1);
	EXPECT_EQ(set.range[0].start, 5);
	EXPECT_EQ(set.range[0].end, 40);
}

KTEST(range, adding_twice_changes_nothing, "MAP-04")
{
	set_up();
	EXPECT(range_set_add(&set, 10, 20));
	EXPECT(range_set_add(&set, 30, 40));
	before = set;
	EXPECT(range_set_add(&set, 10, 20));
	EXPECT(range_set_add(&set, 32, 38));
	EXPECT(set_is_unchanged());
}

KTEST(range, removing_the_inside_leaves_two, "MAP-05")
{
	set_up();
	EXPECT(range_set_add(&set, 10, 40));
	range_set_remove(&set, 20, 30);
	EXPECT_EQ(set.nr, 2);
	EXPECT_EQ(set.range[0].end, 20);
	EXPECT_EQ(set.range[1].start, 30);
	EXPECT_EQ(range_set_bytes(&set), 20);
}

KTEST(range, find_gives_first_range_that_ends_above, "MAP-04")
{
	set_up();
	EXPECT_EQ(range_set_find(&set, 0), 0);
	EXPECT(range_set_add(&set, 10, 20));
	EXPECT(range_set_add(&set, 30, 40));
	EXPECT_EQ(range_set_find(&set, 0), 0);
	EXPECT_EQ(range_set_find(&set, 19), 0);
	EXPECT_EQ(range_set_find(&set, 20), 1);
	EXPECT_EQ(range_set_find(&set, 39), 1);
	EXPECT_EQ(range_set_find(&set, 40), 2);
}

KTEST(range, bytes_in_counts_only_the_part_inside, "MAP-04")
{
	set_up();
	EXPECT(range_set_add(&set, 10, 20));
	EXPECT(range_set_add(&set, 30, 40));
	EXPECT_EQ(range_set_bytes_in(&set, 15, 35), 10);
	EXPECT_EQ(range_set_bytes_in(&set, 12, 13), 1);
	EXPECT_EQ(range_set_bytes_in(&set, 20, 30), 0);
	EXPECT_EQ(range_set_bytes_in(&set, 35, 15), 0);
}

KTEST(range, addresses_at_the_end_of_64_bits_do_not_wrap, "MAP-07")
{
	set_up();
	EXPECT(range_set_add(&set, UINT64_MAX - 10, UINT64_MAX));
	EXPECT(range_set_add(&set, 0, 1));
	EXPECT_EQ(set.nr, 2);
	range_set_round_inwards(&set, 4096);
	EXPECT_EQ(set.nr, 0);
	EXPECT(range_set_add(&set, 0, UINT64_MAX));
	EXPECT_EQ(range_set_bytes(&set), UINT64_MAX);
	range_set_remove(&set, 1, UINT64_MAX);
	EXPECT_EQ(range_set_bytes(&set), 1);
}

KTEST(range, rounding_inwards_drops_what_holds_no_whole_unit, "MAP-06")
{
	set_up();
	EXPECT(range_set_add(&set, 1, 15));
	EXPECT(range_set_add(&set, 16, 17));
	EXPECT(range_set_add(&set, 20, 40));
	range_set_round_inwards(&set, 8);
	EXPECT_EQ(set.nr, 1);
	EXPECT_EQ(set.range[0].start, 24);
	EXPECT_EQ(set.range[0].end, 40);
}

KTEST(range, full_table_refuses_a_new_range_at_every_position, "MAP-10")
{
	unsigned int i;

	set_up();
	fill_table();
	before = set;
	for (i = 0; i <= RANGE_SET_MAX; i++)
		EXPECT(!range_set_add(&set, 8 * i, 8 * i + 1));
	EXPECT(set_is_unchanged());
	EXPECT_EQ(set.nr_lost, RANGE_SET_MAX + 1);
}

KTEST(range, full_table_still_merges, "MAP-10")
{
	set_up();
	fill_table();
	EXPECT(range_set_add(&set, 4, 10));
	EXPECT_EQ(set.nr, RANGE_SET_MAX - 1);
	EXPECT_EQ(set.nr_lost, 0);
	EXPECT(range_set_add(&set, 0, 8 * RANGE_SET_MAX));
	EXPECT_EQ(set.nr, 1);
}

KTEST(range, full_table_that_must_split_loses_the_smaller_half, "MAP-10")
{
	unsigned int i;

	set_up();
	EXPECT(range_set_add(&set, 10000, 10100));
	for (i = 0; i + 1 < RANGE_SET_MAX; i++)
		EXPECT(range_set_add(&set, 8 * i + 2, 8 * i + 4));
	EXPECT_EQ(set.nr, RANGE_SET_MAX);
	range_set_remove(&set, 10020, 10030);
	EXPECT_EQ(set.nr, RANGE_SET_MAX);
	EXPECT_EQ(set.nr_lost, 1);
	EXPECT_EQ(range_set_bytes_in(&set, 10000, 10100), 70);
	EXPECT_EQ(set.range[RANGE_SET_MAX - 1].start, 10030);
}

/* nr_ops random operations on addresses below universe. Result: most addresses ever missing; invented ones
 * fail. */
static unsigned int run_random_operations(uint32_t seed, unsigned int universe, unsigned int nr_ops,
					  unsigned int longest)
{
	struct random random = {seed};
	unsigned int worst = 0, nr_invented, nr_missing;

	set_up();
	while (nr_ops-- > 0) {
		unsigned int start = random_below(&random, universe);
		unsigned int end = start + random_below(&random, longest);
		bool add = random_below(&random, 5) < 3;

		end = end < universe ? end : universe;
		if (add)
			(void)range_set_add(&set, start, end);
		else
			range_set_remove(&set, start, end);
		model_write(start, end, add);
		nr_missing = compare_with_model(universe, &nr_invented);
		worst = nr_missing > worst ? nr_missing : worst;
		if (nr_invented > 0 || !set_is_sound() || (nr_missing > 0 && set.nr_lost == 0)) {
			ktest_note("seed %u, %u operations before the end", seed, nr_ops);
			EXPECT_EQ(nr_invented, 0);
			EXPECT(set_is_sound());
			EXPECT(set.nr_lost > 0);
			return worst;
		}
	}
	return worst;
}

KTEST(range, random_operations_equal_the_model, "MAP-04 MAP-05 EXH-04")
{
	EXPECT_EQ(run_random_operations(1, 200, 1500, 40), 0);
	EXPECT_EQ(run_random_operations(2, 64, 1500, 8), 0);
	EXPECT_EQ(set.nr_lost, 0);
}

KTEST(range, random_operations_on_a_full_table_never_invent, "MAP-10")
{
	EXPECT(run_random_operations(3, UNIVERSE, 1500, 4) > 0);
	EXPECT(set.nr_lost > 0);
}
