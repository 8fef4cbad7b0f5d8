/* SPDX-License-Identifier: MIT */
/* scull's friend: a driver that keeps a file's pages, and gives them back. Guest only. */
#include <drivers/scullf.h>

#include <linux/err.h>
#include <linux/slab.h>
#include <mm/reclaim/vmscan.h>
#include <mm/report/fault.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/ext2.h>

#define NR_SECTORS 700u /* of /made/pattern */
#define MAX_TRIES  50u

static char *sector;

static void dev_end(struct scullf_dev **dev)
{
	scullf_destroy(*dev);
}

/* Sectors that are what the host wrote. */
static unsigned int nr_right(struct scullf_dev *dev)
{
	unsigned int nr = 0;
	loff_t pos = 0;

	for (uint32_t s = 1; s <= NR_SECTORS; s++)
		nr += scullf_read(dev, sector, BLK_SECTOR, &pos) == (ssize_t)BLK_SECTOR &&
		      test_disk_is(sector, s, 'H');
	return nr;
}

KTEST(scullf, what_it_keeps_is_read_once_and_given_back_when_memory_is_short, "R1 R2 D6")
{
	BORROW_MANY(sector, BLK_SECTOR);
	EXT2(fs);
	ENDS_WITH(dev_end) struct scullf_dev *dev = NULL;
	struct scullf_stat stat;
	loff_t pos = (loff_t)NR_SECTORS * BLK_SECTOR;

	NEEDS_EXT2(fs);
	EXPECT_EQ(PTR_ERR(scullf_create("/made/not")), -ENOENT);
	dev = scullf_create("/made/pattern");
	REQUIRE(!IS_ERR(dev));
	EXPECT_EQ(nr_right(dev), NR_SECTORS);
	EXPECT_EQ(scullf_read(dev, sector, 1, &pos), 0);
	scullf_stat(dev, &stat);
	EXPECT_EQ(stat.nr_pages, (NR_SECTORS + 7) / 8);
	EXPECT_EQ(stat.nr_misses, stat.nr_pages);
	EXPECT_EQ(nr_right(dev), NR_SECTORS);
	scullf_stat(dev, &stat);
	EXPECT_EQ(stat.nr_misses, stat.nr_pages);
	for (unsigned int i = 0; i < 100 && stat.nr_given_back == 0; i++) {
		(void)vmscan_reclaim(GFP_KERNEL, 1u << 16);
		scullf_stat(dev, &stat);
	}
	EXPECT(stat.nr_given_back > 0);
	EXPECT_EQ(nr_right(dev), NR_SECTORS);
}

KTEST(scullf, it_survives_the_nth_request_for_memory_failing_for_every_n, "S7")
{
	BORROW_MANY(sector, BLK_SECTOR);
	EXT2(fs);
	unsigned int n;

	NEEDS_EXT2(fs);
	expect_reports();
	for (n = 1; n < MAX_TRIES; n++) {
		struct scullf_dev *dev;
		loff_t pos = 0;
		bool was_hit;

		(void)fault_set_nth(n);
		dev = scullf_create("/made/pattern");
		if (!IS_ERR(dev))
			may_fail(scullf_read(dev, sector, BLK_SECTOR, &pos));
		was_hit = fault_set_nth(0);
		scullf_destroy(dev);
		if (!was_hit)
			break;
	}
	EXPECT(n > 3 && n < MAX_TRIES);
}
