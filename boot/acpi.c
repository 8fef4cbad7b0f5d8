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
#define TABLE_REVISION	 8u
#define TABLE_HEAD_BYTES 36u

#define MADT_ENTRIES	 44u
#define ENTRY_BYTES_MIN	 2u
#define ENTRY_BYTES_MAX	 255u

enum madt_entry { MADT_CPU = 0, MADT_X2APIC_CPU = 9 };

#define SRAT_ENTRIES 48u
#define SLIT_NR	     36u /* offsets: how many domains, 8 bytes; from each to each, a byte */
#define SLIT_ENTRIES 44u

enum srat_entry { SRAT_CPU = 0, SRAT_MEMORY = 1, SRAT_X2APIC_CPU = 2 };

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

/* --- tables of entries --- */

/* Entries begin at `at` with their kind and their length; of the kinds that are read `least` says how long they are, 0: as any.
 */
struct entries {
	uint32_t at;
	uint8_t least[16];
	void (*take)(void *to, const uint8_t *entry);
};

static uint32_t entry_bytes_least(const struct entries *entries, uint8_t kind)
{
	uint32_t least = kind < sizeof(entries->least) ? entries->least[kind] : 0;

	return MAX(least, ENTRY_BYTES_MIN);
}

/* A4. Result: did it end at its end? */
static bool entries_read(void *to, const struct table *table, const struct entries *entries)
{
	uint8_t entry[ENTRY_BYTES_MAX];
	uint32_t at = entries->at, size;

	for (; at < table->bytes; at += size) {
		if (table->bytes - at < ENTRY_BYTES_MIN || !read(table->paddr + at, entry, ENTRY_BYTES_MIN))
			return false;
		size = entry[1];
		if (size < entry_bytes_least(entries, entry[0]) || size > table->bytes - at ||
		    !read(table->paddr + at, entry, size))
			return false;
		entries->take(to, entry);
	}
	return true;
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

static void madt_take(void *to, const uint8_t *entry)
{
	struct acpi_cpus *cpus = to;

	if (entry[0] == MADT_CPU)
		cpu_add(cpus, entry[3], get32(entry + 4));
	else if (entry[0] == MADT_X2APIC_CPU)
		cpu_add(cpus, get32(entry + 4), get32(entry + 8));
}

/* The table of that name, with at least so many bytes. */
static const char *table_get(struct table *table, const struct acpi_source *source, const char *name,
			     uint32_t least)
{
	const char *problem;

	acpi.source = source;
	problem = table_find(table, name);
	if (!problem && table->bytes < least)
		problem = complain("%s claims %u bytes, expected %u or more", name, table->bytes, least);
	return problem;
}

const char *acpi_read_cpus(struct acpi_cpus *cpus, const struct acpi_source *source)
{
	static const struct entries madt_entries = {
		MADT_ENTRIES, {[MADT_CPU] = 8, [MADT_X2APIC_CPU] = 16}, madt_take};
	struct table madt = {0};
	const char *problem;

	memset(cpus, 0, sizeof(*cpus));
	problem = table_get(&madt, source, "APIC", MADT_ENTRIES);
	if (!problem)
		cpus->damaged = !entries_read(cpus, &madt, &madt_entries);
	return problem;
}

/* --- the tables of nodes --- */

struct srat {
	struct node_claims *claims;
	uint32_t domain_mask; /* the first revision has numbers of 8 bits */
	uint32_t apic_id;     /* whose node is local */
	uint32_t local_domain;
	bool is_local_known;
};

/* Nodes ascend by their domains. Result: is it one of them? */
static bool node_add(struct node_claims *claims, uint32_t domain)
{
	unsigned int node = 0, last = claims->nr_nodes;

	while (node < last && claims->domain[node] < domain)
		node++;
	if (node < last && claims->domain[node] == domain)
		return true;
	if (last == MAX_NODES)
		return false;
	memmove(&claims->domain[node + 1], &claims->domain[node], (last - node) * sizeof(claims->domain[0]));
	claims->domain[node] = domain;
	claims->nr_nodes++;
	return true;
}

static void srat_take_cpu(struct srat *srat, uint32_t domain, uint32_t apic_id)
{
	domain &= srat->domain_mask;
	if (node_add(srat->claims, domain) && apic_id == srat->apic_id) {
		srat->local_domain = domain;
		srat->is_local_known = true;
	}
}

static void srat_take_memory(const struct srat *srat, const uint8_t *entry)
{
	struct node_claims *claims = srat->claims;
	uint32_t domain = get32(entry + 2) & srat->domain_mask;

	if (get64(entry + 16) == 0)
		return;
	if (claims->nr_entries == NODE_ENTRIES_MAX || !node_add(claims, domain))
		claims->nr_lost++;
	else
		claims->entry[claims->nr_entries++] =
			(struct node_entry){get64(entry + 8), get64(entry + 16), domain};
}

static void srat_take(void *to, const uint8_t *entry)
{
	struct srat *srat = to;

	if (entry[0] == SRAT_CPU && entry[4] & CPU_ENABLED)
		srat_take_cpu(srat, entry[2] | (get32(entry + 8) & ~0xffu), entry[3]);
	else if (entry[0] == SRAT_MEMORY && entry[28] & CPU_ENABLED)
		srat_take_memory(srat, entry);
	else if (entry[0] == SRAT_X2APIC_CPU && entry[12] & CPU_ENABLED)
		srat_take_cpu(srat, get32(entry + 4), get32(entry + 8));
}

/* Distances between the nodes, whose domains are indices in the table. Result: was it whole? */
static bool slit_read(struct node_claims *claims, const struct table *slit)
{
	uint8_t count[8];
	uint64_t nr;

	if (!read(slit->paddr + SLIT_NR, count, sizeof(count)))
		return false;
	nr = get64(count);
	if (nr > TABLE_BYTES_MAX || nr * nr > slit->bytes - SLIT_ENTRIES)
		return false;
	for (unsigned int from = 0; from < claims->nr_nodes; from++)
		for (unsigned int to = 0; to < claims->nr_nodes; to++) {
			uint64_t at = claims->domain[from] * nr + claims->domain[to];

			if (claims->domain[from] >= nr || claims->domain[to] >= nr ||
			    !read(slit->paddr + SLIT_ENTRIES + at, &claims->distance[from][to], 1))
				return false;
		}
	return true;
}

const char *acpi_read_nodes(struct node_claims *claims, const struct acpi_source *source, uint32_t apic_id)
{
	static const struct entries srat_entries = {
		SRAT_ENTRIES, {[SRAT_CPU] = 16, [SRAT_MEMORY] = 40, [SRAT_X2APIC_CPU] = 24}, srat_take};
	struct srat srat = {.claims = claims, .domain_mask = ~0u, .apic_id = apic_id};
	struct table table = {0};
	uint8_t revision;
	const char *problem;

	memset(claims, 0, sizeof(*claims));
	problem = table_get(&table, source, "SRAT", SRAT_ENTRIES);
	if (problem)
		return problem;
	if (read(table.paddr + TABLE_REVISION, &revision, 1) && revision < 2)
		srat.domain_mask = 0xff;
	claims->damaged = !entries_read(&srat, &table, &srat_entries);
	while (srat.is_local_known && claims->domain[claims->local] != srat.local_domain)
		claims->local++;
	claims->has_distances = table_get(&table, source, "SLIT", SLIT_ENTRIES) == NULL;
	if (claims->has_distances && !slit_read(claims, &table))
		memset(claims->distance, 0,
		       sizeof(claims->distance)); /* which nobody believes, and is said */
	return NULL;
}
