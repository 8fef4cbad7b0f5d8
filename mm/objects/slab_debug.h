/* SPDX-License-Identifier: MIT */
/* Debugging of objects. Serves CONTRACT S5. `slab_debug=FZPUQ[,cache…]` on the kernel's command line chooses the
 * letters for all caches or for those named ("kmalloc-*" names all that begin so), a cache's flags at its
 * creation and `debug CACHE LETTERS` in the monitor for one.
 *
 *   F  consistency: a double free is seen wherever the object is, a damaged free list mended. All letters imply it
 *   Z  red zones around the object, and over the slack between what kmalloc was asked for and its class
 *   P  poison: freed objects are seen to stay as they are until they are handed out again, where they hold
 *      another pattern, neither zeros nor what the last owner left. Not where a constructor's work must stay
 *   U  who allocated and who freed: call site, task, time
 *   Q  quarantine: a freed object is not used again before QUARANTINE_OBJECTS further frees
 *
 * A debugged cache is in slow mode and has a layout of its own, with a note behind each object:
 *
 *   | 16 red | object_size | 16 red | note: link, state, size asked for | by whom (U) | to the next stride
 *            ^ number * stride
 *
 * The red zone before an object lies in the stride before, so that alignment costs nothing more: number 0 of a
 * slab is nobody's. Only where two strides are more than the largest slab there is no zone before, and where one
 * is, no debugging.
 *
 * Each report is a line that begins with BUG and the lines behind it, which begin with two blanks: what, which
 * object and cache; offset, what was expected and what was found; who allocated and who freed it. It allocates
 * nothing and follows no pointer that it found in memory. What was damaged is mended, and everything goes on.
 *
 * SD1 the red zones of an object below the bump index of its slab are whole.
 * SD2 a note's state says where its object is: handed out, free in its slab, in quarantine, or on the way.
 * SD3 a free object of a cache with P holds its poison.
 */
#pragma once

#include <mm/objects/slab_internal.h>

#define POISON_FRESH	   0xa5u /* handed out and not written yet */
#define POISON_FREED	   0x6bu
#define POISON_RED	   0xb5u

#define QUARANTINE_OBJECTS 64u

#define TRACK_TASK_MAX	   16

struct object_track {
	const void *caller; /* NULL: nobody yet */
	uint32_t at_ms;	    /* since boot */
	char task[TRACK_TASK_MAX];
};

enum note_state {
	NOTE_LIVE = 0x11fe0bad,
	NOTE_FREE = 0xf4ee0b1e,
	NOTE_MOVING = 0x30710b1e,
	NOTE_FRESH = 0xf4e50b1e, /* on its way for the first time */
	NOTE_QUARANTINE = 0x9a4a0b1e,
};

/* Whose it is: the object's owner's while it changes hands, else under the cache's lock. */
struct object_note {
	void *link; /* at link_offset: to the next free object */
	uint32_t state;
	uint32_t size;			      /* asked for */
	struct object_track allocated, freed; /* only with U */
};

static inline struct object_note *object_note(const struct kmem_cache *cache, const void *object)
{
	return (struct object_note *)(void *)((char *)(uintptr_t)object + cache->link_offset);
}

/* --- choosing --- */

/* What slab_debug= says; kept as it is, so `word` stays. Before the caches it names come up. Result: NULL, or what
 * was expected instead, and nothing is changed. Context: boot. */
const char *slab_debug_configure(const char *word) MUST_CHECK;

/* The flags of a cache of that name that asks for `flags`. */
slab_flags_t slab_debug_flags(const char *name, slab_flags_t flags);

/* Letters to flags; "-" are none. Result: false: another letter is among them. */
bool slab_debug_parse(const char *letters, size_t len, slab_flags_t *flags) MUST_CHECK;

/* The other way round, to buf. Result: buf. */
#define SLAB_DEBUG_LETTERS_MAX 6
const char *slab_debug_letters(slab_flags_t flags, char buf[SLAB_DEBUG_LETTERS_MAX]);

/* Give a cache other letters. Result: NULL, or why that cannot be: it has live objects. Context: process. */
const char *slab_debug_change(struct kmem_cache *cache, slab_flags_t flags) MUST_CHECK;

/* There is a debugged cache: from now on slow paths look, and kmalloc passes on what it was asked for. */
void slab_debug_begin(void);

/* --- what the slow paths of a debugged cache do --- */

/* Is it a free object of that slab? */
static inline bool slab_debug_is_free(const struct kmem_cache *cache, const struct page *first,
				      const char *object)
{
	const char *start = slab_base(first) + slab_left_zone(cache);
	uint32_t offset = object_offset(cache, (uintptr_t)object);

	return object >= start && object < slab_base(first) + (PAGE_SIZE << first->order) &&
	       object_is_whole(cache, offset) && offset < first->bump * cache->stride &&
	       object_note(cache, object)->state == NOTE_FREE;
}

/* The free list of a slab is whole, or made so again after a report. Result: is there an object to take? Cache
 * locked. */
bool slab_debug_mend_damaged_list_locked(struct kmem_cache *cache, struct page *first);

static inline bool slab_debug_mend_list_locked(struct kmem_cache *cache, struct page *first)
{
	ASSERT_AT(1, port_lock_is_held(&cache->lock));
	return likely(!first->freelist || slab_debug_is_free(cache, first, first->freelist)) ||
	       slab_debug_mend_damaged_list_locked(cache, first);
}

/* An object is taken out of its slab; and put back into it. Cache locked. */
void slab_debug_make_fresh(struct kmem_cache *cache, void *object);

static inline void slab_debug_taken_locked(struct kmem_cache *cache, void *object, bool is_fresh)
{
	ASSERT_AT(1, port_lock_is_held(&cache->lock));
	ASSERT_AT(1, is_fresh || object_note(cache, object)->state == NOTE_FREE); /* SD2 */
	if (is_fresh)
		slab_debug_make_fresh(cache, object);
	object_note(cache, object)->state = is_fresh ? NOTE_FRESH : NOTE_MOVING;
}

static inline void slab_debug_put_locked(struct kmem_cache *cache, void *object)
{
	ASSERT_AT(1, port_lock_is_held(&cache->lock));
	ASSERT_AT(1, object_note(cache, object)->state != NOTE_FREE &&
			     object_note(cache, object)->state != NOTE_LIVE); /* SD2 */
	object_note(cache, object)->state = NOTE_FREE;
}

/* The object was taken out of its slab and goes to its owner. */
void slab_debug_hand_out(struct kmem_cache *cache, void *object, size_t size_bytes, const void *caller);

/* The owner gives it back. */
void slab_debug_take_back(struct kmem_cache *cache, void *object, const void *caller);

/* quarantine.c. Result: it stays there. Then another may have gone to its slab. Context: any. */
bool quarantine_put(struct kmem_cache *cache, void *object);

/* Those of this cache go to their slabs. Result: pages of slabs that went with them. Context: any. */
size_t quarantine_drain(const struct kmem_cache *cache);

/* --- asking --- */

/* Is it an object of the debugged cache that somebody has? */
bool slab_debug_is_live(const struct kmem_cache *cache, const void *object);

/* Bytes of a live object that may hold what its owner wrote: all but a red zone; whatever the cache is. */
size_t slab_size_asked_for(const struct kmem_cache *cache, const void *object);

/* The owner of a live object asks for another size, of the same class. */
void slab_debug_resize(struct kmem_cache *cache, void *object, size_t size_bytes, const void *caller);

/* Looks at all objects of the cache; a report for each that is damaged, which is mended. Result: how many were.
 * Context: any; the lists of the cache stay still meanwhile. */
unsigned int slab_debug_check(struct kmem_cache *cache);

/* The first thing that is wrong with an object below the bump index, in words ("red zone behind it"), or NULL.
 * Cache locked. */
const char *slab_debug_why_damaged(const struct kmem_cache *cache, const void *object);

/* Who allocated it, and who freed it last, as below; "" without U. Result: buf. */
const char *slab_debug_allocated_text(const struct kmem_cache *cache, const void *object, char *buf,
				      size_t size);
const char *slab_debug_freed_text(const struct kmem_cache *cache, const void *object, char *buf, size_t size);

/* A line of a report: bytes from `at` to `last`, which lie at that offset of something, should all be `byte`. Context:
 * any. */
void slab_debug_print_bytes(int offset, const uint8_t *at, const uint8_t *last, uint8_t byte);

/* Notes who runs now, and which code asks. Context: any. */
void object_track_note(struct object_track *track, const void *caller);

/* "allocated by f+0x12 in boot at 1.234 s" to buf, cut to size; "" where nobody is known. Result: buf. */
const char *object_track_text(const struct object_track *track, const char *verb, char *buf, size_t size);
#define TRACK_TEXT_MAX 128
