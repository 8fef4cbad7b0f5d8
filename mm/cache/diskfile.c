/* SPDX-License-Identifier: MIT */
/* The operations of a mapping over the port's disks. No lock of its own; a disk never changes its size. */
#include <mm/cache/diskfile.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>

static struct diskfile *diskfile_of(struct mapping *mapping)
{
	return mapping->host;
}

/* Bytes of the page that the disk has: all but for the last. */
static unsigned int bytes_of_page(const struct diskfile *file, const struct page *page)
{
	uint64_t start = (uint64_t)page->index << PAGE_SHIFT;

	return (unsigned int)MIN((uint64_t)PAGE_SIZE, port_disk_bytes(file->disk) - start);
}

static int submit(struct mapping *mapping, struct page *page, bool is_write)
{
	struct diskfile *file = diskfile_of(mapping);

	return port_block_submit(file->disk, page, bytes_of_page(file, page), is_write);
}

/* DF1 */
static int disk_readpage(struct mapping *mapping, struct page *page)
{
	unsigned int nr = bytes_of_page(diskfile_of(mapping), page);

	if (nr < PAGE_SIZE) {
		char *bytes = kmap_local_page(page);

		memset(bytes + nr, 0, PAGE_SIZE - nr);
		kunmap_local(bytes);
	}
	return submit(mapping, page, false);
}

static int disk_writepage(struct mapping *mapping, struct page *page)
{
	return submit(mapping, page, true);
}

/* A disk has no more blocks than it has. */
static int disk_make_blocks(struct mapping *mapping, struct page *page, unsigned int from, unsigned int to)
{
	uint64_t start = (uint64_t)page->index << PAGE_SHIFT,
		 size = port_disk_bytes(diskfile_of(mapping)->disk);

	(void)from;
	return start + to <= size ? 0 : -ENOSPC;
}

void port_block_done(struct page *page, bool is_write, int error)
{
	if (is_write)
		page_end_write(page, error);
	else
		page_end_read(page, error);
}

void diskfile_open(struct diskfile *file, struct port_disk *disk, gfp_t gfp)
{
	static const struct mapping_ops ops = {disk_readpage, disk_writepage, disk_make_blocks};

	file->disk = disk;
	mapping_init(&file->mapping, &ops, file, gfp, port_disk_bytes(disk));
}

void diskfile_close(struct diskfile *file)
{
	mapping_destroy(&file->mapping);
}
