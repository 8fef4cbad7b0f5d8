/* SPDX-License-Identifier: MIT */
/* The operations of a mapping over memory. */
#include <tests/kernel/test_file.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/scope.h>
#include <tests/ktest.h>

char fake_byte(uint64_t pos)
{
	return (char)(pos * 7 + (pos >> 12) * 31 + 1);
}

static bool fails_now(unsigned int *countdown, bool for_ever)
{
	if (!*countdown || (*countdown > 1 && --*countdown))
		return false;
	if (!for_ever)
		*countdown = 0;
	return true;
}

/* Bytes of the page that belong to the file. */
static size_t bytes_of_page(struct fake_file *file, const struct page *page)
{
	uint64_t start = (uint64_t)page->index << PAGE_SHIFT, size = mapping_size(&file->mapping);

	return start >= size ? 0 : (size_t)MIN((uint64_t)PAGE_SIZE, size - start);
}

static void copy_in(struct fake_file *file, struct page *page)
{
	size_t nr = bytes_of_page(file, page);
	char *bytes = kmap_local_page(page);

	memcpy(bytes, file->disk + ((size_t)page->index << PAGE_SHIFT), nr);
	memset(bytes + nr, 0, PAGE_SIZE - nr);
	kunmap_local(bytes);
}

static void copy_out(struct fake_file *file, struct page *page)
{
	size_t nr = bytes_of_page(file, page);
	const char *bytes = kmap_local_page(page);

	memcpy(file->disk + ((size_t)page->index << PAGE_SHIFT), bytes, nr);
	for (size_t i = nr; i < PAGE_SIZE; i++)
		file->has_shown_junk |= bytes[i] != 0;
	kunmap_local(bytes);
}

static int keep(struct page **begun, struct page *page)
{
	for (unsigned int i = 0; i < 8; i++)
		if (!begun[i]) {
			begun[i] = page;
			return 0;
		}
	return -EBUSY;
}

static int fake_readpage(struct mapping *mapping, struct page *page)
{
	struct fake_file *file = mapping->host;
	bool fails = fails_now(&file->fails_read, file->fails_for_ever);

	file->nr_reads++;
	copy_in(file, page);
	if (file->is_late)
		return keep(file->reading, page);
	if (fails && file->nr_reads % 2)
		return -EIO; /* did not begin */
	page_end_read(page, fails ? -EIO : 0);
	return 0;
}

static void ask_inside(gfp_t gfp)
{
	struct page *page = alloc_page(gfp);

	if (page)
		__free_page(page);
}

static int fake_writepage(struct mapping *mapping, struct page *page)
{
	struct fake_file *file = mapping->host;
	bool fails = fails_now(&file->fails_write, file->fails_for_ever);

	file->nr_writes++;
	file->nr_writes_for[scope_reclaims_for()]++;
	if (file->asks_inside)
		ask_inside(file->asks_inside);
	if (!fails)
		copy_out(file, page);
	if (file->is_late)
		return keep(file->writing, page);
	if (fails && file->nr_writes % 2)
		return -EIO;
	page_end_write(page, fails ? -EIO : 0);
	return 0;
}

static int fake_make_blocks(struct mapping *mapping, struct page *page, unsigned int from, unsigned int to)
{
	struct fake_file *file = mapping->host;

	file->nr_blocks_asked++;
	if (from >= to || to > PAGE_SIZE)
		return -EINVAL;
	if (page->index < pages_of_size(mapping_size(mapping)))
		return 0;
	if (page->index >= FAKE_FILE_PAGES || !file->blocks_left)
		return -ENOSPC;
	file->blocks_left--;
	return 0;
}

static const struct mapping_ops fake_ops = {
	.readpage = fake_readpage, .writepage = fake_writepage, .make_blocks = fake_make_blocks};

bool fake_file_make(struct fake_file *file, uint64_t size_bytes)
{
	*file = (struct fake_file){.disk = kmalloc(FAKE_FILE_BYTES, GFP_KERNEL),
				   .blocks_left = FAKE_FILE_PAGES};
	if (!file->disk)
		return false;
	memset(file->disk, FAKE_FILE_JUNK, FAKE_FILE_BYTES);
	for (uint64_t pos = 0; pos < size_bytes; pos++)
		file->disk[pos] = fake_byte(pos);
	mapping_init(&file->mapping, &fake_ops, file, GFP_HIGHUSER, size_bytes);
	return true;
}

void fake_file_end(struct fake_file *file)
{
	if (!file->disk)
		return;
	mapping_destroy(&file->mapping);
	kfree(file->disk);
	file->disk = NULL;
}

static unsigned int end_all(struct page **begun, void (*end)(struct page *page, int error), int error)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < 8; i++)
		if (begun[i]) {
			struct page *page = begun[i];

			begun[i] = NULL;
			end(page, error);
			nr++;
		}
	return nr;
}

unsigned int fake_file_end_reads(struct fake_file *file, int error)
{
	return end_all(file->reading, page_end_read, error);
}

unsigned int fake_file_end_writes(struct fake_file *file, int error)
{
	return end_all(file->writing, page_end_write, error);
}

/* --- dirty ones --- */

bool fake_file_make_flushed(struct fake_file *file, unsigned int nr, struct flusher *flusher)
{
	char byte;

	if (!fake_file_make(file, (uint64_t)nr << PAGE_SHIFT))
		return false;
	file->mapping.flusher = flusher;
	for (unsigned int n = 0; n < nr; n++)
		if (pagecache_read(&file->mapping, NULL, (uint64_t)n << PAGE_SHIFT, &byte, 1) != 1)
			return false;
	return true;
}

void fake_file_make_dirty(struct fake_file *file, unsigned int from, unsigned int nr)
{
	for (unsigned int n = from; n < from + nr; n++)
		EXPECT_EQ(pagecache_write(&file->mapping, (uint64_t)n << PAGE_SHIFT, "x", 1), 1);
}

bool fake_file_is_dirty(struct fake_file *file, uint32_t index)
{
	struct page *page = mapping_find(&file->mapping, index);
	bool dirty = page && page_has(page, PG_DIRTY);

	if (page)
		put_page(page);
	return dirty;
}

void fake_file_make_old(struct fake_file *file)
{
	file->mapping.dirty_since_ms = port_now_ms() - WRITEBACK_AGE_MS;
}
