/* SPDX-License-Identifier: MIT */
/* A whole disk as a file: the page with index i holds its bytes from i * PAGE_SIZE on. Serves CONTRACT R2, R7.
 *
 * DF1 what lies behind the last sector is 0 in memory and is never asked of the disk nor sent to it.
 * DF2 neither reading nor writing a page asks for memory: a request comes from the port's reserve (R3).
 * DF3 only sectors that were written to reach the disk: page->private has a bit for each. So a page may hold parts of a file
 *     system's own next to parts of its files, which it knows by other pages and which are newer there. */
#pragma once

#include <mm/cache/writeback.h>

struct port_disk;

struct diskfile {
	struct mapping mapping;
	struct port_disk *disk; /* (C) */
	struct flusher flusher; /* of all mappings on this disk */
};

/* Its pages may lie anywhere (gfp: GFP_KERNEL or GFP_HIGHUSER). The disk stays until diskfile_close(), which forgets what
 * was not written: pagecache_sync() first. Result: 0; -ENOMEM: no thread, and file->disk is as it was. Context: process, may sleep. */
int diskfile_open(struct diskfile *file, struct port_disk *disk, gfp_t gfp) MUST_CHECK;
void diskfile_close(struct diskfile *file);
