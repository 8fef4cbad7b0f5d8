/* SPDX-License-Identifier: MIT */
/* Getting memory, as a book on the whole kernel tells it: pages, bytes, a cache of structs, virtual memory, windows on high
 * memory, a lock held meanwhile. */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include <tests/kernel/books/books.h>

struct dog {
	char name[24];
	int age;
};

static struct kmem_cache *dog_cachep;
static DEFINE_SPINLOCK(dog_lock);

/* Every order there is. Result: how many. */
static int all_orders(void)
{
	int order, nr = 0;

	for (order = 0; order < MAX_ORDER; order++) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, order);

		if (page) {
			__free_pages(page, order);
			nr++;
		}
	}
	return nr;
}

static int some_bytes(void)
{
	unsigned long page = get_zeroed_page(GFP_KERNEL), flags;
	struct dog *p, *q;

	AS_THE_BOOK_SAYS(page && *(int *)page == 0);
	free_page(page);
	p = kmalloc(sizeof(struct dog), GFP_KERNEL);
	AS_THE_BOOK_SAYS(p);
	spin_lock_irqsave(&dog_lock, flags);
	q = kmalloc(sizeof(struct dog), GFP_ATOMIC | __GFP_NOMEMALLOC);
	spin_unlock_irqrestore(&dog_lock, flags);
	kfree(q);
	kfree(p);
	AS_THE_BOOK_SAYS(q);
	p = vmalloc(16 * PAGE_SIZE);
	AS_THE_BOOK_SAYS(p && is_vmalloc_addr(p) && (unsigned long)p >= VMALLOC_START);
	vfree(p);
	return 0;
}

static int a_cache(void)
{
	struct dog *dog;

	dog_cachep = kmem_cache_create("dog", sizeof(struct dog), ARCH_KMALLOC_MINALIGN, SLAB_PANIC, NULL);
	dog = kmem_cache_alloc(dog_cachep, GFP_KERNEL);
	AS_THE_BOOK_SAYS(dog);
	memcpy(dog->name, current->comm, sizeof(dog->name));
	dog->age = current->pid;
	kmem_cache_free(dog_cachep, dog);
	AS_THE_BOOK_SAYS(kmem_cache_destroy(dog_cachep) == 0);
	return 0;
}

static int a_window(void)
{
	struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE);
	char *text, first, second;

	AS_THE_BOOK_SAYS(page);
	text = kmap(page);
	text[0] = 'x';
	kunmap(page);
	text = kmap_atomic(page, KM_USER0);
	first = text[0];
	kunmap_atomic(text, KM_USER0);
	text = kmap_atomic(page);
	second = text[0];
	kunmap_atomic(text);
	__free_page(page);
	AS_THE_BOOK_SAYS(first == 'x' && second == 'x');
	return 0;
}

int lkd_try(void)
{
	int line;

	AS_THE_BOOK_SAYS(all_orders() >=
			 MAX_ORDER - 3); /* a small machine may have no block of the largest */
	line = some_bytes();
	if (!line)
		line = a_cache();
	if (!line)
		line = a_window();
	return line;
}
