/* SPDX-License-Identifier: MIT */
/* The second extended file system, revisions 0 and 1, over vfs.h. README.md has what it knows and the order on the disk. */
#pragma once

#include <kernel/core/blkdev.h>
#include <kernel/lib/types.h>

/* Calls into it by enum blk_behalf: nobody's, and those of requests for memory that reclaim (G5, PGC-07). Context: any. */
struct ext2_calls {
	uint32_t nr_for[NR_BLK_BEHALF];
};
struct ext2_calls ext2_calls(void);
