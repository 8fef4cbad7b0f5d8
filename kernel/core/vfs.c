/* SPDX-License-Identifier: MIT */
/* Mounts, and open files. Names are looked up in vfs_names.c. */
#include <kernel/core/vfs.h>

#include <kernel/core/blkdev.h>
#include <kernel/core/err.h>
#include <kernel/core/panic.h>
#include <kernel/core/printk.h>
#include <kernel/core/thread.h>
#include <kernel/core/vfs_internal.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

static struct {
	struct spinlock lock;
	struct list_head types; /* (L) */
	struct list_head known; /* (C) */
	struct mount
		mounts[VFS_MAX_MOUNTS]; /* places are taken and given back by who has `mounting`, under (L) */
	struct inode *(*disk_open)(struct blk_device *dev); /* (C) */
	int (*disk_sync)(void);				    /* (C) */
	struct mutex mounting;
} vfs = {
	.lock = SPINLOCK_INIT("vfs"),
	.types = LIST_HEAD_INIT(vfs.types),
	.known = LIST_HEAD_INIT(vfs.known),
	.mounting = MUTEX_INIT(vfs.mounting),
};

/* --- for file systems --- */

void vfs_register(struct fs_type *type)
{
	irqflags_t flags = spin_lock_irqsave(&vfs.lock);

	list_add_tail(&type->link, &vfs.types);
	spin_unlock_irqrestore(&vfs.lock, flags);
}

void vfs_set_disks(struct inode *(*open)(struct blk_device *dev), int (*sync)(void))
{
	vfs.disk_open = open;
	vfs.disk_sync = sync;
}

void vfs_add_known(struct vfs_known *known)
{
	list_add_tail(&known->link, &vfs.known);
}

void inode_init(struct inode *inode, const struct inode_ops *ops, struct mount *mount, uint32_t number,
		uint32_t mode)
{
	*inode = (struct inode){.ops = ops, .mount = mount, .number = number, .mode = mode};
	mutex_init_named(&inode->mutex, "inode");
	atomic_set(&inode->nr_refs, 1);
}

bool vfs_is_inside(void)
{
	return current->is_in_fs;
}

void vfs_enter(void)
{
	if (current->is_in_fs)
		panic("BUG: %s enters a file system while it is inside one", current->name); /* V4 */
	current->is_in_fs = true;
}

void vfs_leave(void)
{
	if (!current->is_in_fs)
		panic("BUG: %s leaves a file system that it has not entered", current->name);
	current->is_in_fs = false;
}

/* --- mounts --- */

const struct mount *vfs_mount_at(unsigned int n)
{
	for (unsigned int i = 0; i < VFS_MAX_MOUNTS; i++)
		if (READ_ONCE(vfs.mounts[i].type) && n-- == 0)
			return &vfs.mounts[i];
	return NULL;
}

/* The root of what hangs there, with a reference: over that directory; NULL: the first. */
struct inode *vfs_root_over(const struct inode *covered)
{
	irqflags_t flags = spin_lock_irqsave(&vfs.lock);
	struct inode *root = NULL;

	for (unsigned int i = 0; i < VFS_MAX_MOUNTS; i++)
		if (vfs.mounts[i].type && vfs.mounts[i].covered == covered)
			root = inode_get(vfs.mounts[i].root);
	spin_unlock_irqrestore(&vfs.lock, flags);
	return root;
}

bool vfs_is_mounted(const struct blk_device *dev)
{
	irqflags_t flags = spin_lock_irqsave(&vfs.lock);
	bool is_there = false;

	for (unsigned int i = 0; i < VFS_MAX_MOUNTS; i++)
		is_there |= vfs.mounts[i].type && vfs.mounts[i].dev == dev;
	spin_unlock_irqrestore(&vfs.lock, flags);
	return is_there;
}

struct inode *vfs_disk_open(const char *name)
{
	struct blk_device *dev = strchr(name, '/') || !vfs.disk_open ? NULL : blk_find(name);

	return dev ? vfs.disk_open(dev) : NULL;
}

struct inode *vfs_known_open(const char *name)
{
	const struct vfs_known *known;

	list_for_each_entry(known, &vfs.known, link)
		if (strcmp(known->name, name) == 0)
			return inode_get(known->inode);
	return NULL;
}

static void show(struct mount *mount, const struct fs_type *type)
{
	irqflags_t flags = spin_lock_irqsave(&vfs.lock);

	mount->type = type;
	spin_unlock_irqrestore(&vfs.lock, flags);
}

/* Every type in turn. */
static int try_types(struct mount *mount)
{
	struct fs_type *type;

	list_for_each_entry(type, &vfs.types, link) {
		int result = type->mount(mount);

		if (!result)
			show(mount, type);
		if (result <= 0)
			return result;
	}
	pr_err("mount: %s: expected a file system of a type that is known: ext2", mount->dev->name);
	return -EINVAL;
}

static struct mount *free_place(void)
{
	for (unsigned int i = 0; i < VFS_MAX_MOUNTS; i++)
		if (!vfs.mounts[i].type)
			return &vfs.mounts[i];
	return NULL;
}

/* The references to the disk and to the directory become the mount's, if it succeeds. */
static int mount_disk(struct blk_device *dev, struct inode *disk, struct inode *covered, const char *path,
		      bool is_read_only)
{
	struct mount *mount = free_place();

	if (!mount)
		return -ENOSPC;
	if (vfs_is_mounted(dev))
		return -EBUSY;
	*mount = (struct mount){.dev = dev,
				.disk = disk,
				.covered = covered,
				.is_read_only = is_read_only || dev->is_read_only};
	(void)scnprintf(mount->where, sizeof(mount->where), "%s", path);
	return try_types(mount);
}

/* The directory to hang it over, with a reference; NULL: the first. */
static int find_place(const char *path, struct inode **covered)
{
	struct inode *root = vfs_root_over(NULL);
	int error;

	*covered = NULL;
	if (!root)
		return strcmp(path, "/") == 0 ? 0 : -ENOENT;
	inode_put(root);
	error = vfs_find(path, covered);
	if (error)
		return error;
	if (!inode_is_dir(*covered))
		error = -ENOTDIR;
	else if ((*covered)->mount->root == *covered)
		error = -EBUSY;
	if (error)
		inode_put(*covered);
	return error;
}

static int mount_over(struct blk_device *dev, const char *path, bool is_read_only)
{
	struct inode *covered, *disk;
	int error = find_place(path, &covered);

	if (error)
		return error;
	disk = vfs.disk_open(dev);
	error = IS_ERR(disk) ? (int)PTR_ERR(disk) : mount_disk(dev, disk, covered, path, is_read_only);
	if (!error)
		return 0;
	if (!IS_ERR(disk))
		inode_put(disk);
	if (covered)
		inode_put(covered);
	return error;
}

int vfs_mount(const char *disk, const char *path, bool is_read_only)
{
	struct blk_device *dev = blk_find(disk);
	int error;

	if (!dev || !vfs.disk_open)
		return -ENODEV;
	mutex_lock(&vfs.mounting);
	error = mount_over(dev, path, is_read_only);
	mutex_unlock(&vfs.mounting);
	return error;
}

static bool has_mounts_on_it(const struct mount *mount)
{
	for (unsigned int i = 0; i < VFS_MAX_MOUNTS; i++)
		if (vfs.mounts[i].type && vfs.mounts[i].covered && vfs.mounts[i].covered->mount == mount)
			return true;
	return false;
}

/* Nobody finds it meanwhile. */
static int unmount_hidden(struct mount *mount)
{
	const struct fs_type *type = mount->type;
	int error;

	show(mount, NULL);
	error = type->unmount(mount);
	if (error) {
		show(mount, type);
		return error;
	}
	inode_put(mount->disk);
	if (mount->covered)
		inode_put(mount->covered);
	return 0;
}

/* The caller's reference to the root is given back before it is counted. */
static int unmount_root(struct inode *root)
{
	struct mount *mount = root->mount;
	bool is_root = mount && mount->root == root;

	inode_put(root);
	if (!is_root)
		return -EINVAL;
	return has_mounts_on_it(mount) ? -EBUSY : unmount_hidden(mount);
}

int vfs_unmount(const char *path)
{
	struct inode *root;
	int error;

	mutex_lock(&vfs.mounting);
	error = vfs_find(path, &root);
	if (!error)
		error = unmount_root(root);
	mutex_unlock(&vfs.mounting);
	return error;
}

/* Disks last: what file systems left on theirs goes along. */
int vfs_sync(void)
{
	int error = 0, problem;

	mutex_lock(&vfs.mounting);
	for (unsigned int i = 0; i < VFS_MAX_MOUNTS; i++) {
		struct mount *mount = &vfs.mounts[i];

		problem = mount->type ? mount->type->sync(mount) : 0;
		error = error ? error : problem;
	}
	problem = vfs.disk_sync ? vfs.disk_sync() : 0;
	mutex_unlock(&vfs.mounting);
	return error ? error : problem;
}

void vfs_freeze(void)
{
	mutex_lock(&vfs.mounting);
	for (unsigned int i = 0; i < VFS_MAX_MOUNTS; i++)
		if (vfs.mounts[i].type)
			vfs.mounts[i].type->freeze(&vfs.mounts[i]);
	if (vfs.disk_sync)
		(void)vfs.disk_sync(); /* whose errors are those who have them open told */
	mutex_unlock(&vfs.mounting);
}

int vfs_space(const char *path, struct vfs_space *space)
{
	struct inode *inode;
	int error = vfs_find(path, &inode);

	if (error)
		return error;
	if (inode->mount)
		inode->mount->type->space(inode->mount, space);
	else
		error = -ENOSYS;
	inode_put(inode);
	return error;
}

/* --- open files --- */

static unsigned int errors_of(struct inode *inode)
{
	return inode->ops->errors ? inode->ops->errors(inode) : 0;
}

static bool may_write(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_RDONLY;
}

static int truncate_locked(struct inode *inode, uint64_t size_bytes)
{
	int error;

	if (!inode->ops->truncate)
		return -EINVAL;
	mutex_lock(&inode->mutex);
	error = inode->ops->truncate(inode, size_bytes);
	mutex_unlock(&inode->mutex);
	return error;
}

static int check_open(const struct inode *inode, unsigned int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;

	if (inode_is_dir(inode) && (writes || flags & O_CREAT))
		return -EISDIR;
	if (!inode_is_dir(inode) && flags & O_DIRECTORY)
		return -ENOTDIR;
	if (writes && inode->mount && inode->mount->is_read_only)
		return -EROFS;
	return 0;
}

int vfs_open(struct file *file, const char *path, unsigned int flags, uint32_t mode)
{
	struct inode *inode;
	int error;

	*file = (struct file){.inode = NULL};
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	error = vfs_find_or_create(path, flags, mode, &inode);
	if (error)
		return error;
	error = check_open(inode, flags);
	if (!error && flags & O_TRUNC && (inode->mode & S_IFMT) != S_IFBLK && !inode_is_dir(inode))
		error = truncate_locked(inode, 0);
	if (error)
		inode_put(inode);
	else
		*file = (struct file){.inode = inode, .flags = flags, .seen = errors_of(inode)};
	return error;
}

void vfs_close(struct file *file)
{
	if (file->inode)
		inode_put(file->inode);
	file->inode = NULL;
}

long vfs_read(struct file *file, void *to, size_t size_bytes)
{
	struct inode *inode = file->inode;
	long nr;

	if ((file->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (inode_is_dir(inode))
		return -EISDIR;
	if (!inode->ops->read)
		return -EINVAL;
	nr = inode->ops->read(inode, file, file->pos, to, size_bytes);
	file->pos += nr > 0 ? (uint64_t)nr : 0;
	return nr;
}

static long write_part(struct file *file, const void *from, size_t size_bytes)
{
	struct inode *inode = file->inode;
	long nr = inode->ops->throttle ? inode->ops->throttle(inode) : 0;

	if (nr)
		return nr;
	mutex_lock(&inode->mutex);
	if (file->flags & O_APPEND)
		file->pos = inode->ops->size(inode);
	nr = inode->ops->write(inode, file->pos, from, size_bytes);
	mutex_unlock(&inode->mutex);
	file->pos += nr > 0 ? (uint64_t)nr : 0;
	return nr;
}

long vfs_write(struct file *file, const void *from, size_t size_bytes)
{
	size_t done = 0;
	long nr;

	if (!may_write(file))
		return -EBADF;
	if (!file->inode->ops->write)
		return -EINVAL;
	do {
		nr = write_part(file, (const char *)from + done,
				MIN(size_bytes - done, (size_t)VFS_WRITE_MAX));
		done += nr > 0 ? (size_t)nr : 0;
	} while (nr > 0 && done < size_bytes);
	return done ? (long)done : nr;
}

int64_t vfs_lseek(struct file *file, int64_t offset, int whence)
{
	int64_t base;

	if (whence == SEEK_SET)
		base = 0;
	else if (whence == SEEK_CUR)
		base = (int64_t)file->pos;
	else if (whence == SEEK_END)
		base = (int64_t)file->inode->ops->size(file->inode);
	else
		return -EINVAL;
	if (__builtin_add_overflow(base, offset, &base))
		return -EOVERFLOW;
	if (base < 0)
		return -EINVAL;
	file->pos = (uint64_t)base;
	return base;
}

int vfs_fsync(struct file *file)
{
	struct inode *inode = file->inode;
	int error;

	if (!inode->ops->fsync)
		return -EINVAL;
	mutex_lock(&inode->mutex);
	error = inode->ops->fsync(inode, &file->seen);
	mutex_unlock(&inode->mutex);
	return error;
}

int vfs_ftruncate(struct file *file, uint64_t size_bytes)
{
	return may_write(file) ? truncate_locked(file->inode, size_bytes) : -EINVAL;
}

void vfs_stat_of(struct inode *inode, struct vfs_stat *stat)
{
	*stat = (struct vfs_stat){
		.number = inode->number, .mode = inode->mode, .nr_links = READ_ONCE(inode->nr_links)};
	stat->size_bytes = inode->ops->size(inode);
	if (inode->ops->stat)
		inode->ops->stat(inode, stat);
}

void vfs_fstat(struct file *file, struct vfs_stat *stat)
{
	vfs_stat_of(file->inode, stat);
}

int vfs_readdir(struct file *file, struct vfs_entry *entry)
{
	struct inode *inode = file->inode;
	int error;

	if (!inode_is_dir(inode))
		return -ENOTDIR;
	mutex_lock(&inode->mutex);
	error = inode->ops->readdir(inode, &file->pos, entry);
	mutex_unlock(&inode->mutex);
	return error;
}

/* --- errors --- */

static const struct {
	int number;
	const char *text;
} error_texts[] = {
	{EPERM, "Operation not permitted"},
	{ENOENT, "No such file or directory"},
	{EIO, "Input/output error"},
	{ENXIO, "No such device or address"},
	{EBADF, "Bad file descriptor"},
	{ENOMEM, "Cannot allocate memory"},
	{EBUSY, "Device or resource busy"},
	{EEXIST, "File exists"},
	{EXDEV, "Invalid cross-device link"},
	{ENODEV, "No such device"},
	{ENOTDIR, "Not a directory"},
	{EISDIR, "Is a directory"},
	{EINVAL, "Invalid argument"},
	{EFBIG, "File too large"},
	{ENOSPC, "No space left on device"},
	{EROFS, "Read-only file system"},
	{EMLINK, "Too many links"},
	{ENAMETOOLONG, "File name too long"},
	{ENOSYS, "Function not implemented"},
	{ENOTEMPTY, "Directory not empty"},
	{ELOOP, "Too many levels of symbolic links"},
	{EOVERFLOW, "Value too large for defined data type"},
	{ETIMEDOUT, "Connection timed out"},
	{EUCLEAN, "Structure needs cleaning"},
};

const char *error_text(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(error_texts); i++)
		if (error_texts[i].number == error || error_texts[i].number == -error)
			return error_texts[i].text;
	return "Unknown error";
}
