/* SPDX-License-Identifier: MIT */
/* Damaged images: bytes of a small one are changed, from a superblock to the texts of links; it is mounted and used. One line, no
 * crash, no loop; the image is put back each time. The disk has the label ashlar-fuzz. Guest only. */
#include <kernel/core/blkdev.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/ext2.h>

#define SEED	   7u
#define ROUNDS	   80u
#define NR_CHANGES 12u
#define MAX_IMAGE  (1u << 20)
#define MAX_DEPTH  3u

static struct blk_device *dev;
static char *image, *chunk;
static struct random fuzz;

static bool move_image(enum blk_op op)
{
	bool ok = true;

	for (uint32_t s = 0; s + 8 <= dev->nr_sectors && ok; s += 8) {
		if (op == BLK_WRITE)
			memcpy(chunk, image + s * BLK_SECTOR, PAGE_SIZE);
		ok = test_disk_io(dev, op, s, chunk, 8) == 0;
		if (op == BLK_READ)
			memcpy(image + s * BLK_SECTOR, chunk, PAGE_SIZE);
	}
	return ok;
}

/* A byte of the superblock, of what describes groups, or of anything that the image uses. */
static void change_byte(void)
{
	static const uint32_t ends[] = {2048, 4096, 16u << 10, 64u << 10, MAX_IMAGE / 2};
	uint32_t end = ends[random_below(&fuzz, ARRAY_SIZE(ends))], at, sector;

	do
		at = 1024 + random_below(&fuzz, end - 1024);
	while (!image[at] && random_below(&fuzz, 20)); /* rather one that says something */
	sector = at / BLK_SECTOR;
	EXPECT_EQ(test_disk_io(dev, BLK_READ, sector, chunk, 1), 0);
	chunk[at % BLK_SECTOR] = (char)random_next(&fuzz);
	EXPECT_EQ(test_disk_io(dev, BLK_WRITE, sector, chunk, 1), 0);
}

static void use_file(const char *path)
{
	struct file file;

	if (vfs_open(&file, path, O_RDWR, 0) && vfs_open(&file, path, O_RDONLY, 0))
		return;
	for (unsigned int i = 0; i < 32 && vfs_read(&file, chunk, PAGE_SIZE) > 0; i++)
		;
	(void)vfs_lseek(&file, 3000, SEEK_SET);
	may_fail(vfs_write(&file, "changed", 7));
	may_fail(vfs_ftruncate(&file, 1500));
	vfs_close(&file);
}

/* All that is in it, so deep. */
static void walk(const char *path, unsigned int depth)
{
	struct vfs_entry *entry = kmalloc(sizeof(*entry), GFP_KERNEL);
	char *below = kmalloc(VFS_PATH_MAX, GFP_KERNEL);
	struct vfs_stat stat;
	struct file dir;

	if (!entry || !below || vfs_open(&dir, path, O_RDONLY | O_DIRECTORY, 0))
		goto out;
	for (unsigned int i = 0; i < 200 && vfs_readdir(&dir, entry) > 0; i++) {
		if (entry->name[0] == '.')
			continue;
		(void)scnprintf(below, VFS_PATH_MAX, "%s/%s", path, entry->name);
		if (vfs_stat(below, &stat) == 0 && (stat.mode & S_IFMT) == S_IFREG)
			use_file(below);
		else if (depth)
			walk(below, depth - 1);
	}
	vfs_close(&dir);
out:
	kfree(entry);
	kfree(below);
}

static void use_all(void)
{
	struct file file;

	walk("/", MAX_DEPTH);
	may_fail(vfs_mkdir("/new-dir", 0755));
	if (vfs_open(&file, "/new-dir/file", O_RDWR | O_CREAT, 0644) == 0) {
		may_fail(vfs_write(&file, image, 20000));
		vfs_close(&file);
	}
	may_fail(vfs_rename("/new-dir/file", "/file"));
	may_fail(vfs_unlink("/made/pattern"));
	may_fail(vfs_rmdir("/made/by/the/host"));
	(void)vfs_sync();
}

static bool open_fuzz_image(void)
{
	dev = ext2_image_find("ashlar-fuzz");
	return dev && dev->nr_sectors * BLK_SECTOR <= MAX_IMAGE && !vfs_mount_at(0);
}

/* As it is on the disk, to be put back there. */
static bool copy_image(void)
{
	image = kvmalloc(MAX_IMAGE, GFP_KERNEL);
	return image && move_image(BLK_READ);
}

KTEST(ext2_damage, a_damaged_image_costs_a_line_and_nothing_else, "R7 EXT-04")
{
	BORROW_MANY(chunk, PAGE_SIZE);
	unsigned int nr_mounted = 0, nr_silent = 0;

	if (!open_fuzz_image())
		SKIP("no small disk has the label ashlar-fuzz");
	REQUIRE(copy_image());
	fuzz.state = SEED;
	expect_reports();
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int before = reports_count(), nr;

		for (unsigned int i = 0; i < NR_CHANGES; i++)
			change_byte();
		if (vfs_mount(dev->name, "/", false) == 0) {
			nr_mounted++;
			use_all();
			EXPECT_EQ(vfs_unmount("/"), 0);
		}
		nr = reports_count() - before;
		nr_silent += nr == 0;
		EXPECT(nr <= 2); /* one of what is wrong; one that it was not unmounted */
		REQUIRE(move_image(BLK_WRITE));
	}
	ktest_note("%u of %u could be mounted, %u said nothing", nr_mounted, ROUNDS, nr_silent);
	EXPECT(nr_mounted > ROUNDS / 8 && nr_silent < ROUNDS / 4 * 3);
	kvfree(image);
}

/* --- field by field --- */

#define SUPER_AT      1024u
#define SUPER_BYTES   264u /* behind them nothing is known to us */
#define DESC_BYTES    32u
#define RAW_BYTES     128u
#define BLOCKS_AT     40u /* in an inode */
#define INDIRECT_AT   88u
#define INODE_SIZE_AT 88u /* in the superblock */

struct fields {
	unsigned int nr_values, stride; /* every stride-th word */
	unsigned int nr_seen, nr_tried, nr_mounted, nr_silent;
};

static uint32_t image_word(uint32_t at)
{
	uint32_t word;

	memcpy(&word, image + at, sizeof(word));
	return word;
}

static void write_word(uint32_t at, uint32_t word)
{
	uint32_t sector = at / BLK_SECTOR;

	memcpy(chunk, image + sector * BLK_SECTOR, BLK_SECTOR);
	memcpy(chunk + at % BLK_SECTOR, &word, sizeof(word));
	EXPECT_EQ(test_disk_io(dev, BLK_WRITE, sector, chunk, 1), 0);
}

/* The image is as it was afterwards. */
static void try_word(struct fields *fields, uint32_t at, uint32_t word)
{
	unsigned int before = reports_count(), nr;
	bool is_mounted;

	write_word(at, word);
	is_mounted = vfs_mount(dev->name, "/", false) == 0;
	if (is_mounted) {
		use_all();
		EXPECT_EQ(vfs_unmount("/"), 0);
		EXPECT(move_image(BLK_WRITE));
	} else {
		write_word(at, image_word(at));
	}
	nr = reports_count() - before;
	if (nr > 2 || (!nr && !is_mounted))
		ktest_note("word at %u: 0x%08x where 0x%08x was: %u lines", at, word, image_word(at), nr);
	EXPECT(nr <= 2 && (nr || is_mounted)); /* one of what is wrong; one that it was not unmounted */
	fields->nr_tried++;
	fields->nr_mounted += is_mounted;
	fields->nr_silent += nr == 0;
}

static void try_words(struct fields *fields, uint32_t from, uint32_t nr_bytes)
{
	for (uint32_t at = from; at < from + nr_bytes; at += 4) {
		const uint32_t is = image_word(at),
			       values[] = {~0u, 0, is ^ 1u << random_below(&fuzz, 32), is + 1};

		if (fields->nr_seen++ % fields->stride)
			continue;
		for (unsigned int i = 0; i < fields->nr_values; i++)
			if (values[i] != is)
				try_word(fields, at, values[i]);
	}
}

static uint32_t number_at(const char *path)
{
	struct vfs_stat stat = {0};

	EXPECT_EQ(vfs_stat(path, &stat), 0);
	return stat.number;
}

/* Superblock, descriptor, bitmaps, inodes of a directory and of a file, entries, pointers. */
static void try_all_fields(struct fields *fields)
{
	uint32_t block_bytes = 1024u << image_word(SUPER_AT + 24);
	uint32_t desc_at = (image_word(SUPER_AT + 20) + 1) * block_bytes;
	uint32_t table_at = image_word(desc_at + 8) * block_bytes;
	uint32_t inode_bytes = image_word(SUPER_AT + INODE_SIZE_AT) & 0xffff, dir, file;

	REQUIRE(vfs_mount(dev->name, "/", true) == 0);
	dir = table_at + (number_at("/made") - 1) * inode_bytes;
	file = table_at + (number_at("/made/pattern") - 1) * inode_bytes;
	EXPECT_EQ(vfs_unmount("/"), 0);
	try_words(fields, SUPER_AT, SUPER_BYTES);
	try_words(fields, desc_at, DESC_BYTES);
	try_words(fields, image_word(desc_at) * block_bytes, 8);
	try_words(fields, image_word(desc_at + 4) * block_bytes, 8);
	try_words(fields, table_at + inode_bytes, RAW_BYTES); /* the root's */
	try_words(fields, dir, RAW_BYTES);
	try_words(fields, file, RAW_BYTES);
	try_words(fields, image_word(dir + BLOCKS_AT) * block_bytes, 48);
	try_words(fields, image_word(file + INDIRECT_AT) * block_bytes, 16);
}

static void damage_each_field(unsigned int nr_values, unsigned int stride)
{
	struct fields fields = {.nr_values = nr_values, .stride = stride};

	REQUIRE(copy_image());
	fuzz.state = SEED;
	expect_reports();
	try_all_fields(&fields);
	ktest_note("%u words changed: %u could be mounted, %u said nothing", fields.nr_tried,
		   fields.nr_mounted, fields.nr_silent);
	EXPECT(fields.nr_tried > 30);
	kvfree(image);
}

KTEST(ext2_damage, some_fields_that_are_wrong_cost_a_line_at_most_and_nothing_else, "R7 EXT-04")
{
	BORROW_MANY(chunk, PAGE_SIZE);

	if (!open_fuzz_image())
		SKIP("no small disk has the label ashlar-fuzz");
	damage_each_field(1, 4); /* ext2_fields does all of them */
}

KTEST_BY_NAME(ext2_fields, each_field_with_values_that_are_wrong, "R7 EXT-04")
{
	BORROW_MANY(chunk, PAGE_SIZE);

	if (!open_fuzz_image())
		SKIP("no small disk has the label ashlar-fuzz");
	damage_each_field(4, 1);
}

/* --- features --- */

#define COMPAT_AT 92u /* in the superblock; incompatible, and those for reading, follow */

static void set_feature(unsigned int word, uint32_t bits)
{
	uint32_t *features;

	EXPECT_EQ(test_disk_io(dev, BLK_READ, 2, chunk, 2), 0);
	features = (uint32_t *)(chunk + COMPAT_AT);
	features[word] |= bits;
	EXPECT_EQ(test_disk_io(dev, BLK_WRITE, 2, chunk, 2), 0);
}

KTEST(ext2_damage, unknown_features_refuse_or_are_read_only, "R7 EXT-05")
{
	BORROW_MANY(chunk, PAGE_SIZE);
	struct file file;

	if (!open_fuzz_image())
		SKIP("no small disk has the label ashlar-fuzz");
	REQUIRE(copy_image());
	expect_reports();
	set_feature(1, 0x40);
	EXPECT_EQ(vfs_mount(dev->name, "/", false), -EINVAL);
	EXPECT_ONE_REPORT("feature extents (0x40), expected none but filetype: not mounted");
	REQUIRE(move_image(BLK_WRITE));
	set_feature(2, 0x400);
	EXPECT_EQ(vfs_mount(dev->name, "/", false), 0);
	EXPECT_ONE_REPORT("features 0x400 are not known for writing: mounted read only");
	EXPECT_EQ(vfs_open(&file, "/made/pattern", O_RDWR, 0), -EROFS);
	EXPECT_EQ(vfs_mkdir("/no", 0755), -EROFS);
	EXPECT_EQ(vfs_unlink("/made/pattern"), -EROFS);
	EXPECT_EQ(vfs_open(&file, "/made/pattern", O_RDONLY, 0), 0);
	vfs_close(&file);
	EXPECT_EQ(vfs_unmount("/"), 0);
	REQUIRE(move_image(BLK_WRITE));
	set_feature(1, 4);
	EXPECT_EQ(vfs_mount(dev->name, "/", false), 0);
	EXPECT_ONE_REPORT("its journal was not replayed: mounted read only");
	EXPECT_EQ(vfs_unmount("/"), 0);
	REQUIRE(move_image(BLK_WRITE));
	kvfree(image);
}

#define NR_BLOCKS_AT 4u /* in the superblock */

KTEST(ext2_damage, a_disk_smaller_than_its_image_says_is_not_mounted, "R7 EXT-04")
{
	BORROW_MANY(chunk, PAGE_SIZE);

	if (!open_fuzz_image())
		SKIP("no small disk has the label ashlar-fuzz");
	REQUIRE(copy_image());
	expect_reports();
	EXPECT_EQ(test_disk_io(dev, BLK_READ, 2, chunk, 2), 0);
	*(uint32_t *)(chunk + NR_BLOCKS_AT) =
		(uint32_t)dev->nr_sectors + 1; /* more than blocks of any size */
	EXPECT_EQ(test_disk_io(dev, BLK_WRITE, 2, chunk, 2), 0);
	EXPECT_EQ(vfs_mount(dev->name, "/", false), -EUCLEAN);
	EXPECT_ONE_REPORT("expected as many as the disk has, or fewer");
	REQUIRE(move_image(BLK_WRITE));
	kvfree(image);
}
