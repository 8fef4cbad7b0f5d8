/* SPDX-License-Identifier: MIT */
/* Many objects of a cache with one call: copied from its stack and to it, with interrupts off for a bounded
 * number at a time. What the stack cannot give or take goes one by one, the way single objects do.
 *
 * Checks of what is freed are made before interrupts go off: the page is the cache's, looked up once for
 * neighbours of one slab; the address starts an object; the first is not the one freed last. */
#include <mm/objects/slab.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <mm/objects/slab_internal.h>

#define CHUNK 64u /* pointers copied with interrupts off */

/* Result: objects taken out of this CPU's stack. */
static size_t take_parked(struct kmem_cache *cache, void **objects, size_t nr)
{
	irqflags_t flags = irq_save();
	struct pcpu_stack *stack = slab_stack_here(cache);
	uint32_t n = MIN(MIN((uint32_t)nr, CHUNK), stack->count);
	uint32_t left = stack->count - n;

	ASSERT(stack->count <= stack->capacity);
	port_copy_words(objects, &stack->slot[left], n);
	WRITE_ONCE(stack->count, left);
	irq_restore(flags);
	return n;
}

/* Result: objects put on it, from the first on. None when the first lies on top already: it is freed twice. */
static size_t park(struct kmem_cache *cache, void *const *objects, size_t nr)
{
	irqflags_t flags = irq_save();
	struct pcpu_stack *stack = slab_stack_here(cache);
	uint32_t count = stack->count, n = 0;

	if (likely(count < stack->limit && stack->slot[(int)count - 1] != objects[0])) {
		ASSERT(stack->limit <= stack->capacity);
		n = MIN((uint32_t)nr, stack->limit - count);
		port_copy_words(&stack->slot[count], objects, n);
		WRITE_ONCE(stack->count, count + n);
	}
	ASSERT(stack->count <= stack->capacity);
	irq_restore(flags);
	return n;
}

/* Where the objects of a whole slab may lie, when `object` is in one of the cache's; else nothing's. */
#define NO_WINDOW (~(uintptr_t)0)

static inline uintptr_t window_of(const struct kmem_cache *cache, const void *object)
{
	if (unlikely(!port_has_descriptor(object) || virt_to_cache(object) != cache ||
		     !slab_is_whole(cache, ((const struct page *)port_descriptor(object))->slab)))
		return NO_WINDOW;
	return (uintptr_t)object & ~(uintptr_t)cache->slab_mask;
}

/* Does it start an object in the window? */
static ALWAYS_INLINE bool is_good(const struct kmem_cache *cache, const void *object, uintptr_t window)
{
	uintptr_t offset = (uintptr_t)object - window;

	return likely(offset <= cache->slab_mask) && likely(object_is_whole(cache, (uint32_t)offset));
}

/* How many of them, from the first on, are objects of the first one's slab, if that is a whole one. */
static inline size_t count_good(const struct kmem_cache *cache, void *const *objects, size_t nr)
{
	uintptr_t window = window_of(cache, objects[0]);
	void *const *object = objects, *const *end = objects + nr;

	for (; end - object >= 4; object += 4) {
		if (!is_good(cache, object[0], window))
			return (size_t)(object - objects);
		if (!is_good(cache, object[1], window))
			return (size_t)(object - objects) + 1;
		if (!is_good(cache, object[2], window))
			return (size_t)(object - objects) + 2;
		if (!is_good(cache, object[3], window))
			return (size_t)(object - objects) + 3;
	}
	while (object < end && is_good(cache, *object, window))
		object++;
	return (size_t)(object - objects);
}

void kmem_cache_free_bulk(struct kmem_cache *cache, size_t nr, void **objects)
{
	while (nr) {
		size_t good = count_good(cache, objects, MIN(nr, (size_t)CHUNK));
		size_t done = likely(good) ? park(cache, objects, good) : 0;

		if (unlikely(!done)) { /* no room, of a small slab, or wrong, which is reported */
			slab_free_object(objects[0], cache);
			done = 1;
		}
		ASSERT(done && done <= nr);
		objects += done;
		nr -= done;
	}
}

/* The others one by one, each of which may fill the stack. */
static NOINLINE size_t alloc_others(struct kmem_cache *cache, gfp_t gfp, size_t nr, void **objects,
				    size_t done)
{
	bool is_plain = !gfp_has(gfp, ~GFP_OBJECT_BITS);

	while (done < nr) {
		objects[done] = kmem_cache_alloc_any(cache, gfp);
		if (unlikely(!objects[done])) {
			kmem_cache_free_bulk(cache, done, objects);
			return 0;
		}
		done++;
		if (likely(is_plain))
			done += take_parked(cache, objects + done, nr - done);
	}
	return nr;
}

size_t kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t nr, void **objects)
{
	size_t done = 0;

	if (likely(!gfp_has(gfp, ~GFP_OBJECT_BITS) && !(gfp_has(gfp, __GFP_WAIT) && port_is_atomic())))
		done = take_parked(cache, objects, nr);
	ASSERT(done <= nr);
	return likely(done == nr) ? nr : alloc_others(cache, gfp, nr, objects, done);
}
