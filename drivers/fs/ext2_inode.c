/* SPDX-License-Identifier: MIT */
/* Inodes in memory: one of each number, found in a table of lists. Those that nobody has a reference to stay for a while, with the
 * pages of their files. A reference to one that has none is taken under fs->mutex alone, and so is the last given back. */
#include <drivers/fs/ext2_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

static struct kmem_cache *inodes;

int ext2_inode_init(void)
{
	inodes = kmem_cache_create("ext2_inode", sizeof(struct ext2_inode), 0, SLAB_RECLAIM_ACCOUNT, NULL);
	return inodes ? 0 : -ENOMEM;
}

/* --- on the disk --- */

static uint64_t place_of(const struct ext2_fs *fs, uint32_t number)
{
	uint32_t n = number - 1;
	const struct ext2_group *group = &fs->group[n / fs->super.inodes_per_group];

	return ext2_block_pos(fs, group->inode_table) +
	       (uint64_t)(n % fs->super.inodes_per_group) * fs->inode_bytes;
}

/* What follows the part that we know: none of it is another's. */
static int clear_rest(struct ext2_inode *ei)
{
	static const uint8_t zeros[64];
	uint64_t pos = place_of(ei->fs, ei->inode.number);
	int error = 0;

	for (uint32_t at = EXT2_INODE_BYTES; at < ei->fs->inode_bytes && !error; at += sizeof(zeros))
		error = ext2_write_bytes(ei->fs, pos + at, zeros, sizeof(zeros));
	ei->is_new = error;
	return error;
}

static void note_size(struct ext2_inode *ei)
{
	uint64_t size = mapping_size(&ei->mapping);

	ei->raw.size = (uint32_t)size;
	ei->raw.size_high = (uint32_t)(size >> 32);
	if (size > INT32_MAX && !(ei->fs->super.ro_compat & EXT2_RO_LARGE_FILE)) {
		ei->fs->super.ro_compat |= EXT2_RO_LARGE_FILE;
		ei->fs->is_super_changed = true;
	}
}

int ext2_write_inode(struct ext2_inode *ei)
{
	int error = ei->is_new ? clear_rest(ei) : 0;

	if (ext2_is_file(ei))
		note_size(ei);
	ei->raw.nr_links = (uint16_t)ei->inode.nr_links;
	if (!error)
		error = ext2_write_bytes(ei->fs, place_of(ei->fs, ei->inode.number), &ei->raw,
					 sizeof(ei->raw));
	if (error)
		return error;
	ei->is_in_use = ei->inode.nr_links != 0;
	if (ei->is_dirty)
		list_del(&ei->dirty_link);
	ei->is_dirty = false;
	return 0;
}

void ext2_mark_dirty(struct ext2_inode *ei)
{
	if (ei->is_dirty || ei->is_nameless)
		return; /* X1 */
	ei->is_dirty = true;
	list_add_tail(&ei->dirty_link, &ei->fs->dirty);
}

void ext2_gain_name(struct ext2_inode *ei)
{
	ei->is_nameless = false;
	ei->named = ei->fs->epoch;
	ei->raw.ctime = ext2_now(ei->fs);
	ext2_mark_dirty(ei);
}

/* X2: what has no name any more was written when it lost the last. */
int ext2_write_dirty(struct ext2_fs *fs)
{
	while (!list_is_empty(&fs->dirty)) {
		struct ext2_inode *ei = list_first_entry(&fs->dirty, struct ext2_inode, dirty_link);
		int error = 0;

		if (ei->inode.nr_links || ei->is_in_use)
			error = ext2_write_inode(ei);
		if (error)
			return error;
		if (ei->is_dirty)
			list_del(&ei->dirty_link);
		ei->is_dirty = false;
	}
	return 0;
}

int ext2_lose_name(struct ext2_inode *ei)
{
	struct ext2_fs *fs = ei->fs;
	int error;

	ei->raw.ctime = ext2_now(fs);
	if (ei->inode.nr_links) {
		ext2_mark_dirty(ei);
		return ei->named == fs->epoch ? ext2_order(fs) : 0; /* the names that stay are there */
	}
	ei->raw.dtime = ext2_now(fs);
	if (!ei->is_in_use)
		return 0; /* the disk never knew it */
	error = ext2_write_inode(ei);
	return error ? error : ext2_order(fs);
}

/* --- in memory --- */

static struct list_head *bucket_of(struct ext2_fs *fs, uint32_t number)
{
	return &fs->bucket[number % EXT2_NR_BUCKETS];
}

static struct ext2_inode *find(struct ext2_fs *fs, uint32_t number)
{
	struct ext2_inode *ei;

	list_for_each_entry(ei, bucket_of(fs, number), hash)
		if (ei->inode.number == number)
			return ei;
	return NULL;
}

static const struct inode_ops *ops_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return &ext2_file_ops;
	case S_IFDIR:
		return &ext2_dir_ops;
	case S_IFLNK:
		return &ext2_link_ops;
	}
	return &ext2_other_ops;
}

static struct ext2_inode *add(struct ext2_fs *fs, uint32_t number, const struct ext2_raw *raw)
{
	struct ext2_inode *ei = kmem_cache_zalloc(inodes, GFP_NOFS);
	uint64_t size = raw->size;

	if (!ei)
		return NULL;
	ei->fs = fs;
	ei->raw = *raw;
	inode_init(&ei->inode, ops_of(raw->mode), fs->mount, number, raw->mode);
	ei->inode.nr_links = raw->nr_links;
	ei->named = fs->epoch - 1;
	list_init(&ei->unused);
	list_add(&ei->hash, bucket_of(fs, number));
	fs->nr_inodes++;
	if (ext2_is_file(ei)) {
		mapping_init(&ei->mapping, &ext2_mapping_ops, ei, GFP_HIGHUSER | __GFP_MOVABLE,
			     size | (uint64_t)raw->size_high << 32);
		ei->mapping.flusher = fs->disk->flusher;
	}
	return ei;
}

static void unhash(struct ext2_inode *ei)
{
	list_del(&ei->hash);
	list_del_init(&ei->unused);
	ei->fs->nr_inodes--;
	if (ei->is_dirty)
		list_del(&ei->dirty_link);
	ei->is_dirty = false;
}

/* Nobody finds it any more. Context: no lock. */
static void destroy(struct ext2_inode *ei)
{
	if (ext2_is_file(ei))
		mapping_destroy(&ei->mapping);
	kmem_cache_free(inodes, ei);
}

static bool is_known_kind(uint32_t mode)
{
	static const uint8_t kinds[] = {1, 2,  4, 6,
					8, 10, 12}; /* FIFO, devices, directory, file, link, socket */

	return memchr(kinds, (int)(mode >> 12), sizeof(kinds)) != NULL;
}

static int check(struct ext2_fs *fs, uint32_t number, const struct ext2_raw *raw)
{
	uint64_t size = raw->size | (uint64_t)raw->size_high << 32;

	if (!raw->nr_links || !raw->mode)
		return ext2_damaged(fs, "inode %u has a name and is not in use, expected both or none",
				    number);
	if (!is_known_kind(raw->mode))
		return ext2_damaged(fs, "inode %u has mode 0%o, expected a kind that is known", number,
				    raw->mode);
	if (raw->acl && !ext2_is_data(fs, raw->acl))
		return ext2_damaged(fs, "inode %u has attributes in block %u, expected one below %u", number,
				    raw->acl, fs->super.nr_blocks);
	if ((raw->mode & S_IFMT) == S_IFREG ? size > fs->max_bytes : raw->size > INT32_MAX)
		return ext2_damaged(fs, "inode %u has %llu bytes, expected %llu at most", number, size,
				    fs->max_bytes);
	if ((raw->mode & S_IFMT) == S_IFDIR && (!raw->size || raw->size & (fs->block_bytes - 1)))
		return ext2_damaged(fs, "directory %u has %u bytes, expected blocks of %u", number, raw->size,
				    fs->block_bytes);
	if ((raw->mode & S_IFMT) == S_IFLNK && (!raw->size || raw->size >= fs->block_bytes))
		return ext2_damaged(fs, "link %u has %u bytes, expected 1 to %u", number, raw->size,
				    fs->block_bytes - 1);
	return 0;
}

static int read_in(struct ext2_fs *fs, uint32_t number, struct ext2_inode **found)
{
	struct ext2_raw raw;
	int error;

	if (number > fs->super.nr_inodes || (number < fs->first_inode && number != EXT2_ROOT))
		return ext2_damaged(fs, "a name is of inode %u, expected %u to %u", number, fs->first_inode,
				    fs->super.nr_inodes);
	error = ext2_read_bytes(fs, place_of(fs, number), &raw, sizeof(raw));
	if (!error)
		error = check(fs, number, &raw);
	if (error)
		return error;
	*found = add(fs, number, &raw);
	if (!*found)
		return -ENOMEM;
	(*found)->is_in_use = true;
	return 0;
}

int ext2_get(struct ext2_fs *fs, uint32_t number, struct ext2_inode **found)
{
	struct ext2_inode *ei = find(fs, number);

	if (!ei)
		return read_in(fs, number, found);
	if (!ei->inode.nr_links)
		return ext2_damaged(fs, "inode %u has a name and was deleted, expected one or the other",
				    number);
	if (!list_is_empty(&ei->unused)) {
		list_del_init(&ei->unused);
		fs->nr_unused--;
	}
	atomic_inc(&ei->inode.nr_refs);
	*found = ei;
	return 0;
}

/* --- new ones --- */

int ext2_new(struct ext2_inode *dir, uint32_t mode, struct ext2_inode **made)
{
	struct ext2_fs *fs = dir->fs;
	uint32_t number, now = ext2_now(fs);
	bool is_dir = (mode & S_IFMT) == S_IFDIR;
	struct ext2_raw raw = {.mode = (uint16_t)mode,
			       .nr_links = is_dir ? 2 : 1,
			       .atime = now,
			       .ctime = now,
			       .mtime = now,
			       .generation = now};
	int error = ext2_new_number(fs, dir->inode.number, is_dir, &number);

	if (error)
		return error;
	if (find(fs, number))
		return ext2_damaged(fs, "inode %u is marked free, expected in use: it has a name", number);
	*made = add(fs, number, &raw);
	if (!*made) {
		(void)ext2_free_number(fs, number, is_dir);
		return -ENOMEM;
	}
	(*made)->is_new = (*made)->is_nameless = true;
	return 0;
}

/* Several inodes may share the block. */
static void drop_attributes(struct ext2_fs *fs, uint32_t block)
{
	uint32_t head[2]; /* magic, inodes */

	if (ext2_read_bytes(fs, ext2_block_pos(fs, block), head, sizeof(head)))
		return;
	if (head[0] != 0xea020000u) {
		(void)ext2_damaged(fs, "block %u begins with 0x%08x, expected 0xea020000: attributes", block,
				   head[0]);
		return;
	}
	if (head[1] <= 1) {
		(void)ext2_free_block(fs, block);
		return;
	}
	head[1]--;
	(void)ext2_write_bytes(fs, ext2_block_pos(fs, block), head, sizeof(head));
}

/* Its blocks, attributes and number; it is in no list, and has no pages. */
static void free_all(struct ext2_inode *ei)
{
	struct ext2_fs *fs = ei->fs;
	bool has_text = (ei->inode.mode & S_IFMT) == S_IFLNK && ei->raw.size < EXT2_FAST_LINK;
	bool is_dir = inode_is_dir(&ei->inode);

	if (has_text)
		memset(ei->raw.block, 0, sizeof(ei->raw.block));
	ei->is_nameless = true; /* not to be written */
	if (is_dir || ext2_is_file(ei) || (ei->inode.mode & S_IFMT) == S_IFLNK)
		(void)ext2_cut(ei, 0);
	if (ei->raw.acl)
		drop_attributes(fs, ei->raw.acl);
	(void)ext2_free_number(fs, ei->inode.number, is_dir);
}

void ext2_undo_new(struct ext2_inode *ei)
{
	ei->inode.nr_links = 0;
	unhash(ei);
	free_all(ei);
	if (ext2_is_file(ei))
		mapping_destroy(&ei->mapping); /* of which nothing was written yet */
	kmem_cache_free(inodes, ei);
}

/* --- going --- */

static void delete (struct ext2_inode *ei)
{
	struct ext2_fs *fs = ei->fs;

	if (ext2_is_file(ei))
		mapping_remove_from(&ei->mapping, 0);
	ext2_lock(fs);
	free_all(ei);
	ext2_unlock(fs);
	destroy(ei);
}

static bool has_dirty_pages(struct ext2_inode *ei)
{
	struct page *page;
	uint32_t index = 0;

	if (!ext2_is_file(ei))
		return false;
	page = mapping_next(&ei->mapping, &index, RADIX_DIRTY);
	if (page)
		put_page(page);
	return page != NULL;
}

/* The one that has been without a reference for longest; with one. Context: no lock. */
static struct ext2_inode *take_unused(struct ext2_fs *fs)
{
	struct ext2_inode *ei = NULL;

	ext2_lock(fs);
	if (!list_is_empty(&fs->unused)) {
		ei = list_first_entry(&fs->unused, struct ext2_inode, unused);
		list_del_init(&ei->unused);
		fs->nr_unused--;
		atomic_inc(&ei->inode.nr_refs);
	}
	ext2_unlock(fs);
	return ei;
}

/* Gives the reference back; the inode goes, if it is written and nobody else wants it. */
static bool let_go(struct ext2_inode *ei)
{
	struct ext2_fs *fs = ei->fs;
	bool goes;

	ext2_lock(fs);
	if (ei->is_dirty)
		(void)ext2_commit(fs);
	goes = atomic_dec_and_test(&ei->inode.nr_refs);
	if (goes && !fs->is_going && (ei->is_dirty || has_dirty_pages(ei))) {
		list_add_tail(&ei->unused, &fs->unused);
		fs->nr_unused++;
		goes = false;
	}
	if (goes)
		unhash(ei);
	ext2_unlock(fs);
	if (goes)
		destroy(ei);
	return goes;
}

static bool evict_one(struct ext2_fs *fs)
{
	struct ext2_inode *ei = take_unused(fs);
	unsigned int seen = 0;

	if (!ei)
		return false;
	if (ext2_is_file(ei))
		(void)pagecache_sync(&ei->mapping, &seen);
	return let_go(ei);
}

void ext2_put(struct inode *inode)
{
	struct ext2_inode *ei = ext2_of(inode);
	struct ext2_fs *fs = ei->fs;
	bool is_last, is_deleted = false, are_many = false;

	ext2_lock(fs);
	is_last = atomic_dec_and_test(&inode->nr_refs);
	if (is_last && !inode->nr_links) {
		is_deleted = true;
		unhash(ei);
	} else if (is_last) {
		list_add_tail(&ei->unused, &fs->unused);
		are_many = ++fs->nr_unused > EXT2_MAX_UNUSED;
	}
	ext2_unlock(fs);
	if (is_deleted)
		delete (ei);
	if (are_many)
		(void)evict_one(fs);
}

bool ext2_forget_unused(struct ext2_fs *fs)
{
	for (unsigned int left = fs->nr_unused; left; left--)
		(void)evict_one(fs);
	return fs->nr_inodes > 1;
}

size_t ext2_drop_empty(struct ext2_fs *fs, size_t nr)
{
	struct ext2_inode *ei, *next;
	size_t dropped = 0;

	list_for_each_entry_safe(ei, next, &fs->unused, unused) {
		if (dropped == nr)
			break;
		if (ei->is_dirty || (ext2_is_file(ei) && READ_ONCE(ei->mapping.nr_pages)))
			continue;
		unhash(ei);
		fs->nr_unused--;
		destroy(ei);
		dropped++;
	}
	return dropped;
}

/* --- all files --- */

/* Of the files with dirty pages the one with the lowest number from `number` on, with a reference. */
static struct ext2_inode *next_file(struct ext2_fs *fs, uint32_t number)
{
	struct ext2_inode *ei, *best = NULL;

	ext2_lock(fs);
	for (unsigned int i = 0; i < EXT2_NR_BUCKETS; i++)
		list_for_each_entry(ei, &fs->bucket[i], hash)
			if (ei->inode.number >= number && ext2_is_file(ei) && ei->inode.nr_links &&
			    (!best || ei->inode.number < best->inode.number) && has_dirty_pages(ei))
				best = ei;
	if (best && ext2_get(fs, best->inode.number, &best))
		best = NULL;
	ext2_unlock(fs);
	return best;
}

int ext2_write_files(struct ext2_fs *fs)
{
	struct ext2_inode *ei;
	int error = 0;

	for (uint32_t number = 1; (ei = next_file(fs, number)) != NULL; number++) {
		unsigned int seen = 0;
		int problem;

		(void)mapping_error_since(&ei->mapping, &seen);
		problem = pagecache_sync(&ei->mapping, &seen);
		error = error ? error : problem;
		number = ei->inode.number;
		ext2_put(&ei->inode);
	}
	return error;
}

uint64_t ext2_size(struct inode *inode)
{
	struct ext2_inode *ei = ext2_of(inode);

	return ext2_is_file(ei) ? mapping_size(&ei->mapping) : READ_ONCE(ei->raw.size);
}

void ext2_stat(struct inode *inode, struct vfs_stat *stat)
{
	const struct ext2_raw *raw = &ext2_of(inode)->raw;

	stat->disk_bytes = (uint64_t)READ_ONCE(raw->nr_sectors) * BLK_SECTOR;
	stat->mtime = READ_ONCE(raw->mtime);
}
