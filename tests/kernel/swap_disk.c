/* SPDX-License-Identifier: MIT */
#include <tests/kernel/swap_disk.h>

#include <drivers/fs/disk.h>
#include <kernel/core/blkdev.h>
#include <kernel/core/thread.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <tests/kernel/disk.h>
#include <user/program.h>

#define LABEL	 "ashlar-test"
#define LABEL_AT 1052u

bool swap_disk_is_ours(void)
{
	struct blk_device *dev = blk_find(SWAP_DISK_NAME);
	char *page = dev ? (char *)get_zeroed_page(GFP_KERNEL) : NULL;
	bool ok = page && test_disk_io(dev, BLK_READ, 0, page, PAGE_SIZE / BLK_SECTOR) == 0 &&
		  memcmp(page + LABEL_AT, LABEL, sizeof(LABEL)) == 0;

	free_page((unsigned long)page);
	return ok;
}

bool swap_disk_begin(void)
{
	return disk_swap_on(SWAP_DISK_NAME) == 0;
}

void swap_disk_end(int *unused)
{
	struct swap_counts counts = swap_counts();

	(void)unused;
	blk_fault_set(blk_find(SWAP_DISK_NAME), BLK_FAULT_NONE, 0);
	EXPECT_EQ(programs_snapshot(NULL, 0), 0);
	EXPECT_EQ(counts.nr_free, counts.nr_slots);
	expect_valid();
	if (swap_is_on())
		EXPECT_EQ(swap_off(SWAP_DISK_NAME), 0);
	(void)vmscan_reclaim(GFP_HIGHUSER, SIZE_MAX);
	vmalloc_purge(); /* of maps */
}

unsigned int free_mib(void)
{
	return (unsigned int)(nr_free_pages() / MIB_PAGES);
}

int start_hog(unsigned int mib, const char *rounds, const char *how)
{
	char name[] = "hog", size[12], times[12], random[12];
	char *word[] = {name, size, times, random};

	(void)snprintf(size, sizeof(size), "%u", mib);
	(void)snprintf(times, sizeof(times), "%s", rounds);
	(void)snprintf(random, sizeof(random), "%s", how ? how : "");
	return program_spawn_words(how ? 4 : 3, word, current->id);
}

int end_of_hog(int id)
{
	int code = 0;

	if (id < 0)
		return id;
	return program_wait((unsigned int)id, &code) == id ? code : -EINTR;
}
