/* SPDX-License-Identifier: MIT */
/* scull: the driver books' device that is nothing but memory, and a thread that swallows all of it. For
 * whoever wants to see a driver's memory come and go; the monitor's command of this name drives it. Serves
 * CONTRACT C4, C5, D6.
 *
 * Positions and sizes are bytes. Context of all functions unless said otherwise: a thread that may sleep. */
#pragma once

#include <linux/gfp.h>
#include <linux/types.h>

#define SCULL_MAX_QUANTUM (128u << 10) /* the largest ordinary kmalloc */
#define SCULL_MAX_QSET	  4096u
#define SCULL_MAX_BYTES	  0x7fffffffl /* the last position is one less */

struct scull_dev;

/* An empty device whose memory is asked for with `flags`: quanta of `quantum` bytes, sets of `qset` of them.
 * Result: the device; ERR_PTR(-EINVAL): a size is 0 or above its maximum; ERR_PTR(-ENOMEM). */
struct scull_dev *scull_create(unsigned int quantum, unsigned int qset, gfp_t flags);

/* Gives everything back. Nobody may be inside another call, or make one later. NULL and error pointers are
 * ignored. */
void scull_destroy(struct scull_dev *dev);

/* Writes at *f_pos, which moves on; writing beyond the end leaves a hole. Result: bytes written, fewer than
 * `count` when memory or positions run out in between; -ENOMEM when there is none for the first;
 * -EINVAL: *f_pos is negative; -EFBIG: *f_pos is not below SCULL_MAX_BYTES. */
ssize_t scull_write(struct scull_dev *dev, const void *buf, size_t count, loff_t *f_pos);

/* Reads at *f_pos, which moves on. Holes read as zeros. Result: bytes read, 0 at the end; -EINVAL: *f_pos is
 * negative. */
ssize_t scull_read(struct scull_dev *dev, void *buf, size_t count, loff_t *f_pos);

/* Moves *f_pos to `off` from the start, from where it is, or from the device's end. Result: the new *f_pos,
 * or -EINVAL: not one of these, or negative, and nothing moved. */
enum { SCULL_SEEK_SET, SCULL_SEEK_CUR, SCULL_SEEK_END };
loff_t scull_llseek(struct scull_dev *dev, loff_t *f_pos, loff_t off, int whence);

/* Empties the device, and gives back all it holds. */
void scull_trim(struct scull_dev *dev);

/* The sizes that the device takes when it is trimmed next, as the book has it: T tells, Q queries, H shifts
 * (tells and returns what was). Result: as said, 0 for T and RESET; -EINVAL: a size is 0 or above its
 * maximum; -ENOTTY. */
enum scull_command {
	SCULL_IOCRESET, /* back to those of scull_create() */
	SCULL_IOCTQUANTUM,
	SCULL_IOCQQUANTUM,
	SCULL_IOCHQUANTUM,
	SCULL_IOCTQSET,
	SCULL_IOCQQSET,
	SCULL_IOCHQSET,
};
long scull_ioctl(struct scull_dev *dev, unsigned int cmd, unsigned long arg);

/* What the device holds just now. Never waits for who is inside: context any. */
struct scull_stat {
	size_t size_bytes, held_bytes; /* of contents; of memory, with all that manages it */
	size_t nr_quanta;
	unsigned int quantum, qset; /* in use */
};
void scull_stat(const struct scull_dev *dev, struct scull_stat *stat);

/* The hog: a thread "scull-hog" that writes a page after the other to a device of its own with GFP_KERNEL,
 * and when refused tries again a little later, until it is stopped. Whoever stops the thread gets all back:
 * it trims before it ends. start: 0, -EBUSY: it runs, -ENOMEM. stop: 0, -EINVAL: it was not started. */
int scull_hog_start(void);

/* The same, and when memory is out the kernel may end it. Serves R4. */
int scull_hog_start_expendable(void);
int scull_hog_stop(void);

/* Whole pages of memory that it holds. Context: any. */
size_t scull_hog_pages(void);

struct scull_hog_stat {
	bool is_running;
	unsigned long nr_writes, nr_refused; /* since the last start */
};
void scull_hog_stat(struct scull_hog_stat *stat);
