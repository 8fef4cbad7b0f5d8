/* SPDX-License-Identifier: MIT */
/* One inode a disk that is open; the last who closes it has it written, and so has whoever syncs all. Lock: disks.mutex for the
 * list and for references that come from it or go. */
#include <drivers/fs/disk.h>

#include <kernel/core/blkdev.h>
#include <kernel/core/err.h>
#include <kernel/core/printk.h>
#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/swap.h>

struct disk {
	struct inode inode;
	struct diskfile file;
	struct blk_device *dev; /* (C) */
	unsigned int seen;	/* disks.mutex; errors of writing that a sync of all has told */
	struct list_head link;
};

static struct {
	struct mutex mutex;
	struct list_head open;
} disks = {.mutex = MUTEX_INIT(disks.mutex), .open = LIST_HEAD_INIT(disks.open)};

static struct disk *disk_of(struct inode *inode)
{
	return container_of(inode, struct disk, inode);
}

struct mapping *disk_mapping(struct inode *inode)
{
	return &disk_of(inode)->file.mapping;
}

static uint64_t disk_size(struct inode *inode)
{
	return mapping_size(disk_mapping(inode));
}

static long disk_read(struct inode *inode, struct file *file, uint64_t pos, void *to, size_t size_bytes)
{
	STATIC_ASSERT(sizeof(struct readahead) <= sizeof(file->cursor), "a reader's place fits its file");
	return pagecache_read(disk_mapping(inode), (struct readahead *)file->cursor, pos, to, size_bytes);
}

static long disk_write(struct inode *inode, uint64_t pos, const void *from, size_t size_bytes)
{
	uint64_t end = disk_size(inode);

	if (pos >= end)
		return size_bytes ? -ENOSPC : 0;
	return pagecache_write(disk_mapping(inode), pos, from, (size_t)MIN((uint64_t)size_bytes, end - pos));
}

static int disk_throttle(struct inode *inode)
{
	return writeback_throttle(disk_mapping(inode));
}

int disk_sync(struct inode *inode, unsigned int *seen)
{
	int error = pagecache_sync(disk_mapping(inode), seen);
	int lost = blk_do(disk_of(inode)->dev, BLK_FLUSH, 0, NULL, 0);

	return error ? error : lost;
}

static unsigned int disk_errors(struct inode *inode)
{
	unsigned int seen = 0;

	(void)mapping_error_since(disk_mapping(inode), &seen);
	return seen;
}

static void disk_stat(struct inode *inode, struct vfs_stat *stat)
{
	stat->disk_bytes = disk_size(inode);
}

static void disk_close(struct disk *disk)
{
	unsigned int seen = disk_errors(&disk->inode);
	int error = disk_sync(&disk->inode, &seen);

	if (error)
		pr_err("%s: closed, but not all of it is written: %s", disk->dev->name, error_text(error));
	diskfile_close(&disk->file);
	list_del(&disk->link);
	kfree(disk);
}

static void disk_put(struct inode *inode)
{
	mutex_lock(&disks.mutex);
	if (atomic_dec_and_test(&inode->nr_refs))
		disk_close(disk_of(inode));
	mutex_unlock(&disks.mutex);
}

static const struct inode_ops disk_ops = {
	.read = disk_read,
	.throttle = disk_throttle,
	.write = disk_write,
	.fsync = disk_sync,
	.size = disk_size,
	.stat = disk_stat,
	.errors = disk_errors,
	.put = disk_put,
};

static struct disk *find_open(struct blk_device *dev)
{
	struct disk *disk;

	list_for_each_entry(disk, &disks.open, link)
		if (disk->dev == dev)
			return disk;
	return NULL;
}

static struct inode *open_new(struct blk_device *dev)
{
	struct disk *disk = kzalloc(sizeof(*disk), GFP_KERNEL);

	if (!disk)
		return ERR_PTR(-ENOMEM);
	disk->dev = dev;
	inode_init(&disk->inode, &disk_ops, NULL, dev->major << 8 | dev->minor, S_IFBLK | 0600u);
	if (diskfile_open(&disk->file, (struct port_disk *)dev, GFP_HIGHUSER)) {
		kfree(disk);
		return ERR_PTR(-ENOMEM);
	}
	list_add_tail(&disk->link, &disks.open);
	return &disk->inode;
}

static struct inode *disk_open(struct blk_device *dev)
{
	struct inode *inode;
	struct disk *disk;

	mutex_lock(&disks.mutex);
	disk = find_open(dev);
	if (swap_uses_disk((struct port_disk *)dev))
		inode = ERR_PTR(-EBUSY); /* what it says is programs', and changes behind any copy */
	else
		inode = disk ? inode_get(&disk->inode) : open_new(dev);
	mutex_unlock(&disks.mutex);
	return inode;
}

/* Every disk to the end, whatever another says; those that nobody has open lack nothing. */
static int disk_sync_all(void)
{
	struct disk *disk;
	int error = 0;

	mutex_lock(&disks.mutex);
	list_for_each_entry(disk, &disks.open, link) {
		int problem = disk_sync(&disk->inode, &disk->seen);

		error = error ? error : problem;
	}
	mutex_unlock(&disks.mutex);
	return error;
}

/* One that is read as a file may hold files. */
int disk_swap_on(const char *name)
{
	struct blk_device *dev = blk_find(name);
	int error;

	if (!dev || dev->is_read_only) {
		pr_warn("swap: %s is %s", name, dev ? "read-only" : "no disk");
		return dev ? -EROFS : -ENODEV;
	}
	mutex_lock(&disks.mutex);
	error = find_open(dev) ? -EBUSY : 0;
	if (error)
		pr_warn("swap: %s is open as a file, or mounted", name);
	else
		error = swap_on_disk(name, (struct port_disk *)dev);
	mutex_unlock(&disks.mutex);
	return error;
}

void disk_init(void)
{
	vfs_set_disks(disk_open, disk_sync_all);
}
