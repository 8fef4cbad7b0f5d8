/* SPDX-License-Identifier: MIT */
/* libFuzzer target: the input's first byte says whether the loader passes the root pointer on, the rest is the
 * physical memory from BIOS_AT on. The corpus starts with a whole set of tables, checksums included. */
#include <boot/acpi.h>

#include <stdlib.h>
#include <string.h>

#define BIOS_AT 0xe0000u

static struct {
	const uint8_t *bytes;
	size_t size;
} memory;

static bool reach(uint64_t paddr, void *to, size_t size)
{
	if (paddr < BIOS_AT || paddr - BIOS_AT > memory.size || size > memory.size - (paddr - BIOS_AT))
		return false;
	memcpy(to, memory.bytes + (paddr - BIOS_AT), size);
	return true;
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct acpi_cpus *cpus)
{
	require(cpus->nr <= ACPI_CPUS_MAX);
	for (unsigned int i = 0; i < cpus->nr; i++)
		for (unsigned int j = 0; j < i; j++)
			require(cpus->apic_id[i] != cpus->apic_id[j] && cpus->apic_id[i] < 255);
}

/* Whatever the tables of nodes say, each page has a node, and the runs are in order (NM1, NM2, NM3). */
static void check_nodes(const struct node_claims *claims)
{
	static struct range_set usable;

	range_set_init(&usable);
	(void)range_set_add(&usable, 0, 1u << 30);
	require(claims->nr_nodes <= MAX_NODES && claims->nr_entries <= NODE_ENTRIES_MAX);
	require(claims->nr_nodes ? claims->local < claims->nr_nodes : !claims->local);
	node_map_build(claims, &usable);
	require(node_map.nr >= 1 && node_map.run[0].start == 0);
	for (unsigned int i = 0; i < node_map.nr; i++) {
		require(node_map.run[i].node < node_map.nr_nodes);
		require(!i || (node_map.run[i - 1].start < node_map.run[i].start &&
			       node_map.run[i - 1].node != node_map.run[i].node));
		require(node_map_find(node_map.run[i].start) == &node_map.run[i]);
	}
	for (unsigned int i = 0; i < node_map.nr_nodes; i++)
		for (unsigned int j = 0; j < node_map.nr_nodes; j++)
			require(i == j ? node_map.distance[i][j] == NODE_NEAR
				       : node_map.distance[i][j] > NODE_NEAR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_source source = {.read = reach};
	static struct node_claims claims;
	struct acpi_cpus cpus;
	const char *problem;

	if (size < 1)
		return 0;
	memory.bytes = data + 1;
	memory.size = size - 1;
	if (data[0] & 1) {
		source.rsdp = memory.bytes;
		source.rsdp_bytes = memory.size < ACPI_RSDP_BYTES ? memory.size : ACPI_RSDP_BYTES;
	}
	problem = acpi_read_cpus(&cpus, &source);
	require(!problem || (problem[0] && !strchr(problem, '\n') && !cpus.nr));
	check(&cpus);
	problem = acpi_read_nodes(&claims, &source, data[0]);
	require(!problem || (problem[0] && !strchr(problem, '\n') && !claims.nr_nodes));
	check_nodes(&claims);
	return 0;
}
