/* SPDX-License-Identifier: MIT */
/* Directories: lists of entries that fill each block to its end; one is looked through, and changed, in fs->buffer. An entry
 * with number 0 is free, and so is what an entry has behind its name. A tree of hashes over a directory looks like free
 * entries; it is given up before one of those is used. */
#include <drivers/fs/ext2_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>

/* --- entries --- */

static unsigned int bytes_of_entry(unsigned int name_bytes)
{
	return ALIGN_UP(EXT2_ENTRY_HEAD + name_bytes, 4u);
}

static struct ext2_entry *entry_at(const struct ext2_fs *fs, unsigned int offset)
{
	return (struct ext2_entry *)((char *)fs->buffer + offset);
}

static bool is_named(const struct ext2_entry *entry, const struct vfs_name *name)
{
	return entry->number && entry->name_bytes == name->len &&
	       memcmp(entry->name, name->text, name->len) == 0;
}

static uint8_t type_of(const struct ext2_fs *fs, uint32_t mode)
{
	static const uint8_t types[16] = {[1] = 5, [2] = 3, [4] = 2, [6] = 4, [8] = 1, [10] = 7, [12] = 6};

	return fs->super.incompat & EXT2_INCOMPAT_FILETYPE ? types[mode >> 12 & 15] : 0;
}

static uint32_t kind_of(const struct ext2_fs *fs, uint8_t type)
{
	static const uint8_t kinds[8] = {0, 8, 4, 2, 6, 1, 12, 10};

	return fs->super.incompat & EXT2_INCOMPAT_FILETYPE && type < 8 ? (uint32_t)kinds[type] << 12 : 0;
}

static void fill_entry(struct ext2_entry *entry, const struct vfs_name *name, const struct ext2_inode *target)
{
	entry->number = target->inode.number;
	entry->name_bytes = (uint8_t)name->len;
	entry->type = type_of(target->fs, target->inode.mode);
	memset(entry->name, 0, bytes_of_entry(name->len) - EXT2_ENTRY_HEAD); /* K4 */
	memcpy(entry->name, name->text, name->len);
}

/* --- blocks --- */

static uint32_t nr_blocks(const struct ext2_inode *dir)
{
	return ext2_blocks_of(dir->fs, dir->raw.size);
}

static int check_block(struct ext2_inode *dir, uint32_t n)
{
	struct ext2_fs *fs = dir->fs;

	for (unsigned int at = 0; at < fs->block_bytes;) {
		const struct ext2_entry *entry = entry_at(fs, at);
		unsigned int left = fs->block_bytes - at;

		if (left < EXT2_ENTRY_HEAD || entry->rec_bytes > left || entry->rec_bytes % 4 ||
		    entry->rec_bytes < bytes_of_entry(entry->number ? entry->name_bytes : 0) ||
		    (entry->number && (!entry->name_bytes || memchr(entry->name, '/', entry->name_bytes) ||
				       memchr(entry->name, 0, entry->name_bytes))))
			return ext2_damaged(
				fs,
				"directory %u, block %u: an entry of %u bytes at %u, expected one "
				"with a name that fits into %u",
				dir->inode.number, n, left < EXT2_ENTRY_HEAD ? 0 : entry->rec_bytes, at,
				left);
		at += entry->rec_bytes;
	}
	return 0;
}

/* The n-th block into the buffer. */
static int load(struct ext2_inode *dir, uint32_t n, uint32_t *block)
{
	struct ext2_fs *fs = dir->fs;
	int error = ext2_find_block(dir, n, block);

	if (error)
		return error;
	if (!*block)
		return ext2_damaged(fs, "directory %u has no block %u, expected one", dir->inode.number, n);
	if (*block == fs->buffered)
		return 0;
	fs->buffered = 0;
	error = ext2_read_bytes(fs, ext2_block_pos(fs, *block), fs->buffer, fs->block_bytes);
	if (!error)
		error = check_block(dir, n);
	if (!error)
		fs->buffered = *block;
	return error;
}

/* The buffer's bytes [from, to) to the disk's pages, at once. */
static int store(struct ext2_inode *dir, uint32_t block, unsigned int from, unsigned int to)
{
	struct ext2_fs *fs = dir->fs;
	int error =
		ext2_write_bytes(fs, ext2_block_pos(fs, block) + from, (char *)fs->buffer + from, to - from);

	if (error)
		fs->buffered = 0;
	dir->raw.mtime = dir->raw.ctime = ext2_now(fs);
	ext2_mark_dirty(dir);
	return error;
}

/* --- finding --- */

static bool find_in_buffer(const struct ext2_fs *fs, const struct vfs_name *name, struct ext2_place *place)
{
	unsigned int before = 0;

	for (unsigned int at = 0; at < fs->block_bytes; before = at, at += entry_at(fs, at)->rec_bytes) {
		if (!is_named(entry_at(fs, at), name))
			continue;
		place->offset = at;
		place->before = before;
		place->number = entry_at(fs, at)->number;
		return true;
	}
	return false;
}

int ext2_dir_find(struct ext2_inode *dir, const struct vfs_name *name, struct ext2_place *place)
{
	uint32_t end = nr_blocks(dir);

	for (place->n = 0; place->n < end; place->n++) {
		int error = load(dir, place->n, &place->block);

		if (error)
			return error;
		if (find_in_buffer(dir->fs, name, place))
			return 0;
	}
	return -ENOENT;
}

int ext2_dir_is_empty(struct ext2_inode *dir)
{
	uint32_t end = nr_blocks(dir), block;

	for (uint32_t n = 0; n < end; n++) {
		int error = load(dir, n, &block);

		if (error)
			return error;
		for (unsigned int at = 0; at < dir->fs->block_bytes; at += entry_at(dir->fs, at)->rec_bytes) {
			const struct ext2_entry *entry = entry_at(dir->fs, at);
			bool is_own =
				entry->name[0] == '.' &&
				(entry->name_bytes == 1 || (entry->name_bytes == 2 && entry->name[1] == '.'));

			if (entry->number && !is_own)
				return -ENOTEMPTY;
		}
	}
	return 0;
}

int ext2_readdir(struct inode *inode, uint64_t *pos, struct vfs_entry *entry)
{
	struct ext2_inode *dir = ext2_of(inode);
	struct ext2_fs *fs = dir->fs;
	int result = 0;

	ext2_lock(fs);
	while (*pos < dir->raw.size && !result) {
		unsigned int wanted = (unsigned int)*pos & (fs->block_bytes - 1), at = 0;
		uint32_t block;
		int error = load(dir, (uint32_t)(*pos >> fs->block_shift), &block);

		if (error) {
			result = error;
			break;
		}
		while (at < wanted) /* an entry that was there may be part of another now */
			at += entry_at(fs, at)->rec_bytes;
		*pos = ALIGN_DOWN(*pos, (uint64_t)fs->block_bytes) + at;
		for (; at < fs->block_bytes && !result; at += entry_at(fs, at)->rec_bytes) {
			const struct ext2_entry *e = entry_at(fs, at);

			*pos += e->rec_bytes;
			if (!e->number)
				continue;
			*entry = (struct vfs_entry){
				.number = e->number, .kind = kind_of(fs, e->type), .len = e->name_bytes};
			memcpy(entry->name, e->name, e->name_bytes);
			result = 1;
		}
	}
	ext2_unlock(fs);
	return result;
}

/* --- changing --- */

/* Puts the entry where the block in the buffer has room. Result: was there? [*from, *to) changed. */
static bool put_in_buffer(const struct ext2_fs *fs, const struct vfs_name *name,
			  const struct ext2_inode *target, unsigned int *from, unsigned int *to)
{
	unsigned int wanted = bytes_of_entry(name->len);

	for (unsigned int at = 0; at < fs->block_bytes; at += entry_at(fs, at)->rec_bytes) {
		struct ext2_entry *entry = entry_at(fs, at);
		unsigned int used = entry->number ? bytes_of_entry(entry->name_bytes) : 0;

		if (entry->rec_bytes - used < wanted)
			continue;
		*from = at;
		if (used) {
			struct ext2_entry *rest = entry_at(fs, at + used);

			rest->rec_bytes = (uint16_t)(entry->rec_bytes - used);
			entry->rec_bytes = (uint16_t)used;
			entry = rest;
		}
		fill_entry(entry, name, target);
		*to = at + used + wanted;
		return true;
	}
	return false;
}

/* The tree is gone on the disk before what it would not find is there. */
static int give_index_up(struct ext2_inode *dir)
{
	int error;

	if (!(dir->raw.flags & EXT2_FLAG_INDEX))
		return 0;
	dir->raw.flags &= ~EXT2_FLAG_INDEX;
	error = ext2_write_inode(dir);
	return error ? error : ext2_order(dir->fs);
}

/* X3: a block with one free entry is on the disk before the directory has it, and then the directory's size before it is used. */
static int grow(struct ext2_inode *dir)
{
	struct ext2_entry empty = {.rec_bytes = (uint16_t)dir->fs->block_bytes};
	struct ext2_fs *fs = dir->fs;
	uint32_t block;
	int error;

	if (dir->raw.size > INT32_MAX - fs->block_bytes)
		return -ENOSPC;
	error = ext2_new_block(fs, &block);
	if (error)
		return error;
	error = ext2_write_bytes(fs, ext2_block_pos(fs, block), &empty, EXT2_ENTRY_HEAD);
	if (!error)
		error = ext2_order(fs);
	if (!error)
		error = ext2_set_block(dir, nr_blocks(dir), block);
	if (error) {
		(void)ext2_free_block(fs, block);
		return error;
	}
	dir->raw.size += fs->block_bytes;
	error = ext2_write_inode(dir);
	return error ? error : ext2_order(fs);
}

/* In the n-th block, if it has room. Result: 1; 0: it has none; an error. */
static int add_to_block(struct ext2_inode *dir, uint32_t n, const struct vfs_name *name,
			struct ext2_inode *target)
{
	unsigned int from, to;
	uint32_t block;
	int error = load(dir, n, &block);

	if (error)
		return error;
	if (!put_in_buffer(dir->fs, name, target, &from, &to))
		return 0;
	error = store(dir, block, from, to);
	return error ? error : 1;
}

int ext2_dir_add(struct ext2_inode *dir, const struct vfs_name *name, struct ext2_inode *target)
{
	uint32_t end = nr_blocks(dir);
	int result = give_index_up(dir);

	for (uint32_t n = 0; n < end && !result; n++)
		result = add_to_block(dir, n, name, target);
	if (!result) {
		result = grow(dir);
		if (!result)
			result = add_to_block(dir, end, name, target);
	}
	if (result < 0)
		return result;
	ext2_gain_name(target);
	return 0;
}

/* In the buffer. [*from, *to) changed. */
static void take_from_buffer(const struct ext2_fs *fs, const struct ext2_place *place, unsigned int *from,
			     unsigned int *to)
{
	struct ext2_entry *entry = entry_at(fs, place->offset), *before = entry_at(fs, place->before);

	entry->number = 0;
	if (before != entry)
		before->rec_bytes = (uint16_t)(before->rec_bytes + entry->rec_bytes);
	*from = place->before;
	*to = place->offset + EXT2_ENTRY_HEAD;
}

/* What happened since the place was found may have taken the buffer. */
static int load_place(struct ext2_inode *dir, const struct ext2_place *place)
{
	uint32_t block;

	return load(dir, place->n, &block);
}

int ext2_dir_remove(struct ext2_inode *dir, const struct ext2_place *place)
{
	unsigned int from, to;
	int error = load_place(dir, place);

	if (error)
		return error;
	take_from_buffer(dir->fs, place, &from, &to);
	return store(dir, place->block, from, to);
}

static void replace_in_buffer(const struct ext2_fs *fs, unsigned int offset, const struct ext2_inode *target)
{
	entry_at(fs, offset)->number = target->inode.number;
	entry_at(fs, offset)->type = type_of(fs, target->inode.mode);
}

int ext2_dir_replace(struct ext2_inode *dir, const struct ext2_place *place, struct ext2_inode *target)
{
	int error = load_place(dir, place);

	if (error)
		return error;
	replace_in_buffer(dir->fs, place->offset, target);
	error = store(dir, place->block, place->offset, place->offset + EXT2_ENTRY_HEAD);
	if (!error)
		ext2_gain_name(target);
	return error;
}

int ext2_dir_rename(struct ext2_inode *dir, const struct vfs_name *old_name, const struct vfs_name *new_name,
		    struct ext2_inode *moved)
{
	struct ext2_fs *fs = dir->fs;
	struct ext2_place old, other;
	unsigned int from, to;
	bool is_there;
	int error = give_index_up(dir);

	if (!error)
		error = ext2_dir_find(dir, old_name, &old);
	if (error)
		return error;
	is_there = find_in_buffer(fs, new_name, &other);
	fs->buffered = 0; /* until it is stored as a whole */
	if (is_there)
		replace_in_buffer(fs, other.offset, moved);
	take_from_buffer(fs, &old, &from, &to);
	if (!is_there && !put_in_buffer(fs, new_name, moved, &from, &to))
		return -EXDEV;
	error = store(dir, old.block, 0, fs->block_bytes);
	if (!error)
		fs->buffered = old.block;
	return error;
}

int ext2_dir_begin(struct ext2_inode *dir, const struct ext2_inode *parent)
{
	static const struct vfs_name self = {".", 1}, up = {"..", 2};
	struct ext2_fs *fs = dir->fs;
	unsigned int first = bytes_of_entry(1);
	uint32_t block;
	int error = ext2_make_block(dir, 0, &block);

	if (error)
		return error;
	fs->buffered = 0;
	memset(fs->buffer, 0, fs->block_bytes);
	fill_entry(entry_at(fs, 0), &self, dir);
	entry_at(fs, 0)->rec_bytes = (uint16_t)first;
	fill_entry(entry_at(fs, first), &up, parent);
	entry_at(fs, first)->rec_bytes = (uint16_t)(fs->block_bytes - first);
	dir->raw.size = fs->block_bytes;
	return ext2_write_bytes(fs, ext2_block_pos(fs, block), fs->buffer, fs->block_bytes);
}
