/* SPDX-License-Identifier: MIT */
/* Flushers of real disks: nobody waits for what is written, with memory to spare, and with none; the host looks at the image
 * afterwards. Guest only. */
#include <mm/cache/diskfile.h>

#include <kernel/arch/clock.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

#define ALL_ZONES      (~0u)
#define SECTORS_A_PAGE (PAGE_SIZE / BLK_SECTOR)
#define NR_PAGES       48u
#define PATIENCE_MS    60000u

static struct test_disk disk;

static void disk_end(struct diskfile *file)
{
	if (!file->disk)
		return;
	blk_fault_set(disk.dev, BLK_FAULT_NONE, 0);
	diskfile_close(file);
	file->disk = NULL;
	writeback_set_ratios(10, 20);
	(void)vmscan_reclaim(GFP_KERNEL, 1); /* fills the reserve that it used */
}

/* First lines of a test. */
#define DISKFILE(name)                                                                                       \
	if (!test_disk_open(&disk, "ide0"))                                                                  \
		SKIP("no disk for tests is ide0");                                                           \
	PAGES_COME_BACK();                                                                                   \
	ENDS_WITH(disk_end) struct diskfile name = {.disk = NULL};                                           \
	REQUIRE(diskfile_open(&name, (struct port_disk *)disk.dev, GFP_HIGHUSER) == 0)

/* The first of our sectors that begins a page. */
static uint32_t first_sector(void)
{
	return ALIGN_UP(disk.guest_start, SECTORS_A_PAGE);
}

static int write_sector(struct diskfile *file, uint32_t sector)
{
	char bytes[BLK_SECTOR];

	test_disk_fill(bytes, sector, 'G');
	return pagecache_write(&file->mapping, (uint64_t)sector * BLK_SECTOR, bytes, BLK_SECTOR) == BLK_SECTOR
		       ? 0
		       : -EIO;
}

static void write_pages(struct diskfile *file, unsigned int nr)
{
	for (uint32_t n = 0; n < nr * SECTORS_A_PAGE; n++)
		EXPECT_EQ(write_sector(file, first_sector() + n), 0);
}

static unsigned int nr_right(struct diskfile *file, uint32_t from, uint32_t end)
{
	struct readahead ahead = {0};
	unsigned int right = 0;
	char bytes[BLK_SECTOR];

	for (uint32_t n = from; n < end; n++)
		right += pagecache_read(&file->mapping, &ahead, (uint64_t)n * BLK_SECTOR, bytes,
					BLK_SECTOR) == BLK_SECTOR &&
			 test_disk_is(bytes, n, 'G');
	return right;
}

static size_t nr_unwritten(void)
{
	struct cache_counts counts = cache_counts();

	return counts.nr_dirty + counts.nr_writeback;
}

/* Does the flusher do all there is, by itself? */
static bool all_gets_written(void)
{
	uint64_t end = clock_now_ms() + PATIENCE_MS;

	while (nr_unwritten() && clock_now_ms() < end)
		msleep(10);
	return nr_unwritten() == 0;
}

static uint32_t nr_writes(void)
{
	struct blk_stat stat;

	blk_stat(disk.dev, &stat);
	return stat.nr_ios[BLK_WRITE] - stat.nr_merged[BLK_WRITE];
}

KTEST(writeback, what_nobody_syncs_reaches_the_disk, "R2 REC-01")
{
	DISKFILE(file);

	write_pages(&file, NR_PAGES);
	file.mapping.dirty_since_ms = clock_now_ms() - WRITEBACK_AGE_MS;
	EXPECT(all_gets_written());
	(void)cache_reclaim(GFP_NOIO, (size_t)-1, ALL_ZONES);
	EXPECT_EQ(nr_right(&file, first_sector(), first_sector() + NR_PAGES * SECTORS_A_PAGE),
		  NR_PAGES * SECTORS_A_PAGE);
}

KTEST(writeback, a_sync_of_all_writes_neighbours_together, "R2")
{
	DISKFILE(file);
	uint32_t before = nr_writes();

	write_pages(&file, NR_PAGES);
	writeback_sync();
	EXPECT_EQ(nr_unwritten(), 0);
	ktest_note("%u pages in %u writes", NR_PAGES, nr_writes() - before);
	EXPECT(nr_writes() - before <= NR_PAGES / 4);
}

/* The file is as large as memory is small; who writes waits for the disk, and others get memory at once. The name is known to
 * run-guest: then it looks at the image. */
KTEST(writeback, every_sector_of_the_guests_area_is_written_back, "R2 R6 PGC-08 PGC-13 REC-01 DMA-10")
{
	DISKFILE(file);
	size_t kills = mm_event_count[EVENT_OOM_KILL], most = 0;
	unsigned int nr_high = 0;

	for (uint32_t n = disk.guest_start; n < disk.nr_sectors; n++) {
		struct page *page;

		if (n % (WRITEBACK_CHUNK * SECTORS_A_PAGE) == 0)
			EXPECT_EQ(writeback_throttle(&file.mapping), 0);
		EXPECT_EQ(write_sector(&file, n), 0);
		page = mapping_find(&file.mapping, n / SECTORS_A_PAGE);
		if (page) {
			nr_high += page_to_phys(page) >> 32 != 0;
			put_page(page);
		}
		if (nr_unwritten() > writeback_limits().dirty)
			most = MAX(most, nr_unwritten() - writeback_limits().dirty);
	}
	writeback_sync();
	EXPECT_EQ(nr_unwritten(), 0);
	EXPECT(most <= WRITEBACK_CHUNK);
	EXPECT_EQ(mm_event_count[EVENT_OOM_KILL], kills);
	EXPECT_EQ(nr_right(&file, disk.guest_start, disk.nr_sectors), disk.nr_sectors - disk.guest_start);
	if (zones[ZONE_HIGHMEM].end_pfn > 1u << (32 - PAGE_SHIFT))
		EXPECT(nr_high != 0);
	ktest_note("%u sectors, %u of them in pages above 4 GiB", disk.nr_sectors - disk.guest_start,
		   nr_high);
}

/* --- with no page free --- */

/* What is left is taken as an interrupt takes it: not one page is free, and none can be had. */
static void take_all(struct list_head *hog)
{
	struct page *page;

	hog_all(hog);
	while ((page = alloc_page(GFP_ATOMIC | __GFP_HIGH | __GFP_NOWARN)) != NULL)
		list_add(&page->links, hog);
}

/* The flusher may hold the last page for a moment after it is written. */
static bool all_clean_pages_go(void)
{
	for (unsigned int i = 0; i < 100; i++, msleep(1)) {
		(void)cache_reclaim(GFP_NOIO, (size_t)-1, ALL_ZONES);
		if (!cache_counts().nr_pages)
			return true;
	}
	return false;
}

/* The flusher gets on; who may not wait is answered at once. */
static void expect_to_get_on(struct diskfile *file, unsigned int slower_ms)
{
	HOG(hog);
	uint64_t longest_us = 0;
	unsigned int nr_looks = 0, nr_served = 0;
	uint32_t before;
	struct page *page;

	for (uint32_t n = 0; n < NR_PAGES; n++) /* none is another's neighbour */
		EXPECT_EQ(write_sector(file, first_sector() + 2 * n * SECTORS_A_PAGE), 0);
	take_all(&hog);
	before = nr_writes();
	blk_fault_set(disk.dev, slower_ms ? BLK_FAULT_SLOW : BLK_FAULT_NONE, slower_ms);
	file->mapping.dirty_since_ms = clock_now_ms() - WRITEBACK_AGE_MS;
	while (nr_unwritten() && nr_looks < PATIENCE_MS / 10) {
		uint64_t start = clock_now_us(), took;

		page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
		took = clock_now_us() - start;
		longest_us = MAX(longest_us, took);
		if (page) {
			nr_served++;
			list_add(&page->links, &hog);
		}
		nr_looks++;
		msleep(10);
	}
	EXPECT_EQ(nr_unwritten(), 0);
	EXPECT(nr_writes() - before >= NR_PAGES);
	EXPECT(nr_looks >= NR_PAGES); /* it took that long, and nobody ran in circles */
	ktest_note("%u pages in %u writes, %u looks; atomic requests: %u served, at most %llu us", NR_PAGES,
		   nr_writes() - before, nr_looks, nr_served, (unsigned long long)longest_us);
	EXPECT(all_clean_pages_go());
	blk_fault_set(disk.dev, BLK_FAULT_NONE, 0);
	hog_release(&hog);
	for (uint32_t n = 0; n < NR_PAGES; n++) {
		uint32_t sector = first_sector() + 2 * n * SECTORS_A_PAGE;

		EXPECT_EQ(nr_right(file, sector, sector + 1), 1);
	}
}

/* 20 requests a second. */
KTEST(writeback, all_memory_is_dirty_the_disk_is_slow_and_it_gets_on, "R3 PGC-14 PGC-09 REC-04 REC-05 XPT-03")
{
	DISKFILE(file);

	expect_to_get_on(&file, 50);
}

/* The same on a machine whose disk is slow by itself. */
KTEST_BY_NAME(writeback_slow, all_memory_is_dirty_and_a_real_disk_is_slow, "R3 PGC-14 PGC-09 REC-04")
{
	DISKFILE(file);

	expect_to_get_on(&file, 0);
}

/* --- disks that fail --- */

KTEST(writeback, the_nth_command_of_the_disk_fails_and_all_is_written_in_the_end, "R7 REC-03 PGC-11")
{
	DISKFILE(file);
	unsigned int n = 1, nr_failed = 0, before = 0;

	(void)mapping_error_since(&file.mapping, &before);
	for (bool was_hit = true; was_hit && n < 40; n++) {
		unsigned int one = before, other = before;

		for (uint32_t i = 0; i < 8; i++) /* every other page: each is a command */
			EXPECT_EQ(write_sector(&file, first_sector() + 2 * i * SECTORS_A_PAGE), 0);
		blk_fault_set(disk.dev, BLK_FAULT_ERROR, n);
		writeback_sync();
		was_hit = cache_counts().nr_failed != 0;
		blk_fault_set(disk.dev, BLK_FAULT_NONE, 0);
		EXPECT_EQ(mapping_error_since(&file.mapping, &one), was_hit ? -EIO : 0);
		EXPECT_EQ(mapping_error_since(&file.mapping, &one), 0);
		EXPECT_EQ(mapping_error_since(&file.mapping, &other), was_hit ? -EIO : 0);
		before = one;
		nr_failed += was_hit;
		writeback_sync();
		EXPECT_EQ(nr_unwritten(), 0);
	}
	EXPECT_EQ(nr_failed, 8);
	expect_valid();
}

KTEST(writeback, a_flusher_tries_again_by_itself_what_the_disk_refused, "R7 REC-03 PGC-11")
{
	DISKFILE(file);
	unsigned int seen = 0;

	write_pages(&file, 1);
	blk_fault_set(disk.dev, BLK_FAULT_ERROR, 1);
	file.mapping.dirty_since_ms = clock_now_ms() - WRITEBACK_AGE_MS;
	EXPECT(all_gets_written());
	EXPECT_EQ(mapping_error_since(&file.mapping, &seen), -EIO);
}

KTEST(writeback, the_disk_goes_and_its_flusher_ends_without_it, "R7 XPT-03 PGC-11")
{
	DISKFILE(file);

	write_pages(&file, 4);
	expect_reports();
	blk_fault_set(disk.dev, BLK_FAULT_GONE, 1);
	writeback_sync();
	EXPECT_ONE_REPORT("ide0: the disk is gone");
	EXPECT_EQ(cache_counts().nr_failed, 4);
	EXPECT_EQ(file.mapping.last_error, -ENODEV);
	writeback_sync(); /* that it is gone is no reason to wait */
	diskfile_close(&file);
	file.disk = NULL;
	EXPECT_EQ(cache_counts().nr_dirty, 0);
	blk_fault_set(disk.dev, BLK_FAULT_NONE, 0);
	REQUIRE(diskfile_open(&file, (struct port_disk *)disk.dev, GFP_HIGHUSER) == 0);
	write_pages(&file, 4);
	writeback_sync();
	EXPECT_ONE_REPORT("ide0: the disk is back");
	EXPECT_EQ(nr_unwritten(), 0);
}
