/* SPDX-License-Identifier: MIT */
/* Windows on high memory that stay. A kunmap clears the page table's entry but does not flush: the CPU may
 * remember it, so the window is stale until all unused ones have been, and one flush makes them clean
 * together. Every operation is a constant amount of work: pages are found by hash, and a flush concerns a
 * list that is moved whole. H2-H5: kmap_internal.h.
 *
 * Who frees a window while somebody waits hands it over: the waiter finds it mapped. So windows go in the
 * order of asking, nobody can slip in between, and an unpark that means something else does no harm.
 *
 * Lock: kmap_pool.lock, innermost; parking with it released. */
#include <mm/mapped/kmap_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <mm/early/bootmem.h>
#include <mm/pages/zone.h>

#define WINDOW_SHIFT	(PAGE_SHIFT + 1) /* the page and a hole behind it */
#define SMALL_LOW_BYTES MIB(64u)

struct waiter {
	struct list_head links;
	struct port_thread *thread;
	pfn_t pfn;
	struct kmap_window *granted; /* NULL while it waits */
};

struct kmap_pool kmap_pool;

/* --- windows and the page numbers they show --- */

static uintptr_t window_address(const struct kmap_window *window)
{
	return port_windows_start() + ((uintptr_t)(window - kmap_pool.window) << WINDOW_SHIFT);
}

static uint16_t *chain_of(pfn_t pfn)
{
	return &kmap_pool.chain[pfn & (kmap_pool.nr - 1)];
}

static struct kmap_window *find_locked(pfn_t pfn)
{
	struct kmap_window *window;

	ASSERT(port_lock_is_held(&kmap_pool.lock));
	for (uint16_t i = *chain_of(pfn); i != KMAP_NO_WINDOW; i = window->next) {
		window = &kmap_pool.window[i];
		if (window->pfn == pfn)
			return window;
	}
	return NULL;
}

static void chain_remove_locked(struct kmap_window *window)
{
	uint16_t *link = chain_of(window->pfn), self = (uint16_t)(window - kmap_pool.window);

	ASSERT(port_lock_is_held(&kmap_pool.lock) && !window->count);
	while (*link != self) {
		ASSERT(*link < kmap_pool.nr); /* H5: it is in its chain */
		link = &kmap_pool.window[*link].next;
	}
	*link = window->next;
}

static void chain_add_locked(struct kmap_window *window, pfn_t pfn)
{
	uint16_t *chain = chain_of(pfn);

	ASSERT(port_lock_is_held(&kmap_pool.lock) && !find_locked(pfn)); /* H5 */
	window->pfn = pfn;
	window->next = *chain;
	*chain = (uint16_t)(window - kmap_pool.window);
}

/* --- states --- */

static bool is_stale_locked(const struct kmap_window *window)
{
	ASSERT(port_lock_is_held(&kmap_pool.lock));
	return window->count == 0 && window->epoch == kmap_pool.epoch;
}

/* Moves the whole of `stale` to the end of `clean`. */
static void make_clean_locked(void)
{
	struct list_head *stale = &kmap_pool.stale, *clean = &kmap_pool.clean;

	ASSERT(port_lock_is_held(&kmap_pool.lock) && !list_is_empty(stale));
	stale->next->prev = clean->prev;
	clean->prev->next = stale->next;
	stale->prev->next = clean;
	clean->prev = stale->prev;
	list_init(stale);
	kmap_pool.nr_stale = 0;
	kmap_pool.epoch++;
}

/* A single window is flushed alone. */
static void flush_locked(void)
{
	ASSERT(port_lock_is_held(&kmap_pool.lock));
	ASSERT((kmap_pool.nr_stale == 0) == list_is_empty(&kmap_pool.stale)); /* H2 */
	if (kmap_pool.nr_stale == 0)
		return;
	if (kmap_pool.nr_stale == 1)
		port_flush_page(
			window_address(list_first_entry(&kmap_pool.stale, struct kmap_window, links)));
	else
		port_flush_all();
	make_clean_locked();
}

static void map_locked(struct kmap_window *window)
{
	ASSERT(port_lock_is_held(&kmap_pool.lock) && window->count == 0); /* H2 */
	list_del(&window->links);
	kmap_pool.nr_stale -= is_stale_locked(window);
	kmap_pool.nr_in_use++;
	ASSERT(kmap_pool.nr_in_use + kmap_pool.nr_stale <= kmap_pool.nr); /* H2 */
	port_map_page(window_address(window), window->pfn);
}

static void unmap_locked(struct kmap_window *window)
{
	ASSERT(port_lock_is_held(&kmap_pool.lock) && window->count == 0 && kmap_pool.nr_in_use); /* H2 */
	port_unmap_page(window_address(window));
	list_add_tail(&window->links, &kmap_pool.stale);
	window->epoch = kmap_pool.epoch;
	kmap_pool.nr_in_use--;
	kmap_pool.nr_stale++;
	if (kmap_pool.is_strict)
		flush_locked();
}

/* The window longest unused is given to another page; NULL: all are in use. */
static struct kmap_window *rededicate_locked(pfn_t pfn)
{
	struct kmap_window *window;

	ASSERT(port_lock_is_held(&kmap_pool.lock));
	if (list_is_empty(&kmap_pool.clean))
		flush_locked();
	if (list_is_empty(&kmap_pool.clean))
		return NULL;
	window = list_first_entry(&kmap_pool.clean, struct kmap_window, links);
	ASSERT(window->count == 0 && !is_stale_locked(window)); /* H3 */
	if (window->pfn != KMAP_NO_PFN)
		chain_remove_locked(window);
	chain_add_locked(window, pfn);
	return window;
}

static struct kmap_window *take_locked(pfn_t pfn)
{
	struct kmap_window *window = find_locked(pfn);

	ASSERT(port_lock_is_held(&kmap_pool.lock));
	ASSERT(pfn >= lowmem_end_pfn && pfn < mem_map_pages);
	if (!window)
		window = rededicate_locked(pfn);
	if (!window)
		return NULL;
	if (window->count == 0)
		map_locked(window);
	window->count++;
	ASSERT(window->count && window->pfn == pfn);
	return window;
}

/* --- waiting --- */

/* First come first served; who waits for a page that was just mapped for another shares it. The waiter's
 * frame may be gone once `granted` is set. */
static void serve_waiters_locked(void)
{
	struct waiter *waiter, *next;

	ASSERT(port_lock_is_held(&kmap_pool.lock));
	list_for_each_entry_safe(waiter, next, &kmap_pool.waiters, links) {
		struct kmap_window *window = take_locked(waiter->pfn);
		struct port_thread *thread = waiter->thread;

		if (!window)
			continue;
		ASSERT(!waiter->granted);
		list_del(&waiter->links);
		WRITE_ONCE(waiter->granted, window);
		port_unpark(thread);
	}
}

/* A killed thread waits no longer, unless it was just served (R4). Who was served leaves only when its server, which wakes it under
 * the lock, has done so. */
static void leave_queue(struct waiter *waiter)
{
	irqflags_t flags = port_lock_irqsave(&kmap_pool.lock);

	ASSERT(waiter->thread == port_current());
	if (!waiter->granted)
		list_del(&waiter->links);
	port_unlock_irqrestore(&kmap_pool.lock, flags);
}

static struct kmap_window *take_or_wait(pfn_t pfn, bool may_sleep)
{
	struct waiter waiter = {.thread = port_current(), .pfn = pfn};
	irqflags_t flags = port_lock_irqsave(&kmap_pool.lock);
	bool waits;

	waiter.granted = take_locked(pfn);
	waits = !waiter.granted && may_sleep;
	if (waits)
		list_add_tail(&waiter.links, &kmap_pool.waiters);
	port_unlock_irqrestore(&kmap_pool.lock, flags);
	while (waits && !READ_ONCE(waiter.granted) && !port_is_killed())
		port_park();
	if (waits)
		leave_queue(&waiter);
	return waiter.granted;
}

/* --- what others see --- */

void *kmap(struct page *page)
{
	bool may_sleep = port_check_may_sleep(__FILE__, __LINE__);
	const struct kmap_window *window;

	if (!page_is_highmem(page))
		return low_page_address(page);
	window = take_or_wait(page_to_pfn(page), may_sleep);
	return window ? (void *)window_address(window) : NULL;
}

void *high_page_address(const struct page *page)
{
	irqflags_t flags = port_lock_irqsave(&kmap_pool.lock);
	const struct kmap_window *window = kmap_pool.nr ? find_locked(page_to_pfn(page)) : NULL;
	bool is_mapped = window && window->count;

	port_unlock_irqrestore(&kmap_pool.lock, flags);
	return is_mapped ? (void *)window_address(window) : NULL;
}

static COLD void report_unmapped(const struct page *page, const void *caller)
{
	char code[64];

	port_print(PORT_ERR, "BUG: kunmap of page %#x by %s, which is not mapped; nothing changed",
		   page_to_pfn(page), port_code_name(caller, code, sizeof(code)));
}

void kunmap(struct page *page)
{
	struct kmap_window *window;
	irqflags_t flags;
	bool is_mapped;

	if (!page_is_highmem(page))
		return;
	flags = port_lock_irqsave(&kmap_pool.lock);
	window = find_locked(page_to_pfn(page));
	ASSERT(!window || !window->count || kmap_pool.nr_in_use); /* H2 */
	is_mapped = window && window->count;
	if (is_mapped && --window->count == 0) {
		unmap_locked(window);
		serve_waiters_locked();
	}
	port_unlock_irqrestore(&kmap_pool.lock, flags);
	if (unlikely(!is_mapped))
		report_unmapped(page, RETURN_ADDRESS());
}

unsigned int kmap_flush(void)
{
	irqflags_t flags = port_lock_irqsave(&kmap_pool.lock);
	unsigned int nr = kmap_pool.nr_stale;

	flush_locked();
	port_unlock_irqrestore(&kmap_pool.lock, flags);
	return nr;
}

/* The window whose page or hole holds addr, or NULL. */
static const struct kmap_window *window_at(uintptr_t addr)
{
	uintptr_t index = (addr - port_windows_start()) >> WINDOW_SHIFT;

	return index < kmap_pool.nr ? &kmap_pool.window[index] : NULL;
}

static uintptr_t offset_in(const struct kmap_window *window, uintptr_t addr)
{
	return addr - window_address(window);
}

struct page *kmap_to_page(const void *addr)
{
	const struct kmap_window *window = window_at((uintptr_t)addr);
	struct port_kmap_place place;

	if (virt_is_direct(addr))
		return virt_to_page(addr);
	if (window)
		return window->count && offset_in(window, (uintptr_t)addr) < PAGE_SIZE
			       ? pfn_to_page(window->pfn)
			       : NULL;
	if (port_kmap_find((uintptr_t)addr, &place) && place.is_mapped && place.offset < PAGE_SIZE)
		return pfn_to_page(place.pfn);
	return NULL;
}

/* --- wild pointers --- */

static void describe(char *buf, size_t size, const char *kind, const struct port_kmap_place *place)
{
	int len = 0;

	if (place->offset >= PAGE_SIZE)
		len = scnprintf(buf, size, "%lu bytes past ", (unsigned long)(place->offset - PAGE_SIZE));
	buf += len;
	size -= (size_t)len;
	if (place->is_mapped)
		(void)snprintf(buf, size, "%s window %u, which shows pfn %#x", kind, place->slot, place->pfn);
	else if (place->pfn != KMAP_NO_PFN)
		(void)snprintf(buf, size, "stale %s window %u, last mapped pfn %#x", kind, place->slot,
			       place->pfn);
	else
		(void)snprintf(buf, size, "%s window %u, never mapped", kind, place->slot);
}

bool kmap_describe(uintptr_t addr, char *buf, size_t size)
{
	const struct kmap_window *window = window_at(addr);
	struct port_kmap_place place;

	if (window) {
		place.slot = (unsigned int)(window - kmap_pool.window);
		place.pfn = window->pfn;
		place.offset = offset_in(window, addr);
		place.is_mapped = window->count != 0;
		describe(buf, size, "kmap", &place);
		return true;
	}
	if (!port_kmap_find(addr, &place))
		return false;
	describe(buf, size, "kmap_local", &place);
	return true;
}

/* Here, out of sight of kmap_local_page(), whose fast path then needs no frame. */
COLD void *kmap_local_overflow(void)
{
	port_panic("kmap_local_page: more than %u windows at once on this CPU", PORT_KMAP_SLOTS);
}

/* --- boot --- */

static void add_tables(void)
{
	uintptr_t start = port_windows_start(), end = start + ((uintptr_t)kmap_pool.nr << WINDOW_SHIFT);

	for (uintptr_t addr = start; addr < end; addr += PORT_TABLE_SPAN) {
		const char *table = alloc_bootmem_pages(PAGE_SIZE);

		port_add_table(addr, (pfn_t)((size_t)(table - port_direct_map()) >> PAGE_SHIFT));
	}
}

static bool there_is_high_memory(void)
{
	const struct zone *zone;

	for_each_zone(zone)
		if (zone->id == ZONE_HIGHMEM && zone->present)
			return true;
	return false;
}

static void add_windows(unsigned int nr)
{
	ASSERT(nr <= KMAP_WINDOWS_MAX && IS_POWER_OF_2(nr)); /* chain_of() */
	kmap_pool.nr = nr;
	kmap_pool.window = alloc_bootmem(nr * sizeof(*kmap_pool.window));
	kmap_pool.chain = alloc_bootmem(nr * sizeof(*kmap_pool.chain));
	for (unsigned int i = 0; i < nr; i++) {
		kmap_pool.window[i].pfn = KMAP_NO_PFN;
		list_add_tail(&kmap_pool.window[i].links, &kmap_pool.clean);
		kmap_pool.chain[i] = KMAP_NO_WINDOW;
	}
}

void kmap_init(void)
{
	kmap_pool = (struct kmap_pool){.epoch = 1, .is_strict = port_debug_level() >= 1};
	port_lock_init(&kmap_pool.lock, "kmap");
	list_init(&kmap_pool.clean);
	list_init(&kmap_pool.stale);
	list_init(&kmap_pool.waiters);
	if (!there_is_high_memory())
		return;
	add_windows(lowmem_bytes < SMALL_LOW_BYTES ? KMAP_WINDOWS_MAX / 2 : KMAP_WINDOWS_MAX);
	add_tables();
}
