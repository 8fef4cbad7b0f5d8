/* SPDX-License-Identifier: MIT */
/* The slow paths of objects while somebody watches: clearing (init_on_alloc=, init_on_free=), debugging, leaks. Those
 * of mm/objects/slab.c come here instead of going on. No lock of its own. */
#include <mm/objects/slab_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>
#include <mm/objects/above.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab_debug.h>
#include <mm/pages/above.h>

static COLD void *refuse_early(const void *caller)
{
	char code[64];

	port_print(PORT_ERR, "BUG: allocation by %s before kmalloc is up",
		   port_code_name(caller, code, sizeof(code)));
	return NULL;
}

/* Straight from a slab where that is all there is to do. */
static void *take(struct kmem_cache *cache, gfp_t gfp, const void *caller)
{
	bool is_simple = !READ_ONCE(cache->stack.limit) && !wait_somebody() && !gfp_is_impossible(gfp) &&
			 !(gfp_has(gfp, __GFP_WAIT) && irqs_disabled());
	void *object = NULL;

	if (unlikely(gfp_names_node(gfp)))
		return slab_alloc_of_node(cache, gfp, caller);
	if (likely(is_simple))
		object = slab_take_straight(cache);
	return likely(object) ? object : slab_alloc_slow(cache, gfp, caller);
}

/* To the next whole word, which is its own. */
static void clear_object(const struct kmem_cache *cache, void *object)
{
	port_clear(object, ALIGN_UP(cache->object_size, 4u));
}

static void hand_out(struct kmem_cache *cache, char *object, gfp_t gfp, const void *caller, size_t size_bytes)
{
	bool clears = gfp_has(gfp, __GFP_ZERO) || mm_watch & WATCH_INIT_ALLOC;

	if (cache_is_debugged(cache)) {
		if (size_bytes == 0)
			size_bytes = cache->flags & SLAB_RED_ZONE ? kmalloc_size_of_call(cache, caller)
								  : cache->object_size;
		slab_debug_hand_out(cache, object, size_bytes, caller);
		if (clears && !cache->ctor)
			memset(object, 0, size_bytes);
	} else if (clears && !cache->ctor) {
		clear_object(cache, object);
	} else if (size_bytes) {
		memset(object + size_bytes, 0, cache->object_size - size_bytes); /* K2: for krealloc */
	}
}

static void *take_guarded(struct kmem_cache *cache, gfp_t gfp, const void *caller, size_t size_bytes)
{
	if (size_bytes == 0)
		size_bytes = kmalloc_size_of_call(cache, caller);
	return guard_alloc(cache, gfp, caller, size_bytes);
}

/* Said as a failure is that nobody planned. */
static bool must_fail(const struct kmem_cache *cache, gfp_t gfp, const void *caller)
{
	if (likely(!(mm_watch & WATCH_FAULT)) || gfp_is_impossible(gfp) ||
	    !fault_hits_object(cache, gfp, caller))
		return false;
	page_alloc_report_failure(gfp, cache->order);
	return true;
}

void *slab_watch_alloc(struct kmem_cache *cache, gfp_t gfp, const void *caller, size_t size_bytes)
{
	void *object;

	if (unlikely(!cache->per_slab))
		return refuse_early(caller);
	if (must_fail(cache, gfp, caller))
		return NULL;
	object = mm_watch & WATCH_GUARD ? take_guarded(cache, gfp, caller, size_bytes) : NULL;
	if (likely(!object)) {
		object = take(cache, gfp & ~__GFP_ZERO, caller);
		if (unlikely(!object))
			return NULL;
		ASSERT(size_bytes <= cache->object_size && virt_to_cache(object) == cache);
		hand_out(cache, object, gfp, caller, size_bytes);
	}
	if (mm_watch & WATCH_LEAK)
		leak_note(object, cache->object_size, caller);
	return object;
}

/* Nothing of its contents is to be seen again; what is no object in use is left alone. */
static void clear_freed(const struct kmem_cache *cache, void *object)
{
	if (!slab_why_bad_object(cache, virt_to_page(object)->slab, object))
		clear_object(cache, object);
}

void slab_watch_free(struct kmem_cache *cache, void *object, const void *caller)
{
	if (mm_watch & WATCH_LEAK)
		leak_forget(object);
	if (cache_is_debugged(cache)) {
		slab_debug_take_back(cache, object, caller);
		return;
	}
	if (mm_watch & WATCH_INIT_FREE && !cache->ctor)
		clear_freed(cache, object);
	slab_free_straight(cache, object, caller);
}
