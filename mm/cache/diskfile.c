/* SPDX-License-Identifier: MIT */
/* The operations of a mapping over the port's disks. No lock of its own; a disk never changes its size. */
#include <mm/cache/diskfile.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>

#define SECTOR	    512u
#define ALL_SECTORS ((1u << PAGE_SIZE / SECTOR) - 1)
STATIC_ASSERT(MAPPING_RUN <= PORT_BLOCK_RUN, "a run is one request");

static struct diskfile *diskfile_of(struct mapping *mapping)
{
	return mapping->host;
}

/* Bytes of the page that the disk has: all but for the last. */
static unsigned int bytes_of_page(const struct diskfile *file, const struct page *page)
{
	uint64_t start = (uint64_t)page->index << PAGE_SHIFT;

	ASSERT(start < port_disk_bytes(file->disk));
	return (unsigned int)MIN((uint64_t)PAGE_SIZE, port_disk_bytes(file->disk) - start);
}

/* The sectors of [from, to), as bits. */
static unsigned int sectors_of(unsigned int from, unsigned int to)
{
	unsigned int first = from / SECTOR, end = (to + SECTOR - 1) / SECTOR;

	ASSERT(from <= to && to <= PAGE_SIZE);
	return ((1u << end) - 1) & ~((1u << first) - 1);
}

/* DF1 */
static int disk_readpage(struct mapping *mapping, struct page *page)
{
	struct diskfile *file = diskfile_of(mapping);
	unsigned int nr = bytes_of_page(file, page);

	if (nr < PAGE_SIZE) {
		char *bytes = kmap_local_page(page);

		memset(bytes + nr, 0, PAGE_SIZE - nr);
		kunmap_local(bytes);
	}
	return port_block_submit(file->disk, page, sectors_of(0, nr), false);
}

/* DF3. Who writes to the page meanwhile notes sectors only when this writing has ended. */
static int disk_writepage(struct mapping *mapping, struct page *page)
{
	unsigned int sectors = (unsigned int)__atomic_exchange_n(&page->private, 0, __ATOMIC_ACQ_REL);
	int error;

	ASSERT(page_has(page, PG_WRITEBACK) && sectors < 1u << PAGE_SIZE / SECTOR); /* DF3 */
	if (!sectors) {
		page_end_write(page, 0);
		return 0;
	}
	error = port_block_submit(diskfile_of(mapping)->disk, page, sectors, true);
	if (error)
		__atomic_fetch_or(&page->private, sectors, __ATOMIC_ACQ_REL);
	return error;
}

/* A disk has no more blocks than it has. */
static int disk_make_blocks(struct mapping *mapping, struct page *page, unsigned int from, unsigned int to)
{
	uint64_t start = (uint64_t)page->index << PAGE_SHIFT,
		 size = port_disk_bytes(diskfile_of(mapping)->disk);

	if (start + to > size)
		return -ENOSPC;
	page_wait_written(page);
	__atomic_fetch_or(&page->private, sectors_of(from, to), __ATOMIC_ACQ_REL);
	return 0;
}

void port_block_done(struct page *page, unsigned int sectors, bool is_write, int error)
{
	if (is_write && error)
		__atomic_fetch_or(&page->private, sectors, __ATOMIC_ACQ_REL);
	if (is_write)
		page_end_write(page, error);
	else
		page_end_read(page, error);
}

/* --- as one request --- */

/* The last page may not be whole, and is left to disk_readpage(). */
static int disk_readpages(struct mapping *mapping, struct page **page, unsigned int nr)
{
	struct diskfile *file = diskfile_of(mapping);
	int error;

	if (bytes_of_page(file, page[nr - 1]) < PAGE_SIZE)
		nr--;
	error = port_block_submit_run(file->disk, page, nr, false);
	return error ? error : (int)nr;
}

/* The first pages of which all is to be written; or one that is written in part. */
static int disk_writepages(struct mapping *mapping, struct page **page, unsigned int nr)
{
	unsigned int whole = 0;
	int error;

	while (whole < nr && READ_ONCE(page[whole]->private) == ALL_SECTORS)
		whole++;
	if (!whole) {
		error = disk_writepage(mapping, page[0]);
		return error ? error : 1;
	}
	for (unsigned int i = 0; i < whole; i++)
		WRITE_ONCE(page[i]->private, 0);
	error = port_block_submit_run(diskfile_of(mapping)->disk, page, whole, true);
	for (unsigned int i = 0; error && i < whole; i++)
		WRITE_ONCE(page[i]->private, ALL_SECTORS);
	return error ? error : (int)whole;
}

void port_block_run_done(struct page **page, unsigned int nr, bool is_write, int error)
{
	for (unsigned int i = 0; is_write && error && i < nr; i++)
		__atomic_fetch_or(&page[i]->private, ALL_SECTORS, __ATOMIC_ACQ_REL);
	if (is_write)
		page_end_write_run(page, nr, error);
	for (unsigned int i = 0; !is_write && i < nr; i++)
		page_end_read(page[i], error);
}

int diskfile_open(struct diskfile *file, struct port_disk *disk, gfp_t gfp)
{
	static const struct mapping_ops ops = {.readpage = disk_readpage,
					       .writepage = disk_writepage,
					       .make_blocks = disk_make_blocks,
					       .readpages = disk_readpages,
					       .writepages = disk_writepages};

	if (!flusher_start(&file->flusher, "flusher"))
		return -ENOMEM;
	file->disk = disk;
	mapping_init(&file->mapping, &ops, file, gfp, port_disk_bytes(disk));
	file->mapping.flusher = &file->flusher;
	return 0;
}

void diskfile_close(struct diskfile *file)
{
	mapping_destroy(&file->mapping);
	flusher_stop(&file->flusher);
}
