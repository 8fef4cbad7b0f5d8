/* SPDX-License-Identifier: MIT */
/* QEMU's device for teaching, whose mask is its own. Bytes go to its buffer and come back. Guest only. */
#include <drivers/block/edu.h>

#include <kernel/core/timer.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <tests/kernel/test_util.h>

/* First lines of a test. The device tells nobody its mask: the machines of the table have at least 24 bits; what it is said to
 * have more is the row's to know. */
#define NEEDS_EDU()                                                                                          \
	if (!edu_device())                                                                                   \
	SKIP("no edu device")

static void mask_end(int *unused)
{
	(void)unused;
	EXPECT_EQ(dma_set_mask(edu_device(), DMA_BIT_MASK(28)), 0);
}

/* The page filled, moved to the device, cleared, and moved back, by way of the mask. Result: is it what it was? */
static bool page_goes_and_comes(struct page *page, dma_addr_t *seen)
{
	struct device *dev = edu_device();
	char *window;
	bool is;

	window = kmap_local_page(page);
	for (unsigned int i = 0; i < EDU_BUFFER_BYTES; i++)
		window[i] = (char)(i * 7 + i / 256);
	kunmap_local(window);
	*seen = dma_map_page(dev, page, 0, EDU_BUFFER_BYTES, DMA_TO_DEVICE);
	EXPECT(!dma_mapping_error(dev, *seen));
	EXPECT_EQ(edu_write(*seen, 0, EDU_BUFFER_BYTES), 0);
	dma_unmap_page(dev, *seen, EDU_BUFFER_BYTES, DMA_TO_DEVICE);
	clear_highpage(page);
	*seen = dma_map_page(dev, page, 0, EDU_BUFFER_BYTES, DMA_FROM_DEVICE);
	EXPECT_EQ(edu_read(*seen, 0, EDU_BUFFER_BYTES), 0);
	dma_unmap_page(dev, *seen, EDU_BUFFER_BYTES, DMA_FROM_DEVICE);
	window = kmap_local_page(page);
	is = true;
	for (unsigned int i = 0; i < EDU_BUFFER_BYTES; i++)
		is = is && window[i] == (char)(i * 7 + i / 256);
	kunmap_local(window);
	return is;
}

/* A low and a high page by a mask of so many bits. */
static void try_mask(unsigned int bits)
{
	static const gfp_t flags[] = {GFP_KERNEL | __GFP_DMA, GFP_HIGHUSER};

	EXPECT_EQ(dma_set_mask(edu_device(), DMA_BIT_MASK(bits)), 0);
	for (unsigned int i = 0; i < 2; i++) {
		struct page *page = alloc_page(flags[i]);
		dma_addr_t seen;

		REQUIRE(page);
		EXPECT(page_goes_and_comes(page, &seen));
		EXPECT(seen + PAGE_SIZE - 1 <= DMA_BIT_MASK(bits));
		__free_page(page);
	}
}

KTEST(edu, the_device_is_alive, "P11")
{
	NEEDS_EDU();
	EXPECT_EQ(edu_factorial(5), 120);
	EXPECT_EQ(edu_factorial(12), 479001600);
	EXPECT(edu_read(0, 0, 0) == -EINVAL && edu_read(0, EDU_BUFFER_BYTES - 1, 2) == -EINVAL &&
	       edu_write(0, EDU_BUFFER_BYTES, 1) == -EINVAL);
}

KTEST(edu, with_a_mask_of_24_bits_every_page_goes_and_comes_right, "P11 S8 ZON-03 DMA-04")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_EDU();
	int mask ENDS_WITH(mask_end) = 0;

	try_mask(24);
}

KTEST(edu, with_a_mask_of_28_bits_every_page_goes_and_comes_right, "P11 S8 ZON-03 DMA-04")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_EDU();
	int mask ENDS_WITH(mask_end) = 0;

	try_mask(28);
}

static void deaf_end(int *unused)
{
	(void)unused;
	edu_set_deaf(false, EDU_TIMEOUT);
}

KTEST(edu, a_transfer_that_is_given_up_reaches_memory_no_more, "P11 R7 BLK-05")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_EDU();
	int deaf ENDS_WITH(deaf_end) = 0;
	struct page *page = alloc_page(GFP_KERNEL | __GFP_DMA);
	char *memory = page ? page_address(page) : NULL;

	REQUIRE(memory);
	memset(memory, 'a', 64);
	EXPECT_EQ(edu_write(virt_to_phys(memory), 0, 64), 0);
	edu_set_deaf(true, 1);
	EXPECT(edu_read(virt_to_phys(memory), 0, 64) == -ETIMEDOUT);
	memset(memory, 'b', 64); /* somebody else's now */
	msleep(200);
	EXPECT(memory_is(memory, 'b', 64));
	edu_set_deaf(false, EDU_TIMEOUT);
	EXPECT_EQ(edu_read(virt_to_phys(memory), 0, 64), 0);
	EXPECT(memory_is(memory, 'a', 64));
	__free_page(page);
}

KTEST_BY_NAME(edu_32, with_a_mask_of_32_bits_every_page_goes_and_comes_right, "P11 S8 ZON-03 DMA-04")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_EDU();
	int mask ENDS_WITH(mask_end) = 0;

	try_mask(32);
}

/* The device has 24 bits and is said to have 32: QEMU cuts the address off and writes that down, and run-guest looks for it. The
 * page that 24 bits name is ours, too. */
KTEST_BY_NAME(edu_lie, with_a_mask_that_is_not_the_devices_the_bytes_are_elsewhere, "P11 ZON-03 DMA-04")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_EDU();
	HOG(others);
	int mask ENDS_WITH(mask_end) = 0;
	struct page *near = alloc_page(GFP_KERNEL | __GFP_DMA), *page = NULL;
	dma_addr_t addr;

	REQUIRE(near);
	while ((page = alloc_page(GFP_KERNEL | __GFP_NOWARN)) != NULL &&
	       (page_to_phys(page) < MIB(16u) || page_to_phys(page) % MIB(16u) != page_to_phys(near)))
		list_add(&page->links, &others);
	REQUIRE(page);
	memset(page_address(page), 'p', PAGE_SIZE);
	memset(page_address(near), 'n', PAGE_SIZE);
	EXPECT_EQ(edu_write(page_to_phys(near), 0, 64), 0); /* 64 times 'n' */
	EXPECT_EQ(dma_set_mask(edu_device(), DMA_BIT_MASK(32)), 0);
	memset(page_address(near), 'm', PAGE_SIZE);
	addr = dma_map_page(edu_device(), page, 0, 64, DMA_FROM_DEVICE);
	EXPECT_EQ(addr, page_to_phys(page));
	EXPECT_EQ(edu_read(addr, 0, 64), 0);
	dma_unmap_page(edu_device(), addr, 64, DMA_FROM_DEVICE);
	EXPECT(memory_is(page_address(page), 'p', PAGE_SIZE));
	EXPECT(memory_is(page_address(near), 'n', 64));
	__free_page(page);
	__free_page(near);
}
