/* SPDX-License-Identifier: MIT */
/* Reading and writing files through the pages of their mappings. Serves CONTRACT R2, R7, G12.
 *
 * PC1 a page that is not there is read once, whoever and however many want it; an error of that reading reaches all
 *     who waited for it, and the next who comes reads again.
 * PC2 behind the end of the file pages are 0, in memory and as they are written.
 * PC3 a page that was never up to date does not stay behind a writing that failed.
 *
 * Who reads one page after the other is read ahead of, further each time, up to READAHEAD_MAX pages; who jumps is not.
 * Pages for that are asked for with __GFP_COLD: a device fills them. */
#pragma once

#include <mm/cache/mapping.h>

#define READAHEAD_MIN 4u
#define READAHEAD_MAX 32u

/* How somebody goes through a file; all 0 at first. His alone. */
struct readahead {
	uint32_t next;	 /* the page that continues what was read */
	uint32_t end;	 /* up to here was read ahead */
	uint32_t window; /* how far, in pages, the last time */
};

/* From byte pos on, up to the end of the file. ahead may be NULL. Result: bytes, 0 at the end; or, when there are none,
 * an error: -EIO, -ENOMEM. Context: process, may sleep; no page locked. */
long pagecache_read(struct mapping *mapping, struct readahead *ahead, uint64_t pos, void *to,
		    size_t size_bytes);

/* The reader is at this page of nr_pages. Result: are [*start, *end) to be read ahead? */
bool readahead_next(struct readahead *ahead, uint32_t index, uint32_t nr_pages, uint32_t *start,
		    uint32_t *end);

/* Of a page that is locked and not up to date; it is locked until its reading has ended. Context: process, may sleep. */
void pagecache_begin_read(struct mapping *mapping, struct page *page);

/* A page of the file, up to date, with a reference. Result: 0; -ENXIO: it would lie behind the end; -EIO, -ENOMEM.
 * Context: as read. */
int pagecache_get(struct mapping *mapping, uint32_t index, struct page **page) MUST_CHECK;

/* The file grows where it must; bytes that it gets without being written are 0. Result: bytes; or, when there are none,
 * an error: that of reading the rest of a page, of make_blocks, -ENOMEM, -EFBIG. The bytes reach the disk later. Context:
 * the file's mutex held; as read. */
long pagecache_write(struct mapping *mapping, uint64_t pos, const void *from, size_t size_bytes);

/* The file ends at size_bytes, wherever it ended. Pages behind it are gone when this returns; none of them is written
 * any more. Result: 0; the error of reading the page of the new end: nothing changed. Context: as write. */
int pagecache_truncate(struct mapping *mapping, uint64_t size_bytes);

/* Begins to write all pages that are dirty now; waits for those under way before. Context: process, may sleep. */
void pagecache_write_out(struct mapping *mapping);

/* Until no page is being written that is now. Context: as that. */
void pagecache_wait_written(struct mapping *mapping);

/* Writes what is dirty now and waits until all is written. Result: 0, or the error of a writing since *seen, which is
 * then told. Context: process, may sleep. */
int pagecache_sync(struct mapping *mapping, unsigned int *seen);
