/* SPDX-License-Identifier: MIT */
/* Caches as a whole: how they come into being and go, the list of them, and what is done to all. What happens
 * inside one is in slab.c; the layout and the invariants are in slab_internal.h.
 *
 * Lock: slab.lock, for the list of caches, that of open ones, and the names; before cache->lock. It is held
 * for one cache at a time: a walk pins the cache it is at, and who destroys that leaves it to the walk.
 *
 * SC1 a cache is in the list `open` while its stack is open or holds anything.
 * SC2 while there is a reason to close all, no stack opens: the mode is computed under both locks, after the
 * reason was given and before it is gone. */
#include <mm/objects/slab.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/objects/above.h>
#include <mm/objects/depot.h>
#include <mm/objects/slab_debug.h>
#include <mm/objects/slab_internal.h>
#include <mm/objects/slab_names.h>
#include <mm/pages/above.h>

#define MAX_SLAB_ORDER	   4
#define LARGEST_SLAB_BYTES (PAGE_SIZE << MAX_SLAB_ORDER)
#define MAX_PER_SLAB	   512
#define WANT_PER_SLAB	   2

static struct {
	struct port_lock lock;
	struct list_head caches, open;	  /* (L) */
	unsigned int closed_for;	  /* enum slow_reason: all stacks are closed */
	struct created_cache cache_cache; /* the cache of caches */
} slab;

struct list_head *slab_caches(void)
{
	return &slab.caches;
}

/* --- one after another --- */

/* Result: it was dead, and is the caller's to free. */
static bool unpin_locked(struct kmem_cache *cache)
{
	ASSERT(port_lock_is_held(&slab.lock) && cache->nr_pins);
	if (--cache->nr_pins || !cache->is_dead)
		return false;
	ASSERT(list_is_empty(&cache->open) && !cache->nr_slabs && !cache->nr_in_use);
	list_del(&cache->caches);
	return true;
}

static void free_cache(struct kmem_cache *cache)
{
	kmem_cache_free(&slab.cache_cache.cache, container_of(cache, struct created_cache, cache));
}

struct kmem_cache *slab_next(struct kmem_cache *cache)
{
	irqflags_t flags = port_lock_irqsave(&slab.lock);
	struct list_head *node = cache ? cache->caches.next : slab.caches.next;
	struct kmem_cache *next = NULL;
	bool is_last_pin;

	ASSERT(!port_in_interrupt());
	ASSERT(!cache || cache->nr_pins);
	if (node != &slab.caches) {
		next = list_entry(node, struct kmem_cache, caches);
		next->nr_pins++;
	}
	is_last_pin = cache && unpin_locked(cache);
	port_unlock_irqrestore(&slab.lock, flags);
	if (is_last_pin)
		free_cache(cache);
	return next;
}

void slab_let_go(struct kmem_cache *cache)
{
	irqflags_t flags = port_lock_irqsave(&slab.lock);
	bool is_last_pin = unpin_locked(cache);

	port_unlock_irqrestore(&slab.lock, flags);
	if (is_last_pin)
		free_cache(cache);
}

/* --- slow mode, reclaim --- */

static bool all_are_closed(void)
{
	return READ_ONCE(slab.closed_for) || wait_somebody();
}

static bool is_closed(const struct kmem_cache *cache)
{
	return all_are_closed() || cache->keep_closed || cache_is_debugged(cache);
}

/* SC1, SC2. Result: is it open? */
static bool set_mode(struct kmem_cache *cache)
{
	irqflags_t flags = port_lock_irqsave(&slab.lock), inner = port_lock_irqsave(&cache->lock);
	struct pcpu_stack *stack = slab_stack_here(cache);

	ASSERT(stack->count <= stack->capacity && (!stack->count || !list_is_empty(&cache->open))); /* SC1 */
	WRITE_ONCE(stack->limit, is_closed(cache) ? 0 : stack->capacity);
	if (stack->limit && list_is_empty(&cache->open))
		list_add_tail(&cache->open, &slab.open);
	else if (!stack->limit && !slab_parks_any(cache))
		list_del_init(&cache->open);
	ASSERT((!stack->limit && !slab_parks_any(cache)) || !list_is_empty(&cache->open)); /* SC1 */
	port_unlock_irqrestore(&cache->lock, inner);
	port_unlock_irqrestore(&slab.lock, flags);
	return READ_ONCE(stack->limit) != 0;
}

bool slab_try_open(struct kmem_cache *cache)
{
	return !is_closed(cache) && set_mode(cache);
}

/* Limit first, then the drain: whoever interrupts it finds the stack closed. */
static void close_stack(struct kmem_cache *cache)
{
	(void)set_mode(cache);
	(void)slab_drain_stack(cache, RETURN_ADDRESS());
	(void)set_mode(cache);
}

void slab_keep_closed(struct kmem_cache *cache, bool closed)
{
	cache->keep_closed = closed;
	if (closed)
		close_stack(cache);
	else
		(void)set_mode(cache);
}

/* Result: NULL: there is none. */
static struct kmem_cache *pin_open_one(void)
{
	irqflags_t flags = port_lock_irqsave(&slab.lock);
	struct kmem_cache *cache = NULL;

	if (!list_is_empty(&slab.open)) {
		cache = list_first_entry(&slab.open, struct kmem_cache, open);
		ASSERT(!cache->is_dead); /* bury() took it off */
		cache->nr_pins++;
	}
	port_unlock_irqrestore(&slab.lock, flags);
	return cache;
}

void slab_close_open(void)
{
	struct kmem_cache *cache;

	while (all_are_closed() && (cache = pin_open_one()) != NULL) {
		close_stack(cache);
		slab_let_go(cache);
	}
}

void slab_close_all(enum slow_reason reason, bool closed)
{
	unsigned int bit = (unsigned int)reason;

	ASSERT(!port_in_interrupt());
	if (closed)
		__atomic_fetch_or(&slab.closed_for, bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&slab.closed_for, ~bit, __ATOMIC_RELAXED);
	slab_close_open();
}

/* Each in its turn. Result: one whose depot lies idle, whose turn it stays until that is empty; or NULL. */
static struct kmem_cache *pin_idle_one(void)
{
	irqflags_t flags = port_lock_irqsave(&slab.lock);
	struct kmem_cache *cache = NULL;

	if (!list_is_empty(&slab.open)) {
		cache = list_first_entry(&slab.open, struct kmem_cache, open);
		if (depot_is_idle(cache)) {
			cache->nr_pins++;
		} else {
			list_move_tail(&cache->open, &slab.open);
			cache = NULL;
		}
	}
	port_unlock_irqrestore(&slab.lock, flags);
	return cache;
}

void slab_give_back_idle(const void *caller)
{
	struct kmem_cache *cache = pin_idle_one();

	if (likely(!cache))
		return;
	slab_drain_depot(cache, caller);
	slab_let_go(cache);
}

size_t slab_reclaim(void)
{
	struct kmem_cache *cache;
	size_t pages = 0;

	ASSERT(!port_in_interrupt());
	slab_for_each(cache) pages += kmem_cache_shrink(cache);
	return pages;
}

/* --- creation and destruction --- */

/* SLAB_HWCACHE_ALIGN: a whole line, or the fraction of it that the object fills. */
static uint32_t object_align(size_t size, size_t align, slab_flags_t flags)
{
	uint32_t line = CACHE_LINE_BYTES;

	ASSERT(size && (!align || IS_POWER_OF_2(align)));
	if (!(flags & SLAB_HWCACHE_ALIGN))
		return (uint32_t)MAX(align, (size_t)SLAB_MIN_ALIGN);
	while (size <= line / 2 && line > SLAB_MIN_ALIGN)
		line /= 2;
	return MAX((uint32_t)align, line);
}

uint32_t slab_stack_capacity(uint32_t stride)
{
	size_t share = lowmem_bytes >> 13; /* 64 KiB of 512 MiB */

	ASSERT(stride);
	return (uint32_t)MIN(MAX(share / stride, (size_t)4), (size_t)1024);
}

/* Objects in so many bytes; with a red zone before it, number 0 is nobody's. */
static uint32_t objects_in(uint32_t bytes, uint32_t stride, uint32_t left)
{
	return (bytes + left) / stride - (left ? 1 : 0);
}

/* The smallest order that holds WANT_PER_SLAB objects and wastes at most a sixteenth; else the one that
 * wastes least. */
static unsigned int choose_order(uint32_t stride, uint32_t left)
{
	unsigned int best = get_order(left ? 2 * stride - left : stride);
	uint32_t best_waste = ~0u;

	ASSERT(best <= MAX_SLAB_ORDER);
	for (unsigned int order = best; order <= MAX_SLAB_ORDER; order++) {
		uint32_t bytes = (uint32_t)PAGE_SIZE << order, nr = objects_in(bytes, stride, left);
		uint32_t wasted = bytes - nr * stride, waste = wasted << (MAX_SLAB_ORDER - order);

		if (nr >= WANT_PER_SLAB && wasted <= bytes / 16)
			return order;
		if (waste < best_waste) {
			best = order;
			best_waste = waste;
		}
	}
	return best;
}

static void set_slabs(struct kmem_cache *cache, uint32_t left)
{
	uint32_t bytes;

	cache->divide =
		~0u / cache->stride + 1; /* ceil(2^32 / stride): also exact where stride divides 2^32 */
	cache->divide_limit = cache->divide;
	cache->order = (uint8_t)choose_order(cache->stride, left);
	cache->plain_order = left ? UINT8_MAX : cache->order;
	bytes = (uint32_t)PAGE_SIZE << cache->order;
	cache->slab_mask = bytes - 1;
	cache->per_slab = (uint16_t)objects_in(bytes, cache->stride, left);
	ASSERT(cache->per_slab && cache->per_slab <= MAX_PER_SLAB && cache->order <= MAX_SLAB_ORDER);
	ASSERT(IS_ALIGNED(cache->stride, cache->align) && cache->stride >= cache->object_size);
}

static void set_plain_layout(struct kmem_cache *cache)
{
	uint32_t word = (uint32_t)sizeof(void *), size = cache->object_size;

	cache->link_offset = cache->ctor ? ALIGN_UP(size, word) : 0;
	cache->stride = ALIGN_UP(MAX(cache->ctor ? cache->link_offset + word : 0, size), cache->align);
	set_slabs(cache, 0);
}

/* See slab_debug.h. Result: false: too large for that. */
static bool set_debug_layout(struct kmem_cache *cache)
{
	uint32_t red = cache->flags & SLAB_RED_ZONE ? SLAB_RED_BYTES : 0, left = red, note_bytes;

	note_bytes = (uint32_t)(cache->flags & SLAB_STORE_USER ? sizeof(struct object_note)
							       : offsetof(struct object_note, allocated));
	cache->link_offset = ALIGN_UP(cache->object_size + red, (uint32_t)sizeof(void *));
	cache->stride = ALIGN_UP(cache->link_offset + note_bytes + left, cache->align);
	if (2 * cache->stride - left > LARGEST_SLAB_BYTES) {
		left = 0;
		cache->stride = ALIGN_UP(cache->link_offset + note_bytes, cache->align);
	}
	if (cache->stride > LARGEST_SLAB_BYTES)
		return false;
	set_slabs(cache, left);
	return true;
}

void slab_set_layout(struct kmem_cache *cache, slab_flags_t flags)
{
	ASSERT(!cache->nr_slabs); /* (E) */
	cache->flags = cache->ctor ? flags & ~SLAB_POISON : flags;
	if (cache_is_debugged(cache) && set_debug_layout(cache))
		return;
	cache->flags &= ~SLAB_DEBUG_FLAGS;
	set_plain_layout(cache);
}

struct kmem_cache *kmem_cache_find(const char *name)
{
	irqflags_t flags = port_lock_irqsave(&slab.lock);
	struct kmem_cache *cache = slab_name_find(name);

	port_unlock_irqrestore(&slab.lock, flags);
	return cache;
}

/* From here on it is a cache like others; its stack opens with its first use. Result: false: one of its name
 * was faster. */
static bool list_cache(struct kmem_cache *cache)
{
	irqflags_t flags = port_lock_irqsave(&slab.lock);
	bool is_first = slab_name_add(cache);

	if (is_first)
		list_add_tail(&cache->caches, &slab.caches);
	port_unlock_irqrestore(&slab.lock, flags);
	return is_first;
}

bool slab_cache_init(struct kmem_cache *cache, uint32_t slots, const char *name, size_t size, size_t align,
		     slab_flags_t flags, void (*ctor)(void *))
{
	ASSERT(size && size <= SLAB_MAX_OBJECT_BYTES && !(flags & ~SLAB_KNOWN_FLAGS));
	memset(cache, 0, sizeof(*cache));
	snprintf(cache->name, sizeof(cache->name), "%s", name);
	port_lock_init(&cache->lock, cache->name);
	cache->ctor = ctor;
	cache->object_size = (uint32_t)size;
	cache->align = object_align(size, align, flags);
	slab_set_layout(cache, slab_debug_flags(cache->name, flags));
	if (cache_is_debugged(cache))
		slab_debug_begin();
	cache->gfp = (flags & SLAB_CACHE_DMA ? __GFP_DMA : GFP_NOWAIT) |
		     (flags & SLAB_RECLAIM_ACCOUNT ? __GFP_RECLAIMABLE : GFP_NOWAIT);
	list_init(&cache->partial);
	list_init(&cache->full);
	list_init(&cache->waiters);
	list_init(&cache->open);
	list_init(&cache->depot.pages);
	cache->name_hash = slab_name_hash(cache->name);
	cache->stack.capacity = slots;
	return list_cache(cache);
}

static inline bool is_graphic(char c)
{
	return c > ' ' && c <= '~';
}

/* slabinfo is lines of words. */
static bool is_one_word(const char *name)
{
	while (is_graphic(*name))
		name++;
	return *name == '\0';
}

static const char *why_bad_cache(const char *name, size_t size, size_t align, slab_flags_t flags)
{
	if (!name || !*name)
		return "it has no name";
	if (!is_one_word(name))
		return "a name is printable characters of ASCII without spaces";
	if (size == 0 || size > SLAB_MAX_OBJECT_BYTES - sizeof(void *))
		return "objects have 1 to 65532 bytes";
	if (align && (!IS_POWER_OF_2(align) || align > PAGE_SIZE))
		return "alignments are powers of two up to 4096";
	if (flags & ~SLAB_KNOWN_FLAGS)
		return "unknown flags";
	return NULL;
}

/* Result: what stood in the way, or NULL and *cache. */
static const char *create_cache(struct kmem_cache **cache, const char *name, size_t size, size_t align,
				slab_flags_t flags, void (*ctor)(void *object))
{
	uint32_t slots = MIN(slab_stack_capacity((uint32_t)size), CREATED_CACHE_SLOTS);
	struct created_cache *created = kmem_cache_zalloc(&slab.cache_cache.cache, GFP_KERNEL);

	if (!created)
		return "no memory";
	*cache = &created->cache;
	if (slab_cache_init(*cache, slots, name, size, align, flags, ctor))
		return NULL;
	kmem_cache_free(&slab.cache_cache.cache, created);
	return strlen(name) < CACHE_NAME_MAX ? "the name is taken"
					     : "its first 31 characters are another's name";
}

/* A name as one word, whatever it is. Result: buf. */
static const char *printable_name(const char *name, char *buf)
{
	char *c = buf;

	(void)snprintf(buf, CACHE_NAME_MAX, "%s", name ? name : "(null)");
	for (; *c; c++)
		if (!is_graphic(*c))
			*c = '?';
	return buf;
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, slab_flags_t flags,
				     void (*ctor)(void *object))
{
	const char *wrong = why_bad_cache(name, size, align, flags);
	struct kmem_cache *cache;
	char shown[CACHE_NAME_MAX];

	ASSERT(!port_in_interrupt());
	if (!wrong)
		wrong = create_cache(&cache, name, size, align, flags, ctor);
	if (!wrong)
		return cache;
	if (flags & SLAB_PANIC)
		port_panic("cannot create cache %s of %zu bytes: %s", printable_name(name, shown), size,
			   wrong);
	port_print(PORT_WARN, "cannot create cache %s of %zu bytes, align %zu, flags %#x: %s",
		   printable_name(name, shown), size, align, flags, wrong);
	return NULL;
}

/* In front of constructors that want to be told. */
static void ctor_tell(void *object)
{
	struct kmem_cache *cache = virt_to_cache(object);

	cache->ctor_told(object, cache, SLAB_CTOR_CONSTRUCTOR | SLAB_CTOR_ATOMIC);
}

struct kmem_cache *kmem_cache_create_told(const char *name, size_t size, size_t align, slab_flags_t flags,
					  slab_ctor_told ctor)
{
	struct kmem_cache *cache = kmem_cache_create(name, size, align, flags, ctor ? ctor_tell : NULL);

	if (cache) /* which nobody else knows yet */
		cache->ctor_told = ctor;
	return cache;
}

static void tell_live_object(const void *object, const char *by)
{
	port_print(PORT_ERR, "  live object %#lx%s%s", (unsigned long)object, *by ? ", " : "", by);
}

static void print_live_object(const struct kmem_cache *cache, const void *object)
{
	char by[TRACK_TEXT_MAX];

	tell_live_object(object, slab_debug_allocated_text(cache, object, by, sizeof(by)));
}

static bool is_object_of(const struct kmem_cache *cache, const struct page *first, const void *object)
{
	uint32_t offset = object_offset(cache, (uintptr_t)object);

	return virt_is_direct(object) && virt_to_page(object)->slab_cache == cache &&
	       virt_to_page(object)->slab == first && object_is_whole(cache, offset) &&
	       offset < first->bump * cache->stride;
}

#define WALK_OBJECTS 8u /* of a free list, under one lock */

/* Which of the slab's objects are free, as long as the list leads to objects of it that it did not lead to before. Cut in pieces: of
 * a cache that is still used some of what comes and goes meanwhile is missed, and nothing is followed that is no object. */
static void find_free_objects(struct kmem_cache *cache, const struct page *first, uint32_t *is_free)
{
	bool goes_on = true;
	char *object = NULL;

	while (goes_on) {
		irqflags_t flags = port_lock_irqsave(&cache->lock);

		for (unsigned int n = 0; n < WALK_OBJECTS && goes_on; n++) {
			uint32_t number;

			object = object ? *object_link(cache, object) : first->freelist;
			goes_on = object && is_object_of(cache, first, object);
			number = goes_on ? object_offset(cache, (uintptr_t)object) / cache->stride : 0;
			goes_on = goes_on && !bitmap_test(is_free, number);
			if (goes_on)
				bitmap_set(is_free, number);
		}
		port_unlock_irqrestore(&cache->lock, flags);
	}
}

/* Objects that are handed out, a line each, of the slab that begins with this page, if one does. */
static void list_live_objects(struct kmem_cache *cache, const struct page *first)
{
	uint32_t is_free[MAX_PER_SLAB / 32] = {0};
	unsigned int number, end;

	if (first->slab != first)
		return;
	end = MIN(READ_ONCE(first->bump), slab_end(cache, first));
	find_free_objects(cache, first, is_free);
	for (number = slab_start(cache, first); number < end; number++)
		if (!bitmap_test(is_free, number))
			print_live_object(cache, slab_window(cache, first) + number * cache->stride);
}

/* The lists of a cache that is still in use change in interrupts; descriptors stay where they are. */
static COLD void report_live_objects(struct kmem_cache *cache, const void *caller)
{
	char code[64];

	port_print(PORT_ERR, "BUG: kmem_cache_destroy(%s) by %s with %zu live objects; the cache stays",
		   cache->name, port_code_name(caller, code, sizeof(code)),
		   cache->nr_in_use + guard_live_objects(cache, NULL));
	(void)guard_live_objects(cache, tell_live_object);
	for (pfn_t pfn = 0; pfn < lowmem_end_pfn; pfn++)
		if (pfn_to_page(pfn)->slab_cache == cache)
			list_live_objects(cache, pfn_to_page(pfn));
}

/* Of all that may be handed to kmem_cache_destroy(). Result: it is a cache of kmem_cache_create(), and pinned. */
static bool pin_if_known(struct kmem_cache *cache)
{
	const struct kmem_cache *of = &slab.cache_cache.cache;
	irqflags_t flags;
	bool known;

	if (!virt_is_direct(cache) || virt_to_page(cache)->slab_cache != of ||
	    !object_is_whole(of, object_offset(of, (uintptr_t)cache)))
		return false;
	flags = port_lock_irqsave(&slab.lock);
	known = slab_name_is_known(cache);
	cache->nr_pins += known;
	port_unlock_irqrestore(&slab.lock, flags);
	return known;
}

/* Its name is free; the rest goes with the last pin. */
static void bury(struct kmem_cache *cache)
{
	irqflags_t flags = port_lock_irqsave(&slab.lock);

	ASSERT(!cache->is_dead && cache->nr_pins && !cache->built_in);
	slab_name_remove(cache);
	list_del_init(&cache->open);
	/* It is closed and never opens again, whoever has it pinned. */
	slab_stack_here(cache)->limit = slab_stack_here(cache)->capacity = 0;
	cache->is_dead = true;
	port_unlock_irqrestore(&slab.lock, flags);
}

int kmem_cache_destroy(struct kmem_cache *cache)
{
	const void *caller = RETURN_ADDRESS();
	bool stays;

	ASSERT(!port_in_interrupt());
	if (!cache)
		return 0;
	if (!pin_if_known(cache)) {
		slab_report_bad_object(NULL, cache, caller, "no cache that kmem_cache_create made");
		return 1;
	}
	(void)slab_drain_stack(cache, caller);
	stays = cache->nr_in_use != 0 || guard_live_objects(cache, NULL) != 0;
	if (stays) {
		report_live_objects(cache, caller);
	} else {
		kmem_cache_shrink(cache);
		bury(cache);
	}
	slab_let_go(cache);
	return stays;
}

void slab_init(void)
{
	memset(&slab, 0, sizeof(slab));
	port_lock_init(&slab.lock, "slab");
	list_init(&slab.caches);
	list_init(&slab.open);
	slab_names_reset(&slab.lock);
	(void)slab_cache_init(&slab.cache_cache.cache, 4, "kmem_cache", sizeof(struct created_cache), 0,
			      SLAB_HWCACHE_ALIGN, NULL);
	slab.cache_cache.cache.built_in = true;
}

/* --- what is seen from outside --- */

static void print_cache(struct sink *out, struct kmem_cache *cache)
{
	irqflags_t flags = port_lock_irqsave(&cache->lock);
	size_t nr_parked = slab_stack_here(cache)->count + cache->depot.nr,
	       nr_in_use = cache->nr_in_use - nr_parked;
	size_t nr_objects = cache->nr_objects, nr_slabs = cache->nr_slabs, nr_empty = cache->nr_empty;

	ASSERT(nr_parked <= cache->nr_in_use && cache->nr_in_use <= nr_objects && nr_empty <= nr_slabs);
	port_unlock_irqrestore(&cache->lock, flags);
	sink_printf(out, "%-17s %6zu %6zu %6u %4u %4u : tunables %4u %4u %4u : slabdata %6zu %6zu %6u\n",
		    cache->name, nr_in_use, nr_objects, cache->stride, cache->per_slab, 1u << cache->order, 0,
		    0, 0, nr_slabs - nr_empty, nr_slabs, 0);
}

void slabinfo_print(struct sink *out)
{
	struct kmem_cache *cache;

	sink_printf(out, "slabinfo - version: 2.1\n");
	sink_printf(
		out,
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables "
		"<limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	slab_for_each(cache) if (!READ_ONCE(cache->is_dead)) print_cache(out, cache);
}

size_t slab_pages(void)
{
	struct kmem_cache *cache;
	size_t pages = 0;

	slab_for_each(cache) pages += READ_ONCE(cache->nr_pages) + depot_pages(cache);
	return pages;
}
