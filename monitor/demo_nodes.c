/* SPDX-License-Identifier: MIT */
/* The play "nodes": whose memory who asks gets, in each way of asking, with room near the processor and with that node full. A
 * row of the table is so many requests, held together and then given back. */
#include <monitor/demo.h>

#include <kernel/lib/format.h>
#include <kernel/lib/list.h>
#include <kernel/lib/string.h>
#include <linux/numa.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/vmscan.h>
#include <monitor/say.h>

#define OBJECT_BYTES 500u

static const struct way {
	const char *text;
	bool is_object, is_full; /* of a cache; asked when the near node is full */
	enum { NOWHERE, FAR, NEAR_ALONE } where;
} ways[NR_DEMO_NODE_WAYS] = {
	[DEMO_NODE_PAGE] = {"alloc_page", false, false, NOWHERE},
	[DEMO_NODE_OBJECT] = {"kmalloc of 500 bytes", true, false, NOWHERE},
	[DEMO_NODE_FAR_PAGE] = {"alloc_pages_node, far", false, false, FAR},
	[DEMO_NODE_FAR_OBJECT] = {"kmalloc_node, far", true, false, FAR},
	[DEMO_NODE_PAGE_FULL] = {"near is full: alloc_page", false, true, NOWHERE},
	[DEMO_NODE_OBJECT_FULL] = {"... kmalloc", true, true, NOWHERE},
	[DEMO_NODE_ALONE_FULL] = {"... with __GFP_THISNODE", false, true, NEAR_ALONE},
};

/* Does an ordinary request there get that node's memory, and is there room for a row? */
static bool serves_itself(unsigned int node)
{
	const struct zone *zone = nodes[node].zonelist[ZONE_NORMAL].zone[0];

	return zone->node == node && zone->nr_free >= zone->wmark[WMARK_HIGH] + 2 * DEMO_NODE_REQUESTS;
}

static bool cast(struct demo_nodes *seen)
{
	seen->near = (*near_zones[ZONE_NORMAL])->node;
	for (seen->far = 0; seen->far < num_online_nodes(); seen->far++)
		if (seen->far != seen->near && serves_itself(seen->far))
			return serves_itself(seen->near);
	return false;
}

/* Result: the object, or the page; NULL: it got nothing. */
static void *ask_once(const struct demo_nodes *seen, const struct way *way)
{
	int node = way->where == NOWHERE ? NUMA_NO_NODE : (int)(way->where == FAR ? seen->far : seen->near);
	gfp_t gfp = way->where == NEAR_ALONE ? GFP_ATOMIC | __GFP_THISNODE : GFP_KERNEL;

	if (way->is_object)
		return kmalloc_node(OBJECT_BYTES, gfp | __GFP_NOWARN, node);
	return alloc_pages_node(node, gfp | __GFP_NOWARN, 0);
}

static void ask(struct demo_nodes *seen, enum demo_node_way number, void **held)
{
	const struct way *way = &ways[number];

	for (unsigned int i = 0; i < DEMO_NODE_REQUESTS; i++) {
		held[i] = ask_once(seen, way);
		if (held[i])
			seen->nr[number][page_to_nid(way->is_object ? virt_to_page(held[i]) : held[i])]++;
	}
	for (unsigned int i = 0; i < DEMO_NODE_REQUESTS; i++)
		if (way->is_object)
			kfree(held[i]);
		else if (held[i])
			__free_page(held[i]);
}

/* First what caches would give back meanwhile. */
static void fill(struct list_head *taken, unsigned int node)
{
	(void)vmscan_reclaim(GFP_KERNEL, SIZE_MAX);
	(void)demo_take_all(taken, GFP_ATOMIC | __GFP_THISNODE | __GFP_NODE(node));
}

enum demo_outcome demo_nodes_play(struct demo_nodes *seen)
{
	struct list_head taken = LIST_HEAD_INIT(taken);
	void **held;

	memset(seen, 0, sizeof(*seen));
	if (!cast(seen))
		return DEMO_NO_DEVICE;
	held = kmalloc_array(DEMO_NODE_REQUESTS, sizeof(*held), GFP_KERNEL);
	if (!held)
		return DEMO_NO_MEMORY;
	for (enum demo_node_way way = 0; way < NR_DEMO_NODE_WAYS; way++) {
		if (ways[way].is_full && list_is_empty(&taken))
			fill(&taken, seen->near);
		ask(seen, way, held);
	}
	demo_give_all(&taken);
	kfree(held);
	return DEMO_PLAYED;
}

/* --- what is said --- */

static void say_counts(const char *text, const unsigned int nr[MAX_NODES])
{
	unsigned int none = DEMO_NODE_REQUESTS, node;

	say("%-26s", text);
	for_each_online_node(node)
	{
		say(" %6u", nr[node]);
		none -= nr[node];
	}
	say(" %6u\n", none);
}

void demo_nodes(void)
{
	struct demo_nodes seen;
	enum demo_outcome outcome = demo_nodes_play(&seen);
	unsigned int node;

	if (outcome != DEMO_PLAYED) {
		say("%s\n",
		    outcome == DEMO_NO_MEMORY
			    ? "No memory to begin with."
			    : "There are no two nodes with ordinary memory: `NODES=2 make run` has them.");
		return;
	}
	say("Node %u is near. Of %u requests each node served\n%-26s", seen.near, DEMO_NODE_REQUESTS, "");
	for_each_online_node(node) say(" node %u", node);
	say("   none\n");
	for (enum demo_node_way way = 0; way < NR_DEMO_NODE_WAYS; way++)
		say_counts(ways[way].text, seen.nr[way]);
}
