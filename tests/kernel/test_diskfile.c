/* SPDX-License-Identifier: MIT */
/* A real disk through the page cache: what is written comes to the disk and is read back from it, page by page and in
 * every state of memory; the host looks at the image afterwards. Guest only. */
#include <mm/cache/diskfile.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/cache/evict.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

#define ALL_ZONES      (~0u)
#define SECTORS_A_PAGE (PAGE_SIZE / BLK_SECTOR)
#define NR_PAGES       64u

static struct test_disk disk;
static char *sector;

static void diskfile_end(struct diskfile *file)
{
	if (!file->disk)
		return;
	blk_fault_set(disk.dev, BLK_FAULT_NONE, 0);
	diskfile_close(file);
	file->disk = NULL;
}

#define DISKFILE(name) ENDS_WITH(diskfile_end) struct diskfile name = {.disk = NULL}

/* What reclaim took of its reserve meanwhile is there again with the next pass. Before the machine is noted, and at the end. */
static void fill_reserve(int *unused)
{
	(void)unused;
	(void)vmscan_reclaim(GFP_KERNEL, 1);
}

/* First lines of a test. */
#define NEEDS_DISK(file)                                                                                     \
	if (!test_disk_open(&disk, "ide0"))                                                                  \
		SKIP("no disk for tests is ide0");                                                           \
	REQUIRE(diskfile_open(file, (struct port_disk *)disk.dev, GFP_HIGHUSER) == 0)

/* The n-th of our sectors from a page's start on. */
static uint32_t sector_of(unsigned int n)
{
	return ALIGN_UP(disk.guest_start, SECTORS_A_PAGE) + n;
}

static void write_sectors(struct diskfile *file, unsigned int from, unsigned int nr)
{
	char bytes[BLK_SECTOR];

	for (unsigned int n = from; n < from + nr; n++) {
		test_disk_fill(bytes, sector_of(n), 'G');
		EXPECT_EQ(pagecache_write(&file->mapping, (uint64_t)sector_of(n) * BLK_SECTOR, bytes,
					  BLK_SECTOR),
			  BLK_SECTOR);
	}
}

static unsigned int nr_right(struct diskfile *file, unsigned int from, unsigned int nr)
{
	struct readahead ahead = {0};
	unsigned int right = 0;
	char bytes[BLK_SECTOR];

	for (unsigned int n = from; n < from + nr; n++)
		right += pagecache_read(&file->mapping, &ahead, (uint64_t)sector_of(n) * BLK_SECTOR, bytes,
					BLK_SECTOR) == BLK_SECTOR &&
			 test_disk_is(bytes, sector_of(n), 'G');
	return right;
}

static void drop_all(void)
{
	(void)cache_reclaim(GFP_NOIO, (size_t)-1, ALL_ZONES);
	EXPECT_EQ(cache_counts().nr_pages, 0);
}

KTEST(diskfile, what_is_written_through_the_cache_is_on_the_disk_and_comes_back, "R2 REC-01")
{
	BORROW_MANY(sector, BLK_SECTOR); /* of the direct map: the disk reaches no stack */
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	unsigned int seen = 0;
	DISKFILE(file);

	NEEDS_DISK(&file);
	write_sectors(&file, 0, NR_PAGES * SECTORS_A_PAGE);
	EXPECT_EQ(pagecache_sync(&file.mapping, &seen), 0);
	for (unsigned int n = 0; n < 20; n++) {
		EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, sector_of(n), sector, 1), 0);
		EXPECT(test_disk_is(sector, sector_of(n), 'G'));
	}
	drop_all();
	EXPECT_EQ(nr_right(&file, 0, NR_PAGES * SECTORS_A_PAGE), NR_PAGES * SECTORS_A_PAGE);
	expect_valid();
}

KTEST(diskfile, the_end_of_the_disk_is_the_end_of_the_file, "R2 PGC-10")
{
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	DISKFILE(file);
	uint64_t end;
	char bytes[4];

	NEEDS_DISK(&file);
	end = (uint64_t)disk.nr_sectors * BLK_SECTOR;
	EXPECT_EQ(mapping_size(&file.mapping), end);
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, end - 2, bytes, 4), 2);
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, end, bytes, 4), 0);
	EXPECT_EQ(pagecache_write(&file.mapping, end + PAGE_SIZE, "ab", 2), -ENOSPC);
	EXPECT_EQ(mapping_size(&file.mapping), end);
}

KTEST(diskfile, a_disk_that_fails_is_told_once_and_nothing_is_lost, "R7 PGC-11 REC-03")
{
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	unsigned int seen = 0;
	DISKFILE(file);
	char byte;

	NEEDS_DISK(&file);
	write_sectors(&file, 0, SECTORS_A_PAGE);
	blk_fault_set(disk.dev, BLK_FAULT_ERROR, 1);
	EXPECT_EQ(pagecache_sync(&file.mapping, &seen), -EIO);
	EXPECT_EQ(cache_counts().nr_dirty, 1);
	EXPECT_EQ(pagecache_sync(&file.mapping, &seen), 0);
	drop_all();
	blk_fault_set(disk.dev, BLK_FAULT_ERROR, 1);
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, (uint64_t)sector_of(0) * BLK_SECTOR, &byte, 1), -EIO);
	EXPECT_EQ(nr_right(&file, 0, SECTORS_A_PAGE), SECTORS_A_PAGE);
}

/* --- a disk with one bad sector --- */

static struct blk_device bad;
static uint64_t bad_sector;
static bool is_serving;

static void serve(struct blk_device *dev)
{
	struct blk_command *command;

	if (is_serving)
		return; /* who does sees to it */
	is_serving = true;
	while ((command = blk_next(dev)) != NULL)
		blk_command_done(dev, command, bad_sector - command->sector < command->nr_sectors ? -EIO : 0);
	is_serving = false;
}

static void bad_end(struct diskfile *file)
{
	if (file->disk)
		diskfile_close(file);
	blk_unregister(&bad);
}

static bool bad_begin(struct diskfile *file)
{
	static const struct blk_ops ops = {.wake = serve};

	bad = (struct blk_device){.name = "bad0",
				  .nr_sectors = NR_PAGES * SECTORS_A_PAGE,
				  .max_sectors = 256,
				  .max_segments = 64,
				  .ops = &ops};
	return blk_register(&bad) == 0 && diskfile_open(file, (struct port_disk *)&bad, GFP_KERNEL) == 0;
}

/* Result: how many could not be read. */
static unsigned int nr_unreadable(struct diskfile *file, unsigned int *last)
{
	struct readahead ahead = {0};
	unsigned int nr = 0;
	char byte;

	for (unsigned int n = 0; n < NR_PAGES; n++)
		if (pagecache_read(&file->mapping, &ahead, (uint64_t)n << PAGE_SHIFT, &byte, 1) != 1) {
			nr++;
			*last = n;
		}
	return nr;
}

KTEST(diskfile, of_a_run_only_the_page_of_the_bad_sector_fails, "R7 PGC-11")
{
	BORROW_MANY(sector, PAGE_SIZE);
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	ENDS_WITH(bad_end) struct diskfile file = {.disk = NULL};
	unsigned int seen = 0, last = 0;

	REQUIRE(bad_begin(&file));
	for (unsigned int n = 0; n < 2 * MAPPING_RUN; n += 5) {
		for (unsigned int i = 0; i < NR_PAGES; i++)
			EXPECT_EQ(
				pagecache_write(&file.mapping, (uint64_t)i << PAGE_SHIFT, sector, PAGE_SIZE),
				PAGE_SIZE);
		bad_sector = n * SECTORS_A_PAGE + 3;
		EXPECT_EQ(pagecache_sync(&file.mapping, &seen), -EIO);
		EXPECT_EQ(cache_counts().nr_failed, 1);
		EXPECT_EQ(cache_counts().nr_dirty, 1);
		bad_sector = NR_PAGES * SECTORS_A_PAGE;
		EXPECT_EQ(pagecache_sync(&file.mapping, &seen), 0);
		drop_all();
		bad_sector = n * SECTORS_A_PAGE + 3;
		EXPECT_EQ(nr_unreadable(&file, &last), 1);
		EXPECT_EQ(last, n);
		bad_sector = NR_PAGES * SECTORS_A_PAGE;
		EXPECT_EQ(nr_unreadable(&file, &last), 0);
		expect_valid();
	}
}

KTEST(diskfile, dirty_pages_reach_the_disk_with_no_page_free, "R3 PGC-14 R2")
{
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	unsigned int seen = 0;
	HOG(hog);
	DISKFILE(file);

	NEEDS_DISK(&file);
	write_sectors(&file, 0, NR_PAGES * SECTORS_A_PAGE);
	hog_all(&hog);
	EXPECT_EQ(pagecache_sync(&file.mapping, &seen), 0);
	EXPECT_EQ(cache_counts().nr_dirty + cache_counts().nr_writeback, 0);
	hog_release(&hog);
	EXPECT_EQ(nr_right(&file, 0, NR_PAGES * SECTORS_A_PAGE), NR_PAGES * SECTORS_A_PAGE);
}

/* Nobody syncs: requests with these permissions have the disk make the room that they need, or do not. Result: what they
 * submitted themselves. */
static struct blk_stat take_of_dirty(struct diskfile *file, gfp_t gfp, unsigned int wanted)
{
	struct blk_stat before, after;
	unsigned int nr = 0;
	HOG(hog);

	write_sectors(file, 0, NR_PAGES * SECTORS_A_PAGE);
	hog_all(&hog);
	blk_stat(disk.dev, &before);
	for (struct page *page; nr < wanted && (page = alloc_page(gfp | __GFP_HIGH)) != NULL; nr++)
		list_add(&page->links, &hog);
	blk_stat(disk.dev, &after);
	EXPECT_EQ(nr, wanted);
	for (unsigned int i = 0; i < NR_BLK_BEHALF; i++)
		after.nr_for[i] -= before.nr_for[i];
	hog_release(&hog);
	EXPECT_EQ(nr_right(file, 0, NR_PAGES * SECTORS_A_PAGE), NR_PAGES * SECTORS_A_PAGE);
	return after;
}

KTEST(diskfile, a_request_short_of_memory_has_dirty_pages_written_and_gets_them, "R2 G1 PGC-12 REC-01")
{
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	size_t kills = mm_event_count[EVENT_OOM_KILL];
	struct blk_stat begun;
	DISKFILE(file);

	NEEDS_DISK(&file);
	begun = take_of_dirty(&file, GFP_HIGHUSER, NR_PAGES / 2);
	EXPECT_EQ(mm_event_count[EVENT_OOM_KILL], kills);
	EXPECT(begun.nr_for[BLK_FOR_KERNEL] + begun.nr_for[BLK_FOR_NOBODY] >= NR_PAGES / 2);
	EXPECT_EQ(begun.nr_for[BLK_FOR_NOFS] + begun.nr_for[BLK_FOR_NOIO], 0);
}

/* Others, the background first, have pages written, and they get those. */
KTEST(diskfile, no_request_without_the_permission_reaches_the_disk, "G4 G5 PGC-07 REC-01")
{
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	static const gfp_t gfp[] = {GFP_NOIO, GFP_NOFS};
	DISKFILE(file);

	NEEDS_DISK(&file);
	for (unsigned int i = 0; i < ARRAY_SIZE(gfp); i++) {
		struct blk_stat begun = take_of_dirty(&file, gfp[i] | __GFP_HIGHMEM, NR_PAGES / 4);

		EXPECT_EQ(begun.nr_for[BLK_FOR_NOIO] + begun.nr_for[BLK_FOR_NOFS] +
				  begun.nr_for[BLK_FOR_KERNEL],
			  0);
	}
}

/* 50 ms a command: who waits for memory sleeps meanwhile, and the disk gets on. */
KTEST(diskfile, a_slow_disk_costs_time_and_no_data, "R7 REC-04 PGC-09")
{
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	unsigned int seen = 0;
	DISKFILE(file);

	NEEDS_DISK(&file);
	blk_fault_set(disk.dev, BLK_FAULT_SLOW, 50);
	write_sectors(&file, 0, 8 * SECTORS_A_PAGE);
	EXPECT_EQ(pagecache_sync(&file.mapping, &seen), 0);
	drop_all();
	EXPECT_EQ(nr_right(&file, 0, 8 * SECTORS_A_PAGE), 8 * SECTORS_A_PAGE);
}
