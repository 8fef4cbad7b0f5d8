/* SPDX-License-Identifier: MIT */
/* libFuzzer target: the input is a memory map, then calls of the early allocator. The oracle knows no tables
 * of ranges: it asks the entries themselves about the pages around every border.
 *   - a page of the result is covered by usable entries and touched by no other (M1), whatever was lost;
 *   - while the table was large enough, each such page is in the result;
 *   - the early allocator hands out RAM only, aligned, below its limits, nothing twice, nothing reserved. */
#include <mm/early/memmap.h>

#include <kernel/lib/align.h>
#include <mm/early/memblock_internal.h>
#include <tests/fuzz/fuzz.h>

#define MAX_ENTRIES 300u
#define MAX_TAKEN   64u

static struct memmap_entry entries[MAX_ENTRIES];
static size_t nr_entries;
static struct range taken[MAX_TAKEN];
static unsigned int nr_taken;

/* Numbers near each other and near the borders that matter, or any number at all. */
static uint64_t take_number(struct input *in)
{
	static const uint64_t anchors[] = {0,	   0x9fc00, MIB(1u), MIB(16u),	 MIB(896u),
					   GIB(3), GIB(4),  GIB(64), MEMMAP_END, 1ull << 63};
	uint8_t how = take_u8(in);

	if (how == 0xff)
		return take_u64(in);
	if (how & 0x80)
		return anchors[(how & 0x7f) % ARRAY_SIZE(anchors)] + (uint64_t)(int64_t)(int16_t)take_u16(in);
	return (uint64_t)take_u16(in) << (how & 31);
}

static uint64_t end_of(const struct memmap_entry *e)
{
	return e->len > UINT64_MAX - e->base ? UINT64_MAX : e->base + e->len;
}

static bool is_usable(const struct memmap_entry *e)
{
	return e->type == MEMMAP_USABLE && e->len != 0 &&
	       (e->base + e->len == 0 || e->base + e->len > e->base);
}

/* Is the byte after all that usable entries cover from `at` on at or above `end`? */
static bool covered(uint64_t at, uint64_t end)
{
	for (bool moved = true; moved && at < end;) {
		moved = false;
		for (size_t i = 0; i < nr_entries; i++)
			if (is_usable(&entries[i]) && entries[i].base <= at && at < end_of(&entries[i])) {
				at = end_of(&entries[i]);
				moved = true;
			}
	}
	return at >= end;
}

static bool page_expected(uint64_t start)
{
	uint64_t end = start + PAGE_SIZE;

	for (size_t i = 0; i < nr_entries; i++)
		if (entries[i].type != MEMMAP_USABLE && entries[i].len && entries[i].base < end &&
		    end_of(&entries[i]) > start)
			return false;
	return covered(start, end);
}

static bool set_has(const struct range_set *set, uint64_t start, uint64_t end)
{
	for (unsigned int i = 0; i < set->nr; i++)
		if (set->range[i].start <= start && end <= set->range[i].end)
			return true;
	return false;
}

static void check_page(const struct range_set *usable, uint64_t addr)
{
	uint64_t start = ALIGN_DOWN(addr, PAGE_SIZE);
	bool found;

	if (start >= MEMMAP_END)
		return;
	found = set_has(usable, start, start + PAGE_SIZE);
	DEMAND(!found || page_expected(start));
	DEMAND(found || usable->nr_lost || !page_expected(start));
}

static void check_map(const struct range_set *usable)
{
	DEMAND(usable->nr <= RANGE_SET_MAX);
	for (unsigned int i = 0; i < usable->nr; i++) {
		const struct range *r = &usable->range[i];

		DEMAND(r->start < r->end && r->end <= MEMMAP_END);
		DEMAND(IS_ALIGNED(r->start, PAGE_SIZE) && IS_ALIGNED(r->end, PAGE_SIZE));
		DEMAND(i == 0 || usable->range[i - 1].end < r->start);
		check_page(usable, r->start);
		check_page(usable, r->end - 1);
		check_page(usable, r->end);
	}
	for (size_t i = 0; i < nr_entries; i++)
		for (int page = -1; page <= 1; page++) {
			check_page(usable, entries[i].base + (uint64_t)(int64_t)page * PAGE_SIZE);
			check_page(usable, end_of(&entries[i]) + (uint64_t)(int64_t)page * PAGE_SIZE);
		}
	DEMAND(memmap_pages_in(usable, 0, UINT64_MAX) == range_set_bytes(usable) / PAGE_SIZE);
}

static void check_placed(const struct memblock *mb, const struct range_set *usable, struct range new)
{
	DEMAND(new.end <= mb->lowmem_end &&set_has(usable, new.start, new.end));
	for (unsigned int i = 0; i < nr_taken; i++)
		DEMAND(new.end <= taken[i].start || taken[i].end <= new.start);
}

static void note_taken(paddr_t start, paddr_t end)
{
	if (start < end && nr_taken < MAX_TAKEN)
		taken[nr_taken++] = (struct range){start, end};
}

static void one_call(struct memblock *mb, const struct range_set *usable, struct input *in)
{
	uint8_t what = take_u8(in);
	uint64_t size = take_number(in), start = take_number(in),
		 max = what & 2 ? UINT64_MAX : take_number(in);
	uint64_t align = 1ull << (what >> 2 & 31);
	paddr_t place;

	if (what & 1) {
		memblock_take(mb, start, size);
		note_taken(start, MIN(size < UINT64_MAX - start ? start + size : UINT64_MAX, MEMMAP_END));
	} else if (size && memblock_place(mb, size, align, start, max, &place)) {
		DEMAND(place >= start && place + size <= max && IS_ALIGNED(place, align));
		check_placed(mb, usable, (struct range){place, place + size});
		note_taken(place, place + size);
	}
}

static pfn_t last_end;
static const struct range_set *ram;

static void check_given(pfn_t start, pfn_t end)
{
	DEMAND(start < end && start >= last_end);
	last_end = end;
	DEMAND(set_has(ram, (paddr_t)start << PAGE_SHIFT, (paddr_t)end << PAGE_SHIFT));
	for (unsigned int i = 0; i < nr_taken; i++)
		DEMAND((paddr_t)end << PAGE_SHIFT <= taken[i].start || taken[i].end <= (paddr_t)start
											       << PAGE_SHIFT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct range_set usable;
	static struct memblock mb;
	struct input in = {data, data + size};
	unsigned int wanted = take_u16(&in) % (MAX_ENTRIES + 1);

	nr_taken = 0;
	for (nr_entries = 0; nr_entries < wanted && in.at < in.end; nr_entries++) {
		uint8_t type = take_u8(&in);

		entries[nr_entries] = (struct memmap_entry){take_number(&in), take_number(&in), type % 3};
	}
	memmap_build(&usable, entries, nr_entries);
	check_map(&usable);
	memblock_setup(&mb, &usable, take_number(&in) & ~(uint64_t)(PAGE_SIZE - 1));
	while (in.at < in.end && nr_taken < MAX_TAKEN)
		one_call(&mb, &usable, &in);
	last_end = 0;
	ram = &usable;
	memblock_for_each_free(&mb, check_given);
	return 0;
}
