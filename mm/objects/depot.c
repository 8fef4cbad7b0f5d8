/* SPDX-License-Identifier: MIT */
/* Depots of caches. The first page is the one that is filled and emptied, from its first slot up. */
#include <mm/objects/depot.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <mm/pages/zone.h>

struct depots depots;

static void **slots_of(const struct page *page)
{
	return low_page_address(page);
}

static struct page *first_page(const struct depot *depot)
{
	return list_first_entry(&depot->pages, struct page, links);
}

static void count(struct kmem_cache *cache, uint32_t nr)
{
	ASSERT(port_lock_is_held(&cache->lock));
	cache->depot.nr += nr;
	__atomic_fetch_add(&depots.bytes, (size_t)(int32_t)nr * cache->stride, __ATOMIC_RELAXED);
}

static void touch(struct depot *depot)
{
	WRITE_ONCE(depot->touched, READ_ONCE(depots.pages_grown));
}

/* D4. Asked without the lock. */
static bool has_room(const struct kmem_cache *cache)
{
	uint32_t nr = READ_ONCE(cache->depot.nr);
	size_t bytes = (nr + MIN(cache->stack.capacity, DEPOT_MOVE)) * cache->stride;

	return nr < READ_ONCE(cache->depot.room) &&
	       2 * bytes + READ_ONCE(depots.bytes) <= lowmem_bytes / DEPOT_SHARE;
}

/* Result: NULL: there is none to spare. */
static struct page *take_page(void)
{
	struct page *page = alloc_pages(GFP_NOWAIT | __GFP_NOWARN, 0);
	const struct zone *zone = page ? page_zone(page) : NULL;

	if (likely(!page || READ_ONCE(zone->nr_free) >= zone->wmark[WMARK_LOW]))
		return page;
	__free_page(page);
	return NULL;
}

static bool needs_page(const struct depot *depot)
{
	return READ_ONCE(depot->nr) % DEPOT_SLOTS == 0;
}

/* *fresh: to begin with, if one is needed; NULL when it was used. Result: objects moved. */
static uint32_t take_locked(struct kmem_cache *cache, struct pcpu_stack *stack, struct page **fresh)
{
	struct depot *depot = &cache->depot;
	uint32_t at = depot->nr % DEPOT_SLOTS, n = MIN((stack->limit + 1) / 2, stack->count);

	ASSERT(port_lock_is_held(&cache->lock));
	n = MIN(MIN(n, DEPOT_MOVE), MIN(DEPOT_SLOTS - at, depot->room - depot->nr));
	if (n == 0 || (at == 0 && !*fresh))
		return 0; /* closed or emptied meanwhile, or somebody filled the page */
	if (at == 0) {
		list_add(&(*fresh)->links, &depot->pages);
		*fresh = NULL;
	}
	port_copy_words(slots_of(first_page(depot)) + at, &stack->slot[stack->count - n], n);
	WRITE_ONCE(stack->count, stack->count - n);
	count(cache, n);
	touch(depot);
	ASSERT(depot_in_first(depot) == at + n); /* D2 */
	return n;
}

bool depot_take_from_stack(struct kmem_cache *cache)
{
	struct page *fresh = NULL;
	irqflags_t flags;
	uint32_t n;

	if (!has_room(cache))
		return false;
	if (needs_page(&cache->depot) && (fresh = take_page()) == NULL)
		return false;
	flags = port_lock_irqsave(&cache->lock);
	n = take_locked(cache, slab_stack_here(cache), &fresh);
	port_unlock_irqrestore(&cache->lock, flags);
	if (unlikely(fresh))
		__free_page(fresh);
	return n != 0;
}

uint32_t depot_next_locked(const struct kmem_cache *cache, void ***slots)
{
	ASSERT(port_lock_is_held(&cache->lock));
	if (cache->depot.nr)
		*slots = slots_of(first_page(&cache->depot));
	return depot_in_first(&cache->depot);
}

struct page *depot_forget_locked(struct kmem_cache *cache, uint32_t n)
{
	uint32_t nr = depot_in_first(&cache->depot);
	struct page *page = first_page(&cache->depot);

	ASSERT(port_lock_is_held(&cache->lock) && n && n <= nr);
	count(cache, 0 - n);
	if (n != nr)
		return NULL;
	ASSERT(page->state == PAGE_ALLOCATED);
	list_del(&page->links);
	return page;
}

struct page *depot_give_back_locked(struct kmem_cache *cache, uint32_t n)
{
	ASSERT(n <= cache->depot.nr && cache->depot.nr <= cache->depot.room); /* D4 */
	WRITE_ONCE(cache->depot.room, cache->depot.room - n);
	return depot_forget_locked(cache, n);
}

void depot_forget_room(struct kmem_cache *cache)
{
	struct depot *depot = &cache->depot;
	irqflags_t flags;

	if (!READ_ONCE(depot->room) && !READ_ONCE(depot->missed))
		return;
	flags = port_lock_irqsave(&cache->lock);
	depot->room = depot->nr; /* D4: others may have come */
	depot->missed = 0;
	port_unlock_irqrestore(&cache->lock, flags);
}

void depot_note_missed(struct kmem_cache *cache, uint32_t n)
{
	if (node_map.nr_nodes == 1 && cache->stride <= DEPOT_OBJECT_BYTES &&
	    READ_ONCE(cache->depot.missed) < lowmem_bytes / cache->stride)
		__atomic_fetch_add(&cache->depot.missed, n, __ATOMIC_RELAXED);
}

void depot_note_refill_locked(struct kmem_cache *cache, uint32_t n)
{
	struct depot *depot = &cache->depot;

	ASSERT(port_lock_is_held(&cache->lock));
	n = MIN(n, READ_ONCE(depot->missed));
	__atomic_fetch_sub(&depot->missed, n, __ATOMIC_RELAXED);
	if (depot->room < lowmem_bytes / DEPOT_SHARE / cache->stride)
		WRITE_ONCE(depot->room, depot->room + n);
}

struct page *depot_fill_stack_locked(struct kmem_cache *cache, struct pcpu_stack *stack)
{
	void **slots;
	uint32_t nr = depot_next_locked(cache, &slots), n = MIN(MIN((stack->limit + 1) / 2, DEPOT_MOVE), nr);

	ASSERT(port_lock_is_held(&cache->lock));
	if (stack->count || n == 0)
		return NULL; /* filled meanwhile, or closed: whoever did that drains it */
	port_copy_words(stack->slot, slots + nr - n, n);
	WRITE_ONCE(stack->count, n);
	touch(&cache->depot);
	return depot_forget_locked(cache, n);
}

bool depot_is_idle(const struct kmem_cache *cache)
{
	size_t grown = READ_ONCE(depots.pages_grown) - READ_ONCE(cache->depot.touched);

	return READ_ONCE(cache->depot.nr) && grown > (lowmem_bytes >> PAGE_SHIFT) / DEPOT_IDLE_SHARE;
}

bool depot_holds_locked(const struct kmem_cache *cache, const void *object)
{
	const struct page *page;
	uint32_t nr = depot_in_first(&cache->depot);

	ASSERT(port_lock_is_held(&cache->lock));
	list_for_each_entry(page, &cache->depot.pages, links) {
		for (uint32_t i = 0; i < nr; i++)
			if (slots_of(page)[i] == object)
				return true;
		nr = DEPOT_SLOTS;
	}
	return false;
}
