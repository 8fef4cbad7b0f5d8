/* SPDX-License-Identifier: MIT */
/* The sweep's paths of pages of files: a page's lock handed over, the beginning and the end of a writing, moves between lists.
 * The handler uses the same pages, and ends what the disk was given. */
#include <tests/kernel/sweep.h>

#include <kernel/lib/list.h>
#include <mm/cache/lru.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/test_file.h>

static struct {
	struct fake_file file;
	struct flusher flusher;
	struct page *page, *other; /* held */
} sw;

static bool enter_file(void)
{
	flusher_enter(&sw.flusher, "sweep");
	if (!fake_file_make_flushed(&sw.file, 2, &sw.flusher))
		return false;
	sw.page = mapping_find(&sw.file.mapping, 0);
	sw.other = mapping_find(&sw.file.mapping, 1);
	sw.file.is_late = true;
	return sweep_partner_start();
}

static void leave_file(void)
{
	sweep_partner_stop();
	put_page(sw.page);
	put_page(sw.other);
	fake_file_end(&sw.file);
	flusher_leave(&sw.flusher);
}

static void end_writes(void)
{
	(void)fake_file_end_writes(&sw.file, 0);
}

/* As a reader does. */
static void touch_other(void)
{
	lru_touch(sw.other);
}

static const struct rival_use rival_touches = {touch_other, touch_other};

/* --- the lock --- */

static void partner_locks_page(void)
{
	page_lock(sw.page);
	page_unlock(sw.page);
}

static void prepare_locked(void)
{
	page_lock(sw.page);
	sweep_partner_will(partner_locks_page);
	sweep_partner_settle();
}

static void run_handover(void)
{
	page_unlock(sw.page);
	page_lock(sw.page);
	page_unlock(sw.page);
}

static void finish_unlocked(void)
{
	sweep_partner_settle();
	sweep_expect(!page_has(sw.page, PG_LOCKED));
}

/* --- writing --- */

static void make_dirty(void)
{
	page_lock(sw.page);
	page_set_dirty(sw.page);
}

/* The handler ends it while it is not yet begun, while it is, and afterwards. */
static void run_write(void)
{
	(void)page_write(sw.page);
}

static void finish_written(void)
{
	end_writes();
	sweep_partner_settle();
	(void)flusher_turn(&sw.flusher); /* it leaves the list */
	sweep_expect(!(sw.page->flags & (PG_LOCKED | PG_DIRTY | PG_WRITEBACK)) && !sw.flusher.nr_mappings);
}

static void run_write_and_finish(void)
{
	run_write();
	finish_written();
}

static void partner_waits_for_writing(void)
{
	page_wait_written(sw.page);
}

static void prepare_written(void)
{
	make_dirty();
	(void)page_write(sw.page);
	sweep_partner_will(partner_waits_for_writing);
	sweep_partner_settle();
}

/* --- lists --- */

static void prepare_unused(void)
{
	page_clear(sw.page, PG_REFERENCED);
}

static void run_touch(void)
{
	lru_touch(sw.page);
	lru_touch(sw.page);
	lru_balance(page_zone(sw.page), LRU_FILE, 2);
}

static void finish_lists(void)
{
	sweep_expect(page_has(sw.page, PG_ONLIST) && page_has(sw.other, PG_ONLIST));
}

/* Each run finds both in the list that run_isolate() takes from, or it is another path. */
static void prepare_resting(void)
{
	struct page *pages[] = {sw.page, sw.other};

	lru_remove_run(pages, ARRAY_SIZE(pages));
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		page_clear(pages[i], PG_REFERENCED);
		page_clear(pages[i], PG_ACTIVE);
	}
	lru_add_run(pages, ARRAY_SIZE(pages));
}

static void run_isolate(void)
{
	struct list_head pages = LIST_HEAD_INIT(pages);

	(void)lru_isolate(page_zone(sw.page), LRU_FILE, &pages, 2);
	while (!list_is_empty(&pages)) {
		struct page *page = list_first_entry(&pages, struct page, links);

		list_del(&page->links);
		lru_put_back(page);
		put_page(page);
	}
}

#define OF_FILE(...) enter_file, leave_file, __VA_ARGS__, &rival_touches

KTEST_SWEEP(sweep, page_lock_handover, "C4 R2 PGC-05",
	    OF_FILE(prepare_locked, run_handover, finish_unlocked, touch_other))
KTEST_SWEEP(sweep, page_write_begins, "C4 R2 PGC-05",
	    OF_FILE(make_dirty, run_write, finish_written, end_writes))
KTEST_SWEEP(sweep, page_write_ends, "C4 R2 PGC-05",
	    OF_FILE(prepare_written, end_writes, finish_written, touch_other))
KTEST_SWEEP(sweep, page_becomes_dirty, "C4 R2 PGC-05",
	    OF_FILE(sweep_nothing, make_dirty, run_write_and_finish, touch_other))
KTEST_SWEEP(sweep, lru_touch_and_balance, "C4 R2 PGC-05",
	    OF_FILE(prepare_unused, run_touch, finish_lists, touch_other))
KTEST_SWEEP(sweep, lru_isolate_and_put_back, "C4 R2 PGC-05",
	    OF_FILE(prepare_resting, run_isolate, finish_lists, touch_other))
