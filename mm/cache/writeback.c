/* SPDX-License-Identifier: MIT */
/* Flushers, and who is slowed down by them. Lock: writeback.lock (W), for a few instructions. */
#include <mm/cache/writeback.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <mm/pages/page_alloc.h>

#define DEFAULT_BACKGROUND 10u
#define DEFAULT_DIRTY	   20u

/* Of writeback_sync(), on its stack. */
struct sync_waiter {
	struct port_thread *thread;
	struct list_head link;
};

static struct {
	struct port_lock lock;
	struct list_head flushers; /* (W) */
	struct list_head waiters;  /* (W) who waits in writeback_sync() */
	uint32_t nr_syncs;	   /* (W) calls of it, ever */
	unsigned int background, dirty;
} writeback;

void writeback_init(void)
{
	port_lock_init(&writeback.lock, "writeback");
	list_init(&writeback.flushers);
	list_init(&writeback.waiters);
	writeback_set_ratios(DEFAULT_BACKGROUND, DEFAULT_DIRTY);
}

/* --- how much is too much --- */

void writeback_set_ratios(unsigned int background, unsigned int dirty)
{
	writeback.dirty = MIN(MAX(dirty, 1u), 100u);
	writeback.background = MIN(background, writeback.dirty - 1);
	ASSERT(writeback.background < writeback.dirty && writeback.dirty <= 100);
}

/* Without the division of 64 bits that 32 have not; in whole hundreds where there are many. */
static size_t percent(size_t of, unsigned int nr)
{
	return of / 100 * nr + of % 100 * nr / 100;
}

struct writeback_limits writeback_limits(void)
{
	size_t could_be = cache_counts().nr_pages;
	const struct zone *zone;

	for_each_zone(zone)
		could_be += READ_ONCE(zone->nr_free);
	return (struct writeback_limits){.background = percent(could_be, READ_ONCE(writeback.background)),
					 .dirty = percent(could_be, READ_ONCE(writeback.dirty))};
}

/* Dirty, and there is hope. */
static size_t nr_to_write(const struct cache_counts *counts)
{
	return counts->nr_dirty > counts->nr_failed ? counts->nr_dirty - counts->nr_failed : 0;
}

/* --- waking --- */

static void kick_locked(struct flusher *flusher)
{
	ASSERT(port_lock_is_held(&writeback.lock));
	if (flusher->is_kicked)
		return;
	flusher->is_kicked = true;
	if (flusher->thread)
		port_unpark(flusher->thread);
}

static void kick_all(size_t nr_needed)
{
	irqflags_t flags = port_lock_irqsave(&writeback.lock);
	struct flusher *flusher;

	list_for_each_entry(flusher, &writeback.flushers, all) {
		if (nr_needed)
			flusher->nr_needed = nr_needed;
		if (flusher->nr_mappings)
			kick_locked(flusher);
	}
	port_unlock_irqrestore(&writeback.lock, flags);
}

void writeback_need(size_t nr_pages)
{
	kick_all(nr_pages);
}

int writeback_throttle(struct mapping *mapping)
{
	ASSERT(!port_is_atomic());
	while (mapping->flusher) {
		struct writeback_limits limits = writeback_limits();
		struct cache_counts counts = cache_counts();

		if (nr_to_write(&counts) > limits.background)
			kick_all(0);
		if (counts.nr_dirty + counts.nr_writeback <= limits.dirty)
			break;
		if (READ_ONCE(mapping->nr_failed))
			return -EIO;
		if (nr_to_write(&counts) + counts.nr_writeback <= limits.dirty) /* the others' have failed */
			break;
		if (port_is_killed())
			return -EINTR;
		port_park_for(WRITEBACK_PAUSE_MS);
	}
	return 0;
}

/* --- the list of a flusher --- */

void flusher_add_locked(struct mapping *mapping)
{
	struct flusher *flusher = mapping->flusher;
	irqflags_t flags;

	ASSERT(port_lock_is_held(&mapping->lock));
	if (!flusher || mapping->is_listed)
		return;
	flags = port_lock_irqsave(&writeback.lock);
	mapping->is_listed = true;
	mapping->dirty_since_ms = port_now_ms();
	list_add_tail(&mapping->to_write, &flusher->mappings);
	if (flusher->nr_mappings++ == 0)
		kick_locked(flusher);
	port_unlock_irqrestore(&writeback.lock, flags);
}

static void unlist_locked(struct mapping *mapping)
{
	ASSERT(port_lock_is_held(&writeback.lock));
	if (!mapping->is_listed)
		return;
	ASSERT(mapping->flusher && mapping->flusher->nr_mappings);
	mapping->is_listed = false;
	list_del(&mapping->to_write);
	mapping->flusher->nr_mappings--;
}

void flusher_forget(struct mapping *mapping)
{
	struct flusher *flusher = mapping->flusher;
	irqflags_t flags;

	if (!flusher)
		return;
	flags = port_lock_irqsave(&writeback.lock);
	unlist_locked(mapping);
	while (flusher->busy == mapping) {
		flusher->leaver = port_current();
		port_unlock_irqrestore(&writeback.lock, flags);
		port_park();
		flags = port_lock_irqsave(&writeback.lock);
	}
	port_unlock_irqrestore(&writeback.lock, flags);
}

/* The first goes to the end, so that each has its turn. */
static struct mapping *begin_mapping(struct flusher *flusher)
{
	irqflags_t flags = port_lock_irqsave(&writeback.lock);
	struct mapping *mapping = NULL;

	if (!list_is_empty(&flusher->mappings)) {
		mapping = list_first_entry(&flusher->mappings, struct mapping, to_write);
		list_del(&mapping->to_write);
		list_add_tail(&mapping->to_write, &flusher->mappings);
	}
	ASSERT(!flusher->busy && (!mapping || (mapping->is_listed && mapping->flusher == flusher)));
	flusher->busy = mapping;
	port_unlock_irqrestore(&writeback.lock, flags);
	return mapping;
}

/* The mapping may go only when its lock was given back: so the list first, then the flusher's hold. */
static void end_mapping(struct flusher *flusher, struct mapping *mapping)
{
	irqflags_t outer = port_lock_irqsave(&mapping->lock), flags = port_lock_irqsave(&writeback.lock);

	ASSERT(flusher->busy == mapping);
	if (!mapping->nr_dirty)
		unlist_locked(mapping);
	if (!mapping->nr_failed)
		mapping->nr_tries = 0;
	port_unlock_irqrestore(&writeback.lock, flags);
	port_unlock_irqrestore(&mapping->lock, outer);

	flags = port_lock_irqsave(&writeback.lock);
	flusher->busy = NULL;
	if (flusher->leaver)
		port_unpark(flusher->leaver);
	flusher->leaver = NULL;
	port_unlock_irqrestore(&writeback.lock, flags);
}

/* --- a turn --- */

struct turn {
	struct flusher *flusher;
	uint64_t now_ms;
	size_t background; /* the limit */
	size_t nr_needed;
	uint32_t nr_syncs;
	bool is_sync;
};

static struct turn begin_turn(struct flusher *flusher)
{
	struct turn turn = {
		.flusher = flusher, .now_ms = port_now_ms(), .background = writeback_limits().background};
	irqflags_t flags = port_lock_irqsave(&writeback.lock);

	flusher->is_kicked = false;
	turn.nr_needed = flusher->nr_needed;
	flusher->nr_needed = 0;
	turn.nr_syncs = writeback.nr_syncs;
	turn.is_sync = turn.nr_syncs != flusher->nr_synced;
	port_unlock_irqrestore(&writeback.lock, flags);
	return turn;
}

/* WB5 */
static void end_turn(const struct turn *turn)
{
	irqflags_t flags = port_lock_irqsave(&writeback.lock);
	struct sync_waiter *waiter;

	turn->flusher->nr_synced = turn->nr_syncs;
	if (turn->is_sync)
		list_for_each_entry(waiter, &writeback.waiters, link)
			port_unpark(waiter->thread);
	port_unlock_irqrestore(&writeback.lock, flags);
}

/* Pages that have to go now, whatever their age. */
static size_t nr_pressed(const struct turn *turn)
{
	struct cache_counts counts = cache_counts();
	size_t nr = nr_to_write(&counts);

	return MAX(turn->nr_needed, nr > turn->background ? nr - turn->background : 0);
}

static bool is_old(const struct turn *turn, const struct mapping *mapping)
{
	return turn->now_ms - mapping->dirty_since_ms >= WRITEBACK_AGE_MS;
}

/* WB4. Result: is it the time? */
static bool begin_try(const struct turn *turn, struct mapping *mapping)
{
	if (!READ_ONCE(mapping->nr_failed) || mapping->nr_tries == WRITEBACK_TRIES ||
	    turn->now_ms < mapping->retry_ms)
		return false;
	ASSERT(mapping->nr_tries < WRITEBACK_TRIES); /* WB4 */
	mapping->nr_tries++;
	mapping->retry_ms = turn->now_ms + WRITEBACK_RETRY_MS;
	return true;
}

static void note_begun(struct turn *turn, unsigned int nr)
{
	turn->flusher->nr_written += nr;
	turn->nr_needed -= MIN(turn->nr_needed, (size_t)nr);
}

/* Without waiting for anybody. */
static void write_one(struct turn *turn, struct page *page)
{
	if (page_has(page, PG_WRITEBACK) || !page_trylock(page)) {
		turn->flusher->nr_passed_by++;
		return;
	}
	note_begun(turn, page_write(page));
}

/* Those that have failed, if they are tried again; of the others all, or as many as there is need for. */
static void write_pages(struct turn *turn, struct mapping *mapping, bool is_due, bool tries_failed)
{
	for (uint32_t index = 0;;) {
		size_t wanted = is_due ? MAPPING_RUN : MIN(nr_pressed(turn), (size_t)MAPPING_RUN);
		unsigned int nr = wanted ? mapping_write_run(mapping, &index, (unsigned int)wanted) : 0;
		struct page *page = nr ? NULL : mapping_next(mapping, &index, RADIX_DIRTY);

		if (!nr && !page)
			return;
		note_begun(turn, nr);
		index += nr ? nr : 1;
		if (!page)
			continue;
		if (page_has(page, PG_ERROR) ? tries_failed : wanted != 0)
			write_one(turn, page);
		put_page(page);
	}
}

static void write_mapping(struct turn *turn, struct mapping *mapping)
{
	bool is_due = is_old(turn, mapping), tries_failed = begin_try(turn, mapping);

	if (turn->is_sync) {
		pagecache_write_out(mapping);
		pagecache_wait_written(mapping);
	} else if (is_due || tries_failed || nr_pressed(turn)) {
		write_pages(turn, mapping, is_due, tries_failed);
	} else {
		return;
	}
	mapping->dirty_since_ms = turn->now_ms;
}

bool flusher_turn(struct flusher *flusher)
{
	struct turn turn = begin_turn(flusher);
	struct mapping *mapping;

	flusher->nr_turns++;
	for (size_t left = READ_ONCE(flusher->nr_mappings);
	     left && (mapping = begin_mapping(flusher)) != NULL; left--) {
		write_mapping(&turn, mapping);
		end_mapping(flusher, mapping);
	}
	end_turn(&turn);
	return READ_ONCE(flusher->nr_mappings) != 0;
}

/* --- the life of a flusher --- */

static void begin_life(struct flusher *flusher)
{
	irqflags_t flags = port_lock_irqsave(&writeback.lock);

	flusher->thread = port_current();
	port_unlock_irqrestore(&writeback.lock, flags);
}

/* Whoever syncs waits for it no longer. The struct is gone with the lock. */
static void end_life(struct flusher *flusher)
{
	irqflags_t flags = port_lock_irqsave(&writeback.lock);
	struct sync_waiter *waiter;

	list_del(&flusher->all);
	list_for_each_entry(waiter, &writeback.waiters, link)
		port_unpark(waiter->thread);
	flusher->has_ended = true;
	port_unpark(flusher->stopper);
	port_unlock_irqrestore(&writeback.lock, flags);
}

/* A kick during the turn is remembered by the park. */
int flusher_life(void *of)
{
	struct flusher *flusher = of;

	begin_life(flusher);
	while (!READ_ONCE(flusher->should_end))
		if (flusher_turn(flusher))
			port_park_for(WRITEBACK_PERIOD_MS);
		else if (!READ_ONCE(flusher->should_end))
			port_park();
	end_life(flusher);
	return 0;
}

void flusher_enter(struct flusher *flusher, const char *name)
{
	irqflags_t flags;

	*flusher = (struct flusher){.name = name};
	list_init(&flusher->mappings);
	flags = port_lock_irqsave(&writeback.lock);
	flusher->nr_synced = writeback.nr_syncs;
	list_add_tail(&flusher->all, &writeback.flushers);
	port_unlock_irqrestore(&writeback.lock, flags);
}

void flusher_leave(struct flusher *flusher)
{
	irqflags_t flags = port_lock_irqsave(&writeback.lock);

	list_del(&flusher->all);
	port_unlock_irqrestore(&writeback.lock, flags);
}

bool flusher_start(struct flusher *flusher, const char *name)
{
	flusher_enter(flusher, name);
	if (port_thread_start(flusher_life, flusher, name))
		return true;
	flusher_leave(flusher);
	return false;
}

void flusher_stop(struct flusher *flusher)
{
	irqflags_t flags = port_lock_irqsave(&writeback.lock);

	ASSERT(!flusher->nr_mappings && !flusher->busy);
	flusher->stopper = port_current();
	flusher->should_end = true;
	flusher->is_kicked = false;
	kick_locked(flusher);
	while (!flusher->has_ended) {
		port_unlock_irqrestore(&writeback.lock, flags);
		port_park();
		flags = port_lock_irqsave(&writeback.lock);
	}
	port_unlock_irqrestore(&writeback.lock, flags);
}

/* --- sync --- */

static bool is_synced_locked(uint32_t number)
{
	const struct flusher *flusher;

	ASSERT(port_lock_is_held(&writeback.lock));
	list_for_each_entry(flusher, &writeback.flushers, all)
		if ((int32_t)(flusher->nr_synced - number) < 0)
			return false;
	return true;
}

void writeback_sync(void)
{
	struct sync_waiter waiter = {.thread = port_current()};
	irqflags_t flags = port_lock_irqsave(&writeback.lock);
	uint32_t number = ++writeback.nr_syncs;
	struct flusher *flusher;

	list_add_tail(&waiter.link, &writeback.waiters);
	list_for_each_entry(flusher, &writeback.flushers, all)
		kick_locked(flusher);
	while (!is_synced_locked(number)) {
		port_unlock_irqrestore(&writeback.lock, flags);
		port_park();
		flags = port_lock_irqsave(&writeback.lock);
	}
	list_del(&waiter.link);
	port_unlock_irqrestore(&writeback.lock, flags);
}
