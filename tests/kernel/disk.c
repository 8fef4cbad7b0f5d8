/* SPDX-License-Identifier: MIT */
#include <tests/kernel/disk.h>

#include <kernel/lib/string.h>
#include <linux/mm.h>
#include <linux/slab.h>

#define WORDS (BLK_SECTOR / 4)

static uint32_t word_of(uint32_t sector, uint32_t i, char kind)
{
	return sector * 0x9e3779b1u + (uint32_t)kind + i * 0x85ebca6bu;
}

void test_disk_fill(void *bytes, uint32_t sector, char kind)
{
	uint32_t *word = bytes;

	for (uint32_t i = 0; i < WORDS; i++)
		word[i] = word_of(sector, i, kind);
}

bool test_disk_is(const void *bytes, uint32_t sector, char kind)
{
	const uint32_t *word = bytes;

	for (uint32_t i = 0; i < WORDS; i++)
		if (word[i] != word_of(sector, i, kind))
			return false;
	return true;
}

uint32_t test_disk_sum(uint32_t sum, const void *bytes, size_t nr)
{
	for (const uint8_t *byte = bytes; nr; nr--)
		sum = (sum ^ *byte++) * 0x01000193u;
	return sum;
}

int test_disk_io(struct blk_device *dev, enum blk_op op, uint32_t sector, void *buffer, uint32_t nr_sectors)
{
	struct blk_segment segment = {(pfn_t)(virt_to_phys(buffer) >> PAGE_SHIFT),
				      (uint16_t)offset_in_page(buffer), (uint16_t)(nr_sectors * BLK_SECTOR)};

	return blk_do(dev, op, sector, &segment, 1);
}

bool test_disk_open(struct test_disk *disk, const char *name)
{
	struct blk_device *dev = blk_find(name);
	uint32_t *header = dev ? (uint32_t *)get_zeroed_page(GFP_KERNEL) : NULL;
	bool is_ours = false;

	if (header && test_disk_io(dev, BLK_READ, 0, header, 1) == 0) {
		is_ours = memcmp(header, TEST_DISK_MAGIC, 16) == 0 && header[4] <= dev->nr_sectors;
		*disk = (struct test_disk){dev, header[4], header[5], header[6]};
	}
	free_page((unsigned long)header);
	return is_ours;
}
