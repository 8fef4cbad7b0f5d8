/* SPDX-License-Identifier: MIT */
/* An address looked up in its slab. An object below the bump index is free when the slab's list, the CPU's
 * stack or the depot holds it, else handed out. Lock: the cache's, which keeps all three still. */
#include <mm/report/locate.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/dma/bounce.h>
#include <mm/mapped/kmap.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/depot.h>
#include <mm/report/guard.h>

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
	ASSERT(port_lock_is_held(&cache->lock) && slab->slab_cache == cache); /* S4 */
	if (place->index < slab_start(cache, slab) || place->index >= slab_end(cache, slab))
		return SLAB_PLACE_REST;
	if (place->index >= slab->bump)
		return SLAB_PLACE_NEVER;
	if (list_holds(cache, slab, place->object))
		return SLAB_PLACE_FREE;
	if (stack_holds(cache, place->object))
		return SLAB_PLACE_PARKED;
	return depot_holds_locked(cache, place->object) ? SLAB_PLACE_IN_DEPOT : SLAB_PLACE_HANDED_OUT;
}

static void fill_in_locked(const struct kmem_cache *cache, const struct page *slab, const char *addr,
			   struct slab_place *place)
{
	uint32_t distance = object_offset(cache, (uintptr_t)addr);

	ASSERT(port_lock_is_held(&cache->lock));
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
	return guard_describe(addr, buf, size) || vmalloc_describe(addr, buf, size) ||
	       kmap_describe(addr, buf, size) || describe_direct_end(addr, buf, size);
}

/* --- reports --- */

static void describe_direct(const void *addr, char *buf, size_t size)
{
	struct slab_place place;
	char text[96];

	if (slab_locate(addr, &place))
		snprintf(buf, size, "offset %u of a %s object of cache %s (%u bytes)", place.offset,
			 place.state == SLAB_PLACE_HANDED_OUT ? "live" : "free", place.cache,
			 place.object_size);
	else if (!dma_bounce_describe(addr, buf, size))
		snprintf(buf, size, "page is %s", page_describe(virt_to_page(addr), text, sizeof(text)));
}

const char *locate_phrase(const void *addr, char *buf, size_t size)
{
	if (virt_is_direct(addr))
		describe_direct(addr, buf, size);
	else if (!locate_describe((uintptr_t)addr, buf, size))
		snprintf(buf, size, "outside the direct map");
	return buf;
}

COLD paddr_t virt_to_phys_refused(const volatile void *addr, const void *caller)
{
	char what[160], code[64];

	port_print(PORT_ERR,
		   "BUG: virt_to_phys of %#lx by %s: expected an address in the direct map, found %s",
		   (unsigned long)addr, port_code_name(caller, code, sizeof(code)),
		   locate_phrase((const void *)addr, what, sizeof(what)));
	return PADDR_NONE;
}

STATIC_ASSERT(sizeof(((struct slab_place *)NULL)->cache) == CACHE_NAME_MAX, "slab_place holds a whole name");
