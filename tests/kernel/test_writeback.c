/* SPDX-License-Identifier: MIT */
/* Turns of a flusher without a thread, over files in memory: what is due, in which order, what is passed by, what is tried
 * again; and who is slowed down. Real disks are in test_writeback_disk.c, threads in every order in
 * tests/host/test_writeback_machine.c. Guest and host. */
#include <mm/cache/writeback.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/above.h>
#include <mm/report/fault.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_util.h>

#define PAGES(n)  ((uint64_t)(n) << PAGE_SHIFT)
#define ALL_ZONES (~0u)

static struct flusher flusher;
static char *whole; /* a page, of the test that borrowed it */

static void end(struct fake_file *file)
{
	fake_file_end(file);
	flusher_leave(&flusher);
}

/* First lines of a test: a file of so many pages, all in memory and clean, and its flusher. */
#define FLUSHED_FILE(name, nr)                                                                               \
	ENDS_WITH(end) struct fake_file name = {.disk = NULL};                                               \
	flusher_enter(&flusher, "test");                                                                     \
	REQUIRE(fake_file_make_flushed(&name, nr, &flusher))

/* --- when --- */

KTEST(writeback, what_has_been_dirty_for_long_is_written_and_what_has_not_stays, "R2")
{
	MACHINE_STAYS_AS_FOUND();
	FLUSHED_FILE(file, 4);

	EXPECT(!flusher_turn(&flusher));
	fake_file_make_dirty(&file, 1, 2);
	EXPECT(flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 0);
	fake_file_make_old(&file);
	EXPECT(!flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 2);
	EXPECT_EQ(cache_counts().nr_dirty, 0);
	fake_file_make_dirty(&file, 0, 1);
	EXPECT(flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 2);
	expect_valid();
}

KTEST(writeback, what_reclaim_may_not_write_the_flusher_does, "R1 R2 G4 G5 REC-01")
{
	MACHINE_STAYS_AS_FOUND();
	FLUSHED_FILE(file, 6);

	fake_file_make_dirty(&file, 0, 3);
	EXPECT_EQ(cache_reclaim(GFP_NOIO, 100, ALL_ZONES), 3);
	EXPECT_EQ(file.nr_writes, 0);
	EXPECT(!flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 3);
	EXPECT_EQ(cache_reclaim(GFP_NOIO, 100, ALL_ZONES), 3);
	EXPECT_EQ(cache_counts().nr_pages, 0);
}

KTEST(writeback, as_much_as_reclaim_needs_is_written_and_no_more, "R1 R2")
{
	MACHINE_STAYS_AS_FOUND();
	FLUSHED_FILE(file, 6);

	fake_file_make_dirty(&file, 0, 5);
	writeback_need(2);
	EXPECT(flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 2);
	EXPECT(flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 2);
}

/* --- what is passed by --- */

KTEST(writeback, a_page_that_somebody_has_locked_is_passed_by, "R2 REC-10")
{
	MACHINE_STAYS_AS_FOUND();
	FLUSHED_FILE(file, 3);
	struct page *page;

	fake_file_make_dirty(&file, 0, 3);
	page = mapping_find(&file.mapping, 1);
	REQUIRE(page && page_trylock(page));
	fake_file_make_old(&file);
	EXPECT(flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 2);
	EXPECT_EQ(flusher.nr_passed_by, 1);
	page_unlock(page);
	put_page(page);
	fake_file_make_old(&file);
	EXPECT(!flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 3);
}

KTEST(writeback, a_page_on_its_way_to_the_disk_is_passed_by_and_written_again, "R2 PGC-03")
{
	MACHINE_STAYS_AS_FOUND();
	FLUSHED_FILE(file, 1);

	file.is_late = true;
	fake_file_make_dirty(&file, 0, 1);
	fake_file_make_old(&file);
	EXPECT(!flusher_turn(&flusher));
	fake_file_make_dirty(&file, 0, 1);
	fake_file_make_old(&file);
	EXPECT(flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 1);
	EXPECT_EQ(fake_file_end_writes(&file, 0), 1);
	fake_file_make_old(&file);
	EXPECT(!flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 2);
	EXPECT_EQ(fake_file_end_writes(&file, 0), 1);
}

KTEST(writeback, a_file_that_goes_while_it_is_dirty_leaves_its_flusher, "R2 PGC-05")
{
	MACHINE_STAYS_AS_FOUND();
	FLUSHED_FILE(file, 2);
	FAKE_FILE(other);

	REQUIRE(fake_file_make_flushed(&other, 2, &flusher));
	fake_file_make_dirty(&file, 0, 1);
	fake_file_make_dirty(&other, 0, 1);
	EXPECT_EQ(flusher.nr_mappings, 2);
	fake_file_end(&other);
	EXPECT_EQ(flusher.nr_mappings, 1);
	fake_file_make_old(&file);
	EXPECT(!flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 1);
}

/* --- disks that fail --- */

/* As if the time of the next try had come. */
static void make_due(struct fake_file *file)
{
	file->mapping.retry_ms = 0;
}

KTEST(writeback, a_page_that_cannot_be_written_is_tried_a_few_times_and_left_to_who_syncs, "R7 REC-03 PGC-11")
{
	MACHINE_STAYS_AS_FOUND();
	FLUSHED_FILE(file, 4);
	unsigned int seen = 0;

	fake_file_make_dirty(&file, 0, 2);
	file.fails_write = 1;
	file.fails_for_ever = true;
	fake_file_make_old(&file);
	EXPECT(flusher_turn(&flusher));
	EXPECT_EQ(file.nr_writes, 2);
	EXPECT_EQ(cache_counts().nr_failed, 2);
	EXPECT_EQ(cache_counts().nr_dirty, 2);
	fake_file_make_old(&file);
	EXPECT(flusher_turn(&flusher)); /* it is not yet time */
	EXPECT_EQ(file.nr_writes, 2);
	for (unsigned int n = 1; n < 3 * WRITEBACK_TRIES; n++) {
		make_due(&file);
		EXPECT(flusher_turn(&flusher));
		EXPECT_EQ(file.nr_writes, 2 + 2 * MIN(n, WRITEBACK_TRIES));
		expect_valid();
	}
	file.fails_write = 0;
	fake_file_make_dirty(&file, 3, 1); /* others go on */
	fake_file_make_old(&file);
	EXPECT(flusher_turn(&flusher));
	EXPECT(!fake_file_is_dirty(&file, 3) && fake_file_is_dirty(&file, 0));
	EXPECT_EQ(pagecache_sync(&file.mapping, &seen), -EIO);
	EXPECT_EQ(pagecache_sync(&file.mapping, &seen), 0);
	EXPECT_EQ(cache_counts().nr_failed, 0);
	EXPECT_EQ(cache_counts().nr_dirty, 0);
	EXPECT(!flusher_turn(&flusher));
	expect_valid();
}

KTEST(writeback, the_nth_writing_fails_is_told_once_to_each_and_all_is_written, "R7 REC-03 PGC-11")
{
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int n = 1; n <= 9; n++) {
		FLUSHED_FILE(file, 8);
		unsigned int one = 0, other = 0;

		file.fails_write = n;
		fake_file_make_dirty(&file, 0, 8);
		fake_file_make_old(&file);
		EXPECT_EQ(flusher_turn(&flusher), n < 9);
		EXPECT_EQ(cache_counts().nr_failed, n < 9);
		file.fails_write = 0;
		make_due(&file);
		EXPECT(!flusher_turn(&flusher));
		EXPECT_EQ(cache_counts().nr_dirty, 0);
		EXPECT_EQ(file.nr_writes, n < 9 ? 9 : 8);
		EXPECT_EQ(mapping_error_since(&file.mapping, &one), n < 9 ? -EIO : 0);
		EXPECT_EQ(mapping_error_since(&file.mapping, &one), 0);
		EXPECT_EQ(mapping_error_since(&file.mapping, &other), n < 9 ? -EIO : 0);
		expect_valid();
	}
}

KTEST(writeback, what_failed_and_is_written_to_again_is_written_whole, "R7 PGC-03 PGC-11")
{
	MACHINE_STAYS_AS_FOUND();
	FLUSHED_FILE(file, 1);

	fake_file_make_dirty(&file, 0, 1);
	file.fails_write = 1;
	fake_file_make_old(&file);
	EXPECT(flusher_turn(&flusher));
	EXPECT_EQ(pagecache_write(&file.mapping, 7, "y", 1), 1);
	EXPECT_EQ(cache_counts().nr_failed, 1);
	make_due(&file);
	EXPECT(!flusher_turn(&flusher));
	EXPECT(file.disk[0] == 'x' && file.disk[7] == 'y');
	expect_valid();
}

KTEST(writeback, a_failed_page_that_is_cut_off_is_counted_no_more, "R7 PGC-04")
{
	MACHINE_STAYS_AS_FOUND();
	FLUSHED_FILE(file, 2);

	fake_file_make_dirty(&file, 0, 2);
	file.fails_write = 1;
	file.fails_for_ever = true;
	fake_file_make_old(&file);
	EXPECT(flusher_turn(&flusher));
	EXPECT_EQ(pagecache_truncate(&file.mapping, PAGES(1)), 0);
	EXPECT_EQ(cache_counts().nr_failed, 1);
	expect_valid();
	EXPECT_EQ(pagecache_truncate(&file.mapping, 0), 0);
	EXPECT_EQ(cache_counts().nr_failed, 0);
	EXPECT(!flusher_turn(&flusher));
	expect_valid();
}

KTEST(writeback, a_page_whose_reading_failed_and_that_was_then_written_whole_is_no_failed_one, "R7")
{
	BORROW_MANY(whole, PAGE_SIZE);
	MACHINE_STAYS_AS_FOUND();
	FLUSHED_FILE(file, 0);
	char byte;

	mapping_set_size(&file.mapping, PAGES(1));
	file.fails_read = 1;
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, 0, &byte, 1), -EIO);
	EXPECT_EQ(pagecache_write(&file.mapping, 0, whole, PAGE_SIZE), PAGE_SIZE);
	EXPECT_EQ(cache_reclaim(GFP_KERNEL, 1, ALL_ZONES), 0);
	EXPECT_EQ(file.nr_writes, 1);
	EXPECT_EQ(cache_counts().nr_dirty, 0);
	expect_valid();
}
