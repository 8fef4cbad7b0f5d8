/* SPDX-License-Identifier: MIT */
/* The guest runs on the program's tables for one access; the host has a CPU that is told. */
#include <tests/kernel/test_space.h>

#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>
#include <mm/pages/page.h>
#ifdef __KERNEL__
#include <kernel/arch/irqflags.h>
#include <kernel/arch/user.h>
#else
#include <tests/host/host.h>
#endif

#ifdef __KERNEL__
static bool is_mapped(struct aspace *aspace, uintptr_t addr, bool writes)
{
	unsigned int prot = 0;
	pfn_t pfn;

	return port_entry_find(aspace_entry(aspace, addr), &pfn, &prot) &&
	       (!writes || prot & PORT_USER_WRITE);
}

/* Result: the byte; -1: nothing is there. */
static int use(struct aspace *aspace, uintptr_t addr, const uint8_t *write)
{
	volatile uint8_t *at = (volatile uint8_t *)addr;
	irqflags_t flags = irq_save();
	int byte = -1;

	if (is_mapped(aspace, addr, write != NULL)) {
		user_space_load(&aspace->space.tables);
		if (write)
			*at = *write;
		byte = *at;
		user_space_load(NULL);
	}
	irq_restore(flags);
	return byte;
}
#else
static int use(struct aspace *aspace, uintptr_t addr, const uint8_t *write)
{
	unsigned int prot = 0;
	uint8_t byte;
	pfn_t pfn;

	if (!port_entry_find(aspace_entry(aspace, addr), &pfn, &prot) || (write && !(prot & PORT_USER_WRITE)))
		return -1;
	(void)fake_space_use(&aspace->space, addr, write != NULL);
	if (write)
		memcpy_to_page(pfn_to_page(pfn), addr % PAGE_SIZE, write, 1);
	memcpy_from_page(&byte, pfn_to_page(pfn), addr % PAGE_SIZE, 1);
	return byte;
}
#endif

int space_read(struct aspace *aspace, uintptr_t addr)
{
	int byte = use(aspace, addr, NULL);

	while (byte < 0 && aspace_fault(aspace, addr, ASPACE_READS) == ASPACE_DONE)
		byte = use(aspace, addr, NULL);
	return byte;
}

bool space_write(struct aspace *aspace, uintptr_t addr, uint8_t byte)
{
	int found = use(aspace, addr, &byte);

	while (found < 0 && aspace_fault(aspace, addr, ASPACE_WRITES) == ASPACE_DONE)
		found = use(aspace, addr, &byte);
	return found == byte;
}

bool fake_swap_sign(struct fake_file *disk)
{
	static const uint32_t header[] = {1, FAKE_FILE_PAGES - 1, 0}; /* version, last page, bad pages */

	memset(disk->disk, 0, PAGE_SIZE);
	memcpy(disk->disk + 1024, header, sizeof(header));
	memcpy(disk->disk + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	return true;
}
