/* SPDX-License-Identifier: MIT */
/* Passes of reclaim over pages of files. No lock of its own. */
#include <mm/cache/evict.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <mm/cache/lru.h>
#include <mm/cache/writeback.h>
#include <mm/pages/above.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>

#define BATCH 32u

#define P     EVICT_PASS
static const uint8_t decisions[NR_EVICT_STATES][4] = {
	/* nothing, IO, FS alone, both */
	[EVICT_GONE] = {EVICT_LET_GO, EVICT_LET_GO, EVICT_LET_GO, EVICT_LET_GO},
	[EVICT_HELD] = {P, P, P, P},
	[EVICT_BUSY] = {P, P, P, P},
	[EVICT_WRITTEN] = {P, EVICT_WAIT, P, EVICT_WAIT},
	[EVICT_DIRTY] = {P, P, P, EVICT_WRITE},
	[EVICT_FAILED] = {P, P, P, P},
	[EVICT_CLEAN] = {EVICT_DROP, EVICT_DROP, EVICT_DROP, EVICT_DROP},
};
#undef P

enum evict_action evict_decide(enum evict_state state, gfp_t gfp)
{
	unsigned int may = (gfp_has(gfp, __GFP_IO) ? 1u : 0u) | (gfp_has(gfp, __GFP_FS) ? 2u : 0u);

	ASSERT(state < NR_EVICT_STATES);
	return (enum evict_action)decisions[state][may];
}

/* Flags that matter stay as they are while it is locked, but that a writing may end. */
enum evict_state evict_look(struct page *page)
{
	if (!READ_ONCE(page->mapping))
		return EVICT_GONE;
	if (READ_ONCE(page->refcount) > 2)
		return EVICT_HELD;
	if (!page_trylock(page))
		return EVICT_BUSY;
	if (!READ_ONCE(page->mapping)) {
		page_unlock(page);
		return EVICT_GONE;
	}
	if (page_has(page, PG_WRITEBACK))
		return EVICT_WRITTEN;
	if (page_has(page, PG_DIRTY))
		return page_has(page, PG_ERROR) ? EVICT_FAILED : EVICT_DIRTY;
	return EVICT_CLEAN;
}

/* One pass. */
struct pass {
	gfp_t gfp;
	bool is_deep; /* too little stack is left to write */
	size_t freed;
	unsigned int nr_writes;
	size_t nr_left_dirty; /* for the flushers */
	struct page *awaited; /* held: one on its way to the disk that would do */
};

/* The page is locked. Result: is it out of its mapping? */
static bool drop(struct page *page)
{
	bool is_out;

	ASSERT(page_has(page, PG_LOCKED) && !page_has(page, PG_DIRTY));
	is_out = mapping_remove(page, true);

	page_unlock(page);
	return is_out;
}

static void begin_write(struct pass *pass, struct page *page)
{
	ASSERT(page_has(page, PG_LOCKED) && pass->nr_writes <= EVICT_MAX_WRITES);
	if (pass->is_deep)
		vmscan_wake();
	if (pass->is_deep || pass->nr_writes == EVICT_MAX_WRITES) {
		page_unlock(page);
		pass->nr_left_dirty++;
		return;
	}
	pass->nr_writes += page_write(page);
}

static void await(struct pass *pass, struct page *page)
{
	ASSERT(page_has(page, PG_LOCKED));
	page_unlock(page);
	if (pass->awaited)
		return;
	page_hold(page);
	pass->awaited = page;
}

/* The page is isolated and held; neither it is afterwards. */
static void treat(struct pass *pass, struct page *page)
{
	enum evict_state state = evict_look(page);
	bool is_out = false;

	ASSERT(!page_has(page, PG_ONLIST) && READ_ONCE(page->refcount) >= 1); /* LR1 */
	switch (evict_decide(state, pass->gfp)) {
	case EVICT_LET_GO:
		break;
	case EVICT_PASS:
		if (state > EVICT_BUSY)
			page_unlock(page);
		pass->nr_left_dirty += state == EVICT_DIRTY;
		break;
	case EVICT_WAIT:
		await(pass, page);
		break;
	case EVICT_WRITE:
		begin_write(pass, page);
		break;
	case EVICT_DROP:
		is_out = drop(page);
		break;
	}
	if (!is_out)
		lru_put_back(page);
	pass->freed += is_out;
	put_page(page);
}

static size_t treat_batch(struct pass *pass, const struct zone *zone, size_t nr)
{
	struct list_head pages = LIST_HEAD_INIT(pages);
	size_t found = lru_isolate(zone, &pages, nr);

	mm_event_add(EVENT_SCAN, found);
	while (!list_is_empty(&pages)) {
		struct page *page = list_first_entry(&pages, struct page, links);

		list_del(&page->links);
		treat(pass, page);
	}
	return found;
}

/* Each page of the zone is looked at once at most (V2). */
static void evict_zone(struct pass *pass, const struct zone *zone, size_t wanted)
{
	size_t left = lru_pages(zone, LRU_INACTIVE) + lru_pages(zone, LRU_ACTIVE);

	while (left && pass->freed < wanted) {
		size_t found;

		lru_balance(zone, BATCH);
		found = treat_batch(pass, zone, MIN(MIN(left, wanted - pass->freed), (size_t)BATCH));
		if (!found)
			break;
		ASSERT(found <= left); /* V2 */
		left -= found;
	}
}

static void wait_for_disk(struct pass *pass, size_t wanted)
{
	if (!pass->awaited)
		return;
	if (pass->freed < wanted) {
		mm_event_add(EVENT_RECLAIM_WAIT, 1);
		page_wait_written_for(pass->awaited, EVICT_WAIT_MS);
	}
	put_page(pass->awaited);
}

size_t cache_reclaim(gfp_t gfp, size_t nr_pages, uint32_t zones_wanted)
{
	struct pass pass = {.gfp = gfp, .is_deep = port_stack_left() < EVICT_STACK};
	const struct zone *zone;

	for_each_zone(zone)
		if (zones_wanted >> zone->index & 1)
			evict_zone(&pass, zone, nr_pages);
	mm_event_add(EVENT_STEAL, pass.freed);
	mm_event_add(EVENT_RECLAIM_WRITE, pass.nr_writes);
	if (pass.nr_left_dirty && pass.freed < nr_pages)
		writeback_need(pass.nr_left_dirty);
	wait_for_disk(&pass, nr_pages);
	return pass.freed;
}
