/* SPDX-License-Identifier: MIT */
/* An address looked up in its slab. An object below the bump index is free when the slab's list or the CPU's
 * stack holds it, else handed out. Lock: the cache's, which keeps list and stack still. */
#include <mm/locate.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/kmap.h>
#include <mm/slab_internal.h>

#define DIRECT_MAP_HOLE MIB(8u) /* behind the direct map nothing is ever mapped for so long */

static bool list_holds(const struct kmem_cache *cache, const struct page *slab, const char *object)
{
	const char *free = slab->freelist;

	for (unsigned int i = 0; i < cache->per_slab && free; i++) {
		if (free == object)
			return true;
		free = *(char *const *)(const void *)(free + cache->link_offset);
	}
	return false;
}

static bool stack_holds(const struct kmem_cache *cache, const void *object)
{
	const struct pcpu_stack *stack = slab_stack_here(cache);

	for (uint32_t i = stack->bottom; i < stack->count; i++)
		if (stack->slot[i] == object)
			return true;
	return false;
}

static enum slab_place_state state_locked(const struct kmem_cache *cache, const struct page *slab,
					  const struct slab_place *place)
{
	if (place->index >= cache->per_slab)
		return SLAB_PLACE_REST;
	if (place->index >= slab->bump)
		return SLAB_PLACE_NEVER;
	if (list_holds(cache, slab, place->object))
		return SLAB_PLACE_FREE;
	return stack_holds(cache, place->object) ? SLAB_PLACE_PARKED : SLAB_PLACE_HANDED_OUT;
}

static void fill_in_locked(const struct kmem_cache *cache, const struct page *slab, const char *addr,
			   struct slab_place *place)
{
	uint32_t distance = (uint32_t)(addr - slab_base(slab));

	memcpy(place->cache, cache->name, sizeof(place->cache));
	place->object_size = cache->object_size;
	place->index = distance / cache->stride;
	if (place->index > cache->per_slab)
		place->index = cache->per_slab;
	place->offset = distance - place->index * cache->stride;
	place->object = addr - place->offset;
	place->state = state_locked(cache, slab, place);
}

bool slab_locate(const void *addr, struct slab_place *place)
{
	const struct page *page = virt_is_direct(addr) ? virt_to_page(addr) : NULL;
	irqflags_t outer = irq_save(), inner;
	struct kmem_cache *cache = page ? page->slab_cache : NULL;

	if (cache) {
		inner = port_lock_irqsave(&cache->lock);
		fill_in_locked(cache, page->slab, addr, place);
		port_unlock_irqrestore(&cache->lock, inner);
	}
	irq_restore(outer);
	return cache != NULL;
}

/* --- wild pointers --- */

static bool describe_direct_end(uintptr_t addr, char *buf, size_t size)
{
	uintptr_t distance = addr - (uintptr_t)port_direct_map() - lowmem_bytes;

	if (distance >= DIRECT_MAP_HOLE)
		return false;
	(void)snprintf(buf, size, "%lu bytes past the end of the direct map of %lu MiB",
		       (unsigned long)distance, (unsigned long)(lowmem_bytes >> 20));
	return true;
}

bool locate_describe(uintptr_t addr, char *buf, size_t size)
{
	return kmap_describe(addr, buf, size) || describe_direct_end(addr, buf, size);
}

STATIC_ASSERT(sizeof(((struct slab_place *)NULL)->cache) == CACHE_NAME_MAX, "slab_place holds a whole name");
