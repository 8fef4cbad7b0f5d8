/* SPDX-License-Identifier: MIT */
/* Which memory is near to whom: every page number has a node, as the firmware says as far as it can be believed. Serves
 * CONTRACT P8.
 *
 * NM1 starts of runs ascend, the first is 0; a run reaches to the next one's start, the last to the end of all numbers.
 *     So every page has exactly one node, RAM of which nothing was said that of the RAM below it.
 * NM2 two runs side by side are of different nodes, all below nr_nodes.
 * NM3 a node is NODE_NEAR from itself, and farther from every other.
 *
 * A lie costs locality, never memory. No lock: one CPU, before interrupts are on; constant afterwards. */
#pragma once

#include <mm/early/range.h>

#define MAX_NODES	 8
#define NODE_ENTRIES_MAX 64 /* also the most runs */

#define NODE_NEAR	 10u /* distance of a node from itself, */
#define NODE_FAR	 20u /* and from others, if nothing better is known */

/* Memory as the firmware gives it. */
struct node_entry {
	uint64_t base, len;  /* bytes; a length of 0 is ignored */
	unsigned int domain; /* the firmware's number of the node */
};

struct node_claims {
	unsigned int nr_nodes;	    /* 0 or 1: all memory is one node's */
	unsigned int local;	    /* the node of the CPU that boots */
	uint32_t domain[MAX_NODES]; /* the firmware's numbers of the nodes */
	unsigned int nr_entries;
	unsigned int nr_lost; /* entries that found no place, or are of nodes beyond MAX_NODES */
	bool damaged;	      /* the table ends early; what came before it counts */
	bool has_distances;
	struct node_entry entry[NODE_ENTRIES_MAX];
	uint8_t distance[MAX_NODES][MAX_NODES]; /* [from][to] */
};

struct node_run {
	pfn_t start;
	uint8_t node;
};

extern struct node_map {
	unsigned int nr_nodes;
	unsigned int local;			       /* the node of the CPU that boots */
	unsigned int nr;			       /* runs */
	struct node_run run[2 * NODE_ENTRIES_MAX + 1]; /* NM1, NM2 */
	uint8_t distance[MAX_NODES][MAX_NODES];	       /* NM3 */
} node_map;

/* Takes what is claimed; NULL: there is one node. Each table that is not believed, or only in part, gets one line; RAM is in
 * `usable`. Context: boot. */
void node_map_build(const struct node_claims *claims, const struct range_set *usable);

/* The run that a page number lies in. Context: any. */
const struct node_run *node_map_find(pfn_t pfn);

/* The end of a run, not above `limit`. */
static inline pfn_t node_run_end(const struct node_run *run, pfn_t limit)
{
	return run + 1 < node_map.run + node_map.nr && run[1].start < limit ? run[1].start : limit;
}
