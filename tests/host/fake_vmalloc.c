/* SPDX-License-Identifier: MIT */
/* vmalloc's address space on the host: a reserved window that is PROT_NONE but where a page is mapped, and
 * then it shows the fake machine's memfd, so that two mappings of a page are one memory and use after vfree
 * faults. Page tables are pages of the fake machine, as in the kernel. Work for later runs when a test says
 * so. Context: one thread.
 *
 * What a CPU may remember is remembered: each page that was unmapped and each page table that was taken away,
 * until the flush. It is an error of mm, and aborts, when meanwhile
 * TL1 the address, or the table's place, is used again
 * TL2 the page table is freed
 * TL3 the page is freed, unless flushes may come late (host_cpu.flushes_late, at first what DEBUG says). */
#include <string.h>
#include <sys/mman.h>

#include <kernel/lib/align.h>
#include <kernel/lib/bitops.h>
#include <mm/pages/page.h>
#include <mm/port.h>
#include <tests/host/host.h>

#define WINDOW_BYTES  MIB(96u)
#define HOLE_BYTES    MIB(8u) /* never mapped, before it, as the kernel's: the direct map may end there */
#define NR_TABLES     (WINDOW_BYTES / PORT_TABLE_SPAN)
#define TABLE_ENTRIES (PORT_TABLE_SPAN / PAGE_SIZE)
#define MAPPED	      1ull /* in an entry: pfn << 1 | MAPPED */

static struct {
	uintptr_t start;    /* of the window; 0: not reserved yet */
	size_t space_bytes; /* of it are mm's; 0: all */
	port_pte_t *table[NR_TABLES];
	uint32_t stale[WINDOW_BYTES / PAGE_SIZE / 32];
	pfn_t stale_pfn[WINDOW_BYTES / PAGE_SIZE]; /* of what is stale */
	size_t nr_stale;
	const void *taken[NR_TABLES]; /* since the last flush of all; NULL: none */
	bool any_taken;
	struct port_work *work;
} fake;

static void set_page(uintptr_t addr, int prot, int flags, int fd, off_t offset)
{
	if (mmap((void *)addr, PAGE_SIZE, prot, flags | MAP_FIXED, fd, offset) == MAP_FAILED)
		host_abort("cannot map or unmap", "a page of vmalloc's");
}

static void reserve_window(void)
{
	size_t bytes = HOLE_BYTES + WINDOW_BYTES + 2 * PORT_TABLE_SPAN;
	char *at = mmap((void *)fake.start, fake.start ? WINDOW_BYTES : bytes, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (fake.start ? MAP_FIXED : 0), -1, 0);

	if (at == MAP_FAILED)
		host_abort("cannot reserve", "vmalloc's space");
	if (!fake.start)
		fake.start = ALIGN_UP((uintptr_t)at + HOLE_BYTES, PORT_TABLE_SPAN);
}

void port_vmalloc_space(uintptr_t *start, uintptr_t *end)
{
	reserve_window();
	memset(fake.table, 0, sizeof(fake.table));
	fake_vmalloc_flush_all();
	fake.work = NULL;
	*start = fake.start;
	*end = fake.start + (fake.space_bytes ? ALIGN_DOWN(fake.space_bytes, PORT_TABLE_SPAN) : WINDOW_BYTES);
}

void host_set_vmalloc_bytes(size_t size_bytes)
{
	fake.space_bytes = size_bytes;
}

unsigned int port_physical_bits(void)
{
	return 36;
}

static size_t page_number(uintptr_t addr)
{
	return (addr - fake.start) / PAGE_SIZE;
}

static size_t table_number(uintptr_t addr)
{
	return (addr - fake.start) / PORT_TABLE_SPAN;
}

static port_pte_t **table_of(uintptr_t addr)
{
	return &fake.table[table_number(addr)];
}

bool port_has_table(uintptr_t addr)
{
	return *table_of(addr) != NULL;
}

void port_table_set(uintptr_t addr, void *table)
{
	if (*table_of(addr))
		host_abort("set twice:", "a page table");
	if (fake.taken[table_number(addr)])
		host_abort("replaced before a flush:", "a page table");
	*table_of(addr) = table;
}

void *port_table_take(uintptr_t addr)
{
	port_pte_t *table = *table_of(addr);

	for (size_t i = 0; table && i < TABLE_ENTRIES; i++)
		if (table[i])
			host_abort("taken away in use:", "a page table");
	*table_of(addr) = NULL;
	fake.taken[table_number(addr)] = table;
	fake.any_taken |= table != NULL;
	return table;
}

port_pte_t *port_pte_of(uintptr_t addr)
{
	port_pte_t *table = *table_of(addr);

	return table ? table + addr / PAGE_SIZE % TABLE_ENTRIES : NULL;
}

void port_pte_set(port_pte_t *pte, uintptr_t addr, pfn_t pfn, unsigned int prot)
{
	if (*pte)
		host_abort("mapped over another:", "a page of vmalloc's");
	if (bitmap_test(fake.stale, page_number(addr)))
		host_abort("mapped before a flush:", "a page of vmalloc's");
	*pte = (port_pte_t)pfn << 1 | MAPPED;
	set_page(addr, prot == PORT_PROT_KERNEL_RO ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED,
		 fake_machine_fd(), (off_t)pfn << PAGE_SHIFT);
}

pfn_t port_pte_clear(port_pte_t *pte, uintptr_t addr)
{
	pfn_t pfn = port_pte_pfn(pte);

	if (!*pte)
		host_abort("unmapped, but was not mapped:", "a page of vmalloc's");
	*pte = 0;
	bitmap_set(fake.stale, page_number(addr));
	fake.stale_pfn[page_number(addr)] = pfn;
	fake.nr_stale++;
	set_page(addr, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return pfn;
}

bool port_pte_is_mapped(const port_pte_t *pte)
{
	return *pte & MAPPED;
}

pfn_t port_pte_pfn(const port_pte_t *pte)
{
	return (pfn_t)(*pte >> 1);
}

bool fake_vmalloc_flush_page(uintptr_t addr)
{
	if (addr - fake.start >= WINDOW_BYTES)
		return false;
	fake.nr_stale -= bitmap_test(fake.stale, page_number(addr));
	bitmap_clear(fake.stale, page_number(addr));
	return true;
}

void fake_vmalloc_flush_all(void)
{
	memset(fake.stale, 0, sizeof(fake.stale));
	memset(fake.taken, 0, sizeof(fake.taken));
	fake.nr_stale = 0;
	fake.any_taken = false;
}

/* TL2 */
static void check_tables(const char *addr)
{
	for (size_t i = 0; i < NR_TABLES; i++)
		if (fake.taken[i] == addr)
			host_abort("freed before a flush:", "a page table");
}

/* TL3 */
static void check_pages(pfn_t pfn)
{
	for (size_t i = 0; i < WINDOW_BYTES / PAGE_SIZE; i++)
		if (bitmap_test(fake.stale, i) && fake.stale_pfn[i] == pfn)
			host_abort("freed before a flush:", "a page of vmalloc's");
}

void fake_vmalloc_page_is_freed(pfn_t pfn)
{
	if (fake.any_taken && pfn < lowmem_end_pfn)
		check_tables(host_cpu.direct_map + ((size_t)pfn << PAGE_SHIFT));
	if (fake.nr_stale && !host_cpu.flushes_late)
		check_pages(pfn);
}

void port_work_queue(struct port_work *work)
{
	if (work->is_queued)
		return;
	work->is_queued = true;
	work->next = fake.work;
	fake.work = work;
}

void host_run_work(void)
{
	struct port_work *work;

	while ((work = fake.work) != NULL) {
		fake.work = work->next;
		work->is_queued = false;
		work->run();
	}
}
