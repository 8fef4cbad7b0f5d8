/* SPDX-License-Identifier: MIT */
/* boot/acpi.c fed with what firmware leaves and with what it should not. "Physical memory" is the first MiB, as
 * a PC has it, and a block at TABLES; read() grants exactly these. */
#include <boot/acpi.h>

#include <stdlib.h>
#include <string.h>
#include <tests/ktest.h>

#define TABLES	   0x7fe0000ull /* where QEMU's firmware has them on 128 MiB */
#define RSDT_AT	   0x100u	/* offsets in the block */
#define XSDT_AT	   0x200u
#define MADT_AT	   0x400u
#define RSDP_AT	   0xf5a40u /* in the first MiB */
#define HEAD_BYTES 36u

static struct {
	uint8_t low[1u << 20];
	uint8_t tables[1u << 17];
	size_t madt_bytes;
} memory;

static struct acpi_cpus cpus;

static bool read_fake(uint64_t paddr, void *to, size_t size)
{
	const uint8_t *from = NULL;

	if (paddr < sizeof(memory.low) && size <= sizeof(memory.low) - paddr)
		from = memory.low + paddr;
	else if (paddr >= TABLES && paddr - TABLES <= sizeof(memory.tables) &&
		 size <= sizeof(memory.tables) - (paddr - TABLES))
		from = memory.tables + (paddr - TABLES);
	if (from)
		memcpy(to, from, size);
	return from != NULL;
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* Makes the byte at `sum` such that all add up to 0. */
static void seal(uint8_t *bytes, size_t size, uint8_t *sum)
{
	uint8_t total = 0;

	*sum = 0;
	for (size_t i = 0; i < size; i++)
		total = (uint8_t)(total + bytes[i]);
	*sum = (uint8_t)-total;
}

static void table_seal(size_t at, const char *name, uint32_t size)
{
	memcpy(memory.tables + at, name, 4);
	put32(memory.tables + at + 4, size);
	seal(memory.tables + at, size, memory.tables + at + 9);
}

static void madt_seal(void)
{
	table_seal(MADT_AT, "APIC", (uint32_t)memory.madt_bytes);
}

static void rsdp_put(uint8_t *at, uint8_t revision)
{
	memset(at, 0, ACPI_RSDP_BYTES);
	memcpy(at, "RSD PTR ", 8);
	at[15] = revision;
	put32(at + 16, (uint32_t)TABLES + RSDT_AT);
	seal(at, 20, at + 8);
	put32(at + 20, ACPI_RSDP_BYTES);
	put32(at + 24, (uint32_t)TABLES + XSDT_AT);
	seal(at, ACPI_RSDP_BYTES, at + 32);
}

/* A machine with an empty MADT behind both root tables, the root pointer in the BIOS area. */
static void machine_start(void)
{
	memset(&memory, 0, sizeof(memory));
	put32(memory.tables + RSDT_AT + HEAD_BYTES, (uint32_t)TABLES + 0x300); /* another's table */
	put32(memory.tables + RSDT_AT + HEAD_BYTES + 4, (uint32_t)TABLES + MADT_AT);
	table_seal(RSDT_AT, "RSDT", HEAD_BYTES + 8);
	put32(memory.tables + XSDT_AT + HEAD_BYTES, (uint32_t)TABLES + MADT_AT);
	table_seal(XSDT_AT, "XSDT", HEAD_BYTES + 8);
	memcpy(memory.tables + 0x300, "FACP", 4);
	rsdp_put(memory.low + RSDP_AT, 0);
	memory.madt_bytes = 44;
	madt_seal();
}

static void madt_add(const uint8_t *entry, size_t size)
{
	memcpy(memory.tables + MADT_AT + memory.madt_bytes, entry, size);
	memory.madt_bytes += size;
	madt_seal();
}

static void cpu_add(uint8_t id, uint8_t flags)
{
	uint8_t entry[8] = {0, 8, id, id, flags};

	madt_add(entry, sizeof(entry));
}

static const char *look_with(const uint8_t *rsdp, size_t rsdp_bytes)
{
	struct acpi_source source = {read_fake, rsdp, rsdp_bytes};

	return acpi_read_cpus(&cpus, &source);
}

static const char *look(void)
{
	return look_with(NULL, 0);
}

static bool nothing_but(const char *found, const char *expected)
{
	return found && strcmp(found, expected) == 0 && cpus.nr == 0;
}

KTEST(acpi, processors_are_listed_in_the_tables_order, "P7 SMP-17")
{
	machine_start();
	cpu_add(0, 1);
	cpu_add(4, 1);
	cpu_add(2, 3);
	EXPECT(look() == NULL);
	EXPECT_EQ(cpus.nr, 3);
	EXPECT_EQ(cpus.apic_id[0], 0);
	EXPECT_EQ(cpus.apic_id[1], 4);
	EXPECT_EQ(cpus.apic_id[2], 2);
	EXPECT(!cpus.damaged && !cpus.nr_disabled && !cpus.nr_doubled && !cpus.nr_lost);
}

KTEST(acpi, disabled_and_doubled_processors_and_a_seventeenth_are_counted_and_left_out, "P7 SMP-17")
{
	machine_start();
	for (uint8_t id = 0; id < 20; id++)
		cpu_add(id, id == 3 ? 2 : 1);
	cpu_add(5, 1);
	EXPECT(look() == NULL);
	EXPECT_EQ(cpus.nr, ACPI_CPUS_MAX);
	EXPECT_EQ(cpus.nr_disabled, 1);
	EXPECT_EQ(cpus.nr_doubled, 1);
	EXPECT_EQ(cpus.nr_lost, 3);
	EXPECT_EQ(cpus.apic_id[3], 4);
}

KTEST(acpi, entries_of_other_kinds_are_read_or_passed_by, "P7")
{
	static const uint8_t io_apic[12] = {1, 12}, apic_at[12] = {5, 12, 0, 0, 0, 0, 0xd0, 0xfe},
			     x2apic[16] = {9, 16, 0, 0, 7, 0, 0, 0, 1},
			     far[16] = {9, 16, 0, 0, 0, 1, 0, 0, 1};

	machine_start();
	madt_add(io_apic, sizeof(io_apic));
	madt_add(apic_at, sizeof(apic_at));
	madt_add(x2apic, sizeof(x2apic));
	madt_add(far, sizeof(far));
	EXPECT(look() == NULL);
	EXPECT_EQ(cpus.nr, 1);
	EXPECT_EQ(cpus.apic_id[0], 7);
	EXPECT_EQ(cpus.nr_lost, 1); /* 256: no local APIC can name it */
}

KTEST(acpi, an_entry_that_cannot_be_true_ends_the_table, "SMP-17")
{
	static const uint8_t short_cpu[4] = {0, 4}, long_one[4] = {2, 200}, none[2] = {2, 0}, half[1] = {0};
	static const struct {
		const uint8_t *bytes;
		size_t size;
	} bad[] = {{short_cpu, 4}, {long_one, 4}, {none, 2}, {half, 1}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		machine_start();
		cpu_add(1, 1);
		madt_add(bad[i].bytes, bad[i].size);
		EXPECT(look() == NULL);
		EXPECT_EQ(cpus.nr, 1);
		EXPECT(cpus.damaged);
	}
}

KTEST(acpi, the_root_pointer_is_found_in_the_bios_the_ebda_and_the_loaders_copy, "P7 SMP-17")
{
	uint8_t copy[ACPI_RSDP_BYTES];

	machine_start();
	cpu_add(0, 1);
	memmove(memory.low + 0x9fc10, memory.low + RSDP_AT, ACPI_RSDP_BYTES);
	memset(memory.low + RSDP_AT, 0, ACPI_RSDP_BYTES);
	EXPECT(nothing_but(look(), "there is no root pointer"));
	memory.low[0x40e] = 0xc0;
	memory.low[0x40f] = 0x9f;
	EXPECT(look() == NULL);
	memset(memory.low, 0, sizeof(memory.low));
	rsdp_put(copy, 0);
	EXPECT(look_with(copy, 20) == NULL);
	EXPECT_EQ(cpus.nr, 1);
	EXPECT(nothing_but(look_with(copy, 19), "there is no root pointer"));
	copy[3] ^= 1;
	EXPECT(nothing_but(look_with(copy, 20), "there is no root pointer"));
}

KTEST(acpi, a_newer_root_is_used_and_a_damaged_one_falls_back_to_the_older, "P7 SMP-17")
{
	machine_start();
	cpu_add(0, 1);
	rsdp_put(memory.low + RSDP_AT, 2);
	memset(memory.tables + RSDT_AT, 0, 8); /* only the newer is there */
	EXPECT(look() == NULL);
	EXPECT_EQ(cpus.nr, 1);
	table_seal(RSDT_AT, "RSDT", HEAD_BYTES + 8);
	memory.tables[XSDT_AT + HEAD_BYTES + 1] ^= 1;
	EXPECT(look() == NULL);
	EXPECT_EQ(cpus.nr, 1);
}

KTEST(acpi, each_lie_gets_one_sentence_and_costs_nothing_else, "P7 SMP-17")
{
	machine_start();
	memory.tables[MADT_AT + 40] ^= 4;
	EXPECT(nothing_but(look(), "the bytes of APIC do not add up to 0"));
	machine_start();
	put32(memory.tables + MADT_AT + 4, 35);
	EXPECT(nothing_but(look(), "APIC claims 35 bytes, expected 36 to 65536"));
	put32(memory.tables + MADT_AT + 4, 0xffffffff);
	EXPECT(nothing_but(look(), "APIC claims 4294967295 bytes, expected 36 to 65536"));
	table_seal(MADT_AT, "APIC", 40);
	EXPECT(nothing_but(look(), "APIC claims 40 bytes, expected 44 or more"));
	table_seal(MADT_AT, "SRAT", 44);
	EXPECT(nothing_but(look(), "there is no table APIC"));
	put32(memory.low + RSDP_AT + 16, 0xfffffff0);
	seal(memory.low + RSDP_AT, 20, memory.low + RSDP_AT + 8);
	EXPECT(nothing_but(look(), "RSDT at 0xfffffff0 is out of reach"));
	put32(memory.low + RSDP_AT + 16, (uint32_t)TABLES);
	seal(memory.low + RSDP_AT, 20, memory.low + RSDP_AT + 8);
	EXPECT(nothing_but(look(), "no RSDT at 0x7fe0000"));
}

KTEST(acpi, a_table_that_reaches_beyond_memory_is_refused, "P7 SMP-17")
{
	size_t last = sizeof(memory.tables) - 44;

	machine_start();
	memcpy(memory.tables + last, memory.tables + MADT_AT, 44);
	put32(memory.tables + RSDT_AT + HEAD_BYTES + 4, (uint32_t)(TABLES + last));
	table_seal(RSDT_AT, "RSDT", HEAD_BYTES + 8);
	EXPECT(look() == NULL);
	put32(memory.tables + last + 4, 45);
	EXPECT(nothing_but(look(), "the bytes of APIC do not add up to 0"));
}

/* --- nodes --- */

#define SRAT_AT 0x2000u
#define SLIT_AT 0x8000u

static struct node_claims claims;
static size_t srat_bytes;

/* The same machine with an empty SRAT of that revision behind its root table. */
static void nodes_start(uint8_t revision)
{
	machine_start();
	put32(memory.tables + RSDT_AT + HEAD_BYTES, (uint32_t)TABLES + SRAT_AT);
	put32(memory.tables + RSDT_AT + HEAD_BYTES + 8, (uint32_t)TABLES + SLIT_AT);
	table_seal(RSDT_AT, "RSDT", HEAD_BYTES + 12);
	memory.tables[SRAT_AT + 8] = revision;
	srat_bytes = 48;
	table_seal(SRAT_AT, "SRAT", 48);
}

static void srat_add(const uint8_t *entry, size_t size)
{
	memcpy(memory.tables + SRAT_AT + srat_bytes, entry, size);
	srat_bytes += size;
	table_seal(SRAT_AT, "SRAT", (uint32_t)srat_bytes);
}

static void node_cpu(uint8_t domain, uint8_t id, uint8_t flags)
{
	uint8_t entry[16] = {0, 16, domain, id, flags};

	srat_add(entry, sizeof(entry));
}

static void node_memory(uint32_t domain, uint32_t base_mib, uint32_t mib, uint8_t flags)
{
	uint8_t entry[40] = {1, 40, [28] = flags};
	uint64_t base = (uint64_t)base_mib << 20, bytes = (uint64_t)mib << 20;

	put32(entry + 2, domain);
	memcpy(entry + 8, &base, 8);
	memcpy(entry + 16, &bytes, 8);
	srat_add(entry, sizeof(entry));
}

static void slit_put(uint64_t nr, const uint8_t *distance)
{
	memcpy(memory.tables + SLIT_AT + 36, &nr, 8);
	memcpy(memory.tables + SLIT_AT + 44, distance, (size_t)(nr * nr));
	table_seal(SLIT_AT, "SLIT", (uint32_t)(44 + nr * nr));
}

static const char *look_for_nodes(uint32_t apic_id)
{
	struct acpi_source source = {read_fake, NULL, 0};

	return acpi_read_nodes(&claims, &source, apic_id);
}

KTEST(acpi, nodes_ascend_by_domain_with_their_memory_and_the_processors_own, "P8 NUM-01 NUM-04")
{
	static const uint8_t x2apic[24] = {2, 24, [4] = 7, [8] = 3, [12] = 1};

	nodes_start(2);
	node_cpu(5, 0, 1);
	srat_add(x2apic, sizeof(x2apic));
	node_cpu(9, 4, 0); /* switched off */
	node_memory(5, 0, 64, 1);
	node_memory(2, 64, 32, 1);
	node_memory(2, 128, 32, 0); /* none there */
	node_memory(5, 256, 0, 1);  /* nor here */
	EXPECT(look_for_nodes(3) == NULL);
	EXPECT_EQ(claims.nr_nodes, 3);
	EXPECT(claims.domain[0] == 2 && claims.domain[1] == 5 && claims.domain[2] == 7);
	EXPECT_EQ(claims.local, 2);
	EXPECT_EQ(claims.nr_entries, 2);
	EXPECT(claims.entry[1].base == 64u << 20 && claims.entry[1].len == 32u << 20 &&
	       claims.entry[1].domain == 2);
	EXPECT(!claims.has_distances && !claims.damaged && !claims.nr_lost);
	EXPECT(look_for_nodes(0) == NULL);
	EXPECT_EQ(claims.local, 1);
	EXPECT(look_for_nodes(99) == NULL);
	EXPECT_EQ(claims.local, 0);
}

KTEST(acpi, domains_of_the_first_revision_have_8_bits, "P8")
{
	nodes_start(1);
	node_memory(0xabcd0101, 0, 64, 1);
	EXPECT(look_for_nodes(0) == NULL);
	EXPECT_EQ(claims.domain[0], 1);
	nodes_start(2);
	node_memory(0xabcd0101, 0, 64, 1);
	EXPECT(look_for_nodes(0) == NULL);
	EXPECT_EQ(claims.domain[0], 0xabcd0101);
}

KTEST(acpi, distances_are_those_of_the_domains_there_are, "P8 NUM-02 NUM-05")
{
	static const uint8_t distance[9] = {10, 12, 14, 21, 10, 23, 31, 32, 10};

	nodes_start(2);
	node_memory(0, 0, 64, 1);
	node_memory(2, 64, 64, 1);
	slit_put(3, distance);
	EXPECT(look_for_nodes(0) == NULL);
	EXPECT(claims.has_distances);
	EXPECT(claims.distance[0][0] == 10 && claims.distance[0][1] == 14 && claims.distance[1][0] == 31);
	slit_put(2, distance); /* domain 2 is not in it */
	EXPECT(look_for_nodes(0) == NULL);
	EXPECT(claims.has_distances && claims.distance[0][0] == 0);
	slit_put(3, distance);
	memory.tables[SLIT_AT + 36 + 7] = 1; /* so many that it cannot be */
	table_seal(SLIT_AT, "SLIT", 44 + 9);
	EXPECT(look_for_nodes(0) == NULL);
	EXPECT(claims.has_distances && claims.distance[0][0] == 0);
	memory.tables[SLIT_AT + 50] ^= 1;
	EXPECT(look_for_nodes(0) == NULL);
	EXPECT(!claims.has_distances);
}

KTEST(acpi, a_hundred_nodes_and_a_table_cut_short_leave_what_fits, "P8 NUM-05")
{
	static const uint8_t cut[4] = {1, 40};

	nodes_start(2);
	for (uint8_t n = 0; n < 100; n++)
		node_memory(n, 16u * n, 16, 1);
	srat_add(cut, sizeof(cut));
	EXPECT(look_for_nodes(0) == NULL);
	EXPECT_EQ(claims.nr_nodes, MAX_NODES);
	EXPECT_EQ(claims.nr_entries, MAX_NODES);
	EXPECT_EQ(claims.nr_lost, 100 - MAX_NODES);
	EXPECT(claims.damaged);
	nodes_start(2);
	for (uint8_t n = 0; n < 100; n++)
		node_memory(0, 16u * n, 16, 1);
	EXPECT(look_for_nodes(0) == NULL);
	EXPECT_EQ(claims.nr_entries, NODE_ENTRIES_MAX);
	EXPECT_EQ(claims.nr_lost, 100 - NODE_ENTRIES_MAX);
	EXPECT(!claims.damaged);
}

KTEST(acpi, without_a_table_of_nodes_there_is_none_and_one_sentence, "P8 NUM-05")
{
	machine_start();
	EXPECT(look_for_nodes(0) && claims.nr_nodes == 0);
	EXPECT(strcmp(look_for_nodes(0), "there is no table SRAT") == 0);
	nodes_start(2);
	node_memory(0, 0, 64, 1);
	memory.tables[SRAT_AT + 60] ^= 1;
	EXPECT(strcmp(look_for_nodes(0), "the bytes of SRAT do not add up to 0") == 0);
	table_seal(SRAT_AT, "SRAT", 40);
	EXPECT(strcmp(look_for_nodes(0), "SRAT claims 40 bytes, expected 48 or more") == 0);
	EXPECT_EQ(claims.nr_nodes, 0);
}
