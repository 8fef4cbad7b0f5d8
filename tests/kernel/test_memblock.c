/* SPDX-License-Identifier: MIT */
/* The early allocator as an object, beside the one the machine booted with. Nothing here touches the memory
 * it places: that is tests/host/test_memblock_machine.c. Host and guest. */
#include <mm/early/memblock_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <tests/kernel/test_util.h>

#define LOWMEM_END MIB((paddr_t)896)

static struct memblock *mb;

static void set_up(paddr_t start, paddr_t end)
{
	struct range_set *ram;
	BORROW(ram);

	range_set_init(ram);
	EXPECT(range_set_add(ram, start, end));
	memblock_setup(mb, ram, LOWMEM_END);
}

/* Where a block was placed, or UINT64_MAX. */
static paddr_t place(uint64_t size_bytes, uint64_t align, paddr_t min, paddr_t max)
{
	paddr_t addr;

	return memblock_place(mb, size_bytes, align, min, max, &addr) ? addr : UINT64_MAX;
}

static struct {
	unsigned int nr_calls;
	uint64_t nr_pages;
	pfn_t last_end;
	bool in_order; /* each run above the last, with a gap: so disjoint and maximal */
	bool is_free;  /* all RAM, nothing of it reserved */
} given;

static void note_given(pfn_t start_pfn, pfn_t end_pfn)
{
	paddr_t start = (paddr_t)start_pfn << PAGE_SHIFT, end = (paddr_t)end_pfn << PAGE_SHIFT;

	given.in_order &= start_pfn < end_pfn && (given.nr_calls == 0 || start_pfn > given.last_end);
	given.is_free &= range_set_bytes_in(&mb->reserved, start, end) == 0 &&
			 range_set_bytes_in(&mb->memory, start, end) == end - start;
	given.last_end = end_pfn;
	given.nr_pages += end_pfn - start_pfn;
	given.nr_calls++;
}

static uint64_t give_all(void)
{
	memset(&given, 0, sizeof(given));
	given.in_order = given.is_free = true;
	return memblock_for_each_free(mb, note_given);
}

KTEST(memblock, takes_the_lowest_place_that_fits, "V2")
{
	BORROW(mb);
	set_up(0x1000, 0x100000);
	EXPECT(memblock_take(mb, 0x3000, 0x1000));
	EXPECT_EQ(place(0x3000, 1, 0, UINT64_MAX), 0x4000);
	EXPECT_EQ(place(0x2000, 1, 0, UINT64_MAX), 0x1000);
	EXPECT_EQ(place(0x10, 1, 0, UINT64_MAX), 0x7000);
	EXPECT_EQ(place(0x10, 1, 0, UINT64_MAX), 0x7010);
}

KTEST(memblock, honours_alignment, "V2")
{
	BORROW(mb);
	unsigned int shift;

	for (shift = 0; shift <= 24; shift++) {
		paddr_t addr;

		set_up(0x1001, MIB((paddr_t)64));
		addr = place(3, 1ull << shift, 0, UINT64_MAX);
		EXPECT(addr != UINT64_MAX);
		EXPECT(IS_ALIGNED(addr, 1ull << shift));
		EXPECT_EQ(addr, ALIGN_UP((paddr_t)0x1001, 1ull << shift));
	}
	EXPECT_EQ(place(1, 1ull << 63, 1, UINT64_MAX), UINT64_MAX);
}

KTEST(memblock, stays_inside_min_and_max, "V2")
{
	BORROW(mb);
	set_up(0x1000, 0x100000);
	EXPECT_EQ(place(0x1000, 1, 0x5800, UINT64_MAX), 0x5800);
	EXPECT_EQ(place(0x1000, 1, 0x9000, 0xa000), 0x9000);
	EXPECT_EQ(place(0x1000, 1, 0x9000, 0xa000), UINT64_MAX);
	EXPECT_EQ(place(0x1001, 1, 0xb000, 0xc000), UINT64_MAX);
	EXPECT_EQ(place(0x1000, 1, 0xc000, 0xb000), UINT64_MAX);
	EXPECT_EQ(place(0x1000, 1, 0x100000, UINT64_MAX), UINT64_MAX);
	EXPECT_EQ(place(1, 2, UINT64_MAX, UINT64_MAX), UINT64_MAX);
}

KTEST(memblock, never_allocates_above_low_memory, "V2")
{
	BORROW(mb);
	set_up(LOWMEM_END - 0x2000, LOWMEM_END + 0x10000000);
	EXPECT_EQ(place(0x3000, 1, 0, UINT64_MAX), UINT64_MAX);
	EXPECT_EQ(place(0x2000, 1, 0, UINT64_MAX), LOWMEM_END - 0x2000);
	EXPECT_EQ(place(1, 1, 0, UINT64_MAX), UINT64_MAX);
}

KTEST(memblock, a_block_does_not_cross_a_hole, "V2 MAP-12")
{
	BORROW(mb);
	set_up(0x1000, 0x4000);
	EXPECT(range_set_add(&mb->memory, 0x5000, 0xa000));
	EXPECT_EQ(place(0x4000, 1, 0, UINT64_MAX), 0x5000);
	EXPECT_EQ(place(0x3000, 1, 0, UINT64_MAX), 0x1000);
}

KTEST(memblock, exhaustion_uses_the_last_byte_and_then_fails, "V2")
{
	BORROW(mb);
	unsigned int i;

	set_up(0x1000, 0x5000);
	for (i = 0; i < 0x4000 / 0x400; i++)
		EXPECT_EQ(place(0x400, 1, 0, UINT64_MAX), 0x1000 + i * 0x400);
	EXPECT_EQ(place(1, 1, 0, UINT64_MAX), UINT64_MAX);
	EXPECT_EQ(give_all(), 0);
	EXPECT(memblock_give(mb, 0x2000, 0x1000));
	EXPECT_EQ(place(0x1000, 0x1000, 0, UINT64_MAX), 0x2000);
}

KTEST(memblock, no_memory_allocates_and_gives_nothing, "V2 P10")
{
	BORROW(mb);
	set_up(0, 0);
	EXPECT_EQ(place(1, 1, 0, UINT64_MAX), UINT64_MAX);
	EXPECT(memblock_take(mb, 0, 0x1000));
	EXPECT_EQ(give_all(), 0);
}

KTEST(memblock, reservations_overlap_touch_and_leave_ram, "V2 MAP-11")
{
	BORROW(mb);
	set_up(0x1000, 0x10000);
	EXPECT(memblock_take(mb, 0x3800, 0x10));   /* page 3 */
	EXPECT(memblock_take(mb, 0x3fff, 0x2));	   /* pages 3, 4 */
	EXPECT(memblock_take(mb, 0xf000, 0x8000)); /* page 15 and beyond RAM */
	EXPECT(memblock_take(mb, 0, 0x1000));	   /* below RAM */
	EXPECT(memblock_take(mb, 0x8000, 0));	   /* nothing */
	EXPECT(memblock_take(mb, UINT64_MAX - 1, UINT64_MAX));
	EXPECT_EQ(place(1, 1, 0x3000, 0x5000), UINT64_MAX); /* partial pages count whole, at both ends */
	EXPECT_EQ(give_all(), 12);
	EXPECT_EQ(given.nr_calls, 2);
	EXPECT(given.in_order && given.is_free);
}

KTEST(memblock, a_block_above_order_10_stays_out_of_the_hand_over, "V2")
{
	BORROW(mb);
	set_up(MIB((paddr_t)1), MIB((paddr_t)64));
	EXPECT_EQ(place(MIB(20u), MIB(4u), 0, UINT64_MAX), MIB(4u));
	EXPECT_EQ(give_all(), (MIB(63u) - MIB(20u)) / PAGE_SIZE);
	EXPECT_EQ(given.nr_calls, 2);
	EXPECT(given.in_order && given.is_free);
}

KTEST(memblock, a_page_with_one_taken_byte_is_not_given_over, "V2 MAP-15")
{
	BORROW(mb);
	set_up(0x1000, 0x9000);
	EXPECT_EQ(place(1, 1, 0x3000, UINT64_MAX), 0x3000);
	EXPECT_EQ(place(2, 1, 0x4fff, UINT64_MAX), 0x4fff);
	EXPECT_EQ(give_all(), 5);
	EXPECT(given.in_order && given.is_free);
}

KTEST(memblock, what_is_given_back_is_given_over, "V2")
{
	BORROW(mb);
	set_up(0x1000, 0x9000);
	EXPECT_EQ(place(0x4000, 1, 0x2000, UINT64_MAX), 0x2000);
	EXPECT(memblock_give(mb, 0x2000, 0x4000));
	EXPECT_EQ(give_all(), 8);
	EXPECT_EQ(given.nr_calls, 1);
}

/* 1000 reservations of every third page: what the table cannot hold takes its RAM away, so none is ever
 * handed out. */
KTEST(memblock, more_reservations_than_the_table_holds_are_never_handed_out, "MAP-10 V2")
{
	BORROW(mb);
	unsigned int i, nr_refused = 0;

	set_up(0, MIB((paddr_t)32));
	for (i = 0; i < 1000; i++)
		nr_refused += !memblock_take(mb, (paddr_t)i * 0x3000, 1);
	EXPECT_EQ(nr_refused, 1000 - RANGE_SET_MAX);
	EXPECT(give_all() > 0);
	EXPECT(given.in_order && given.is_free);
	for (i = 0; i < 1000; i++) {
		paddr_t at = (paddr_t)i * 0x3000;

		EXPECT(range_set_bytes_in(&mb->reserved, at, at + 0x1000) == 0x1000 ||
		       range_set_bytes_in(&mb->memory, at, at + 0x1000) == 0);
	}
}

KTEST(memblock, giving_back_from_a_full_table_never_frees_what_is_taken, "MAP-10 V2")
{
	BORROW(mb);
	unsigned int i;

	set_up(0, MIB((paddr_t)32));
	EXPECT(memblock_take(mb, MIB(16u), 0x10000));
	for (i = 0; i + 1 < RANGE_SET_MAX; i++)
		EXPECT(memblock_take(mb, (paddr_t)i * 0x3000, 1));
	EXPECT(!memblock_give(mb, MIB(16u) + 0x4000, 0x1000));
	EXPECT_EQ(range_set_bytes_in(&mb->reserved, MIB(16u), MIB(17u)), 0x10000);
	EXPECT(memblock_give(mb, MIB(16u), 0x1000));
	EXPECT_EQ(range_set_bytes_in(&mb->reserved, MIB(16u), MIB(17u)), 0xf000);
}

#define MODEL_PAGES 256u

/* A page of the model: is it RAM, and how many blocks and reservations touch it. */
static struct {
	bool is_ram, is_taken;
} model[MODEL_PAGES];

static void model_take(paddr_t start, uint64_t size_bytes)
{
	paddr_t end = start + size_bytes;

	for (start = ALIGN_DOWN(start, PAGE_SIZE); start < end; start += PAGE_SIZE)
		model[start >> PAGE_SHIFT].is_taken = true;
}

static unsigned int model_nr_free(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < MODEL_PAGES; i++)
		nr += model[i].is_ram && !model[i].is_taken;
	return nr;
}

static void model_add_ram(unsigned int start, unsigned int end)
{
	EXPECT(range_set_add(&mb->memory, (paddr_t)start * PAGE_SIZE, (paddr_t)end * PAGE_SIZE));
	for (; start < end; start++)
		model[start].is_ram = true;
}

KTEST(memblock, random_blocks_and_reservations_equal_the_model, "V2 MAP-15 EXH-04")
{
	BORROW(mb);
	uint32_t seed;

	for (seed = 1; seed <= 40; seed++) {
		struct random random = {seed};
		unsigned int i;

		set_up(0, 0);
		memset(model, 0, sizeof(model));
		model_add_ram(1, 100);
		model_add_ram(101, 160);
		model_add_ram(200, MODEL_PAGES);
		for (i = 0; i < 30; i++) {
			uint64_t size = 1 + random_below(&random, 3 * PAGE_SIZE);
			paddr_t addr = random_below(&random, (MODEL_PAGES - 4) * PAGE_SIZE);

			if (random_below(&random, 3) == 0)
				EXPECT(memblock_take(mb, addr, size));
			else
				addr = place(size, 1ull << random_below(&random, 14), addr / 2, UINT64_MAX);
			if (addr != UINT64_MAX)
				model_take(addr, size);
		}
		EXPECT_EQ(give_all(), model_nr_free());
		EXPECT_EQ(given.nr_pages, model_nr_free());
		EXPECT(given.in_order && given.is_free);
	}
}
