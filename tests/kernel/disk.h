/* SPDX-License-Identifier: MIT */
/* Disk images whose every word is known, as tools/TestDisk.pm makes them: for tests of real disks. A disk without that header
 * is somebody's, and no test writes to it. Guest only. */
#pragma once

#include <kernel/core/blkdev.h>
#include <kernel/lib/types.h>

#define TEST_DISK_MAGIC "ASHLARTESTDISK01"

struct test_disk {
	struct blk_device *dev;
	uint32_t nr_sectors, host_end,
		guest_start; /* [1, host_end) is the host's, [guest_start, nr_sectors) ours */
};

/* Result: false when there is no such disk, or it is not for tests. */
bool test_disk_open(struct test_disk *disk, const char *name);

/* The pattern of a sector, 'H' or 'G', into 512 bytes; and is it there? */
void test_disk_fill(void *bytes, uint32_t sector, char kind);
bool test_disk_is(const void *bytes, uint32_t sector, char kind);

/* FNV-1a, continued from `sum`; TEST_DISK_SUM at first. A note "image ide0 bytes START+NR sum HEX" has run-guest compare. */
#define TEST_DISK_SUM 0x811c9dc5u
uint32_t test_disk_sum(uint32_t sum, const void *bytes, size_t nr);

/* Sectors by way of memory of the direct map, a page at most. Result: as blk_do(). */
int test_disk_io(struct blk_device *dev, enum blk_op op, uint32_t sector, void *buffer, uint32_t nr_sectors);
