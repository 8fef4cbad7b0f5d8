/* SPDX-License-Identifier: MIT */
/* What is done to names, in the order that a power cut may end anywhere (README.md, X1 and X2). */
#include <drivers/fs/ext2_internal.h>

#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>

static int lookup(struct ext2_inode *dir, const struct vfs_name *name, struct ext2_inode **found)
{
	struct ext2_place place;
	int error = ext2_dir_find(dir, name, &place);

	return error ? error : ext2_get(dir->fs, place.number, found);
}

static int ext2_lookup(struct inode *inode, const struct vfs_name *name, struct inode **found)
{
	struct ext2_inode *dir = ext2_of(inode), *ei;
	int error;

	ext2_lock(dir->fs);
	error = lookup(dir, name, &ei);
	ext2_unlock(dir->fs);
	if (!error)
		*found = &ei->inode;
	return error;
}

static int unlink(struct ext2_inode *dir, const struct vfs_name *name, struct ext2_inode *victim);

/* --- new names --- */

/* The text of a link: in the inode, or in a block. */
static int write_text(struct ext2_inode *ei, const char *text)
{
	size_t len = strnlen(text, ei->fs->block_bytes);
	uint32_t block;
	int error;

	if (len == ei->fs->block_bytes)
		return -ENAMETOOLONG;
	ei->raw.size = (uint32_t)len;
	if (len < EXT2_FAST_LINK) {
		memcpy(ei->raw.block, text, len);
		return 0;
	}
	error = ext2_make_block(ei, 0, &block);
	return error ? error : ext2_write_bytes(ei->fs, ext2_block_pos(ei->fs, block), text, len);
}

/* X1 for a directory: its block and its name are there before it is in use, and it is in use before anything is in it. */
static int begin_dir(struct ext2_inode *dir, const struct vfs_name *name, struct ext2_inode *ei)
{
	int error = ext2_dir_begin(ei, dir);

	if (!error)
		error = ext2_dir_add(dir, name, ei);
	if (!ei->is_nameless) { /* unlink() takes it back */
		dir->inode.nr_links++;
		ext2_mark_dirty(dir);
	}
	if (error)
		return error;
	error = ext2_order(dir->fs);
	if (!error)
		error = ext2_write_inode(ei);
	if (!error)
		error = ext2_order(dir->fs);
	return error;
}

static int fill_new(struct ext2_inode *dir, const struct vfs_name *name, const char *text,
		    struct ext2_inode *ei)
{
	int error = text ? write_text(ei, text) : 0;

	return error ? error : ext2_dir_add(dir, name, ei);
}

static int create(struct ext2_inode *dir, const struct vfs_name *name, uint32_t mode, const char *text,
		  struct ext2_inode **made)
{
	bool is_dir = (mode & S_IFMT) == S_IFDIR;
	int error;

	if (!dir->inode.nr_links)
		return -ENOENT; /* it was taken away */
	if (is_dir && dir->inode.nr_links >= EXT2_MAX_LINKS)
		return -EMLINK;
	error = ext2_new(dir, mode, made);
	if (error)
		return error;
	error = is_dir ? begin_dir(dir, name, *made) : fill_new(dir, name, text, *made);
	if (error && (*made)->is_nameless) {
		ext2_undo_new(*made);
		*made = NULL;
	} else if (error) {
		(void)unlink(
			dir, name,
			*made); /* the disk did not take all of it: nothing, or else all, will be there */
	}
	return error;
}

static int ext2_create(struct inode *inode, const struct vfs_name *name, uint32_t mode, const char *text,
		       struct inode **made)
{
	struct ext2_inode *dir = ext2_of(inode), *ei = NULL;
	int error;

	ext2_lock(dir->fs);
	error = create(dir, name, mode, text, &ei);
	ext2_unlock(dir->fs);
	*made = ei ? &ei->inode : NULL;
	if (error && ei) {
		ext2_put(&ei->inode);
		*made = NULL;
	}
	return error;
}

static int ext2_link(struct inode *inode, const struct vfs_name *name, struct inode *target)
{
	struct ext2_inode *dir = ext2_of(inode), *ei = ext2_of(target);
	int error;

	ext2_lock(dir->fs);
	if (!target->nr_links || !inode->nr_links)
		error = -ENOENT;
	else if (target->nr_links >= EXT2_MAX_LINKS)
		error = -EMLINK;
	else
		error = ext2_dir_add(dir, name, ei);
	if (!error)
		target->nr_links++;
	ext2_unlock(dir->fs);
	return error;
}

/* --- names that go --- */

/* It could not be taken away after all. */
static void keep_name(struct ext2_inode *ei, uint32_t nr_links)
{
	ei->inode.nr_links = nr_links;
	ei->raw.dtime = 0;
	ext2_mark_dirty(ei);
}

/* X2: the victim, a directory with nothing in it, or what loses one name of several. */
static int lose_name(struct ext2_inode *dir, struct ext2_inode *victim)
{
	uint32_t before = victim->inode.nr_links;
	int error = inode_is_dir(&victim->inode) ? ext2_dir_is_empty(victim) : 0;

	if (error)
		return error;
	if (!before)
		return ext2_damaged(dir->fs, "inode %u has more names than links, expected as many",
				    victim->inode.number);
	victim->inode.nr_links = inode_is_dir(&victim->inode) ? 0 : before - 1;
	error = ext2_lose_name(victim);
	if (error)
		keep_name(victim, before);
	return error;
}

static void lose_subdirectory(struct ext2_inode *dir)
{
	if (dir->inode.nr_links > 2)
		dir->inode.nr_links--;
	ext2_mark_dirty(dir);
}

static int unlink(struct ext2_inode *dir, const struct vfs_name *name, struct ext2_inode *victim)
{
	uint32_t nr_links = victim->inode.nr_links;
	struct ext2_place place;
	int error = ext2_dir_find(dir, name, &place);

	if (!error)
		error = lose_name(dir, victim);
	if (error)
		return error;
	error = ext2_dir_remove(dir, &place);
	if (error)
		keep_name(victim, nr_links);
	else if (inode_is_dir(&victim->inode))
		lose_subdirectory(dir);
	return error;
}

static int ext2_unlink(struct inode *inode, const struct vfs_name *name, struct inode *victim)
{
	struct ext2_inode *dir = ext2_of(inode);
	int error;

	ext2_lock(dir->fs);
	error = unlink(dir, name, ext2_of(victim));
	ext2_unlock(dir->fs);
	return error;
}

/* --- other names --- */

/* A directory has one name at every moment: both are in one block, or it stays where it is. */
static int rename_dir(struct ext2_inode *dir, const struct vfs_name *old_name, struct ext2_inode *moved,
		      const struct vfs_name *new_name, struct ext2_inode *victim)
{
	struct ext2_place old, other;
	int error = 0;

	if (victim) {
		error = ext2_dir_find(dir, old_name, &old);
		if (!error)
			error = ext2_dir_find(dir, new_name, &other);
		if (!error && old.n != other.n)
			error = -EXDEV;
		if (!error)
			error = lose_name(dir, victim);
	}
	if (!error)
		error = ext2_dir_rename(dir, old_name, new_name, moved);
	if (!error && victim)
		lose_subdirectory(dir);
	return error;
}

static int put_in_place(struct ext2_inode *dir, const struct vfs_name *name, struct ext2_inode *moved,
			struct ext2_inode *victim)
{
	uint32_t nr_links = victim->inode.nr_links;
	struct ext2_place place;
	int error = lose_name(dir, victim);

	if (error)
		return error;
	error = ext2_dir_find(dir, name, &place);
	if (!error)
		error = ext2_dir_replace(dir, &place, moved);
	if (error)
		keep_name(victim, nr_links);
	return error;
}

/* The new name is there before the old one goes; whose name it was has lost it before. */
static int rename_file(struct ext2_inode *from, const struct vfs_name *old_name, struct ext2_inode *moved,
		       struct ext2_inode *to, const struct vfs_name *new_name, struct ext2_inode *victim)
{
	struct ext2_place place;
	int error = victim ? put_in_place(to, new_name, moved, victim) : ext2_dir_add(to, new_name, moved);

	if (error)
		return error;
	if (moved->is_in_use)
		error = ext2_order(from->fs);
	if (!error)
		error = ext2_dir_find(from, old_name, &place);
	if (!error)
		error = ext2_dir_remove(from, &place);
	if (error) /* it has both */
		moved->inode.nr_links++;
	return error;
}

static int ext2_rename(struct inode *from, const struct vfs_name *old_name, struct inode *moved,
		       struct inode *to, const struct vfs_name *new_name, struct inode *victim)
{
	struct ext2_inode *target = victim ? ext2_of(victim) : NULL;
	struct ext2_fs *fs = ext2_of(from)->fs;
	int error;

	ext2_lock(fs);
	if (!to->nr_links)
		error = -ENOENT;
	else if (!inode_is_dir(moved))
		error = rename_file(ext2_of(from), old_name, ext2_of(moved), ext2_of(to), new_name, target);
	else if (from != to)
		error = -EXDEV; /* ".." would be wrong for a moment */
	else
		error = rename_dir(ext2_of(from), old_name, ext2_of(moved), new_name, target);
	ext2_unlock(fs);
	return error;
}

static void ext2_set_mode(struct inode *inode, uint32_t mode)
{
	struct ext2_inode *ei = ext2_of(inode);

	ext2_lock(ei->fs);
	inode->mode = (inode->mode & S_IFMT) | (mode & 07777u);
	ei->raw.mode = (uint16_t)inode->mode;
	ext2_mark_dirty(ei);
	ext2_unlock(ei->fs);
}

static long ext2_readlink(struct inode *inode, char *text, size_t size_bytes)
{
	struct ext2_inode *ei = ext2_of(inode);
	size_t nr = ei->raw.size < size_bytes ? ei->raw.size : size_bytes;
	uint32_t block;
	int error = 0;

	ext2_lock(ei->fs);
	if (ei->raw.size < EXT2_FAST_LINK)
		memcpy(text, ei->raw.block, nr);
	else
		error = ext2_find_block(ei, 0, &block);
	if (!error && ei->raw.size >= EXT2_FAST_LINK)
		error = block ? ext2_read_bytes(ei->fs, ext2_block_pos(ei->fs, block), text, nr)
			      : ext2_damaged(ei->fs, "link %u has no block, expected one", inode->number);
	ext2_unlock(ei->fs);
	return error ? error : (long)nr;
}

const struct inode_ops ext2_dir_ops = {
	.lookup = ext2_lookup,
	.create = ext2_create,
	.link = ext2_link,
	.unlink = ext2_unlink,
	.rename = ext2_rename,
	.set_mode = ext2_set_mode,
	.readdir = ext2_readdir,
	.fsync = ext2_fsync,
	.size = ext2_size,
	.stat = ext2_stat,
	.put = ext2_put,
};

const struct inode_ops ext2_link_ops = {
	.size = ext2_size,
	.stat = ext2_stat,
	.readlink = ext2_readlink,
	.put = ext2_put,
};

const struct inode_ops ext2_other_ops = {
	.size = ext2_size,
	.stat = ext2_stat,
	.put = ext2_put,
};
