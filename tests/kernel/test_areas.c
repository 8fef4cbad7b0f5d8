/* SPDX-License-Identifier: MIT */
/* The tree of areas: named cases, random operations, and how high it gets. No page is mapped here, so the
 * space can be any. Guest and host. */
#include <mm/mapped/areas.h>

#include <kernel/lib/bitops.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <tests/kernel/test_util.h>

#define SPACE	  0x40000000ul
#define PAGES(n)  ((size_t)(n)*PAGE_SIZE)
#define NR_MANY	  15000u
#define MAX_PAGES 100u
#define NR_CHECKS 64u

static struct areas areas;

static void begin(size_t pages)
{
	areas_init(&areas, SPACE, SPACE + PAGES(pages));
}

static bool is_sound(void)
{
	const char *wrong = areas_check(&areas);

	if (wrong)
		ktest_note("%s", wrong);
	return !wrong;
}

static bool place(struct area *area, size_t pages)
{
	return areas_place(&areas, area, PAGES(pages), PAGE_SIZE);
}

KTEST(areas, the_lowest_gap_that_fits_is_taken, "VMA-03 V1")
{
	struct area area[5];

	begin(10);
	for (unsigned int i = 0; i < 5; i++)
		EXPECT(place(&area[i], 2));
	EXPECT_EQ(area[4].end, SPACE + PAGES(10));
	areas_remove(&areas, &area[1]);
	areas_remove(&areas, &area[3]);
	EXPECT(is_sound());
	EXPECT(!place(&area[1], 3));
	EXPECT(place(&area[1], 1));
	EXPECT_EQ(area[1].start, SPACE + PAGES(2));
	EXPECT(place(&area[3], 2));
	EXPECT_EQ(area[3].start, SPACE + PAGES(6));
	EXPECT(is_sound());
}

/* Three in a row, which know all about each other. */
KTEST(areas, a_tree_that_leans_is_found, "VMA-04 V1")
{
	struct area low, middle, *high = &areas.end;

	begin(10);
	EXPECT(place(&low, 1) && place(&middle, 1));
	low.left = low.right = middle.right = high->right = NULL;
	middle.left = &low;
	high->left = &middle;
	areas.root = high;
	low.height = 1;
	middle.height = 2;
	high->height = 3;
	low.largest = 0;
	middle.largest = 0; /* areas side by side */
	high->largest = high->gap;
	EXPECT(areas_check(&areas) && strcmp(areas_check(&areas), "VM3: the tree is not balanced") == 0);
}

KTEST(areas, one_is_put_where_it_shall_be_or_not_at_all, "VMA-03 R8")
{
	struct area area[3], none;

	begin(10);
	EXPECT(areas_place_at(&areas, &area[0], SPACE + PAGES(4), PAGES(2)));
	EXPECT(areas_place_at(&areas, &area[1], SPACE, PAGES(1)));
	EXPECT(areas_place_at(&areas, &area[2], SPACE + PAGES(6), PAGES(4)));
	EXPECT(!areas_place_at(&areas, &none, SPACE + PAGES(3), PAGES(2)));
	EXPECT(!areas_place_at(&areas, &none, SPACE + PAGES(5), PAGES(1)));
	EXPECT(!areas_place_at(&areas, &none, SPACE - PAGES(1), PAGES(2)));
	EXPECT(!areas_place_at(&areas, &none, SPACE + PAGES(10), PAGES(1)));
	EXPECT(!areas_place_at(&areas, &none, SPACE + PAGES(2), SIZE_MAX - PAGE_SIZE + 1));
	EXPECT_EQ(areas.nr, 3);
	EXPECT(is_sound());
}

KTEST(areas, the_lowest_gap_from_an_address_on_is_taken, "VMA-03 R8")
{
	struct area area[3], placed[3], none;

	begin(10); /* | 2 | A | 2 | B | 3 | C | */
	REQUIRE(areas_place_at(&areas, &area[0], SPACE + PAGES(2), PAGES(1)));
	REQUIRE(areas_place_at(&areas, &area[1], SPACE + PAGES(5), PAGES(1)));
	REQUIRE(areas_place_at(&areas, &area[2], SPACE + PAGES(9), PAGES(1)));
	EXPECT(areas_place_from(&areas, &placed[0], PAGES(1), SPACE + PAGES(4))); /* inside a gap */
	EXPECT_EQ(placed[0].start, SPACE + PAGES(4));
	EXPECT(areas_place_from(&areas, &placed[1], PAGES(2), SPACE + PAGES(2)));
	EXPECT_EQ(placed[1].start, SPACE + PAGES(6));
	EXPECT(areas_place_from(&areas, &placed[2], PAGES(2), 0));
	EXPECT_EQ(placed[2].start, SPACE);
	EXPECT(!areas_place_from(&areas, &none, PAGES(2), SPACE + PAGES(1)));
	EXPECT(!areas_place_from(&areas, &none, PAGES(1), SPACE + PAGES(9)));
	EXPECT(!areas_place_from(&areas, &none, PAGES(1), SPACE + PAGES(100)));
	EXPECT(is_sound());
}

KTEST(areas, neighbours_that_go_leave_one_gap, "VMA-04 V1")
{
	struct area area[3], large;

	begin(9);
	for (unsigned int i = 0; i < 3; i++)
		EXPECT(place(&area[i], 3));
	EXPECT(!place(&large, 1));
	areas_remove(&areas, &area[0]);
	areas_remove(&areas, &area[2]);
	EXPECT(!place(&large, 4));
	EXPECT(areas_remove(&areas, &area[1]) == &areas.end);
	EXPECT(place(&large, 9));
	EXPECT_EQ(large.start, SPACE);
	EXPECT(is_sound());
}

KTEST(areas, an_alignment_is_kept_and_one_beyond_the_space_fails, "VMA-03 V1")
{
	struct area first, aligned, behind, none;

	begin(64);
	EXPECT(place(&first, 1));
	EXPECT(areas_place(&areas, &aligned, PAGES(3), PAGES(16)));
	EXPECT_EQ(aligned.start, SPACE + PAGES(16));
	EXPECT(place(&behind, 15));
	EXPECT_EQ(behind.start, SPACE + PAGES(1));
	EXPECT(!areas_place(&areas, &none, PAGES(1), PAGES(64)));
	EXPECT(!areas_place(&areas, &none, SIZE_MAX - PAGE_SIZE + 1, PAGES(4)));
	EXPECT(is_sound());
}

KTEST(areas, an_address_finds_its_area_and_its_neighbours, "VMA-01 V1")
{
	struct area low, high;

	begin(8);
	EXPECT(place(&low, 2));
	EXPECT(areas_place(&areas, &high, PAGES(1), PAGES(4)));
	EXPECT_NULL(areas_below(&areas, SPACE - 1));
	EXPECT(areas_below(&areas, SPACE) == &low);
	EXPECT(areas_below(&areas, high.start - 1) == &low);
	EXPECT(areas_below(&areas, high.start) == &high);
	EXPECT(areas_above(&areas, 0) == &low);
	EXPECT(areas_above(&areas, SPACE + 1) == &high);
	EXPECT(areas_above(&areas, high.start + 1) == &areas.end);
}

/* --- many --- */

static struct area *many;

/* So many areas as there is memory for, at most NR_MANY. */
static unsigned int get_many(void)
{
	unsigned int nr = NR_MANY;

	while (nr && !(many = kvmalloc(nr * sizeof(*many), GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)))
		nr /= 2;
	return nr;
}

static bool is_low(unsigned int nr)
{
	unsigned int log2 = bit_highest(nr + 1);

	return areas.root->height <= log2 + 1 + (log2 + 1) / 2; /* AVL: below 1.44 log2(n + 2) */
}

static unsigned int nr_placed(unsigned int nr, unsigned int first, unsigned int step)
{
	unsigned int placed = 0;

	for (unsigned int i = first; i < nr; i += step)
		placed += place(&many[i], 1 + i % 3);
	return placed;
}

KTEST(areas, a_full_space_is_full_again_after_every_other_area_went, "VMA-04 V1")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned int nr = get_many();
	struct area none;

	REQUIRE(nr >= 100);
	nr -= nr % 3;
	begin(nr * 2); /* 1, 2 and 3 pages in turn */
	EXPECT_EQ(nr_placed(nr, 0, 1), nr);
	EXPECT(!place(&none, 1));
	EXPECT(is_sound() && is_low(nr));
	for (unsigned int i = 0; i < nr; i += 2)
		areas_remove(&areas, &many[i]);
	EXPECT(is_sound() && is_low(nr));
	for (unsigned int pages = 3; pages > 0; pages--)
		for (unsigned int i = 0; i < nr; i += 2)
			if (1 + i % 3 == pages)
				EXPECT(place(&many[i], pages));
	EXPECT(!place(&none, 1));
	EXPECT(is_sound() && is_low(nr));
	ktest_note("%u areas, tree of height %u", nr, areas.root->height);
	kvfree(many);
}

/* Takes area i out, or puts it in with some size and alignment. */
static void swap_one(struct random *random, unsigned int i)
{
	size_t pages = 1 + random_below(random, MAX_PAGES), align = PAGES(1u << random_below(random, 5));
	bool placed;

	if (many[i].height) {
		areas_remove(&areas, &many[i]);
		many[i].height = 0;
		return;
	}
	placed = areas_place(&areas, &many[i], PAGES(pages), align);
	EXPECT(!placed || (many[i].start % align == 0 && many[i].end - many[i].start == PAGES(pages)));
	if (!placed)
		many[i].height = 0;
}

KTEST(areas, random_sizes_and_alignments_keep_the_tree_sound, "VMA-03 VMA-04 V1")
{
	MACHINE_STAYS_AS_FOUND();
	struct random random = {.state = 0xa4ea};
	unsigned int nr = get_many() / 8;

	REQUIRE(nr >= 10);
	begin(nr * MAX_PAGES / 4); /* half of them fit */
	for (unsigned int i = 0; i < nr; i++)
		many[i].height = 0;
	for (unsigned int op = 0; op < nr * 8; op++) {
		swap_one(&random, random_below(&random, nr));
		if (op % (nr * 8 / NR_CHECKS + 1) == 0)
			EXPECT(is_sound());
	}
	EXPECT(is_sound() && is_low((unsigned int)areas.nr));
	ktest_note("%zu of %u areas in, tree of height %u", areas.nr, nr, areas.root->height);
	kvfree(many);
}
