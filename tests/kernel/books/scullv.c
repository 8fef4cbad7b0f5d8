/* SPDX-License-Identifier: MIT */
/* Quanta from vmalloc, as of 2.6.10. */
#include <linux/module.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include <tests/kernel/books/books.h>

MODULE_LICENSE("Dual MIT/GPL");

static void *scullv_get(size_t quantum)
{
	void *memory = vmalloc(quantum);

	if (memory)
		memset(memory, 0, quantum);
	return memory;
}

static void scullv_put(void *memory)
{
	vfree(memory);
}

const struct quantum_source scullv_source = {"scullv", PAGE_SIZE << 4, scullv_get, scullv_put};
