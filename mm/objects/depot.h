/* SPDX-License-Identifier: MIT */
/* What lies behind the stacks of a cache: pointers to objects that no stack had room for, in pages full of them. A full stack
 * moves half of its objects there, an empty one is filled from there, both by copying words; slabs are asked only where
 * the depot is full or empty, so that bursts cost a few instructions more than what a stack holds. All CPUs share it: what
 * one frees another allocates without a slab.
 *
 * (Bonwick and Adams, Magazines and Vmem, exchange whole magazines. Here a stack lies at a constant place of its
 * cache, which saves the fast paths a pointer, and a copied word is one instruction of a string operation.)
 *
 * How much it may hold a cache earns: room for each object that went to its slab for want of room and was taken out of one
 * again. So what is freed in a burst only once is not kept, and what comes and goes is from the second time on.
 *
 * D1 what lies in a depot is in use for its slab (S5), as what lies in a stack.
 * D2 nr objects lie in the fewest pages that hold them; all pages but the first are full.
 * D3 nothing comes while the cache's stack is closed: who closes and drains it finds the last of it, and its room is none.
 * D4 nr <= room. A depot takes what makes it at most half as large as what all leave of 1/DEPOT_SHARE of low memory, give or
 *    take what CPUs move at the moment: none has it all, and the next always finds some. None begins a page while its zone is
 *    short; none has room for objects above DEPOT_OBJECT_BYTES, few of which fill a slab: keeping one keeps it all;
 *    none where there are several nodes, for far ones would come out of it.
 * D5 what nobody touched while slabs grew by 1/DEPOT_IDLE_SHARE of low memory goes back to them, a few objects for each new
 *    slab, and the room for it with it: who grows finds what others do not use.
 *
 * Lock: cache->lock. Pages are taken and given back without. Context: any. */
#pragma once

#include <mm/objects/slab_internal.h>

#define DEPOT_SLOTS	   ((uint32_t)(PAGE_SIZE / sizeof(void *))) /* of a page */
#define DEPOT_MOVE	   128u /* objects moved under one lock: what bounds the time with interrupts off */
#define DEPOT_SHARE	   16u
#define DEPOT_IDLE_SHARE   512u
#define DEPOT_OBJECT_BYTES 1024u

extern struct depots {
	size_t bytes;	    /* of objects, in all: D4; atomic */
	size_t pages_grown; /* by all slabs, ever: D5; atomic */
} depots;

/* Objects in the first page. */
static inline uint32_t depot_in_first(const struct depot *depot)
{
	return depot->nr ? (depot->nr - 1) % DEPOT_SLOTS + 1 : 0;
}

/* D2. A snapshot. */
static inline size_t depot_pages(const struct kmem_cache *cache)
{
	return DIV_ROUND_UP(READ_ONCE(cache->depot.nr), DEPOT_SLOTS);
}

/* Half of this CPU's full stack to the depot. Result: false: nothing, as it has no room, or no page for more. */
bool depot_take_from_stack(struct kmem_cache *cache);

/* Half of this CPU's empty stack from the depot. Result: NULL, or a page to be given back without the lock. */
struct page *depot_fill_stack_locked(struct kmem_cache *cache, struct pcpu_stack *stack);

/* The objects that leave next, the last of *slots first. Result: how many, 0 when it is empty. */
uint32_t depot_next_locked(const struct kmem_cache *cache, void ***slots);

/* n of them are gone. Result: as above. */
struct page *depot_forget_locked(struct kmem_cache *cache, uint32_t n);

/* The same when they went back to their slabs: nobody used their room. */
struct page *depot_give_back_locked(struct kmem_cache *cache, uint32_t n);

/* All that was learned, of a depot that was emptied. */
void depot_forget_room(struct kmem_cache *cache);

/* n objects of a full stack went to slabs. */
void depot_note_missed(struct kmem_cache *cache, uint32_t n);

/* n came from slabs to an empty one: room for as many of them as were missed. */
void depot_note_refill_locked(struct kmem_cache *cache, uint32_t n);

/* So many pages of slabs came: D5 counts in them. Result: may a depot lie idle? */
static inline bool depot_note_growth(size_t pages)
{
	__atomic_fetch_add(&depots.pages_grown, pages, __ATOMIC_RELAXED);
	return READ_ONCE(depots.bytes) != 0;
}

/* D5. A snapshot. */
bool depot_is_idle(const struct kmem_cache *cache);

/* Is it there? For reports: looks at all. */
bool depot_holds_locked(const struct kmem_cache *cache, const void *object);
