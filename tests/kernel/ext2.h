/* SPDX-License-Identifier: MIT */
/* Images for tests of ext2: disks with the label ashlar-test, which the host made. No other is written to. Guest only. */
#pragma once

#include <kernel/core/vfs.h>
#include <tests/kernel/test_util.h>

struct ext2_image {
	struct blk_device *dev; /* NULL: not mounted by us */
};

/* NULL: no disk has it. */
struct blk_device *ext2_image_find(const char *label);

/* Mounts it over "/". Result: NULL, or why the test is skipped. */
const char *ext2_image_open(struct ext2_image *image);
void ext2_image_close(struct ext2_image *image);

/* Result: 0 or an error. */
int ext2_remount(struct ext2_image *image);

/* For the host: the file's path and its sum. */
void ext2_print_sum(const char *path);

/* A call that may end as it likes. */
static inline void may_fail(long result)
{
	(void)result;
}

static inline void file_end_(struct file *file)
{
	vfs_close(file);
}

/* The first ones of a test; they end in the other order. */
#define EXT2(name) ENDS_WITH(ext2_image_close) struct ext2_image name = {.dev = NULL}
#define FILE(name) ENDS_WITH(file_end_) struct file name = {.inode = NULL}
#define NEEDS_EXT2(name)                                                                                     \
	do {                                                                                                 \
		const char *why_ = ext2_image_open(&(name));                                                 \
		if (why_)                                                                                    \
			SKIP(why_);                                                                          \
	} while (0)
