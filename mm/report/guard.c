/* SPDX-License-Identifier: MIT */
/* See guard.h. Slots that are not in use wait in a ring in the order of their coming. A slot that is LIVE belongs to
 * whoever has the object, one that is MOVING to who puts it there or takes it back; page table entries are changed by
 * these alone, and flushed at once.
 *
 * Lock: guard.lock for states and the ring; nothing else inside. Reading for a fault report takes none. */
#include <mm/report/guard.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab_debug.h>
#include <mm/pages/above.h>
#include <mm/pages/page_alloc.h>

#define SLOT_SHIFT (PAGE_SHIFT + 1) /* nothing, and the page */
#define MIN_ALIGN  8u

enum slot_state { SLOT_UNUSED, SLOT_MOVING, SLOT_LIVE, SLOT_FREED };

struct slot {
	uint32_t state; /* (L) one of enum slot_state */
	pfn_t pfn;	/* (C) its page */
	char *object;
	struct kmem_cache *cache; /* may be gone once the object is freed */
	char cache_name[CACHE_NAME_MAX];
	uint32_t size; /* asked for */
	struct object_track allocated, freed;
};

static struct {
	struct port_lock lock;
	unsigned int sample;	     /* 0: none */
	unsigned int nr_seen;	     /* objects */
	unsigned int nr_taken;	     /* of them; even ones lie at the end */
	uint8_t ring[GUARD_SLOTS];   /* (L) of slots not in use */
	unsigned int first, nr_free; /* (L) in the ring */
	struct slot slot[GUARD_SLOTS];
} * guard;

struct guard_space guard_space;

/* --- slots --- */

static char *slot_page(unsigned int number)
{
	ASSERT(number < GUARD_SLOTS);
	return (char *)guard_space.start + ((uintptr_t)number << SLOT_SHIFT) + PAGE_SIZE;
}

/* The slot whose page, or the hole before it, holds the address; GUARD_SLOTS: the last hole. */
static unsigned int slot_number(const void *addr)
{
	return (unsigned int)(((uintptr_t)addr - guard_space.start) >> SLOT_SHIFT);
}

static bool is_in_page(const void *addr)
{
	return ((uintptr_t)addr - guard_space.start) & PAGE_SIZE;
}

/* The slot that was free longest, MOVING; NULL: all are in use. */
static struct slot *take_slot(void)
{
	irqflags_t flags = port_lock_irqsave(&guard->lock);
	struct slot *slot = NULL;

	if (guard->nr_free) {
		slot = &guard->slot[guard->ring[guard->first]];
		ASSERT(guard->nr_free <= GUARD_SLOTS && slot->pfn);
		ASSERT(slot->state == SLOT_UNUSED || slot->state == SLOT_FREED);
		guard->first = (guard->first + 1) % GUARD_SLOTS;
		guard->nr_free--;
		slot->state = SLOT_MOVING;
	}
	port_unlock_irqrestore(&guard->lock, flags);
	return slot;
}

static void put_slot(struct slot *slot, enum slot_state state)
{
	irqflags_t flags = port_lock_irqsave(&guard->lock);

	ASSERT(slot->state == SLOT_MOVING && guard->nr_free < GUARD_SLOTS);
	slot->state = state;
	guard->ring[(guard->first + guard->nr_free) % GUARD_SLOTS] = (uint8_t)(slot - guard->slot);
	guard->nr_free++;
	port_unlock_irqrestore(&guard->lock, flags);
}

static void map_page(const struct slot *slot, char *page)
{
	ASSERT(slot->state == SLOT_MOVING && !port_pte_is_mapped(port_pte_of((uintptr_t)page)));
	port_pte_set(port_pte_of((uintptr_t)page), (uintptr_t)page, slot->pfn, PORT_PROT_KERNEL);
}

static void unmap_page(char *page)
{
	ASSERT(port_pte_is_mapped(port_pte_of((uintptr_t)page)));
	(void)port_pte_clear(port_pte_of((uintptr_t)page), (uintptr_t)page);
	port_flush_page((uintptr_t)page);
}

/* --- beginning --- */

/* Result: is it there? Slots without a page stay out of the ring. */
static bool add_slot(unsigned int number)
{
	struct page *page = alloc_page(GFP_NOWAIT | __GFP_HIGHMEM | __GFP_NOWARN);

	if (!page)
		return false;
	guard->slot[number].pfn = page_to_pfn(page);
	guard->ring[guard->nr_free++] = (uint8_t)number;
	return true;
}

bool guard_init(unsigned int sample)
{
	void *table;

	mm_watch_set(WATCH_GUARD, false);
	guard_space.start = guard_space.bytes = 0;
	if (!sample)
		return true;
	guard = kzalloc(sizeof(*guard), GFP_NOWAIT | __GFP_NOWARN);
	table = (void *)get_zeroed_page(GFP_NOWAIT | __GFP_NOWARN);
	if (!guard || !table) {
		kfree(guard);
		free_page((unsigned long)table);
		return false;
	}
	port_lock_init(&guard->lock, "guard");
	guard_space.start = vmalloc_give_up(PORT_TABLE_SPAN);
	port_table_set(guard_space.start, table);
	for (unsigned int number = 0; number < GUARD_SLOTS && add_slot(number); number++)
		;
	guard_space.bytes = (GUARD_SLOTS << SLOT_SHIFT) + PAGE_SIZE;
	guard_set_sample(sample);
	return guard->nr_free != 0;
}

STATIC_ASSERT((GUARD_SLOTS << SLOT_SHIFT) + PAGE_SIZE <= PORT_TABLE_SPAN, "one page table will do");

void guard_set_sample(unsigned int sample)
{
	if (!guard_space.bytes)
		return;
	ASSERT(!port_in_interrupt());
	WRITE_ONCE(guard->sample, sample);
	if (sample)
		kmalloc_note_sizes();
	mm_watch_set(WATCH_GUARD, sample != 0);
	slab_close_all(SLOW_GUARD, sample != 0);
}

unsigned int guard_get_sample(void)
{
	return guard_space.bytes ? guard->sample : 0;
}

/* --- handing out --- */

static bool may_be_guarded(const struct kmem_cache *cache, gfp_t gfp)
{
	return cache->object_size <= PAGE_SIZE && !gfp_is_impossible(gfp) &&
	       !gfp_has(gfp | cache->gfp, __GFP_DMA | __GFP_NO_GROW) &&
	       !(cache->flags & (SLAB_NO_USER_FLAGS | SLAB_DIRECT_MAP)) &&
	       (!cache->built_in || kmalloc_owns(cache));
}

/* Then objects come from their slabs, so that what cannot be had fails. */
static bool memory_is_short(gfp_t gfp)
{
	struct zone *const *zone = gfp_zones(gfp);

	for (; *zone; zone++)
		if (READ_ONCE((*zone)->nr_free) >= (*zone)->wmark[WMARK_LOW])
			return false;
	return true;
}

static bool is_its_turn(void)
{
	unsigned int sample = READ_ONCE(guard->sample);

	return sample && __atomic_add_fetch(&guard->nr_seen, 1, __ATOMIC_RELAXED) % sample == 0;
}

static char *choose_place(char *page, const struct kmem_cache *cache, size_t size_bytes)
{
	bool is_at_end = __atomic_fetch_add(&guard->nr_taken, 1, __ATOMIC_RELAXED) % 2 == 0;
	size_t align = MAX(cache->align, MIN_ALIGN);

	ASSERT(size_bytes <= PAGE_SIZE && IS_POWER_OF_2(align));
	return is_at_end ? page + ALIGN_DOWN(PAGE_SIZE - size_bytes, align) : page;
}

static void fill_in(struct slot *slot, char *page, gfp_t gfp, size_t size_bytes)
{
	bool is_cleared = gfp_has(gfp, __GFP_ZERO) || mm_watch & WATCH_INIT_ALLOC;
	struct kmem_cache *cache = slot->cache;

	port_fill(page, PAGE_SIZE, POISON_RED * 0x01010101u);
	memset(slot->object, is_cleared ? 0 : (int)POISON_FRESH, size_bytes);
	if (cache->ctor_told)
		cache->ctor_told(slot->object, cache, SLAB_CTOR_CONSTRUCTOR | SLAB_CTOR_ATOMIC);
	else if (cache->ctor)
		cache->ctor(slot->object);
}

void *guard_alloc(struct kmem_cache *cache, gfp_t gfp, const void *caller, size_t size_bytes)
{
	struct slot *slot;
	char *page;

	if (!may_be_guarded(cache, gfp) || !is_its_turn() || memory_is_short(gfp))
		return NULL;
	(void)gfp_check_context(gfp);
	slot = take_slot();
	if (!slot)
		return NULL;
	page = slot_page((unsigned int)(slot - guard->slot));
	map_page(slot, page);
	slot->cache = cache;
	memcpy(slot->cache_name, cache->name, sizeof(slot->cache_name));
	slot->size = (uint32_t)size_bytes;
	slot->object = choose_place(page, cache, size_bytes);
	ASSERT(slot->object >= page && slot->object + size_bytes <= page + PAGE_SIZE);
	ASSERT(IS_ALIGNED((uintptr_t)slot->object, MAX(cache->align, 1u))); /* S1 */
	object_track_note(&slot->allocated, caller);
	slot->freed.caller = NULL;
	fill_in(slot, page, gfp, size_bytes);
	ASSERT(slot->state == SLOT_MOVING);
	__atomic_store_n(&slot->state, SLOT_LIVE, __ATOMIC_RELEASE);
	return slot->object;
}

/* --- asking --- */

/* The live object that starts there, or NULL. */
static struct slot *find_live(const void *object)
{
	unsigned int number = slot_number(object);
	struct slot *slot = number < GUARD_SLOTS ? &guard->slot[number] : NULL;

	return slot && READ_ONCE(slot->state) == SLOT_LIVE && slot->object == object ? slot : NULL;
}

size_t guard_usable(const void *object)
{
	const struct slot *slot = find_live(object);

	return slot ? slot->cache->object_size : 0;
}

size_t guard_asked_for(const void *object)
{
	const struct slot *slot = find_live(object);

	return slot ? slot->size : 0;
}

bool guard_resize(void *object, size_t size_bytes, const void *caller)
{
	struct slot *slot = find_live(object);
	uintptr_t room = PAGE_SIZE - ((uintptr_t)object & ~PAGE_MASK);

	if (!slot || size_bytes > room)
		return false;
	if (size_bytes > slot->size)
		memset(slot->object + slot->size, (int)POISON_FRESH, size_bytes - slot->size);
	else
		memset(slot->object + size_bytes, (int)POISON_RED, slot->size - size_bytes);
	slot->size = (uint32_t)size_bytes;
	object_track_note(&slot->allocated, caller);
	return true;
}

bool guard_phys(const void *addr, size_t size_bytes, paddr_t *phys)
{
	unsigned int number = slot_number(addr);
	const struct slot *slot = number < GUARD_SLOTS ? &guard->slot[number] : NULL;
	size_t offset;

	if (!slot || READ_ONCE(slot->state) != SLOT_LIVE || (const char *)addr < slot->object)
		return false;
	offset = (size_t)((const char *)addr - slot->object);
	*phys = ((paddr_t)slot->pfn << PAGE_SHIFT) + ((uintptr_t)addr & ~PAGE_MASK);
	return offset < slot->size && size_bytes <= slot->size - offset;
}

unsigned int guard_live_objects(const struct kmem_cache *cache,
				void (*tell)(const void *object, const char *by))
{
	unsigned int nr = 0;
	char by[TRACK_TEXT_MAX];

	for (unsigned int i = 0; guard_space.bytes && i < GUARD_SLOTS; i++) {
		const struct slot *slot = &guard->slot[i];

		if (slot->state != SLOT_LIVE || slot->cache != cache)
			continue;
		nr++;
		if (tell)
			tell(slot->object, object_track_text(&slot->allocated, "allocated", by, sizeof(by)));
	}
	return nr;
}

/* --- taking back --- */

static COLD void print_tracks(const struct slot *slot)
{
	char text[TRACK_TEXT_MAX];

	port_print(PORT_ERR, "  %s", object_track_text(&slot->allocated, "allocated", text, sizeof(text)));
	if (slot->freed.caller)
		port_print(PORT_ERR, "  %s", object_track_text(&slot->freed, "freed", text, sizeof(text)));
}

/* Of the page's bytes [start, end), which are nobody's: the first and the last that somebody wrote to. */
static bool find_damage(const uint8_t **start, const uint8_t **end)
{
	while (*start < *end && **start == POISON_RED)
		(*start)++;
	while (*start < *end && (*end)[-1] == POISON_RED)
		(*end)--;
	return *start < *end;
}

static void check_part(const struct slot *slot, const char *from, const char *to, const char *where,
		       const void *caller)
{
	const uint8_t *start = (const uint8_t *)from, *end = (const uint8_t *)to;
	irqflags_t flags;
	char code[64];

	if (likely(!find_damage(&start, &end)))
		return;
	flags = irq_save(); /* so that nobody prints in between */
	port_print(PORT_ERR,
		   "BUG: object %#lx of cache %s (%u bytes) was written to %s, seen when freed by %s",
		   (unsigned long)slot->object, slot->cache_name, slot->size, where,
		   port_code_name(caller, code, sizeof(code)));
	slab_debug_print_bytes((int)(start - (const uint8_t *)slot->object), start, end - 1, POISON_RED);
	print_tracks(slot);
	irq_restore(flags);
}

static COLD void report_bad_free(const struct kmem_cache *cache, const struct slot *slot, const void *object,
				 const void *caller, const char *what)
{
	irqflags_t flags = irq_save();

	slab_report_bad_object(cache, object, caller, what);
	if (slot)
		print_tracks(slot);
	irq_restore(flags);
}

/* Why the object is not to be freed, or NULL: then it is the caller's, MOVING. */
static const char *claim(struct slot *slot, const struct kmem_cache *cache, const void *object)
{
	irqflags_t flags = port_lock_irqsave(&guard->lock);
	bool is_start = slot->object == object;
	const char *wrong = NULL;

	if (slot->state == SLOT_UNUSED)
		wrong = "no object";
	else if (!is_start)
		wrong = object > (const void *)slot->object ? "inside an object" : "before an object";
	else if (slot->state != SLOT_LIVE)
		wrong = "already free";
	else if (cache && slot->cache != cache)
		wrong = "an object of another cache";
	if (!wrong)
		slot->state = SLOT_MOVING;
	port_unlock_irqrestore(&guard->lock, flags);
	return wrong;
}

void guard_free(const struct kmem_cache *cache, const void *object, const void *caller)
{
	unsigned int number = slot_number(object);
	struct slot *slot = is_in_page(object) ? &guard->slot[number] : NULL;
	const char *wrong = slot ? claim(slot, cache, object) : "beside an object";
	char *page;

	ASSERT(is_guarded(object));
	if (unlikely(wrong)) {
		report_bad_free(cache				   ? cache
				: slot && slot->state == SLOT_LIVE ? slot->cache
								   : NULL,
				slot && slot->state != SLOT_UNUSED ? slot : NULL, object, caller, wrong);
		return;
	}
	page = slot_page(number);
	check_part(slot, page, slot->object, "before its start", caller);
	ASSERT(slot->state == SLOT_MOVING && slot->object >= page && slot->object < page + PAGE_SIZE);
	check_part(slot, slot->object + slot->size, page + PAGE_SIZE, "behind its end", caller);
	if (mm_watch & WATCH_LEAK)
		leak_forget(object);
	if (mm_watch & WATCH_INIT_FREE)
		memset(slot->object, 0, slot->size); /* K4: the page may have other addresses */
	object_track_note(&slot->freed, caller);
	unmap_page(page);
	put_slot(slot, SLOT_FREED);
}

unsigned int guard_find_wrong(void)
{
	uint8_t nr_queued[GUARD_SLOTS] = {0};
	irqflags_t flags;
	unsigned int i;

	if (!guard_space.bytes)
		return GUARD_SLOTS;
	flags = port_lock_irqsave(&guard->lock);
	for (i = 0; i < guard->nr_free; i++)
		nr_queued[guard->ring[(guard->first + i) % GUARD_SLOTS]]++;
	for (i = 0; i < GUARD_SLOTS; i++) {
		bool is_used = guard->slot[i].state == SLOT_LIVE || guard->slot[i].state == SLOT_MOVING;
		bool is_mapped = port_pte_is_mapped(port_pte_of((uintptr_t)slot_page(i)));

		if (guard->slot[i].pfn && (nr_queued[i] != !is_used ||
					   (guard->slot[i].state != SLOT_MOVING && is_mapped != is_used)))
			break;
	}
	port_unlock_irqrestore(&guard->lock, flags);
	return i;
}

/* --- wild pointers --- */

/* Bytes from the object to the address; 0: it is inside. */
static uintptr_t distance(const struct slot *slot, uintptr_t addr)
{
	uintptr_t start = (uintptr_t)slot->object, end = start + slot->size;

	return addr < start ? start - addr : addr >= end ? addr - end + 1 : 0;
}

/* Between two slots: the one whose object is nearer, of those that ever had one. */
static const struct slot *nearest(uintptr_t addr)
{
	unsigned int number = slot_number((const void *)addr);
	const struct slot *above = number < GUARD_SLOTS ? &guard->slot[number] : NULL;
	const struct slot *below = number ? &guard->slot[number - 1] : NULL;

	if (is_in_page((const void *)addr))
		return above && above->object ? above : NULL;
	if (above && !above->object)
		above = NULL;
	if (!below || !below->object)
		return above;
	return above && distance(above, addr) < distance(below, addr) ? above : below;
}

static int describe_place(const struct slot *slot, uintptr_t addr, char *buf, size_t size)
{
	uintptr_t start = (uintptr_t)slot->object, end = start + slot->size;

	if (addr < start)
		return scnprintf(buf, size, "%lu bytes before the start of", (unsigned long)(start - addr));
	if (addr >= end)
		return scnprintf(buf, size, "%lu bytes past the end of", (unsigned long)(addr - end));
	return scnprintf(buf, size, "at offset %lu of", (unsigned long)(addr - start));
}

bool guard_describe(uintptr_t addr, char *buf, size_t size)
{
	const struct slot *slot;
	char by[TRACK_TEXT_MAX];
	int len;

	if (!is_guarded((const void *)addr))
		return false;
	slot = nearest(addr);
	if (!slot) {
		(void)scnprintf(buf, size, "in a slot of guard_sample= that nobody has had");
		return true;
	}
	len = describe_place(slot, addr, buf, size);
	len += scnprintf(buf + len, size - (size_t)len, " %s object %#lx of %u bytes of cache %s, %s",
			 slot->state == SLOT_FREED ? "freed" : "live", (unsigned long)slot->object,
			 slot->size, slot->cache_name,
			 object_track_text(&slot->allocated, "allocated", by, sizeof(by)));
	if (slot->state == SLOT_FREED)
		(void)scnprintf(buf + len, size - (size_t)len, ", %s",
				object_track_text(&slot->freed, "freed", by, sizeof(by)));
	return true;
}
