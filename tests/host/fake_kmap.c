/* SPDX-License-Identifier: MIT */
/* Windows on high memory: pages of the fake machine's memfd mapped into address space that is otherwise
 * PROT_NONE, so that use after kunmap faults. Preemption is a count that must not go below 0. */
#include <sys/mman.h>

#include <mm/port.h>
#include <tests/host/host.h>

#define NR_WINDOWS (PORT_KMAP_SLOTS + PORT_KMAP_NUMBERS)

static struct {
	char *windows; /* two pages a slot: the window and a hole; those with a number behind the others */
	unsigned int depth;
	bool is_taken[PORT_KMAP_NUMBERS];
	pfn_t pfn[NR_WINDOWS]; /* shown, or shown last; 0: none */
	int preempt_count;
} fake_kmap;

static char *window(unsigned int slot)
{
	if (!fake_kmap.windows)
		fake_kmap.windows = mmap(NULL, 2 * NR_WINDOWS * PAGE_SIZE, PROT_NONE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return fake_kmap.windows + 2 * slot * PAGE_SIZE;
}

static void *show(unsigned int slot, pfn_t pfn)
{
	if (mmap(window(slot), PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fake_machine_fd(),
		 (off_t)pfn << PAGE_SHIFT) == MAP_FAILED)
		host_abort("cannot map", "a high page");
	fake_kmap.pfn[slot] = pfn;
	return window(slot);
}

static void hide(unsigned int slot)
{
	if (mmap(window(slot), PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		 -1, 0) == MAP_FAILED)
		host_abort("cannot unmap", "a high page");
}

void *port_kmap_push(pfn_t pfn)
{
	unsigned int slot = fake_kmap.depth++;

	return slot < PORT_KMAP_SLOTS ? show(slot, pfn) : kmap_local_overflow();
}

void *port_kmap_take(unsigned int number, pfn_t pfn)
{
	if (fake_kmap.is_taken[number])
		return NULL;
	fake_kmap.is_taken[number] = true;
	return show(PORT_KMAP_SLOTS + number, pfn);
}

bool port_kmap_give(const void *addr)
{
	size_t offset = (size_t)((const char *)addr - window(PORT_KMAP_SLOTS)),
	       number = offset / (2 * PAGE_SIZE);

	if (number >= PORT_KMAP_NUMBERS || offset % (2 * PAGE_SIZE) >= PAGE_SIZE ||
	    !fake_kmap.is_taken[number])
		return false;
	fake_kmap.is_taken[number] = false;
	hide(PORT_KMAP_SLOTS + (unsigned int)number);
	return true;
}

bool port_kmap_pop(const void *addr)
{
	if (!fake_kmap.depth || (size_t)((const char *)addr - window(fake_kmap.depth - 1)) >= PAGE_SIZE)
		return false;
	hide(--fake_kmap.depth);
	return true;
}

bool port_kmap_find(uintptr_t addr, struct port_kmap_place *place)
{
	uintptr_t offset = addr - (uintptr_t)window(0);

	if (offset >= 2 * NR_WINDOWS * PAGE_SIZE)
		return false;
	place->slot = (unsigned int)(offset / (2 * PAGE_SIZE));
	place->offset = offset % (2 * PAGE_SIZE);
	place->is_mapped = place->slot < PORT_KMAP_SLOTS ? place->slot < fake_kmap.depth
							 : fake_kmap.is_taken[place->slot - PORT_KMAP_SLOTS];
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
