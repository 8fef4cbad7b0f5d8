/* SPDX-License-Identifier: MIT */
/* A disk whose driver does nothing: what is read is what was there. */
#pragma once

#include <kernel/core/blkdev.h>

extern struct blk_device idle_disk; /* "bench0" */

bool idle_disk_open(uint64_t nr_sectors) MUST_CHECK;
void idle_disk_close(void);
