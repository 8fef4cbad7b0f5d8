/* SPDX-License-Identifier: MIT */
/* mm's own part of virtual memory on the host: pages of the fake machine's memfd mapped into address space
 * that is otherwise PROT_NONE. Like a CPU it remembers a page until it is flushed, so that a stale address
 * works as long as it may; and it aborts where a CPU would go wrong in silence: when another page comes to an
 * address that is still remembered, when a page is freed that is (unless the pool of windows is not strict),
 * or a page comes where no table is. Context: one thread. */
#include <sys/mman.h>

#include <kernel/lib/assert.h>
#include <mm/mapped/kmap_internal.h>
#include <mm/port.h>
#include <tests/host/host.h>

#define WINDOWS_BYTES (512u * 2 * PAGE_SIZE)
#define NR_PAGES      (WINDOWS_BYTES / PAGE_SIZE)
#define NR_TABLES     (WINDOWS_BYTES / PORT_TABLE_SPAN)

enum state { NOTHING, MAPPED, REMEMBERED };

static struct {
	char *start;
	bool has_table[NR_TABLES];
	struct {
		enum state state;
		pfn_t pfn;
	} page[NR_PAGES];
	size_t nr_remembered;
} fake_vm;

uintptr_t port_windows_start(void)
{
	if (!fake_vm.start)
		fake_vm.start = mmap(NULL, WINDOWS_BYTES, PROT_NONE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return (uintptr_t)fake_vm.start;
}

static size_t index_of(uintptr_t addr)
{
	size_t i = (addr - port_windows_start()) / PAGE_SIZE;

	if (i >= NR_PAGES)
		host_abort("mapped outside", "the area of windows");
	return i;
}

static void take_away(size_t first, size_t nr)
{
	if (mmap(fake_vm.start + first * PAGE_SIZE, nr * PAGE_SIZE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		host_abort("cannot unmap", "a window");
	for (size_t i = first; i < first + nr; i++) {
		fake_vm.nr_remembered -= fake_vm.page[i].state == REMEMBERED;
		fake_vm.page[i].state = NOTHING;
	}
}

/* A machine that starts anew has nothing mapped there. */
void port_add_table(uintptr_t addr, pfn_t table)
{
	size_t first = index_of(addr);

	(void)table;
	fake_vm.has_table[first * PAGE_SIZE / PORT_TABLE_SPAN] = true;
	take_away(first, PORT_TABLE_SPAN / PAGE_SIZE);
}

void port_map_page(uintptr_t addr, pfn_t pfn)
{
	size_t i = index_of(addr);

	if (!fake_vm.has_table[i * PAGE_SIZE / PORT_TABLE_SPAN])
		host_abort("mapped without", "a page table");
	if (fake_vm.page[i].state == MAPPED)
		host_abort("mapped over", "another page");
	if (fake_vm.page[i].state == REMEMBERED && fake_vm.page[i].pfn != pfn)
		host_abort("mapped without a flush over", "another page");
	if (mmap((void *)addr, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fake_machine_fd(),
		 (off_t)pfn << PAGE_SHIFT) == MAP_FAILED)
		host_abort("cannot map", "a window");
	fake_vm.nr_remembered -= fake_vm.page[i].state == REMEMBERED;
	fake_vm.page[i].state = MAPPED;
	fake_vm.page[i].pfn = pfn;
}

void port_unmap_page(uintptr_t addr)
{
	size_t i = index_of(addr);

	if (fake_vm.page[i].state != MAPPED)
		return;
	fake_vm.page[i].state = REMEMBERED;
	fake_vm.nr_remembered++;
}

void port_flush_page(uintptr_t addr)
{
	size_t i;

	if (fake_vmalloc_flush_page(addr))
		return;
	i = index_of(addr);
	if (fake_vm.page[i].state == REMEMBERED)
		take_away(i, 1);
}

void port_flush_all(void)
{
	fake_vmalloc_flush_all();
	for (size_t i = 0; i < NR_PAGES; i++)
		if (fake_vm.page[i].state == REMEMBERED)
			take_away(i, 1);
}

static void check_windows(pfn_t pfn)
{
	for (size_t i = 0; i < NR_PAGES; i++)
		if (fake_vm.page[i].state == REMEMBERED && fake_vm.page[i].pfn == pfn)
			host_abort("freed before a flush:", "a page of a window");
}

void fake_vm_pages_are_freed(pfn_t first, pfn_t nr)
{
	for (pfn_t pfn = first; pfn < first + nr; pfn++) {
		fake_vmalloc_page_is_freed(pfn);
		fake_space_page_is_freed(pfn);
		if (fake_vm.nr_remembered && kmap_pool.is_strict)
			check_windows(pfn);
	}
}
