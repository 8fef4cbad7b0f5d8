/* SPDX-License-Identifier: MIT */
/* The swap cache: what is on its way out, in, or was read ahead; and the nodes that it takes. Lock: swap_state.lock, see swap.h. */
#include <mm/cache/swap_internal.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <mm/cache/lru.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>

/* --- the stock of nodes --- */

static void stock_add(struct radix_spare *spare)
{
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);

	while (spare->nr && swap_state.stock.nr < SWAP_STOCK_NODES)
		radix_spare_move(&swap_state.stock, spare);
	port_unlock_irqrestore(&swap_state.lock, flags);
}

void swap_spare_put(struct radix_spare *spare)
{
	if (!spare->nr)
		return;
	if (swap_is_on())
		stock_add(spare);
	radix_spare_free(spare);
}

bool swap_stock(void)
{
	struct radix_spare spare = {.wanted = SWAP_STOCK_NODES -
					      MIN(READ_ONCE(swap_state.stock.nr), SWAP_STOCK_NODES)};
	bool is_full = radix_spare_fill(&spare, GFP_NOWAIT | __GFP_NOWARN);

	stock_add(&spare);
	radix_spare_free(&spare);
	return is_full;
}

/* --- out, and in --- */

/* What an ended slot waits for. The area is there as long as it has pages; the signature's says of none. */
void swap_cache_page_left(struct page *page)
{
	uintptr_t number = page->private >> SWAP_AREA_SHIFT;
	struct swap_area *area = &swap_state.area[number ? number - 1 : 0];
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);

	if (number && area->map && area->map[page->index] == SLOT_ENDED) {
		area->map[page->index] = SLOT_FREE;
		area->nr_free++;
	}
	page->private = 0;
	port_unlock_irqrestore(&swap_state.lock, flags);
}

bool swap_take_in(swap_slot_t slot, struct page *page)
{
	struct swap_area *area = swap_area_of(slot);
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);
	uintptr_t before = page->private;
	bool ok;

	ASSERT(area->map[swap_offset_of(slot)] == SLOT_KEPT);
	page->private = (uintptr_t)(area - swap_state.area + 1) << SWAP_AREA_SHIFT;
	ok = mapping_take_in(&area->mapping, swap_offset_of(slot), page, &swap_state.stock) == 0;
	if (ok)
		area->map[swap_offset_of(slot)] = SLOT_USED; /* SW3 */
	else
		page->private = before;
	port_unlock_irqrestore(&swap_state.lock, flags);
	return ok;
}

/* A disk more than half full wants its slots back. */
static bool is_scarce_locked(const struct swap_area *area)
{
	ASSERT(port_lock_is_held(&swap_state.lock) && area->nr_free + area->nr_bad <= area->nr_pages);
	return area->state != AREA_ON || area->nr_free < (area->nr_pages - area->nr_bad) / 2;
}

void swap_take_out(swap_slot_t slot, struct page *page, void *aspace, uint32_t index,
		   struct radix_spare *spare)
{
	struct swap_area *area = swap_area_of(slot);
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);
	bool is_bad = swap_write_failed(page), keeps = !page_has(page, PG_DIRTY) && !is_scarce_locked(area);

	ASSERT(page->index == swap_offset_of(slot) && area->map[page->index] == SLOT_USED); /* SW3 */
	mapping_take_out(page, aspace, index, spare);
	page->private = keeps ? slot : 0;
	if (keeps)
		area->map[swap_offset_of(slot)] = SLOT_KEPT;
	else
		swap_slot_free_locked(area, swap_offset_of(slot), is_bad);
	port_unlock_irqrestore(&swap_state.lock, flags);
}

#define NODE_GFP(gfp) ((gfp) & ~(__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_COLD))

/* Has it a name, and its page only there? */
static bool is_used_locked(const struct swap_area *area, uint32_t offset)
{
	ASSERT(port_lock_is_held(&swap_state.lock));
	return area->map && offset < area->nr_pages && area->map[offset] == SLOT_USED;
}

/* SW3 */
static int add_once(struct swap_area *area, uint32_t offset, struct page *page, struct radix_spare *spare)
{
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);
	int error = -ENXIO;

	if (is_used_locked(area, offset))
		error = mapping_add(&area->mapping, offset, page, spare);
	if (!error)
		page->private = (uintptr_t)(area - swap_state.area + 1) << SWAP_AREA_SHIFT;
	port_unlock_irqrestore(&swap_state.lock, flags);
	return error;
}

/* The page comes into the cache, locked, if the slot is used still; else it goes. Result: 0, -EAGAIN: it is not; -EEXIST; -ENOMEM. */
static int add_page(struct swap_area *area, uint32_t offset, struct page *page, gfp_t gfp)
{
	struct radix_spare spare = {0};
	int error = add_once(area, offset, page, &spare);

	while (error == -EAGAIN)
		error = radix_spare_fill(&spare, NODE_GFP(gfp)) ? add_once(area, offset, page, &spare)
								: -ENOMEM;
	radix_spare_free(&spare);
	if (error)
		__free_page(page);
	return error == -ENXIO ? -EAGAIN : error;
}

static void begin_read(struct swap_area *area, struct page *page)
{
	mm_event_add(EVENT_SWAP_IN, 1);
	pagecache_begin_read(&area->mapping, page);
}

static bool wants_reading(swap_slot_t slot)
{
	struct swap_area *area = swap_area_of(slot);
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);
	bool wants = is_used_locked(area, swap_offset_of(slot));
	struct page *page = wants ? mapping_find(&area->mapping, swap_offset_of(slot)) : NULL;

	port_unlock_irqrestore(&swap_state.lock, flags);
	if (page)
		put_page(page);
	return wants && !page;
}

/* Memory is waited for first, so that the disk gets them in one go. */
void swap_read_ahead(const swap_slot_t *slot, unsigned int nr)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_COLD | __GFP_NORETRY | __GFP_NOWARN;
	struct page *page[READAHEAD_MAX];
	unsigned int nr_pages = 0;

	ASSERT(nr <= READAHEAD_MAX);
	for (unsigned int i = 0; i < nr; i++) {
		page[nr_pages] = wants_reading(slot[i]) ? alloc_page(gfp) : NULL;
		nr_pages += page[nr_pages] != NULL;
	}
	for (unsigned int i = 0; i < nr && nr_pages; i++) {
		struct swap_area *area = swap_area_of(slot[i]);

		if (!wants_reading(slot[i]) || add_page(area, swap_offset_of(slot[i]), page[--nr_pages], gfp))
			continue;
		begin_read(area, page[nr_pages]);
		put_page(page[nr_pages]);
	}
	while (nr_pages)
		__free_page(page[--nr_pages]);
}

/* The page of the slot in the cache, held. Result: 0; 1: it is about to be read; an error. */
static int find_or_read(struct swap_area *area, uint32_t offset, gfp_t gfp, struct page **page)
{
	int error;

	*page = mapping_find(&area->mapping, offset);
	if (*page)
		return 0;
	*page = alloc_page(gfp);
	if (!*page)
		return -ENOMEM;
	error = add_page(area, offset, *page, gfp);
	if (error)
		return error;
	begin_read(area, *page);
	return 1;
}

/* Result: 0; -EIO: it is out of the cache again; -EEXIST: another has it, or had. */
static int wait_for_page(struct swap_area *area, struct page *page)
{
	page_lock(page);
	page_wait_written(page);
	if (mapping_has(&area->mapping, page) && page_has(page, PG_UPTODATE))
		return 0;
	if (!mapping_has(&area->mapping, page)) {
		page_unlock(page);
		return -EEXIST;
	}
	(void)mapping_remove(page, false);
	page_unlock(page);
	return -EIO;
}

int swap_get(swap_slot_t slot, gfp_t gfp, struct page **page)
{
	struct swap_area *area = swap_area_of(slot);
	int found, error;

	do {
		error = found = find_or_read(area, swap_offset_of(slot), gfp, page);
		if (found < 0)
			continue;
		error = wait_for_page(area, *page);
		if (error)
			put_page(*page);
	} while (error == -EEXIST);
	return error ? error : found;
}
