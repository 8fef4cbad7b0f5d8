/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <mm/early/memblock.h>
#include <mm/init.h>
#include <mm/kit/kit.h>
#include <mm/objects/kmalloc.h>

#include <tests/port/hosted/glue.h>

char *arena;

void kit_write(const char *text, size_t len)
{
	(void)!write(2, text, len);
}

void kit_stop(void)
{
	abort();
}

uint64_t port_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void start_memory(size_t bytes)
{
	struct range_set usable;
	struct mm_params params = {.lowmem_end = bytes};

	arena = mmap(NULL, bytes + MIB(4u), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	arena += -(uintptr_t)arena & (MIB(4u) - 1); /* blocks are as aligned as their page numbers */
	range_set_init(&usable);
	range_set_add(&usable, 0, bytes);
	memblock_init(&usable, bytes);
	mm_init_zones(&params);
	mm_init_allocators();
}

/* C wants 16 where a pointer to any type must fit; classes of such sizes are as aligned. */
void *mm_get(size_t bytes)
{
	return kmalloc(bytes < 16 ? 16 : (bytes + 15) & ~(size_t)15, GFP_ATOMIC | __GFP_NOWARN);
}

void *mm_resize(void *object, size_t bytes)
{
	return krealloc(object, (bytes + 15) & ~(size_t)15, GFP_ATOMIC | __GFP_NOWARN);
}

void mm_give(void *object)
{
	kfree(object);
}
