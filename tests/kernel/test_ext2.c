/* SPDX-License-Identifier: MIT */
/* ext2 on an image that the host made, and looks at afterwards: with e2fsck, and with debugfs for files whose sums are printed
 * here. Guest only. */
#include <drivers/fs/ext2.h>

#include <kernel/core/thread.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <mm/cache/mapping.h>
#include <mm/reclaim/above.h>
#include <mm/report/fault.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/ext2.h>
#include <tests/kernel/ext2_model.h>
#include <tests/kernel/test_util.h>

#define RANDOM_STEPS 1500u
#define SEED	     20261128u

static char *bytes;

KTEST(ext2, what_the_host_wrote_is_read, "R2 EXT-02")
{
	BORROW_MANY(bytes, PAGE_SIZE);
	EXT2(fs);
	FILE(file);
	char text[32] = {0};

	NEEDS_EXT2(fs);
	REQUIRE(vfs_open(&file, "/made/pattern", O_RDONLY, 0) == 0);
	for (uint32_t s = 1; s <= 700; s++)
		if (vfs_read(&file, bytes, BLK_SECTOR) != BLK_SECTOR || !test_disk_is(bytes, s, 'H')) {
			ktest_note("sector %u of /made/pattern is not what the host wrote", s);
			EXPECT(false);
			break;
		}
	EXPECT_EQ(vfs_read(&file, bytes, 1), 0);
	vfs_close(&file);
	EXPECT_EQ(vfs_readlink("/link", text, sizeof(text)), 12);
	EXPECT(strcmp(text, "made/pattern") == 0);
	REQUIRE(vfs_open(&file, "/link", O_RDONLY, 0) == 0);
	EXPECT_EQ(vfs_read(&file, bytes, BLK_SECTOR), BLK_SECTOR);
	EXPECT(test_disk_is(bytes, 1, 'H'));
	vfs_close(&file);
	EXPECT_EQ(vfs_open(&file, "/made/by/the/host/not", O_RDONLY, 0), -ENOENT);
	EXPECT_EQ(vfs_open(&file, "/made/pattern/", O_RDONLY, 0), -ENOTDIR);
	EXPECT_EQ(vfs_open(&file, "/made/by/../by/./the/host", O_RDONLY | O_DIRECTORY, 0), 0);
}

KTEST(ext2, a_file_is_made_written_and_read_after_another_mount, "R2 EXT-01")
{
	BORROW_MANY(bytes, PAGE_SIZE);
	EXT2(fs);
	FILE(file);

	NEEDS_EXT2(fs);
	REQUIRE(vfs_open(&file, "/new", O_RDWR | O_CREAT | O_EXCL, 0644) == 0);
	for (uint32_t s = 0; s < 300; s++) {
		test_disk_fill(bytes, s, 'G');
		EXPECT_EQ(vfs_write(&file, bytes, BLK_SECTOR), BLK_SECTOR);
	}
	EXPECT_EQ(vfs_fsync(&file), 0);
	vfs_close(&file);
	EXPECT_EQ(ext2_remount(&fs), 0);
	REQUIRE(vfs_open(&file, "/new", O_RDWR, 0) == 0);
	for (uint32_t s = 0; s < 300; s++)
		if (vfs_read(&file, bytes, BLK_SECTOR) != BLK_SECTOR || !test_disk_is(bytes, s, 'G')) {
			ktest_note("sector %u of /new is not what was written", s);
			EXPECT(false);
			break;
		}
	vfs_close(&file);
	ext2_print_sum("/new");
}

KTEST(ext2, names_come_and_go, "R2 EXT-01 EXT-08")
{
	EXT2(fs);
	FILE(file);
	struct vfs_stat stat;

	NEEDS_EXT2(fs);
	EXPECT_EQ(vfs_mkdir("/names", 0755), 0);
	EXPECT_EQ(vfs_mkdir("/names", 0755), -EEXIST);
	EXPECT_EQ(vfs_mkdir("/names/e", 0755), 0);
	EXPECT_EQ(vfs_stat("/names", &stat), 0);
	EXPECT_EQ(stat.nr_links, 3);
	REQUIRE(vfs_open(&file, "/names/e/f", O_RDWR | O_CREAT, 0644) == 0);
	EXPECT_EQ(vfs_write(&file, "text", 4), 4);
	EXPECT_EQ(vfs_link("/names/e/f", "/names/g"), 0);
	vfs_fstat(&file, &stat);
	EXPECT_EQ(stat.nr_links, 2);
	vfs_close(&file);
	EXPECT_EQ(vfs_rename("/names/e/f", "/h"), 0);
	EXPECT_EQ(vfs_stat("/names/e/f", &stat), -ENOENT);
	EXPECT_EQ(vfs_unlink("/names/g"), 0);
	EXPECT_EQ(vfs_rmdir("/names"), -ENOTEMPTY);
	EXPECT_EQ(vfs_unlink("/names"), -EISDIR);
	EXPECT_EQ(vfs_rmdir("/h"), -ENOTDIR);
	EXPECT_EQ(vfs_rename("/names/e", "/names/another"), 0);
	EXPECT_EQ(vfs_rename("/names", "/names/another/d"), -EINVAL);
	EXPECT_EQ(vfs_rmdir("/names/another"), 0);
	EXPECT_EQ(vfs_rmdir("/names"), 0);
	EXPECT_EQ(vfs_symlink("h", "/s"), 0);
	EXPECT_EQ(vfs_symlink("/made/by/the/host/and/this/is/a/long/text/that/the/inode/has/no/room/for",
			      "/long"),
		  0);
	EXPECT_EQ(vfs_open(&file, "/long", O_RDONLY, 0), -ENOENT);
	EXPECT_EQ(vfs_symlink("/loop", "/loop"), 0);
	EXPECT_EQ(vfs_open(&file, "/loop", O_RDONLY, 0), -ELOOP);
}

/* --- large directories --- */

static uint32_t number_of(const char *path)
{
	struct vfs_stat stat = {0};

	EXPECT_EQ(vfs_stat(path, &stat), 0);
	return stat.number;
}

static uint32_t links_of(const char *path)
{
	struct vfs_stat stat = {0};

	EXPECT_EQ(vfs_stat(path, &stat), 0);
	return stat.nr_links;
}

#define NR_MANY	  400u /* symbolic links, that the host made */
#define NR_LARGE  3000u
#define LONG_PATH 96u

static unsigned int nr_entries(const char *path)
{
	struct vfs_entry *entry = kmalloc(sizeof(*entry), GFP_KERNEL);
	FILE(dir);
	unsigned int nr = 0;

	EXPECT_EQ(vfs_open(&dir, path, O_RDONLY | O_DIRECTORY, 0), 0);
	while (entry && dir.inode && vfs_readdir(&dir, entry) == 1)
		nr++;
	kfree(entry);
	return nr;
}

static void many_path(unsigned int n, char path[LONG_PATH])
{
	(void)scnprintf(path, LONG_PATH, "/made/many/one-of-those-that-a-tree-of-hashes-finds-%03u", n);
}

/* With dir_index the host has made a tree over it; run-guest looks that it did. e2fsck looks at what is left. */
KTEST(ext2, a_directory_with_a_tree_of_hashes_is_read_and_changed, "R2 EXT-02 EXT-08")
{
	EXT2(fs);
	char path[LONG_PATH];
	struct vfs_stat stat;

	NEEDS_EXT2(fs);
	if (vfs_stat("/made/many", &stat))
		SKIP("the image is too small for a large directory");
	EXPECT_EQ(nr_entries("/made/many"), NR_MANY + 2);
	for (unsigned int n = 0; n < NR_MANY; n++) {
		many_path(n, path);
		EXPECT_EQ(vfs_stat(path, &stat), 0);
	}
	many_path(7, path);
	EXPECT_EQ(vfs_unlink(path), 0); /* the tree stays as it is */
	EXPECT_EQ(ext2_remount(&fs), 0);
	many_path(NR_MANY, path);
	EXPECT_EQ(vfs_symlink("x", path), 0); /* no name is added to a tree: it goes */
	EXPECT_EQ(vfs_stat(path, &stat), 0);
	EXPECT_EQ(vfs_unlink(path), 0);
	many_path(7, path);
	EXPECT_EQ(vfs_symlink("x", path), 0);
	EXPECT_EQ(nr_entries("/made/many"), NR_MANY + 2);
}

KTEST(ext2, a_directory_of_thousands_of_names_comes_and_goes, "R2 EXT-08")
{
	EXT2(fs);
	FILE(file);
	char path[LONG_PATH];
	unsigned int nr;

	NEEDS_EXT2(fs);
	EXPECT_EQ(vfs_mkdir("/large", 0755), 0);
	REQUIRE(vfs_open(&file, "/one-of-many", O_RDWR | O_CREAT | O_EXCL, 0644) == 0);
	vfs_close(&file);
	for (nr = 0; nr < NR_LARGE; nr++) { /* of one file: inodes are few */
		(void)scnprintf(path, sizeof(path), "/large/name-%u", nr);
		EXPECT_EQ(vfs_link("/one-of-many", path), 0);
	}
	EXPECT_EQ(nr_entries("/large"), NR_LARGE + 2);
	EXPECT_EQ(links_of("/one-of-many"), NR_LARGE + 1);
	EXPECT_EQ(vfs_rename("/large/name-2999", "/large/name-3000"), 0);
	EXPECT_EQ(vfs_link("/one-of-many", "/large/name-17"), -EEXIST);
	EXPECT_EQ(vfs_rmdir("/large"), -ENOTEMPTY);
	EXPECT_EQ(ext2_remount(&fs), 0);
	EXPECT_EQ(nr_entries("/large"), NR_LARGE + 2);
	for (nr = 0; nr < NR_LARGE; nr++) {
		(void)scnprintf(path, sizeof(path), "/large/name-%u", nr == 2999 ? 3000 : nr);
		EXPECT_EQ(vfs_unlink(path), 0);
	}
	EXPECT_EQ(links_of("/one-of-many"), 1);
	EXPECT_EQ(vfs_rmdir("/large"), 0);
	EXPECT_EQ(vfs_unlink("/one-of-many"), 0);
}

/* --- directories that move --- */

static void make_file(const char *path, const char *text)
{
	FILE(file);

	EXPECT_EQ(vfs_open(&file, path, O_WRONLY | O_CREAT | O_EXCL, 0644), 0);
	if (file.inode)
		EXPECT_EQ(vfs_write(&file, text, strlen(text)), strlen(text));
}

KTEST(ext2, a_directory_moves_into_another_with_all_that_is_in_it, "R2 EXT-01 EXT-08")
{
	EXT2(fs);
	FILE(file);
	char text[8] = {0};
	uint32_t inner;

	NEEDS_EXT2(fs);
	EXPECT_EQ(vfs_mkdir("/from", 0755), 0);
	EXPECT_EQ(vfs_mkdir("/from/a", 0755), 0);
	EXPECT_EQ(vfs_mkdir("/from/a/b", 0755), 0);
	EXPECT_EQ(vfs_mkdir("/from/a/empty", 0755), 0);
	EXPECT_EQ(vfs_mkdir("/to", 0755), 0);
	EXPECT_EQ(vfs_mkdir("/to/there", 0755), 0);
	make_file("/from/a/b/f", "moved");
	EXPECT_EQ(vfs_link("/from/a/b/f", "/from/a/g"), 0);
	inner = number_of("/from/a/b/f");
	EXPECT_EQ(vfs_rename("/from/a", "/from/a/b/c"), -EINVAL);
	EXPECT_EQ(vfs_rename("/from", "/from/a/b/c"), -EINVAL);
	EXPECT_EQ(vfs_rename("/from/a/b", "/from"), -ENOTEMPTY);
	EXPECT_EQ(vfs_rename("/from/a", "/to/there"), 0);
	EXPECT_EQ(vfs_open(&file, "/from/a", O_RDONLY, 0), -ENOENT);
	EXPECT_EQ(number_of("/to/there/b/f"), inner);
	EXPECT_EQ(number_of("/to/there/g"), inner);
	EXPECT_EQ(links_of("/to/there/g"), 2);
	EXPECT_EQ(number_of("/to/there/.."), number_of("/to"));
	EXPECT_EQ(number_of("/to/there/b/.."), number_of("/to/there"));
	EXPECT_EQ(links_of("/to"), 3);
	EXPECT_EQ(links_of("/to/there"), 4);
	EXPECT_EQ(links_of("/from"), 2);
	EXPECT_EQ(ext2_remount(&fs), 0);
	REQUIRE(vfs_open(&file, "/to/there/b/f", O_RDONLY, 0) == 0);
	EXPECT_EQ(vfs_read(&file, text, sizeof(text)), 5);
	EXPECT(strcmp(text, "moved") == 0);
	vfs_close(&file);
	EXPECT_EQ(vfs_rename("/to/there", "/from/back"), 0);
	EXPECT_EQ(vfs_rmdir("/to"), 0);
	EXPECT_EQ(number_of("/from/back/b/f"), inner);
}

#define NR_MOVED 24u

static void moved_path(unsigned int n, const char *where, char path[40])
{
	(void)scnprintf(path, 40, "%s/%s%u", where, n % 2 ? "e/" : "", n);
}

static unsigned int nr_there(const char *where)
{
	struct vfs_stat stat;
	unsigned int nr = 0;
	char path[40];

	for (unsigned int n = 0; n < NR_MOVED; n++) {
		moved_path(n, where, path);
		nr += vfs_stat(path, &stat) == 0;
	}
	return nr;
}

/* /half/d, with a directory and so many files in it, is to move into /other-half. */
static void half_make(unsigned int nr_files)
{
	char path[40];

	EXPECT_EQ(vfs_mkdir("/half", 0755), 0);
	EXPECT_EQ(vfs_mkdir("/half/d", 0755), 0);
	EXPECT_EQ(vfs_mkdir("/half/d/e", 0755), 0);
	EXPECT_EQ(vfs_mkdir("/other-half", 0755), 0);
	for (unsigned int n = 0; n < nr_files; n++) {
		moved_path(n, "/half/d", path);
		make_file(path, path);
	}
}

static void half_remove(unsigned int nr_files)
{
	char path[40];

	for (unsigned int n = 0; n < nr_files; n++) {
		moved_path(n, "/half/d", path);
		EXPECT_EQ(vfs_unlink(path), 0);
	}
	EXPECT_EQ(vfs_rmdir("/half/d/e"), 0);
	EXPECT_EQ(vfs_rmdir("/half/d"), 0);
	EXPECT_EQ(vfs_rmdir("/other-half"), 0);
	EXPECT_EQ(vfs_rmdir("/half"), 0);
}

/* While something fails that was set to. Result: as vfs_rename(). */
static int half_move(struct blk_device *dev)
{
	int error = vfs_rename("/half/d", "/other-half/d");

	(void)fault_set_nth(0);
	blk_fault_set(dev, BLK_FAULT_NONE, 0);
	return error;
}

/* There and back. Result: did it fail? */
static bool move_and_expect_all(struct blk_device *dev, int wanted)
{
	int error = half_move(dev), left;

	if (!error)
		EXPECT_EQ(vfs_rename("/other-half/d", "/half/d"), 0);
	else
		EXPECT_EQ(error, wanted);
	left = vfs_rmdir("/other-half/d"); /* the disk may have taken its name alone */
	EXPECT(left == -ENOENT || left == 0);
	EXPECT_EQ(nr_there("/half/d"), NR_MOVED);
	return error;
}

KTEST(ext2, a_move_that_fails_half_way_is_taken_back, "R7 EXT-03")
{
	EXT2(fs);
	unsigned int nr_failed = 0;

	NEEDS_EXT2(fs);
	half_make(NR_MOVED);
	expect_reports();
	for (unsigned int n = 1; n < 12; n++) {
		(void)fault_set_nth(n);
		nr_failed += move_and_expect_all(fs.dev, -ENOMEM);
	}
	for (unsigned int n = 1; n < 200; n += 9) {
		blk_fault_set(fs.dev, BLK_FAULT_ERROR, n);
		nr_failed += move_and_expect_all(fs.dev, -EIO);
	}
	ktest_note("%u moves failed", nr_failed);
	EXPECT(nr_failed > 1);
	half_remove(NR_MOVED);
}

/* Into an empty directory that is there. Result: did it fail? */
static bool move_onto_and_expect_all(struct blk_device *dev, int wanted)
{
	int error = half_move(dev);
	struct vfs_stat stat;

	EXPECT_EQ(vfs_stat("/other-half/d", &stat), 0);
	EXPECT_EQ(stat.mode, S_IFDIR | (error ? 0700u : 0755u));
	if (!error) {
		EXPECT_EQ(vfs_rename("/other-half/d", "/half/d"), 0);
		EXPECT_EQ(vfs_mkdir("/other-half/d", 0700), 0);
	} else {
		EXPECT_EQ(error, wanted);
	}
	EXPECT_EQ(nr_there("/half/d"), 2);
	return error;
}

KTEST(ext2, a_move_that_fails_leaves_the_empty_directory_that_it_was_to_replace, "R7 EXT-03")
{
	EXT2(fs);
	unsigned int nr_failed = 0;

	NEEDS_EXT2(fs);
	half_make(2);
	EXPECT_EQ(vfs_mkdir("/other-half/d", 0700), 0);
	expect_reports();
	for (unsigned int n = 1; n < 12; n++) {
		(void)fault_set_nth(n);
		nr_failed += move_onto_and_expect_all(fs.dev, -ENOMEM);
	}
	for (unsigned int n = 1; n < 30; n++) {
		EXPECT_EQ(ext2_remount(&fs), 0);
		blk_fault_set(fs.dev, BLK_FAULT_ERROR, n);
		nr_failed += move_onto_and_expect_all(fs.dev, -EIO);
	}
	EXPECT(nr_failed > 1);
	EXPECT_EQ(vfs_rmdir("/other-half/d"), 0);
	half_remove(2);
}

#define DEPTH 60u

static void append(const char *text)
{
	size_t len = strlen(bytes);

	(void)scnprintf(bytes + len, PAGE_SIZE - len, "%s", text);
}

/* Deeper than a stack would be. */
KTEST(ext2, a_tree_of_any_depth_moves, "R2 EXT-08")
{
	BORROW_MANY(bytes, PAGE_SIZE);
	EXT2(fs);

	NEEDS_EXT2(fs);
	bytes[0] = '\0';
	append("/deep");
	EXPECT_EQ(vfs_mkdir(bytes, 0755), 0);
	for (unsigned int i = 0; i < DEPTH; i++) {
		append("/d");
		EXPECT_EQ(vfs_mkdir(bytes, 0755), 0);
	}
	EXPECT_EQ(vfs_mkdir("/target", 0755), 0);
	EXPECT_EQ(vfs_rename("/deep", "/target/deep"), 0);
	bytes[0] = '\0';
	append("/target/deep");
	for (unsigned int i = 0; i < DEPTH; i++)
		append("/d");
	for (unsigned int i = 0; i < DEPTH; i++) {
		EXPECT_EQ(vfs_rmdir(bytes), 0);
		bytes[strlen(bytes) - 2] = '\0';
	}
	EXPECT_EQ(vfs_rmdir("/target/deep"), 0);
	EXPECT_EQ(vfs_rmdir("/target"), 0);
}

/* --- random programs --- */

static struct model *models;

static void expect_model(struct model *model, unsigned int nr_steps)
{
	for (unsigned int i = 0; i < nr_steps && !model->wrong; i++)
		model_step(model);
	model_compare(model);
}

static void end_model(struct model *model)
{
	if (model->wrong)
		ktest_note("%s, %s", model->root, model->wrong);
	EXPECT(!model->wrong);
	model_end(model);
}

KTEST(ext2, random_programs_of_all_calls_agree_with_a_model, "R2 EXT-01 EXT-03")
{
	BORROW(models);
	EXT2(fs);

	NEEDS_EXT2(fs);
	REQUIRE(model_begin(models, "/one", SEED));
	for (unsigned int round = 0; round < 3 && !models->wrong; round++) {
		expect_model(models, RANDOM_STEPS / 3);
		EXPECT_EQ(ext2_remount(&fs), 0);
		model_compare(models);
	}
	end_model(models);
}
