/* SPDX-License-Identifier: MIT */
/* The early allocator: two sets of ranges, what is RAM and what is taken; free is the first less the second.
 *
 * Allocation is first fit by address, to the byte. Blocks may be of any size, far above the largest order of
 * the buddy allocator; what is taken stays out of the hand-over and is never split or moved.
 *
 * Invariants:
 * E1 no byte is handed out twice: every block is added to `reserved` before its address is returned.
 * E2 what was reserved is never handed out: if the table is full, its RAM is forgotten instead.
 * E3 at the hand-over every page of RAM is either given over, once, or touched by a reserved range.
 * E4 after the hand-over nothing changes.
 *
 * Context: boot, one CPU, no lock. */
#include <mm/early/memblock_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>
#include <mm/early/memmap.h>
#include <mm/port.h>

static struct memblock memblock;

void memblock_setup(struct memblock *mb, const struct range_set *usable, paddr_t lowmem_end)
{
	ASSERT(usable->nr <= RANGE_SET_MAX);
	mb->memory = *usable;
	range_set_remove(&mb->memory, MEMMAP_END, UINT64_MAX);
	range_set_init(&mb->reserved);
	mb->lowmem_end = lowmem_end;
	mb->handed_over = false;
}

static paddr_t memblock_end_of(paddr_t start, uint64_t size_bytes)
{
	return size_bytes < UINT64_MAX - start ? start + size_bytes : UINT64_MAX;
}

bool memblock_take(struct memblock *mb, paddr_t start, uint64_t size_bytes)
{
	paddr_t end = MIN(memblock_end_of(start, size_bytes), MEMMAP_END);

	if (size_bytes == 0 || start >= end)
		return true;
	ASSERT(!mb->handed_over); /* E4 */
	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN_UP(end, PAGE_SIZE);
	if (range_set_add(&mb->reserved, start, end))
		return true;
	range_set_remove(&mb->memory, start, end);
	return false;
}

/* Would taking [start, end) out of a full table leave two rests, one of which would be lost (and so become
 * free)? */
static bool memblock_cannot_split(const struct range_set *set, paddr_t start, paddr_t end)
{
	unsigned int i = range_set_find(set, start);

	return set->nr == RANGE_SET_MAX && i < set->nr && set->range[i].start < start &&
	       end < set->range[i].end;
}

bool memblock_give(struct memblock *mb, paddr_t start, uint64_t size_bytes)
{
	paddr_t end = memblock_end_of(start, size_bytes);

	ASSERT(!mb->handed_over); /* E4 */
	if (memblock_cannot_split(&mb->reserved, start, end))
		return false;
	range_set_remove(&mb->reserved, start, end);
	return true;
}

/* Lowest place for a block in [start, end), which is RAM; UINT64_MAX when there is none. */
static paddr_t memblock_first_fit(const struct range_set *reserved, uint64_t size_bytes, uint64_t align,
				  paddr_t start, paddr_t end)
{
	unsigned int i = range_set_find(reserved, start);

	while (start < end) {
		paddr_t place = ALIGN_UP(start, align);

		if (place > end || end - place < size_bytes)
			break;
		while (i < reserved->nr && reserved->range[i].end <= place)
			i++;
		if (i == reserved->nr || reserved->range[i].start >= place + size_bytes)
			return place;
		start = reserved->range[i].end;
	}
	return UINT64_MAX;
}

bool memblock_place(struct memblock *mb, uint64_t size_bytes, uint64_t align, paddr_t min, paddr_t max,
		    paddr_t *place)
{
	unsigned int i;

	ASSERT(!mb->handed_over && size_bytes && IS_POWER_OF_2(align)); /* E4 */
	max = MIN(max, mb->lowmem_end);
	for (i = range_set_find(&mb->memory, min); i < mb->memory.nr && mb->memory.range[i].start < max;
	     i++) {
		const struct range *ram = &mb->memory.range[i];

		*place = memblock_first_fit(&mb->reserved, size_bytes, align, MAX(min, ram->start),
					    MIN(max, ram->end));
		ASSERT(*place == UINT64_MAX ||
		       !range_set_bytes_in(&mb->reserved, *place, *place + size_bytes)); /* E1 */
		if (*place != UINT64_MAX)
			return range_set_add(&mb->reserved, *place, *place + size_bytes);
	}
	return false;
}

static uint64_t memblock_give_pages(paddr_t start, paddr_t end,
				    void (*free_range)(pfn_t start_pfn, pfn_t end_pfn))
{
	start = ALIGN_UP(start, PAGE_SIZE);
	end = ALIGN_DOWN(end, PAGE_SIZE);
	if (start >= end)
		return 0;
	ASSERT(end <= MEMMAP_END);
	free_range((pfn_t)(start >> PAGE_SHIFT), (pfn_t)(end >> PAGE_SHIFT));
	return (end - start) >> PAGE_SHIFT;
}

uint64_t memblock_for_each_free(const struct memblock *mb, void (*free_range)(pfn_t start_pfn, pfn_t end_pfn))
{
	const struct range *ram = mb->memory.range, *taken;
	uint64_t nr_pages = 0;
	unsigned int i, j;

	for (i = 0; i < mb->memory.nr; i++) {
		paddr_t start = ram[i].start;

		for (j = range_set_find(&mb->reserved, start); j < mb->reserved.nr; j++) {
			taken = &mb->reserved.range[j];
			if (taken->start >= ram[i].end)
				break;
			nr_pages += memblock_give_pages(start, taken->start, free_range);
			start = MIN(taken->end, ram[i].end);
		}
		nr_pages += memblock_give_pages(start, ram[i].end, free_range);
	}
	return nr_pages;
}

/* From here on: the one memblock of the machine. */

void memblock_init(const struct range_set *usable, paddr_t lowmem_end)
{
	memblock_setup(&memblock, usable, lowmem_end);
}

static bool memblock_is_open(const char *caller)
{
	if (memblock.handed_over)
		port_print(PORT_WARN,
			   "%s: called after early memory was handed over; use alloc_pages or kmalloc",
			   caller);
	return !memblock.handed_over;
}

void memblock_reserve(paddr_t start, uint64_t size_bytes)
{
	if (memblock_is_open("memblock_reserve") && !memblock_take(&memblock, start, size_bytes))
		port_print(PORT_WARN,
			   "memblock_reserve: more than %u separate ranges; RAM around 0x%llx is left out",
			   RANGE_SET_MAX, (unsigned long long)start);
}

void *memblock_alloc(uint64_t size_bytes, uint64_t align, paddr_t min, paddr_t max)
{
	paddr_t place;

	ASSERT(!port_in_interrupt());
	BUG_ON(!IS_POWER_OF_2(align));
	if (!memblock_is_open("memblock_alloc") || size_bytes == 0)
		return NULL;
	if (!memblock_place(&memblock, size_bytes, align, min, max, &place))
		return NULL;
	return memset(port_direct_map() + (uintptr_t)place, 0, (size_t)size_bytes);
}

void memblock_free(paddr_t start, uint64_t size_bytes)
{
	if (memblock_is_open("memblock_free") && !memblock_give(&memblock, start, size_bytes))
		port_print(PORT_WARN, "memblock_free: more than %u separate ranges; 0x%llx stays taken",
			   RANGE_SET_MAX, (unsigned long long)start);
}

static struct {
	uint64_t largest, all; /* bytes */
} free_low;

static void count_free_low(pfn_t start_pfn, pfn_t end_pfn)
{
	paddr_t start = (paddr_t)start_pfn << PAGE_SHIFT;
	paddr_t end = MIN((paddr_t)end_pfn << PAGE_SHIFT, memblock.lowmem_end);

	if (start >= end)
		return;
	free_low.largest = MAX(free_low.largest, end - start);
	free_low.all += end - start;
}

uint64_t memblock_free_bytes(uint64_t *all)
{
	free_low.largest = free_low.all = 0;
	(void)memblock_for_each_free(&memblock, count_free_low);
	ASSERT(free_low.largest <= free_low.all);
	*all = free_low.all;
	return free_low.largest;
}

uint64_t memblock_limit(paddr_t end)
{
	uint64_t bytes = range_set_bytes_in(&memblock.memory, end, UINT64_MAX);

	ASSERT(!memblock.handed_over); /* E4 */
	range_set_remove(&memblock.memory, end, UINT64_MAX);
	return bytes;
}

uint64_t memblock_hand_over(void (*free_range)(pfn_t start_pfn, pfn_t end_pfn))
{
	if (!memblock_is_open("memblock_hand_over"))
		return 0;
	memblock.handed_over = true;
	return memblock_for_each_free(&memblock, free_range);
}

bool memblock_is_handed_over(void)
{
	return memblock.handed_over;
}

const struct range_set *memblock_memory(void)
{
	return &memblock.memory;
}

const struct range_set *memblock_reserved(void)
{
	return &memblock.reserved;
}

paddr_t memblock_end_of_memory(void)
{
	return memblock.memory.nr ? memblock.memory.range[memblock.memory.nr - 1].end : 0;
}
