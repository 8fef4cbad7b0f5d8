/* SPDX-License-Identifier: MIT */
/* The second extended file system, revisions 0 and 1, over vfs.h. README.md has what it knows and the order on the disk. */
#pragma once

#include <kernel/lib/types.h>

/* Calls into it, and those of them made by a request for memory that reclaims (G5, PGC-07). Context: any. */
struct ext2_calls {
	uint32_t nr, nr_in_reclaim;
};
struct ext2_calls ext2_calls(void);
