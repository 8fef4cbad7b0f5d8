/* SPDX-License-Identifier: MIT */
/* Which blocks and inodes are nobody's: bitmaps on the disk, a group after the other. What is freed stays marked until the next
 * commit (X4): it is noted in bitmaps of our own. New blocks come from a window, a run that was cleared on the disk (X3). */
#include <drivers/fs/ext2_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>

#define CHUNK 64u /* bytes of a bitmap that are looked at at once */
#define NONE  (~0u)

/* --- where things are --- */

static uint32_t group_start(const struct ext2_fs *fs, uint32_t g)
{
	return fs->super.first_data_block + g * fs->super.blocks_per_group;
}

/* Blocks of the group: fewer in the last. */
static uint32_t group_blocks(const struct ext2_fs *fs, uint32_t g)
{
	return MIN(fs->super.blocks_per_group, fs->super.nr_blocks - group_start(fs, g));
}

static bool is_power_of(uint32_t n, uint32_t base)
{
	while (n > 1 && n % base == 0)
		n /= base;
	return n == 1;
}

/* Has it a copy of the superblock and of the descriptors in front? */
static bool has_super(const struct ext2_fs *fs, uint32_t g)
{
	return !(fs->super.ro_compat & EXT2_RO_SPARSE) || g == 0 || is_power_of(g, 3) || is_power_of(g, 5) ||
	       is_power_of(g, 7);
}

static uint32_t head_blocks(const struct ext2_fs *fs, uint32_t g)
{
	uint32_t bytes = fs->nr_groups * (uint32_t)sizeof(struct ext2_desc);

	return has_super(fs, g) ? 1 + ext2_blocks_of(fs, bytes) + fs->super.nr_reserved_gdt : 0;
}

bool ext2_is_data(const struct ext2_fs *fs, uint32_t block)
{
	uint32_t g = (block - fs->super.first_data_block) / fs->super.blocks_per_group;
	uint32_t nr_table = ext2_blocks_of(fs, (uint64_t)fs->super.inodes_per_group * fs->inode_bytes);
	const struct ext2_group *group;

	if (block <= fs->super.first_data_block || block >= fs->super.nr_blocks)
		return false;
	group = &fs->group[g];
	return block - group_start(fs, g) >= head_blocks(fs, g) && block != group->block_bitmap &&
	       block != group->inode_bitmap && block - group->inode_table >= nr_table;
}

uint32_t ext2_nr_free_blocks(const struct ext2_fs *fs)
{
	uint32_t nr = fs->nr_window + fs->nr_freed_blocks;

	for (uint32_t g = 0; g < fs->nr_groups; g++)
		nr += fs->group[g].nr_free_blocks;
	return nr;
}

uint32_t ext2_nr_free_inodes(const struct ext2_fs *fs)
{
	uint32_t nr = fs->nr_freed_inodes;

	for (uint32_t g = 0; g < fs->nr_groups; g++)
		nr += fs->group[g].nr_free_inodes;
	return nr;
}

/* --- bitmaps --- */

static bool bit_is_set(const uint8_t *bits, uint32_t n)
{
	return bits[n / 8] >> n % 8 & 1;
}

/* The first bit from `from` on that is clear, below `end`; NONE. */
static int find_clear(struct ext2_fs *fs, uint32_t bitmap, uint32_t from, uint32_t end, uint32_t *found)
{
	uint8_t bits[CHUNK];

	*found = NONE;
	while (from < end) {
		uint32_t start = ALIGN_DOWN(from, CHUNK * 8), stop = MIN(end, start + CHUNK * 8);
		int error = ext2_read_bytes(fs, ext2_block_pos(fs, bitmap) + start / 8, bits, CHUNK);

		if (error)
			return error;
		for (; from < stop; from++)
			if (!bit_is_set(bits, from - start)) {
				*found = from;
				return 0;
			}
	}
	return 0;
}

/* Sets the bits [from, from + nr), which are clear; up to the first that is not. Result: how many, or an error. */
static int set_run(struct ext2_fs *fs, uint32_t bitmap, uint32_t from, uint32_t nr)
{
	uint64_t pos = ext2_block_pos(fs, bitmap) + from / 8;
	uint8_t bits[CHUNK / 8 + 1];
	uint32_t n = from % 8, done = 0;
	size_t nr_bytes = (n + nr + 7) / 8;
	int error = ext2_read_bytes(fs, pos, bits, nr_bytes);

	for (; !error && done < nr && !bit_is_set(bits, n); n++, done++)
		bits[n / 8] |= (uint8_t)(1u << n % 8);
	if (!error)
		error = ext2_write_bytes(fs, pos, bits, nr_bytes);
	return error ? error : (int)done;
}

/* --- blocks --- */

/* A run of blocks of the group becomes the window. Result: 0; -ENOSPC: it has none. */
static int take_window(struct ext2_fs *fs, uint32_t g)
{
	struct ext2_group *group = &fs->group[g];
	uint32_t first;
	int error, nr;

	if (!group->nr_free_blocks)
		return -ENOSPC;
	error = find_clear(fs, group->block_bitmap, 0, group_blocks(fs, g), &first);
	if (error || first == NONE)
		return error ? error : -ENOSPC;
	nr = set_run(fs, group->block_bitmap, first,
		     MIN(MIN(EXT2_WINDOW, group->nr_free_blocks), group_blocks(fs, g) - first));
	if (nr < 0)
		return nr;
	fs->window = group_start(fs, g) + first;
	fs->nr_window = (uint32_t)nr;
	group->nr_free_blocks -= (uint32_t)nr;
	group->is_changed = true;
	for (uint32_t i = 0; i < (uint32_t)nr; i++)
		if (!ext2_is_data(fs, fs->window + i)) {
			fs->nr_window = 0;
			return ext2_damaged(
				fs, "block %u is marked free, expected in use: it is the file system's own",
				fs->window + i);
		}
	return 0;
}

/* X3: through the disk's pages, so that nothing older of them is written later. */
static int clear_window(struct ext2_fs *fs)
{
	int error = 0;

	memset(fs->buffer, 0, fs->block_bytes);
	fs->buffered = 0;
	for (uint32_t i = 0; i < fs->nr_window && !error; i++)
		error = ext2_write_bytes(fs, ext2_block_pos(fs, fs->window + i), fs->buffer, fs->block_bytes);
	return error ? error : ext2_order(fs);
}

static int refill_window(struct ext2_fs *fs)
{
	int error = -ENOSPC;

	for (uint32_t i = 0; i < fs->nr_groups && error == -ENOSPC; i++) {
		uint32_t g = (fs->next_group + i) % fs->nr_groups;

		error = take_window(fs, g);
		if (!error)
			fs->next_group = g;
	}
	if (!error)
		error = clear_window(fs);
	return error;
}

int ext2_new_block(struct ext2_fs *fs, uint32_t *block)
{
	int error = 0;

	if (!fs->nr_window)
		error = refill_window(fs);
	if (error == -ENOSPC && fs->nr_freed_blocks) {
		error = ext2_commit(fs);
		if (!error)
			error = refill_window(fs);
	}
	if (error) {
		(void)ext2_give_window_back(fs); /* where it could not be cleared */
		return error;
	}
	*block = fs->window++;
	fs->nr_window--;
	return 0;
}

int ext2_free_block(struct ext2_fs *fs, uint32_t block)
{
	uint32_t n = block - fs->super.first_data_block;

	if (!ext2_is_data(fs, block) || bit_is_set(fs->freed_blocks, n))
		return ext2_damaged(fs, "block %u is freed twice, expected one file to have it", block);
	fs->freed_blocks[n / 8] |= (uint8_t)(1u << n % 8);
	fs->nr_freed_blocks++;
	fs->group[n / fs->super.blocks_per_group].has_freed_blocks = true;
	if (block == fs->buffered)
		fs->buffered = 0;
	return 0;
}

/* No pointer ever named them. */
int ext2_give_window_back(struct ext2_fs *fs)
{
	int error = 0;

	for (; fs->nr_window && !error; fs->nr_window--)
		error = ext2_free_block(fs, fs->window++);
	return error;
}

/* --- inodes --- */

static int number_in_group(struct ext2_fs *fs, uint32_t g, bool is_dir, uint32_t *number)
{
	struct ext2_group *group = &fs->group[g];
	uint32_t from = g ? 0 : fs->first_inode - 1, n;
	int error;

	if (!group->nr_free_inodes)
		return -ENOSPC;
	error = find_clear(fs, group->inode_bitmap, from, fs->super.inodes_per_group, &n);
	if (error || n == NONE)
		return error ? error : -ENOSPC;
	error = set_run(fs, group->inode_bitmap, n, 1);
	if (error < 0)
		return error;
	group->nr_free_inodes--;
	group->nr_dirs += is_dir;
	group->is_changed = true;
	*number = g * fs->super.inodes_per_group + n + 1;
	return 0;
}

static int find_number(struct ext2_fs *fs, uint32_t first_group, bool is_dir, uint32_t *number)
{
	int error = -ENOSPC;

	for (uint32_t i = 0; i < fs->nr_groups && error == -ENOSPC; i++)
		error = number_in_group(fs, (first_group + i) % fs->nr_groups, is_dir, number);
	return error;
}

int ext2_new_number(struct ext2_fs *fs, uint32_t near, bool is_dir, uint32_t *number)
{
	uint32_t group = (near - 1) / fs->super.inodes_per_group;
	int error = find_number(fs, group, is_dir, number);

	if (error != -ENOSPC || !fs->nr_freed_inodes)
		return error;
	error = ext2_commit(fs);
	return error ? error : find_number(fs, group, is_dir, number);
}

int ext2_free_number(struct ext2_fs *fs, uint32_t number, bool is_dir)
{
	struct ext2_group *group = &fs->group[(number - 1) / fs->super.inodes_per_group];
	uint32_t n = number - 1;

	if (bit_is_set(fs->freed_inodes, n))
		return ext2_damaged(fs, "inode %u is freed twice, expected once", number);
	fs->freed_inodes[n / 8] |= (uint8_t)(1u << n % 8);
	fs->nr_freed_inodes++;
	group->has_freed_inodes = group->is_changed = true;
	group->nr_dirs -= is_dir && group->nr_dirs;
	return 0;
}

/* --- the commit's last part --- */

static int nr_set(unsigned int bits)
{
	int nr = 0;

	for (; bits; bits &= bits - 1)
		nr++;
	return nr;
}

/* Bits that are noted in `freed` are cleared on the disk. Result: how many, or an error. */
static int release_chunk(struct ext2_fs *fs, uint64_t pos, uint8_t *freed, uint32_t nr_bytes)
{
	uint8_t bits[CHUNK];
	int nr = 0, error = ext2_read_bytes(fs, pos, bits, nr_bytes);

	if (error)
		return error;
	for (uint32_t i = 0; i < nr_bytes; i++) {
		nr += nr_set(bits[i] & freed[i]);
		bits[i] &= (uint8_t)~freed[i];
	}
	error = ext2_write_bytes(fs, pos, bits, nr_bytes);
	if (error)
		return error;
	memset(freed, 0, nr_bytes);
	return nr;
}

static bool is_clear(const uint8_t *bits, uint32_t nr_bytes)
{
	for (uint32_t i = 0; i < nr_bytes; i++)
		if (bits[i])
			return false;
	return true;
}

/* A group's part of the notes, of so many bits. What was free already is not counted. */
static int release(struct ext2_fs *fs, uint32_t bitmap, uint8_t *freed, uint32_t nr_bits, uint32_t *nr_free)
{
	uint32_t nr_bytes = (nr_bits + 7) / 8;

	for (uint32_t at = 0; at < nr_bytes; at += CHUNK) {
		uint32_t part = MIN(CHUNK, nr_bytes - at);
		int nr;

		if (is_clear(freed + at, part))
			continue;
		nr = release_chunk(fs, ext2_block_pos(fs, bitmap) + at, freed + at, part);
		if (nr < 0)
			return nr;
		*nr_free += (uint32_t)nr;
	}
	return 0;
}

static int release_group(struct ext2_fs *fs, uint32_t g)
{
	struct ext2_group *group = &fs->group[g];
	int error = 0;

	if (group->has_freed_blocks)
		error = release(fs, group->block_bitmap,
				fs->freed_blocks + g * (fs->super.blocks_per_group / 8), group_blocks(fs, g),
				&group->nr_free_blocks);
	if (!error && group->has_freed_inodes)
		error = release(fs, group->inode_bitmap,
				fs->freed_inodes + g * (fs->super.inodes_per_group / 8),
				fs->super.inodes_per_group, &group->nr_free_inodes);
	if (error)
		return error;
	group->is_changed |= group->has_freed_blocks || group->has_freed_inodes;
	group->has_freed_blocks = group->has_freed_inodes = false;
	return 0;
}

/* The counts of a group, in its descriptor. */
static int write_counts(struct ext2_fs *fs, uint32_t g)
{
	struct ext2_group *group = &fs->group[g];
	uint64_t pos = ext2_block_pos(fs, fs->super.first_data_block + 1) + g * sizeof(struct ext2_desc) +
		       offsetof(struct ext2_desc, nr_free_blocks);
	uint16_t counts[3] = {(uint16_t)group->nr_free_blocks, (uint16_t)group->nr_free_inodes,
			      (uint16_t)group->nr_dirs};
	int error = 0;

	if (group->is_changed)
		error = ext2_write_bytes(fs, pos, counts, sizeof(counts));
	if (!error)
		group->is_changed = false;
	return error;
}

static int write_super_counts(struct ext2_fs *fs)
{
	uint32_t blocks = ext2_nr_free_blocks(fs) - fs->nr_window, inodes = ext2_nr_free_inodes(fs);
	int error;

	if (blocks == fs->super.nr_free_blocks && inodes == fs->super.nr_free_inodes && !fs->is_super_changed)
		return 0;
	fs->super.nr_free_blocks = blocks;
	fs->super.nr_free_inodes = inodes;
	error = ext2_write_bytes(fs, EXT2_SUPER_AT, &fs->super, sizeof(fs->super));
	fs->is_super_changed = error;
	return error;
}

int ext2_release_freed(struct ext2_fs *fs)
{
	int error = 0;

	for (uint32_t g = 0; g < fs->nr_groups && !error; g++) {
		error = release_group(fs, g);
		if (!error)
			error = write_counts(fs, g);
	}
	if (error)
		return error;
	fs->nr_freed_blocks = fs->nr_freed_inodes = 0;
	return write_super_counts(fs);
}
