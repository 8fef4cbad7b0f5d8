/* SPDX-License-Identifier: MIT */
/* What a request may do decides what reclaim does with pages of files: the table cell by cell, then passes that may
 * start this or that. Guest and host. */
#include <mm/cache/evict.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <mm/cache/pagecache.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/scope.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_util.h>

#define ALL_ZONES (~0u)
#define PAGES(n)  ((uint64_t)(n) << PAGE_SHIFT)

#define NOTHING	  GFP_NOIO
#define IO	  GFP_NOFS
#define FS_ALONE  (__GFP_WAIT | __GFP_FS)
#define BOTH	  GFP_KERNEL

/* One page of a file in a state, held once. NULL: no memory. */
static struct page *make_page(struct fake_file *file, enum evict_state state)
{
	unsigned int seen = 0;
	struct page *page;
	char byte = 'x';

	if (!fake_file_make(file, PAGES(1)) || pagecache_read(&file->mapping, NULL, 0, &byte, 1) != 1)
		return NULL;
	if (state >= EVICT_WRITTEN && state <= EVICT_FAILED)
		EXPECT_EQ(pagecache_write(&file->mapping, 0, &byte, 1), 1);
	page = mapping_find(&file->mapping, 0);
	switch (state) {
	case EVICT_GONE:
		EXPECT_EQ(pagecache_truncate(&file->mapping, 0), 0);
		break;
	case EVICT_HELD:
		page_hold(page);
		break;
	case EVICT_BUSY:
		EXPECT(page_trylock(page));
		break;
	case EVICT_WRITTEN:
		file->is_late = true;
		EXPECT(page_trylock(page) && page_write(page));
		break;
	case EVICT_FAILED:
		file->fails_write = 1;
		EXPECT_EQ(pagecache_sync(&file->mapping, &seen), -EIO);
		break;
	default:
		break;
	}
	return page;
}

/* The caller's hold is gone by now, unless the state is that somebody has one. */
static void end_page(struct fake_file *file, struct page *page, enum evict_state state)
{
	(void)fake_file_end_writes(file, 0);
	if (state == EVICT_BUSY)
		page_unlock(page);
	if (state == EVICT_HELD || state == EVICT_BUSY)
		put_page(page);
	fake_file_end(file);
}

/* Does a pass of reclaim do what the table says? */
static void try_cell(enum evict_state state, gfp_t gfp, enum evict_action expected)
{
	ENDS_WITH(fake_file_end) struct fake_file file = {.disk = NULL};
	struct page *page = make_page(&file, state);
	size_t waits = mm_event_count[EVENT_RECLAIM_WAIT];
	enum evict_state found;
	unsigned int nr_writes;

	REQUIRE(page);
	found = evict_look(page);
	EXPECT_EQ(found, state);
	EXPECT_EQ(evict_decide(state, gfp), expected);
	if (found > EVICT_BUSY)
		page_unlock(page);
	if (state != EVICT_BUSY) /* who has it locked holds it */
		put_page(page);
	nr_writes = file.nr_writes;
	EXPECT_EQ(cache_reclaim(gfp, 1, ALL_ZONES), expected == EVICT_DROP);
	EXPECT_EQ(file.nr_writes - nr_writes, expected == EVICT_WRITE);
	EXPECT_EQ(mm_event_count[EVENT_RECLAIM_WAIT] - waits, expected == EVICT_WAIT);
	EXPECT_EQ(cache_counts().nr_pages, expected != EVICT_DROP && state != EVICT_GONE);
	end_page(&file, page, state);
}

KTEST(permissions, each_state_of_a_page_and_each_permission_have_their_answer,
      "G4 G5 G11 PGC-05 PGC-07 REC-01 REC-10")
{
	MACHINE_STAYS_AS_FOUND();
	static const gfp_t may[] = {NOTHING, IO, FS_ALONE, BOTH};
	static const uint8_t expected[NR_EVICT_STATES][ARRAY_SIZE(may)] = {
		[EVICT_GONE] = {EVICT_LET_GO, EVICT_LET_GO, EVICT_LET_GO, EVICT_LET_GO},
		[EVICT_HELD] = {EVICT_PASS, EVICT_PASS, EVICT_PASS, EVICT_PASS},
		[EVICT_BUSY] = {EVICT_PASS, EVICT_PASS, EVICT_PASS, EVICT_PASS},
		[EVICT_USED] = {EVICT_PASS, EVICT_PASS, EVICT_PASS, EVICT_PASS},
		[EVICT_WRITTEN] = {EVICT_PASS, EVICT_WAIT, EVICT_PASS, EVICT_WAIT},
		[EVICT_DIRTY] = {EVICT_PASS, EVICT_PASS, EVICT_PASS, EVICT_WRITE},
		[EVICT_FAILED] = {EVICT_PASS, EVICT_PASS, EVICT_PASS, EVICT_PASS},
		[EVICT_CLEAN] = {EVICT_DROP, EVICT_DROP, EVICT_DROP, EVICT_DROP},
		[EVICT_ANON] = {EVICT_PASS, EVICT_SWAP, EVICT_PASS, EVICT_SWAP},
	};

	EXPECT_EQ(cache_counts().nr_pages, 0);
	for (unsigned int state = 0; state < NR_EVICT_STATES; state++)
		for (unsigned int i = 0; i < ARRAY_SIZE(may); i++)
			if (state == EVICT_USED || state == EVICT_ANON) /* tried in test_swap.c */
				EXPECT_EQ(evict_decide((enum evict_state)state, may[i]), expected[state][i]);
			else
				try_cell((enum evict_state)state, may[i],
					 (enum evict_action)expected[state][i]);
	expect_valid();
}

/* --- passes --- */

/* What a pass for a request with these permissions starts, and leaves, of four clean pages and four dirty ones: it goes
 * twice over them, so that what was written is dropped. */
static void expect_of(gfp_t gfp, unsigned int nr_writes, size_t nr_left)
{
	FAKE_FILE(file);
	char byte;

	REQUIRE(fake_file_make(&file, PAGES(8)));
	for (unsigned int n = 0; n < 8; n++)
		EXPECT_EQ(pagecache_read(&file.mapping, NULL, PAGES(n), &byte, 1), 1);
	for (unsigned int n = 0; n < 4; n++)
		EXPECT_EQ(pagecache_write(&file.mapping, PAGES(n), "x", 1), 1);
	EXPECT_EQ(file.nr_writes, 0);
	for (unsigned int pass = 0; pass < 2; pass++)
		(void)cache_reclaim(scope_limit(gfp), 100, ALL_ZONES);
	EXPECT_EQ(file.nr_writes, nr_writes);
	EXPECT_EQ(cache_counts().nr_pages, nr_left);
}

KTEST(permissions, noio_drops_clean_pages_and_starts_nothing, "G4 PGC-07 REC-01")
{
	MACHINE_STAYS_AS_FOUND();
	expect_of(GFP_NOIO, 0, 4);
}

KTEST(permissions, nofs_drops_clean_pages_and_calls_no_file_system, "G5 PGC-07")
{
	MACHINE_STAYS_AS_FOUND();
	expect_of(GFP_NOFS, 0, 4);
}

KTEST(permissions, kernel_has_dirty_pages_written_and_drops_them_too, "G1 G11 PGC-07 REC-01 R2")
{
	MACHINE_STAYS_AS_FOUND();
	expect_of(GFP_KERNEL, 4, 0);
}

KTEST(permissions, a_scope_takes_permissions_from_what_is_called_inside, "G4 G5 PGC-07")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned int before = memalloc_noio_save();

	expect_of(GFP_KERNEL, 0, 4);
	memalloc_noio_restore(before);
	before = memalloc_nofs_save();
	expect_of(GFP_KERNEL, 0, 4);
	memalloc_nofs_restore(before);
	expect_of(GFP_KERNEL, 4, 0);
}
