/* SPDX-License-Identifier: MIT */
/* The floppy behind the 8237, with an image that the host knows (disk.h): a device that reaches 16 MiB. Guest only. */
#include <drivers/block/floppy.h>

#include <drivers/block/isadma.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/slab.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/test_util.h>

#define SECTORS_A_PAGE (PAGE_SIZE / BLK_SECTOR)
#define SHORT_TIMEOUT  (HZ / 5)

static struct test_disk disk;

/* First lines of a test. */
#define NEEDS_FLOPPY()                                                                                       \
	if (!test_disk_open(&disk, "fd0"))                                                                   \
	SKIP("no floppy for tests is fd0")

static void give_back(void *memory)
{
	free_page(*(unsigned long *)memory);
}

#define PAGE_OF_ITS_OWN(name, gfp)                                                                           \
	char *name ENDS_WITH(give_back) = (char *)__get_free_page(gfp);                                      \
	REQUIRE(name)

/* Sectors to that page, compared with what the host wrote. */
static bool reads_right(struct page *page, uint32_t start, uint32_t nr)
{
	struct blk_segment segment = {page_to_pfn(page), 0, (uint16_t)(nr * BLK_SECTOR)};
	int error = blk_do(disk.dev, BLK_READ, start, &segment, 1);
	bool is_right = !error;
	char *window = kmap_local_page(page);

	for (uint32_t i = 0; i < nr && is_right; i++)
		is_right = test_disk_is(window + i * BLK_SECTOR, start + i, 'H');
	kunmap_local(window);
	return is_right;
}

KTEST(floppy, every_sector_of_the_host_comes_right_into_dma_memory, "P11 G7 ZON-01 DMA-01")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FLOPPY();
	PAGE_OF_ITS_OWN(buffer, GFP_KERNEL | __GFP_DMA);
	uint32_t nr_bounced = dma_bounce.nr_mapped;

	for (uint32_t s = 1; s < disk.host_end; s += SECTORS_A_PAGE)
		REQUIRE(reads_right(virt_to_page(buffer), s, MIN(SECTORS_A_PAGE, disk.host_end - s)));
	EXPECT_EQ(dma_bounce.nr_mapped, nr_bounced);
}

/* The name is known to run-guest: then it looks at the image. */
KTEST(floppy, every_sector_of_the_guests_area_is_written_to_the_floppy, "P11 BLK-01")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FLOPPY();
	PAGE_OF_ITS_OWN(buffer, GFP_KERNEL | __GFP_DMA);

	for (uint32_t s = disk.guest_start; s < disk.nr_sectors; s += SECTORS_A_PAGE) {
		uint32_t nr = MIN(SECTORS_A_PAGE, disk.nr_sectors - s);

		for (uint32_t i = 0; i < nr; i++)
			test_disk_fill(buffer + i * BLK_SECTOR, s + i, 'G');
		REQUIRE(test_disk_io(disk.dev, BLK_WRITE, s, buffer, nr) == 0);
	}
	EXPECT_EQ(blk_do(disk.dev, BLK_FLUSH, 0, NULL, 0), 0);
	memset(buffer, 0, PAGE_SIZE);
	EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, disk.nr_sectors - 1, buffer, 1), 0);
	EXPECT(test_disk_is(buffer, disk.nr_sectors - 1, 'G'));
}

/* A page above 16 MiB whose namesake of 24 bits is free for us to hold. Both are the caller's; false: not to be had. */
static bool take_namesakes(struct page **far, struct page **near, struct list_head *others)
{
	struct page *page;

	*near = alloc_page(GFP_KERNEL | __GFP_DMA);
	while (*near && (page = alloc_page(GFP_HIGHUSER | __GFP_NOWARN)) != NULL) {
		if (page_to_pfn(page) >= ISADMA_END >> PAGE_SHIFT &&
		    page_to_pfn(page) % (ISADMA_END >> PAGE_SHIFT) == page_to_pfn(*near)) {
			*far = page;
			return true;
		}
		list_add(&page->links, others);
	}
	return false;
}

static void page_fill(struct page *page, int byte)
{
	char *window = kmap_local_page(page);

	memset(window, byte, PAGE_SIZE);
	kunmap_local(window);
}

static bool page_is(struct page *page, int byte)
{
	char *window = kmap_local_page(page);
	bool is = memory_is(window, byte, PAGE_SIZE);

	kunmap_local(window);
	return is;
}

KTEST(floppy, a_raw_address_above_16_mib_damages_the_page_that_24_bits_name, "P11 ZON-02 DMA-02")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FLOPPY();
	HOG(others);
	struct page *far = NULL, *near = NULL;
	char *low;

	if (!take_namesakes(&far, &near, &others)) {
		if (near)
			__free_page(near);
		SKIP("no page above 16 MiB whose lower 24 address bits are another's");
	}
	page_fill(far, 'f');
	page_fill(near, 'n');
	EXPECT_EQ(floppy_read_raw(5, page_to_phys(far)), 0);
	EXPECT(page_is(far, 'f')); /* where it was wanted */
	low = page_address(near);
	EXPECT(test_disk_is(low, 5, 'H')); /* where it landed */
	EXPECT(memory_is(low + BLK_SECTOR, 'n', PAGE_SIZE - BLK_SECTOR));
	page_fill(near, 'n');
	EXPECT(reads_right(far, 5, 1)); /* the same page as the block layer maps it */
	EXPECT(page_is(near, 'n'));
	__free_page(far);
	__free_page(near);
}

KTEST(floppy, any_page_comes_right_through_the_bounce_pool, "P11 S8 DMA-03")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FLOPPY();
	struct page *page = dma_bounce.nr_groups ? alloc_page(GFP_HIGHUSER) : NULL;
	uint32_t nr_bounced = dma_bounce.nr_mapped;
	unsigned int nr_used = dma_bounce.nr_used;

	if (!page || page_to_phys(page) < ISADMA_END) {
		if (page)
			__free_page(page);
		SKIP("no memory above 16 MiB, or no bounce pool");
	}
	for (uint32_t s = 10; s < 90; s += SECTORS_A_PAGE)
		EXPECT(reads_right(page, s, SECTORS_A_PAGE));
	EXPECT(dma_bounce.nr_mapped >= nr_bounced + 10);
	EXPECT_EQ(dma_bounce.nr_used, nr_used);
	__free_page(page);
}

KTEST(floppy, the_8237_refuses_what_it_cannot_reach, "ZON-04")
{
	EXPECT(isadma_start(2, ISADMA_END, 512, true) == -EINVAL);
	EXPECT(isadma_start(2, 0x1fe00, 1024, true) == -EINVAL); /* crosses 64 KiB */
	EXPECT(isadma_start(2, 0x20000, 0x10001, true) == -EINVAL);
	EXPECT(isadma_start(2, 0x20000, 0, true) == -EINVAL);
	EXPECT(isadma_start(ISADMA_NR_CHANNELS, 0x20000, 512, true) == -EINVAL);
	if (!floppy_is_present())
		return; /* perhaps no 8237 either */
	EXPECT(isadma_start(3, 0x1fe00, 512, true) == 0);
	EXPECT_EQ(isadma_stop(3), 512);
}

static void well_end(int *unused)
{
	(void)unused;
	blk_fault_set(disk.dev, BLK_FAULT_NONE, 0);
	floppy_set_timeout(FLOPPY_TIMEOUT);
}

KTEST(floppy, a_drive_that_fails_or_does_not_answer_is_an_error_and_works_again, "R7 BLK-04 BLK-05")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FLOPPY();
	PAGE_OF_ITS_OWN(buffer, GFP_KERNEL | __GFP_DMA);
	int ends_well ENDS_WITH(well_end) = 0;

	blk_fault_set(disk.dev, BLK_FAULT_ERROR, 2);
	EXPECT_EQ(test_disk_io(disk.dev, BLK_READ, 2, buffer, 1), 0);
	EXPECT(test_disk_io(disk.dev, BLK_READ, 2, buffer, 1) == -EIO);
	floppy_set_timeout(SHORT_TIMEOUT);
	blk_fault_set(disk.dev, BLK_FAULT_LOST, 1);
	EXPECT(test_disk_io(disk.dev, BLK_READ, 2, buffer, 1) == -ETIMEDOUT);
	blk_fault_set(disk.dev, BLK_FAULT_GONE, 1);
	EXPECT(test_disk_io(disk.dev, BLK_READ, 2, buffer, 1) == -ENODEV);
	blk_fault_set(disk.dev, BLK_FAULT_NONE, 0);
	floppy_set_timeout(FLOPPY_TIMEOUT);
	EXPECT(reads_right(virt_to_page(buffer), 2, 1));
}
