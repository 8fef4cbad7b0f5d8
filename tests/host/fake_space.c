/* SPDX-License-Identifier: MIT */
/* Page tables of programs on the host: two levels of 512 entries below the top, in pages of the fake machine as the
 * kernel's are. Like a CPU it remembers what was mapped until it is flushed, and aborts when a page is freed that it may
 * still know, or a table that leads somewhere. Context: one thread. */
#include <kernel/lib/assert.h>
#include <mm/port.h>
#include <tests/host/host.h>

#define ENTRIES	       512u
#define PRESENT	       1u
#define USED	       8u
#define DIRTY	       16u
#define NOTE_SHIFT     32u
#define MAX_REMEMBERED 1024u

static struct {
	const port_entry_t *entry;
	pfn_t pfn;
} remembered[MAX_REMEMBERED];
static unsigned int nr_remembered;

void port_space_init(struct port_space *space)
{
	*space = (struct port_space){{NULL}};
}

static uint64_t *directory_entry(const struct port_space *space, uintptr_t addr)
{
	uint64_t *directory = space->top[addr >> 30];

	if (addr < PORT_USER_START || addr >= PORT_USER_END)
		host_abort("an address that is no program's:", "page tables");
	return directory ? &directory[(addr >> 21) % ENTRIES] : NULL;
}

port_entry_t *port_space_entry(const struct port_space *space, uintptr_t addr)
{
	const uint64_t *entry = directory_entry(space, addr);

	return entry && *entry ? &((uint64_t *)(uintptr_t)*entry)[addr / PAGE_SIZE % ENTRIES] : NULL;
}

void port_space_add_table(struct port_space *space, uintptr_t addr, void *table)
{
	uint64_t *entry = directory_entry(space, addr);

	for (unsigned int i = 0; i < ENTRIES; i++)
		if (((uint64_t *)table)[i])
			host_abort("not cleared:", "a page table");
	if (!entry)
		space->top[addr >> 30] = table;
	else if (*entry)
		host_abort("there already:", "a page table");
	else
		*entry = (uintptr_t)table;
}

static void check_empty(const uint64_t *table)
{
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (table[i])
			host_abort("given back with something in it:", "a page table");
}

void *port_space_take_table(struct port_space *space)
{
	for (unsigned int t = 0; t < 3; t++) {
		uint64_t *directory = space->top[t];

		for (unsigned int i = 0; directory && i < ENTRIES; i++) {
			uint64_t *table = (uint64_t *)(uintptr_t)directory[i];

			if (!table)
				continue;
			check_empty(table);
			directory[i] = 0;
			return table;
		}
		space->top[t] = NULL;
		if (directory)
			return directory;
	}
	return NULL;
}

static void remember(const port_entry_t *entry, pfn_t pfn)
{
	if (nr_remembered == MAX_REMEMBERED)
		host_abort("never flushed:", "pages of programs");
	remembered[nr_remembered].entry = entry;
	remembered[nr_remembered++].pfn = pfn;
}

bool port_entry_map(port_entry_t *entry, pfn_t pfn, unsigned int prot, pfn_t *before)
{
	bool had_page;

	if (!entry)
		host_abort("mapped without", "a page table");
	had_page = port_entry_find(entry, before, NULL);
	if (had_page)
		remember(entry, *before);
	*entry = (uint64_t)pfn << PAGE_SHIFT | prot << 1 | PRESENT;
	return had_page;
}

bool port_entry_find(const port_entry_t *entry, pfn_t *pfn, unsigned int *prot)
{
	if (!entry || !(*entry & PRESENT))
		return false;
	*pfn = (pfn_t)(*entry >> PAGE_SHIFT);
	if (prot)
		*prot = (unsigned int)(*entry >> 1 & 3);
	return true;
}

bool port_entry_unmap(port_entry_t *entry, pfn_t *pfn)
{
	if (!port_entry_find(entry, pfn, NULL))
		return false;
	remember(entry, *pfn);
	*entry = 0;
	return true;
}

bool port_entry_was_used(port_entry_t *entry)
{
	bool was_used = *entry & USED;

	if (was_used)
		*entry &= ~(uint64_t)USED;
	return was_used;
}

bool port_entry_is_dirty(const port_entry_t *entry)
{
	return (*entry & (PRESENT | DIRTY)) == (PRESENT | DIRTY);
}

void port_entry_set_note(port_entry_t *entry, uint32_t note)
{
	if (!entry)
		host_abort("noted without", "a page table");
	if (*entry & PRESENT)
		host_abort("over a page that is mapped:", "a note");
	*entry = (uint64_t)note << NOTE_SHIFT;
}

uint32_t port_entry_note(const port_entry_t *entry)
{
	return entry && !(*entry & PRESENT) ? (uint32_t)(*entry >> NOTE_SHIFT) : 0;
}

bool fake_space_use(struct port_space *space, uintptr_t addr, bool writes)
{
	uint64_t *entry = port_space_entry(space, addr);

	if (!entry || !(*entry & PRESENT))
		return false;
	*entry |= USED | (writes ? DIRTY : 0u);
	return true;
}

static void forget(const port_entry_t *entry)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < nr_remembered; i++)
		if (remembered[i].entry != entry)
			remembered[nr++] = remembered[i];
	nr_remembered = nr;
}

void port_space_flush(const struct port_space *space, uintptr_t addr, size_t nr_pages)
{
	for (size_t i = 0; i < nr_pages && nr_remembered; i++)
		forget(port_space_entry(space, addr + i * PAGE_SIZE));
}

void fake_space_page_is_freed(pfn_t pfn)
{
	for (unsigned int i = 0; i < nr_remembered; i++)
		if (remembered[i].pfn == pfn)
			host_abort("freed before a flush:", "a page of a program");
}
