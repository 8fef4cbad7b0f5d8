/* SPDX-License-Identifier: MIT */
/* Which block is the n-th of a file: twelve pointers in the inode, then trees of one, two and three levels. */
#include <drivers/fs/ext2_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>

#define CHUNK 64u /* pointers that are looked at at once */

/* The way to a block: the pointer in the inode, and then one in each of `depth` blocks. */
struct path {
	unsigned int depth, slot;
	uint32_t n; /* in the tree below that slot */
};

static bool find_path(const struct ext2_fs *fs, uint32_t n, struct path *path)
{
	uint64_t left = n;

	*path = (struct path){0, n, 0};
	if (n < EXT2_NR_DIRECT)
		return true;
	left -= EXT2_NR_DIRECT;
	for (unsigned int depth = 1; depth <= 3; depth++) {
		uint64_t span = 1ull << (depth * fs->pointer_shift);

		*path = (struct path){depth, EXT2_NR_DIRECT + depth - 1, (uint32_t)left};
		if (left < span)
			return true;
		left -= span;
	}
	return false;
}

static int check(struct ext2_inode *ei, uint32_t block)
{
	if (!block || ext2_is_data(ei->fs, block))
		return 0;
	return ext2_damaged(ei->fs, "inode %u points to block %u, expected one of its files' below %u",
			    ei->inode.number, block, ei->fs->super.nr_blocks);
}

/* A block of nobody, or the one that was given for the last pointer. */
static int fill_pointer(struct ext2_inode *ei, bool is_last, uint32_t given, uint32_t *block)
{
	int error = 0;

	*block = given;
	if (!is_last || !given)
		error = ext2_new_block(ei->fs, block);
	if (!error) {
		ei->raw.nr_sectors += ei->fs->block_bytes / BLK_SECTOR;
		ext2_mark_dirty(ei);
	}
	return error;
}

static int slot_in_inode(struct ext2_inode *ei, const struct path *path, bool makes, uint32_t given,
			 uint32_t *block)
{
	uint32_t *pointer = &ei->raw.block[path->slot];
	int error = check(ei, *pointer);

	*block = *pointer;
	if (error || *block || !makes)
		return error;
	error = fill_pointer(ei, path->depth == 0, given, block);
	if (!error)
		*pointer = *block;
	return error;
}

static int slot_in_block(struct ext2_inode *ei, uint32_t table, uint32_t slot, bool makes, bool is_last,
			 uint32_t given, uint32_t *block)
{
	uint64_t pos = ext2_block_pos(ei->fs, table) + slot * sizeof(*block);
	int error = ext2_read_bytes(ei->fs, pos, block, sizeof(*block));

	if (!error)
		error = check(ei, *block);
	if (error || *block || !makes)
		return error;
	error = fill_pointer(ei, is_last, given, block);
	return error ? error : ext2_write_bytes(ei->fs, pos, block, sizeof(*block));
}

static int follow(struct ext2_inode *ei, uint32_t n, bool makes, uint32_t given, uint32_t *block)
{
	unsigned int shift = ei->fs->pointer_shift;
	struct path path;
	int error;

	*block = 0;
	if (!find_path(ei->fs, n, &path))
		return makes ? -EFBIG : 0;
	error = slot_in_inode(ei, &path, makes, given, block);
	for (unsigned int left = path.depth; left && *block && !error; left--) {
		uint32_t slot = path.n >> ((left - 1) * shift) & ((1u << shift) - 1);

		error = slot_in_block(ei, *block, slot, makes, left == 1, given, block);
	}
	return error;
}

int ext2_find_block(struct ext2_inode *ei, uint32_t n, uint32_t *block)
{
	return follow(ei, n, false, 0, block);
}

int ext2_make_block(struct ext2_inode *ei, uint32_t n, uint32_t *block)
{
	return follow(ei, n, true, 0, block);
}

int ext2_set_block(struct ext2_inode *ei, uint32_t n, uint32_t block)
{
	uint32_t found;

	return follow(ei, n, true, block, &found);
}

/* --- cutting --- */

static int cut_branch(struct ext2_inode *ei, uint32_t *pointer, unsigned int depth, uint64_t start,
		      uint64_t first);

/* Pointers of a block, from slot `from` on, as many as a chunk has. */
static int cut_chunk(struct ext2_inode *ei, uint32_t table, unsigned int depth, uint64_t start,
		     uint64_t first, uint32_t from)
{
	uint64_t pos = ext2_block_pos(ei->fs, table) + from * sizeof(uint32_t);
	uint64_t span = 1ull << ((depth - 1) * ei->fs->pointer_shift);
	uint32_t pointer[CHUNK];
	bool is_changed = false;
	int error = ext2_read_bytes(ei->fs, pos, pointer, sizeof(pointer));

	for (uint32_t i = 0; i < CHUNK && !error; i++) {
		uint32_t before = pointer[i];

		error = cut_branch(ei, &pointer[i], depth - 1, start + (from + i) * span, first);
		is_changed |= pointer[i] != before;
	}
	if (is_changed && (start < first || error)) {
		int problem = ext2_write_bytes(ei->fs, pos, pointer, sizeof(pointer));

		error = error ? error : problem;
	}
	return error;
}

static int cut_table(struct ext2_inode *ei, uint32_t table, unsigned int depth, uint64_t start,
		     uint64_t first)
{
	uint64_t span = 1ull << ((depth - 1) * ei->fs->pointer_shift);
	int error = 0;

	for (uint32_t from = 0; from < 1u << ei->fs->pointer_shift && !error; from += CHUNK)
		if (start + (from + CHUNK) * span > first)
			error = cut_chunk(ei, table, depth, start, first, from);
	return error;
}

/* What lies at `first` or behind it, below a pointer to the blocks from `start` on. The pointer is 0 when all of it went. */
static int cut_branch(struct ext2_inode *ei, uint32_t *pointer, unsigned int depth, uint64_t start,
		      uint64_t first)
{
	int error;

	if (!*pointer || start + (1ull << (depth * ei->fs->pointer_shift)) <= first)
		return 0;
	error = check(ei, *pointer);
	if (!error && depth)
		error = cut_table(ei, *pointer, depth, start, first);
	if (error || start < first)
		return error;
	error = ext2_free_block(ei->fs, *pointer);
	if (error)
		return error;
	*pointer = 0;
	ei->raw.nr_sectors -= MIN(ei->raw.nr_sectors, ei->fs->block_bytes / BLK_SECTOR);
	return 0;
}

int ext2_cut(struct ext2_inode *ei, uint32_t n)
{
	uint64_t start = EXT2_NR_DIRECT;
	int error = 0;

	for (uint32_t i = 0; i < EXT2_NR_DIRECT && !error; i++)
		error = cut_branch(ei, &ei->raw.block[i], 0, i, n);
	for (unsigned int depth = 1; depth <= 3 && !error; depth++) {
		error = cut_branch(ei, &ei->raw.block[EXT2_NR_DIRECT + depth - 1], depth, start, n);
		start += 1ull << (depth * ei->fs->pointer_shift);
	}
	ext2_mark_dirty(ei);
	return error;
}
