/* SPDX-License-Identifier: MIT */
/* From the firmware's tables of nodes to a node for every page.
 *
 * The idea: entries are sorted by their start, and each but the first reaches from there to the start of the next. What
 * lies between two of them, RAM or not, needs no entry of its own. A table in which two entries claim the same byte says
 * nothing that could be believed, and is left out as a whole. */
#include <mm/early/nodemap.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>
#include <mm/early/memmap.h>
#include <mm/port.h>

struct node_map node_map = {.nr_nodes = 1, .nr = 1, .distance = {[0] = {NODE_NEAR}}};

/* --- memory --- */

static bool entry_is_sound(const struct node_entry *entry)
{
	return entry->len && entry->base < MEMMAP_END && entry->base + entry->len > entry->base;
}

static uint64_t entry_end(const struct node_entry *entry)
{
	ASSERT(entry_is_sound(entry));
	return entry->base + entry->len;
}

/* The lowest entry that starts at or above `from`. NULL: there is none. */
static const struct node_entry *next_entry(const struct node_claims *claims, uint64_t from)
{
	const struct node_entry *next = NULL;

	for (unsigned int i = 0; i < claims->nr_entries; i++) {
		const struct node_entry *entry = &claims->entry[i];

		if (entry_is_sound(entry) && entry->base >= from && (!next || entry->base < next->base))
			next = entry;
	}
	return next;
}

#define for_each_entry(entry, claims)                                                                        \
	for ((entry) = next_entry(claims, 0); (entry); (entry) = next_entry(claims, (entry)->base + 1))

/* Result: does an entry begin inside another? `where`. */
static bool entries_overlap(const struct node_claims *claims, uint64_t *where)
{
	for (unsigned int i = 0; i < claims->nr_entries; i++)
		for (unsigned int j = 0; j < claims->nr_entries; j++) {
			const struct node_entry *a = &claims->entry[i], *b = &claims->entry[j];

			*where = b->base;
			if (i != j && entry_is_sound(a) && entry_is_sound(b) && b->base >= a->base &&
			    b->base < entry_end(a))
				return true;
		}
	return false;
}

static uint64_t ram_without_node(const struct node_claims *claims, const struct range_set *usable)
{
	uint64_t bytes = range_set_bytes_in(usable, 0, MEMMAP_END);
	const struct node_entry *entry;

	for_each_entry(entry, claims) bytes -=
		range_set_bytes_in(usable, entry->base, MIN(entry_end(entry), MEMMAP_END));
	return bytes;
}

static unsigned int node_of_domain(const struct node_claims *claims, unsigned int domain)
{
	unsigned int node = 0;

	ASSERT(claims->nr_nodes <= MAX_NODES);
	while (node < claims->nr_nodes && claims->domain[node] != domain)
		node++;
	return node;
}

/* NM1, NM2. */
static void add_run(pfn_t start, unsigned int node)
{
	struct node_run *last = &node_map.run[node_map.nr - 1];

	ASSERT(start >= last->start && node < node_map.nr_nodes);
	ASSERT(node_map.nr < ARRAY_SIZE(node_map.run)); /* an entry begins one run */
	if (last->node == node)
		return;
	if (last->start == start)
		last->node = (uint8_t)node;
	else
		node_map.run[node_map.nr++] = (struct node_run){start, (uint8_t)node};
}

static void take_entries(const struct node_claims *claims)
{
	const struct node_entry *entry = next_entry(claims, 0);
	unsigned int node = entry ? node_of_domain(claims, entry->domain) : 0;

	node_map.run[0].node = (uint8_t)(node < claims->nr_nodes ? node : 0);
	for_each_entry(entry, claims)
	{
		node = node_of_domain(claims, entry->domain);
		if (node < claims->nr_nodes)
			add_run((pfn_t)(entry->base >> PAGE_SHIFT), node);
	}
}

/* --- distances --- */

/* NM3 of what the firmware says. */
static bool distances_are_sound(const struct node_claims *claims)
{
	for (unsigned int from = 0; from < claims->nr_nodes; from++)
		for (unsigned int to = 0; to < claims->nr_nodes; to++)
			if (from == to ? claims->distance[from][to] != NODE_NEAR
				       : claims->distance[from][to] <= NODE_NEAR)
				return false;
	return true;
}

static void set_usual_distances(void)
{
	for (unsigned int from = 0; from < MAX_NODES; from++)
		for (unsigned int to = 0; to < MAX_NODES; to++)
			node_map.distance[from][to] = from == to ? NODE_NEAR : NODE_FAR;
}

/* --- both --- */

static void say_what_is_odd(const struct node_claims *claims, const struct range_set *usable)
{
	uint64_t bytes = ram_without_node(claims, usable);

	if (claims->damaged || claims->nr_lost || bytes)
		port_print(PORT_WARN,
			   "nodes: the firmware's table %s%u entries left out, %llu KiB of RAM in none: "
			   "counted to "
			   "the node below",
			   claims->damaged ? "ends early: " : "is incomplete: ", claims->nr_lost,
			   (unsigned long long)bytes >> 10);
}

void node_map_build(const struct node_claims *claims, const struct range_set *usable)
{
	uint64_t where;

	memset(&node_map, 0, sizeof(node_map));
	node_map.nr_nodes = node_map.nr = 1;
	set_usual_distances();
	if (!claims || claims->nr_nodes <= 1)
		return;
	ASSERT(claims->nr_nodes <= MAX_NODES && claims->nr_entries <= NODE_ENTRIES_MAX);
	if (entries_overlap(claims, &where)) {
		port_print(PORT_WARN,
			   "nodes: two entries of the firmware's table claim %#llx: all memory is one node's",
			   (unsigned long long)where);
		return;
	}
	node_map.nr_nodes = claims->nr_nodes;
	node_map.local = claims->local;
	take_entries(claims);
	say_what_is_odd(claims, usable);
	if (claims->has_distances && distances_are_sound(claims))
		memcpy(node_map.distance, claims->distance, sizeof(node_map.distance));
	else if (claims->has_distances)
		port_print(PORT_WARN,
			   "nodes: the firmware's distances are not all %u from a node to itself "
			   "and more to others: taken as %u and %u",
			   NODE_NEAR, NODE_NEAR, NODE_FAR);
}

const struct node_run *node_map_find(pfn_t pfn)
{
	unsigned int low = 0, high = node_map.nr;

	while (high - low > 1) {
		unsigned int middle = (low + high) / 2;

		if (node_map.run[middle].start <= pfn)
			low = middle;
		else
			high = middle;
	}
	ASSERT(low == 0 || node_map.run[low].start <= pfn);
	return &node_map.run[low];
}
