/* SPDX-License-Identifier: MIT */
/* The slab layer: pages cut into objects of one size. The layout, the invariants and who may touch what are
 * in slab_internal.h. An object comes from the free list of a slab that has room, else from beyond its bump
 * index, where the constructor runs; so a new slab costs the same however many objects it holds.
 *
 * Locks: 1. wait.lock  2. slab.lock (the list of caches)  3. cache->lock  4. zone->lock. Pages are freed,
 * constructors run, messages are printed and waiters are served with none of them held. */
#include <mm/objects/slab.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>
#include <mm/objects/above.h>
#include <mm/objects/depot.h>
#include <mm/objects/slab_debug.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/above.h>
#include <mm/reclaim/retry.h>

#define PIECE_TRIES 8u /* blocks looked at for one that lies well */

/* --- reports --- */

COLD void slab_report_bad_object(const struct kmem_cache *cache, const void *object, const void *caller,
				 const char *what)
{
	char code[64];

	port_print(PORT_ERR, "BUG: bad free by %s in cache %s: %#lx is %s; nothing changed",
		   port_code_name(caller, code, sizeof(code)), cache ? cache->name : "(none)",
		   (unsigned long)object, what);
}

static COLD void *refuse_alloc(const struct kmem_cache *cache, gfp_t gfp, const void *caller, const char *why)
{
	static struct ratelimit limit;
	char flags[96], code[64];

	if (ratelimit_ok(&limit))
		port_print(PORT_WARN, "%s: impossible request to cache %s by %s: %s (mode:%#x(%s))",
			   port_task_name(), cache->name, port_code_name(caller, code, sizeof(code)), why,
			   (__force unsigned int)gfp, gfp_names(gfp, flags, sizeof(flags)));
	return NULL;
}

/* --- what assertions ask --- */

/* S3, as far as counts tell. */
static bool counts_are_sound(const struct kmem_cache *cache)
{
	return cache->nr_empty <= cache->nr_slabs && cache->nr_slabs <= cache->nr_pages &&
	       cache->nr_in_use <= cache->nr_objects && cache->nr_slabs <= cache->nr_objects;
}

static bool may_be_free(const struct kmem_cache *cache, const struct page *first, const char *object)
{
	uint32_t offset = object_offset(cache, (uintptr_t)object);

	return object >= slab_base(first) && object < slab_base(first) + (PAGE_SIZE << first->order) &&
	       offset < first->bump * cache->stride && object_is_whole(cache, offset);
}

/* S1 and S4 of its first page; lists of debugged slabs may be damaged, which is reported when they are used. */
static bool slab_is_sound(const struct kmem_cache *cache, const struct page *first)
{
	uint32_t nr = slab_start(cache, first) + first->in_use;
	const char *object = cache_is_debugged(cache) ? NULL : first->freelist;

	for (; object && nr <= cache->per_slab; nr++) {
		if (!may_be_free(cache, first, object))
			return false;
		object = *(char *const *)(const void *)(object + cache->link_offset);
	}
	return (nr == first->bump || cache_is_debugged(cache)) && first->bump <= slab_end(cache, first) &&
	       first->state == PAGE_SLAB && first->slab_cache == cache && first->slab == first;
}

#define WALK_SLOTS 16u

/* S5 of the hottest. */
static bool stack_is_sound(const struct kmem_cache *cache, const struct pcpu_stack *stack)
{
	for (uint32_t i = stack->count; i > 0 && stack->count - i < WALK_SLOTS; i--)
		if (!virt_is_direct(stack->slot[i - 1]) ||
		    virt_to_page(stack->slot[i - 1])->slab_cache != cache)
			return false;
	return stack->count <= stack->capacity && stack->limit <= stack->capacity;
}

/* --- slabs --- */

/* Flags of the pages behind a request for objects. */
static gfp_t slab_gfp(const struct kmem_cache *cache, gfp_t gfp)
{
	ASSERT(!gfp_has(gfp, __GFP_HIGHMEM) || gfp_is_impossible(gfp)); /* see page_want_address() */
	return (gfp & ~(__GFP_ZERO | __GFP_MOVABLE | __GFP_COMP)) | cache->gfp;
}

static struct page *make_slab(struct kmem_cache *cache, struct page *first)
{
	const struct page *end = first + (1u << first->order);

	pages_forget(first);
	page_set_state(first, PAGE_ALLOCATED, PAGE_SLAB);
	first->freelist = NULL;
	first->in_use = 0;
	for (struct page *page = first; page < end; page++) {
		ASSERT(!page->slab_cache); /* S4 */
		page->slab = first;
		page->slab_cache = cache;
	}
	return first;
}

uint32_t slab_piece_start(const struct kmem_cache *cache, const struct page *first)
{
	uint32_t start = object_offset(cache, (uintptr_t)slab_base(first)) + slab_left_zone(cache);

	return DIV_ROUND_UP(start, cache->stride);
}

uint32_t slab_piece_end(const struct kmem_cache *cache, const struct page *first)
{
	uint32_t end =
		object_offset(cache, (uintptr_t)slab_base(first)) + (uint32_t)(PAGE_SIZE << first->order);

	return (end + slab_left_zone(cache)) / cache->stride;
}

/* A block of that order at a place where it holds an object. Others are kept meanwhile, or the same would
 * come again, and given back. */
static struct page *alloc_at_good_place(const struct kmem_cache *cache, gfp_t gfp, unsigned int order,
					const void *caller)
{
	struct list_head misplaced = LIST_HEAD_INIT(misplaced);
	struct page *first = page_alloc_for(gfp, order, caller);

	for (unsigned int n = 1; first && slab_piece_start(cache, first) >= slab_piece_end(cache, first);
	     n++) {
		list_add(&first->links, &misplaced);
		first = n < PIECE_TRIES ? page_alloc_for(gfp, order, caller) : NULL;
	}
	while (!list_is_empty(&misplaced)) {
		struct page *page = list_first_entry(&misplaced, struct page, links);

		list_del(&page->links);
		__free_pages(page, order);
	}
	return first;
}

/* The smallest block that holds an object. */
static NOINLINE struct page *alloc_piece(const struct kmem_cache *cache, gfp_t gfp, const void *caller)
{
	struct page *first = NULL;

	for (unsigned int order = get_order(cache->stride); !first && order < cache->order; order++)
		first = alloc_at_good_place(cache, gfp, order, caller);
	return first;
}

/* The smallest order of which a block holds an object wherever it lies. */
static unsigned int sure_order(const struct kmem_cache *cache)
{
	bool is_even = IS_POWER_OF_2(cache->stride) && !slab_left_zone(cache);
	unsigned int order = get_order(is_even ? cache->stride : 2 * cache->stride);

	return MIN(order, (unsigned int)cache->order);
}

/* A slab for which nobody has to wait. Who may wait does so for an object as well, see wait_for_object(). */
static struct page *new_slab(struct kmem_cache *cache, gfp_t gfp, const void *caller)
{
	gfp_t quiet = (slab_gfp(cache, gfp) & ~GFP_PATIENCE) | __GFP_NOWARN;
	struct page *first = page_alloc_for(quiet, cache->order, caller);

	if (unlikely(!first) && cache->order)
		first = alloc_piece(cache, quiet, caller);
	if (likely(first))
		return make_slab(cache, first);
	if (!gfp_has(gfp, __GFP_WAIT | __GFP_NOWARN))
		page_alloc_print_failure(slab_gfp(cache, gfp), cache->order);
	return NULL;
}

static void release_slab(struct page *first)
{
	unsigned int order = first->order;

	ASSERT(first->in_use == 0 && first->slab_cache);	       /* S1 */
	for (struct page *page = first + (1u << order); page > first;) /* the first last: S4 */
		(--page)->slab_cache = NULL;
	page_set_state(first, PAGE_SLAB, PAGE_ALLOCATED);
	__free_pages(first, order);
}

/* Last (S2): others may have grown the cache meanwhile, and then nobody takes from it yet. Result: false: the
 * layout of the cache was another when the slab was made, and it holds nothing now. */
static ALWAYS_INLINE bool add_slab_locked(struct kmem_cache *cache, struct page *first)
{
	ASSERT(port_lock_is_held(&cache->lock));
	ASSERT(first->state == PAGE_SLAB && first->slab_cache == cache && !first->in_use && !first->freelist);
	if (unlikely(first->order > cache->order || (int32_t)slab_room(cache, first) <= 0))
		return false;
	first->bump = (uint16_t)slab_start(cache, first);
	list_add_tail(&first->links, &cache->partial);
	cache->nr_slabs++;
	cache->nr_empty++;
	cache->nr_pages += (size_t)1 << first->order;
	cache->nr_objects += slab_room(cache, first);
	ASSERT(counts_are_sound(cache));	  /* S3 */
	ASSERT_SLOW(slab_is_sound(cache, first)); /* S1 */
	return true;
}

/* It is empty, unlisted, and no longer counted as empty. */
static void forget_slab_locked(struct kmem_cache *cache, const struct page *first)
{
	ASSERT(port_lock_is_held(&cache->lock));
	ASSERT(first->in_use == 0 && cache->nr_slabs);
	cache->nr_slabs--;
	cache->nr_pages -= (size_t)1 << first->order;
	cache->nr_objects -= slab_room(cache, first);
	ASSERT(counts_are_sound(cache)); /* S3 */
}

/* --- objects --- */

/* S2: of several nodes' slabs an empty one may be taken from while others stand before it. */
static inline void no_longer_empty_locked(struct kmem_cache *cache, struct page *first)
{
	cache->nr_empty--;
	if (unlikely(node_map.nr_nodes > 1))
		list_move(&first->links, &cache->partial);
}

/* An object of a slab with room. *fresh: it was never handed out before. NULL: the free list of a debugged
 * slab was damaged, and nothing is left of it. */
static void *take_object_locked(struct kmem_cache *cache, struct page *first, bool *fresh)
{
	void *object;

	ASSERT(port_lock_is_held(&cache->lock));
	ASSERT(first->slab_cache == cache && first->in_use < slab_room(cache, first)); /* S2 */
	if (unlikely(cache_is_debugged(cache)) && !slab_debug_mend_list_locked(cache, first))
		return NULL;
	object = first->freelist;
	*fresh = !object;
	if (object)
		first->freelist = *object_link(cache, object);
	else
		object = slab_window(cache, first) + first->bump++ * cache->stride;
	if (unlikely(cache_is_debugged(cache)))
		slab_debug_taken_locked(cache, object, *fresh);
	if (first->in_use++ == 0)
		no_longer_empty_locked(cache, first);
	if (first->in_use == slab_room(cache, first))
		list_move(&first->links, &cache->full);
	cache->nr_in_use++;
	ASSERT(counts_are_sound(cache));	  /* S3 */
	ASSERT_SLOW(slab_is_sound(cache, first)); /* S1 */
	return object;
}

/* Does its slab stay where it is when an object comes back: neither full now nor empty then? */
static inline bool stays_in_list(const struct kmem_cache *cache, const struct page *first)
{
	return slab_is_plain(cache, first) && first->in_use - 2u < cache->per_slab - 2u;
}

/* Result: a slab that is empty and too many, unlisted, for the caller to release; else NULL. */
static ALWAYS_INLINE struct page *put_object_locked(struct kmem_cache *cache, struct page *first,
						    void *object)
{
	ASSERT(port_lock_is_held(&cache->lock));
	ASSERT(first->slab_cache == cache && first->in_use); /* S1, S4 */
	*object_link(cache, object) = first->freelist;
	first->freelist = object;
	cache->nr_in_use--;
	if (first->in_use-- == slab_room(cache, first))
		list_move(&first->links, &cache->partial);
	ASSERT_SLOW(slab_is_sound(cache, first)); /* S1 */
	if (first->in_use)
		return NULL;
	list_del(&first->links);
	if (cache->nr_empty >= SLAB_KEEP_EMPTY || wait_somebody() || !slab_is_whole(cache, first)) {
		forget_slab_locked(cache, first);
		return first;
	}
	cache->nr_empty++;
	list_add_tail(&first->links, &cache->partial);
	ASSERT(counts_are_sound(cache)); /* S3 */
	return NULL;
}

/* --- the stack in front ---
 * Everything below runs with interrupts off where it touches the stack, so that it is this CPU's for the
 * while. */

/* What bounds the time with interrupts off: a refill takes up to BATCH objects of up to REFILL_SLABS slabs
 * under one lock, a drain does WORK, of which an object is one, and LIST_WORK where its slab changes its list.
 * What bounds a single free: where the depot is full a full stack is drained ROOM_DRAINS times. */
#define BATCH	     16u
#define REFILL_SLABS 2u
#define WORK	     4u
#define LIST_WORK    2u
#define ROOM_DRAINS  2u

/* Move up to `want` objects of one slab to the stack: freed ones first, then, without a constructor, fresh
 * ones. */
static ALWAYS_INLINE void move_objects_locked(struct kmem_cache *cache, struct page *first,
					      struct pcpu_stack *stack, uint32_t want)
{
	uint32_t bump_want = cache->ctor ? 0 : MIN(want, slab_end(cache, first) - first->bump);
	uint32_t count = stack->count, from = count;
	void *object = first->freelist;

	ASSERT(port_lock_is_held(&cache->lock));
	ASSERT(first->slab_cache == cache && first->in_use < slab_room(cache, first)); /* S2 */
	ASSERT(count + want <= stack->capacity);
	for (; object && want; want--) {
		stack->slot[count++] = object;
		object = *object_link(cache, object);
	}
	first->freelist = object;
	if (!object && want && bump_want) {
		char *fresh = slab_window(cache, first) + first->bump * cache->stride;

		bump_want = MIN(want, bump_want);
		first->bump = (uint16_t)(first->bump + bump_want);
		for (; bump_want; bump_want--, fresh += cache->stride)
			stack->slot[count++] = fresh;
	}
	if (first->in_use == 0 && count != from)
		no_longer_empty_locked(cache, first);
	first->in_use = (uint16_t)(first->in_use + count - from);
	cache->nr_in_use += count - from;
	if (first->in_use == slab_room(cache, first))
		list_move(&first->links, &cache->full);
	ASSERT(counts_are_sound(cache));	  /* S3 */
	ASSERT_SLOW(slab_is_sound(cache, first)); /* S1 */
	WRITE_ONCE(stack->count, count);
}

#define NEAR_SLABS 32u /* looked at for one of the nearest node */

/* A slab with room of the node. NULL: there is none among the first. */
static struct page *slab_of_node_locked(const struct kmem_cache *cache, unsigned int node)
{
	struct page *first;
	unsigned int n = 0;

	ASSERT(port_lock_is_held(&cache->lock) && node < node_map.nr_nodes);
	list_for_each_entry(first, &cache->partial, links) {
		if (page_zone(first)->node == node)
			return first;
		if (++n == NEAR_SLABS)
			break;
	}
	return NULL;
}

/* Of several nodes: a slab with room of the nearest that has ordinary memory; of any while that is short, or when the cache
 * has just grown for want of one. NULL: the cache should grow. */
static struct page *near_slab_locked(const struct kmem_cache *cache, bool has_grown)
{
	const struct zone *near = *near_zones[ZONE_NORMAL];
	struct page *first = slab_of_node_locked(cache, near->node);

	ASSERT(port_lock_is_held(&cache->lock));
	if (first || list_is_empty(&cache->partial))
		return first;
	if (!has_grown && READ_ONCE(near->nr_free) >= near->wmark[WMARK_LOW])
		return NULL;
	return list_first_entry(&cache->partial, struct page, links);
}

static ALWAYS_INLINE struct page *first_slab_locked(const struct kmem_cache *cache, bool has_grown,
						    bool several_nodes)
{
	if (several_nodes)
		return near_slab_locked(cache, has_grown);
	return list_is_empty(&cache->partial) ? NULL : list_first_entry(&cache->partial, struct page, links);
}

/* Fill the stack from the first slabs with room. */
static ALWAYS_INLINE void refill_stack_locked(struct kmem_cache *cache, struct pcpu_stack *stack,
					      bool has_grown, bool several_nodes)
{
	uint32_t want = MIN(stack->limit, BATCH);

	ASSERT(port_lock_is_held(&cache->lock));
	ASSERT_SLOW(stack_is_sound(cache, stack)); /* S5 */
	for (unsigned int n = 0; n < REFILL_SLABS && stack->count < want; n++) {
		uint32_t before = stack->count;
		struct page *first = first_slab_locked(cache, has_grown && before == 0, several_nodes);

		if (!first)
			return;
		move_objects_locked(cache, first, stack, want - before);
		if (stack->count == before)
			return; /* fresh ones that need their constructor stay where they are */
	}
}

static ALWAYS_INLINE void *take_and_refill_from(struct kmem_cache *cache, struct page *grown, bool *construct,
						bool several_nodes)
{
	irqflags_t flags = port_lock_irqsave(&cache->lock);
	struct pcpu_stack *stack = slab_stack_here(cache);
	struct page *first, *emptied = NULL; /* of the depot */
	void *object = NULL;

	if (grown && unlikely(!add_slab_locked(cache, grown))) {
		port_unlock_irqrestore(&cache->lock, flags);
		release_slab(grown);
		return NULL;
	}
	if (cache->depot.nr)
		emptied = depot_fill_stack_locked(cache, stack);
	if (!stack->count) {
		refill_stack_locked(cache, stack, grown != NULL, several_nodes);
		if (READ_ONCE(cache->depot.missed))
			depot_note_refill_locked(cache, stack->count);
	}
	if (stack->count)
		object = stack->slot[--stack->count];
	else if ((first = first_slab_locked(cache, grown != NULL, several_nodes)) != NULL)
		object = take_object_locked(cache, first, construct);
	port_unlock_irqrestore(&cache->lock, flags);
	if (unlikely(emptied))
		__free_page(emptied);
	return object;
}

static NOINLINE void *take_and_refill_near(struct kmem_cache *cache, struct page *grown, bool *construct)
{
	return take_and_refill_from(cache, grown, construct, true);
}

/* One object, and the stack filled on the way. grown: a new slab to add first. *construct: it was never
 * handed out. */
static void *take_and_refill(struct kmem_cache *cache, struct page *grown, bool *construct)
{
	if (unlikely(node_map.nr_nodes > 1))
		return take_and_refill_near(cache, grown, construct);
	return take_and_refill_from(cache, grown, construct, false);
}

/* An object of the slabs with room of a node, MAX_NODES: of any; grown: a new slab, to add first. */
static void *take_of_node(struct kmem_cache *cache, unsigned int node, struct page *grown, bool *construct)
{
	irqflags_t flags = port_lock_irqsave(&cache->lock);
	struct page *first = grown;
	void *object = NULL;

	if (grown && unlikely(!add_slab_locked(cache, grown))) {
		port_unlock_irqrestore(&cache->lock, flags);
		release_slab(grown);
		return NULL;
	}
	if (!first && node < MAX_NODES)
		first = slab_of_node_locked(cache, node);
	else if (!first && !list_is_empty(&cache->partial))
		first = list_first_entry(&cache->partial, struct page, links);
	if (first)
		object = take_object_locked(cache, first, construct);
	port_unlock_irqrestore(&cache->lock, flags);
	return object;
}

/* The same where it has objects in its depot or slabs with room. It is asked without the lock: what is freed now comes too late, and
 * finds the waiters. */
static inline void *take_if_any(struct kmem_cache *cache, bool *construct)
{
	if (!READ_ONCE(cache->depot.nr) && list_is_empty(&cache->partial))
		return NULL;
	return take_and_refill(cache, NULL, construct);
}

/* The first object of a new slab; the others may be what somebody waits for. */
static void *grow_and_take(struct kmem_cache *cache, struct page *grown, bool *construct)
{
	void *object = take_and_refill(cache, grown, construct);

	wait_serve_objects(&cache->waiters);
	return object;
}

/* From what the cache holds, or from a new slab. */
static void *take_at_once(struct kmem_cache *cache, gfp_t gfp, const void *caller, bool *construct)
{
	void *object = take_if_any(cache, construct);
	struct page *grown;

	if (likely(object) || gfp_has(gfp, __GFP_NO_GROW))
		return object;
	grown = new_slab(cache, gfp, caller);
	if (unlikely(!grown))
		return node_map.nr_nodes > 1 ? take_of_node(cache, MAX_NODES, NULL, construct) : NULL;
	if (unlikely(depot_note_growth((size_t)1 << grown->order)))
		slab_give_back_idle(caller);
	return grow_and_take(cache, grown, construct);
}

struct slab_waiter {
	struct mem_waiter wait;
	struct kmem_cache *cache;
	bool construct;
};

static bool take_object_or_page(struct mem_waiter *wait)
{
	struct slab_waiter *waiter = container_of(wait, struct slab_waiter, wait);

	wait->object = take_and_refill(waiter->cache, NULL, &waiter->construct);
	if (!wait->object && node_map.nr_nodes > 1)
		wait->object = take_of_node(waiter->cache, MAX_NODES, NULL, &waiter->construct);
	if (wait->object || gfp_has(wait->gfp, __GFP_NO_GROW))
		return wait->object != NULL;
	wait->page = page_alloc_try(wait->gfp, waiter->cache->order);
	if (!wait->page)
		wait->page = page_alloc_try(wait->gfp, wait->order);
	return wait->page != NULL;
}

/* An object that somebody frees, or one of a new slab: whichever comes first (C3). */
static NOINLINE void *wait_for_object(struct kmem_cache *cache, gfp_t gfp, const void *caller,
				      bool *construct)
{
	struct slab_waiter waiter = {.cache = cache};

	wait_init(&waiter.wait, slab_gfp(cache, gfp), sure_order(cache));
	waiter.wait.take = take_object_or_page;
	waiter.wait.objects = &cache->waiters;
	if (!retry_until_served(&waiter.wait)) {
		page_alloc_report_failure(gfp, cache->order);
		return NULL;
	}
	*construct = waiter.construct;
	if (waiter.wait.object)
		return waiter.wait.object;
	if (unlikely(mm_watch & WATCH_TAKEN))
		page_alloc_show_taken(waiter.wait.page, waiter.wait.gfp, waiter.wait.page->order, caller);
	return grow_and_take(cache, make_slab(cache, waiter.wait.page), construct);
}

/* NO_GROW answers from what is there, unless it must not fail: then it waits for somebody's object. */
static inline bool may_wait_for_object(gfp_t gfp)
{
	return gfp_has(gfp, __GFP_WAIT) && (!gfp_has(gfp, __GFP_NO_GROW) || gfp_has(gfp, __GFP_NOFAIL));
}

void *slab_take_straight(struct kmem_cache *cache)
{
	irqflags_t flags = port_lock_irqsave(&cache->lock);
	struct page *first = first_slab_locked(cache, false, node_map.nr_nodes > 1);
	bool construct = false;
	void *object = NULL;

	if (likely(first))
		object = take_object_locked(cache, first, &construct);
	port_unlock_irqrestore(&cache->lock, flags);
	if (cache->ctor && object && construct)
		cache->ctor(object);
	return object;
}

void *slab_alloc_slow(struct kmem_cache *cache, gfp_t gfp, const void *caller)
{
	bool construct = false;
	void *object = NULL;

	ASSERT(cache->per_slab && !cache->is_dead);
	if (unlikely(gfp_is_impossible(gfp)))
		return refuse_alloc(cache, gfp, caller, gfp_why_impossible(gfp));
	gfp = gfp_check_context(gfp);
	if (unlikely(!READ_ONCE(cache->stack.limit)))
		(void)slab_try_open(cache);
	if (likely(!retry_must_queue(gfp) || !may_wait_for_object(gfp)))
		object = take_at_once(cache, gfp, caller, &construct);
	if (unlikely(!object) && may_wait_for_object(gfp))
		object = wait_for_object(cache, gfp, caller, &construct);
	slow_path_done();
	if (unlikely(!object))
		return NULL;
	if (cache->ctor && construct)
		cache->ctor(object);
	if (gfp_has(gfp, __GFP_ZERO))
		memset(object, 0, cache->object_size);
	return object;
}

/* A new slab of the node alone; who may wait reclaims there and waits if nothing else will do. */
static struct page *new_slab_of_node(struct kmem_cache *cache, gfp_t gfp, const void *caller)
{
	gfp_t strict = slab_gfp(cache, gfp) | __GFP_THISNODE;
	struct page *first;

	if (gfp_has(gfp, __GFP_NO_GROW))
		return NULL;
	first = page_alloc_for((strict & ~GFP_PATIENCE) | __GFP_NOWARN, cache->order, caller);
	if (!first && gfp_has(gfp, __GFP_THISNODE))
		first = page_alloc_for(strict, sure_order(cache), caller);
	return first ? make_slab(cache, first) : NULL;
}

void *slab_alloc_of_node(struct kmem_cache *cache, gfp_t gfp, const void *caller)
{
	unsigned int node = gfp_node(gfp);
	bool construct = false;
	void *object = NULL;

	if (unlikely(gfp_is_impossible(gfp)))
		return refuse_alloc(cache, gfp, caller, gfp_why_impossible(gfp));
	gfp = gfp_check_atomic(gfp);
	if (node < MAX_NODES)
		object = take_of_node(cache, node, NULL, &construct);
	if (!object && node < MAX_NODES) {
		struct page *grown = new_slab_of_node(cache, gfp, caller);

		if (grown)
			object = take_of_node(cache, node, grown, &construct);
	}
	if (!object)
		return gfp_has(gfp, __GFP_THISNODE) ? NULL
						    : slab_alloc_slow(cache, gfp & ~GFP_NODE_BITS, caller);
	wait_serve_objects(&cache->waiters);
	if (cache->ctor && construct)
		cache->ctor(object);
	return object;
}

PCPU_CALL void *object_pop_slow(struct kmem_cache *cache, gfp_t gfp)
{
	const void *caller = RETURN_ADDRESS();

	if (likely(!(mm_watch & WATCH_OBJECT)))
		return slab_alloc_slow(cache, gfp, caller);
	return slab_watch_alloc(cache, gfp, caller, 0);
}

PCPU_CALL void *object_pop_invalid(struct kmem_cache *cache, gfp_t gfp)
{
	if (gfp_has(gfp, __GFP_WAIT) && !port_check_may_sleep(__FILE__, __LINE__))
		gfp &= ~GFP_PATIENCE;
	return object_pop(cache, gfp);
}

/* What is wrong with handing `object` back, or NULL. A double free is seen at once when nothing of the slab
 * was freed in between; debugging (slab_debug=F) looks further. */
const char *slab_why_bad_object(const struct kmem_cache *cache, const struct page *first, const void *object)
{
	uint32_t offset = object_offset(cache, (uintptr_t)object);

	if (unlikely(!object_is_whole(cache, offset)))
		return "inside an object";
	if (unlikely(offset >= first->bump * cache->stride))
		return "an object never handed out";
	if (unlikely(object == first->freelist || first->in_use == 0))
		return "already free";
	return NULL;
}

/* Gives objects back to their slabs, from the last to the first, until a bound of work is reached or one is wrong: *wrong
 * says what then. Result: how many, the wrong one included. `empties` collects slabs to release. */
static uint32_t put_objects_locked(struct kmem_cache *cache, void *const *objects, uint32_t nr,
				   struct list_head *empties, const char **wrong)
{
	uint32_t done = 0, work = 0;

	ASSERT(port_lock_is_held(&cache->lock));
	while (done < nr && work < WORK && !*wrong) {
		void *object = objects[nr - ++done];
		struct page *first = virt_to_page(object)->slab, *empty;

		*wrong = slab_why_bad_object(cache, first, object);
		if (unlikely(*wrong))
			break;
		if (likely(stays_in_list(cache, first))) {
			*object_link(cache, object) = first->freelist;
			first->freelist = object;
			first->in_use--;
			cache->nr_in_use--;
			work++;
			continue;
		}
		empty = put_object_locked(cache, first, object);
		if (unlikely(empty))
			list_add(&empty->links, empties);
		work += LIST_WORK;
	}
	return done;
}

/* Result: pages. */
static size_t release_slabs(struct list_head *empties)
{
	size_t pages = 0;

	while (!list_is_empty(empties)) {
		struct page *first = list_first_entry(empties, struct page, links);

		list_del(&first->links);
		pages += (size_t)1 << first->order;
		release_slab(first);
	}
	return pages;
}

/* Give a few objects back to their slabs, of this CPU's stack, from the hot end, or of the depot. To *pages are added those
 * of slabs that became empty and too many, and of the depot. Result: how many. */
static ALWAYS_INLINE uint32_t drain_some(struct kmem_cache *cache, bool of_depot, const void *caller,
					 size_t *pages)
{
	struct list_head empties = LIST_HEAD_INIT(empties);
	irqflags_t flags = port_lock_irqsave(&cache->lock);
	struct pcpu_stack *stack = slab_stack_here(cache);
	void **slots = stack->slot, *bad = NULL;
	uint32_t nr = of_depot ? depot_next_locked(cache, &slots) : stack->count, n;
	struct page *emptied = NULL;
	const char *wrong = NULL;

	ASSERT_SLOW(stack_is_sound(cache, stack)); /* S5 */
	n = put_objects_locked(cache, slots, nr, &empties, &wrong);
	if (unlikely(wrong))
		bad = slots[nr - n];
	if (!of_depot)
		WRITE_ONCE(stack->count, nr - n);
	else if (n)
		emptied = depot_give_back_locked(cache, n);
	port_unlock_irqrestore(&cache->lock, flags);
	if (unlikely(wrong))
		slab_report_bad_object(cache, bad, caller, wrong);
	*pages += release_slabs(&empties);
	if (unlikely(emptied)) {
		__free_page(emptied);
		++*pages;
	}
	if (n)
		wait_serve_objects(&cache->waiters);
	return n;
}

static NOINLINE uint32_t drain_some_of_stack(struct kmem_cache *cache, const void *caller, size_t *pages)
{
	return drain_some(cache, false, caller, pages);
}

static NOINLINE uint32_t drain_some_of_depot(struct kmem_cache *cache, const void *caller, size_t *pages)
{
	return drain_some(cache, true, caller, pages);
}

void slab_drain_depot(struct kmem_cache *cache, const void *caller)
{
	size_t pages = 0;

	(void)drain_some_of_depot(cache, caller, &pages);
}

/* Result: pages of slabs that went with it. */
size_t slab_drain_stack(struct kmem_cache *cache, const void *caller)
{
	size_t pages = 0;

	while (slab_parks_any(cache) &&
	       (drain_some_of_stack(cache, caller, &pages) || drain_some_of_depot(cache, caller, &pages)))
		;
	depot_forget_room(cache);
	if (unlikely(cache->flags & SLAB_QUARANTINE))
		pages += quarantine_drain(cache);
	return pages;
}

void slab_free_straight(struct kmem_cache *cache, void *object, const void *caller)
{
	struct page *first = virt_to_page(object)->slab, *empty = NULL;
	irqflags_t flags = port_lock_irqsave(&cache->lock);
	const char *wrong = slab_why_bad_object(cache, first, object);

	if (likely(!wrong))
		empty = put_object_locked(cache, first, object);
	port_unlock_irqrestore(&cache->lock, flags);
	if (unlikely(wrong))
		slab_report_bad_object(cache, object, caller, wrong);
	if (empty)
		release_slab(empty);
	wait_serve_objects(&cache->waiters);
}

size_t slab_put_back(struct kmem_cache *cache, void *object)
{
	struct page *first = virt_to_page(object)->slab, *empty;
	irqflags_t flags = port_lock_irqsave(&cache->lock);
	size_t pages = 0;

	slab_debug_put_locked(cache, object);
	empty = put_object_locked(cache, first, object);
	port_unlock_irqrestore(&cache->lock, flags);
	if (empty) {
		pages = (size_t)1 << empty->order;
		release_slab(empty);
	}
	wait_serve_objects(&cache->waiters);
	return pages;
}

bool slab_freed_last(const struct kmem_cache *cache, const void *object)
{
	irqflags_t flags = irq_save();
	const struct pcpu_stack *stack = slab_stack_here(cache);
	bool on_top = stack->count && stack->slot[stack->count - 1] == object;

	irq_restore(flags);
	return on_top;
}

/* The stack is full, or closed, or has the same object on top. A full one takes the object after all, so that
 * a second free of it is seen. */
void object_push_slow(void *object, struct kmem_cache *cache)
{
	const void *caller = RETURN_ADDRESS();

	if (unlikely(slab_freed_last(cache, object))) {
		slab_report_bad_object(cache, object, caller, "already free");
		return;
	}
	if (likely(READ_ONCE(cache->stack.limit)) || slab_try_open(cache)) {
		size_t pages = 0;

		if (unlikely(!depot_take_from_stack(cache)))
			for (unsigned int n = 0; n < ROOM_DRAINS; n++)
				depot_note_missed(cache, drain_some_of_stack(cache, caller, &pages));
		object_push(object, cache);
	} else if (unlikely(mm_watch & WATCH_OBJECT)) {
		slab_watch_free(cache, object, caller);
	} else {
		slab_free_straight(cache, object, caller);
	}
	slow_path_done();
}

/* --- the public face --- */

/* Every request that is more than a pop: impossible, cleared, for DMA, for high memory. */
static NOINLINE void *alloc_unusual(struct kmem_cache *cache, gfp_t gfp, const void *caller)
{
	void *object;

	if (unlikely(gfp_has(gfp, __GFP_DMA) && !gfp_has(cache->gfp, __GFP_DMA)))
		return refuse_alloc(cache, gfp, caller,
				    "__GFP_DMA, but the cache was created without SLAB_CACHE_DMA");
	if (unlikely(cache->ctor && gfp_has(gfp, __GFP_ZERO)))
		return refuse_alloc(cache, gfp, caller, "__GFP_ZERO would undo the constructor");
	if (unlikely(gfp_is_impossible(gfp)))
		return refuse_alloc(cache, gfp, caller, gfp_why_impossible(gfp));
	gfp = page_want_address(gfp, caller);
	if (likely(!gfp_names_node(gfp)))
		object = slab_pop_object(cache, gfp);
	else if (mm_watch & WATCH_OBJECT)
		object = slab_watch_alloc(cache, gfp, caller, 0);
	else
		object = slab_alloc_of_node(cache, gfp, caller);
	if (object && gfp_has(gfp, __GFP_ZERO))
		memset(object, 0, cache->object_size);
	return object;
}

void *kmem_cache_alloc_any(struct kmem_cache *cache, gfp_t gfp)
{
	if (likely(gfp == GFP_KERNEL))
		return slab_pop_object(cache, GFP_KERNEL);
	if (unlikely(gfp_has(gfp, ~GFP_OBJECT_BITS)))
		return alloc_unusual(cache, gfp, RETURN_ADDRESS());
	return slab_pop_object(cache, gfp);
}

void *kmem_cache_alloc_node(struct kmem_cache *cache, gfp_t gfp, int node)
{
	bool is_near = node == NUMA_NO_NODE || (unsigned int)node == numa_node_id();

	if (is_near && !gfp_has(gfp, ~GFP_OBJECT_BITS))
		return slab_pop_object(cache, gfp);
	return alloc_unusual(cache, gfp | __GFP_NODE(node), RETURN_ADDRESS());
}

void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp)
{
	return alloc_unusual(cache, gfp | __GFP_ZERO, RETURN_ADDRESS());
}

static NOINLINE void free_unusual(const void *object, const struct kmem_cache *cache)
{
	const void *caller = RETURN_ADDRESS(); /* slab_free_object's: it comes here by a tail jump */
	const struct page *page;

	if (!object)
		return;
	if (is_guarded(object)) {
		guard_free(cache, object, caller);
		return;
	}
	page = virt_is_direct(object) ? virt_to_page(object) : NULL;
	slab_report_bad_object(cache, object, caller,
			       !page			   ? "not in the direct map of memory"
			       : !page->slab_cache	   ? "in no slab"
			       : page->slab_cache != cache ? "an object of another cache"
							   : "inside an object");
}

/* Kept to the checks that are always on: the page is this cache's, the address starts an object; object_push
 * sees whether it is the one freed last. */
void slab_free_object(void *object, struct kmem_cache *cache)
{
	if (likely(port_has_descriptor(object) && virt_to_cache(object) == cache &&
		   object_is_whole(cache, object_offset(cache, (uintptr_t)object))))
		object_push(object, cache);
	else
		free_unusual(object, cache);
}

unsigned int kmem_cache_size(const struct kmem_cache *cache)
{
	return cache->object_size;
}

const char *kmem_cache_name(const struct kmem_cache *cache)
{
	return cache->name;
}

size_t kmem_cache_shrink(struct kmem_cache *cache)
{
	size_t pages = slab_drain_stack(cache, RETURN_ADDRESS());

	for (;;) {
		struct page *empty = NULL;
		irqflags_t flags = port_lock_irqsave(&cache->lock);

		if (cache->nr_empty) {
			empty = list_entry(cache->partial.prev, struct page, links); /* S2: empty ones last */
			list_del(&empty->links);
			cache->nr_empty--;
			forget_slab_locked(cache, empty);
		}
		port_unlock_irqrestore(&cache->lock, flags);
		if (!empty)
			return pages;
		pages += (size_t)1 << empty->order;
		release_slab(empty);
	}
}
