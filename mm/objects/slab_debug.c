/* SPDX-License-Identifier: MIT */
/* Debugging of objects: see slab_debug.h. What is found in memory is looked at, never followed: a note, a free
 * list, a name may hold anything.
 *
 * Lock: an object that changes hands belongs to who holds it; the change itself is one atomic exchange of its
 * note's state (SD2), so of two who free it one is told. The cache's lock for its lists. Reports may be printed
 * under any lock. */
#include <mm/objects/slab_debug.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>

#define SHOWN_BYTES 8u
#define RED_WORD    (POISON_RED * 0x01010101u)

/* --- choosing --- */

static struct {
	const char *word;   /* slab_debug=: letters, then names with commas (C) */
	slab_flags_t flags; /* the letters (C) */
} chosen = {.word = ""};

static const char letters[] = "FZPUQ";
static const slab_flags_t letter_flag[] = {SLAB_CONSISTENCY_CHECKS, SLAB_RED_ZONE, SLAB_POISON,
					   SLAB_STORE_USER, SLAB_QUARANTINE};

bool slab_debug_parse(const char *text, size_t len, slab_flags_t *flags)
{
	*flags = 0;
	if (len == 1 && *text == '-')
		return true;
	for (size_t i = 0; i < len; i++) {
		const char *letter = memchr(letters, text[i], sizeof(letters) - 1);

		if (!letter)
			return false;
		*flags |= letter_flag[letter - letters];
	}
	return len != 0;
}

const char *slab_debug_letters(slab_flags_t flags, char buf[SLAB_DEBUG_LETTERS_MAX])
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(letter_flag); i++)
		if (flags & letter_flag[i])
			buf[nr++] = letters[i];
	buf[nr] = '\0';
	return buf;
}

static size_t word_length(const char *text)
{
	const char *comma = strchr(text, ',');

	return comma ? (size_t)(comma - text) : strlen(text);
}

const char *slab_debug_configure(const char *word)
{
	slab_flags_t flags = 0;

	if (*word && !slab_debug_parse(word, word_length(word), &flags))
		return "letters of FZPUQ, then commas and names of caches";
	chosen.word = word;
	chosen.flags = flags;
	return NULL;
}

void slab_debug_begin(void)
{
	mm_watch_set(WATCH_OBJECTS, true);
	kmalloc_note_sizes();
}

static bool name_matches(const char *pattern, size_t len, const char *name)
{
	if (len && pattern[len - 1] == '*')
		return strncmp(pattern, name, len - 1) == 0;
	return strlen(name) == len && strncmp(pattern, name, len) == 0;
}

slab_flags_t slab_debug_flags(const char *name, slab_flags_t flags)
{
	size_t len = word_length(chosen.word);
	const char *pattern = chosen.word + len;
	bool matches = len && !*pattern;

	while (*pattern && !matches) {
		pattern++;
		len = word_length(pattern);
		matches = name_matches(pattern, len, name);
		pattern += len;
	}
	return matches && !(flags & SLAB_NO_USER_FLAGS) ? flags | chosen.flags : flags;
}

/* --- patterns --- */

/* The first byte of [at, end) that is another, or NULL. */
static const uint8_t *find_other(const uint8_t *at, const uint8_t *end, uint8_t byte)
{
	uint32_t word = byte * 0x01010101u;

	for (; at < end && !IS_ALIGNED((uintptr_t)at, 4); at++)
		if (*at != byte)
			return at;
	at = port_find_other_word(at, (size_t)(end - at) & ~(size_t)3, word);
	for (; at < end; at++)
		if (*at != byte)
			return at;
	return NULL;
}

static void fill(void *start, size_t size_bytes, uint8_t byte)
{
	if (IS_ALIGNED((uintptr_t)start | size_bytes, 4))
		port_fill(start, size_bytes, byte * 0x01010101u);
	else
		memset(start, byte, size_bytes);
}

/* A part of an object's stride that holds nothing but `byte`. */
struct zone_of_object {
	const char *what;
	uint8_t *start, *end;
	uint8_t byte;
};

enum { ZONE_BEFORE, ZONE_BEHIND, ZONE_FREED };

/* A free object has its poison, too. */
static unsigned int nr_zones(bool is_free)
{
	return is_free ? ZONE_FREED + 1 : ZONE_FREED;
}

static struct zone_of_object object_zone(const struct kmem_cache *cache, const void *object, unsigned int n,
					 uint32_t size)
{
	uint8_t *start = (uint8_t *)(uintptr_t)object, *end = start + cache->object_size;
	bool has_red = cache->flags & SLAB_RED_ZONE;

	ASSERT(size <= cache->object_size && n <= ZONE_FREED);
	switch (n) {
	case ZONE_BEFORE:
		return (struct zone_of_object){"before its start", start - slab_left_zone(cache), start,
					       POISON_RED};
	case ZONE_BEHIND:
		return (struct zone_of_object){"behind its end", has_red ? start + size : end,
					       has_red ? end + SLAB_RED_BYTES : end, POISON_RED};
	default:
		return (struct zone_of_object){"after it was freed", start,
					       cache->flags & SLAB_POISON ? end : start, POISON_FREED};
	}
}

/* Bytes of the object that are its owner's: all of a free one, and where no red zone begins behind what was asked for.
 * What a note says is believed within reason. */
static uint32_t owned_bytes(const struct kmem_cache *cache, const struct object_note *note)
{
	bool ends_early = cache->flags & SLAB_RED_ZONE && note->state == NOTE_LIVE;

	return ends_early ? MIN(note->size, cache->object_size) : cache->object_size;
}

/* Behind what was asked for: a red zone, or zeros for krealloc (K2). */
static void fill_slack(const struct kmem_cache *cache, void *object, size_t size_bytes)
{
	ASSERT(size_bytes <= cache->object_size);
	if (size_bytes != cache->object_size)
		memset((char *)object + size_bytes, cache->flags & SLAB_RED_ZONE ? (int)POISON_RED : 0,
		       cache->object_size - size_bytes);
}

static const uint8_t *find_damage(const struct kmem_cache *cache, const void *object, bool is_free,
				  uint32_t size, struct zone_of_object *zone)
{
	for (unsigned int n = 0; n < nr_zones(is_free); n++) {
		const uint8_t *at;

		*zone = object_zone(cache, object, n, size);
		at = find_other(zone->start, zone->end, zone->byte);
		if (unlikely(at))
			return at;
	}
	return NULL;
}

/* --- who did it --- */

void object_track_note(struct object_track *track, const void *caller)
{
	const char *task = port_task_name();
	unsigned int i = 0;

	ASSERT(task);
	track->caller = caller;
	track->at_ms = (uint32_t)port_now_ms();
	for (; i < TRACK_TASK_MAX - 1 && task[i]; i++)
		track->task[i] = task[i];
	track->task[i] = '\0';
}

const char *object_track_text(const struct object_track *track, const char *verb, char *buf, size_t size)
{
	char code[64], task[TRACK_TASK_MAX];

	buf[0] = '\0';
	if (!track->caller)
		return buf;
	for (unsigned int i = 0; i < TRACK_TASK_MAX; i++)
		task[i] = track->task[i] >= ' ' && track->task[i] <= '~' ? track->task[i] : '\0';
	(void)snprintf(buf, size, "%s by %s in %.15s at %u.%03u s", verb,
		       port_code_name(track->caller, code, sizeof(code)), task, track->at_ms / 1000,
		       track->at_ms % 1000);
	return buf;
}

static const char *track_text(const struct kmem_cache *cache, const struct object_track *track,
			      const char *verb, char *buf, size_t size)
{
	buf[0] = '\0';
	return cache->flags & SLAB_STORE_USER ? object_track_text(track, verb, buf, size) : buf;
}

const char *slab_debug_allocated_text(const struct kmem_cache *cache, const void *object, char *buf,
				      size_t size)
{
	return track_text(cache, &object_note(cache, object)->allocated, "allocated", buf, size);
}

const char *slab_debug_freed_text(const struct kmem_cache *cache, const void *object, char *buf, size_t size)
{
	return track_text(cache, &object_note(cache, object)->freed, "freed", buf, size);
}

/* --- reports --- */

static void print_tracks(const struct kmem_cache *cache, const void *object)
{
	char text[TRACK_TEXT_MAX];

	if (*slab_debug_allocated_text(cache, object, text, sizeof(text)))
		port_print(PORT_ERR, "  %s", text);
	if (*slab_debug_freed_text(cache, object, text, sizeof(text)))
		port_print(PORT_ERR, "  %s", text);
}

static void print_bytes(char text[SHOWN_BYTES * 3 + 1], const uint8_t *at, unsigned int nr)
{
	text[0] = '\0';
	for (unsigned int i = 0; i < nr; i++)
		(void)snprintf(text + 3 * i, 4, " %02x", at[i]);
}

void slab_debug_print_bytes(int offset, const uint8_t *at, const uint8_t *last, uint8_t byte)
{
	unsigned int nr = (unsigned int)(last - at) + 1, shown = MIN(nr, SHOWN_BYTES);
	char should[SHOWN_BYTES * 3 + 1], is[SHOWN_BYTES * 3 + 1];
	uint8_t expected[SHOWN_BYTES];

	ASSERT(last >= at && shown);
	memset(expected, byte, sizeof(expected));
	print_bytes(should, expected, shown);
	print_bytes(is, at, shown);
	port_print(PORT_ERR, "  at offset %d: expected%s%s, found%s%s (%u byte%s)", offset, should,
		   nr > shown ? " ..." : "", is, nr > shown ? " ..." : "", nr, nr == 1 ? "" : "s");
}

/* From the first wrong byte to the last one. */
static void print_zone(const void *object, const struct zone_of_object *zone, const uint8_t *at)
{
	const uint8_t *last = zone->end - 1;

	ASSERT(at >= zone->start && at <= last && *at != zone->byte);
	while (last > at && *last == zone->byte)
		last--;
	slab_debug_print_bytes((int)(at - (const uint8_t *)object), at, last, zone->byte);
}

/* One block for all that was done to the object; each part is filled again. */
static COLD void report_damage(const struct kmem_cache *cache, const void *object, bool is_free,
			       uint32_t size, const char *when, const void *caller)
{
	struct zone_of_object zone = object_zone(cache, object, 0, size);
	irqflags_t flags = irq_save(); /* so that nobody prints in between */
	const uint8_t *at;
	char code[64];

	(void)find_damage(cache, object, is_free, size, &zone);
	port_print(PORT_ERR, "BUG: object %#lx of cache %s (%u bytes) was written to %s, %s by %s; mended",
		   (unsigned long)object, cache->name, size, zone.what, when,
		   port_code_name(caller, code, sizeof(code)));
	for (unsigned int n = 0; n < nr_zones(is_free); n++) {
		zone = object_zone(cache, object, n, size);
		at = find_other(zone.start, zone.end, zone.byte);
		if (!at)
			continue;
		print_zone(object, &zone, at);
		memset(zone.start, zone.byte, (size_t)(zone.end - zone.start));
	}
	print_tracks(cache, object);
	irq_restore(flags);
}

static bool left_zone_is_whole(const void *object)
{
	const uint32_t *red = (const uint32_t *)object - SLAB_RED_BYTES / 4;

	return ((red[0] ^ RED_WORD) | (red[1] ^ RED_WORD) | (red[2] ^ RED_WORD) | (red[3] ^ RED_WORD)) == 0;
}

/* find_damage() in few instructions. */
static bool is_whole(const struct kmem_cache *cache, const uint8_t *object, bool is_free, uint32_t size)
{
	const uint8_t *end = object + cache->object_size;

	if (cache->flags & SLAB_RED_ZONE && ((slab_left_zone(cache) && !left_zone_is_whole(object)) ||
					     find_other(object + size, end + SLAB_RED_BYTES, POISON_RED)))
		return false;
	return !is_free || !(cache->flags & SLAB_POISON) || !find_other(object, end, POISON_FREED);
}

static void check_object(const struct kmem_cache *cache, const void *object, bool is_free, uint32_t size,
			 const char *when, const void *caller)
{
	if (unlikely(!is_whole(cache, object, is_free, size)))
		report_damage(cache, object, is_free, size, when, caller);
}

static COLD bool report_bad_free(const struct kmem_cache *cache, const void *object, const void *caller,
				 const char *what, bool has_note)
{
	irqflags_t flags = irq_save();

	slab_report_bad_object(cache, object, caller, what);
	if (has_note)
		print_tracks(cache, object);
	irq_restore(flags);
	return false;
}

/* --- where an object is (SD2) --- */

static bool note_is_moving(const struct object_note *note)
{
	uint32_t state = READ_ONCE(note->state);

	return state == NOTE_MOVING || state == NOTE_FRESH;
}

static bool note_is_sound(const struct object_note *note)
{
	uint32_t state = READ_ONCE(note->state);

	return state == NOTE_LIVE || state == NOTE_FREE || state == NOTE_QUARANTINE || note_is_moving(note);
}

void slab_debug_make_fresh(struct kmem_cache *cache, void *object)
{
	struct object_note *note = object_note(cache, object);

	ASSERT(cache_is_debugged(cache));
	if (cache->flags & SLAB_RED_ZONE) {
		fill((char *)object - slab_left_zone(cache), slab_left_zone(cache), POISON_RED);
		fill((char *)object + cache->object_size, SLAB_RED_BYTES, POISON_RED);
	}
	if (cache->flags & SLAB_STORE_USER)
		note->allocated.caller = note->freed.caller = NULL;
}

/* --- handing out --- */

void slab_debug_hand_out(struct kmem_cache *cache, void *object, size_t size_bytes, const void *caller)
{
	struct object_note *note = object_note(cache, object);

	ASSERT(note_is_moving(note) || !note_is_sound(note)); /* SD2 */
	ASSERT(cache_is_debugged(cache) && size_bytes <= cache->object_size);
	if (cache->flags & (SLAB_RED_ZONE | SLAB_POISON))
		check_object(cache, object, note->state == NOTE_MOVING, cache->object_size,
			     "seen when allocated", caller);
	if (cache->flags & SLAB_POISON)
		fill(object, size_bytes, POISON_FRESH);
	fill_slack(cache, object, size_bytes);
	note->size = (uint32_t)size_bytes;
	if (cache->flags & SLAB_STORE_USER)
		object_track_note(&note->allocated, caller);
	__atomic_store_n(&note->state, NOTE_LIVE, __ATOMIC_RELEASE);
}

/* --- taking back --- */

/* What a note that is none should say: somebody wrote far behind an object's end. */
static uint32_t state_by_list_locked(const struct kmem_cache *cache, const struct page *first,
				     const void *object)
{
	const char *free = first->freelist;

	ASSERT(port_lock_is_held(&cache->lock));
	for (unsigned int nr = 0; free && nr < cache->per_slab; nr++) {
		if (free == object)
			return NOTE_FREE;
		if (!slab_debug_is_free(cache, first, free))
			break;
		free = object_note(cache, free)->link;
	}
	return NOTE_LIVE;
}

static COLD void mend_note(struct kmem_cache *cache, const struct page *first, void *object, const char *when,
			   const void *caller)
{
	struct object_note *note = object_note(cache, object);
	uint32_t state = state_by_list_locked(cache, first, object);
	char code[64];

	ASSERT(port_lock_is_held(&cache->lock) && !note_is_sound(note)); /* SD2 */
	port_print(
		PORT_ERR,
		"BUG: object %#lx of cache %s (%u bytes) was written to far behind its end, %s by %s; mended",
		(unsigned long)object, cache->name, cache->object_size, when,
		port_code_name(caller, code, sizeof(code)));
	port_print(PORT_ERR, "  at offset %u: expected %08x, found %08x",
		   cache->link_offset + (unsigned int)offsetof(struct object_note, state), state,
		   note->state);
	if (cache->flags & SLAB_RED_ZONE)
		fill((char *)object + cache->object_size, SLAB_RED_BYTES, POISON_RED);
	if (cache->flags & SLAB_STORE_USER)
		note->allocated.caller = note->freed.caller = NULL;
	note->size = cache->object_size;
	note->state = state;
}

static COLD void mend_note_when_freed(struct kmem_cache *cache, const struct page *first, void *object,
				      const void *caller)
{
	irqflags_t flags = port_lock_irqsave(&cache->lock);

	if (!note_is_sound(object_note(cache, object)))
		mend_note(cache, first, object, "seen when freed", caller);
	port_unlock_irqrestore(&cache->lock, flags);
}

/* The state goes from LIVE to MOVING once, whoever else tries. */
static bool claim(struct kmem_cache *cache, struct page *first, void *object, const void *caller)
{
	struct object_note *note = object_note(cache, object);
	uint32_t state = NOTE_LIVE;

	ASSERT(first->slab_cache == cache && cache_is_debugged(cache));
	if (unlikely(!note_is_sound(note)))
		mend_note_when_freed(cache, first, object, caller);
	if (likely(__atomic_compare_exchange_n(&note->state, &state, NOTE_MOVING, false, __ATOMIC_ACQUIRE,
					       __ATOMIC_RELAXED)))
		return true;
	return report_bad_free(cache, object, caller, "already free", true);
}

/* kfree has seen that it is a multiple of the stride in a slab of the cache. */
static const char *why_no_object(const struct kmem_cache *cache, const struct page *first, const void *object)
{
	uint32_t offset = object_offset(cache, (uintptr_t)object);

	ASSERT(first->slab_cache == cache && first->slab == first); /* S4 */
	if (unlikely((const char *)object < slab_base(first) + slab_left_zone(cache)))
		return "before the first object of its slab";
	return unlikely(offset >= first->bump * cache->stride) ? "an object never handed out" : NULL;
}

void slab_debug_take_back(struct kmem_cache *cache, void *object, const void *caller)
{
	struct page *first = virt_to_page(object)->slab;
	const char *wrong = why_no_object(cache, first, object);
	struct object_note *note = object_note(cache, object);

	if (unlikely(wrong)) {
		(void)report_bad_free(cache, object, caller, wrong, false);
		return;
	}
	if (unlikely(!claim(cache, first, object, caller)))
		return;
	if (cache->flags & SLAB_RED_ZONE)
		check_object(cache, object, false, MIN(note->size, cache->object_size), "seen when freed",
			     caller);
	if (cache->flags & SLAB_STORE_USER)
		object_track_note(&note->freed, caller);
	if (cache->flags & SLAB_POISON)
		fill(object, cache->object_size, POISON_FREED);
	else if (mm_watch & WATCH_INIT_FREE && !cache->ctor)
		memset(object, 0, cache->object_size);
	if (!(cache->flags & SLAB_QUARANTINE) || !quarantine_put(cache, object))
		(void)slab_put_back(cache, object);
}

/* --- the free list --- */

static char *object_at(const struct kmem_cache *cache, const struct page *first, uint32_t number)
{
	return slab_window(cache, first) + number * cache->stride;
}

/* From the notes. Objects of which the note is gone stay out of use. */
static COLD void rebuild_list_locked(struct kmem_cache *cache, struct page *first)
{
	uint32_t start = slab_start(cache, first), in_use = 0;

	ASSERT(port_lock_is_held(&cache->lock) && first->slab_cache == cache);
	first->freelist = NULL;
	for (uint32_t number = start; number < first->bump; number++) {
		char *object = object_at(cache, first, number);

		if (object_note(cache, object)->state == NOTE_FREE) {
			object_note(cache, object)->link = first->freelist;
			first->freelist = object;
		} else {
			in_use++;
		}
	}
	if (first->in_use == 0 && in_use) {
		cache->nr_empty--;
		list_move(&first->links, &cache->partial);
	}
	cache->nr_in_use += in_use - first->in_use;
	first->in_use = (uint16_t)in_use;
	if (in_use == slab_room(cache, first))
		list_move(&first->links, &cache->full);
}

static COLD void report_list(const struct kmem_cache *cache, const struct page *first)
{
	port_print(PORT_ERR,
		   "BUG: the free list of slab %#lx of cache %s was damaged: it begins with %#lx, expected "
		   "one of "
		   "its free objects; mended",
		   (unsigned long)slab_base(first), cache->name, (unsigned long)first->freelist);
}

bool slab_debug_mend_damaged_list_locked(struct kmem_cache *cache, struct page *first)
{
	ASSERT(port_lock_is_held(&cache->lock) && cache_is_debugged(cache));
	report_list(cache, first);
	rebuild_list_locked(cache, first);
	return first->in_use < slab_room(cache, first);
}

/* --- asking --- */

bool slab_debug_is_live(const struct kmem_cache *cache, const void *object)
{
	return !why_no_object(cache, virt_to_page(object)->slab, object) &&
	       object_note(cache, object)->state == NOTE_LIVE;
}

size_t slab_size_asked_for(const struct kmem_cache *cache, const void *object)
{
	return cache_is_debugged(cache) ? owned_bytes(cache, object_note(cache, object)) : cache->object_size;
}

void slab_debug_resize(struct kmem_cache *cache, void *object, size_t size_bytes, const void *caller)
{
	struct object_note *note = object_note(cache, object);
	uint32_t size = owned_bytes(cache, note);

	check_object(cache, object, false, size, "seen when resized", caller);
	if (cache->flags & SLAB_POISON && size_bytes > size)
		memset((char *)object + size, POISON_FRESH, size_bytes - size);
	fill_slack(cache, object, size_bytes);
	note->size = (uint32_t)size_bytes;
	if (cache->flags & SLAB_STORE_USER)
		object_track_note(&note->allocated, caller);
}

const char *slab_debug_why_damaged(const struct kmem_cache *cache, const void *object)
{
	const struct object_note *note = object_note(cache, object);
	struct zone_of_object zone;
	bool is_free = note->state != NOTE_LIVE;

	if (!note_is_sound(note))
		return "far behind its end";
	if (note_is_moving(note) || !find_damage(cache, object, is_free, owned_bytes(cache, note), &zone))
		return NULL;
	return zone.what;
}

static unsigned int check_slab_locked(struct kmem_cache *cache, struct page *first, const void *caller)
{
	unsigned int nr = 0;

	ASSERT(port_lock_is_held(&cache->lock));
	(void)slab_debug_mend_list_locked(cache, first);
	for (uint32_t number = slab_start(cache, first); number < first->bump; number++) {
		void *object = object_at(cache, first, number);
		const struct object_note *note = object_note(cache, object);

		if (likely(!slab_debug_why_damaged(cache, object)))
			continue;
		nr++;
		if (note_is_sound(note))
			report_damage(cache, object, note->state != NOTE_LIVE, owned_bytes(cache, note),
				      "seen in a check", caller);
		else
			mend_note(cache, first, object, "seen in a check", caller);
	}
	return nr;
}

static unsigned int check_list_locked(struct kmem_cache *cache, struct list_head *list, const void *caller)
{
	unsigned int nr = 0;
	struct page *first, *next;

	ASSERT(port_lock_is_held(&cache->lock));
	list_for_each_entry_safe(first, next, list, links)
		nr += check_slab_locked(cache, first, caller);
	return nr;
}

unsigned int slab_debug_check(struct kmem_cache *cache)
{
	const void *caller = RETURN_ADDRESS();
	irqflags_t flags = port_lock_irqsave(&cache->lock);
	unsigned int nr = 0;

	if (cache_is_debugged(cache)) {
		nr += check_list_locked(cache, &cache->partial, caller);
		nr += check_list_locked(cache, &cache->full, caller);
	}
	port_unlock_irqrestore(&cache->lock, flags);
	return nr;
}

/* --- other letters for a cache --- */

const char *slab_debug_change(struct kmem_cache *cache, slab_flags_t letters_wanted)
{
	irqflags_t flags;
	bool is_empty;

	ASSERT(!port_in_interrupt());
	slab_keep_closed(cache, true);
	(void)kmem_cache_shrink(cache);
	flags = port_lock_irqsave(&cache->lock);
	is_empty = cache->nr_slabs == 0;
	if (is_empty)
		slab_set_layout(cache, (cache->flags & ~SLAB_DEBUG_FLAGS) | letters_wanted);
	port_unlock_irqrestore(&cache->lock, flags);
	slab_keep_closed(cache, false);
	if (letters_wanted)
		slab_debug_begin();
	return is_empty ? NULL : "it has live objects, and its layout would change";
}
