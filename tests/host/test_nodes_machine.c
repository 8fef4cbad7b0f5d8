/* SPDX-License-Identifier: MIT */
/* Machines of several nodes, also such as no firmware should claim. Host only: each test boots machines of its own. */
#include <mm/early/nodemap.h>

#include <string.h>

#include <kernel/lib/align.h>
#include <mm/early/memblock.h>
#include <mm/pages/page_alloc.h>
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

	expect_reports();
	claim(&claims, 0, 0, MIB(32u)); /* covers half */
	boot_nodes(MIB(64u), &claims);
	EXPECT_ONE_REPORT("32768 KiB of RAM in none: counted to the node below");
	EXPECT(node_at(MIB(60u)) == 0 && node_map.nr_nodes == 2 && all_managed() == managed);
	claim(&claims, 1, MIB(31u), MIB(33u)); /* overlaps */
	boot_nodes(MIB(64u), &claims);
	EXPECT_ONE_REPORT("two entries of the firmware's table claim 0x1f00000: all memory is one node's");
	EXPECT(node_map.nr_nodes == 1 && node_at(MIB(60u)) == 0 && all_managed() == managed);
	claims.entry[1] = (struct node_entry){MIB(32u), GIB(60), 1}; /* beyond RAM: nobody's loss */
	expect_reports();
	boot_nodes(MIB(64u), &claims);
	EXPECT_EQ(reports_count(), 0);
	EXPECT(node_at(MIB(60u)) == 1 && all_managed() == managed);
	claims.entry[1] = (struct node_entry){GIB(16), GIB(1), 1}; /* no RAM at all */
	boot_nodes(MIB(64u), &claims);
	EXPECT_ONE_REPORT("32768 KiB of RAM in none");
	claims.entry[1] = (struct node_entry){UINT64_MAX - 10, 100, 1}; /* wraps */
	boot_nodes(MIB(64u), &claims);
	EXPECT_ONE_REPORT("32768 KiB of RAM in none");
	claims.damaged = true;
	boot_nodes(MIB(64u), &claims);
	EXPECT_ONE_REPORT("the firmware's table ends early: 0 entries left out, 32768 KiB of RAM in none");
	EXPECT_EQ(all_managed(), managed);
}

KTEST(numa_machine, absurd_distances_are_one_line_and_taken_as_usual, "P8 NUM-05")
{
	static const uint8_t absurd[][4] = {
		{10, 10, 20, 10}, {11, 20, 20, 10}, {0, 0, 0, 0}, {20, 10, 10, 20}};
	struct node_claims claims = claims_of(2);

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
	expect_reports();
	boot_nodes(MIB(64u), &claims);
	EXPECT_EQ(reports_count(), 0);
	EXPECT(node_map.distance[0][1] == 31 && node_map.distance[1][0] == 42);
}
