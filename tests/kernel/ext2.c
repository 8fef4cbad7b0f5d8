/* SPDX-License-Identifier: MIT */
#include <tests/kernel/ext2.h>

#include <kernel/core/blkdev.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <tests/kernel/disk.h>

#define LABEL_AT 120u /* in the superblock */

static bool has_label(struct blk_device *dev, const char *label)
{
	char *super = (char *)get_zeroed_page(GFP_KERNEL);
	bool has = super && dev->nr_sectors >= 8 && test_disk_io(dev, BLK_READ, 0, super, 8) == 0 &&
		   strncmp(super + 1024 + LABEL_AT, label, 16) == 0;

	free_page((unsigned long)super);
	return has;
}

struct blk_device *ext2_image_find(const char *label)
{
	struct blk_device *dev;

	for (unsigned int n = 0; (dev = blk_device_at(n)) != NULL; n++)
		if (dev->name[0] == 'i' && has_label(dev, label))
			return dev;
	return NULL;
}

const char *ext2_image_open(struct ext2_image *image)
{
	struct blk_device *dev = ext2_image_find("ashlar-test");

	if (!dev)
		return "no disk has an ext2 image for tests";
	if (vfs_mount_at(0))
		return "a file system is mounted already";
	if (vfs_mount(dev->name, "/", false))
		return "the image cannot be mounted";
	image->dev = dev;
	return NULL;
}

void ext2_image_close(struct ext2_image *image)
{
	if (image->dev)
		EXPECT_EQ(vfs_unmount("/"), 0);
	image->dev = NULL;
}

int ext2_remount(struct ext2_image *image)
{
	int error = vfs_unmount("/");

	return error ? error : vfs_mount(image->dev->name, "/", false);
}

void ext2_print_sum(const char *path)
{
	char *buffer = (char *)__get_free_page(GFP_KERNEL);
	uint32_t sum = 0x811c9dc5u;
	struct file file;
	long nr;

	if (!buffer || vfs_open(&file, path, O_RDONLY, 0))
		return;
	while ((nr = vfs_read(&file, buffer, PAGE_SIZE)) > 0)
		for (long i = 0; i < nr; i++)
			sum = (sum ^ (uint8_t)buffer[i]) * 0x01000193u;
	vfs_close(&file);
	free_page((unsigned long)buffer);
	ktest_note("%s has %08x", path, sum);
}
