/* SPDX-License-Identifier: MIT */
/* What the firmware's ACPI tables say of the machine's processors, and of which memory is near to which, checked and
 * copied. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>
#include <mm/early/nodemap.h>

#define ACPI_CPUS_MAX	     16
#define ACPI_RSDP_BYTES	     36 /* the root pointer of revision 2; revision 0 has 20 */

#define BIOS_EBDA_SEGMENT_AT 0x40eu /* a PC notes here where its extended data area starts, in paragraphs */
#define BIOS_END	     0x100000u

struct acpi_source {
	/* Copies `size` bytes of physical memory. Result: false, nothing copied, where they are out of reach
	 * (the kernel: where no firmware puts tables; host tests: outside a buffer). */
	bool (*read)(uint64_t paddr, void *to, size_t size);
	/* The loader's copy of the root pointer (Multiboot 2), or 0 bytes: it is searched for where a BIOS
	 * leaves it. */
	const uint8_t *rsdp;
	size_t rsdp_bytes;
};

/* The processors that the table named MADT ("APIC") lists, in its order, no two with the same number. */
struct acpi_cpus {
	unsigned int nr;
	uint32_t apic_id[ACPI_CPUS_MAX];
	unsigned int nr_disabled; /* sockets without a processor, or switched off by the firmware */
	unsigned int nr_doubled;  /* entries with a number that was there before */
	unsigned int nr_lost;	  /* beyond ACPI_CPUS_MAX, or beyond what a local APIC can name */
	bool damaged; /* the table ends early, at an entry that cannot be true; what came before it counts */
};

/* Reads them. Result: NULL, or one clear sentence saying what was wrong or is missing; `cpus` is then all
 * zero. Context: boot. */
const char *acpi_read_cpus(struct acpi_cpus *cpus, const struct acpi_source *source);

/* Memory and its nodes, from the tables SRAT and SLIT: nodes ascend by the firmware's numbers, those of processors without
 * memory and of memory without processors among them; the local one is that of processor `apic_id`, or the first. Without a SLIT
 * that is whole, has_distances is false. Result: NULL, or one clear sentence saying what was wrong with SRAT, or that it is
 * missing; `claims` then has no node. Context: boot. */
const char *acpi_read_nodes(struct node_claims *claims, const struct acpi_source *source, uint32_t apic_id);
