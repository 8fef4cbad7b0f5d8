/* SPDX-License-Identifier: MIT */
/* Areas of a program: they come, are cut and go. What a fault does is in fault.c. Locks: see aspace.h. */
#include <mm/aspace/aspace.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <mm/objects/slab.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>

#define BATCH 8u /* entries taken away between two flushes, and with interrupts off */

static struct {
	struct port_lock lock;
	struct list_head all; /* (G) */
} aspaces;

static struct {
	struct kmem_cache *aspaces, *areas;
} caches;

void aspace_init(void)
{
	caches.aspaces = kmem_cache_create("aspace", sizeof(struct aspace), __alignof__(struct aspace),
					   SLAB_PANIC | SLAB_DIRECT_MAP, NULL);
	port_lock_init(&aspaces.lock, "aspaces");
	list_init(&aspaces.all);
	caches.areas = kmem_cache_create("aspace_area", sizeof(struct aspace_area), 0, SLAB_PANIC, NULL);
}

void aspace_count(size_t *counter, size_t n)
{
	__atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

struct aspace *aspace_create(void)
{
	struct aspace *aspace = kmem_cache_zalloc(caches.aspaces, GFP_KERNEL);
	irqflags_t flags;

	if (!aspace)
		return NULL;
	port_lock_init(&aspace->lock, "aspace");
	port_space_init(&aspace->space);
	areas_init(&aspace->areas, PORT_USER_START, PORT_USER_END);
	flags = port_lock_irqsave(&aspaces.lock);
	list_add_tail(&aspace->all, &aspaces.all);
	port_unlock_irqrestore(&aspaces.lock, flags);
	return aspace;
}

/* --- AS6 --- */

static void unpin_locked(struct aspace *aspace)
{
	ASSERT(port_lock_is_held(&aspaces.lock) && aspace->nr_pins);
	if (--aspace->nr_pins == 0 && aspace->leaver)
		port_unpark(aspace->leaver);
}

void aspace_unpin(struct aspace *aspace)
{
	irqflags_t flags = port_lock_irqsave(&aspaces.lock);

	unpin_locked(aspace);
	port_unlock_irqrestore(&aspaces.lock, flags);
}

struct aspace *aspace_pin_owner(struct page *page)
{
	irqflags_t flags = port_lock_irqsave(&aspaces.lock);
	struct aspace *aspace = page_is_user(page) ? READ_ONCE(page->mapping) : NULL;

	if (aspace)
		aspace->nr_pins++;
	port_unlock_irqrestore(&aspaces.lock, flags);
	return aspace;
}

/* One that is pinned stays in the list. */
struct aspace *aspace_next_pinned(struct aspace *aspace)
{
	irqflags_t flags = port_lock_irqsave(&aspaces.lock);
	struct list_head *next = aspace ? aspace->all.next : aspaces.all.next;
	struct aspace *found = next == &aspaces.all ? NULL : container_of(next, struct aspace, all);

	if (found)
		found->nr_pins++;
	if (aspace)
		unpin_locked(aspace);
	port_unlock_irqrestore(&aspaces.lock, flags);
	return found;
}

/* Nobody finds it any more: it has no pages, and is in no list. */
static void leave_list(struct aspace *aspace)
{
	irqflags_t flags = port_lock_irqsave(&aspaces.lock);

	while (aspace->nr_pins) {
		aspace->leaver = port_current();
		port_unlock_irqrestore(&aspaces.lock, flags);
		port_park();
		flags = port_lock_irqsave(&aspaces.lock);
	}
	aspace->leaver = NULL;
	list_del(&aspace->all);
	list_init(&aspace->all);
	port_unlock_irqrestore(&aspaces.lock, flags);
}

/* --- pages --- */

/* What entries held. */
struct taken {
	unsigned int nr_anon, nr_others, nr_slots;
	struct page *anon[BATCH], *other[BATCH]; /* programs' own; files' */
	swap_slot_t slot[BATCH];
};

static void take_entry(port_entry_t *entry, struct taken *taken)
{
	pfn_t pfn;

	if (port_entry_unmap(entry, &pfn)) {
		struct page *page = pfn_to_page(pfn);

		if (page_is_user(page))
			taken->anon[taken->nr_anon++] = page;
		else
			taken->other[taken->nr_others++] = page;
	} else {
		taken->slot[taken->nr_slots++] = anon_slot(port_entry_note(entry));
		port_entry_set_note(entry, 0);
	}
}

/* Takes up to BATCH entries away from *addr on, and moves it on. */
static void take_entries(struct aspace *aspace, uintptr_t *addr, uintptr_t end, struct taken *taken)
{
	irqflags_t flags = port_lock_irqsave(&aspace->lock);
	port_entry_t *entry = NULL;

	taken->nr_anon = taken->nr_others = taken->nr_slots = 0;
	for (unsigned int steps = 0; *addr < end && steps < BATCH; steps++) {
		entry = entry && !IS_ALIGNED(*addr, PORT_TABLE_SPAN) ? entry + 1
								     : aspace_entry(aspace, *addr);
		if (!entry) {
			*addr = MIN(end, ALIGN_DOWN(*addr, PORT_TABLE_SPAN) + PORT_TABLE_SPAN);
			continue;
		}
		ASSERT(entry == aspace_entry(aspace, *addr) && IS_ALIGNED(*addr, PAGE_SIZE));
		if (!port_entry_is_empty(entry))
			take_entry(entry, taken);
		*addr += PAGE_SIZE;
	}
	aspace_count(&aspace->nr_resident, -(size_t)(taken->nr_anon + taken->nr_others));
	aspace_count(&aspace->nr_swapped, -(size_t)taken->nr_slots);
	port_unlock_irqrestore(&aspace->lock, flags);
}

static void drop_taken(struct taken *taken, bool may_sleep)
{
	if (taken->nr_anon)
		anon_forget_run(taken->anon, taken->nr_anon);
	while (taken->nr_anon)
		put_page(taken->anon[--taken->nr_anon]);
	while (taken->nr_others)
		put_page(taken->other[--taken->nr_others]);
	while (taken->nr_slots)
		if (may_sleep)
			swap_slot_put(taken->slot[--taken->nr_slots]);
		else
			swap_slot_drop(taken->slot[--taken->nr_slots]);
}

/* AS4. Context: any that may take the lock, or sleep. */
static void drop_pages(struct aspace *aspace, uintptr_t start, uintptr_t end, bool may_sleep)
{
	struct taken taken;

	ASSERT(IS_ALIGNED(start | end, PAGE_SIZE) && start <= end && end <= PORT_USER_END); /* AS2 */
	while (start < end) {
		uintptr_t first = start;

		swap_move_begin();
		take_entries(aspace, &start, end, &taken);
		if (taken.nr_anon || taken.nr_others)
			port_space_flush(&aspace->space, first, (start - first) >> PAGE_SHIFT);
		drop_taken(&taken, may_sleep);
		swap_move_end();
	}
}

/* --- what a file asks of who shows it --- */

static void forget_file(struct mapping_user *user, uint32_t first)
{
	struct aspace_area *area = container_of(user, struct aspace_area, user);
	uint32_t skipped = first > area->file.first_page ? first - area->file.first_page : 0;
	size_t bytes = MIN(ALIGN_UP(area->file.size_bytes, PAGE_SIZE), area->span.end - area->span.start);

	if (skipped < bytes >> PAGE_SHIFT)
		drop_pages(area->aspace, area->span.start + ((size_t)skipped << PAGE_SHIFT),
			   area->span.start + bytes, false);
}

/* Where the area shows the page. Result: 0: nowhere. */
static uintptr_t addr_in_area(const struct aspace_area *area, const struct page *page)
{
	uint32_t skipped = page->index - area->file.first_page;
	size_t bytes = MIN(ALIGN_UP(area->file.size_bytes, PAGE_SIZE), area->span.end - area->span.start);

	return page->index >= area->file.first_page && skipped < bytes >> PAGE_SHIFT
		       ? area->span.start + ((size_t)skipped << PAGE_SHIFT)
		       : 0;
}

static bool file_page_was_used(struct mapping_user *user, struct page *page)
{
	struct aspace_area *area = container_of(user, struct aspace_area, user);
	uintptr_t addr = addr_in_area(area, page);
	struct aspace *aspace = area->aspace;
	bool was_used = false;
	irqflags_t flags;

	if (!addr)
		return false;
	flags = port_lock_irqsave(&aspace->lock);
	if (aspace_leads_to(aspace, addr, page, NULL))
		was_used = port_entry_was_used(aspace_entry(aspace, addr));
	port_unlock_irqrestore(&aspace->lock, flags);
	if (was_used)
		port_space_flush(&aspace->space, addr, 1); /* or it never says so again */
	return was_used;
}

static void hide_file_page(struct mapping_user *user, struct page *page)
{
	struct aspace_area *area = container_of(user, struct aspace_area, user);
	uintptr_t addr = addr_in_area(area, page);
	struct aspace *aspace = area->aspace;
	bool was_there = false;
	irqflags_t flags;
	pfn_t pfn;

	if (!addr)
		return;
	flags = port_lock_irqsave(&aspace->lock);
	if (aspace_leads_to(aspace, addr, page, NULL)) {
		was_there = port_entry_unmap(aspace_entry(aspace, addr), &pfn);
		aspace_count(&aspace->nr_resident, (size_t)-1);
	}
	port_unlock_irqrestore(&aspace->lock, flags);
	if (!was_there)
		return;
	port_space_flush(&aspace->space, addr, 1);
	put_page(page); /* who hides it has another */
}

/* --- areas --- */

static void area_remove(struct aspace *aspace, struct area *span)
{
	aspace->recent = NULL;
	areas_remove(&aspace->areas, span);
}

struct aspace_area *aspace_area_at(const struct aspace *aspace, uintptr_t addr)
{
	struct area *span = areas_below(&aspace->areas, addr);

	return span && addr < span->end ? container_of(span, struct aspace_area, span) : NULL;
}

static struct aspace_area *area_alloc(struct aspace *aspace, enum aspace_kind kind, unsigned int prot)
{
	struct aspace_area *area =
		aspace->areas.nr < ASPACE_MAX_AREAS ? kmem_cache_zalloc(caches.areas, GFP_KERNEL) : NULL;

	if (area) {
		area->aspace = aspace;
		area->kind = (uint8_t)kind;
		area->prot = (uint8_t)prot;
		area->user.forget = forget_file;
		area->user.was_used = file_page_was_used;
		area->user.hide = hide_file_page;
	}
	return area;
}

/* What an area says of its file is not looked at meanwhile. */
static void file_lock(struct aspace_area *area)
{
	if (area->file.mapping)
		port_lock_thread(&area->file.mapping->users_lock);
}

static void file_unlock(struct aspace_area *area)
{
	if (area->file.mapping)
		port_unlock_thread(&area->file.mapping->users_lock);
}

static void area_free(struct aspace_area *area)
{
	struct mapping *mapping = area->file.mapping;

	ASSERT(port_may_sleep());
	if (mapping) {
		mapping_remove_user(mapping, &area->user);
		area->file.release(area->file.owner);
	}
	kmem_cache_free(caches.areas, area);
}

static bool is_range(uintptr_t start, size_t size_bytes)
{
	return size_bytes && IS_ALIGNED(start | size_bytes, PAGE_SIZE) && start >= PORT_USER_START &&
	       size_bytes <= PORT_USER_END - PORT_USER_START && start <= PORT_USER_END - size_bytes;
}

/* Result: 0, or an error. */
static int place(struct aspace *aspace, struct aspace_area *area, uintptr_t start, size_t size_bytes)
{
	if (!start)
		return areas_place_from(&aspace->areas, &area->span, size_bytes, ASPACE_IMAGE_END) ? 0
												   : -ENOMEM;
	return areas_place_at(&aspace->areas, &area->span, start, size_bytes) ? 0 : -EEXIST;
}

int aspace_map(struct aspace *aspace, uintptr_t *start, size_t size_bytes, enum aspace_kind kind,
	       unsigned int prot, const struct aspace_file *file)
{
	struct aspace_area *area;
	int error;

	if (!is_range(*start ? *start : PORT_USER_START, size_bytes))
		return -EINVAL;
	area = area_alloc(aspace, kind, prot);
	if (!area)
		return -ENOMEM;
	error = place(aspace, area, *start, size_bytes);
	if (error) {
		kmem_cache_free(caches.areas, area);
		return error;
	}
	*start = area->span.start;
	if (file) {
		area->file = *file;
		mapping_add_user(file->mapping, &area->user);
	}
	return 0;
}

/* Takes `bytes` off the area's front, or leaves it that many, as areas and file see it. Pages stay. */
static void cut_front(struct aspace *aspace, struct aspace_area *area, size_t bytes)
{
	uintptr_t start = area->span.start + bytes, end = area->span.end;
	size_t of_file = MIN(bytes, area->file.size_bytes);

	ASSERT(area->aspace == aspace && bytes && start < end); /* something of it is left */
	file_lock(area);
	area_remove(aspace, &area->span);
	BUG_ON(!areas_place_at(&aspace->areas, &area->span, start, end - start));
	area->file.first_page += (uint32_t)(bytes >> PAGE_SHIFT);
	area->file.size_bytes -= of_file;
	file_unlock(area);
}

static void cut_back(struct aspace *aspace, struct aspace_area *area, size_t bytes)
{
	uintptr_t start = area->span.start;

	ASSERT(area->aspace == aspace && bytes && bytes < area->span.end - start);
	file_lock(area);
	area_remove(aspace, &area->span);
	BUG_ON(!areas_place_at(&aspace->areas, &area->span, start, bytes));
	area->file.size_bytes = MIN(area->file.size_bytes, bytes);
	file_unlock(area);
}

/* [start, end) is inside the area, and something of it is left on both sides: that behind becomes one of its own. */
static int split(struct aspace *aspace, struct aspace_area *area, uintptr_t start, uintptr_t end)
{
	struct aspace_area *behind = area_alloc(aspace, (enum aspace_kind)area->kind, area->prot);
	size_t skipped = end - area->span.start, size_bytes = area->span.end - end;

	ASSERT(area->span.start < start && start < end && end < area->span.end);
	if (!behind)
		return -ENOMEM;
	behind->file = area->file;
	behind->file.first_page += (uint32_t)(skipped >> PAGE_SHIFT);
	behind->file.size_bytes -= MIN(skipped, area->file.size_bytes);
	cut_back(aspace, area, start - area->span.start);
	BUG_ON(!areas_place_at(&aspace->areas, &behind->span, end, size_bytes));
	if (behind->file.mapping) {
		behind->file.hold(behind->file.owner);
		mapping_add_user(behind->file.mapping, &behind->user);
	}
	return 0;
}

/* What of [start, end) the area has goes. */
static int cut(struct aspace *aspace, struct aspace_area *area, uintptr_t start, uintptr_t end)
{
	bool keeps_front = area->span.start<start, keeps_back = area->span.end> end;

	if (keeps_front && keeps_back)
		return split(aspace, area, start, end);
	if (keeps_front) {
		cut_back(aspace, area, start - area->span.start);
	} else if (keeps_back) {
		cut_front(aspace, area, end - area->span.start);
	} else {
		area_remove(aspace, &area->span);
		if (area == aspace->heap)
			aspace->heap = NULL;
		area_free(area);
	}
	return 0;
}

int aspace_unmap(struct aspace *aspace, uintptr_t start, size_t size_bytes)
{
	uintptr_t end = start + size_bytes;

	if (!is_range(start, size_bytes))
		return -EINVAL;
	for (uintptr_t at = start; at < end;) {
		struct aspace_area *area = aspace_area_at(aspace, at);
		struct area *span = area ? &area->span : areas_above(&aspace->areas, at);
		uintptr_t from = MAX(start, span->start), to = MIN(end, span->end);
		int error;

		if (span->start >= end)
			break;
		error = cut(aspace, container_of(span, struct aspace_area, span), start, end);
		if (error)
			return error;
		drop_pages(aspace, from, to, true);
		at = to;
	}
	return 0;
}

/* --- the heap --- */

void aspace_set_heap(struct aspace *aspace, uintptr_t start)
{
	aspace->heap_start = aspace->heap_end = ALIGN_UP(start, PAGE_SIZE);
}

static int heap_begin(struct aspace *aspace, size_t bytes)
{
	uintptr_t start = aspace->heap_start;
	int error = aspace_map(aspace, &start, bytes, ASPACE_HEAP, ASPACE_WRITE, NULL);

	if (!error)
		aspace->heap = aspace_area_at(aspace, start);
	return error ? -ENOMEM : 0;
}

static int heap_resize(struct aspace *aspace, size_t bytes)
{
	struct area *span = &aspace->heap->span;
	uintptr_t start = span->start, end = span->end;
	bool ok;

	ASSERT(aspace->heap->kind == ASPACE_HEAP && start == aspace->heap_start && bytes);
	if (start + bytes < end)
		return aspace_unmap(aspace, start + bytes, end - start - bytes);
	area_remove(aspace, span);
	ok = areas_place_at(&aspace->areas, span, start, bytes);
	BUG_ON(!ok && !areas_place_at(&aspace->areas, span, start, end - start));
	return ok ? 0 : -ENOMEM;
}

/* A program may have unmapped some of its heap: then what is left of it in one piece stays, and the heap is full. */
int aspace_set_heap_end(struct aspace *aspace, uintptr_t end)
{
	size_t bytes, before;
	int error = 0;

	if (!aspace->heap_start || end < aspace->heap_start)
		return -EINVAL;
	if (end > ASPACE_IMAGE_END)
		return -ENOMEM;
	bytes = ALIGN_UP(end - aspace->heap_start, PAGE_SIZE);
	before = ALIGN_UP(aspace->heap_end - aspace->heap_start, PAGE_SIZE);
	if (!aspace->heap && bytes)
		error = heap_begin(aspace, bytes);
	else if (aspace->heap && aspace->heap->span.start != aspace->heap_start)
		error = -ENOMEM;
	else if (bytes != before)
		error = bytes ? heap_resize(aspace, bytes) : aspace_unmap(aspace, aspace->heap_start, before);
	if (!error)
		aspace->heap_end = end;
	return error;
}

/* --- the end --- */

void aspace_clear(struct aspace *aspace)
{
	struct area *span;
	void *table;

	while ((span = areas_above(&aspace->areas, 0)) != &aspace->areas.end) {
		drop_pages(aspace, span->start, span->end, true);
		area_remove(aspace, span);
		area_free(container_of(span, struct aspace_area, span));
	}
	aspace->heap = NULL;
	leave_list(aspace);
	while ((table = port_space_take_table(&aspace->space)) != NULL) {
		free_page((unsigned long)(uintptr_t)table);
		aspace_count(&aspace->nr_tables, (size_t)-1);
	}
	ASSERT(!aspace->nr_resident && !aspace->nr_swapped && !aspace->nr_tables); /* AS1, AS5 */
}

void aspace_free(struct aspace *aspace)
{
	ASSERT(!aspace->nr_tables && !aspace->nr_pins); /* AS1, AS6 */
	kmem_cache_free(caches.aspaces, aspace);
}

/* --- to be seen --- */

static const char *const kind_names[NR_ASPACE_KINDS] = {"text", "data", "heap", "stack", "mapping"};

static const char *kind_name(const struct aspace_area *area)
{
	return area->kind < NR_ASPACE_KINDS ? kind_names[area->kind] : "an area";
}

/* Where no area is, the nearest below says more than nothing. */
static void describe_gap(const struct aspace *aspace, uintptr_t addr, char *buf, size_t size)
{
	const struct area *below = areas_below(&aspace->areas, addr),
			  *above = areas_above(&aspace->areas, addr);
	const struct aspace_area *stack = above && above != &aspace->areas.end
						  ? container_of(above, const struct aspace_area, span)
						  : NULL;

	if (addr >= PORT_USER_END)
		(void)snprintf(buf, size, "the kernel's");
	else if (addr < PORT_USER_START)
		(void)snprintf(buf, size, "a NULL pointer and an offset of %lu", (unsigned long)addr);
	else if (stack && stack->kind == ASPACE_STACK && above->start - addr <= ASPACE_STACK_BYTES)
		(void)snprintf(buf, size, "%lu bytes below the limit of its stack",
			       (unsigned long)(above->start - addr));
	else if (below)
		(void)snprintf(buf, size, "%lu bytes past its %s", (unsigned long)(addr - below->end),
			       kind_name(container_of(below, const struct aspace_area, span)));
	else
		(void)snprintf(buf, size, "below all it has");
}

const char *aspace_describe(const struct aspace *aspace, uintptr_t addr, char *buf, size_t size)
{
	const struct aspace_area *area = addr < PORT_USER_END ? aspace_area_at(aspace, addr) : NULL;

	if (!area)
		describe_gap(aspace, addr, buf, size);
	else if (area->kind == ASPACE_STACK)
		(void)snprintf(buf, size, "its stack, %lu bytes below the top",
			       (unsigned long)(area->span.end - addr));
	else
		(void)snprintf(buf, size, "its %s%s, %lu bytes in", kind_name(area),
			       area->prot & ASPACE_WRITE ? "" : ", read-only",
			       (unsigned long)(addr - area->span.start));
	return buf;
}

const char *aspace_describe_page(struct aspace *aspace, uintptr_t addr, char *buf, size_t size)
{
	irqflags_t flags = port_lock_irqsave(&aspace->lock);
	const port_entry_t *entry = addr < PORT_USER_END ? aspace_entry(aspace, addr) : NULL;
	uint32_t note = entry ? port_entry_note(entry) : 0;
	unsigned int prot;
	pfn_t pfn;

	if (entry && port_entry_find(entry, &pfn, &prot))
		(void)snprintf(buf, size, "page 0x%x", pfn);
	else if (note)
		(void)swap_describe(anon_slot(note), buf, size);
	else
		(void)snprintf(buf, size, "no page");
	port_unlock_irqrestore(&aspace->lock, flags);
	return buf;
}

/* --- AS1, AS2 --- */

static const char *check_entry(const struct aspace *aspace, const struct aspace_area *area, uintptr_t addr,
			       pfn_t pfn, unsigned int prot)
{
	const struct page *page = pfn < mem_map_pages ? pfn_to_page(pfn) : NULL;

	if (!page || page->refcount < 1)
		return "AS1: an entry leads to a page that nobody holds";
	if (page->state != PAGE_USER && (page->state != PAGE_FILE || prot & PORT_USER_WRITE))
		return "AS1: an entry leads to a page that is not the program's";
	if (page->state == PAGE_USER && (page->mapping != aspace || page->index != addr >> PAGE_SHIFT))
		return "AS6: a page of a program does not name it";
	return prot & PORT_USER_WRITE && !(area->prot & ASPACE_WRITE)
		       ? "AS2: an entry allows more than its area"
		       : NULL;
}

static const char *check_area(const struct aspace *aspace, const struct aspace_area *area, size_t *nr,
			      size_t *nr_swapped)
{
	const char *wrong = NULL;
	unsigned int prot;
	pfn_t pfn;

	for (uintptr_t addr = area->span.start; addr < area->span.end && !wrong; addr += PAGE_SIZE)
		if (port_entry_find(aspace_entry(aspace, addr), &pfn, &prot)) {
			wrong = check_entry(aspace, area, addr, pfn, prot);
			++*nr;
		} else if (port_entry_note(aspace_entry(aspace, addr))) {
			++*nr_swapped;
		}
	return wrong;
}

const char *aspace_check(struct aspace *aspace)
{
	const char *wrong = areas_check(&aspace->areas);
	const struct area *span = areas_above(&aspace->areas, 0);
	size_t nr = 0, nr_swapped = 0;

	for (; !wrong && span != &aspace->areas.end; span = areas_above(&aspace->areas, span->end))
		wrong = check_area(aspace, container_of(span, const struct aspace_area, span), &nr,
				   &nr_swapped);
	if (!wrong && (nr != aspace->nr_resident || nr_swapped != aspace->nr_swapped))
		wrong = "AS1: nr_resident is not what the areas have, or AS2: an entry is outside";
	return wrong;
}
