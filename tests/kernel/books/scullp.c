/* SPDX-License-Identifier: MIT */
/* Quanta of whole pages, as of 2.6.10. */
#include <asm/page.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>

#include <tests/kernel/books/books.h>

MODULE_LICENSE("Dual MIT/GPL");

static int scullp_order = 1;
module_param(scullp_order, int, 0);

static void *scullp_get(size_t quantum)
{
	void *memory = (void *)__get_free_pages(GFP_KERNEL, scullp_order);

	if (memory)
		memset(memory, 0, quantum);
	return memory;
}

static void scullp_put(void *memory)
{
	free_pages((unsigned long)memory, scullp_order);
}

const struct quantum_source scullp_source = {"scullp", PAGE_SIZE << 1, scullp_get, scullp_put};
