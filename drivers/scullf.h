/* SPDX-License-Identifier: MIT */
/* scullf: scull's friend, a device whose bytes are a file's. It reads the file page by page into pages of its own, as the driver
 * books' devices do, keeps them, and gives them back when memory is short: a cache, and the shrinker that makes it a good
 * neighbour. Serves CONTRACT R1, D6.
 *
 * Context of all functions: a thread that may sleep, outside of any file system. */
#pragma once

#include <linux/types.h>

struct scullf_dev;

/* A device over that file. Result: the device, or ERR_PTR(): what opening the file said, -ENOMEM. */
struct scullf_dev *scullf_create(const char *path);

/* Gives everything back. Nobody is inside another call. NULL and error pointers are ignored. */
void scullf_destroy(struct scullf_dev *dev);

/* Reads at *f_pos, which moves on. Result: bytes read, 0 at the end; an error when there are none. */
ssize_t scullf_read(struct scullf_dev *dev, void *buf, size_t count, loff_t *f_pos);

struct scullf_stat {
	unsigned long nr_pages; /* held now */
	unsigned long nr_hits, nr_misses, nr_given_back;
};
void scullf_stat(struct scullf_dev *dev, struct scullf_stat *stat);
