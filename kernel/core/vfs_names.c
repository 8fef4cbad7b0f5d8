/* SPDX-License-Identifier: MIT */
/* Paths, one name after the other, and what is done to names, but for renaming. A walk holds one reference, that of the
 * directory it is in; the text of a link takes its place in the path, before what is left of it. */
#include <kernel/core/vfs_internal.h>

#include <kernel/core/blkdev.h>
#include <kernel/core/err.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>

/* --- one step --- */

static bool name_is(const struct vfs_name *name, const char *text)
{
	return name->len == strlen(text) && memcmp(name->text, text, name->len) == 0;
}

/* The reference is exchanged for that of what hangs over it. */
static struct inode *cross(struct inode *inode)
{
	struct inode *root;

	while ((root = vfs_root_over(inode)) != NULL) {
		inode_put(inode);
		inode = root;
	}
	return inode;
}

/* Out of a mount, to the directory it hangs over. */
static void leave_mount(struct vfs_walk *walk)
{
	while (walk->dir->mount->root == walk->dir && walk->dir->mount->covered) {
		struct inode *outside = inode_get(walk->dir->mount->covered);

		inode_put(walk->dir);
		walk->dir = outside;
	}
}

static int lookup_locked(struct inode *dir, const struct vfs_name *name, struct inode **found)
{
	return inode_is_dir(dir) ? dir->ops->lookup(dir, name, found) : -ENOTDIR;
}

static int lookup(struct inode *dir, const struct vfs_name *name, struct inode **found)
{
	int error;

	mutex_lock(&dir->mutex);
	error = lookup_locked(dir, name, found);
	mutex_unlock(&dir->mutex);
	if (!error)
		*found = cross(*found);
	return error;
}

/* The next name of the path. Result: is there one? -ENAMETOOLONG. */
static int next_name(struct vfs_walk *walk)
{
	const char *p = walk->rest, *end;

	while (*p == '/')
		p++;
	end = p;
	while (*end && *end != '/')
		end++;
	walk->last = (struct vfs_name){p, (unsigned int)(end - p)};
	walk->wants_dir = *end == '/' || !walk->last.len;
	while (*end == '/')
		end++;
	walk->rest = end;
	return walk->last.len > VFS_NAME_MAX ? -ENAMETOOLONG : walk->last.len != 0;
}

/* --- from the root to the last name --- */

static int start(struct vfs_walk *walk)
{
	walk->dir = vfs_root_over(NULL);
	walk->rest = walk->path;
	return walk->dir ? 0 : -ENOENT;
}

void vfs_walk_stop(struct vfs_walk *walk)
{
	if (walk->dir)
		inode_put(walk->dir);
	walk->dir = NULL;
}

static int begin(struct vfs_walk *walk, const char *path)
{
	size_t len = strnlen(path, VFS_PATH_MAX);

	walk->dir = NULL;
	walk->nr_links = 0;
	if (!len)
		return -ENOENT;
	if (len == VFS_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(walk->path, path, len + 1);
	return start(walk);
}

/* The text of the link goes before the rest of the path; the reference to it is given back. */
static int splice(struct vfs_walk *walk, struct inode *link)
{
	size_t rest = strlen(walk->rest) + 1;
	char *end = walk->path + VFS_PATH_MAX - rest;
	long nr = -ELOOP;

	memmove(end, walk->rest, rest);
	if (walk->nr_links++ < VFS_MAX_SYMLINKS)
		nr = link->ops->readlink ? link->ops->readlink(link, walk->path, (size_t)(end - walk->path))
					 : -EINVAL;
	inode_put(link);
	if (nr <= 0)
		return nr ? (int)nr : -ENOENT;
	if (nr >= end - walk->path)
		return -ENAMETOOLONG;
	walk->path[nr] = '/';
	memmove(walk->path + nr + (rest > 1), end, rest);
	walk->rest = walk->path;
	if (walk->path[0] != '/')
		return 0;
	vfs_walk_stop(walk);
	return start(walk);
}

/* Into what was found, which is not the last. */
static int step(struct vfs_walk *walk, struct inode *inode)
{
	if ((inode->mode & S_IFMT) == S_IFLNK)
		return splice(walk, inode);
	inode_put(walk->dir);
	walk->dir = inode;
	return inode_is_dir(inode) ? 0 : -ENOTDIR;
}

/* Up to the directory of the last name. */
static int walk_on(struct vfs_walk *walk)
{
	for (;;) {
		struct inode *inode;
		int error = next_name(walk);

		if (error <= 0)
			return error;
		if (name_is(&walk->last, ".."))
			leave_mount(walk);
		if (!*walk->rest)
			return 0;
		error = lookup(walk->dir, &walk->last, &inode);
		if (!error)
			error = step(walk, inode);
		if (error)
			return error;
	}
}

/* --- finding --- */

static bool is_read_only(const struct inode *dir)
{
	return dir->mount->is_read_only;
}

/* The last name, made where it is not there and flags say so. */
static int open_last(struct vfs_walk *walk, unsigned int flags, uint32_t mode, struct inode **found)
{
	int error;

	mutex_lock(&walk->dir->mutex);
	error = lookup_locked(walk->dir, &walk->last, found);
	if (!error && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
		inode_put(*found);
		error = -EEXIST;
	} else if (error == -ENOENT && flags & O_CREAT) {
		error = walk->wants_dir ? -EISDIR
			: is_read_only(walk->dir)
				? -EROFS
				: walk->dir->ops->create(walk->dir, &walk->last, S_IFREG | (mode & 07777u),
							 NULL, found);
	}
	mutex_unlock(&walk->dir->mutex);
	if (!error)
		*found = cross(*found);
	return error;
}

static int find_from(struct vfs_walk *walk, unsigned int flags, uint32_t mode, bool follows,
		     struct inode **found)
{
	for (;;) {
		int error = walk_on(walk);

		if (!error && !walk->last.len) {
			*found = inode_get(walk->dir);
			return 0;
		}
		if (!error)
			error = open_last(walk, flags, mode, found);
		if (error)
			return error;
		if (((*found)->mode & S_IFMT) != S_IFLNK || !(follows || walk->wants_dir))
			break;
		error = splice(walk, *found);
		if (error)
			return error;
	}
	if (!walk->wants_dir || inode_is_dir(*found))
		return 0;
	inode_put(*found);
	return -ENOTDIR;
}

static int find(const char *path, unsigned int flags, uint32_t mode, bool follows, struct inode **found)
{
	struct vfs_walk walk;
	int error = begin(&walk, path);

	if (!error)
		error = find_from(&walk, flags, mode, follows, found);
	vfs_walk_stop(&walk);
	return error;
}

static int open_known(const char *name, bool writes, struct inode **found)
{
	*found = vfs_known_open(name);
	if (!*found)
		return -ENOENT;
	if (!writes || (*found)->ops->write)
		return 0;
	inode_put(*found);
	return -EACCES;
}

/* A disk that is mounted is its file system's: nobody else writes to it. */
static int open_disk(const char *name, bool writes, struct inode **found)
{
	struct blk_device *dev = strchr(name, '/') ? NULL : blk_find(name);

	if (!dev)
		return open_known(name, writes, found);
	if (writes && (dev->is_read_only || vfs_is_mounted(dev)))
		return dev->is_read_only ? -EROFS : -EBUSY;
	*found = vfs_disk_open(name);
	if (!*found)
		return -ENOENT;
	return IS_ERR(*found) ? (int)PTR_ERR(*found) : 0;
}

int vfs_find_or_create(const char *path, unsigned int flags, uint32_t mode, struct inode **found)
{
	int error = open_disk(path, (flags & O_ACCMODE) != O_RDONLY, found);

	return error == -ENOENT ? find(path, flags, mode, true, found) : error;
}

int vfs_find(const char *path, struct inode **found)
{
	return vfs_find_or_create(path, O_RDONLY, 0, found);
}

int vfs_stat(const char *path, struct vfs_stat *stat)
{
	struct inode *inode;
	int error = open_disk(path, false, &inode);

	if (error == -ENOENT)
		error = find(path, O_RDONLY, 0, false, &inode);
	if (error)
		return error;
	vfs_stat_of(inode, stat);
	inode_put(inode);
	return 0;
}

long vfs_readlink(const char *path, char *text, size_t size_bytes)
{
	struct inode *inode;
	int error = find(path, O_RDONLY, 0, false, &inode);
	long nr;

	if (error)
		return error;
	nr = (inode->mode & S_IFMT) == S_IFLNK ? inode->ops->readlink(inode, text, size_bytes) : -EINVAL;
	inode_put(inode);
	return nr;
}

/* --- changing names --- */

bool vfs_is_own_name(const struct vfs_name *name)
{
	return !name->len || name_is(name, ".") || name_is(name, "..");
}

int vfs_walk_to_change(struct vfs_walk *walk, const char *path)
{
	int error = begin(walk, path);

	if (!error)
		error = walk_on(walk);
	if (!error && is_read_only(walk->dir))
		error = -EROFS;
	return error;
}

static int make(const char *path, uint32_t mode, const char *text, struct inode *target)
{
	struct vfs_walk walk;
	struct inode *inode = NULL, *dir;
	int error = vfs_walk_to_change(&walk, path);

	if (error) {
		vfs_walk_stop(&walk);
		return error;
	}
	dir = walk.dir;
	mutex_lock(&dir->mutex);
	if (vfs_is_own_name(&walk.last))
		error = -EEXIST;
	else
		error = dir->ops->lookup(dir, &walk.last, &inode);
	if (!error)
		error = -EEXIST;
	else if (error == -ENOENT && walk.wants_dir && (mode & S_IFMT) != S_IFDIR)
		error = -ENOENT;
	else if (error == -ENOENT && target)
		error = target->mount == dir->mount ? dir->ops->link(dir, &walk.last, target) : -EXDEV;
	else if (error == -ENOENT)
		error = dir->ops->create(dir, &walk.last, mode, text, &inode);
	mutex_unlock(&dir->mutex);
	if (inode)
		inode_put(inode);
	vfs_walk_stop(&walk);
	return error;
}

int vfs_mkdir(const char *path, uint32_t mode)
{
	return make(path, S_IFDIR | (mode & 07777u), NULL, NULL);
}

int vfs_symlink(const char *text, const char *path)
{
	return *text ? make(path, S_IFLNK | 0777u, text, NULL) : -ENOENT;
}

int vfs_link(const char *old_path, const char *new_path)
{
	struct inode *target;
	int error = find(old_path, O_RDONLY, 0, false, &target);

	if (error)
		return error;
	error = inode_is_dir(target) ? -EPERM : make(new_path, 0, NULL, target);
	inode_put(target);
	return error;
}

int vfs_check_victim(const struct inode *victim, bool is_dir)
{
	struct inode *root = vfs_root_over(victim);

	if (root) {
		inode_put(root);
		return -EBUSY;
	}
	if (inode_is_dir(victim) == is_dir)
		return 0;
	return is_dir ? -ENOTDIR : -EISDIR;
}

static int take_away(const char *path, bool is_dir)
{
	struct vfs_walk walk;
	struct inode *victim = NULL;
	int error = vfs_walk_to_change(&walk, path);

	if (!error && vfs_is_own_name(&walk.last))
		error = !is_dir			   ? -EISDIR
			: !walk.last.len	   ? -EBUSY
			: name_is(&walk.last, ".") ? -EINVAL
						   : -ENOTEMPTY;
	if (!error) {
		mutex_lock(&walk.dir->mutex);
		error = walk.dir->ops->lookup(walk.dir, &walk.last, &victim);
		if (!error)
			error = vfs_check_victim(victim, is_dir);
		if (!error && walk.wants_dir && !is_dir)
			error = -ENOTDIR;
		if (!error)
			error = walk.dir->ops->unlink(walk.dir, &walk.last, victim);
		mutex_unlock(&walk.dir->mutex);
	}
	if (victim)
		inode_put(victim);
	vfs_walk_stop(&walk);
	return error;
}

int vfs_rmdir(const char *path)
{
	return take_away(path, true);
}

int vfs_unlink(const char *path)
{
	return take_away(path, false);
}
