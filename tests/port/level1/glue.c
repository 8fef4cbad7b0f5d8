/* SPDX-License-Identifier: MIT */
#include <tests/port/kernel/slate.h>

#include <mm/kit/mm_names.h>

#include <mm/early/memblock.h>
#include <mm/init.h>
#include <mm/kit/kit.h>

void kit_write(const char *text, size_t len)
{
	kwrite(text, len);
}

void kit_stop(void)
{
	die("mm stopped");
}

uint64_t port_now_ms(void)
{
	return ticks / TICKS_PER_MS;
}

void memory_start(u32 image_end, u32 ram_end)
{
	static struct range_set usable;
	struct mm_params params = {.dma_end = MIB(16u), .lowmem_end = ram_end};

	(void)range_set_add(&usable, 0, 0x9f000);
	(void)range_set_add(&usable, 0x100000, ram_end);
	memblock_init(&usable, ram_end);
	memblock_reserve(0, PAGE_SIZE);
	memblock_reserve(0x100000, image_end - 0x100000);
	mm_init_zones(&params);
	mm_init_allocators();
}

void memory_late(void)
{
}

int memory_sleeps(void)
{
	return 0;
}
