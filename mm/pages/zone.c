/* SPDX-License-Identifier: MIT */
/* Zones and nodes: their layout, their watermarks, and the order in which a request tries them. Written at
 * boot, constant afterwards but for what zone->lock guards. */
#include <mm/pages/zone.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

struct zone zones[MAX_NODES * NR_ZONES];
struct node nodes[MAX_NODES];
struct zone *const *near_zones[NR_ZONES] = {nodes[0].zonelist[0].zone, nodes[0].zonelist[1].zone,
					    nodes[0].zonelist[2].zone};

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

/* What of [start, end) is the node's, from its first page to its last. */
static struct zone_span {
	pfn_t start, end;
} node_span(unsigned int node, pfn_t start, pfn_t end)
{
	struct zone_span span = {start, start};

	ASSERT(node < node_map.nr_nodes);
	for (const struct node_run *run = node_map.run; run < node_map.run + node_map.nr; run++) {
		pfn_t from = MAX(start, run->start), to = node_run_end(run, end);

		if (run->node != node || from >= to)
			continue;
		if (span.start == span.end)
			span.start = from;
		span.end = to;
	}
	return span;
}

void zone_init_all(pfn_t dma_end_pfn, pfn_t normal_end_pfn, pfn_t end_pfn)
{
	pfn_t normal_end = MIN(normal_end_pfn, end_pfn);
	pfn_t border[NR_ZONES + 1] = {0, MIN(dma_end_pfn, normal_end), normal_end, end_pfn};

	for (unsigned int node = 0; node < node_map.nr_nodes; node++)
		for (unsigned int id = 0; id < NR_ZONES; id++) {
			struct zone_span span = node_span(node, border[id], border[id + 1]);

			zone_init(&zones[node * NR_ZONES + id], node, (enum zone_id)id, span.start, span.end);
		}
	for (unsigned int id = 0; id < NR_ZONES; id++)
		near_zones[id] = nodes[numa_node_id()].zonelist[id].zone;
}

struct zone *zone_of_pfn(pfn_t pfn)
{
	struct zone *zone = &zones[node_map_find(pfn)->node * NR_ZONES];

	for (unsigned int id = 0; id < NR_ZONES; id++, zone++)
		if (pfn >= zone->start_pfn && pfn < zone->end_pfn)
			return zone;
	return NULL;
}

const char *zone_label(const struct zone *zone, char buf[ZONE_LABEL_BYTES])
{
	if (node_map.nr_nodes > 1)
		(void)snprintf(buf, ZONE_LABEL_BYTES, "%u:%s", zone->node, zone->name);
	else
		(void)snprintf(buf, ZONE_LABEL_BYTES, "%s", zone->name);
	return buf;
}

/* --- which zones, in which order --- */

/* The others behind a node, the nearest first; of those equally far the next by number, so that not all go to one. */
static void order_nodes(unsigned int node, unsigned int order[MAX_NODES])
{
	unsigned int nr = node_map.nr_nodes;

	ASSERT(node < node_map.nr_nodes);
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int other = (node + i) % nr, at = i;

		for (; at && node_distance(node, order[at - 1]) > node_distance(node, other); at--)
			order[at] = order[at - 1];
		order[at] = other;
	}
	ASSERT(order[0] == node); /* NM3 */
}

/* From the highest zone the request may use down to DMA; never upwards (ZON-05). */
static void build_zonelist(unsigned int node, unsigned int highest)
{
	struct zone **list = nodes[node].zonelist[highest].zone, **own = nodes[node].own[highest];
	unsigned int order[MAX_NODES], n = 0, nr_own = 0;

	order_nodes(node, order);
	for (unsigned int id = highest + 1; id-- > 0;)
		for (unsigned int i = 0; i < node_map.nr_nodes; i++) {
			struct zone *zone = &zones[order[i] * NR_ZONES + id];

			ASSERT(zone->id == id && zone->node == order[i]);
			if (!zone_has_memory(zone))
				continue;
			list[n++] = zone;
			if (i == 0)
				own[nr_own++] = zone;
		}
	list[n] = own[nr_own] = NULL;
}

unsigned int gfp_node(gfp_t gfp)
{
	unsigned int named = (__force unsigned int)(gfp & GFP_NODE_BITS) >> GFP_NODE_SHIFT;

	if (!named)
		return numa_node_id();
	return node_online(named - 1) ? named - 1 : MAX_NODES;
}

struct zone *const *zone_list_asked_for(gfp_t gfp)
{
	static struct zone *const none[1];
	unsigned int node = gfp_node(gfp);

	if (gfp_has(gfp, __GFP_THISNODE))
		return node < MAX_NODES ? nodes[node].own[gfp_zone(gfp)] : none;
	return node < MAX_NODES ? nodes[node].zonelist[gfp_zone(gfp)].zone : near_zones[gfp_zone(gfp)];
}

static void count(unsigned int node, enum node_event event)
{
	ASSERT(node < node_map.nr_nodes && event < NR_NODE_EVENTS);
	__atomic_fetch_add(&nodes[node].nr[event], 1, __ATOMIC_RELAXED);
}

void node_count(const struct zone *zone, gfp_t gfp)
{
	unsigned int wanted = gfp_node(gfp), got = zone->node;

	if (wanted == MAX_NODES)
		wanted = numa_node_id();
	count(got, got == wanted ? NODE_HIT : NODE_MISS);
	if (got != wanted)
		count(wanted, NODE_FOREIGN);
	count(got, got == numa_node_id() ? NODE_LOCAL : NODE_OTHER);
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

static size_t managed_of(unsigned int id)
{
	size_t nr = 0;

	for (unsigned int node = 0; node < node_map.nr_nodes; node++)
		nr += zones[node * NR_ZONES + id].managed;
	return nr;
}

/* What a lower zone keeps from requests that could have been served above it: a share of the pages up there, whosever node's,
 * so that plenty of high memory cannot drain the memory that only the few can use. */
static void set_protection(struct zone *zone)
{
	static const unsigned int shift[NR_ZONES] = {
		8, 5, 0}; /* 1/256 of the zones above DMA, 1/32 of those above NORMAL */
	size_t above = 0;

	for (unsigned int id = zone->id + 1u; id < NR_ZONES; id++) {
		above += managed_of(id);
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
	for (unsigned int node = 0; node < node_map.nr_nodes; node++)
		for (unsigned int highest = 0; highest < NR_ZONES; highest++)
			build_zonelist(node, highest);
}
