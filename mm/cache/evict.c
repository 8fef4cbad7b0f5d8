/* SPDX-License-Identifier: MIT */
/* Passes of reclaim over pages of files and of programs. No lock of its own. */
#include <mm/cache/evict.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <mm/cache/above.h>
#include <mm/cache/lru.h>
#include <mm/cache/swap.h>
#include <mm/cache/writeback.h>
#include <mm/pages/above.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>

#define BATCH 32u

#define P     EVICT_PASS
static const uint8_t decisions[NR_EVICT_STATES][4] = {
	/* nothing, IO, FS alone, both */
	[EVICT_GONE] = {EVICT_LET_GO, EVICT_LET_GO, EVICT_LET_GO, EVICT_LET_GO},
	[EVICT_HELD] = {P, P, P, P},
	[EVICT_BUSY] = {P, P, P, P},
	[EVICT_USED] = {P, P, P, P},
	[EVICT_WRITTEN] = {P, EVICT_WAIT, P, EVICT_WAIT},
	[EVICT_DIRTY] = {P, P, P, EVICT_WRITE},
	[EVICT_FAILED] = {P, P, P, P},
	[EVICT_CLEAN] = {EVICT_DROP, EVICT_DROP, EVICT_DROP, EVICT_DROP},
	[EVICT_ANON] = {P, EVICT_SWAP, P, EVICT_SWAP},
};
#undef P

enum evict_action evict_decide(enum evict_state state, gfp_t gfp)
{
	unsigned int may = (gfp_has(gfp, __GFP_IO) ? 1u : 0u) | (gfp_has(gfp, __GFP_FS) ? 2u : 0u);

	ASSERT(state < NR_EVICT_STATES);
	return (enum evict_action)decisions[state][may];
}

/* Programs that see it are references. Result: NR_EVICT_STATES: nobody has it but the tree and the caller. */
static enum evict_state take_from_programs(struct page *page)
{
	struct mapping *mapping = page->mapping;

	if (READ_ONCE(page->refcount) <= 2)
		return NR_EVICT_STATES;
	if (list_is_empty(&mapping->users))
		return EVICT_HELD;
	if (mapping_page_was_used(page))
		return EVICT_USED;
	mapping_page_hide(page);
	return READ_ONCE(page->refcount) > 2 ? EVICT_HELD : NR_EVICT_STATES;
}

/* Flags that matter stay as they are while it is locked, but that a writing may end. */
static enum evict_state look_locked(struct page *page)
{
	enum evict_state state;

	ASSERT(page_has(page, PG_LOCKED));
	if (!READ_ONCE(page->mapping))
		return EVICT_GONE;
	if (page_is_user(page))
		return READ_ONCE(page->refcount) > 2 ? EVICT_HELD : anon_look(page);
	state = take_from_programs(page);
	if (state != NR_EVICT_STATES)
		return state;
	if (page_has(page, PG_WRITEBACK))
		return EVICT_WRITTEN;
	if (page_has(page, PG_DIRTY))
		return page_has(page, PG_ERROR) ? EVICT_FAILED : EVICT_DIRTY;
	return EVICT_CLEAN;
}

enum evict_state evict_look(struct page *page)
{
	enum evict_state state;

	if (!READ_ONCE(page->mapping))
		return EVICT_GONE;
	if (!page_trylock(page))
		return EVICT_BUSY;
	state = look_locked(page);
	if (state <= EVICT_BUSY)
		page_unlock(page);
	return state;
}

/* One pass. */
struct pass {
	gfp_t gfp;
	bool is_deep; /* too little stack is left to write */
	size_t freed;
	unsigned int nr_writes;
	unsigned int nr_swapped; /* of these to swap */
	size_t nr_left_dirty;	 /* for the flushers */
	struct page *awaited;	 /* held: one on its way to the disk that would do */
};

/* The page is locked. Result: is it out of its mapping? */
static bool drop(struct page *page)
{
	bool is_out;

	ASSERT(page_has(page, PG_LOCKED) && !page_has(page, PG_DIRTY));
	is_out = page_is_user(page) ? anon_drop(page) : mapping_remove(page, true);
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

/* The last of them is done last. */
static void await(struct pass *pass, struct page *page)
{
	page_hold(page);
	if (pass->awaited)
		put_page(pass->awaited);
	pass->awaited = page;
}

static bool may_swap(const struct pass *pass)
{
	return pass->nr_writes < EVICT_MAX_WRITES && !pass->is_deep;
}

/* It is in the swap cache then, or where it was. */
static bool begin_swap(struct pass *pass, struct page *page)
{
	ASSERT(page_has(page, PG_LOCKED));
	if (pass->is_deep)
		vmscan_wake();
	if (!may_swap(pass) || !anon_swap_out(page)) {
		page_unlock(page);
		return false;
	}
	page_set_dirty(page);
	mm_event_add(EVENT_SWAP_OUT, 1);
	pass->nr_swapped++;
	pass->nr_writes += page_write(page);
	await(pass, page);
	return true;
}

/* The page is isolated and held; neither it is afterwards. */
static void treat(struct pass *pass, struct page *page)
{
	enum evict_state state = evict_look(page);
	bool is_out = false, is_used = state == EVICT_USED, is_cold = false;

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
		page_unlock(page);
		if (!pass->awaited)
			await(pass, page);
		break;
	case EVICT_WRITE:
		begin_write(pass, page);
		break;
	case EVICT_SWAP:
		is_cold = begin_swap(pass, page);
		break;
	case EVICT_DROP:
		is_out = drop(page);
		break;
	}
	if (is_used)
		lru_put_back_used(page);
	else if (is_cold)
		lru_put_back_cold(page);
	else if (!is_out)
		lru_put_back(page);
	pass->freed += is_out;
	put_page(page);
}

static size_t treat_batch(struct pass *pass, const struct zone *zone, enum lru_kind kind, size_t nr)
{
	struct list_head pages = LIST_HEAD_INIT(pages);
	size_t found = lru_isolate(zone, kind, &pages, nr);

	mm_event_add(EVENT_SCAN, found);
	while (!list_is_empty(&pages)) {
		struct page *page = list_first_entry(&pages, struct page, links);

		list_del(&page->links);
		treat(pass, page);
	}
	return found;
}

/* Pages of a zone that a pass may yet look at, each once at most (V2): those that are inactive, and as many as were active when it
 * began, as they become so; and how far it has come in proportion to each kind's share. */
struct scan {
	size_t left[NR_LRU_KINDS], active[NR_LRU_KINDS];
	size_t idle[NR_LRU_KINDS]; /* turns that may yet find nothing: what was used goes round once more */
	size_t weight[NR_LRU_KINDS], seen[NR_LRU_KINDS];
	size_t step[NR_LRU_KINDS]; /* a turn of a kind of which there are few takes few */
};

static void scan_begin(struct scan *scan, const struct zone *zone, enum lru_kind kind, size_t share)
{
	scan->left[kind] = lru_inactive(zone, kind);
	scan->active[kind] = lru_active(zone, kind);
	scan->idle[kind] = scan->active[kind] / BATCH + 2;
	scan->weight[kind] = ((scan->left[kind] + scan->active[kind]) / BATCH + 1) * share;
	scan->step[kind] = MIN((scan->left[kind] + scan->active[kind]) / 8 + 1, (size_t)BATCH);
}

static bool scan_has(const struct scan *scan, enum lru_kind kind)
{
	return scan->left[kind] + scan->active[kind] != 0;
}

/* The kind that is behind; what has no weight comes when the other is through. Result: is there any? */
static bool scan_next(const struct scan *scan, const struct pass *pass, enum lru_kind *kind)
{
	bool has_anon = scan_has(scan, LRU_ANON) && may_swap(pass);
	uint64_t file = (uint64_t)scan->seen[LRU_FILE] * scan->weight[LRU_ANON],
		 anon = (uint64_t)scan->seen[LRU_ANON] * scan->weight[LRU_FILE];

	*kind = LRU_FILE;
	if (has_anon && (!scan_has(scan, LRU_FILE) || (scan->weight[LRU_ANON] && file >= anon)))
		*kind = LRU_ANON;
	return has_anon || scan_has(scan, LRU_FILE);
}

/* What was found to be used is active then, and behind those that were before. */
static void scan_some(struct scan *scan, struct pass *pass, const struct zone *zone, enum lru_kind kind,
		      size_t wanted)
{
	size_t moved = lru_balance(zone, kind, (size_t)BATCH), found;

	moved = MIN(moved, scan->active[kind]);
	scan->active[kind] -= moved;
	scan->left[kind] += moved;
	found = treat_batch(pass, zone, kind, MIN(MIN(scan->left[kind], wanted), scan->step[kind]));
	ASSERT(found <= scan->left[kind]); /* V2 */
	scan->left[kind] -= found;
	scan->seen[kind] += found;
	if (!found && !--scan->idle[kind])
		scan->left[kind] = scan->active[kind] = 0;
}

static void evict_zone(struct pass *pass, const struct zone *zone, size_t wanted)
{
	struct scan scan = {.left = {0}};
	enum lru_kind kind;

	scan_begin(&scan, zone, LRU_FILE, 200 - swap_swappiness());
	if (swap_is_on())
		scan_begin(&scan, zone, LRU_ANON, swap_swappiness());
	while (pass->freed < wanted && scan_next(&scan, pass, &kind))
		scan_some(&scan, pass, zone, kind, wanted - pass->freed);
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
	pass->awaited = NULL;
}

/* What it has swapped out lies where the coldest pages of files do, once it is written. */
static void drop_swapped(struct pass *pass, uint32_t zones_wanted)
{
	const struct zone *zone;

	for_each_zone(zone)
		if (zones_wanted >> zone->index & 1)
			(void)treat_batch(pass, zone, LRU_FILE, pass->nr_swapped);
}

size_t cache_reclaim(gfp_t gfp, size_t nr_pages, uint32_t zones_wanted)
{
	struct pass pass = {.gfp = gfp, .is_deep = port_stack_left() < EVICT_STACK};
	const struct zone *zone;

	for_each_zone(zone)
		if (zones_wanted >> zone->index & 1)
			evict_zone(&pass, zone, nr_pages);
	if (pass.nr_left_dirty && pass.freed < nr_pages)
		writeback_need(pass.nr_left_dirty);
	wait_for_disk(&pass, nr_pages);
	if (pass.nr_swapped && pass.freed < nr_pages)
		drop_swapped(&pass, zones_wanted);
	if (pass.awaited)
		put_page(pass.awaited);
	mm_event_add(EVENT_STEAL, pass.freed);
	mm_event_add(EVENT_RECLAIM_WRITE, pass.nr_writes);
	return pass.freed;
}
