/* SPDX-License-Identifier: MIT */
/* Machines of several nodes, also such as no firmware should claim. Host only: each test boots machines of its own. */
#include <mm/early/nodemap.h>

#include <string.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <linux/numa.h>
#include <mm/objects/slab_internal.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/vmscan.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

/* A machine of so many nodes in the order of their domains 0, 1 ..., the first near the CPU. */
static struct node_claims claims_of(unsigned int nr)
{
	struct node_claims claims = {.nr_nodes = nr};

	for (unsigned int node = 0; node < nr; node++)
		claims.domain[node] = node;
	return claims;
}

static void claim(struct node_claims *claims, unsigned int domain, uint64_t base, uint64_t len)
{
	claims->entry[claims->nr_entries++] = (struct node_entry){base, len, domain};
}

/* RAM as a PC has it, as much as the direct map reaches. */
static void boot_nodes(uint64_t bytes, const struct node_claims *claims)
{
	struct memmap_entry map[] = {{0, 0x9fc00, MEMMAP_USABLE}, {MIB(1u), bytes - MIB(1u), MEMMAP_USABLE}};

	fake_machine_boot(map, ARRAY_SIZE(map),
			  (struct mm_params){.dma_end = MIB(16u), .lowmem_end = bytes, .nodes = claims});
}

static unsigned int node_at(uint64_t paddr)
{
	return node_map_find((pfn_t)(paddr >> PAGE_SHIFT))->node;
}

static size_t all_managed(void)
{
	const struct zone *zone;
	size_t nr = 0;

	for_each_zone(zone)
		nr += zone->managed;
	return nr;
}

#define TABLES_PAGES 8u /* of zones and waiters of further nodes, at most */

/* Is all memory used that is used when all is one node's? */
static bool all_is_used(size_t managed)
{
	return all_managed() <= managed && all_managed() + TABLES_PAGES >= managed;
}

/* What a machine of this size has when all its memory is one node's. */
static size_t managed_as_one_node(uint64_t bytes)
{
	boot_nodes(bytes, NULL);
	return all_managed();
}

KTEST(numa_machine, every_page_has_the_node_its_entry_says_holes_go_with_what_is_below, "P8 NUM-01")
{
	struct node_claims claims = claims_of(3);

	claim(&claims, 1, MIB(32u), MIB(1u));
	claim(&claims, 0, 0, 0xa0000);
	claim(&claims, 2, MIB(48u), MIB(16u));
	claim(&claims, 0, MIB(1u), MIB(31u));
	claim(&claims, 0, MIB(34u), MIB(14u) - 0x800); /* the border lies in a page */
	expect_reports();
	boot_nodes(MIB(64u), &claims);
	EXPECT_ONE_REPORT("1026 KiB of RAM in none"); /* from 33 to 34 MiB, and the page of the border */
	EXPECT_EQ(node_map.nr_nodes, 3);
	EXPECT(node_at(0) == 0 && node_at(0xb0000) == 0 && node_at(MIB(32u) - 1) == 0);
	EXPECT(node_at(MIB(32u)) == 1 && node_at(MIB(33u)) == 1 && node_at(MIB(34u) - 1) == 1);
	EXPECT(node_at(MIB(34u)) == 0 && node_at(MIB(48u) - 1) == 0 && node_at(MIB(48u)) == 2);
	EXPECT(node_at(GIB(8)) == 2);
}

KTEST(numa_machine, each_lie_about_nodes_costs_one_line_and_no_memory, "P8 NUM-05")
{
	struct node_claims claims = claims_of(2);
	size_t managed = managed_as_one_node(MIB(64u));
	unsigned int before;

	expect_reports();
	claim(&claims, 0, 0, MIB(32u)); /* covers half */
	boot_nodes(MIB(64u), &claims);
	EXPECT_ONE_REPORT("32768 KiB of RAM in none: counted to the node below");
	EXPECT(node_at(MIB(60u)) == 0 && node_map.nr_nodes == 2 && all_is_used(managed));
	claim(&claims, 1, MIB(31u), MIB(33u)); /* overlaps */
	boot_nodes(MIB(64u), &claims);
	EXPECT_ONE_REPORT("two entries of the firmware's table claim 0x1f00000: all memory is one node's");
	EXPECT(node_map.nr_nodes == 1 && node_at(MIB(60u)) == 0 && all_is_used(managed));
	claims.entry[1] = (struct node_entry){MIB(32u), GIB(60), 1}; /* beyond RAM: nobody's loss */
	before = reports_count();
	boot_nodes(MIB(64u), &claims);
	EXPECT_EQ(reports_count(), before);
	EXPECT(node_at(MIB(60u)) == 1 && all_is_used(managed));
	claims.entry[1] = (struct node_entry){GIB(16), GIB(1), 1}; /* no RAM at all */
	boot_nodes(MIB(64u), &claims);
	EXPECT_ONE_REPORT("32768 KiB of RAM in none");
	claims.entry[1] = (struct node_entry){UINT64_MAX - 10, 100, 1}; /* wraps */
	boot_nodes(MIB(64u), &claims);
	EXPECT_ONE_REPORT("32768 KiB of RAM in none");
	claims.damaged = true;
	boot_nodes(MIB(64u), &claims);
	EXPECT_ONE_REPORT("the firmware's table ends early: 0 entries left out, 32768 KiB of RAM in none");
	EXPECT(all_is_used(managed));
}

KTEST(numa_machine, absurd_distances_are_one_line_and_taken_as_usual, "P8 NUM-05")
{
	static const uint8_t absurd[][4] = {
		{10, 10, 20, 10}, {11, 20, 20, 10}, {0, 0, 0, 0}, {20, 10, 10, 20}};
	struct node_claims claims = claims_of(2);
	unsigned int before;

	claim(&claims, 0, 0, MIB(32u));
	claim(&claims, 1, MIB(32u), MIB(32u));
	claims.has_distances = true;
	expect_reports();
	for (unsigned int i = 0; i < ARRAY_SIZE(absurd); i++) {
		memcpy(claims.distance[0], absurd[i], 2);
		memcpy(claims.distance[1], absurd[i] + 2, 2);
		boot_nodes(MIB(64u), &claims);
		EXPECT_ONE_REPORT("the firmware's distances are not all 10 from a node to itself");
		EXPECT(node_map.distance[0][0] == NODE_NEAR && node_map.distance[0][1] == NODE_FAR);
	}
	memcpy(claims.distance[0], ((uint8_t[]){10, 31}), 2);
	memcpy(claims.distance[1], ((uint8_t[]){42, 10}), 2);
	before = reports_count();
	boot_nodes(MIB(64u), &claims);
	EXPECT_EQ(reports_count(), before);
	EXPECT(node_map.distance[0][1] == 31 && node_map.distance[1][0] == 42);
}

/* --- whose memory requests get --- */

/* 64 MiB in three nodes: low memory of 24, 20 and 20 MiB, of which the third is nearer to the first than the second. */
static struct node_claims three_nodes(void)
{
	struct node_claims claims = claims_of(3);
	static const uint8_t distance[3][3] = {{10, 30, 15}, {30, 10, 20}, {15, 20, 10}};

	claim(&claims, 0, 0, MIB(24u));
	claim(&claims, 1, MIB(24u), MIB(20u));
	claim(&claims, 2, MIB(44u), MIB(20u));
	claims.has_distances = true;
	for (unsigned int from = 0; from < 3; from++)
		memcpy(claims.distance[from], distance[from], 3);
	return claims;
}

/* The zones of a list as text: "N0 N2 D0 ", D, N and H with their nodes. */
static const char *list_text(struct zone *const *zone)
{
	static char text[64];
	size_t len = 0;

	text[0] = '\0';
	for (; *zone; zone++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%c%u ", (*zone)->name[0],
					(*zone)->node);
	return text;
}

#define EXPECT_ZONES(gfp, expected) EXPECT(strcmp(list_text(gfp_zones(gfp)), expected) == 0)

KTEST(numa_machine, a_request_tries_near_zones_first_then_by_distance_then_lower_ones, "P8 G22 NUM-02")
{
	struct node_claims claims = three_nodes();

	boot_nodes(MIB(64u), &claims);
	EXPECT_ZONES(GFP_KERNEL, "N0 N2 N1 D0 ");
	EXPECT_ZONES(GFP_HIGHUSER, "N0 N2 N1 D0 ");
	EXPECT_ZONES(GFP_DMA, "D0 ");
	EXPECT_ZONES(GFP_KERNEL | __GFP_NODE(1), "N1 N2 N0 D0 ");
	EXPECT_ZONES(GFP_KERNEL | __GFP_NODE(2), "N2 N0 N1 D0 ");
	EXPECT_ZONES(GFP_KERNEL | __GFP_NODE(NUMA_NO_NODE), "N0 N2 N1 D0 ");
	EXPECT_ZONES(GFP_KERNEL | __GFP_THISNODE, "N0 D0 ");
	EXPECT_ZONES(GFP_KERNEL | __GFP_NODE(1) | __GFP_THISNODE, "N1 ");
	EXPECT_ZONES(GFP_DMA | __GFP_NODE(1) | __GFP_THISNODE, "");
	EXPECT_ZONES(GFP_KERNEL | __GFP_NODE(3), "N0 N2 N1 D0 "); /* there is none */
	EXPECT_ZONES(GFP_KERNEL | __GFP_NODE(3) | __GFP_THISNODE, "");
	claims.local = 1;
	boot_nodes(MIB(64u), &claims);
	EXPECT_EQ(numa_node_id(), 1);
	EXPECT_ZONES(GFP_KERNEL, "N1 N2 N0 D0 ");
	EXPECT_ZONES(GFP_KERNEL | __GFP_THISNODE, "N1 ");
	expect_valid();
}

KTEST(numa_machine, memory_runs_out_in_the_order_of_the_list_and_node_0s_dma_zone_is_protected,
      "P8 P6 NUM-02")
{
	struct node_claims claims = three_nodes();
	const struct zone *last = NULL;
	struct zone *const *zone;
	struct page *page;
	HOG(hog);

	claims.local = 2;
	boot_nodes(MIB(64u), &claims);
	zone = gfp_zones(GFP_KERNEL);
	while ((page = alloc_page(GFP_NOWAIT | __GFP_NOWARN)) != NULL) {
		list_add(&page->links, &hog);
		EXPECT(page_zone(page) == *zone || page_zone(page) == *++zone);
		EXPECT_EQ(page_to_nid(page), page_zone(page)->node);
		last = page_zone(page);
	}
	EXPECT_EQ(last, &zones[ZONE_DMA]);
	EXPECT_NULL(zone[1]);
	EXPECT(zones[ZONE_DMA].protection[ZONE_NORMAL] >= MIB(48u) / PAGE_SIZE / 256 - 8);
	EXPECT(zones[ZONE_DMA].nr_free >= zone_floor(&zones[ZONE_DMA], ZONE_NORMAL));
	expect_valid();
}

KTEST(numa_machine, a_node_that_is_asked_for_is_tried_first_and_alone_if_that_is_said, "G20 G22 P8 NUM-03")
{
	char text[96];
	struct node_claims claims = three_nodes();
	struct page *page;
	HOG(hog);

	boot_nodes(MIB(64u), &claims);
	for (int node = 0; node < 3; node++)
		for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
			page = alloc_pages_node(node, GFP_KERNEL | __GFP_THISNODE, order);
			REQUIRE(page);
			EXPECT_EQ(page_to_nid(page), node);
			EXPECT_EQ(page_to_nid(page + (1u << order) - 1), node);
			__free_pages(page, order);
		}
	while ((page = alloc_pages_node(1, GFP_ATOMIC | __GFP_THISNODE | __GFP_NOWARN, 0)) != NULL) {
		EXPECT_EQ(page_to_nid(page), 1);
		list_add(&page->links, &hog);
	}
	EXPECT_EQ(zones[NR_ZONES + ZONE_NORMAL].nr_free, 0);
	page = alloc_pages_node(1, GFP_KERNEL, 0);
	EXPECT(page && page_to_nid(page) == 2); /* the next */
	__free_page(page);
	EXPECT_NULL(alloc_pages_node(1, GFP_NOWAIT | __GFP_THISNODE | __GFP_NOWARN, 0));
	(void)gfp_names(GFP_KERNEL | __GFP_THISNODE | __GFP_NODE(1), text, sizeof(text));
	EXPECT(strcmp(text, "GFP_KERNEL|__GFP_THISNODE|__GFP_NODE(1)") == 0);
	EXPECT_NULL(alloc_pages_node(5, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
	page = alloc_pages_node(5, GFP_KERNEL, 0);
	EXPECT(page && page_to_nid(page) == 0);
	__free_page(page);
	expect_valid();
}

static struct list_head *to_shrink;

static size_t count_hog(struct shrinker *shrinker, gfp_t gfp)
{
	(void)shrinker;
	(void)gfp;
	return list_is_empty(to_shrink) ? 0 : 1;
}

static size_t scan_hog(struct shrinker *shrinker, size_t nr, gfp_t gfp)
{
	struct page *page = list_first_entry(to_shrink, struct page, links);

	(void)shrinker;
	(void)nr;
	(void)gfp;
	list_del(&page->links);
	__free_page(page);
	return 1;
}

KTEST(numa_machine, who_must_have_a_full_node_reclaims_there_and_waits, "G22 NUM-03 R1")
{
	struct node_claims claims = three_nodes();
	struct shrinker shrinker = {.name = "hog", .count = count_hog, .scan = scan_hog};
	struct page *page;
	HOG(hog);

	boot_nodes(MIB(64u), &claims);
	while ((page = alloc_pages_node(1, GFP_ATOMIC | __GFP_THISNODE | __GFP_NOWARN, 0)) != NULL)
		list_add(&page->links, &hog);
	EXPECT_NULL(alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE | __GFP_NORETRY | __GFP_NOWARN, 0));
	to_shrink = &hog;
	register_shrinker(&shrinker);
	page = alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE | __GFP_HIGH, 0);
	unregister_shrinker(&shrinker);
	EXPECT(page && page_to_nid(page) == 1);
	__free_page(page);
	hog_release(&hog);
	expect_valid();
}

KTEST(numa_machine, one_full_node_causes_no_reclaim_no_wait_and_no_victim, "P8 NUM-06 R4")
{
	static const enum mm_event quiet[] = {EVENT_RECLAIM, EVENT_ROUND, EVENT_WAIT, EVENT_OOM_KILL};
	struct node_claims claims = three_nodes();
	size_t before[NR_MM_EVENTS];
	struct page *page;
	HOG(hog);

	boot_nodes(MIB(64u), &claims);
	while ((page = alloc_pages_node(0, GFP_ATOMIC | __GFP_THISNODE | __GFP_NOWARN, 0)) != NULL)
		list_add(&page->links, &hog);
	memcpy(before, mm_event_count, sizeof(before));
	for (unsigned int i = 0; i < 5000; i++) {
		page = alloc_page(GFP_KERNEL);
		REQUIRE(page);
		EXPECT_EQ(page_to_nid(page), 2);
		if (i % 2)
			list_add(&page->links, &hog);
		else
			__free_page(page);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(quiet); i++)
		EXPECT_EQ(mm_event_count[quiet[i]], before[quiet[i]]);
	expect_valid();
}

/* --- machines no one would build --- */

static void expect_sound_machine(size_t managed)
{
	const struct zone *zone;

	EXPECT(all_is_used(managed));
	for_each_zone(zone)
		for (pfn_t pfn = zone->start_pfn; pfn < zone->end_pfn; pfn++) {
			const struct page *page = pfn_to_page(pfn);

			if (page_to_nid(page) == zone->node && page->state != PAGE_INTERIOR)
				EXPECT_EQ(page_zone(page), zone);
		}
	expect_valid();
}

KTEST(numa_machine, nodes_without_memory_or_low_memory_of_a_mib_and_interleaved_work, "P8 NUM-01 NUM-04")
{
	size_t managed = managed_as_one_node(MIB(64u));
	struct node_claims claims = claims_of(3); /* node 1 has nothing */
	HOG(hog);

	claims.local = 1;
	claim(&claims, 0, 0, MIB(40u));
	claim(&claims, 2, MIB(40u), MIB(24u));
	boot_nodes(MIB(64u), &claims);
	expect_sound_machine(managed);
	EXPECT_ZONES(GFP_KERNEL, "N2 N0 D0 ");
	EXPECT_NULL(alloc_page(GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN));
	claims.nr_entries = 0;
	for (unsigned int i = 0; i < 64; i++) /* a MiB to each in turn */
		claim(&claims, i % 3, MIB((uint64_t)i), MIB(1u));
	boot_nodes(MIB(64u), &claims);
	expect_sound_machine(managed);
	hog_all(&hog);
	EXPECT_EQ(nr_free_pages(), 0);
	hog_release(&hog);
	expect_sound_machine(managed);
	claims.nr_entries = 0;
	claim(&claims, 1, 0, MIB(63u));
	claim(&claims, 2, MIB(63u), MIB(1u));
	boot_nodes(MIB(64u), &claims);
	expect_sound_machine(managed);
	EXPECT_ZONES(GFP_KERNEL, "N1 N2 D1 ");
}

KTEST(numa_machine, a_node_of_high_memory_alone_takes_low_memory_from_the_nearest, "P8 NUM-02 NUM-04")
{
	struct node_claims claims = claims_of(2);
	struct memmap_entry map[] = {{0, MIB(128u), MEMMAP_USABLE}};
	struct page *page;

	claims.local = 1;
	claim(&claims, 0, 0, MIB(64u));
	claim(&claims, 1, MIB(64u), MIB(64u));
	fake_machine_boot(map, 1,
			  (struct mm_params){.dma_end = MIB(16u), .lowmem_end = MIB(48u), .nodes = &claims});
	EXPECT_ZONES(GFP_HIGHUSER, "H1 H0 N0 D0 ");
	EXPECT_ZONES(GFP_KERNEL, "N0 D0 ");
	page = alloc_page(GFP_HIGHUSER);
	EXPECT(page && page_to_nid(page) == 1);
	__free_page(page);
	EXPECT_NULL(kmalloc(100, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN));
	expect_valid();
}

/* --- objects, areas, counts --- */

static unsigned int nid_of(const void *object)
{
	return page_to_nid(virt_to_page(object));
}

KTEST(numa_machine, objects_come_from_the_node_asked_for_and_near_ones_stay_near, "G22 NUM-07")
{
	struct node_claims claims = three_nodes();
	struct kmem_cache *cache;
	void *far[64], *near[64];

	boot_nodes(MIB(64u), &claims);
	cache = kmem_cache_create("numa", 500, 0, SLAB_PANIC, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(far); i++) {
		far[i] = kmem_cache_alloc_node(cache, GFP_KERNEL, (int)(1 + i % 2));
		near[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		REQUIRE(far[i] && near[i]);
		EXPECT_EQ(nid_of(far[i]), 1 + i % 2);
		EXPECT_EQ(nid_of(near[i]), 0);
	}
	expect_valid();
	for (unsigned int i = 0; i < ARRAY_SIZE(far); i++) {
		kmem_cache_free(cache, far[i]);
		kmem_cache_free(cache, near[i]);
	}
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
	for (int node = 0; node < 3; node++)
		for (size_t size = 8; size <= KIB(32u); size *= 2) {
			void *object = kmalloc_node(size, GFP_KERNEL | __GFP_THISNODE | __GFP_ZERO, node);

			REQUIRE(object);
			EXPECT_EQ(nid_of(object), node);
			EXPECT(((char *)object)[size - 1] == 0);
			kfree(object);
		}
	EXPECT_NULL(kmalloc_node(64, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 7));
	expect_valid();
}

KTEST(numa_machine, a_near_slab_in_use_is_not_taken_for_the_far_one_that_is_empty, "NUM-07")
{
	struct node_claims claims = three_nodes();
	struct kmem_cache *cache;
	void *far, *near;

	boot_nodes(MIB(64u), &claims);
	cache = kmem_cache_create("numa", 500, 0, SLAB_PANIC, NULL);
	slab_keep_closed(cache, true);
	far = kmem_cache_alloc_node(cache, GFP_KERNEL, 1);
	kmem_cache_free(cache, far);		/* its slab is kept */
	EXPECT_NULL(slab_take_straight(cache)); /* who watches objects does; the cache should grow */
	near = kmem_cache_alloc(cache, GFP_KERNEL);
	EXPECT(nid_of(far) == 1 && nid_of(near) == 0);
	EXPECT_EQ(kmem_cache_shrink(cache), 1);
	EXPECT(virt_to_page(near)->slab_cache == cache && !virt_to_page(far)->slab_cache);
	expect_valid();
	kmem_cache_free(cache, near);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
}

KTEST(numa_machine, objects_share_far_slabs_while_the_near_node_is_full, "NUM-06 NUM-07")
{
	struct node_claims claims = three_nodes();
	struct kmem_cache *cache;
	void *object[1000];
	HOG(hog);

	boot_nodes(MIB(64u), &claims);
	cache = kmem_cache_create("numa", 64, 0, SLAB_PANIC, NULL);
	hog_zone(&hog, *near_zones[ZONE_NORMAL], 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(object); i++) {
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		REQUIRE(object[i]);
	}
	EXPECT(cache->nr_slabs <= ARRAY_SIZE(object) / cache->per_slab + 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(object); i++)
		kmem_cache_free(cache, object[i]);
	hog_release(&hog);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
	expect_valid();
}

KTEST(numa_machine, areas_take_their_pages_from_the_node_asked_for, "G22")
{
	struct node_claims claims = three_nodes();
	char *area;

	boot_nodes(MIB(64u), &claims);
	for (int node = 0; node < 3; node++) {
		area = vmalloc_node(16 * PAGE_SIZE, node);
		REQUIRE(area);
		for (unsigned int i = 0; i < 16; i++)
			EXPECT_EQ(page_to_nid(vmalloc_to_page(area + i * PAGE_SIZE)), node);
		vfree(area);
	}
	vmalloc_purge();
	expect_valid();
}

KTEST(numa_machine, a_page_freed_far_away_goes_home, "NUM-07 P8")
{
	struct node_claims claims = three_nodes();
	struct page *page;

	boot_nodes(MIB(64u), &claims);
	for (unsigned int i = 0; i < 100; i++) {
		struct page *far = alloc_pages_node(1, GFP_KERNEL, 0);

		REQUIRE(far);
		__free_page(far);
		page = alloc_page(GFP_KERNEL);
		EXPECT(page && page_to_nid(page) == 0);
		__free_page(page);
	}
	drain_all_pages();
	expect_valid();
}

KTEST(numa_machine, numastat_counts_hits_misses_and_whose_they_were, "P8 P5 NUM-08")
{
	struct node_claims claims = three_nodes();
	size_t served = 0, missed = 0, foreign = 0;
	struct page *page;
	HOG(hog);

	boot_nodes(MIB(64u), &claims);
	memset(nodes[0].nr, 0, sizeof(nodes[0].nr));
	memset(nodes[1].nr, 0, sizeof(nodes[1].nr));
	memset(nodes[2].nr, 0, sizeof(nodes[2].nr));
	while ((page = alloc_pages(GFP_NOWAIT | __GFP_NOWARN, MAX_PAGE_ORDER)) != NULL) {
		list_add(&page->links, &hog);
		served++;
	}
	while ((page = alloc_pages_node(1, GFP_NOWAIT | __GFP_NOWARN, 3)) != NULL)
		list_add(&page->links, &hog);
	for (unsigned int node = 0; node < 3; node++) {
		const size_t *nr = nodes[node].nr;

		EXPECT_EQ(nr[NODE_HIT] + nr[NODE_MISS], nr[NODE_LOCAL] + nr[NODE_OTHER]);
		missed += nr[NODE_MISS];
		foreign += nr[NODE_FOREIGN];
		EXPECT(node == 0 ? !nr[NODE_OTHER] : !nr[NODE_LOCAL]);
	}
	EXPECT_EQ(missed, foreign);
	EXPECT(missed > 0 && served > 0 && nodes[0].nr[NODE_HIT] > 0 && nodes[1].nr[NODE_HIT] > 0);
}
