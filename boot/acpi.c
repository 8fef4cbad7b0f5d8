/* SPDX-License-Identifier: MIT */
/* The only place that knows ACPI. Reads what the firmware left as a stranger's data: root pointer, root table,
 * then the table wanted, byte by byte through source->read().
 *
 * A1 Nothing is read but through read(), into buffers of fixed size.
 * A2 Every loop ends, after TABLE_BYTES_MAX bytes or ROOT_ENTRIES_MAX tables at most.
 * A3 A table counts when its name, its length and its checksum are right; any other is as if it were absent,
 *    and the sentence returned says which.
 * A4 An entry that cannot be true ends its table: entries before it are kept, `damaged` is set.
 *
 * Pure C over kernel/lib: hosts compile it, and fuzz it. Context: boot, once. */
#include <boot/acpi.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

#define TABLE_BYTES_MAX	 KIB(64u)
#define ROOT_ENTRIES_MAX 256u
#define CHUNK		 64u

#define EBDA_SEARCHED	 KIB(1u)
#define BIOS_START	 0xe0000u
#define RSDP_ALIGN	 16u

#define RSDP_OLD_BYTES	 20u
#define RSDP_REVISION	 15u /* offsets; addresses of the root tables */
#define RSDP_RSDT	 16u
#define RSDP_XSDT	 24u

#define TABLE_LENGTH	 4u
#define TABLE_HEAD_BYTES 36u

#define MADT_ENTRIES	 44u
#define ENTRY_BYTES_MIN	 2u
#define ENTRY_BYTES_MAX	 255u

enum madt_entry { MADT_CPU = 0, MADT_X2APIC_CPU = 9 };

#define CPU_ENABLED   1u
#define APIC_ID_LIMIT 255u /* 255 is everybody */

static struct {
	const struct acpi_source *source;
	char problem[120];
} acpi;

PRINTF(1, 2) static const char *complain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(acpi.problem, sizeof(acpi.problem), fmt, args);
	va_end(args);
	return acpi.problem;
}

static bool read(uint64_t paddr, void *to, size_t size)
{
	return acpi.source->read(paddr, to, size);
}

static uint32_t get32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *bytes)
{
	return get32(bytes) | (uint64_t)get32(bytes + 4) << 32;
}

static uint8_t sum(const uint8_t *bytes, size_t size)
{
	uint8_t total = 0;

	while (size--)
		total = (uint8_t)(total + *bytes++);
	return total;
}

/* --- the root pointer --- */

static bool rsdp_is_right(const uint8_t *rsdp, size_t size)
{
	return size >= RSDP_OLD_BYTES && memcmp(rsdp, "RSD PTR ", 8) == 0 && sum(rsdp, RSDP_OLD_BYTES) == 0;
}

/* Result: did one lie in [start, end)? */
static bool rsdp_search(uint8_t rsdp[ACPI_RSDP_BYTES], uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at + ACPI_RSDP_BYTES <= end; at += RSDP_ALIGN)
		if (read(at, rsdp, ACPI_RSDP_BYTES) && rsdp_is_right(rsdp, ACPI_RSDP_BYTES))
			return true;
	return false;
}

static bool rsdp_find(uint8_t rsdp[ACPI_RSDP_BYTES])
{
	uint8_t segment[2];
	uint64_t ebda;

	memset(rsdp, 0, ACPI_RSDP_BYTES);
	if (acpi.source->rsdp_bytes) {
		memcpy(rsdp, acpi.source->rsdp, MIN(acpi.source->rsdp_bytes, (size_t)ACPI_RSDP_BYTES));
		return rsdp_is_right(rsdp, acpi.source->rsdp_bytes);
	}
	if (read(BIOS_EBDA_SEGMENT_AT, segment, sizeof(segment))) {
		ebda = (uint64_t)(segment[0] | segment[1] << 8) << 4;
		if (ebda && rsdp_search(rsdp, ebda, ebda + EBDA_SEARCHED))
			return true;
	}
	return rsdp_search(rsdp, BIOS_START, BIOS_END);
}

/* --- tables --- */

struct table {
	uint64_t paddr;
	uint32_t bytes; /* with its head */
};

static bool table_sum_is_right(const struct table *table)
{
	uint8_t chunk[CHUNK], total = 0;

	for (uint32_t at = 0; at < table->bytes; at += CHUNK) {
		uint32_t size = MIN(table->bytes - at, CHUNK);

		if (!read(table->paddr + at, chunk, size))
			return false;
		total = (uint8_t)(total + sum(chunk, size));
	}
	return total == 0;
}

/* Result: NULL when the table at `paddr` is named so and whole. */
static const char *table_open(struct table *table, uint64_t paddr, const char *name)
{
	uint8_t head[TABLE_LENGTH + 4];

	if (!read(paddr, head, sizeof(head)))
		return complain("%s at 0x%llx is out of reach", name, (unsigned long long)paddr);
	*table = (struct table){paddr, get32(head + TABLE_LENGTH)};
	if (memcmp(head, name, 4) != 0)
		return complain("no %s at 0x%llx", name, (unsigned long long)paddr);
	if (table->bytes < TABLE_HEAD_BYTES || table->bytes > TABLE_BYTES_MAX)
		return complain("%s claims %u bytes, expected %u to %u", name, table->bytes, TABLE_HEAD_BYTES,
				TABLE_BYTES_MAX);
	if (!table_sum_is_right(table))
		return complain("the bytes of %s do not add up to 0", name);
	return NULL;
}

static bool is_named(uint64_t paddr, const char *name)
{
	uint8_t found[4];

	return read(paddr, found, sizeof(found)) && memcmp(found, name, sizeof(found)) == 0;
}

/* The first table of that name that the root lists, in entries of `width` bytes. */
static const char *table_find_below(struct table *table, const struct table *root, uint32_t width,
				    const char *name)
{
	uint32_t nr = MIN((root->bytes - TABLE_HEAD_BYTES) / width, ROOT_ENTRIES_MAX);

	for (uint32_t i = 0; i < nr; i++) {
		uint8_t entry[8] = {0};

		if (!read(root->paddr + TABLE_HEAD_BYTES + (uint64_t)i * width, entry, width))
			break;
		if (is_named(get64(entry), name))
			return table_open(table, get64(entry), name);
	}
	return complain("there is no table %s", name);
}

static const char *table_find(struct table *table, const char *name)
{
	uint8_t rsdp[ACPI_RSDP_BYTES];
	struct table root = {0};
	const char *problem;

	if (!rsdp_find(rsdp))
		return "there is no root pointer";
	if (rsdp[RSDP_REVISION] >= 2 && get64(rsdp + RSDP_XSDT) && sum(rsdp, ACPI_RSDP_BYTES) == 0 &&
	    table_open(&root, get64(rsdp + RSDP_XSDT), "XSDT") == NULL)
		return table_find_below(table, &root, 8, name);
	problem = table_open(&root, get32(rsdp + RSDP_RSDT), "RSDT");
	return problem ? problem : table_find_below(table, &root, 4, name);
}

/* --- the table of processors --- */

static bool is_known(const struct acpi_cpus *cpus, uint32_t id)
{
	for (unsigned int i = 0; i < cpus->nr; i++)
		if (cpus->apic_id[i] == id)
			return true;
	return false;
}

static void cpu_add(struct acpi_cpus *cpus, uint32_t id, uint32_t flags)
{
	if (!(flags & CPU_ENABLED))
		cpus->nr_disabled++;
	else if (is_known(cpus, id))
		cpus->nr_doubled++;
	else if (cpus->nr == ACPI_CPUS_MAX || id >= APIC_ID_LIMIT)
		cpus->nr_lost++;
	else
		cpus->apic_id[cpus->nr++] = id;
}

static uint32_t entry_bytes_least(uint8_t type)
{
	switch (type) {
	case MADT_CPU:
		return 8;
	case MADT_X2APIC_CPU:
		return 16;
	default:
		return ENTRY_BYTES_MIN;
	}
}

static void entry_take(struct acpi_cpus *cpus, const uint8_t *entry)
{
	if (entry[0] == MADT_CPU)
		cpu_add(cpus, entry[3], get32(entry + 4));
	else if (entry[0] == MADT_X2APIC_CPU)
		cpu_add(cpus, get32(entry + 4), get32(entry + 8));
}

static void madt_read(struct acpi_cpus *cpus, const struct table *madt)
{
	uint8_t entry[ENTRY_BYTES_MAX];
	uint32_t at = MADT_ENTRIES, size;

	for (; at < madt->bytes; at += size) {
		cpus->damaged = true; /* until this entry is seen to be whole */
		if (madt->bytes - at < ENTRY_BYTES_MIN || !read(madt->paddr + at, entry, ENTRY_BYTES_MIN))
			return;
		size = entry[1];
		if (size < entry_bytes_least(entry[0]) || size > madt->bytes - at ||
		    !read(madt->paddr + at, entry, size))
			return;
		cpus->damaged = false;
		entry_take(cpus, entry);
	}
}

const char *acpi_read_cpus(struct acpi_cpus *cpus, const struct acpi_source *source)
{
	const char *problem;
	struct table madt = {0};

	acpi.source = source;
	memset(cpus, 0, sizeof(*cpus));
	problem = table_find(&madt, "APIC");
	if (problem)
		return problem;
	if (madt.bytes < MADT_ENTRIES)
		return complain("APIC claims %u bytes, expected %u or more", madt.bytes, MADT_ENTRIES);
	madt_read(cpus, &madt);
	return NULL;
}
