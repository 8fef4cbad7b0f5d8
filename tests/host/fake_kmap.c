/* SPDX-License-Identifier: MIT */
/* Windows on high memory: pages of the fake machine's memfd mapped into address space that is otherwise
 * PROT_NONE, so that use after kunmap faults. Preemption is a count that must not go below 0. */
#include <sys/mman.h>

#include <mm/port.h>
#include <tests/host/host.h>

static struct {
	char *windows; /* two pages a slot: the window and a hole */
	unsigned int depth;
	pfn_t pfn[PORT_KMAP_SLOTS]; /* shown, or shown last; 0: none */
	int preempt_count;
} fake_kmap;

static char *window(unsigned int slot)
{
	if (!fake_kmap.windows)
		fake_kmap.windows = mmap(NULL, 2 * PORT_KMAP_SLOTS * PAGE_SIZE, PROT_NONE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return fake_kmap.windows + 2 * slot * PAGE_SIZE;
}

void *port_kmap_push(pfn_t pfn)
{
	unsigned int slot = fake_kmap.depth++;

	if (slot >= PORT_KMAP_SLOTS)
		return kmap_local_overflow();
	if (mmap(window(slot), PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fake_machine_fd(),
		 (off_t)pfn << PAGE_SHIFT) == MAP_FAILED)
		host_abort("cannot map", "a high page");
	fake_kmap.pfn[slot] = pfn;
	return window(slot);
}

bool port_kmap_pop(const void *addr)
{
	if (!fake_kmap.depth || (size_t)((const char *)addr - window(fake_kmap.depth - 1)) >= PAGE_SIZE)
		return false;
	if (mmap(window(--fake_kmap.depth), PAGE_SIZE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		host_abort("cannot unmap", "a high page");
	return true;
}

bool port_kmap_find(uintptr_t addr, struct port_kmap_place *place)
{
	uintptr_t offset = addr - (uintptr_t)window(0);

	if (offset >= 2 * PORT_KMAP_SLOTS * PAGE_SIZE)
		return false;
	place->slot = (unsigned int)(offset / (2 * PAGE_SIZE));
	place->offset = offset % (2 * PAGE_SIZE);
	place->is_mapped = place->slot < fake_kmap.depth;
	place->pfn = fake_kmap.pfn[place->slot] ? fake_kmap.pfn[place->slot] : (pfn_t)-1;
	return true;
}

void port_preempt_disable(void)
{
	host_set_atomic(++fake_kmap.preempt_count > 0);
}

void port_preempt_enable(void)
{
	if (--fake_kmap.preempt_count < 0)
		host_abort("enabled too often:", "preemption");
	host_set_atomic(fake_kmap.preempt_count > 0);
	if (fake_kmap.preempt_count == 0)
		host_point("preempt");
}
