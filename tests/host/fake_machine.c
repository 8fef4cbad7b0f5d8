/* SPDX-License-Identifier: MIT */
/* Physical memory on the host: a sparse memfd, the RAM of its low part mapped at host_cpu.direct_map, holes
 * PROT_NONE. Invariant: at most one machine exists; making the next unmaps it. Context: one thread. */
#include <tests/host/host.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kernel/lib/align.h>
#include <mm/dma/bounce.h>
#include <mm/dma/dma.h>
#include <mm/early/memblock.h>
#include <mm/port.h>
#include <tests/kernel/leftover.h>

#define MAP_ALIGN MIB(4u)  /* aligned as the kernel's is: addresses are as aligned as their pages */
#define JUNK_MAX  MIB(32u) /* machines up to this size come full of junk */

static struct {
	int fd;
	size_t mapped_bytes; /* 0: no machine */
	char *reserved;	     /* the mapping: the direct map starts at its first multiple of MAP_ALIGN */
	struct range_set usable;
} machine;

static unsigned int nr_boots;
static bool is_up;

void leftover_more(struct leftover_more *more)
{
	*more = (struct leftover_more){.machine = is_up ? nr_boots : 0};
}

bool leftover_stacks_are_low(void)
{
	return true;
}

bool leftover_wait(void)
{
	return false;
}

static void fake_machine_destroy(void)
{
	if (machine.mapped_bytes == 0)
		return;
	munmap(machine.reserved, machine.mapped_bytes + MAP_ALIGN);
	close(machine.fd);
	machine.mapped_bytes = 0;
	host_cpu.direct_map = NULL;
}

static void fake_machine_map_ram(const struct range *ram, paddr_t lowmem_end)
{
	paddr_t end = MIN(ram->end, lowmem_end);
	char *at = host_cpu.direct_map + ram->start;

	if (ram->start >= end)
		return;
	if (mmap(at, (size_t)(end - ram->start), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, machine.fd, (off_t)ram->start) == MAP_FAILED)
		host_abort("cannot map", "the fake machine's RAM");
	if (lowmem_end <= JUNK_MAX)
		memset(at, 0xa5, (size_t)(end - ram->start));
}

void fake_machine_create(const struct memmap_entry *entries, size_t nr_entries, paddr_t lowmem_end)
{
	paddr_t end;
	unsigned int i;

	is_up = false;
	fake_machine_destroy();
	memset(&host_cpu, 0, sizeof(host_cpu));
	memset(kit_cpu, 0, sizeof(kit_cpu));
	memset(&kit_descriptors, 0, sizeof(kit_descriptors));
	memmap_build(&machine.usable, entries, nr_entries);
	end = machine.usable.nr ? machine.usable.range[machine.usable.nr - 1].end : PAGE_SIZE;
	lowmem_end = MIN(lowmem_end, end);
	machine.fd = memfd_create("ram", MFD_CLOEXEC);
	if (machine.fd < 0 || ftruncate(machine.fd, (off_t)end) != 0)
		host_abort("cannot create", "the fake machine's memfd");
	machine.mapped_bytes = (size_t)lowmem_end;
	machine.reserved = mmap(NULL, machine.mapped_bytes + MAP_ALIGN, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (machine.reserved == MAP_FAILED)
		host_abort("cannot reserve", "the direct map");
	host_cpu.direct_map = machine.reserved + (-(uintptr_t)machine.reserved & (MAP_ALIGN - 1));
	for (i = 0; i < machine.usable.nr; i++)
		fake_machine_map_ram(&machine.usable.range[i], lowmem_end);
	dma_bounce_init(0); /* of the machine before */
}

bool fake_machine_is_up(void)
{
	return is_up;
}

int fake_machine_fd(void)
{
	return machine.fd;
}

void fake_machine_boot(const struct memmap_entry *entries, size_t nr_entries, struct mm_params params)
{
	fake_machine_create(entries, nr_entries, params.lowmem_end);
	fake_machine_reboot(params);
}

void fake_machine_reboot(struct mm_params params)
{
	nr_boots++;
	memblock_init(&machine.usable, params.lowmem_end);
	memblock_reserve(0, PAGE_SIZE);
	mm_init_zones(&params);
	mm_init_allocators();
	is_up = true;
	dma_init(params.dma_end, 0, 0);
}

void fake_machine_boot_pc(uint64_t ram_mib)
{
	uint64_t ram = ram_mib << 20, below_4g = MIN(ram, GIB(3));
	struct memmap_entry entries[] = {
		{0, 0x9fc00, MEMMAP_USABLE},
		{0x9fc00, 0x400, 2},
		{0xf0000, 0x10000, 2},
		{0x100000, below_4g - 0x100000 - 0x20000, MEMMAP_USABLE},
		{below_4g - 0x20000, 0x20000, 2},
		{GIB(4), ram - below_4g, MEMMAP_USABLE},
	};
	struct mm_params params = {.dma_end = MIB(16u), .lowmem_end = MIN(below_4g, MIB(896u))};

	fake_machine_boot(entries, ARRAY_SIZE(entries), params);
}
