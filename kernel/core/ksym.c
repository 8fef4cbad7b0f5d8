/* SPDX-License-Identifier: MIT */
/* Binary search over the linked-in symbol table. No state of its own; the table never changes. */
#include <kernel/core/ksym.h>

#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

#define LAST_SYMBOL_BYTES 65536u

/* Number of symbols that start at or below addr. */
static uint32_t ksym_count_until(uintptr_t addr)
{
	uint32_t low = 0, high = ksym_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (ksym_addresses[middle] <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool ksym_lookup(uintptr_t addr, const char **name, uint32_t *offset)
{
	uint32_t nr = ksym_count_until(addr);

	if (nr == 0 || (nr == ksym_count && addr - ksym_addresses[nr - 1] >= LAST_SYMBOL_BYTES))
		return false;
	*name = ksym_names + ksym_name_offsets[nr - 1];
	*offset = (uint32_t)(addr - ksym_addresses[nr - 1]);
	return true;
}

bool ksym_find(const char *name, uintptr_t *addr)
{
	for (uint32_t i = 0; i < ksym_count; i++) {
		if (strcmp(ksym_names + ksym_name_offsets[i], name) != 0)
			continue;
		*addr = ksym_addresses[i];
		return true;
	}
	return false;
}

const char *ksym_name(unsigned int n)
{
	return n < ksym_count ? ksym_names + ksym_name_offsets[n] : NULL;
}

const char *ksym_format(uintptr_t addr, char *buf, size_t size)
{
	const char *name;
	uint32_t offset;

	if (ksym_lookup(addr, &name, &offset))
		(void)snprintf(buf, size, "%s+0x%x", name, offset);
	else
		(void)snprintf(buf, size, "0x%08lx", (unsigned long)addr);
	return buf;
}
