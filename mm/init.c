/* SPDX-License-Identifier: MIT */
/* From ranges of RAM to descriptors, zones and allocators. The descriptors are the one large thing: 32 bytes
 * for each page number up to the end of RAM, cleared once, so that every page starts as INTERIOR of no block;
 * what the hand-over frees gets a head per block. */
#include <mm/init.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>
#include <mm/aspace/aspace.h>
#include <mm/cache/cache_page.h>
#include <mm/cache/lru.h>
#include <mm/cache/mapping.h>
#include <mm/cache/radix.h>
#include <mm/cache/swap.h>
#include <mm/cache/writeback.h>
#include <mm/early/bootmem.h>
#include <mm/early/memblock.h>
#include <mm/early/memmap.h>
#include <mm/early/nodemap.h>
#include <mm/mapped/kmap.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/reserve.h>
#include <mm/reclaim/vmscan.h>
#include <mm/reclaim/wait.h>
#include <mm/report/guard.h>
#include <mm/report/owner.h>
#include <mm/report/poison.h>

static uint32_t init_min_free_kbytes, init_guard_sample;

static uint64_t descriptor_bytes(paddr_t end)
{
	return ALIGN_UP(end >> PAGE_SHIFT, 1u << MAX_PAGE_ORDER) * sizeof(struct page);
}

/* Descriptors have no holes: a range of RAM costs those of the hole below it, too. Result: the end of RAM, not
 * above `limit`, up to which most is left beside its descriptors (F3). */
static paddr_t end_worth_while(const struct range_set *usable, paddr_t limit)
{
	uint64_t ram = 0, best = 0;
	paddr_t best_end = 0;

	for (unsigned int i = 0; i < usable->nr && usable->range[i].start < limit; i++) {
		paddr_t end = MIN(usable->range[i].end, limit);

		ram += end - usable->range[i].start;
		if (ram > best + descriptor_bytes(end)) {
			best = ram - descriptor_bytes(end);
			best_end = end;
		}
	}
	return best_end;
}

static void leave_out_costly(struct range_set *usable)
{
	paddr_t end = end_worth_while(usable, MEMMAP_END);
	uint64_t bytes = range_set_bytes_in(usable, end, MEMMAP_END);

	if (!bytes)
		return;
	port_print(PORT_WARN, "%llu KiB of RAM above %#llx left out: its descriptors would take %llu KiB",
		   (unsigned long long)(bytes >> 10), (unsigned long long)end,
		   (unsigned long long)(descriptor_bytes(usable->range[usable->nr - 1].end) -
					descriptor_bytes(end)) >>
			   10);
	range_set_remove(usable, end, MEMMAP_END);
}

paddr_t mm_choose_lowmem_end(struct range_set *usable, paddr_t limit)
{
	unsigned int nr;

	leave_out_costly(usable);
	nr = range_set_find(usable, limit); /* the ranges that end at or below it */
	if (nr < usable->nr && usable->range[nr].start < limit)
		return limit;
	return nr ? usable->range[nr - 1].end : 0;
}

/* RAM so far up that its descriptors would fill more than half of what is free in low memory, or have no
 * place there in one piece, is left out. */
static void limit_memory(paddr_t lowmem_end)
{
	uint64_t low_bytes, piece = memblock_free_bytes(&low_bytes);
	uint64_t max_pages = MIN(low_bytes / 2, piece) / sizeof(struct page);
	paddr_t end = ALIGN_DOWN(max_pages, 1u << MAX_PAGE_ORDER) << PAGE_SHIFT;

	if (memblock_end_of_memory() > end) {
		uint64_t bytes;

		end = MAX(end_worth_while(memblock_memory(), end), lowmem_end);
		bytes = memblock_limit(end);
		if (bytes)
			port_print(PORT_WARN,
				   "%llu MiB of RAM above %#llx left out: its descriptors would take more "
				   "than half of %llu MiB of free low memory",
				   (unsigned long long)(bytes >> 20), (unsigned long long)end,
				   (unsigned long long)(low_bytes >> 20));
	}
}

static void *alloc_descriptors(uint64_t bytes)
{
	void *memory = alloc_bootmem_pages_nopanic(bytes);

	if (!memory)
		port_refuse("kernel and modules leave low memory no piece of %llu KiB for its descriptors",
			    (unsigned long long)(bytes >> 10));
	return memory;
}

/* RAM it spans that is its node's. */
static size_t pages_of_zone(const struct zone *zone)
{
	const struct node_run *run = node_map_find(zone->start_pfn);
	size_t nr = 0;

	for (; run < node_map.run + node_map.nr && run->start < zone->end_pfn; run++)
		if (run->node == zone->node)
			nr += (size_t)memmap_pages_in(memblock_memory(), MAX(run->start, zone->start_pfn),
						      node_run_end(run, zone->end_pfn));
	return nr;
}

static void init_zone_memory(struct zone *zone)
{
	pfn_t blocks;

	if (zone->start_pfn == zone->end_pfn)
		return;
	zone->present = pages_of_zone(zone);
	ASSERT(zone->present <= zone->end_pfn - zone->start_pfn); /* Z1 */
	blocks = ((zone->end_pfn - 1) >> PAGEBLOCK_ORDER) - zone->first_block + 1;
	zone->block_mobility = alloc_bootmem(blocks);
	memset(zone->block_mobility, MOBILITY_MOVABLE, blocks);
}

static bool has_tables(bool wanted, bool has, const char *what)
{
	if (wanted && !has)
		port_print(PORT_WARN, "low memory has no place for the tables of %s=: it stays off", what);
	return has;
}

/* Who wants to see every page, from the hand-over on. */
static void init_watches(const struct mm_params *params)
{
	mm_watch_set(WATCH_POISON,
		     has_tables(params->page_poison, poison_init(params->page_poison), "page_poison"));
	mm_watch_set(WATCH_OWNER,
		     has_tables(params->page_owner, page_owner_init(params->page_owner), "page_owner"));
}

void mm_init_zones(const struct mm_params *params)
{
	pfn_t end;
	struct zone *zone;

	ASSERT(!memblock_is_handed_over() && params->dma_end && params->lowmem_end); /* E4 */
	pcp_reset();
	bootmem_init(params->dma_end, params->lowmem_end);
	limit_memory(params->lowmem_end);
	node_map_build(params->nodes, memblock_memory());
	end = (pfn_t)(memblock_end_of_memory() >> PAGE_SHIFT);
	mem_map_pages = ALIGN_UP(end, 1u << MAX_PAGE_ORDER);
	mem_map = alloc_descriptors(descriptor_bytes(memblock_end_of_memory()));
	lowmem_end_pfn = MIN((pfn_t)(params->lowmem_end >> PAGE_SHIFT), end);
	lowmem_bytes = (uintptr_t)lowmem_end_pfn << PAGE_SHIFT;
	ASSERT(lowmem_end_pfn <= mem_map_pages && IS_ALIGNED(mem_map_pages, 1u << MAX_PAGE_ORDER)); /* F3 */
	port_map_descriptors(mem_map, lowmem_end_pfn * sizeof(struct page));
	init_min_free_kbytes = params->min_free_kbytes;
	init_guard_sample = params->guard_sample;

	zone_init_all((pfn_t)(params->dma_end >> PAGE_SHIFT), lowmem_end_pfn, end);
	for_each_zone(zone)
		init_zone_memory(zone);
	mm_watch_set(WATCH_NODES, node_map.nr_nodes > 1);
	wait_init_nodes();
	kmap_init();
	init_watches(params);
}

static void add_free_range(pfn_t start, pfn_t end)
{
	page_alloc_add_range(start, end);
}

void mm_init_allocators(void)
{
	ASSERT(!memblock_is_handed_over() && mem_map_pages); /* E4 */
	memblock_hand_over(add_free_range);
	zone_build_policy(init_min_free_kbytes);
	pcp_init();
	pcp_close(SLOW_PAGES, mm_watch & (WATCH_POISON | WATCH_OWNER));
	slab_init();
	kmalloc_init();
	vmalloc_init();
	radix_init();
	cache_page_init();
	mapping_init_all();
	writeback_init();
	lru_init();
	swap_init();
	aspace_init();
	reserve_reset_all();
	vmscan_init();
	if (!guard_init(init_guard_sample))
		port_print(PORT_WARN, "no memory for the slots of guard_sample=: it stays off");
}

void mm_init_on(bool alloc, bool free)
{
	page_alloc_set_init_on(alloc, free);
	slab_close_all(SLOW_INIT_ON, alloc || free);
}

uint64_t mm_free_reserved(paddr_t start, paddr_t end)
{
	pfn_t from = (pfn_t)(ALIGN_UP(start, PAGE_SIZE) >> PAGE_SHIFT), to = (pfn_t)(end >> PAGE_SHIFT);

	uint64_t added = from < to ? page_alloc_add_range(from, to) : 0;

	zone_build_policy(init_min_free_kbytes); /* marks follow the zones' size */
	return added;
}
