/* SPDX-License-Identifier: MIT */
/* What mm asks of parts that are not linked: nothing is there, nothing is watched. Each is weak, so the part itself, when it
 * is linked, takes its place; a kernel that links all of mm leaves this file out. What only an absent part could have set
 * off is never called, and does nothing. */
#include <kernel/lib/compiler.h>
#include <mm/aspace/aspace.h>
#include <mm/cache/above.h>
#include <mm/cache/cache_page.h>
#include <mm/cache/lru.h>
#include <mm/cache/mapping.h>
#include <mm/cache/radix.h>
#include <mm/cache/swap.h>
#include <mm/cache/writeback.h>
#include <mm/dma/bounce.h>
#include <mm/mapped/kmap_internal.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/above.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/above.h>
#include <mm/reclaim/above.h>
#include <mm/report/guard.h>
#include <mm/report/owner.h>
#include <mm/report/poison.h>
#include <mm/report/validate.h>

#define WEAK __attribute__((__weak__))

/* --- mapped: no windows, no areas --- */

WEAK struct kmap_pool kmap_pool;
WEAK struct vmalloc_space vmalloc_space;

WEAK void kmap_init(void)
{
}

WEAK void clear_highpage(const struct page *page)
{
	port_panic("page %#x lies above the direct map: expected none without windows", page_to_pfn(page));
}

WEAK void *high_page_address(const struct page *page)
{
	(void)page;
	return NULL;
}

WEAK bool kmap_describe(uintptr_t addr, char *buf, size_t size)
{
	(void)addr;
	(void)buf;
	(void)size;
	return false;
}

WEAK void vmalloc_init(void)
{
}

WEAK void vmalloc_purge(void)
{
}

WEAK bool vmalloc_describe(uintptr_t addr, char *buf, size_t size)
{
	(void)addr;
	(void)buf;
	(void)size;
	return false;
}

WEAK void *kvzalloc(size_t size_bytes, gfp_t gfp)
{
	return kzalloc(size_bytes, gfp);
}

WEAK void kvfree(const void *addr)
{
	kfree(addr);
}

WEAK size_t vmalloc_total_bytes(void)
{
	return 0;
}

WEAK size_t vmalloc_used_bytes(void)
{
	return 0;
}

WEAK const char *vmalloc_check(void)
{
	return NULL;
}

/* --- cache, aspace, dma: no files, no programs, no pool --- */

WEAK void radix_init(void)
{
}

WEAK void cache_page_init(void)
{
}

WEAK void mapping_init_all(void)
{
}

WEAK void writeback_init(void)
{
}

WEAK void lru_init(void)
{
}

WEAK void aspace_init(void)
{
}

WEAK void swap_init(void)
{
}

WEAK struct swap_counts swap_counts(void)
{
	return (struct swap_counts){0};
}

WEAK enum evict_state anon_look(struct page *page)
{
	(void)page;
	return EVICT_GONE;
}

WEAK bool anon_drop(struct page *page)
{
	(void)page;
	return false;
}

WEAK bool anon_swap_out(struct page *page)
{
	(void)page;
	return false;
}

WEAK const char *aspace_check_swap(void)
{
	return NULL;
}

WEAK size_t cache_reclaim(gfp_t gfp, size_t nr_pages, uint32_t zones_wanted)
{
	(void)gfp;
	(void)nr_pages;
	(void)zones_wanted;
	return 0;
}

WEAK size_t lru_pages(const struct zone *zone, enum lru_list list)
{
	(void)zone;
	(void)list;
	return 0;
}

WEAK const char *lru_check(size_t *nr)
{
	*nr = 0;
	return NULL;
}

WEAK struct cache_counts cache_counts(void)
{
	return (struct cache_counts){0};
}

WEAK const char *mapping_check_all(size_t *nr_pages)
{
	*nr_pages = 0;
	return NULL;
}

WEAK const char *dma_bounce_check(void)
{
	return NULL;
}

WEAK bool dma_bounce_describe(const void *addr, char *buf, size_t size)
{
	(void)addr;
	(void)buf;
	(void)size;
	return false;
}

WEAK const char *swap_disk_of(const struct mapping *mapping)
{
	(void)mapping;
	return NULL;
}

/* --- report: nobody watches --- */

WEAK struct guard_space guard_space;

WEAK bool guard_init(unsigned int sample)
{
	return !sample;
}

WEAK bool guard_describe(uintptr_t addr, char *buf, size_t size)
{
	(void)addr;
	(void)buf;
	(void)size;
	return false;
}

WEAK void *guard_alloc(struct kmem_cache *cache, gfp_t gfp, const void *caller, size_t size_bytes)
{
	(void)cache;
	(void)gfp;
	(void)caller;
	(void)size_bytes;
	return NULL;
}

WEAK void guard_free(const struct kmem_cache *cache, const void *object, const void *caller)
{
	(void)cache;
	(void)object;
	(void)caller;
}

WEAK size_t guard_usable(const void *object)
{
	(void)object;
	return 0;
}

WEAK size_t guard_asked_for(const void *object)
{
	(void)object;
	return 0;
}

WEAK bool guard_resize(void *object, size_t size_bytes, const void *caller)
{
	(void)object;
	(void)size_bytes;
	(void)caller;
	return false;
}

WEAK bool guard_phys(const void *addr, size_t size_bytes, paddr_t *phys)
{
	(void)addr;
	(void)size_bytes;
	(void)phys;
	return false;
}

WEAK unsigned int guard_live_objects(const struct kmem_cache *cache,
				     void (*tell)(const void *object, const char *by))
{
	(void)cache;
	(void)tell;
	return 0;
}

WEAK bool poison_init(bool wanted)
{
	(void)wanted;
	return false;
}

WEAK void poison_check_pages(struct page *page, size_t nr_pages, const void *caller)
{
	(void)page;
	(void)nr_pages;
	(void)caller;
}

WEAK void poison_fill_pages(struct page *page, size_t nr_pages)
{
	(void)page;
	(void)nr_pages;
}

WEAK bool page_owner_init(bool wanted)
{
	(void)wanted;
	return false;
}

WEAK void page_owner_taken(struct page *page, unsigned int order, gfp_t gfp)
{
	(void)page;
	(void)order;
	(void)gfp;
}

WEAK void page_owner_freed(struct page *page, size_t nr_pages)
{
	(void)page;
	(void)nr_pages;
}

WEAK bool page_owner_line(const struct page *page, unsigned int n, char *buf, size_t size)
{
	(void)page;
	(void)n;
	(void)buf;
	(void)size;
	return false;
}

WEAK bool fault_hits_pages(gfp_t gfp, unsigned int order, const void *caller)
{
	(void)gfp;
	(void)order;
	(void)caller;
	return false;
}

WEAK bool fault_hits_object(const struct kmem_cache *cache, gfp_t gfp, const void *caller)
{
	(void)cache;
	(void)gfp;
	(void)caller;
	return false;
}

WEAK void leak_note(const void *what, size_t bytes, const void *caller)
{
	(void)what;
	(void)bytes;
	(void)caller;
}

WEAK void leak_forget(const void *what)
{
	(void)what;
}

WEAK void mm_validate_count(void)
{
}
