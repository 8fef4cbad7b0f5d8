/* SPDX-License-Identifier: MIT */
/* The page descriptor, one for each page number from 0 to the end of RAM, in one flat array. Serves CONTRACT
 * F3, P4, G18.
 *
 * Memory is blocks of 2^order pages. The first page of a block is its HEAD and says all about it; every other
 * page is INTERIOR and says nothing. Splitting a block writes two heads, merging makes the upper head
 * INTERIOR, and no operation of the page allocator loops over the pages of a block. So a wrong free is found
 * by one comparison of `head`.
 *
 * Page numbers that are not RAM, and RAM that was never handed out, are INTERIOR of no block.
 */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/list.h>
#include <mm/port.h>

struct kmem_cache;

#define NR_ORDERS      11
#define MAX_PAGE_ORDER (NR_ORDERS - 1)

/* What a page is. From PAGE_ALLOCATED on it heads a block that somebody owns; only PAGE_ALLOCATED,
 * PAGE_COMPOUND and PAGE_USER may be handed to __free_pages, the first by the fast paths, so that one
 * comparison of state and order decides about a free. */
enum page_state {
	PAGE_INTERIOR,	/* inside a block, or not memory of the allocator at all */
	PAGE_FREE,	/* in the buddy's lists */
	PAGE_PERCPU,	/* parked in a per-CPU list */
	PAGE_ALLOCATED, /* handed out */
	PAGE_COMPOUND,	/* handed out with __GFP_COMP: references may be taken on any page of the block */
	PAGE_USER,   /* a single page of programs: counted until its last reference goes, see user_page.h */
	PAGE_SLAB,   /* first page of a slab */
	PAGE_LARGE,  /* first block of a large kmalloc; private = its pages */
	PAGE_EXACT,  /* first block of alloc_pages_exact; private = its pages */
	PAGE_PINNED, /* was one of these two, given back while others hold references: the last frees it */
	PAGE_PIECE, /* further block of one of these three: freed with the first only; private = the first page */
	PAGE_FILE, /* a single page of a file, its mapping's while it is there: see cache/cache_page.h */
	NR_PAGE_STATES
};

/* Who may write: (H) whoever owns the block: under zone->lock while it is free, the allocator's caller once
 * it is allocated. (S) the slab layer, under the cache's lock, while the page belongs to a slab. */
struct page {
	union {
		uint32_t head; /* (H) all four at once: what split, merge and free compare and write */
		struct {
			uint8_t state; /* enum page_state */
			uint8_t order; /* of the block; 0 when INTERIOR */
			uint8_t where; /* zone index << 2 | mobility: which lists it belongs to, see zone.h */
			uint8_t flags; /* the owner's; 0 unless the block is owned. Of a file: enum page_flag */
		};
	};
	int refcount; /* (H) users of an allocated block, counted on its head */
	/* (S) non-NULL exactly while the page is part of a slab. What kfree reads: no other owner ever keeps
	 * anything else here. */
	struct kmem_cache *slab_cache;
	struct list_head links; /* (H) free list; (S) partial or full list; of a file: LRU */
	union {
		void *freelist; /* (S) first free object of the slab, NULL when none was freed */
		void *mapping;	/* page cache: whose page */
	};
	union {
		struct {
			uint16_t in_use; /* (S) objects handed out */
			uint16_t bump;	 /* (S) objects ever handed out: the next never-used one */
		};
		uint32_t index; /* large kmalloc: bytes asked for; page cache: which page of the mapping */
	};
	union {
		struct page *slab; /* (S) the slab's first page, in each of its pages */
		uintptr_t private; /* the owner's own word: pages of an exact block, swap slot … */
	};
};

STATIC_ASSERT(sizeof(struct page) == PORT_DESCRIPTOR_BYTES, "the port finds a descriptor by its size");
STATIC_ASSERT(sizeof(void *) != 4 || sizeof(struct page) == 32, "F3: a descriptor takes 32 bytes");
STATIC_ASSERT(offsetof(struct page, state) == 0 && offsetof(struct page, order) == 1 &&
		      offsetof(struct page, where) == 2 && offsetof(struct page, flags) == 3,
	      "PAGE_HEAD() below knows this little-endian layout");

#define PAGE_HEAD(state, order, where) ((uint32_t)(state) | (uint32_t)(order) << 8 | (uint32_t)(where) << 16)
#define PAGE_HEAD_ORDER_STEP	       (1u << 8) /* added to a head: the next higher order */
#define PAGE_HEAD_STATE_ORDER	       0xffffu	 /* the state and order of a head */

/* All descriptors, and how many: a multiple of 2^MAX_PAGE_ORDER, so that the buddy of any block has one. (constant
 * after mm_init_zones) */
extern struct page *mem_map;
extern pfn_t mem_map_pages;

/* First page number that the direct map does not reach. */
extern pfn_t lowmem_end_pfn;
extern uintptr_t lowmem_bytes; /* the same as the size of the direct map */

static inline pfn_t page_to_pfn(const struct page *page)
{
	return (pfn_t)(page - mem_map);
}

static inline struct page *pfn_to_page(pfn_t pfn)
{
	return mem_map + pfn;
}

static inline paddr_t page_to_phys(const struct page *page)
{
	return (paddr_t)page_to_pfn(page) << PAGE_SHIFT;
}

static inline bool page_is_highmem(const struct page *page)
{
	return page_to_pfn(page) >= lowmem_end_pfn;
}

/* Address of a page of low memory. Context: any. */
static inline void *low_page_address(const struct page *page)
{
	return port_direct_map() + ((size_t)page_to_pfn(page) << PAGE_SHIFT);
}

/* Where kmap() shows a page of high memory, or NULL: defined in mapped/kmap.c. Context: any. */
void *high_page_address(const struct page *page);

/* Address of the page in the direct map; of a page of high memory the one that kmap() gave, until the last
 * kunmap(), else NULL. Context: any. */
static inline void *page_address(const struct page *page)
{
	return page_is_highmem(page) ? high_page_address(page) : low_page_address(page);
}

/* Is the pointer a descriptor? Rotating the remainder of the division to the top makes it one comparison
 * where descriptors have 32 bytes. */
static ALWAYS_INLINE bool page_is_descriptor(const struct page *page)
{
	uintptr_t offset = (uintptr_t)page - (uintptr_t)mem_map;

	if (sizeof(struct page) == 32)
		return ((uint32_t)offset >> 5 | (uint32_t)offset << 27) < mem_map_pages;
	return offset / sizeof(struct page) < mem_map_pages && offset % sizeof(struct page) == 0;
}

/* The comparison that decides about a free: state and order at once. */
static inline bool page_is_head(const struct page *page, enum page_state state, unsigned int order)
{
	return (page->head & PAGE_HEAD_STATE_ORDER) == PAGE_HEAD(state, order, 0);
}

/* Every change of what a page is says what it was; elsewhere a whole head is written. */
static inline void page_set_state(struct page *page, enum page_state from, enum page_state to)
{
	ASSERT_AT(1, page->state == from);
	page->state = (uint8_t)to;
}

/* A block of that order handed out, with one owner (A1): freed without atomic decrement and lock. */
static ALWAYS_INLINE bool page_is_owned(const struct page *page, unsigned int order)
{
	return page_is_head(page, PAGE_ALLOCATED, order) && page->refcount == 1;
}

/* Does the address lie in the direct map of low memory? */
static inline bool virt_is_direct(const void *addr)
{
	return (uintptr_t)addr - (uintptr_t)port_direct_map() < lowmem_bytes;
}

/* The page at a direct-map address; virt_is_direct(addr) must hold. */
static inline struct page *virt_to_page(const void *addr)
{
	return mem_map + (((uintptr_t)addr - (uintptr_t)port_direct_map()) >> PAGE_SHIFT);
}

/* The cache of the slab an address lies in, NULL in no slab: any address that
 * port_has_descriptor(), without looking up where low memory ends. Context: any. */
static ALWAYS_INLINE struct kmem_cache *virt_to_cache(const void *addr)
{
	return ((const struct page *)port_descriptor(addr))->slab_cache;
}

/* Physical address of an address in the direct map. Anything else is reported by name (V1), and the result is
 * PADDR_NONE, which no device can reach. Context: any. */
#define PADDR_NONE (~(paddr_t)0)
paddr_t virt_to_phys_refused(const volatile void *addr, const void *caller);

static ALWAYS_INLINE paddr_t virt_to_phys(const volatile void *addr)
{
	uintptr_t distance = (uintptr_t)addr - (uintptr_t)port_direct_map();

	return likely(distance < lowmem_bytes) ? distance : virt_to_phys_refused(addr, RETURN_ADDRESS());
}

/* Head of the block that holds `page`, whatever its state; NULL when no block does. Context: any. Serves G18.
 */
struct page *page_find_head(struct page *page);

/* "free block of order 3", "inside an allocated block of order 2" … written to buf. Result: buf. */
const char *page_describe(const struct page *page, char *buf, size_t size);
