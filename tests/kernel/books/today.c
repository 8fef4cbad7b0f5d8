/* SPDX-License-Identifier: MIT */
/* The sources of scull, scullc, scullp and scullv in today's spelling. */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <tests/kernel/books/books.h>

MODULE_LICENSE("MIT");

struct quantum_today {
	char bytes[4000];
};

static struct kmem_cache *quantum_cache;

static void *kmalloc_get(size_t quantum)
{
	return kzalloc_node(quantum, GFP_KERNEL, NUMA_NO_NODE);
}

static void kmalloc_put(void *memory)
{
	kfree_sensitive(memory);
}

static void *cache_get(size_t quantum)
{
	(void)quantum;
	return kmem_cache_zalloc(quantum_cache, GFP_KERNEL);
}

static void cache_put(void *memory)
{
	kmem_cache_free(quantum_cache, memory);
}

static void *pages_get(size_t quantum)
{
	struct page *page = alloc_pages_node(numa_node_id(), GFP_KERNEL | __GFP_ZERO, get_order(quantum));

	return page ? page_address(page) : NULL;
}

static void pages_put(void *memory)
{
	__free_pages(virt_to_page(memory), 1);
}

static void *vmalloc_get(size_t quantum)
{
	return kvcalloc(1, quantum, GFP_KERNEL | __GFP_NORETRY);
}

static void vmalloc_put(void *memory)
{
	kvfree(memory);
}

const struct quantum_source kmalloc_today = {"scull today", 4000, kmalloc_get, kmalloc_put};
const struct quantum_source cache_today = {"scullc today", sizeof(struct quantum_today), cache_get,
					   cache_put};
const struct quantum_source pages_today = {"scullp today", PAGE_SIZE * 2, pages_get, pages_put};
const struct quantum_source vmalloc_today = {"scullv today", PAGE_SIZE * 16, vmalloc_get, vmalloc_put};

static int __init today_init(void)
{
	quantum_cache = KMEM_CACHE(quantum_today, SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT);
	return quantum_cache ? 0 : -ENOMEM;
}

static void __exit today_exit(void)
{
	kmem_cache_destroy(quantum_cache);
}

module_init(today_init);
module_exit(today_exit);
