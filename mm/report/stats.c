/* SPDX-License-Identifier: MIT */
/* Printers. What they count they count with interrupts on, see stats.h. */
#include <mm/report/stats.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/cache/lru.h>
#include <mm/cache/mapping.h>
#include <mm/cache/swap.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/slab.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>

/* By the heads of blocks, each read once: lists could not be left and found again. */
static void count_blocks(const struct zone *zone, size_t count[NR_MOBILITY][NR_ORDERS])
{
	memset(count, 0, sizeof(size_t[NR_MOBILITY][NR_ORDERS]));
	ASSERT(zone->end_pfn <= mem_map_pages);
	for (pfn_t pfn = zone->start_pfn; pfn < zone->end_pfn;) {
		struct page head = {.head = READ_ONCE(pfn_to_page(pfn)->head)};
		bool is_block = head.state != PAGE_INTERIOR && head.order <= MAX_PAGE_ORDER;

		if (is_block && head.state == PAGE_FREE && page_zone(&head) == zone)
			count[page_mobility(&head)][head.order]++;
		pfn += is_block ? 1u << head.order : 1;
	}
}

void buddyinfo_print(struct sink *out)
{
	size_t count[NR_MOBILITY][NR_ORDERS];
	const struct zone *zone;

	for_each_zone(zone) {
		if (!zone_has_memory(zone))
			continue;
		count_blocks(zone, count);
		sink_printf(out, "Node %u, zone %8s ", zone->node, zone->name);
		for (unsigned int order = 0; order < NR_ORDERS; order++)
			sink_printf(out, "%6zu ", count[0][order] + count[1][order] + count[2][order]);
		sink_printf(out, "\n");
	}
}

static const char *const mobility_names[NR_MOBILITY] = {"Unmovable", "Movable", "Reclaimable"};

static void print_free_by_type(struct sink *out, const struct zone *zone)
{
	size_t count[NR_MOBILITY][NR_ORDERS];

	count_blocks(zone, count);
	for (unsigned int type = 0; type < NR_MOBILITY; type++) {
		sink_printf(out, "Node %4u, zone %8s, type %12s ", zone->node, zone->name,
			    mobility_names[type]);
		for (unsigned int order = 0; order < NR_ORDERS; order++)
			sink_printf(out, "%6zu ", count[type][order]);
		sink_printf(out, "\n");
	}
}

static void print_block_types(struct sink *out, const struct zone *zone)
{
	size_t nr[NR_MOBILITY] = {0};
	pfn_t blocks = ((zone->end_pfn - 1) >> PAGEBLOCK_ORDER) - zone->first_block + 1;

	for (pfn_t i = 0; i < blocks; i++) {
		ASSERT(zone->block_mobility[i] < NR_MOBILITY);
		nr[zone->block_mobility[i]]++;
	}
	sink_printf(out, "Node %u, zone %8s ", zone->node, zone->name);
	for (unsigned int type = 0; type < NR_MOBILITY; type++)
		sink_printf(out, "%12zu ", nr[type]);
	sink_printf(out, "\n");
}

void pagetypeinfo_print(struct sink *out)
{
	const struct zone *zone;

	sink_printf(out, "Page block order: %u\nPages per block:  %u\n\n", PAGEBLOCK_ORDER,
		    1u << PAGEBLOCK_ORDER);
	sink_printf(out, "Free pages count per migrate type at order ");
	for (unsigned int order = 0; order < NR_ORDERS; order++)
		sink_printf(out, "%6u ", order);
	sink_printf(out, "\n");
	for_each_zone(zone)
		if (zone_has_memory(zone))
			print_free_by_type(out, zone);
	sink_printf(out, "\nNumber of blocks type %12s %12s %12s \n", mobility_names[0], mobility_names[1],
		    mobility_names[2]);
	for_each_zone(zone)
		if (zone_has_memory(zone))
			print_block_types(out, zone);
}

void zoneinfo_print(struct sink *out)
{
	const struct zone *zone;

	for_each_zone(zone) {
		if (zone->present == 0)
			continue;
		sink_printf(out, "Node %u, zone %8s\n", zone->node, zone->name);
		sink_printf(out,
			    "  pages free     %zu\n        min      %zu\n        low      %zu\n        high  "
			    "   %zu\n",
			    zone->nr_free, zone->wmark[WMARK_MIN], zone->wmark[WMARK_LOW],
			    zone->wmark[WMARK_HIGH]);
		sink_printf(out, "        spanned  %u\n        present  %zu\n        managed  %zu\n",
			    zone->end_pfn - zone->start_pfn, zone->present, zone->managed);
		sink_printf(out, "        protection: (%zu, %zu, %zu)\n  start_pfn:           %u\n",
			    zone->protection[ZONE_DMA], zone->protection[ZONE_NORMAL],
			    zone->protection[ZONE_HIGHMEM], zone->start_pfn);
	}
}

/* A node after another as /sys/devices/system/node/nodeN/numastat has it. */
void numastat_print(struct sink *out)
{
	unsigned int node;

	for_each_online_node(node)
	{
		const size_t *nr = nodes[node].nr;

		sink_printf(out, "node%u\nnuma_hit %zu\nnuma_miss %zu\nnuma_foreign %zu\ninterleave_hit 0\n",
			    node, READ_ONCE(nr[NODE_HIT]), READ_ONCE(nr[NODE_MISS]),
			    READ_ONCE(nr[NODE_FOREIGN]));
		sink_printf(out, "local_node %zu\nother_node %zu\n", READ_ONCE(nr[NODE_LOCAL]),
			    READ_ONCE(nr[NODE_OTHER]));
	}
}

static void print_kb_of(struct sink *out, const char *whose, const char *name, uint64_t pages)
{
	char label[20];

	snprintf(label, sizeof(label), "%s:", name);
	sink_printf(out, "%s%-15s %8llu kB\n", whose, label, (unsigned long long)pages * 4);
}

static void print_kb(struct sink *out, const char *name, uint64_t pages)
{
	print_kb_of(out, "", name, pages);
}

/* As /sys/devices/system/node/nodeN/meminfo has it. */
static void print_node_kb(struct sink *out, unsigned int node, const char *name, uint64_t pages)
{
	char whose[12];

	snprintf(whose, sizeof(whose), "Node %u ", node);
	print_kb_of(out, whose, name, pages);
}

static size_t node_lru_pages(unsigned int node, enum lru_list list)
{
	size_t nr = 0;

	for (unsigned int id = 0; id < NR_ZONES; id++)
		nr += lru_pages(&zones[node * NR_ZONES + id], list);
	return nr;
}

static void node_meminfo_print(struct sink *out, unsigned int node)
{
	const struct zone *zone = &zones[node * NR_ZONES];
	size_t low = zone[ZONE_DMA].managed + zone[ZONE_NORMAL].managed;
	size_t low_free = zone[ZONE_DMA].nr_free + zone[ZONE_NORMAL].nr_free;
	size_t high = zone[ZONE_HIGHMEM].managed, high_free = zone[ZONE_HIGHMEM].nr_free;

	print_node_kb(out, node, "MemTotal", low + high);
	print_node_kb(out, node, "MemFree", low_free + high_free);
	print_node_kb(out, node, "MemUsed", low + high - low_free - high_free);
	print_node_kb(out, node, "Active(file)", node_lru_pages(node, LRU_ACTIVE));
	print_node_kb(out, node, "Inactive(file)", node_lru_pages(node, LRU_INACTIVE));
	print_node_kb(out, node, "Active(anon)", node_lru_pages(node, LRU_ANON_ACTIVE));
	print_node_kb(out, node, "Inactive(anon)", node_lru_pages(node, LRU_ANON_INACTIVE));
	print_node_kb(out, node, "HighTotal", high);
	print_node_kb(out, node, "HighFree", high_free);
	print_node_kb(out, node, "LowTotal", low);
	print_node_kb(out, node, "LowFree", low_free);
}

static size_t lru_pages_of_all(enum lru_list list)
{
	const struct zone *zone;
	size_t nr = 0;

	for_each_zone(zone)
		nr += lru_pages(zone, list);
	return nr;
}

void meminfo_print(struct sink *out)
{
	uint64_t managed[NR_ZONES] = {0}, free[NR_ZONES] = {0};
	struct cache_counts cache = cache_counts();
	struct swap_counts swap = swap_counts();
	const struct zone *zone;

	for_each_zone(zone) {
		managed[zone->id] += zone->managed;
		free[zone->id] += zone->nr_free;
	}
	print_kb(out, "MemTotal", managed[ZONE_DMA] + managed[ZONE_NORMAL] + managed[ZONE_HIGHMEM]);
	print_kb(out, "MemFree", free[ZONE_DMA] + free[ZONE_NORMAL] + free[ZONE_HIGHMEM]);
	print_kb(out, "Cached", cache.nr_pages - MIN(swap.nr_cached, cache.nr_pages));
	print_kb(out, "SwapCached", swap.nr_cached);
	print_kb(out, "Active(file)", lru_pages_of_all(LRU_ACTIVE));
	print_kb(out, "Inactive(file)", lru_pages_of_all(LRU_INACTIVE));
	print_kb(out, "Active(anon)", lru_pages_of_all(LRU_ANON_ACTIVE));
	print_kb(out, "Inactive(anon)", lru_pages_of_all(LRU_ANON_INACTIVE));
	print_kb(out, "HighTotal", managed[ZONE_HIGHMEM]);
	print_kb(out, "HighFree", free[ZONE_HIGHMEM]);
	print_kb(out, "LowTotal", managed[ZONE_DMA] + managed[ZONE_NORMAL]);
	print_kb(out, "LowFree", free[ZONE_DMA] + free[ZONE_NORMAL]);
	print_kb(out, "SwapTotal", swap.nr_slots);
	print_kb(out, "SwapFree", swap.nr_free);
	print_kb(out, "Dirty", cache.nr_dirty);
	print_kb(out, "Writeback", cache.nr_writeback);
	print_kb(out, "AnonPages", nr_user_pages());
	print_kb(out, "Slab", slab_pages());
	print_kb(out, "VmallocTotal", vmalloc_total_bytes() >> PAGE_SHIFT);
	print_kb(out, "VmallocUsed", vmalloc_used_bytes() >> PAGE_SHIFT);
	for (unsigned int node = 0; node < node_map.nr_nodes && node_map.nr_nodes > 1; node++)
		node_meminfo_print(out, node);
}

/* --- pages of files --- */

enum file_state { FILE_CLEAN, FILE_DIRTY, FILE_WRITING, FILE_FAILED, FILE_READING, NR_FILE_STATES };

static enum file_state file_state(uint8_t flags)
{
	if (flags & PG_WRITEBACK)
		return FILE_WRITING;
	if (flags & PG_DIRTY)
		return flags & PG_ERROR ? FILE_FAILED : FILE_DIRTY;
	return flags & PG_UPTODATE ? FILE_CLEAN : FILE_READING;
}

/* Two uses apart: once, once and again lately; often, often and again lately. */
static unsigned int file_age(uint8_t flags)
{
	return (flags & PG_ACTIVE ? 2 : 0) + (flags & PG_REFERENCED ? 1 : 0);
}

void pagecache_print(struct sink *out)
{
	static const char *const names[NR_FILE_STATES] = {"clean", "dirty", "writing", "failed", "reading"};
	size_t nr[NR_FILE_STATES][4] = {{0}};

	for (pfn_t pfn = 0; pfn < mem_map_pages; pfn++) {
		const struct page *page = pfn_to_page(pfn);
		uint8_t flags = READ_ONCE(page->flags);

		if (READ_ONCE(page->state) == PAGE_FILE)
			nr[file_state(flags)][file_age(flags)]++;
	}
	sink_printf(out, "pages     inactive  and used    active  and used\n");
	for (unsigned int state = 0; state < NR_FILE_STATES; state++)
		sink_printf(out, "%-8s %9zu %9zu %9zu %9zu\n", names[state], nr[state][0], nr[state][1],
			    nr[state][2], nr[state][3]);
}
