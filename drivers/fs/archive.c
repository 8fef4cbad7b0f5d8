/* SPDX-License-Identifier: MIT */
/* ustar: a block of 512 bytes that says a file's name and size, in octal digits, then its bytes in whole blocks; two
 * blocks of zeros at the end. Pages are copies, which reclaim may drop. Lock: none; nothing changes after boot. */
#include <drivers/fs/archive.h>

#include <kernel/core/err.h>
#include <kernel/core/printk.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>

#define BLOCK	  512u
#define MAX_FILES 24u

struct header {
	char name[100];
	char mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
	char type; /* '0': a file */
	char link[100], magic[6];
};

struct archive_file {
	struct inode inode;
	struct vfs_known known;
	struct mapping mapping;
	const char *bytes; /* in the image */
	size_t size_bytes;
	char name[32];
};

extern const char archive_start[], archive_end[];

static struct {
	struct archive_file file[MAX_FILES];
	unsigned int nr;
} archive;

static int read_page(struct mapping *mapping, struct page *page)
{
	const struct archive_file *file = mapping->host;
	size_t start = (size_t)page->index << PAGE_SHIFT;
	size_t nr = start < file->size_bytes ? MIN(file->size_bytes - start, (size_t)PAGE_SIZE) : 0;
	char *to = kmap_local_page(page);

	memcpy(to, file->bytes + start, nr);
	memset(to + nr, 0, PAGE_SIZE - nr);
	kunmap_local(to);
	page_end_read(page, 0);
	return 0;
}

static const struct mapping_ops archive_ops = {.readpage = read_page};

/* --- the inode --- */

static struct archive_file *file_of(struct inode *inode)
{
	return container_of(inode, struct archive_file, inode);
}

static struct mapping *archive_mapping(struct inode *inode)
{
	return &file_of(inode)->mapping;
}

static long archive_read(struct inode *inode, struct file *file, uint64_t pos, void *to, size_t size_bytes)
{
	STATIC_ASSERT(sizeof(struct readahead) <= sizeof(file->cursor), "a reader's place fits its file");
	return pagecache_read(archive_mapping(inode), (struct readahead *)file->cursor, pos, to, size_bytes);
}

static uint64_t archive_size(struct inode *inode)
{
	return file_of(inode)->size_bytes;
}

static void archive_put(struct inode *inode)
{
	atomic_dec(&inode->nr_refs);
}

static const struct inode_ops archive_inode_ops = {
	.read = archive_read,
	.size = archive_size,
	.mapping = archive_mapping,
	.put = archive_put,
};

/* --- the archive --- */

static size_t octal(const char *digits, unsigned int max)
{
	size_t value = 0;

	for (; max && *digits >= '0' && *digits <= '7'; max--)
		value = value * 8 + (size_t)(*digits++ - '0');
	return value;
}

static void add_file(const struct header *header, const char *bytes, size_t size_bytes)
{
	struct archive_file *file = &archive.file[archive.nr];
	size_t len = strnlen(header->name, sizeof(header->name));

	if (header->type != '0' || len >= sizeof(file->name) || archive.nr == MAX_FILES) {
		pr_warn("archive: file %u is left out", archive.nr);
		return;
	}
	memcpy(file->name, header->name, len);
	file->bytes = bytes;
	file->size_bytes = size_bytes;
	mapping_init(&file->mapping, &archive_ops, file, GFP_HIGHUSER, size_bytes);
	inode_init(&file->inode, &archive_inode_ops, NULL, ++archive.nr, S_IFREG | 0555u);
	file->known = (struct vfs_known){.name = file->name, .inode = &file->inode};
	vfs_add_known(&file->known);
}

void archive_init(void)
{
	for (const char *at = archive_start; at + BLOCK <= archive_end && *at;) {
		const struct header *header = (const struct header *)at;
		size_t size_bytes = octal(header->size, sizeof(header->size));

		at += BLOCK;
		if (memcmp(header->magic, "ustar", 5) != 0 || size_bytes > (size_t)(archive_end - at))
			break;
		add_file(header, at, size_bytes);
		at += ALIGN_UP(size_bytes, BLOCK);
	}
}
