/* SPDX-License-Identifier: MIT */
/* The page cache: states of pages, reading, writing, truncation, errors, against a file in memory. What needs two
 * threads is in tests/host/test_pagecache_machine.c. Guest and host. */
#include <mm/cache/pagecache.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <mm/report/fault.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_util.h>

#define PAGES(n) ((uint64_t)(n) << PAGE_SHIFT)

static char *bytes; /* a buffer, of the test that borrowed it */

static bool has_fake_bytes(const char *at, uint64_t pos, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (at[i] != fake_byte(pos + i))
			return false;
	return true;
}

static uint8_t flags_at(struct fake_file *file, uint32_t index)
{
	struct page *page = mapping_find(&file->mapping, index);
	uint8_t flags = page ? page->flags : 0xff;

	if (page)
		put_page(page);
	return flags;
}

/* --- the state --- */

KTEST(pagecache, a_page_of_a_file_is_refused_by_every_free, "PGC-05 REC-10 P4")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);
	char byte;
	struct page *page;

	REQUIRE(fake_file_make(&file, PAGES(1)));
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, 0, &byte, 1), 1);
	page = mapping_find(&file.mapping, 0);
	REQUIRE(page);
	EXPECT_EQ(page_count(page), 2);
	expect_reports();
	__free_page(page);
	EXPECT_ONE_REPORT("page is head of a block of order 0, of a file, 2 references; expected the head of "
			  "an allocated");
	EXPECT_EQ(page_count(page), 2);
	put_page(page);
	put_page(page); /* the tree's */
	EXPECT_ONE_REPORT("bad put_page");
	EXPECT_EQ(page_count(page), 1);
	EXPECT(mapping_has(&file.mapping, page));
	expect_valid();
}

KTEST(pagecache, a_page_that_has_left_stays_with_who_holds_it, "PGC-05 REC-10")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);
	char byte;
	struct page *page;

	REQUIRE(fake_file_make(&file, PAGES(2)));
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, PAGES(1), &byte, 1), 1);
	page = mapping_find(&file.mapping, 1);
	REQUIRE(page);
	EXPECT_EQ(pagecache_truncate(&file.mapping, 0), 0);
	EXPECT(!mapping_has(&file.mapping, page));
	EXPECT_EQ(page->state, PAGE_ALLOCATED);
	EXPECT_EQ(page_count(page), 1);
	EXPECT(page_trylock(page)); /* as somebody does who waited for it */
	page_set(page, PG_REFERENCED);
	page_unlock(page);
	put_page(page);
	expect_valid();
}

KTEST(pagecache, a_page_somebody_holds_is_not_taken_out_as_unused, "PGC-05 REC-10")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);
	char byte;
	struct page *page, *again;

	REQUIRE(fake_file_make(&file, PAGES(1)));
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, 0, &byte, 1), 1);
	page = mapping_find(&file.mapping, 0);
	again = mapping_find(&file.mapping, 0);
	REQUIRE(page && again == page);
	EXPECT(page_trylock(page));
	EXPECT(!mapping_remove(page, true));
	put_page(again);
	EXPECT(mapping_remove(page, true));
	EXPECT(!mapping_find(&file.mapping, 0));
	page_unlock(page);
	put_page(page);
}

/* --- reading --- */

KTEST(pagecache, what_was_read_is_read_once, "R2 REC-01")
{
	BORROW_MANY(bytes, FAKE_FILE_BYTES);
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, PAGES(3) + 100));
	for (unsigned int n = 0; n < 2; n++) {
		EXPECT_EQ(pagecache_read(&file.mapping, NULL, 10, bytes, FAKE_FILE_BYTES), PAGES(3) + 90);
		EXPECT(has_fake_bytes(bytes, 10, PAGES(3) + 90));
		EXPECT_EQ(file.nr_reads, 4);
	}
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, PAGES(3) + 100, bytes, 1), 0);
	EXPECT_EQ(cache_counts().nr_pages, 4);
	expect_valid();
}

KTEST(pagecache, who_reads_on_is_read_ahead_of_and_who_jumps_is_not, "R2 G12")
{
	MACHINE_STAYS_AS_FOUND();
	struct readahead ahead = {0};
	FAKE_FILE(file);
	char byte;

	REQUIRE(fake_file_make(&file, PAGES(FAKE_FILE_PAGES)));
	EXPECT_EQ(pagecache_read(&file.mapping, &ahead, PAGES(20), &byte, 1), 1);
	EXPECT_EQ(pagecache_read(&file.mapping, &ahead, PAGES(5), &byte, 1), 1);
	EXPECT_EQ(file.nr_reads, 2);
	EXPECT_EQ(pagecache_read(&file.mapping, &ahead, PAGES(5) + 1, &byte, 1), 1);
	EXPECT_EQ(file.nr_reads, 2);
	EXPECT_EQ(pagecache_read(&file.mapping, &ahead, PAGES(6), &byte, 1), 1);
	EXPECT_EQ(file.nr_reads, 2 + READAHEAD_MIN);
	EXPECT_EQ(pagecache_read(&file.mapping, &ahead, PAGES(8), &byte, 1), 1); /* a jump */
	EXPECT_EQ(file.nr_reads, 2 + READAHEAD_MIN);
	ahead = (struct readahead){0};
	for (unsigned int n = 0; n < FAKE_FILE_PAGES; n++)
		EXPECT_EQ(pagecache_read(&file.mapping, &ahead, PAGES(n), &byte, 1), 1);
	EXPECT_EQ(file.nr_reads, FAKE_FILE_PAGES); /* not one twice, none behind the end */
	EXPECT_EQ(cache_counts().nr_pages, FAKE_FILE_PAGES);
}

/* The watch closes the lists: here they are what is tried. */
KTEST(pagecache, pages_read_ahead_are_cold, "G12")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct page *first, *hot, *before;
	struct readahead ahead = {0};
	FAKE_FILE(file);
	char byte;

	REQUIRE(fake_file_make(&file, PAGES(2)));
	REQUIRE(mapping_find_or_add(&file.mapping, 1, false, 0, &before) ==
		1); /* the tree has its node by now */
	page_end_read(before, -EIO);
	put_page(before);
	pcp_keep_closed(false);
	first = alloc_page(GFP_HIGHUSER);
	hot = alloc_page(GFP_HIGHUSER);
	REQUIRE(first && hot);
	put_page(first);
	put_page(hot); /* on top of its stack */
	if (first->state != PAGE_PERCPU || hot->state != PAGE_PERCPU)
		SKIP("memory too short for per-CPU lists");
	EXPECT_EQ(pagecache_read(&file.mapping, &ahead, 0, &byte, 1), 1);
	EXPECT_EQ(hot->state, PAGE_PERCPU);
	pcp_keep_closed(true);
}

KTEST(pagecache, an_error_of_reading_is_told_and_the_next_reader_tries_again, "R7 PGC-01")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);
	char byte;

	REQUIRE(fake_file_make(&file, PAGES(1)));
	for (unsigned int n = 0; n < 2; n++) { /* the reading does not begin; it ends with an error */
		file.fails_read = 1;
		EXPECT_EQ(pagecache_read(&file.mapping, NULL, 0, &byte, 1), -EIO);
		EXPECT_EQ(file.nr_reads, n + 1);
	}
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, 5, &byte, 1), 1);
	EXPECT_EQ(byte, fake_byte(5));
	EXPECT(!(flags_at(&file, 0) & PG_ERROR));
}

/* --- writing --- */

KTEST(pagecache, what_is_written_is_read_at_once_and_reaches_the_disk_with_sync, "R2")
{
	BORROW_MANY(bytes, FAKE_FILE_BYTES);
	MACHINE_STAYS_AS_FOUND();
	unsigned int seen = 0;
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, PAGES(2)));
	EXPECT_EQ(pagecache_write(&file.mapping, PAGES(1) - 2, "abcd", 4), 4);
	EXPECT_EQ(cache_counts().nr_dirty, 2);
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, PAGES(1) - 3, bytes, 6), 6);
	EXPECT(memcmp(bytes + 1, "abcd", 4) == 0 && bytes[0] == fake_byte(PAGES(1) - 3));
	EXPECT_EQ(file.disk[PAGES(1)], fake_byte(PAGES(1)));
	EXPECT_EQ(pagecache_sync(&file.mapping, &seen), 0);
	EXPECT_EQ(file.nr_writes, 2);
	EXPECT_EQ(cache_counts().nr_dirty, 0);
	EXPECT(memcmp(file.disk + PAGES(1) - 2, "abcd", 4) == 0);
	EXPECT_EQ(pagecache_sync(&file.mapping, &seen), 0);
	EXPECT_EQ(file.nr_writes, 2); /* clean pages are not written */
	expect_valid();
}

KTEST(pagecache, a_whole_page_is_written_without_being_read, "R2")
{
	BORROW_MANY(bytes, FAKE_FILE_BYTES);
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, PAGES(2) + 50));
	EXPECT_EQ(pagecache_write(&file.mapping, PAGES(1), bytes, PAGE_SIZE), PAGE_SIZE);
	EXPECT_EQ(pagecache_write(&file.mapping, PAGES(2), bytes, 50), 50); /* all the file has of it */
	EXPECT_EQ(pagecache_write(&file.mapping, PAGES(3), bytes, 1),
		  1); /* a new one; the end was within page 2 */
	EXPECT_EQ(file.nr_reads, 0);
	EXPECT_EQ(pagecache_write(&file.mapping, 1, bytes, 1), 1);
	EXPECT_EQ(file.nr_reads, 1);
}

KTEST(pagecache, what_lies_between_the_end_and_a_writing_behind_it_is_zero, "PGC-10 K4")
{
	BORROW_MANY(bytes, FAKE_FILE_BYTES);
	MACHINE_STAYS_AS_FOUND();
	unsigned int seen = 0;
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, 100)); /* the disk is full of junk behind it */
	EXPECT_EQ(pagecache_write(&file.mapping, PAGES(2) + 7, "x", 1), 1);
	EXPECT_EQ(mapping_size(&file.mapping), PAGES(2) + 8);
	memset(file.disk + PAGE_SIZE, 0, PAGE_SIZE); /* a file system has no blocks there */
	EXPECT_EQ(pagecache_sync(&file.mapping, &seen), 0);
	EXPECT(!file.has_shown_junk);
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, 100, bytes, PAGES(3)), PAGES(2) + 8 - 100);
	EXPECT(memory_is(bytes, 0, PAGES(2) + 7 - 100));
	EXPECT_EQ(bytes[PAGES(2) + 7 - 100], 'x');
	EXPECT(memory_is(file.disk + 100, 0, PAGES(2) + 7 - 100));
}

KTEST(pagecache, a_writing_without_room_on_the_disk_leaves_no_page_behind, "R7")
{
	BORROW_MANY(bytes, FAKE_FILE_BYTES);
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, PAGES(1)));
	file.blocks_left = 1;
	EXPECT_EQ(pagecache_write(&file.mapping, PAGES(1), bytes, PAGES(2)), PAGE_SIZE);
	EXPECT_EQ(pagecache_write(&file.mapping, PAGES(2), bytes, 1), -ENOSPC);
	EXPECT_EQ(mapping_size(&file.mapping), PAGES(2));
	EXPECT_EQ(cache_counts().nr_pages, 1);
	EXPECT_EQ(pagecache_write(&file.mapping, (uint64_t)1 << 62, bytes, 1), -EFBIG);
	expect_valid();
}

KTEST(pagecache, an_error_of_writing_is_told_once_to_each_and_the_page_is_written_again, "R7 PGC-11 REC-03")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned int one = 0, other = 0, late;
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, PAGES(1)));
	for (unsigned int n = 0; n < 2; n++) { /* it does not begin; it ends with an error */
		EXPECT_EQ(pagecache_write(&file.mapping, 0, "ab", 2), 2);
		file.fails_write = 1;
		EXPECT_EQ(pagecache_sync(&file.mapping, &one), -EIO);
		EXPECT(flags_at(&file, 0) & PG_DIRTY && file.disk[0] != 'a');
	}
	late = file.mapping.nr_errors;
	EXPECT_EQ(pagecache_sync(&file.mapping, &one), 0);
	EXPECT(file.disk[0] == 'a' && !(flags_at(&file, 0) & (PG_DIRTY | PG_ERROR)));
	EXPECT_EQ(pagecache_sync(&file.mapping, &other), -EIO);
	EXPECT_EQ(pagecache_sync(&file.mapping, &other), 0);
	EXPECT_EQ(pagecache_sync(&file.mapping, &late), 0); /* opened afterwards */
}

/* --- truncation --- */

KTEST(pagecache, a_truncated_file_shows_nothing_of_what_it_was_when_it_grows, "PGC-04 PGC-10 K4")
{
	BORROW_MANY(bytes, FAKE_FILE_BYTES);
	MACHINE_STAYS_AS_FOUND();
	unsigned int seen = 0;
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, PAGES(4)));
	EXPECT_EQ(pagecache_write(&file.mapping, PAGES(3), "x", 1), 1);
	EXPECT_EQ(pagecache_truncate(&file.mapping, PAGES(1) + 10), 0);
	EXPECT_EQ(cache_counts().nr_pages, 1); /* the one of the new end */
	EXPECT_EQ(pagecache_sync(&file.mapping, &seen), 0);
	EXPECT_EQ(file.disk[PAGES(3)],
		  fake_byte(PAGES(3))); /* what was dirty behind the end is not written */
	EXPECT(!file.has_shown_junk);
	EXPECT_EQ(pagecache_truncate(&file.mapping, PAGES(2)), 0);
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, PAGES(1), bytes, PAGES(4)), PAGE_SIZE);
	EXPECT(has_fake_bytes(bytes, PAGES(1), 10) && memory_is(bytes + 10, 0, PAGE_SIZE - 10));
	expect_valid();
}

KTEST(pagecache, only_who_makes_the_file_larger_adds_pages_behind_its_end, "PGC-04")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);
	struct page *page;

	REQUIRE(fake_file_make(&file, PAGES(1) + 1));
	EXPECT_EQ(mapping_find_or_add(&file.mapping, 2, false, GFP_NOWAIT, &page), -ENXIO);
	EXPECT_EQ(cache_counts().nr_pages, 0);
	REQUIRE(mapping_find_or_add(&file.mapping, 2, true, GFP_NOWAIT, &page) == 1);
	EXPECT(mapping_remove(page, false));
	page_unlock(page);
	put_page(page);
}

KTEST(pagecache, a_truncation_that_cannot_read_the_last_page_changes_nothing, "R7")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, PAGES(4)));
	file.fails_read = 1;
	EXPECT_EQ(pagecache_truncate(&file.mapping, PAGES(1) + 10), -EIO);
	EXPECT_EQ(mapping_size(&file.mapping), PAGES(4));
}

/* --- when there is no memory --- */

/* A little of everything. Result: the first error. */
static long use_file(struct fake_file *file)
{
	struct readahead ahead = {0};
	long error = pagecache_read(&file->mapping, &ahead, 0, bytes, PAGES(2));

	if (error >= 0)
		error = pagecache_write(&file->mapping, PAGES(8) - 5, "abcdefgh", 8);
	if (error >= 0 && error < 8)
		error = -ENOMEM; /* a part of it */
	if (error >= 0)
		error = pagecache_truncate(&file->mapping, PAGES(3) + 1);
	return error;
}

KTEST(pagecache, the_nth_request_for_memory_may_fail_and_nothing_is_lost, "S7 PGC-06 R7")
{
	BORROW_MANY(bytes, FAKE_FILE_BYTES);
	MACHINE_STAYS_AS_FOUND();
	bool was_hit = true;

	for (unsigned int n = 1; was_hit; n++) {
		FAKE_FILE(file);
		long error;

		REQUIRE(n < 100 && fake_file_make(&file, PAGES(4)));
		file.mapping.gfp |= __GFP_NOWARN | __GFP_NORETRY;
		(void)fault_set_nth(n);
		error = use_file(&file);
		was_hit = fault_set_nth(0);
		EXPECT(error >= 0 || (was_hit && error == -ENOMEM));
		expect_valid();
		EXPECT(use_file(&file) >= 0);
		EXPECT_EQ(mapping_size(&file.mapping), PAGES(3) + 1);
	}
}

KTEST(pagecache, the_nth_reading_or_writing_may_fail_and_the_file_is_what_it_should_be, "R7 REC-03 PGC-11")
{
	BORROW_MANY(bytes, FAKE_FILE_BYTES);
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int n = 1; n < 16; n++) {
		unsigned int seen = 0;
		FAKE_FILE(file);

		REQUIRE(fake_file_make(&file, PAGES(4)));
		file.fails_read = n;
		(void)use_file(&file);
		file.fails_read = 0;
		EXPECT(use_file(&file) >= 0);
		file.fails_write = n;
		(void)pagecache_sync(&file.mapping, &seen);
		file.fails_write = 0;
		EXPECT_EQ(pagecache_sync(&file.mapping, &seen), 0);
		EXPECT_EQ(cache_counts().nr_dirty, 0);
		EXPECT(!file.has_shown_junk && has_fake_bytes(file.disk, 0, PAGES(3) + 1));
		expect_valid();
	}
}

/* --- against a model --- */

static struct model {
	char file[FAKE_FILE_BYTES];
	uint64_t size;
} * model;

static void model_truncate(uint64_t size)
{
	if (size < model->size)
		memset(model->file + size, 0, (size_t)(model->size - size));
	model->size = size;
}

static void random_step(struct fake_file *file, struct readahead *ahead, struct random *random,
			unsigned int *seen)
{
	uint64_t pos = random_below(random, FAKE_FILE_BYTES);
	size_t nr = 1 + random_below(random, random_below(random, 4) ? 3000 : 20000);
	struct page *page;

	nr = MIN(nr, (size_t)(FAKE_FILE_BYTES - pos));
	switch (random_below(random, 8)) {
	case 0:
	case 1:
	case 2: {
		size_t there = pos < model->size ? (size_t)MIN((uint64_t)nr, model->size - pos) : 0;

		EXPECT_EQ(pagecache_read(&file->mapping, ahead, pos, bytes, nr), there);
		EXPECT(memcmp(bytes, model->file + pos, there) == 0);
		break;
	}
	case 3:
	case 4:
		for (size_t i = 0; i < nr; i++)
			model->file[pos + i] = (char)random_next(random);
		EXPECT_EQ(pagecache_write(&file->mapping, pos, model->file + pos, nr), nr);
		model->size = MAX(model->size, pos + nr);
		break;
	case 5:
		EXPECT_EQ(pagecache_truncate(&file->mapping, pos), 0);
		model_truncate(pos);
		for (size_t at = ALIGN_UP((size_t)pos, PAGE_SIZE); at < FAKE_FILE_BYTES; at += PAGE_SIZE)
			memset(file->disk + at, 0, PAGE_SIZE); /* those blocks are the file's no more */
		break;
	case 6:
		EXPECT_EQ(pagecache_sync(&file->mapping, seen), 0);
		EXPECT(memcmp(file->disk, model->file, (size_t)model->size) == 0);
		break;
	default: /* as reclaim does */
		page = mapping_find(&file->mapping, (uint32_t)(pos >> PAGE_SHIFT));
		if (!page)
			break;
		if (!page_has(page, PG_DIRTY) && page_trylock(page)) {
			EXPECT(mapping_remove(page, true));
			page_unlock(page);
		}
		put_page(page);
	}
}

KTEST(pagecache, random_reads_writes_truncations_and_syncs_agree_with_a_model, "R2 PGC-04 PGC-10")
{
	BORROW_MANY(bytes, FAKE_FILE_BYTES);
	BORROW(model);
	MACHINE_STAYS_AS_FOUND();
	struct random random = {20261128};
	struct readahead ahead = {0};
	unsigned int seen = 0;
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, 0));
	memset(file.disk, 0, FAKE_FILE_BYTES); /* where nothing was written a file system has no blocks */
	file.blocks_left = (unsigned int)-1;
	for (unsigned int n = 0; n < TEST_RANDOM_OPS / 4; n++) {
		random_step(&file, &ahead, &random, &seen);
		if (n % 512 == 0)
			expect_valid();
	}
	EXPECT(!file.has_shown_junk);
}
