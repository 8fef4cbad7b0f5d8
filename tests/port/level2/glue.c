/* SPDX-License-Identifier: MIT */
#include <tests/port/kernel/slate.h>

#include <mm/kit/mm_names.h>

#include <mm/early/memblock.h>
#include <mm/init.h>
#include <mm/kit/kit.h>
#include <mm/reclaim/vmscan.h>

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

_Static_assert(sizeof(struct kit_thread) <= sizeof(running->port), "what the kit keeps lies in the thread");

struct kit_thread *kit_current(void)
{
	return (struct kit_thread *)running->port;
}

void kit_sleep(struct kit_thread *me, unsigned int timeout_ms)
{
	UNUSED(me); /* with interrupts off nobody wakes it on the way */
	sleep_locked(timeout_ms ? ticks + timeout_ms * TICKS_PER_MS : 0);
}

void kit_wake(struct kit_thread *thread)
{
	if (kit_cpu[0].nr_held)
		die("woken under a lock of mm's");
	wake((struct thread *)(void *)((char *)thread - offsetof(struct thread, port)));
}

void memory_late(void)
{
	spawn(vmscan_background);
}

int memory_sleeps(void)
{
	return 1;
}
