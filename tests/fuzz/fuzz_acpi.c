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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi_source source = {.read = reach};
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
	return 0;
}
