/* SPDX-License-Identifier: MIT */
/* Quanta from an object cache, as of 2.6.10: six arguments, a constructor of three. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <tests/kernel/books/books.h>

MODULE_LICENSE("Dual MIT/GPL");

#define SCULLC_QUANTUM 4000

static kmem_cache_t *scullc_cache;

static void scullc_construct(void *quantum, kmem_cache_t *cache, unsigned long flags)
{
	if ((flags & SLAB_CTOR_CONSTRUCTOR) && !(flags & SLAB_CTOR_VERIFY) && cache == scullc_cache)
		memset(quantum, 0, SCULLC_QUANTUM);
}

static void *scullc_get(size_t quantum)
{
	void *memory = kmem_cache_alloc(scullc_cache, SLAB_KERNEL);

	if (memory)
		memset(memory, 0, quantum);
	return memory;
}

static void scullc_put(void *memory)
{
	kmem_cache_free(scullc_cache, memory);
}

const struct quantum_source scullc_source = {"scullc", SCULLC_QUANTUM, scullc_get, scullc_put};

static int scullc_init(void)
{
	scullc_cache =
		kmem_cache_create("scullc", SCULLC_QUANTUM, 0, SLAB_HWCACHE_ALIGN, scullc_construct, NULL);
	if (!scullc_cache)
		return -ENOMEM;
	return 0;
}

static void scullc_cleanup(void)
{
	if (scullc_cache && kmem_cache_destroy(scullc_cache))
		printk(KERN_ERR "scullc: some quanta were never given back\n");
}

module_init(scullc_init);
module_exit(scullc_cleanup);
