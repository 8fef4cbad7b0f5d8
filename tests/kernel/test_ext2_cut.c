/* SPDX-License-Identifier: MIT */
/* A busy run on an ext2 image, for the host to cut the power in (tests/boot/crash). What fsync has confirmed, and what is about to
 * change, is numbered, printed, and noted in the last sector of the disk, behind the file system. Guest only. */
#include <kernel/core/blkdev.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/ext2.h>
#include <tests/kernel/ext2_model.h>

#define STEPS	    400u
#define NR_LONG	    40u /* names that fill several blocks of a directory */
#define PATH_LENGTH 128u

static struct {
	struct blk_device *dev;
	uint32_t number;
} cut;

static uint32_t *sector;
static struct model *model;

/* The number is on the disk when this returns. */
static void mark(void)
{
	sector[0] = cut.number;
	EXPECT_EQ(test_disk_io(cut.dev, BLK_WRITE, (uint32_t)cut.dev->nr_sectors - 1, sector, 1), 0);
	EXPECT_EQ(blk_do(cut.dev, BLK_FLUSH, 0, NULL, 0), 0);
}

static void confirm(const char *path, uint32_t sum)
{
	cut.number++;
	ktest_note("confirmed %u %s %08x", cut.number, path, sum);
	mark();
}

static void revoke(const char *path)
{
	cut.number++;
	ktest_note("revoked %u %s", cut.number, path);
	mark();
}

static bool has_room_for_marks(void)
{
	struct vfs_space space;

	return vfs_space("/", &space) == 0 &&
	       space.nr_blocks * space.block_bytes + BLK_SECTOR <= cut.dev->nr_sectors * BLK_SECTOR;
}

static void long_path(unsigned int n, char path[PATH_LENGTH])
{
	(void)scnprintf(path, PATH_LENGTH,
			"/long/a-name-that-is-as-long-as-this-fills-a-block-of-a-directory-soon-%u", n);
}

/* A directory that grows; every second name goes again. */
static void fill_directory(void)
{
	struct file file;
	char path[PATH_LENGTH];

	EXPECT_EQ(vfs_mkdir("/long", 0755), 0);
	for (unsigned int n = 0; n < NR_LONG; n++) {
		long_path(n, path);
		EXPECT_EQ(vfs_open(&file, path, O_WRONLY | O_CREAT, 0644), 0);
		if (n % 8 == 0)
			EXPECT_EQ(vfs_fsync(&file), 0);
		vfs_close(&file);
	}
	for (unsigned int n = 0; n < NR_LONG; n += 2) {
		long_path(n, path);
		EXPECT_EQ(vfs_unlink(path), 0);
	}
}

static void put_file(const char *path)
{
	FILE(file);

	EXPECT_EQ(vfs_open(&file, path, O_WRONLY | O_CREAT, 0644), 0);
	if (file.inode)
		EXPECT_EQ(vfs_write(&file, path, strlen(path)), strlen(path));
}

static void move_directories(void)
{
	EXPECT_EQ(vfs_mkdir("/old", 0755), 0);
	EXPECT_EQ(vfs_mkdir("/old/below", 0755), 0);
	EXPECT_EQ(vfs_sync(), 0);
	EXPECT_EQ(vfs_rename("/old", "/renamed"), 0);
	EXPECT_EQ(vfs_mkdir("/old", 0755), 0);
	put_file("/old/f");
	EXPECT_EQ(vfs_rename("/old", "/renamed/below"), 0);
	put_file("/renamed/g");
	EXPECT_EQ(vfs_mkdir("/renamed/below/deeper", 0755), 0);
	put_file("/renamed/below/deeper/h");
	EXPECT_EQ(vfs_mkdir("/tree", 0755), 0);
	EXPECT_EQ(vfs_rename("/renamed", "/tree/renamed"), 0);
	EXPECT_EQ(vfs_rename("/tree/renamed", "/renamed"), 0);
	EXPECT_EQ(vfs_unlink("/renamed/below/deeper/h"), 0);
	EXPECT_EQ(vfs_unlink("/renamed/below/f"), 0);
	EXPECT_EQ(vfs_rmdir("/renamed/below/deeper"), 0);
	EXPECT_EQ(vfs_mkdir("/other", 0755), 0);
	EXPECT_EQ(vfs_unlink("/renamed/g"), 0);
	EXPECT_EQ(vfs_rename("/renamed", "/other"), 0);
	EXPECT_EQ(vfs_rmdir("/other/below"), 0);
}

KTEST(ext2_cut, a_busy_run_for_the_host_to_cut_the_power_in, "R7 EXT-07")
{
	BORROW_MANY(sector, BLK_SECTOR / sizeof(*sector));
	BORROW(model);
	EXT2(fs);
	FILE(unlinked);

	NEEDS_EXT2(fs);
	cut.dev = fs.dev;
	if (!has_room_for_marks())
		SKIP("the image has no room for marks behind the file system");
	cut.number = 0;
	REQUIRE(vfs_open(&unlinked, "/unlinked", O_RDWR | O_CREAT, 0600) == 0);
	EXPECT_EQ(vfs_write(&unlinked, "still open", 10), 10);
	EXPECT_EQ(vfs_fsync(&unlinked), 0);
	EXPECT_EQ(vfs_unlink("/unlinked"), 0);
	fill_directory();
	move_directories();
	REQUIRE(model_begin(model, "/m", 20261128u));
	model->confirm = confirm;
	model->revoke = revoke;
	for (unsigned int i = 0; i < STEPS && !model->wrong; i++)
		model_step(model);
	model_compare(model);
	if (model->wrong)
		ktest_note("%s", model->wrong);
	EXPECT(!model->wrong);
	model_end(model);
}
