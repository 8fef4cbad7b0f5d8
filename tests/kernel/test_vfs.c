/* SPDX-License-Identifier: MIT */
/* Files by name, on a disk itself: what every file system shares. Guest only. */
#include <kernel/core/vfs.h>

#include <kernel/arch/trap.h>
#include <kernel/core/thread.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/cache/mapping.h>
#include <mm/reclaim/above.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

static struct test_disk disk;

#define NEEDS_DISK()                                                                                         \
	if (!test_disk_open(&disk, "ide0"))                                                                  \
	SKIP("no disk for tests is ide0")

static void file_end(struct file *file)
{
	if (disk.dev)
		blk_fault_set(disk.dev, BLK_FAULT_NONE, 0);
	vfs_close(file);
}

#define FILE(name) ENDS_WITH(file_end) struct file name = {.inode = NULL}

/* As in the suite diskfile: what reclaim took of its reserve is there again. */
static void fill_reserve(int *unused)
{
	(void)unused;
	(void)vmscan_reclaim(GFP_KERNEL, 1);
}

/* Where tests may write what they like. */
static uint64_t free_area(void)
{
	return (uint64_t)disk.host_end * BLK_SECTOR;
}

KTEST(vfs, a_disk_is_a_file_of_its_name, "R2")
{
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	FILE(file);
	FILE(other);
	struct vfs_stat stat;
	char bytes[8] = {0};

	NEEDS_DISK();
	REQUIRE(vfs_open(&file, "ide0", O_RDWR, 0) == 0);
	EXPECT_EQ(vfs_lseek(&file, (int64_t)free_area() + 700, SEEK_SET), free_area() + 700);
	EXPECT_EQ(vfs_write(&file, "by name", 7), 7);
	EXPECT_EQ(vfs_lseek(&file, 0, SEEK_CUR), free_area() + 707);
	REQUIRE(vfs_open(&other, "ide0", O_RDONLY, 0) == 0);
	EXPECT(other.inode == file.inode);
	EXPECT_EQ(vfs_lseek(&other, (int64_t)free_area() + 700, SEEK_SET), free_area() + 700);
	EXPECT_EQ(vfs_read(&other, bytes, 7), 7);
	EXPECT(strcmp(bytes, "by name") == 0);
	EXPECT_EQ(vfs_fsync(&file), 0);
	vfs_fstat(&file, &stat);
	EXPECT_EQ(stat.size_bytes, (uint64_t)disk.nr_sectors * BLK_SECTOR);
	EXPECT_EQ(stat.mode & S_IFMT, S_IFBLK);
}

KTEST(vfs, what_cannot_be_done_is_refused_as_linux_refuses_it, "R2")
{
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	FILE(file);
	struct vfs_entry entry;
	char bytes[4];

	NEEDS_DISK();
	EXPECT_EQ(vfs_open(&file, "ide9", O_RDONLY, 0), -ENOENT);
	EXPECT_EQ(vfs_open(&file, "", O_RDONLY, 0), -ENOENT);
	EXPECT_EQ(vfs_open(&file, "ide0", O_ACCMODE, 0), -EINVAL);
	EXPECT_EQ(vfs_open(&file, "ide0", O_DIRECTORY, 0), -ENOTDIR);
	REQUIRE(vfs_open(&file, "ide0", O_RDONLY, 0) == 0);
	EXPECT_EQ(vfs_write(&file, "no", 2), -EBADF);
	EXPECT_EQ(vfs_readdir(&file, &entry), -ENOTDIR);
	EXPECT_EQ(vfs_lseek(&file, -1, SEEK_SET), -EINVAL);
	EXPECT_EQ(vfs_lseek(&file, 1, 7), -EINVAL);
	EXPECT(vfs_lseek(&file, 0, SEEK_END) > 0);
	EXPECT_EQ(vfs_read(&file, bytes, 4), 0);
	EXPECT_EQ(vfs_lseek(&file, INT64_MAX, SEEK_CUR), -EOVERFLOW);
	vfs_close(&file);
	REQUIRE(vfs_open(&file, "ide0", O_WRONLY, 0) == 0);
	EXPECT_EQ(vfs_read(&file, bytes, 4), -EBADF);
	EXPECT(vfs_lseek(&file, 0, SEEK_END) > 0);
	EXPECT_EQ(vfs_write(&file, "no", 2), -ENOSPC);
	EXPECT_EQ(vfs_ftruncate(&file, 0), -EINVAL);
}

KTEST(vfs, an_error_of_writing_is_told_once_to_each_who_has_it_open, "R7 PGC-11")
{
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	FILE(a);
	FILE(b);
	FILE(late);

	NEEDS_DISK();
	REQUIRE(vfs_open(&a, "ide0", O_RDWR, 0) == 0 && vfs_open(&b, "ide0", O_RDONLY, 0) == 0);
	EXPECT(vfs_lseek(&a, (int64_t)free_area(), SEEK_SET) > 0);
	EXPECT_EQ(vfs_write(&a, "told", 4), 4);
	blk_fault_set(disk.dev, BLK_FAULT_ERROR, 1);
	EXPECT_EQ(vfs_fsync(&a), -EIO);
	REQUIRE(vfs_open(&late, "ide0", O_RDONLY, 0) == 0);
	EXPECT_EQ(vfs_fsync(&a), 0);
	EXPECT_EQ(vfs_fsync(&b), -EIO);
	EXPECT_EQ(vfs_fsync(&b), 0);
	EXPECT_EQ(vfs_fsync(&late), 0);
}

/* Two sectors of a page are written, and a third next to them, changed on the disk alone, is left as it is. */
KTEST(vfs, sectors_of_a_disk_that_nobody_wrote_are_not_written, "R2")
{
	char *sector = NULL;
	ENDS_WITH(fill_reserve) int unused_ = 0;
	FILE(file);
	uint32_t first;

	NEEDS_DISK();
	sector = kzalloc(BLK_SECTOR, GFP_KERNEL);
	REQUIRE(sector);
	first = (disk.host_end + 7) & ~7u;
	REQUIRE(vfs_open(&file, "ide0", O_RDWR, 0) == 0);
	EXPECT(vfs_lseek(&file, (int64_t)first * BLK_SECTOR, SEEK_SET) > 0);
	EXPECT_EQ(vfs_write(&file, "first", 5), 5);
	EXPECT(vfs_lseek(&file, (int64_t)(first + 2) * BLK_SECTOR, SEEK_SET) > 0);
	EXPECT_EQ(vfs_write(&file, "third", 5), 5);
	memcpy(sector, "second", 6);
	EXPECT_EQ(test_disk_io(disk.dev, BLK_WRITE, first + 1, sector, 1), 0);
	EXPECT_EQ(vfs_fsync(&file), 0);
	for (uint32_t i = 0; i < 3; i++) {
		static const char *const words[] = {"first", "second", "third"};

		EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, first + i, sector, 1), 0);
		EXPECT(memcmp(sector, words[i], 5) == 0);
	}
	kfree(sector);
}

KTEST(vfs, a_sync_of_all_writes_a_disk_that_is_open_as_a_file, "R2 R7")
{
	PAGES_COME_BACK();
	ENDS_WITH(fill_reserve) int unused_ = 0;
	FILE(file);
	char *sector = kzalloc(BLK_SECTOR, GFP_KERNEL);

	if (!sector || !test_disk_open(&disk, "ide0")) {
		kfree(sector);
		SKIP("no disk for tests is ide0");
	}
	EXPECT_EQ(vfs_open(&file, "ide0", O_RDWR, 0), 0);
	EXPECT(vfs_lseek(&file, (int64_t)disk.host_end * BLK_SECTOR, SEEK_SET) > 0);
	EXPECT_EQ(vfs_write(&file, "synced", 6), 6);
	EXPECT_EQ(vfs_sync(), 0);
	EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, disk.host_end, sector, 1), 0);
	EXPECT(memcmp(sector, "synced", 6) == 0);
	EXPECT_EQ(vfs_write(&file, "lost", 4), 4);
	blk_fault_set(disk.dev, BLK_FAULT_ERROR, 1);
	EXPECT_EQ(vfs_sync(), -EIO);
	EXPECT_EQ(vfs_sync(), 0); /* told once, and written now */
	EXPECT_EQ(vfs_fsync(&file), -EIO);
	kfree(sector);
}

static void enter_twice(void *unused)
{
	(void)unused;
	vfs_enter();
	vfs_enter();
}

KTEST(vfs, a_thread_that_enters_a_file_system_twice_is_a_bug, "G5 PGC-07")
{
	struct trap_info info;

	EXPECT(trap_expect(enter_twice, NULL, &info));
	EXPECT_EQ(info.vector, TRAP_PANIC);
	EXPECT(info.panic_text && strstr(info.panic_text, "enters a file system while it is inside one"));
	EXPECT(vfs_is_inside());
	vfs_leave();
	EXPECT(!vfs_is_inside());
}
