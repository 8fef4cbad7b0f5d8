/* SPDX-License-Identifier: MIT */
/* Files: their pages, from and to their blocks. page->private says where the blocks of a page are, so that writing it out asks
 * for nothing (MA4, R3): 0 when it is not known, an odd number (the first block << 1 | 1) when they lie in a row, else an array of them,
 * 0 for none. It changes with the page locked and not being written. */
#include <drivers/fs/ext2_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>

#define MAX_BLOCKS (PAGE_SIZE / 1024u) /* of a page */

static struct ext2_inode *inode_of(const struct mapping *mapping)
{
	return mapping->host;
}

static unsigned int blocks_a_page(const struct ext2_fs *fs)
{
	return PAGE_SIZE >> fs->block_shift;
}

/* --- where a page's blocks are --- */

static uint32_t block_at(const struct page *page, unsigned int i)
{
	if (page->private & 1)
		return (uint32_t)(page->private >> 1) + i;
	return page->private ? ((const uint32_t *)page->private)[i] : 0;
}

static void forget_blocks(struct page *page)
{
	if (page->private && !(page->private & 1))
		kfree((void *)page->private);
	page->private = 0;
}

static bool are_in_a_row(const uint32_t *block, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (!block[i] || block[i] != block[0] + i)
			return false;
	return true;
}

static int note_blocks(struct page *page, const uint32_t *block, unsigned int nr)
{
	uint32_t *array = NULL;

	if (!are_in_a_row(block, nr)) {
		array = kmalloc(sizeof(*array) * MAX_BLOCKS, GFP_NOFS);
		if (!array)
			return -ENOMEM;
		memcpy(array, block, sizeof(*array) * nr);
	}
	forget_blocks(page);
	page->private = array ? (uintptr_t)array : (uintptr_t)block[0] << 1 | 1;
	return 0;
}

static bool has_blocks(const struct page *page, unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end; i++)
		if (!block_at(page, i))
			return false;
	return true;
}

/* Looks for the blocks of a page below `limit` of the file, and makes those in [first, end) where there are none. */
static int look_up(struct ext2_inode *ei, struct page *page, unsigned int first, unsigned int end,
		   uint32_t limit)
{
	struct ext2_fs *fs = ei->fs;
	unsigned int nr = blocks_a_page(fs);
	uint32_t block[MAX_BLOCKS] = {0}, n = page->index * nr;
	int error = 0;

	for (unsigned int i = 0; i < nr && !error; i++) {
		if (i >= first && i < end)
			error = ext2_make_block(ei, n + i, &block[i]);
		else if (n + i < limit)
			error = ext2_find_block(ei, n + i, &block[i]);
	}
	return error ? error : note_blocks(page, block, nr);
}

/* --- moving pages --- */

/* The blocks of the page that lie in a row from the next one on. Result: are there any? */
static bool choose_run(struct blk_request *request)
{
	const struct page *page = request->owner;
	unsigned int shift = inode_of(page->mapping)->fs->block_shift, nr = PAGE_SIZE >> shift;
	unsigned int first = request->note, end;
	uint32_t block;

	while (first < nr && !block_at(page, first))
		first++;
	if (first == nr)
		return false;
	block = block_at(page, first);
	for (end = first + 1; end < nr && block_at(page, end) == block + (end - first);)
		end++;
	request->note = end;
	request->sector = (uint64_t)block << (shift - 9);
	request->one = (struct blk_segment){page_to_pfn(page), (uint16_t)(first << shift),
					    (uint16_t)((end - first) << shift)};
	return true;
}

static void clear_part(struct page *page, unsigned int from, unsigned int to)
{
	char *bytes = kmap_local_page(page);

	memset(bytes + from, 0, to - from);
	kunmap_local(bytes);
}

/* What lies behind the end of the file is 0, whoever wrote the disk. */
static void clear_tail(struct page *page)
{
	uint64_t start = (uint64_t)page->index << PAGE_SHIFT, size = mapping_size(page->mapping);

	if (size < start + PAGE_SIZE)
		clear_part(page, size > start ? (unsigned int)(size - start) : 0, PAGE_SIZE);
}

static void page_moved(struct blk_request *request)
{
	struct page *page = request->owner;
	bool is_write = request->op == BLK_WRITE;
	int error = request->error;

	if (!error && choose_run(request)) {
		error = blk_submit(request);
		if (!error)
			return;
	}
	blk_request_put(request);
	if (is_write) {
		page_end_write(page, error);
		return;
	}
	if (!error)
		clear_tail(page);
	page_end_read(page, error);
}

/* Result: 0, and the page's end has come or will; or an error. */
static int move_page(struct ext2_inode *ei, struct page *page, enum blk_op op)
{
	struct blk_request *request = blk_request_get(ei->fs->mount->dev);
	int error;

	request->op = op;
	request->segment = &request->one;
	request->nr_segments = 1;
	request->owner = page;
	request->done = page_moved;
	if (!choose_run(request)) { /* none of it is on the disk */
		page_moved(request);
		return 0;
	}
	error = blk_submit(request);
	if (error)
		blk_request_put(request);
	return error;
}

static void clear_holes(const struct ext2_fs *fs, struct page *page)
{
	for (unsigned int i = 0; i < blocks_a_page(fs); i++)
		if (!block_at(page, i))
			clear_part(page, i << fs->block_shift, (i + 1) << fs->block_shift);
}

static int ext2_readpage(struct mapping *mapping, struct page *page)
{
	struct ext2_inode *ei = inode_of(mapping);
	int error;

	ext2_lock(ei->fs);
	error = look_up(ei, page, 0, 0, ext2_blocks_of(ei->fs, mapping_size(mapping)));
	ext2_unlock(ei->fs);
	if (error)
		return error;
	clear_holes(ei->fs, page);
	return move_page(ei, page, BLK_READ);
}

static int ext2_writepage(struct mapping *mapping, struct page *page)
{
	int error;

	ext2_enter();
	error = page->private ? move_page(inode_of(mapping), page, BLK_WRITE) : -EIO;
	ext2_leave();
	return error;
}

/* X3: they are 0 on the disk until the page is. */
static int ext2_make_blocks(struct mapping *mapping, struct page *page, unsigned int from, unsigned int to)
{
	struct ext2_inode *ei = inode_of(mapping);
	unsigned int shift = ei->fs->block_shift, first = from >> shift, end = ((to - 1) >> shift) + 1;
	int error = -EROFS;

	if (has_blocks(page, first, end))
		return 0;
	page_wait_written(page);
	ext2_lock(ei->fs);
	if (!ei->inode.mount->is_read_only)
		error = look_up(ei, page, first, end, ext2_blocks_of(ei->fs, mapping_size(mapping)));
	ext2_unlock(ei->fs);
	return error;
}

const struct mapping_ops ext2_mapping_ops = {
	.readpage = ext2_readpage,
	.writepage = ext2_writepage,
	.make_blocks = ext2_make_blocks,
	.leave = forget_blocks,
};

/* --- operations --- */

static long ext2_read(struct inode *inode, struct file *file, uint64_t pos, void *to, size_t size_bytes)
{
	return pagecache_read(&ext2_of(inode)->mapping, (struct readahead *)file->cursor, pos, to,
			      size_bytes);
}

/* Blocks behind the end, where a write could not go on. */
static int cut_rest(struct ext2_inode *ei)
{
	return ext2_cut(ei, ext2_blocks_of(ei->fs, mapping_size(&ei->mapping)));
}

static int ext2_throttle(struct inode *inode)
{
	return writeback_throttle(&ext2_of(inode)->mapping);
}

static long ext2_write(struct inode *inode, uint64_t pos, const void *from, size_t size_bytes)
{
	struct ext2_inode *ei = ext2_of(inode);
	long nr;

	if (inode->mount->is_read_only)
		return -EROFS;
	if (pos >= ei->fs->max_bytes)
		return size_bytes ? -EFBIG : 0;
	nr = pagecache_write(&ei->mapping, pos, from,
			     (size_t)MIN((uint64_t)size_bytes, ei->fs->max_bytes - pos));
	ext2_lock(ei->fs);
	ei->raw.mtime = ei->raw.ctime = ext2_now(ei->fs);
	ext2_mark_dirty(ei);
	if (nr < (long)size_bytes && !inode->mount->is_read_only)
		(void)cut_rest(ei);
	ext2_unlock(ei->fs);
	return nr;
}

/* The page of the new end, held and locked, where the file ends within one; NULL. */
static struct page *lock_last_page(struct ext2_inode *ei, uint64_t size_bytes)
{
	struct page *page = NULL;

	if (blocks_a_page(ei->fs) > 1 && size_bytes & (PAGE_SIZE - 1))
		page = mapping_find(&ei->mapping, (uint32_t)(size_bytes >> PAGE_SHIFT));
	if (!page)
		return NULL;
	page_lock(page);
	page_wait_written(page);
	return page;
}

/* Its blocks from the end on are others' soon. */
static int drop_blocks_behind(struct ext2_inode *ei, struct page *page, uint64_t size_bytes)
{
	uint32_t block[MAX_BLOCKS] = {0}, end = ext2_blocks_of(ei->fs, size_bytes & (PAGE_SIZE - 1));

	if (!mapping_has(&ei->mapping, page) || !page->private)
		return 0;
	for (uint32_t i = 0; i < end; i++)
		block[i] = block_at(page, i);
	return note_blocks(page, block, blocks_a_page(ei->fs));
}

static int shrink(struct ext2_inode *ei, uint64_t size_bytes)
{
	struct page *last = lock_last_page(ei, size_bytes);
	int error;

	ext2_lock(ei->fs);
	error = last ? drop_blocks_behind(ei, last, size_bytes) : 0;
	if (!error)
		error = ext2_cut(ei, ext2_blocks_of(ei->fs, size_bytes));
	ext2_unlock(ei->fs);
	if (last) {
		page_unlock(last);
		put_page(last);
	}
	return error;
}

static int ext2_truncate(struct inode *inode, uint64_t size_bytes)
{
	struct ext2_inode *ei = ext2_of(inode);
	uint64_t before = mapping_size(&ei->mapping);
	int error;

	if (inode->mount->is_read_only)
		return -EROFS;
	if (size_bytes > ei->fs->max_bytes)
		return -EFBIG;
	error = pagecache_truncate(&ei->mapping, size_bytes);
	if (error)
		return error;
	if (size_bytes < before)
		error = shrink(ei, size_bytes);
	ext2_lock(ei->fs);
	ei->raw.mtime = ei->raw.ctime = ext2_now(ei->fs);
	ext2_mark_dirty(ei);
	ext2_unlock(ei->fs);
	return error;
}

int ext2_fsync(struct inode *inode, unsigned int *seen)
{
	struct ext2_inode *ei = ext2_of(inode);
	int error = ext2_is_file(ei) ? pagecache_sync(&ei->mapping, seen) : 0, problem;

	ext2_lock(ei->fs);
	problem = ext2_commit(ei->fs);
	ext2_unlock(ei->fs);
	return error ? error : problem;
}

static unsigned int ext2_errors(struct inode *inode)
{
	unsigned int seen = 0;

	(void)mapping_error_since(&ext2_of(inode)->mapping, &seen);
	return seen;
}

/* What a program is shown of it. */
static struct mapping *ext2_mapping(struct inode *inode)
{
	return &ext2_of(inode)->mapping;
}

const struct inode_ops ext2_file_ops = {
	.read = ext2_read,
	.throttle = ext2_throttle,
	.write = ext2_write,
	.truncate = ext2_truncate,
	.fsync = ext2_fsync,
	.size = ext2_size,
	.stat = ext2_stat,
	.errors = ext2_errors,
	.mapping = ext2_mapping,
	.put = ext2_put,
};
