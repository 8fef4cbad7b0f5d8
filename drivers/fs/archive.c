/* SPDX-License-Identifier: MIT */
/* ustar: a block of 512 bytes that says a file's name and size, in octal digits, then its bytes in whole blocks; two
 * blocks of zeros at the end. Pages are copies, which reclaim may drop. Lock: none; nothing changes after boot. */
#include <drivers/fs/archive.h>

#include <kernel/core/printk.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <linux/highmem.h>

#define BLOCK 512u

struct header {
	char name[100];
	char mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
	char type; /* '0': a file */
	char link[100], magic[6];
};

extern const char archive_start[], archive_end[];

static struct {
	struct archive_file file[ARCHIVE_MAX_FILES];
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

	if (header->type != '0' || len >= sizeof(file->name) || archive.nr == ARCHIVE_MAX_FILES) {
		pr_warn("archive: file %u is left out", archive.nr);
		return;
	}
	memcpy(file->name, header->name, len);
	file->bytes = bytes;
	file->size_bytes = size_bytes;
	mapping_init(&file->mapping, &archive_ops, file, GFP_HIGHUSER, size_bytes);
	archive.nr++;
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

struct archive_file *archive_find(const char *name)
{
	for (unsigned int i = 0; i < archive.nr; i++)
		if (strcmp(archive.file[i].name, name) == 0)
			return &archive.file[i];
	return NULL;
}

struct archive_file *archive_at(unsigned int n)
{
	return n < archive.nr ? &archive.file[n] : NULL;
}
