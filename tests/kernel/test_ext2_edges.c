/* SPDX-License-Identifier: MIT */
/* ext2 where something runs out or fails: borders of the tables of pointers, space, inodes, requests, memory. Guest only. */
#include <drivers/fs/ext2.h>

#include <kernel/core/blkdev.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/vmscan.h>
#include <mm/report/fault.h>
#include <monitor/demo.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/ext2.h>
#include <tests/kernel/ext2_model.h>

#define SEED	    20261129u
#define MAX_TRIES   400u
#define PATTERN	    0x5ec2e7edu
#define NR_PATTERNS 2048u /* pages */

static char *chunk;

static uint32_t block_bytes(void)
{
	struct vfs_space space = {0};

	EXPECT_EQ(vfs_space("/", &space), 0);
	return space.block_bytes;
}

static uint64_t nr_free_blocks(void)
{
	struct vfs_space space = {0};

	EXPECT_EQ(vfs_sync(), 0); /* what was freed is free with the commit */
	EXPECT_EQ(vfs_space("/", &space), 0);
	return space.nr_free;
}

/* --- borders --- */

static void write_at(struct file *file, uint64_t pos, char byte)
{
	EXPECT_EQ(vfs_lseek(file, (int64_t)pos, SEEK_SET), pos);
	EXPECT_EQ(vfs_write(file, &byte, 1), 1);
}

static char byte_at(struct file *file, uint64_t pos)
{
	char byte = '?';

	EXPECT_EQ(vfs_lseek(file, (int64_t)pos, SEEK_SET), pos);
	EXPECT_EQ(vfs_read(file, &byte, 1), 1);
	return byte;
}

KTEST(ext2, a_file_has_holes_at_each_border_of_its_tables, "EXT-06 PGC-10")
{
	EXT2(fs);
	FILE(file);
	uint64_t free, border[3], bytes, pointers;

	NEEDS_EXT2(fs);
	free = nr_free_blocks();
	bytes = block_bytes();
	pointers = bytes / 4;
	border[0] = 12 * bytes;
	border[1] = (12 + pointers) * bytes;
	border[2] = (12 + pointers + pointers * pointers) * bytes;
	REQUIRE(vfs_open(&file, "/sparse", O_RDWR | O_CREAT, 0644) == 0);
	for (unsigned int i = 0; i < 3; i++) {
		write_at(&file, border[i] - 1, (char)('a' + i));
		write_at(&file, border[i], (char)('A' + i));
		write_at(&file, border[i] + 3 * bytes, '.');
	}
	EXPECT_EQ(vfs_lseek(&file, 0, SEEK_END), border[2] + 3 * bytes + 1);
	vfs_close(&file);
	EXPECT_EQ(ext2_remount(&fs), 0);
	REQUIRE(vfs_open(&file, "/sparse", O_RDWR, 0) == 0);
	for (unsigned int i = 0; i < 3; i++) {
		EXPECT_EQ(byte_at(&file, border[i] - 1), 'a' + i);
		EXPECT_EQ(byte_at(&file, border[i]), 'A' + i);
		EXPECT_EQ(byte_at(&file, border[i] + 1), 0);
		EXPECT_EQ(byte_at(&file, border[i] + 2 * bytes), 0);
		EXPECT_EQ(byte_at(&file, border[i] + 3 * bytes), '.');
	}
	EXPECT_EQ(vfs_ftruncate(&file, border[1] + 1), 0);
	EXPECT_EQ(byte_at(&file, border[1]), 'B');
	EXPECT_EQ(vfs_ftruncate(&file, border[2] + 1), 0);
	EXPECT_EQ(byte_at(&file, border[2]), 0);
	EXPECT_EQ(byte_at(&file, border[1] + 3 * bytes), 0);
	EXPECT_EQ(vfs_lseek(&file, INT64_MAX, SEEK_SET), INT64_MAX);
	EXPECT_EQ(vfs_write(&file, "x", 1), -EFBIG);
	vfs_close(&file);
	EXPECT_EQ(vfs_unlink("/sparse"), 0);
	EXPECT_EQ(nr_free_blocks(), free);
}

/* --- no space --- */

/* Pieces of so many bytes. Result: bytes that fitted. */
static uint64_t write_until_full(struct file *file, size_t piece)
{
	uint64_t nr = 0;
	long part;

	while ((part = vfs_write(file, chunk, piece)) > 0)
		nr += (uint64_t)part;
	EXPECT_EQ(part, -ENOSPC);
	return nr;
}

KTEST(ext2, a_full_disk_says_so_and_takes_more_when_something_went, "EXT-03")
{
	BORROW_MANY(chunk, PAGE_SIZE);
	EXT2(fs);
	FILE(file);
	FILE(other);
	uint64_t free, nr;
	char path[24];
	unsigned int n;
	int error = 0;

	NEEDS_EXT2(fs);
	free = nr_free_blocks();
	if (free * block_bytes() > 16u << 20)
		SKIP("the image is larger than 16 MiB");
	memset(chunk, 'f', PAGE_SIZE);
	REQUIRE(vfs_open(&file, "/full", O_RDWR | O_CREAT, 0644) == 0);
	nr = write_until_full(&file, PAGE_SIZE);
	REQUIRE(vfs_open(&other, "/rest", O_RDWR | O_CREAT, 0644) ==
		0); /* a page more, or a table, had no room */
	nr += write_until_full(&other, BLK_SECTOR);
	vfs_close(&other);
	EXPECT(nr > free * block_bytes() - free * block_bytes() / 16);
	EXPECT_EQ(vfs_mkdir("/full-dir", 0755), -ENOSPC);
	REQUIRE(vfs_open(&other, "/other", O_RDWR | O_CREAT, 0644) == 0);
	EXPECT_EQ(vfs_write(&other, "no room", 7), -ENOSPC);
	EXPECT_EQ(vfs_lseek(&other, 0, SEEK_END), 0);
	EXPECT_EQ(vfs_ftruncate(&file, nr / 2), 0);
	EXPECT_EQ(vfs_write(&other, "room", 4), 4);
	EXPECT_EQ(vfs_mkdir("/full-dir", 0755), 0);
	vfs_close(&file);
	vfs_close(&other);
	for (n = 0; n < 100000; n++) { /* until a directory or the inodes are full */
		(void)scnprintf(path, sizeof(path), "/full-dir/%u", n);
		error = vfs_open(&file, path, O_WRONLY | O_CREAT, 0644);
		if (error)
			break;
		vfs_close(&file);
	}
	EXPECT_EQ(error, -ENOSPC);
	while (n-- > 0) {
		(void)scnprintf(path, sizeof(path), "/full-dir/%u", n);
		EXPECT_EQ(vfs_unlink(path), 0);
	}
	EXPECT_EQ(vfs_rmdir("/full-dir"), 0);
	EXPECT_EQ(vfs_unlink("/full"), 0);
	EXPECT_EQ(vfs_unlink("/rest"), 0);
	EXPECT_EQ(vfs_unlink("/other"), 0);
	EXPECT_EQ(nr_free_blocks(), free);
}

KTEST(ext2, names_have_255_bytes_and_a_file_outlives_its_name, "EXT-08")
{
	BORROW_MANY(chunk, PAGE_SIZE);
	EXT2(fs);
	FILE(file);
	uint64_t free;

	NEEDS_EXT2(fs);
	free = nr_free_blocks();
	memset(chunk, 'n', 257);
	chunk[0] = '/';
	EXPECT_EQ(vfs_open(&file, chunk, O_RDWR | O_CREAT, 0644), -ENAMETOOLONG);
	chunk[256] = '\0';
	REQUIRE(vfs_open(&file, chunk, O_RDWR | O_CREAT, 0644) == 0);
	EXPECT_EQ(vfs_write(&file, "outlives", 8), 8);
	EXPECT_EQ(vfs_mkdir(chunk, 0755), -EEXIST);
	EXPECT_EQ(vfs_unlink(chunk), 0);
	EXPECT_EQ(vfs_sync(), 0);
	EXPECT_EQ(byte_at(&file, 7), 's');
	EXPECT_EQ(vfs_unmount("/"), -EBUSY);
	vfs_close(&file);
	EXPECT_EQ(nr_free_blocks(), free);
}

/* --- failures --- */

/* All calls once; each may fail. */
static void use_all_calls(void)
{
	struct file file;

	may_fail(vfs_mkdir("/all", 0755));
	if (vfs_open(&file, "/all/f", O_RDWR | O_CREAT, 0644) == 0) {
		may_fail(vfs_write(&file, chunk, PAGE_SIZE));
		(void)vfs_lseek(&file, 3 * PAGE_SIZE + 5, SEEK_SET);
		may_fail(vfs_write(&file, chunk, 100));
		may_fail(vfs_fsync(&file));
		may_fail(vfs_ftruncate(&file, 700));
		vfs_close(&file);
	}
	may_fail(vfs_link("/all/f", "/all/g"));
	may_fail(vfs_rename("/all/g", "/h"));
	may_fail(vfs_rename("/all/f", "/h"));
	may_fail(vfs_symlink("a text that is longer than what an inode has room for, sixty bytes", "/all/l"));
	(void)vfs_sync();
}

static void take_all_away(void)
{
	static const char *const names[] = {"/all/f", "/all/g", "/all/l", "/h"};
	struct vfs_stat stat;

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (vfs_stat(names[i], &stat) == 0)
			EXPECT_EQ(vfs_unlink(names[i]), 0);
	if (vfs_stat("/all", &stat) == 0)
		EXPECT_EQ(vfs_rmdir("/all"), 0);
	(void)vfs_sync(); /* tells what failed before */
	EXPECT_EQ(vfs_sync(), 0);
}

KTEST(ext2, the_nth_request_to_the_disk_fails_for_every_n, "R7 EXT-01")
{
	BORROW_MANY(chunk, PAGE_SIZE);
	EXT2(fs);
	unsigned int n;

	NEEDS_EXT2(fs);
	expect_reports();
	for (n = 1; n < MAX_TRIES; n++) {
		bool was_hit;

		EXPECT_EQ(ext2_remount(&fs), 0);
		blk_fault_set(fs.dev, BLK_FAULT_ERROR, n);
		use_all_calls();
		was_hit = fs.dev->fault == BLK_FAULT_NONE;
		blk_fault_set(fs.dev, BLK_FAULT_NONE, 0);
		take_all_away();
		if (!was_hit)
			break;
	}
	ktest_note("%u requests failed, one a run", n - 1);
	EXPECT(n > 10 && n < MAX_TRIES);
}

/* Nothing, or what a directory is. */
static void expect_whole_or_not_at_all(int error, uint32_t root_links)
{
	struct vfs_stat stat;
	int there = vfs_stat("/dir", &stat);

	EXPECT(there == (error ? -ENOENT : 0));
	if (there == 0) {
		EXPECT_EQ(vfs_mkdir("/dir/below", 0755), 0);
		EXPECT_EQ(vfs_rmdir("/dir/below"), 0);
		EXPECT_EQ(vfs_rmdir("/dir"), 0);
	}
	EXPECT_EQ(vfs_stat("/", &stat), 0);
	EXPECT_EQ(stat.nr_links, root_links);
}

KTEST(ext2, a_directory_that_the_disk_did_not_take_is_not_there, "R7 EXT-01")
{
	EXT2(fs);
	unsigned int n, nr_failed = 0;
	struct vfs_stat stat;

	NEEDS_EXT2(fs);
	EXPECT_EQ(vfs_stat("/", &stat), 0);
	expect_reports();
	for (n = 1; n < MAX_TRIES; n++) {
		bool was_hit;
		int error;

		EXPECT_EQ(ext2_remount(&fs), 0);
		blk_fault_set(fs.dev, BLK_FAULT_ERROR, n);
		error = vfs_mkdir("/dir", 0755);
		was_hit = fs.dev->fault == BLK_FAULT_NONE;
		blk_fault_set(fs.dev, BLK_FAULT_NONE, 0);
		nr_failed += error != 0;
		expect_whole_or_not_at_all(error, stat.nr_links);
		(void)vfs_sync();
		EXPECT_EQ(vfs_sync(), 0);
		if (!was_hit)
			break;
	}
	ktest_note("%u of %u failures were told", nr_failed, n - 1);
	EXPECT(nr_failed && n < MAX_TRIES);
}

KTEST(ext2, the_nth_request_for_memory_fails_for_every_n, "S7 EXT-01")
{
	BORROW_MANY(chunk, PAGE_SIZE);
	EXT2(fs);
	unsigned int n;

	NEEDS_EXT2(fs);
	expect_reports();
	for (n = 1; n < MAX_TRIES; n++) {
		bool was_hit;

		EXPECT_EQ(ext2_remount(&fs), 0);
		(void)fault_set_nth(n);
		use_all_calls();
		was_hit = fault_set_nth(0);
		take_all_away();
		if (!was_hit)
			break;
	}
	ktest_note("%u requests failed, one a run", n - 1);
	EXPECT(n > 10 && n < MAX_TRIES);
}

/* --- memory --- */

static void fill_free_memory(void)
{
	struct page *first = NULL, *page;

	for (unsigned int i = 0; i < NR_PATTERNS; i++) {
		uint32_t *words;

		page = alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (!page)
			break;
		words = kmap_local_page(page);
		for (unsigned int w = 0; w < PAGE_SIZE / 4; w++)
			words[w] = PATTERN;
		kunmap_local(words);
		page->private = (uintptr_t)first;
		first = page;
	}
	for (; first; first = page) {
		page = (struct page *)first->private;
		__free_page(first);
	}
}

/* Words of the disk that are the pattern. */
static unsigned int nr_patterns_on(struct blk_device *dev)
{
	unsigned int nr = 0;

	for (uint32_t s = 0; s + 8 <= dev->nr_sectors; s += 8) {
		const uint32_t *words = (const uint32_t *)chunk;

		EXPECT_EQ(test_disk_io(dev, BLK_READ, s, chunk, 8), 0);
		for (unsigned int w = 0; w < PAGE_SIZE / 4; w++)
			nr += words[w] == PATTERN;
	}
	return nr;
}

static struct model *model;

KTEST(ext2, no_byte_of_free_memory_reaches_the_disk, "K4 XPT-04")
{
	BORROW_MANY(chunk, PAGE_SIZE);
	BORROW(model);
	EXT2(fs);
	struct blk_device *dev;

	NEEDS_EXT2(fs);
	dev = fs.dev;
	if (dev->nr_sectors > 32u << 11)
		SKIP("the image is larger than 32 MiB");
	fill_free_memory();
	EXPECT_EQ(ext2_remount(&fs), 0);
	REQUIRE(model_begin(model, "/k4", SEED));
	for (unsigned int i = 0; i < 400 && !model->wrong; i++)
		model_step(model);
	EXPECT(!model->wrong);
	model_end(model);
	use_all_calls();
	take_all_away();
	ext2_image_close(&fs);
	EXPECT_EQ(nr_patterns_on(dev), 0);
}

/* Requests for who may start none on a file system. The flusher's are nobody's: a pass that finds dirty pages wakes it. */
static uint32_t forbidden_requests(struct blk_device *dev)
{
	struct blk_stat stat;

	blk_stat(dev, &stat);
	return stat.nr_for[BLK_FOR_NOIO] + stat.nr_for[BLK_FOR_NOFS];
}

static void write_pages(struct file *file, const char *page)
{
	for (unsigned int i = 0; i < 64; i++)
		EXPECT_EQ(vfs_write(file, page, PAGE_SIZE), PAGE_SIZE);
}

/* Those of the background are nobody's. */
static uint32_t nr_calls_in_reclaim(void)
{
	struct ext2_calls calls = ext2_calls();

	return calls.nr_for[BLK_FOR_NOIO] + calls.nr_for[BLK_FOR_NOFS] + calls.nr_for[BLK_FOR_KERNEL];
}

/* Result: calls of the file system that one pass with these permissions made. */
static uint32_t calls_of_pass(gfp_t gfp)
{
	uint32_t before = nr_calls_in_reclaim();

	(void)vmscan_reclaim(gfp, 64);
	return nr_calls_in_reclaim() - before;
}

KTEST(ext2, reclaim_calls_the_file_system_for_gfp_kernel_alone, "G5 PGC-07")
{
	BORROW_MANY(chunk, PAGE_SIZE);
	EXT2(fs);
	FILE(file);
	unsigned int scope, tries = 0;
	uint32_t forbidden;

	NEEDS_EXT2(fs);
	REQUIRE(vfs_open(&file, "/dirty", O_RDWR | O_CREAT, 0644) == 0);
	write_pages(&file, chunk);
	forbidden = forbidden_requests(fs.dev);
	EXPECT_EQ(calls_of_pass(GFP_NOIO | __GFP_HIGHMEM), 0);
	EXPECT_EQ(calls_of_pass(GFP_NOFS | __GFP_HIGHMEM), 0);
	scope = memalloc_nofs_save();
	EXPECT_EQ(calls_of_pass(scope_limit(GFP_HIGHUSER)), 0);
	memalloc_nofs_restore(scope);
	scope = memalloc_noio_save();
	EXPECT_EQ(calls_of_pass(scope_limit(GFP_HIGHUSER)), 0);
	memalloc_noio_restore(scope);
	EXPECT_EQ(forbidden_requests(fs.dev), forbidden);
	while (calls_of_pass(GFP_HIGHUSER) == 0 && ++tries < 20) /* the flusher was there first */
		write_pages(&file, chunk);
	EXPECT(tries < 20);
	EXPECT_EQ(vfs_fsync(&file), 0);
	vfs_close(&file);
	EXPECT_EQ(vfs_unlink("/dirty"), 0);
}

KTEST(ext2, the_play_of_the_flags_on_a_file_counts_its_calls, "G4 G5 G1 PGC-07")
{
	struct demo_flags *seen = kzalloc(sizeof(*seen), GFP_KERNEL);
	uint32_t nr_calls = 0;
	EXT2(fs);

	if (!seen || ext2_image_open(&fs)) {
		kfree(seen);
		SKIP("no memory, or no image for tests");
	}
	for (unsigned int tries = 0; tries < 10 && !nr_calls; tries++) { /* the flusher may be first */
		EXPECT_EQ(demo_flags_play(seen), DEMO_PLAYED);
		EXPECT(seen->has_fs);
		for (unsigned int i = 0; i < NR_DEMO_FLAGS; i++) {
			const uint32_t *calls = seen->flag[i].nr_calls;

			EXPECT(seen->flag[i].got);
			EXPECT_EQ(calls[BLK_FOR_NOIO] + calls[BLK_FOR_NOFS], 0);
			EXPECT(i == 2 || calls[BLK_FOR_KERNEL] == 0);
			nr_calls += calls[BLK_FOR_KERNEL];
		}
	}
	ktest_note("%u calls for GFP_KERNEL", nr_calls);
	EXPECT(nr_calls != 0);
	kfree(seen);
}
