/* SPDX-License-Identifier: MIT */
/* Freed objects of caches with Q wait here for so many further frees, whatever caches those are of. A ring: who
 * comes takes the place of who goes. While somebody waits for memory nothing stays.
 *
 * Lock: quarantine.lock, inside which no other is taken. */
#include <mm/objects/slab_debug.h>

#include <kernel/lib/assert.h>
#include <mm/pages/above.h>

static struct {
	struct port_lock lock;
	void *ring[QUARANTINE_OBJECTS]; /* (L) NULL: the place is free */
	unsigned int next;		/* (L) the oldest */
} quarantine = {.lock = {.name = "quarantine"}};

static size_t let_go(void *object)
{
	ASSERT(virt_is_direct(object) && virt_to_page(object)->slab_cache);
	return slab_put_back(virt_to_page(object)->slab_cache, object);
}

bool quarantine_put(struct kmem_cache *cache, void *object)
{
	irqflags_t flags = port_lock_irqsave(&quarantine.lock);
	bool stays = !wait_somebody();
	void *oldest = NULL;

	ASSERT(object_note(cache, object)->state == NOTE_MOVING); /* SD2 */
	ASSERT(quarantine.next < QUARANTINE_OBJECTS);
	if (stays) {
		oldest = quarantine.ring[quarantine.next];
		quarantine.ring[quarantine.next] = object;
		quarantine.next = (quarantine.next + 1) % QUARANTINE_OBJECTS;
		object_note(cache, object)->state = NOTE_QUARANTINE;
	}
	port_unlock_irqrestore(&quarantine.lock, flags);
	if (oldest)
		(void)let_go(oldest);
	return stays;
}

static void *take_one(const struct kmem_cache *cache)
{
	irqflags_t flags = port_lock_irqsave(&quarantine.lock);
	void *found = NULL;

	for (unsigned int i = 0; i < QUARANTINE_OBJECTS && !found; i++) {
		void **place = &quarantine.ring[(quarantine.next + i) % QUARANTINE_OBJECTS];

		ASSERT(!*place || virt_to_page(*place)->slab_cache); /* it keeps its slab */
		if (*place && virt_to_page(*place)->slab_cache == cache) {
			found = *place;
			*place = NULL;
		}
	}
	port_unlock_irqrestore(&quarantine.lock, flags);
	return found;
}

size_t quarantine_drain(const struct kmem_cache *cache)
{
	size_t pages = 0;
	void *object;

	while ((object = take_one(cache)))
		pages += let_go(object);
	return pages;
}
