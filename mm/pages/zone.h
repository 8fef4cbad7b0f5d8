/* SPDX-License-Identifier: MIT */
/* Zones: runs of page numbers that differ in who can reach them. Nodes: groups of zones at one distance.
 * Serves P1, P6, P8.
 *
 *   DMA      [0, 16 MiB)                   ISA devices reach it
 *   NORMAL   [16 MiB, end of direct map)   the kernel reaches it at all times
 *   HIGHMEM  above                         the kernel reaches it through kmap
 *
 * Each node has one of each, of those of its pages that lie there: they may be none, and zones of two nodes may lie in each
 * other's holes. A request tries the zone it asks for on the CPU's node, then on the others by distance, then the next
 * lower zone in the same order: so a node without low memory does not eat another's DMA zone.
 *
 * Z1 free <= managed <= present <= spanned.
 */
#pragma once

#include <mm/early/nodemap.h>
#include <mm/pages/gfp.h>
#include <mm/pages/page.h>

enum zone_id { ZONE_DMA, ZONE_NORMAL, ZONE_HIGHMEM, NR_ZONES };

/* Blocks that share a fate lie together: what can be moved, what can be reclaimed, what can be neither. */
enum mobility { MOBILITY_UNMOVABLE, MOBILITY_MOVABLE, MOBILITY_RECLAIMABLE, NR_MOBILITY };

enum watermark { WMARK_MIN, WMARK_LOW, WMARK_HIGH, NR_WMARKS };

/* Memory changes its mobility in whole pageblocks, the largest blocks there are. So all buddies that can ever
 * merge have one mobility, and freeing looks it up once. */
#define PAGEBLOCK_ORDER MAX_PAGE_ORDER

/* The free blocks of one mobility. */
struct block_lists {
	uint32_t nonempty;		  /* (L) bit k: list[k] is not empty, B5 */
	struct list_head list[NR_ORDERS]; /* (L) by order, B1, B2 */
};

/* (C) constant after zone_init()  (L) zone->lock */
struct zone {
	struct port_lock lock;
	size_t nr_free;			       /* (L) pages in the free lists, B3 */
	struct block_lists lists[NR_MOBILITY]; /* (L) free blocks of each mobility */
	uint8_t *block_mobility;	       /* (L) enum mobility of each pageblock */
	size_t wmark[NR_WMARKS];	       /* (C) pages */
	size_t protection[NR_ZONES];	       /* (C) pages kept from requests that could use zone [i] */
	pfn_t start_pfn, end_pfn; /* (C) [start, end), page numbers it spans; other nodes' among them */
	pfn_t first_block;	  /* (C) start_pfn >> PAGEBLOCK_ORDER */
	size_t present, managed;  /* (C) pages: RAM; given to the allocator */
	bool slow;		  /* (L) per-CPU lists are closed: free pages are short, C3 */
	const char *name;	  /* (C) */
	uint8_t index;		  /* (C) its place in zones[], and in page->where */
	uint8_t node, id;	  /* (C) */
};

/* Zones to try for one kind of request, in order, ended by NULL. */
struct zonelist {
	struct zone *zone[MAX_NODES * NR_ZONES + 1];
};

/* Requests that zones served, as numastat has them; what CPUs park and take again is not counted anew. Each counts once as
 * HIT or MISS and once as LOCAL or OTHER, at the node that it got its pages of; a MISS also as FOREIGN at the node it
 * wanted. Counted where there are several nodes. */
enum node_event { NODE_HIT, NODE_MISS, NODE_FOREIGN, NODE_LOCAL, NODE_OTHER, NR_NODE_EVENTS };

struct node {
	size_t nr[NR_NODE_EVENTS];		  /* atomic additions */
	struct zonelist zonelist[NR_ZONES];	  /* (C) by the highest zone that the request may use */
	struct zone *own[NR_ZONES][NR_ZONES + 1]; /* (C) the same without other nodes' */
};

extern struct zone zones[MAX_NODES * NR_ZONES];
extern struct node nodes[MAX_NODES];

/* The zones that requests try which say nothing of nodes: those of the CPU's node. (C) */
extern struct zone *const *near_zones[NR_ZONES];

/* page->where: a block knows its zone and the mobility of its pageblock. */
#define ZONE_WHERE(zone, mobility) ((uint32_t)(zone)->index << 2 | (uint32_t)(mobility))

STATIC_ASSERT(NR_MOBILITY <= 4 && MAX_NODES * NR_ZONES <= 64,
	      "page->where has 2 bits for one, 6 for the other");

static inline struct zone *page_zone(const struct page *head)
{
	return &zones[head->where >> 2];
}

static inline enum mobility page_mobility(const struct page *head)
{
	return (enum mobility)(head->where & 3);
}

static inline bool zone_has_memory(const struct zone *zone)
{
	return zone->managed != 0;
}

/* "Normal", or "1:Normal" where there are several nodes. Result: buf. */
#define ZONE_LABEL_BYTES 10
const char *zone_label(const struct zone *zone, char buf[ZONE_LABEL_BYTES]);

/* Every zone that exists, with memory or without. */
#define for_each_zone(z) for ((z) = zones; (z) < zones + node_map.nr_nodes * NR_ZONES; (z)++)

/* Highest zone a request may use. gfp must not be impossible. */
static ALWAYS_INLINE enum zone_id gfp_zone(gfp_t gfp)
{
	/* bits 0, 1, 2: NORMAL, DMA, HIGHMEM */
	return (enum zone_id)(0x21u >> (2 * gfp_zone_bits(gfp)) & 3u);
}

static ALWAYS_INLINE enum mobility gfp_mobility(gfp_t gfp)
{
	return (enum mobility)gfp_mobility_bits(gfp);
}

/* The node of the CPU that runs now: that of the only one. Context: any. */
static inline unsigned int numa_node_id(void)
{
	return node_map.local;
}

#define first_online_node	   0u
#define num_online_nodes()	   node_map.nr_nodes
#define node_online(node)	   ((unsigned int)(node) < node_map.nr_nodes)
#define for_each_online_node(node) for ((node) = 0; (node) < (__typeof__(node))node_map.nr_nodes; (node)++)

static inline unsigned int node_distance(unsigned int from, unsigned int to)
{
	return node_map.distance[from][to];
}

/* The node of any page, at the head of a block or not. Context: any. */
static inline unsigned int page_to_nid(const struct page *page)
{
	return node_map_find(page_to_pfn(page))->node;
}

struct zone *const *zone_list_asked_for(gfp_t gfp);

/* The zones that a request tries, in order, ended by NULL. gfp must not be impossible. */
static inline struct zone *const *gfp_zones(gfp_t gfp)
{
	if (unlikely(gfp_has(gfp, GFP_NODE_BITS | __GFP_THISNODE)))
		return zone_list_asked_for(gfp);
	return near_zones[gfp_zone(gfp)];
}

/* The node whose memory alone will do for a request with __GFP_THISNODE; MAX_NODES: there is no such node. */
unsigned int gfp_node(gfp_t gfp);

/* A request with these flags got pages of the zone. Context: any. */
void node_count(const struct zone *zone, gfp_t gfp);

/* Lay out the zones of all nodes over [0, end_pfn) with these borders; present pages are filled in by the
 * caller. Clears what was there before. Context: boot, after node_map_build(). */
void zone_init_all(pfn_t dma_end_pfn, pfn_t normal_end_pfn, pfn_t end_pfn);

/* The zone a page number lies in; NULL outside all zones. */
struct zone *zone_of_pfn(pfn_t pfn);

/* From managed pages: zonelists (zones without memory left out), watermarks and the protection of lower
 * zones. min_free_kbytes 0: chosen from the size of low memory. Context: boot, after the hand-over. */
void zone_build_policy(uint32_t min_free_kbytes);

/* Pages that must stay free after an ordinary request for zones up to `highest`. */
static inline size_t zone_floor(const struct zone *zone, enum zone_id highest)
{
	ASSERT_AT(1, highest < NR_ZONES);
	return zone->wmark[WMARK_MIN] + zone->protection[highest];
}
