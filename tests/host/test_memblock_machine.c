/* SPDX-License-Identifier: MIT */
/* The machine's own memblock, on fake machines: what it hands out is really there, is cleared, and nothing of
 * it is handed over. Host only: it starts mm's boot again. */
#include <mm/early/memblock.h>

#include <string.h>

#include <mm/port.h>
#include <tests/host/host.h>
#include <tests/ktest.h>

static const struct memmap_entry small_map[] = {
	{0, 0xa0000, MEMMAP_USABLE},
	{0x100000, 0x1f00000, MEMMAP_USABLE},
};

static uint64_t nr_given;
static paddr_t block_start, block_end;
static bool block_was_given;

static void note_given(pfn_t start_pfn, pfn_t end_pfn)
{
	nr_given += end_pfn - start_pfn;
	block_was_given |=
		(paddr_t)start_pfn * PAGE_SIZE < block_end && (paddr_t)end_pfn * PAGE_SIZE > block_start;
}

static void set_up(void)
{
	static struct range_set usable;

	fake_machine_create(small_map, ARRAY_SIZE(small_map), MIB(32u));
	memmap_build(&usable, small_map, ARRAY_SIZE(small_map));
	memblock_init(&usable, MIB(32u));
	memblock_reserve(0, PAGE_SIZE);
	nr_given = 0;
	block_was_given = false;
	block_start = block_end = 0;
}

KTEST(memblock_machine, blocks_are_cleared_and_mapped, "V2")
{
	char *block, *end;

	set_up();
	EXPECT_EQ((unsigned char)port_direct_map()[0x200000], 0xa5);
	block = memblock_alloc(MIB(12u), MIB(4u), 0, UINT64_MAX);
	REQUIRE(block);
	EXPECT_EQ(block - port_direct_map(), MIB(4u));
	for (end = block + MIB(12u); block < end && *block == 0; block++)
		;
	EXPECT(block == end);
	EXPECT_EQ((unsigned char)*end, 0xa5);
}

KTEST(memblock_machine, hand_over_gives_each_free_page_once_and_counts_it, "V2 MAP-15")
{
	set_up();
	REQUIRE(memblock_alloc(MIB(12u), MIB(4u), 0, UINT64_MAX));
	block_start = MIB(4u);
	block_end = MIB(16u);
	EXPECT_EQ(memblock_hand_over(note_given), 0xa0 + 0x1f00 - 1 - MIB(12u) / PAGE_SIZE);
	EXPECT_EQ(nr_given, 0xa0 + 0x1f00 - 1 - MIB(12u) / PAGE_SIZE);
	EXPECT(!block_was_given);
}

KTEST(memblock_machine, after_the_hand_over_nothing_changes_and_each_call_says_so, "V2 USR-03")
{
	uint64_t nr_first;

	set_up();
	(void)memblock_hand_over(note_given);
	nr_first = nr_given;
	reports_capture();
	EXPECT_NULL(memblock_alloc(8, 8, 0, UINT64_MAX));
	EXPECT(reports_contain("memblock_alloc: called after early memory was handed over"));
	memblock_free(0, PAGE_SIZE);
	memblock_reserve(0x5000, PAGE_SIZE);
	EXPECT_EQ(memblock_hand_over(note_given), 0);
	EXPECT_EQ(nr_given, nr_first);
	EXPECT_EQ(reports_count(), 4);
	EXPECT_EQ(range_set_bytes(memblock_reserved()), PAGE_SIZE);
}

KTEST(memblock_machine, limit_forgets_ram_above_it, "V2")
{
	set_up();
	EXPECT_EQ(memblock_end_of_memory(), MIB(32u));
	EXPECT_EQ(memblock_limit(MIB(20u)), MIB(12u));
	EXPECT_EQ(memblock_limit(MIB(20u)), 0);
	EXPECT_EQ(memblock_end_of_memory(), MIB(20u));
	EXPECT_EQ(memblock_hand_over(note_given), 0xa0 + 0x1300 - 1);
}

KTEST(memblock_machine, too_many_reservations_are_reported, "MAP-10 V2")
{
	unsigned int i;

	set_up();
	reports_capture();
	for (i = 1; i <= RANGE_SET_MAX; i++)
		memblock_reserve(i * 0x2000, PAGE_SIZE);
	EXPECT_EQ(reports_count(), 1);
	EXPECT(reports_contain("memblock_reserve: more than 128 separate ranges"));
}

KTEST(memblock_machine, exhaustion_is_silent_and_clean, "V2")
{
	set_up();
	EXPECT_NULL(memblock_alloc(MIB(64u), 1, 0, UINT64_MAX));
	EXPECT_NULL(memblock_alloc(0, 1, 0, UINT64_MAX));
	EXPECT_EQ(range_set_bytes(memblock_reserved()), PAGE_SIZE);
}

static void alloc_with_bad_align(void *align)
{
	(void)!memblock_alloc(1, *(uint64_t *)align, 0, UINT64_MAX);
}

KTEST(memblock_machine, an_alignment_that_is_no_power_of_two_is_a_bug, "V2")
{
	uint64_t bad[] = {0, 3, 4097};
	unsigned int i;

	set_up();
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_NOT_NULL(host_catch_panic(alloc_with_bad_align, &bad[i]));
}
