/* SPDX-License-Identifier: MIT */
/* What the books call otherwise than we do, all in one place: their kernels are older, and the API went on.
 * Brought by <linux/gfp.h>, <linux/slab.h>, <linux/mm.h> and <linux/highmem.h>. Serves CONTRACT D6.
 *
 * Some functions lost an argument over time. Their macros look how many they are given, so that both spellings
 * mean the same; the headers that declare them are included first, for a macro would spoil the declaration.
 */
#pragma once

#include <mm/mapped/highmem.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>

#define OLDNAMES_THIRD(a, b, form, ...)		      form
#define OLDNAMES_FOURTH(a, b, c, form, ...)	      form
#define OLDNAMES_SEVENTH(a, b, c, d, e, f, form, ...) form

/* Caches. SLAB_KERNEL and its kind were the flags of kmem_cache_alloc(). */
typedef struct kmem_cache kmem_cache_t;

#define SLAB_KERNEL		GFP_KERNEL
#define SLAB_ATOMIC		GFP_ATOMIC
#define SLAB_USER		GFP_USER
#define SLAB_NOFS		GFP_NOFS
#define SLAB_NOIO		GFP_NOIO
#define SLAB_DMA		GFP_DMA
#define SLAB_NO_GROW		__GFP_NO_GROW

#define SLAB_MUST_HWCACHE_ALIGN SLAB_HWCACHE_ALIGN
#define SLAB_DEBUG_FREE		SLAB_CONSISTENCY_CHECKS
#define SLAB_DEBUG_INITIAL	SLAB_CONSISTENCY_CHECKS
#define SLAB_NO_REAP		0u /* empty slabs go when the cache is shrunk: nothing to keep off */
#define SLAB_NOTRACK		0u

#define SLAB_CTOR_VERIFY	4ul /* a constructor is never called to verify */

#define kzfree(object)		kfree_sensitive(object)

/* name, size, offset, flags, ctor, dtor; `offset` is the alignment. A constructor takes the object alone, or, as it
 * once did, the cache and flags as well. The last word is NULL: an object stays constructed for as long as its slab
 * lives, so there is nothing to destroy. Anything else does not compile. */
#define OLDNAMES_IS(type, value) _Generic((value), type : true, default : false)
#define kmem_cache_create_five(name, size, align, flags, ctor)                                               \
	_Generic((ctor), slab_ctor_told                                                                      \
		 : kmem_cache_create_told, default                                                           \
		 : (kmem_cache_create))(name, size, align, flags, ctor)
#define kmem_cache_create_six(name, size, offset, flags, ctor, dtor)                                         \
	({                                                                                                   \
		STATIC_ASSERT(OLDNAMES_IS(void *, ctor) || OLDNAMES_IS(void (*)(void *), ctor) ||            \
				      OLDNAMES_IS(slab_ctor_told, ctor),                                     \
			      "expected NULL or a constructor of the object, or of object, cache, flags");   \
		STATIC_ASSERT(OLDNAMES_IS(void *, dtor), "expected NULL: caches have no destructor");        \
		kmem_cache_create_five(name, size, offset, flags, ctor);                                     \
	})
#define kmem_cache_create(...)                                                                               \
	OLDNAMES_SEVENTH(__VA_ARGS__, kmem_cache_create_six, kmem_cache_create_five, , , , , )(__VA_ARGS__)

/* Pages. */
#define get_free_page(gfp)	    get_zeroed_page(gfp)
#define __get_dma_pages(gfp, order) __get_free_pages((gfp) | GFP_DMA, order)

/* Orders from 0 up to, and not including, this one: `order < MAX_ORDER` tries all there are. */
#define MAX_ORDER NR_ORDERS

/* Nothing moves, swaps or counts pages of a driver: there is nothing to keep off. Reserved is what the allocator never had. */
#define SetPageReserved(page)	((void)(page))
#define ClearPageReserved(page) ((void)(page))
#define PageReserved(page)	(!page_find_head(page))

/* Flags. */
#define GFP_BUFFER     GFP_NOIO
#define __GFP_HARDWALL GFP_NOWAIT /* sets of CPUs with memory of their own: none */

/* Mapped areas: size, gfp, prot. Pages are written and never executed. */
#define __vmalloc_three(size, gfp, prot)                                                                     \
	({                                                                                                   \
		STATIC_ASSERT((prot) == PAGE_KERNEL, "expected PAGE_KERNEL");                                \
		(__vmalloc)(size, gfp);                                                                      \
	})
#define __vmalloc(...) OLDNAMES_FOURTH(__VA_ARGS__, __vmalloc_three, (__vmalloc), )(__VA_ARGS__)

/* Windows on high memory, chosen by the caller: given back in any order. */
enum km_type {
	KM_BOUNCE_READ,
	KM_SKB_SUNRPC_DATA,
	KM_SKB_DATA_SOFTIRQ,
	KM_USER0,
	KM_USER1,
	KM_BIO_SRC_IRQ,
	KM_BIO_DST_IRQ,
	KM_PTE0,
	KM_PTE1,
	KM_PTE2,
	KM_IRQ0,
	KM_IRQ1,
	KM_SOFTIRQ0,
	KM_SOFTIRQ1,
	KM_SYNC_ICACHE,
	KM_SYNC_DCACHE,
	KM_TYPE_NR,
};

STATIC_ASSERT(KM_TYPE_NR <= PORT_KMAP_NUMBERS, "each has a window of its own");

static inline void *kmap_atomic_two(const struct page *page, enum km_type type)
{
	return kmap_atomic_numbered(page, type);
}

static inline void kunmap_atomic_two(const void *addr, enum km_type type)
{
	(void)type;
	kunmap_atomic(addr);
}

#define kmap_atomic(...)   OLDNAMES_THIRD(__VA_ARGS__, kmap_atomic_two, (kmap_atomic), )(__VA_ARGS__)
#define kunmap_atomic(...) OLDNAMES_THIRD(__VA_ARGS__, kunmap_atomic_two, (kunmap_atomic), )(__VA_ARGS__)
