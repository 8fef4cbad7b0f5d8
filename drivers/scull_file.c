/* SPDX-License-Identifier: MIT */
/* scull as a file, "scull": a device of its own, which programs read and write, and which keeps what it has until somebody
 * cuts it. The device's mutex is its own; the inode's is taken before it. */
#include <drivers/scull.h>

#include <kernel/core/err.h>
#include <kernel/core/vfs.h>
#include <linux/init.h>
#include <linux/module.h>

#define QUANTUM 4000u
#define QSET	1000u

static struct {
	struct scull_dev *dev;
	struct inode inode;
	struct vfs_known known;
} scull_file;

static long read_scull(struct inode *inode, struct file *file, uint64_t pos, void *to, size_t size_bytes)
{
	loff_t at = (loff_t)pos;

	(void)inode;
	(void)file;
	return scull_read(scull_file.dev, to, size_bytes, &at);
}

static long write_scull(struct inode *inode, uint64_t pos, const void *from, size_t size_bytes)
{
	loff_t at = (loff_t)pos;

	(void)inode;
	return scull_write(scull_file.dev, from, size_bytes, &at);
}

static int truncate_scull(struct inode *inode, uint64_t size_bytes)
{
	(void)inode;
	if (size_bytes)
		return -EINVAL;
	scull_trim(scull_file.dev);
	return 0;
}

static uint64_t scull_size(struct inode *inode)
{
	struct scull_stat stat;

	(void)inode;
	scull_stat(scull_file.dev, &stat);
	return stat.size_bytes;
}

static void put_scull(struct inode *inode)
{
	atomic_dec(&inode->nr_refs);
}

static const struct inode_ops scull_ops = {
	.read = read_scull,
	.write = write_scull,
	.truncate = truncate_scull,
	.size = scull_size,
	.put = put_scull,
};

static int __init scull_file_init(void)
{
	scull_file.dev = scull_create(QUANTUM, QSET, GFP_KERNEL);
	if (IS_ERR(scull_file.dev))
		return (int)PTR_ERR(scull_file.dev);
	inode_init(&scull_file.inode, &scull_ops, NULL, 1, S_IFCHR | 0666u);
	scull_file.known = (struct vfs_known){.name = "scull", .inode = &scull_file.inode};
	vfs_add_known(&scull_file.known);
	return 0;
}
module_init(scull_file_init);
