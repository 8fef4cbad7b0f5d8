/* SPDX-License-Identifier: MIT */
/* Layout of a cache. For mm/objects/slab.c, slab_cache.c, kmalloc.c, validate.c and tests only: everybody else uses
 * slab.h.
 *
 *   slab: 2^order pages, aligned to its size
 *   +--------+--------+--------+--   --+--------+------+
 *   | object | object | object |  ...  | object | rest |     object i at i * stride: alignment costs nothing
 *   +--------+--------+--------+--   --+--------+------+
 *                              ^ bump: from here on never handed out, not constructed
 *
 * A freed object holds the link to the next free one in its word at link_offset: inside the object, or behind
 * it when a constructor's work must survive. Counts and list heads are in struct page of the slab's first
 * page.
 *
 * Where no block of the cache's order is to be had, a slab is a smaller one: a piece of the aligned window
 * that a whole slab would fill, with those objects of the window that lie wholly inside it. Its objects keep
 * the window's numbers, so that the free path finds them where it always does.
 *
 *   window: |--------|--------|--------|--   order 2, objects of 3/4 page
 *   slab:            ^=================^      order 1: holds objects 2 and 3, number 1 begins before it
 *
 * S1 in_use + length of the free list == bump - start <= end - start; [start, end) are the slab's object
 *    numbers.
 * S2 a slab is on `full` when in_use == end - start, else on `partial`.
 * S3 nr_slabs, nr_pages, nr_objects, nr_in_use and nr_empty count what the lists hold.
 * S5 objects in a cache's stack and depot are in use for their slab: handed out as far as it knows.
 * S4 slab_cache of each page of a slab is the cache, `slab` its first page; NULL in all pages of no slab. */
#pragma once

#include <kernel/lib/align.h>
#include <kernel/lib/list.h>
#include <mm/objects/slab.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/above.h>

#define CACHE_NAME_MAX 32

/* See depot.h. Of objects, but for touched. */
struct depot {
	struct list_head pages; /* the first is not full */
	uint32_t nr;		/* it holds */
	uint32_t room;		/* for so many, D4 */
	uint32_t missed;	/* went to slabs as there was no room, and did not come back yet; atomic */
	size_t touched;		/* pages of slabs that had come when a stack last gave or took, D5 */
};

/* (C) constant after creation  (L) cache->lock  (E) also, and changes only while there is no slab: the layout
 */
struct kmem_cache {
	struct port_lock lock;
	uint32_t stride;       /* (E) bytes from one object to the next */
	uint32_t divide;       /* (E) ceil(2^32 / stride): multiplying by it divides, see object_is_whole() */
	uint32_t divide_limit; /* (E) the same, so that the comparison needs no register for it */
	uint32_t slab_mask;    /* (E) bytes of a slab - 1 */
	uint32_t link_offset;  /* (E) of the free-list link in an object */
	uint16_t per_slab;     /* (E) objects in a whole slab */
	uint8_t order;	       /* (E) of a whole slab */
	bool built_in;	       /* (C) the layer's own: never destroyed */
	bool keep_closed;      /* (L) in slow mode on demand */
	uint8_t plain_order;  /* (E) the order, or none: a debugged cache has a red zone before its objects */
	gfp_t gfp;	      /* (C) added to each request for pages */
	void (*ctor)(void *); /* (C) */
	slab_ctor_told ctor_told;    /* (C) what ctor calls, if it wants to be told more */
	uint32_t object_size;	     /* (C) bytes asked for */
	uint32_t align;		     /* (C) */
	slab_flags_t flags;	     /* (E) */
	struct list_head partial;    /* (L) slabs with room, empty ones last */
	struct list_head full;	     /* (L) */
	size_t nr_slabs;	     /* (L) */
	size_t nr_pages;	     /* (L) in slabs */
	size_t nr_objects;	     /* (L) that the slabs hold */
	size_t nr_empty;	     /* (L) slabs with in_use == 0 */
	size_t nr_in_use;	     /* (L) objects handed out or parked per CPU */
	struct list_head caches;     /* under slab.lock: all caches */
	struct list_head open;	     /* under slab.lock: those whose stack is open or holds anything */
	unsigned int nr_pins;	     /* under slab.lock: it stays where it is, see slab_next() */
	bool is_dead;		     /* under slab.lock: destroyed, and gone with its last pin */
	uint32_t name_hash;	     /* (C) */
	struct kmem_cache *below[2]; /* under slab.lock: in the tree of names */
	struct depot depot;	     /* (L) what the stacks had no room for */
	struct list_head waiters;    /* under wait.lock: who waits for an object, in order of arrival */
	char name[CACHE_NAME_MAX];
	struct pcpu_stack stack; /* of objects, parked per CPU; its slots lie behind the cache */
};

STATIC_ASSERT(offsetof(struct kmem_cache, stack) == PCPU_OBJECTS, "the sequences find the stack there");

/* Does it hold objects in front of its slabs? A snapshot. */
static inline bool slab_parks_any(const struct kmem_cache *cache)
{
	return READ_ONCE(cache->stack.count) || READ_ONCE(cache->depot.nr);
}

/* This CPU's stack of the cache; interrupts off. */
static inline struct pcpu_stack *slab_stack_here(const struct kmem_cache *cache)
{
	return pcpu_stack_here((struct pcpu_stack *)&cache->stack);
}

/* Does it have any of the letters of slab_debug=? Then its objects have the layout of slab_debug.h. */
static inline bool cache_is_debugged(const struct kmem_cache *cache)
{
	return cache->flags & SLAB_DEBUG_FLAGS;
}

/* Bytes of an object's red zone that lie before it, at the end of the stride before. */
#define SLAB_RED_BYTES 16u

static inline uint32_t slab_left_zone(const struct kmem_cache *cache)
{
	return cache->plain_order == cache->order ? 0 : SLAB_RED_BYTES;
}

static inline size_t slab_cache_bytes(uint32_t nr_slots)
{
	return ALIGN_UP(sizeof(struct kmem_cache) + nr_slots * sizeof(void *), 8);
}

/* A slab kept for the next burst; further empty ones go back to the page allocator. */
#define SLAB_KEEP_EMPTY 1

/* A created cache and its stack in one object. */
#define CREATED_CACHE_SLOTS 120u

struct created_cache {
	struct kmem_cache cache;
	void *slots[CREATED_CACHE_SLOTS]; /* cache.stack.slot */
};

/* Build a cache in memory that is already there, with room for `slots` behind it. Parameters are right by
 * construction. Result: false: the name, cut to CACHE_NAME_MAX, is taken; then nothing was listed. */
bool slab_cache_init(struct kmem_cache *cache, uint32_t slots, const char *name, size_t size, size_t align,
		     slab_flags_t flags, void (*ctor)(void *));

/* The cache of that name, or NULL. It may go at any moment unless it is the caller's. Context: any. */
struct kmem_cache *kmem_cache_find(const char *name);

/* Where objects lie, and the flags that decide it. The cache has no slab. */
void slab_set_layout(struct kmem_cache *cache, slab_flags_t flags);

/* Objects of that stride to park at most: a fixed share of low memory for each cache. */
uint32_t slab_stack_capacity(uint32_t stride);

/* Slow mode of one cache on demand: its stack is drained and every call goes to its slabs. Nests not.
 * Context: any. */
void slab_keep_closed(struct kmem_cache *cache, bool closed);

/* A closed stack opens with its next use, when nothing keeps it closed any more. Result: is it open? Context:
 * any, no lock of mm held. */
bool slab_try_open(struct kmem_cache *cache);

/* All caches, one after another, with interrupts and preemption on: each stays for as long as it is looked at.
 * NULL: the first; result NULL: that was the last. Who stops before lets the last one go. A cache that is
 * destroyed meanwhile is dead and empty. Context: process; of slab_let_go() any. */
struct kmem_cache *slab_next(struct kmem_cache *cache);
void slab_let_go(struct kmem_cache *cache);

#define slab_for_each(cache) for ((cache) = slab_next(NULL); (cache); (cache) = slab_next(cache))

/* All that is parked in front of the cache back to its slabs. Result: pages of slabs that went with it. */
size_t slab_drain_stack(struct kmem_cache *cache, const void *caller);

/* A few objects of its depot, which lies idle. */
void slab_drain_depot(struct kmem_cache *cache, const void *caller);

/* A slab came: a few objects of a depot that lies idle go (D5). Context: any, no lock of mm held. */
void slab_give_back_idle(const void *caller);

/* An object of a slab with room, past the stack, or NULL. And the way back. Context: any; the stack is closed, and
 * nobody waits for memory who was there before. */
void *slab_take_straight(struct kmem_cache *cache);
void slab_free_straight(struct kmem_cache *cache, void *object, const void *caller);

/* The same for an object of a debugged cache that was looked at. Result: pages of a slab that went with it. */
size_t slab_put_back(struct kmem_cache *cache, void *object);

/* What the slow paths do while somebody watches (mm/pages/watch.h): mm/objects/slab_watch.c. size_bytes: asked
 * for, 0: not known. */
void *slab_watch_alloc(struct kmem_cache *cache, gfp_t gfp, const void *caller, size_t size_bytes);
void slab_watch_free(struct kmem_cache *cache, void *object, const void *caller);

/* An object for a request with a node's flags: of a slab of that node, past the stack, whose objects may be of any. Context:
 * as kmem_cache_alloc(). */
void *slab_alloc_of_node(struct kmem_cache *cache, gfp_t gfp, const void *caller);

static inline bool gfp_names_node(gfp_t gfp)
{
	return gfp_has(gfp, GFP_NODE_BITS | __GFP_THISNODE);
}

/* The slow path of an allocation: refill the stack, grow the cache. */
void *slab_alloc_slow(struct kmem_cache *cache, gfp_t gfp, const void *caller);

/* What is wrong with handing `object` of this slab back, or NULL. */
const char *slab_why_bad_object(const struct kmem_cache *cache, const struct page *first, const void *object);

/* Does `object` lie on top of the stack of this CPU: was it freed last? */
bool slab_freed_last(const struct kmem_cache *cache, const void *object);

/* kfree and kmem_cache_free of something that is no object of the cache. */
void slab_report_bad_object(const struct kmem_cache *cache, const void *object, const void *caller,
			    const char *what);

/* Is a multiple of stride? Offsets are below 2^16 and strides at least 8, where the product's low 32 bits are
 * below `divide` exactly for multiples of stride. */
static inline bool object_is_whole(const struct kmem_cache *cache, uint32_t offset)
{

	return offset * cache->divide < cache->divide_limit;
}

/* The offset in its slab of an address: a slab is aligned to its size, and the direct map to more. */
static inline uint32_t object_offset(const struct kmem_cache *cache, uintptr_t addr)
{
	return (uint32_t)addr & cache->slab_mask;
}

/* The link in a free object to the next one. */
static inline void **object_link(const struct kmem_cache *cache, void *object)
{
	return (void **)(void *)((char *)object + cache->link_offset);
}

static inline char *slab_base(const struct page *slab)
{
	return low_page_address(slab);
}

/* Where object 0 of the slab's window is: in the slab itself when that is a whole one. */
static inline char *slab_window(const struct kmem_cache *cache, const struct page *slab)
{
	return (char *)((uintptr_t)slab_base(slab) & ~(uintptr_t)cache->slab_mask);
}

static inline bool slab_is_whole(const struct kmem_cache *cache, const struct page *slab)
{
	return likely(slab->order == cache->order);
}

/* Does it hold the numbers from 0 to per_slab? */
static inline bool slab_is_plain(const struct kmem_cache *cache, const struct page *slab)
{
	return likely(slab->order == cache->plain_order);
}

/* Numbers of the objects that another holds: [start, end), empty when end <= start. */
uint32_t slab_piece_start(const struct kmem_cache *cache, const struct page *slab);
uint32_t slab_piece_end(const struct kmem_cache *cache, const struct page *slab);

static inline uint32_t slab_start(const struct kmem_cache *cache, const struct page *slab)
{
	return slab_is_plain(cache, slab) ? 0 : slab_piece_start(cache, slab);
}

static inline uint32_t slab_end(const struct kmem_cache *cache, const struct page *slab)
{
	return slab_is_plain(cache, slab) ? cache->per_slab : slab_piece_end(cache, slab);
}

static inline uint32_t slab_room(const struct kmem_cache *cache, const struct page *slab)
{
	return slab_is_whole(cache, slab) ? cache->per_slab
					  : slab_piece_end(cache, slab) - slab_piece_start(cache, slab);
}

/* All caches; for those who know that none comes or goes meanwhile. */
struct list_head *slab_caches(void);
