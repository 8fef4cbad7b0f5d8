/* SPDX-License-Identifier: MIT */
/* Zones and nodes: their layout, their watermarks, and the order in which a request tries them. Written at
 * boot, constant afterwards but for what zone->lock guards. */
#include <mm/pages/zone.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>

struct zone zones[MAX_NODES * NR_ZONES];
struct node nodes[MAX_NODES];
unsigned int nr_nodes = 1;

static const char *const zone_names[NR_ZONES] = {"DMA", "Normal", "HighMem"};

static void zone_init(struct zone *zone, unsigned int node, enum zone_id id, pfn_t start_pfn, pfn_t end_pfn)
{
	ASSERT(id < NR_ZONES && node < MAX_NODES && zone == &zones[node * NR_ZONES + id]);
	memset(zone, 0, sizeof(*zone));
	zone->name = zone_names[id];
	zone->index = (uint8_t)(zone - zones);
	zone->node = (uint8_t)node;
	zone->id = (uint8_t)id;
	zone->start_pfn = start_pfn;
	zone->end_pfn = MAX(start_pfn, end_pfn);
	zone->first_block = start_pfn >> PAGEBLOCK_ORDER;
	port_lock_init(&zone->lock, zone->name);
	for (unsigned int type = 0; type < NR_MOBILITY; type++)
		for (unsigned int order = 0; order < NR_ORDERS; order++)
			list_init(&zone->lists[type].list[order]);
}

void zone_init_node(unsigned int node, pfn_t dma_end_pfn, pfn_t normal_end_pfn, pfn_t end_pfn)
{
	struct zone *zone = &zones[node * NR_ZONES];
	pfn_t normal_end = MIN(normal_end_pfn, end_pfn);
	pfn_t dma_end = MIN(dma_end_pfn, normal_end);

	ASSERT(node < MAX_NODES);
	zone_init(zone, node, ZONE_DMA, 0, dma_end);
	zone_init(zone + 1, node, ZONE_NORMAL, dma_end, normal_end);
	zone_init(zone + 2, node, ZONE_HIGHMEM, normal_end, end_pfn);
}

struct zone *zone_of_pfn(pfn_t pfn)
{
	struct zone *zone;

	for_each_zone(zone)
		if (pfn >= zone->start_pfn && pfn < zone->end_pfn)
			return zone;
	return NULL;
}

/* From the highest zone the request may use down to DMA; never upwards (ZON-05). */
static void build_zonelist(struct zonelist *list, unsigned int node, unsigned int highest)
{
	unsigned int n = 0;

	for (unsigned int id = highest + 1; id-- > 0;) {
		struct zone *zone = &zones[node * NR_ZONES + id];

		ASSERT(zone->id == id && zone->node == node);
		if (zone_has_memory(zone))
			list->zone[n++] = zone;
	}
	list->zone[n] = NULL;
}

/* Largest r with r * r <= n. */
static uint32_t square_root(uint32_t n)
{
	uint32_t root = 0;

	for (uint32_t bit = 1u << 15; bit; bit >>= 1)
		if ((root + bit) * (root + bit) <= n)
			root += bit;
	return root;
}

/* Low memory shares min_free in proportion to its size (in 1/1024, so that 32 bits do), rounded up: the smallest
 * zone keeps a page, too. High memory, which no interrupt can need, keeps a token. */
static size_t zone_min_pages(const struct zone *zone, size_t min_free_pages, size_t lowmem_pages)
{
	if (zone->id == ZONE_HIGHMEM)
		return MIN(zone->managed / 1024, (size_t)128);
	ASSERT(zone->managed <= lowmem_pages);
	if (lowmem_pages == 0)
		return 0;
	return DIV_ROUND_UP(MIN(min_free_pages, lowmem_pages / 2) * (zone->managed * 1024 / lowmem_pages),
			    1024);
}

/* low > min wherever there are pages, so that the reclaimer starts in time. */
static void set_watermarks(struct zone *zone, size_t min)
{
	size_t step;

	min = MIN(min, zone->managed / 2);
	ASSERT(zone->nr_free <= zone->managed); /* Z1 */
	step = MAX(min / 4, (size_t)1);
	zone->wmark[WMARK_MIN] = min;
	zone->wmark[WMARK_LOW] = MIN(min + step, zone->managed);
	zone->wmark[WMARK_HIGH] = MIN(min + 2 * step, zone->managed);
	ASSERT(min <= zone->wmark[WMARK_LOW] && zone->wmark[WMARK_LOW] <= zone->wmark[WMARK_HIGH]); /* P6 */
}

/* What a lower zone keeps from requests that could have been served above it: a share of the pages up there,
 * so that plenty of high memory cannot drain the memory that only the few can use. */
static void set_protection(struct zone *zone)
{
	static const unsigned int shift[NR_ZONES] = {
		8, 5, 0}; /* 1/256 of the zones above DMA, 1/32 of those above NORMAL */
	size_t above = 0;

	for (unsigned int id = zone->id + 1u; id < NR_ZONES; id++) {
		above += zone[id - zone->id].managed;
		zone->protection[id] = MIN(above >> shift[zone->id], zone->managed / 2);
		ASSERT(zone->protection[id] >= zone->protection[id - 1]); /* rises with what is above */
	}
}

void zone_build_policy(uint32_t min_free_kbytes)
{
	struct zone *zone;
	size_t lowmem = 0, min_free;

	for_each_zone(zone)
		lowmem += zone->id == ZONE_HIGHMEM ? 0 : zone->managed;
	if (min_free_kbytes == 0)
		min_free_kbytes = MAX(4 * square_root((uint32_t)lowmem * 4), 128u);
	min_free = min_free_kbytes / 4;

	for_each_zone(zone) {
		ASSERT(zone->managed <= zone->present); /* Z1 */
		set_watermarks(zone, zone_min_pages(zone, min_free, lowmem));
		set_protection(zone);
	}
	for (unsigned int node = 0; node < nr_nodes; node++)
		for (unsigned int highest = 0; highest < NR_ZONES; highest++)
			build_zonelist(&nodes[node].zonelist[highest], node, highest);
}
