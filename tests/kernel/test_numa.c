/* SPDX-License-Identifier: MIT */
/* Memory near the processor, on machines that have several nodes; others skip. */
#include <linux/numa.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <mm/objects/slab_internal.h>
#include <mm/reclaim/events.h>
#include <mm/report/stats.h>
#include <tests/kernel/test_util.h>

#define NEED_NODES()                                                                                         \
	do {                                                                                                 \
		if (node_map.nr_nodes < 2)                                                                   \
			SKIP("one node");                                                                    \
	} while (0)

static bool has_low_memory(unsigned int node)
{
	return *zone_list_asked_for(GFP_KERNEL | __GFP_THISNODE | __GFP_NODE(node)) != NULL;
}

KTEST(numa, each_zone_lists_pages_of_its_node_alone, "P8 NUM-01")
{
	const struct zone *zone;
	size_t present[MAX_NODES] = {0};
	unsigned int node;

	NEED_NODES();
	for_each_zone(zone)
		present[zone->node] += zone->present;
	for_each_online_node(node) ktest_note("node %u: %zu pages of RAM", node, present[node]);
	expect_valid(); /* B4: each free block lies in its zone's node */
}

KTEST(numa, a_page_comes_from_the_node_asked_for_and_goes_back_there, "P8 G22 NUM-03 NUM-07")
{
	unsigned int node;

	NEED_NODES();
	MACHINE_STAYS_AS_FOUND();
	for_each_online_node(node)
	{
		struct page *page;

		if (!has_low_memory(node))
			continue;
		page = alloc_pages_node((int)node, GFP_KERNEL | __GFP_THISNODE, 2);
		REQUIRE(page);
		EXPECT_EQ(page_to_nid(page), node);
		EXPECT_EQ(page_zone(page)->node, node);
		__free_pages(page, 2);
	}
}

KTEST(numa, a_node_without_such_memory_gives_none_at_once, "G22 NUM-03 NUM-04")
{
	unsigned int node;
	size_t rounds = mm_event_count[EVENT_ROUND];

	NEED_NODES();
	for_each_online_node(node) if (!has_low_memory(node))
		EXPECT_NULL(alloc_pages_node((int)node, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
	EXPECT_NULL(alloc_pages_node(MAX_NODES + 2, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
	EXPECT_EQ(mm_event_count[EVENT_ROUND], rounds);
}

KTEST(numa, objects_and_areas_come_from_the_node_asked_for, "G22 NUM-07")
{
	unsigned int node;

	NEED_NODES();
	for_each_online_node(node)
	{
		char *object, *area;

		if (!has_low_memory(node))
			continue;
		object = kmalloc_node(100, GFP_KERNEL | __GFP_THISNODE, (int)node);
		area = vmalloc_node(4 * PAGE_SIZE, (int)node);
		EXPECT(object && page_to_nid(virt_to_page(object)) == node);
		EXPECT(area != NULL);
		kfree(object);
		vfree(area);
	}
	vmalloc_purge();
}

#define SLOTS 256u

/* Random life: pages and objects of all sizes come and go while there is room everywhere. */
KTEST(numa, under_load_with_room_99_of_100_pages_and_objects_are_near, "P8 NUM-02 NUM-07")
{
	struct random random = {22};
	size_t nr = 0, nr_near = 0;
	void **slot;

	NEED_NODES();
	if ((*near_zones[ZONE_NORMAL])->node != numa_node_id())
		SKIP("no ordinary memory near this processor");
	BORROW_MANY(slot, SLOTS);
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int n = random_below(&random, SLOTS);

		kfree(slot[n]);
		slot[n] = kmalloc(1 + random_below(&random, i % 8 ? 2000 : 9000), GFP_KERNEL);
		REQUIRE(slot[n]);
		nr++;
		nr_near += page_to_nid(virt_to_page(slot[n])) == numa_node_id();
	}
	for (unsigned int n = 0; n < SLOTS; n++)
		kfree(slot[n]);
	ktest_note("%zu of %zu are near", nr_near, nr);
	EXPECT(nr_near * 100 >= nr * 99);
}

KTEST(numa, one_full_node_makes_nobody_wait_and_kills_nobody, "P8 NUM-06")
{
	size_t rounds, kills, nr_near = 0;
	struct page *page;

	NEED_NODES();
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	for (unsigned int order = NR_ORDERS; order-- > 0;)
		while ((page = alloc_pages(GFP_ATOMIC | __GFP_THISNODE | __GFP_NOWARN, order)) != NULL)
			list_add(&page->links, &hog);
	rounds = mm_event_count[EVENT_ROUND];
	kills = mm_event_count[EVENT_OOM_KILL];
	for (unsigned int i = 0; i < 1000; i++) {
		page = alloc_page(GFP_KERNEL);
		REQUIRE(page);
		nr_near += page_to_nid(page) == numa_node_id(); /* the reclaimer gave some back meanwhile */
		__free_page(page);
	}
	EXPECT(nr_near < 1000 / 4);
	EXPECT_EQ(mm_event_count[EVENT_ROUND], rounds);
	EXPECT_EQ(mm_event_count[EVENT_OOM_KILL], kills);
}

#define FAR_OBJECTS 2000u

/* Nobody grows a cache for each object because none of its slabs is near. */
KTEST(numa, objects_share_far_slabs_while_the_near_node_is_full, "P8 NUM-06 NUM-07")
{
	struct kmem_cache *cache;
	size_t nr_slabs;
	void **object;

	NEED_NODES();
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	BORROW_MANY(object, FAR_OBJECTS);
	cache = kmem_cache_create("far", 64, 0, SLAB_NO_USER_FLAGS, NULL);
	REQUIRE(cache);
	hog_zone(&hog, *near_zones[ZONE_NORMAL], 0);
	for (unsigned int i = 0; i < FAR_OBJECTS; i++)
		EXPECT_NOT_NULL(object[i] = kmem_cache_alloc(cache, GFP_KERNEL));
	nr_slabs = cache->nr_slabs;
	ktest_note("%u objects lie in %zu slabs of %u", FAR_OBJECTS, nr_slabs, cache->per_slab);
	EXPECT(nr_slabs * cache->per_slab <= FAR_OBJECTS + 2 * cache->per_slab);
	for (unsigned int i = 0; i < FAR_OBJECTS; i++)
		kmem_cache_free(cache, object[i]);
	hog_release(&hog);
	kmem_cache_destroy(cache);
}

#define TEXT_SIZE 8192u

/* A number of the line that starts with these words. */
static size_t number_after(const char *text, const char *words)
{
	const char *at = strstr(text, words);
	size_t number = 0;

	if (!at)
		return 0;
	for (at += strlen(words); *at == ' '; at++)
		;
	for (; *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (size_t)(*at - '0');
	return number;
}

KTEST(numa, meminfo_of_the_nodes_sums_up_to_that_of_the_machine, "P8 P5")
{
	static const char *const names[] = {"MemTotal:", "HighTotal:", "LowTotal:", "Inactive(file):"};
	struct sink_buffer buffer;
	char *text, words[32];
	unsigned int node;

	NEED_NODES();
	BORROW_MANY(text, TEXT_SIZE);
	sink_buffer_init(&buffer, text, TEXT_SIZE);
	meminfo_print(&buffer.sink);
	EXPECT(buffer.len < TEXT_SIZE);
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		size_t sum = 0;

		for_each_online_node(node)
		{
			snprintf(words, sizeof(words), "Node %u %s", node, names[i]);
			EXPECT(strstr(text, words) != NULL);
			sum += number_after(text, words);
		}
		EXPECT_EQ(sum, number_after(text, names[i]));
	}
}

KTEST(numa, numastat_adds_up, "P8 P5 NUM-08")
{
	size_t missed = 0, foreign = 0;
	unsigned int node;

	NEED_NODES();
	for_each_online_node(node)
	{
		const size_t *nr = nodes[node].nr;

		EXPECT_EQ(nr[NODE_HIT] + nr[NODE_MISS], nr[NODE_LOCAL] + nr[NODE_OTHER]);
		missed += nr[NODE_MISS];
		foreign += nr[NODE_FOREIGN];
	}
	EXPECT_EQ(missed, foreign);
}
