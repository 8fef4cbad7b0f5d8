/* SPDX-License-Identifier: MIT */
/* The whole-machine validator. It trusts nothing it has not checked: lists are followed only through pointers
 * that are descriptors, and only as far as there are pages. The numbers are those of mm/README.md. */
#include <mm/report/validate.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <mm/aspace/aspace.h>
#include <mm/cache/lru.h>
#include <mm/cache/mapping.h>
#include <mm/dma/bounce.h>
#include <mm/early/memblock.h>
#include <mm/mapped/kmap_internal.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/depot.h>
#include <mm/objects/slab_debug.h>
#include <mm/pages/buddy.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>
#include <mm/reclaim/reserve.h>
#include <mm/reclaim/wait.h>

#define MAX_LINES 20

/* The name of a zone, in a report. */
#define LABEL(zone) zone_label(zone, (char[ZONE_LABEL_BYTES]){""})

static struct {
	struct sink *out;
	unsigned int nr_violations;
	bool is_at_rest;		/* W2 holds */
	unsigned int every, nr_counted; /* slow paths; every 0: never */
	bool is_due;
} validate;

static COLD PRINTF(1, 2) void violation(const char *fmt, ...)
{
	char line[160];
	va_list args;

	if (validate.nr_violations++ >= MAX_LINES || !validate.out)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	sink_printf(validate.out, "%s", line);
}

/* The page of a list node, or NULL when the list leads out of the descriptors. */
static struct page *page_of_node(const struct list_head *node)
{
	struct page *page = container_of(node, struct page, links);

	return page_is_descriptor(page) ? page : NULL;
}

/* --- zones and free lists --- */

static void check_free_block(const struct zone *zone, const struct page *page, unsigned int order,
			     unsigned int type)
{
	pfn_t pfn = page_to_pfn(page), buddy = pfn ^ (1u << order);

	if (page->head != PAGE_HEAD(PAGE_FREE, order, ZONE_WHERE(zone, type)))
		violation("B4 pfn %#x: head %#x, expected %#x\n", pfn, page->head,
			  PAGE_HEAD(PAGE_FREE, order, ZONE_WHERE(zone, type)));
	if (!IS_ALIGNED(pfn, 1u << order))
		violation("B1 pfn %#x of order %u is not aligned\n", pfn, order);
	if (pfn < zone->start_pfn || pfn + (1u << order) > node_run_end(node_map_find(pfn), zone->end_pfn))
		violation("B4 pfn %#x order %u is outside zone %s\n", pfn, order, LABEL(zone));
	else if (zone->block_mobility[(pfn >> PAGEBLOCK_ORDER) - zone->first_block] != type)
		violation("B6 pfn %#x is on the list of mobility %u\n", pfn, type);
	if (order < MAX_PAGE_ORDER && pfn_to_page(buddy)->head == page->head)
		violation("B2 pfn %#x and its buddy of order %u are both free\n", pfn, order);
}

static size_t check_free_list(const struct zone *zone, unsigned int type, unsigned int order)
{
	const struct list_head *head = &zone->lists[type].list[order], *node = head, *before = head;
	size_t blocks = 0;

	while ((node = node->next) != head && blocks <= zone->managed) {
		const struct page *page = page_of_node(node);

		if (!page) {
			violation("B4 free list %s/%u/%u leads to no descriptor\n", LABEL(zone), type, order);
			break;
		}
		if (node->prev != before)
			violation("B4 pfn %#x: the list's links disagree\n", page_to_pfn(page));
		before = node;
		check_free_block(zone, page, order, type);
		blocks++;
	}
	if ((blocks != 0) != (zone->lists[type].nonempty >> order & 1))
		violation("B5 zone %s mobility %u order %u: bit %u, blocks %zu\n", LABEL(zone), type, order,
			  zone->lists[type].nonempty >> order & 1, blocks);
	return blocks;
}

static void check_where(const struct zone *zone, const struct page *page)
{
	pfn_t pfn = page_to_pfn(page);
	uint32_t where = ZONE_WHERE(zone, zone->block_mobility[(pfn >> PAGEBLOCK_ORDER) - zone->first_block]);

	if (page->where != where)
		violation("B6 pfn %#x, %u: belongs to lists %#x, expected %#x\n", pfn, page->state,
			  page->where, where);
}

/* Free heads by looking at each descriptor: finds blocks that no list holds, marks inside blocks, and user
 * pages. */
static size_t count_free_heads(const struct zone *zone)
{
	size_t pages = 0, nr_user = 0;
	pfn_t pfn = zone->start_pfn;

	while (pfn < zone->end_pfn) {
		const struct page *page = pfn_to_page(pfn);
		pfn_t end = pfn + (page->state == PAGE_INTERIOR || page->order > MAX_PAGE_ORDER
					   ? 1
					   : 1u << page->order);

		if (page_to_nid(page) != zone->node) {
			pfn = node_run_end(node_map_find(pfn), zone->end_pfn);
			continue;
		}
		if (page->state != PAGE_INTERIOR)
			check_where(zone, page);
		if (page->state != PAGE_INTERIOR && page->order > MAX_PAGE_ORDER)
			violation("A1 pfn %#x has order %u\n", pfn, page->order);
		if (page->state == PAGE_FREE)
			pages += end - pfn;
		nr_user += page_is_user(page);
		if (page->state >= PAGE_ALLOCATED && page->refcount < 1)
			violation("A1 pfn %#x is allocated with %d references\n", pfn, page->refcount);
		end = MIN(end, zone->end_pfn);
		while (++pfn < end)
			if (pfn_to_page(pfn)->state != PAGE_INTERIOR)
				violation("A2 pfn %#x inside a block has state %u\n", pfn,
					  pfn_to_page(pfn)->state);
	}
	if (nr_user != zone_nr_user_pages(zone))
		violation("U1 zone %s: %zu user pages, counted %zu\n", LABEL(zone), nr_user,
			  zone_nr_user_pages(zone));
	return pages;
}

static void check_zone(const struct zone *zone)
{
	size_t free = 0, heads;

	for (unsigned int type = 0; type < NR_MOBILITY; type++)
		for (unsigned int order = 0; order < NR_ORDERS; order++)
			free += check_free_list(zone, type, order) << order;
	heads = count_free_heads(zone);
	if (free != zone->nr_free || heads != free)
		violation("B3 zone %s: %zu pages in lists, %zu by their heads, %zu counted\n", LABEL(zone),
			  free, heads, zone->nr_free);
	if (zone->nr_free > zone->managed || zone->managed > zone->present ||
	    zone->present > zone->end_pfn - zone->start_pfn)
		violation("Z1 zone %s: free %zu managed %zu present %zu spanned %u\n", LABEL(zone),
			  zone->nr_free, zone->managed, zone->present, zone->end_pfn - zone->start_pfn);
}

/* --- slabs --- */

static size_t free_list_length(const struct kmem_cache *cache, const struct page *first)
{
	size_t length = 0;
	const char *object = first->freelist;

	while (object && length <= cache->per_slab) {
		uint32_t offset = object_offset(cache, (uintptr_t)object);

		if (object < slab_base(first) || object >= slab_base(first) + (PAGE_SIZE << first->order) ||
		    offset >= first->bump * cache->stride || !object_is_whole(cache, offset)) {
			violation("S1 cache %s: free list leads to %#lx\n", cache->name,
				  (unsigned long)object);
			break;
		}
		length++;
		object = *(char *const *)(const void *)(object + cache->link_offset);
	}
	return length;
}

/* SD1, SD3 */
static void check_objects(const struct kmem_cache *cache, const struct page *first)
{
	uint32_t end = MIN((uint32_t)first->bump, slab_end(cache, first));

	for (uint32_t number = slab_start(cache, first); number < end; number++) {
		const char *object = slab_window(cache, first) + number * cache->stride;
		const char *wrong = slab_debug_why_damaged(cache, object);

		if (wrong)
			violation("SD1 cache %s: object %#lx was written to %s\n", cache->name,
				  (unsigned long)object, wrong);
	}
}

static void check_slab(const struct kmem_cache *cache, const struct page *first, bool on_full)
{
	pfn_t pfn = page_to_pfn(first);
	uint32_t start = slab_start(cache, first), end = slab_end(cache, first);

	if (first->state != PAGE_SLAB || first->order > cache->order || end <= start) {
		violation("S4 cache %s slab %#x is no block of order %u or below\n", cache->name, pfn,
			  cache->order);
		return;
	}
	if (start + first->in_use + free_list_length(cache, first) != first->bump || first->bump > end)
		violation("S1 cache %s slab %#x: in use %u, free %zu, handed out %u of %u\n", cache->name,
			  pfn, first->in_use, free_list_length(cache, first), first->bump - start,
			  end - start);
	if (on_full != (first->in_use == end - start))
		violation("S2 cache %s slab %#x: in use %u, on the wrong list\n", cache->name, pfn,
			  first->in_use);
	for (unsigned int i = 0; i < 1u << first->order; i++)
		if (first[i].slab_cache != cache || first[i].slab != first)
			violation("S4 cache %s pfn %#x does not name its slab\n", cache->name, pfn + i);
	if (cache_is_debugged(cache))
		check_objects(cache, first);
}

/* What the slabs of a cache add up to. */
struct slab_sum {
	size_t slabs, in_use, empty, pages, empty_pages, objects;
};

static void check_slab_list(const struct kmem_cache *cache, const struct list_head *head,
			    struct slab_sum *sum)
{
	const struct list_head *node = head;

	while ((node = node->next) != head && sum->slabs <= cache->nr_slabs) {
		const struct page *first = page_of_node(node);
		size_t pages;

		if (!first) {
			violation("S2 cache %s: a list leads to no descriptor\n", cache->name);
			return;
		}
		check_slab(cache, first, head == &cache->full);
		if (head == &cache->partial && first->in_use && sum->empty)
			violation("S2 cache %s slab %#x: in use, behind an empty one\n", cache->name,
				  page_to_pfn(first));
		sum->slabs++;
		sum->in_use += first->in_use;
		sum->empty += first->in_use == 0;
		pages = first->order <= MAX_PAGE_ORDER ? (size_t)1 << first->order : 0;
		sum->pages += pages;
		sum->empty_pages += first->in_use ? 0 : pages;
		sum->objects += slab_room(cache, first);
	}
}

/* S5, D1: each is handed out as far as its slab knows. */
static void check_parked(const struct kmem_cache *cache, void *const *slots, uint32_t nr, const char *where)
{
	for (uint32_t i = 0; i < nr; i++) {
		const void *object = slots[i];
		const char *wrong = "in no slab of it";

		if (virt_is_direct(object) && virt_to_page(object)->slab_cache == cache)
			wrong = slab_why_bad_object(cache, virt_to_page(object)->slab, object);
		if (!wrong)
			continue;
		violation("S5 cache %s: %#lx in its %s is %s\n", cache->name, (unsigned long)object, where,
			  wrong);
		return; /* where one is wrong most are */
	}
}

/* D2 */
static void check_depot(const struct kmem_cache *cache)
{
	const struct list_head *node = &cache->depot.pages;
	uint32_t nr = cache->depot.nr, in_page = depot_in_first(&cache->depot);

	while ((node = node->next) != &cache->depot.pages) {
		const struct page *page = page_of_node(node);

		if (!page || !nr) {
			violation("D2 cache %s: its depot has a page that holds nothing\n", cache->name);
			return;
		}
		check_parked(cache, low_page_address(page), in_page, "depot");
		nr -= in_page;
		in_page = MIN(nr, DEPOT_SLOTS);
	}
	if (nr)
		violation("D2 cache %s: %u objects of its depot lie in no page\n", cache->name, nr);
	if (cache->depot.nr > cache->depot.room)
		violation("D4 cache %s: %u objects in its depot, room for %u\n", cache->name, cache->depot.nr,
			  cache->depot.room);
}

static void check_stack(const struct kmem_cache *cache)
{
	const struct pcpu_stack *stack = slab_stack_here(cache);

	if (stack->count > stack->capacity || stack->limit > stack->capacity)
		violation("S5 cache %s: its stack has %u of %u, limit %u\n", cache->name, stack->count,
			  stack->capacity, stack->limit);
	else
		check_parked(cache, stack->slot, stack->count, "stack");
}

/* Result: what its slabs add up to. */
static struct slab_sum check_cache(const struct kmem_cache *cache)
{
	struct slab_sum sum = {0};

	check_slab_list(cache, &cache->partial, &sum);
	check_slab_list(cache, &cache->full, &sum);
	if (sum.slabs != cache->nr_slabs || sum.in_use != cache->nr_in_use || sum.empty != cache->nr_empty)
		violation("S3 cache %s: %zu slabs, %zu in use, %zu empty; counted %zu, %zu, %zu\n",
			  cache->name, sum.slabs, sum.in_use, sum.empty, cache->nr_slabs, cache->nr_in_use,
			  cache->nr_empty);
	if (sum.pages != cache->nr_pages || sum.objects != cache->nr_objects)
		violation("S3 cache %s: %zu pages of %zu objects; counted %zu, %zu\n", cache->name, sum.pages,
			  sum.objects, cache->nr_pages, cache->nr_objects);
	check_stack(cache);
	check_depot(cache);
	return sum;
}

/* Is it a page of a slab that its cache does not list: one that is just made or given up? */
static bool is_of_loose_slab(const struct page *page)
{
	const struct page *first = page->slab;

	return page_is_descriptor(first) && first->slab_cache == page->slab_cache && first->slab == first &&
	       first->state == PAGE_SLAB && first->in_use == 0 && page >= first &&
	       page < first + (1u << first->order);
}

/* What the caches list are pages that name them, and all others that do are of slabs on their way. */
static void check_slab_pages(size_t in_caches, size_t in_empty)
{
	size_t marked = 0, loose = 0;

	for (pfn_t pfn = 0; pfn < mem_map_pages; pfn++)
		if (pfn_to_page(pfn)->slab_cache) {
			marked++;
			loose += is_of_loose_slab(pfn_to_page(pfn));
		}
	if (marked - loose != in_caches - in_empty || loose < in_empty)
		violation("S4 %zu pages name a cache, %zu of them of empty slabs, the caches hold %zu and "
			  "%zu\n",
			  marked, loose, in_caches, in_empty);
}

static void check_slabs(void)
{
	const struct kmem_cache *cache;
	size_t pages = 0, empty = 0;

	list_for_each_entry(cache, slab_caches(), caches) {
		struct slab_sum sum = check_cache(cache);

		pages += sum.pages;
		empty += sum.empty_pages;
	}
	check_slab_pages(pages, empty);
}

/* --- permanent windows --- */

static unsigned int check_window_list(const struct list_head *head, bool is_stale)
{
	const struct list_head *node = head;
	unsigned int nr = 0;

	while ((node = node->next) != head && nr++ < kmap_pool.nr) {
		const struct kmap_window *window = container_of(node, struct kmap_window, links);
		unsigned int i = (unsigned int)(window - kmap_pool.window);

		if (i >= kmap_pool.nr) {
			violation("H2 a list of windows leads to no window\n");
			break;
		}
		if (window->count)
			violation("H2 window %u is on a list and in use\n", i);
		if ((window->epoch == kmap_pool.epoch) != is_stale)
			violation("H3 window %u is on the wrong list\n", i);
	}
	return nr;
}

/* How many windows stand in a chain; more than there are: it leads to none, or never ends. */
static unsigned int chain_length(unsigned int chain)
{
	unsigned int i = kmap_pool.chain[chain], nr = 0;

	for (; i < kmap_pool.nr && nr <= kmap_pool.nr; i = kmap_pool.window[i].next)
		nr++;
	return i == KMAP_NO_WINDOW ? nr : kmap_pool.nr + 1;
}

/* H5: each window that showed a page stands in exactly one chain, its own. */
static unsigned int check_chain(unsigned int chain)
{
	const struct kmap_window *window = kmap_pool.window;
	unsigned int nr = chain_length(chain);

	if (nr > kmap_pool.nr) {
		violation("H5 chain %u leads to no window or never ends\n", chain);
		return 0;
	}
	for (unsigned int i = kmap_pool.chain[chain]; i != KMAP_NO_WINDOW; i = window[i].next) {
		if ((window[i].pfn & (kmap_pool.nr - 1)) != chain)
			violation("H5 window %u of pfn %#x is in chain %u\n", i, window[i].pfn, chain);
		for (unsigned int j = window[i].next; j != KMAP_NO_WINDOW; j = window[j].next)
			if (window[j].pfn == window[i].pfn)
				violation("H5 windows %u and %u have the same page\n", i, j);
	}
	return nr;
}

static void check_windows(void)
{
	unsigned int nr_clean = check_window_list(&kmap_pool.clean, false);
	unsigned int nr_stale = check_window_list(&kmap_pool.stale, true);
	unsigned int nr_shown = 0, nr_chained = 0, nr_in_use = 0;

	for (unsigned int i = 0; i < kmap_pool.nr; i++) {
		nr_shown += kmap_pool.window[i].pfn != KMAP_NO_PFN;
		nr_in_use += kmap_pool.window[i].count != 0;
		nr_chained += check_chain(i);
	}
	if (nr_clean + nr_stale + nr_in_use != kmap_pool.nr || nr_in_use != kmap_pool.nr_in_use ||
	    nr_stale != kmap_pool.nr_stale)
		violation(
			"H2 %u windows clean, %u stale, %u in use; expected %u in all, %u stale, %u in use\n",
			nr_clean, nr_stale, nr_in_use, kmap_pool.nr, kmap_pool.nr_stale, kmap_pool.nr_in_use);
	if (nr_chained != nr_shown)
		violation("H5 %u windows in chains, %u showed a page\n", nr_chained, nr_shown);
	if (!list_is_empty(&kmap_pool.waiters) && nr_clean + nr_stale)
		violation("H4 somebody waits for a window, %u are free\n", nr_clean + nr_stale);
}

unsigned int mm_validate_windows(struct sink *out)
{
	irqflags_t flags = irq_save();

	validate.out = out;
	validate.nr_violations = 0;
	if (kmap_pool.nr)
		check_windows();
	irq_restore(flags);
	return validate.nr_violations;
}

/* --- reserves --- */

static void check_reserve(const struct reserve *reserve)
{
	const struct list_head *node = &reserve->pages;
	size_t nr = 0;

	while ((node = node->next) != &reserve->pages && nr <= reserve->wanted) {
		const struct page *page = page_of_node(node);

		if (!page) {
			violation("RS1 reserve %s: the list leads to no descriptor\n", reserve->name);
			return;
		}
		if (!page_is_head(page, PAGE_ALLOCATED, 0) || page->refcount != 1)
			violation("RS1 reserve %s: pfn %#x is no page of its own\n", reserve->name,
				  page_to_pfn(page));
		nr++;
	}
	if (nr != reserve->nr || nr > reserve->wanted)
		violation("RS1 reserve %s: %zu pages, counted %zu, wanted %zu\n", reserve->name, nr,
			  reserve->nr, reserve->wanted);
}

/* --- waiters --- */

static unsigned int nr_queued;

static bool zone_could_serve(const struct zone *zone, const struct mem_waiter *waiter)
{
	size_t floor = gfp_has(waiter->gfp, __GFP_HIGH) ? 0 : zone_floor(zone, gfp_zone(waiter->gfp));
	uint32_t nonempty = 0;

	for (unsigned int type = 0; type < NR_MOBILITY; type++)
		nonempty |= zone->lists[type].nonempty;
	return zone->nr_free >= floor + ((size_t)1 << waiter->order) && nonempty >> waiter->order;
}

static void count_waiter(const struct mem_waiter *waiter)
{
	(void)waiter;
	nr_queued++;
}

static void check_waiter(const struct mem_waiter *waiter)
{
	struct zone *const *zone = gfp_zones(waiter->gfp);

	for (; *zone && wait_wants_pages(waiter); zone++)
		if (zone_could_serve(*zone, waiter))
			violation("W2 zone %s has what a waiter for order %u wants\n", (*zone)->name,
				  waiter->order);
}

static void check_closed(void)
{
	const struct kmem_cache *cache;
	const struct zone *zone;

	for_each_zone(zone)
		if (zone_has_memory(zone) && (!zone->slow || pcp_parked_pages(zone)))
			violation("W3 zone %s parks pages while somebody waits\n", LABEL(zone));
	list_for_each_entry(cache, slab_caches(), caches)
		if (cache->stack.limit || slab_parks_any(cache))
			violation("W3 cache %s parks objects while somebody waits\n", cache->name);
}

static void check_waiters(void)
{
	const char *wrong = wait_check();

	if (wrong)
		violation("%s\n", wrong);
	nr_queued = 0;
	wait_for_each(count_waiter);
	if (nr_queued > wait_nr_waiters)
		violation("W1 %u waiters are in the queue, %u counted\n", nr_queued, wait_nr_waiters);
	if (nr_queued == wait_nr_waiters && validate.is_at_rest)
		wait_for_each(check_waiter); /* W2: nobody is about to leave */
	if (nr_queued)
		check_closed();
}

/* MA1: each page of a file is in a mapping. */
static void check_files(void)
{
	size_t nr_pages, nr_listed, nr_found = 0, nr_marked = 0;
	const char *wrong = mapping_check_all(&nr_pages);

	if (wrong)
		violation("%s\n", wrong);
	for (pfn_t pfn = 0; pfn < mem_map_pages; pfn++)
		if (pfn_to_page(pfn)->state == PAGE_FILE || page_is_user(pfn_to_page(pfn))) {
			nr_found += pfn_to_page(pfn)->state == PAGE_FILE;
			nr_marked += page_has(pfn_to_page(pfn), PG_ONLIST);
		}
	wrong = lru_check(&nr_listed);
	if (!wrong && nr_listed != nr_marked)
		wrong = "LR1 a page that is in a list is in none";
	if (wrong)
		violation("%s\n", wrong);
	wrong = aspace_check_swap();
	if (wrong)
		violation("%s\n", wrong);
	if (nr_found != nr_pages)
		violation("MA1 %zu pages are of files, mappings have %zu\n", nr_found, nr_pages);
}

static unsigned int check_all(struct sink *out, bool is_at_rest)
{
	irqflags_t flags = irq_save();
	const struct zone *zone;
	const char *wrong;

	validate.out = out;
	validate.nr_violations = 0;
	validate.is_at_rest = is_at_rest;
	for_each_zone(zone)
		check_zone(zone);
	check_slabs();
	if (kmap_pool.nr)
		check_windows();
	reserve_for_each(check_reserve);
	check_waiters();
	if (is_at_rest)
		check_files();
	wrong = vmalloc_check();
	if (wrong)
		violation("%s\n", wrong);
	wrong = dma_bounce_check();
	if (wrong)
		violation("%s\n", wrong);
	irq_restore(flags);
	return validate.nr_violations;
}

unsigned int mm_validate(struct sink *out)
{
	return check_all(out, true);
}

/* --- now and then --- */

static void print_violation(struct sink *sink, const char *text, size_t len)
{
	(void)sink;
	port_print(PORT_ERR, "BUG: %.*s", (int)(len - 1), text); /* without its newline */
}

bool mm_validate_every(unsigned int n)
{
	if (DEBUG_LEVEL < 2)
		return false;
	validate.every = n;
	validate.nr_counted = 0;
	validate.is_due = false;
	mm_watch_set(WATCH_VALIDATE, n != 0);
	return true;
}

void mm_validate_count(void)
{
	struct sink printed = {print_violation};
	unsigned int every;

	if (DEBUG_LEVEL < 2)
		return;
	every = READ_ONCE(validate.every);
	if (every && __atomic_add_fetch(&validate.nr_counted, 1, __ATOMIC_RELAXED) % every == 0)
		WRITE_ONCE(validate.is_due, true);
	if (likely(!READ_ONCE(validate.is_due)) || !port_may_sleep())
		return;
	WRITE_ONCE(validate.is_due, false);
	if (check_all(&printed, false))
		(void)mm_validate_every(0);
}
