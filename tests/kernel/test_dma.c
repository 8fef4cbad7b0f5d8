/* SPDX-License-Identifier: MIT */
/* Mappings for devices, without a device: what one would write is written through the direct map at the address it was
 * given. Real ones are in test_edu.c, test_floppy.c and test_ide.c. Host and guest. */
#include <linux/dma-mapping.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/highmem.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <mm/report/fault.h>
#include <mm/report/locate.h>
#include <mm/report/validate.h>
#include <tests/kernel/test_util.h>

static struct device isa = {"isa", DMA_BIT_MASK(24), DMA_BIT_MASK(24)},
		     edu = {"edu", DMA_BIT_MASK(28), DMA_BIT_MASK(28)},
		     half = {"half", DMA_BIT_MASK(25), DMA_BIT_MASK(25)},
		     pci = {"pci", DMA_BIT_MASK(32), DMA_BIT_MASK(32)}, unset = {"unset", 0, 0};

#define MIX	 24u
#define NR_STEPS 600u

/* What the device sees at an address on the bus. */
static char *bus(dma_addr_t addr)
{
	return port_direct_map() + (uintptr_t)addr;
}

/* A page that 24 bits do not reach, of the highest zone there is; NULL: the machine has none. */
static struct page *far_page(void)
{
	struct page *page = alloc_page(GFP_HIGHUSER);

	if (page && page_to_pfn(page) >= MIB(16u) >> PAGE_SHIFT)
		return page;
	if (page)
		__free_page(page);
	return NULL;
}

/* The same with an address. */
static char *far_buffer(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (page && page_to_pfn(page) >= MIB(16u) >> PAGE_SHIFT)
		return page_address(page);
	if (page)
		__free_page(page);
	return NULL;
}

static void give_back(void *memory)
{
	free_page(*(unsigned long *)memory);
}

/* First lines of a test that bounces. */
#define NEEDS_FAR_BUFFER(name)                                                                               \
	char *name ENDS_WITH(give_back) = dma_bounce.nr_groups ? far_buffer() : NULL;                        \
	if (!name)                                                                                           \
	SKIP("no low memory above 16 MiB, or no bounce pool")

KTEST(dma, a_buffer_that_the_mask_reaches_keeps_its_own_address, "S8")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	uint32_t nr_before = dma_bounce.nr_mapped;
	char *near = (char *)__get_free_page(GFP_DMA | GFP_KERNEL), *any = kmalloc(100, GFP_KERNEL);
	dma_addr_t addr;

	REQUIRE(near && any);
	addr = dma_map_single(&isa, near + 5, 100, DMA_FROM_DEVICE);
	EXPECT_EQ(addr, virt_to_phys(near) + 5);
	dma_unmap_single(&isa, addr, 100, DMA_FROM_DEVICE);
	addr = dma_map_single(&pci, any, 100, DMA_BIDIRECTIONAL);
	EXPECT_EQ(addr, virt_to_phys(any));
	dma_unmap_single(&pci, addr, 100, DMA_BIDIRECTIONAL);
	EXPECT_EQ(dma_bounce.nr_mapped, nr_before);
	kfree(any);
	free_page((unsigned long)near);
}

KTEST(dma, a_buffer_beyond_the_mask_is_bounced_below_it, "S8 DMA-03")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FAR_BUFFER(buffer);
	dma_addr_t addr;

	memset(buffer, 'a', PAGE_SIZE);
	addr = dma_map_single(&isa, buffer + 7, 1000, DMA_TO_DEVICE);
	REQUIRE(!dma_mapping_error(&isa, addr));
	EXPECT(addr + 1000 <= MIB(16u));
	EXPECT(memory_is(bus(addr), 'a', 1000));
	dma_unmap_single(&isa, addr, 1000, DMA_TO_DEVICE);
	EXPECT_EQ(dma_bounce.nr_used, 0);
}

KTEST(dma, a_buffer_whose_end_lies_beyond_the_mask_is_bounced, "S8 DMA-03")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FAR_BUFFER(buffer);
	struct device dev = {.name = "short", .dma_mask = virt_to_phys(buffer) + 499};
	dma_addr_t addr = dma_map_single(&dev, buffer, 500, DMA_TO_DEVICE);

	EXPECT_EQ(addr, virt_to_phys(buffer));
	dma_unmap_single(&dev, addr, 500, DMA_TO_DEVICE);
	addr = dma_map_single(&dev, buffer, 501, DMA_TO_DEVICE);
	REQUIRE(!dma_mapping_error(&dev, addr));
	EXPECT(addr + 501 <= MIB(16u));
	dma_unmap_single(&dev, addr, 501, DMA_TO_DEVICE);
	EXPECT_EQ(dma_bounce.nr_used, 0);
}

/* The device writes all of it. Result: did the buffer change? */
static bool comes_back(char *buffer, enum dma_data_direction direction)
{
	dma_addr_t addr;

	memset(buffer, 'a', PAGE_SIZE);
	addr = dma_map_single(&isa, buffer, 100, direction);
	EXPECT(!dma_mapping_error(&isa, addr));
	memset(bus(addr), 'b', 100);
	EXPECT(memory_is(buffer, 'a', 100));
	dma_unmap_single(&isa, addr, 100, direction);
	EXPECT(memory_is(buffer + 100, 'a', PAGE_SIZE - 100));
	return memory_is(buffer, 'b', 100);
}

KTEST(dma, bytes_come_back_from_the_device_and_both_ways_only, "S8 DMA-08")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FAR_BUFFER(buffer);

	EXPECT(!comes_back(buffer, DMA_TO_DEVICE));
	EXPECT(comes_back(buffer, DMA_FROM_DEVICE));
	EXPECT(comes_back(buffer, DMA_BIDIRECTIONAL));
}

KTEST(dma, what_a_device_does_not_write_stays_as_it_was, "S8 K4")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FAR_BUFFER(buffer);
	dma_addr_t addr;

	EXPECT(comes_back(buffer, DMA_FROM_DEVICE)); /* leaves its bytes in the slot */
	memset(buffer, 'c', PAGE_SIZE);
	addr = dma_map_single(&isa, buffer, 100, DMA_FROM_DEVICE);
	memset(bus(addr), 'd', 10);
	dma_unmap_single(&isa, addr, 100, DMA_FROM_DEVICE);
	EXPECT(memory_is(buffer, 'd', 10) && memory_is(buffer + 10, 'c', 90));
}

KTEST(dma, a_sync_half_way_shows_each_side_the_part_it_names, "S8 DMA-08")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FAR_BUFFER(buffer);
	dma_addr_t addr;

	memset(buffer, 'a', PAGE_SIZE);
	addr = dma_map_single(&isa, buffer, PAGE_SIZE, DMA_BIDIRECTIONAL);
	memset(bus(addr), 'b', PAGE_SIZE);
	dma_sync_single_range_for_cpu(&isa, addr, 100, 50, DMA_BIDIRECTIONAL);
	EXPECT(memory_is(buffer, 'a', 100) && memory_is(buffer + 100, 'b', 50) &&
	       memory_is(buffer + 150, 'a', 50));
	memset(buffer, 'c', PAGE_SIZE);
	dma_sync_single_for_device(&isa, addr + 200, 10, DMA_BIDIRECTIONAL);
	EXPECT(memory_is(bus(addr), 'b', 200) && memory_is(bus(addr) + 200, 'c', 10) &&
	       memory_is(bus(addr) + 210, 'b', 10));
	dma_unmap_single(&isa, addr, PAGE_SIZE, DMA_BIDIRECTIONAL);
	EXPECT(memory_is(buffer, 'b', 200));
}

KTEST(dma, a_page_of_high_memory_is_bounced_through_a_window, "S8 P9 DMA-10")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = dma_bounce.nr_groups ? far_page() : NULL;
	dma_addr_t addr;
	char *window;

	if (!page)
		SKIP("no memory above 16 MiB, or no bounce pool");
	window = kmap_local_page(page);
	memset(window, 'h', PAGE_SIZE);
	kunmap_local(window);
	addr = dma_map_page(&isa, page, 96, 1024, DMA_BIDIRECTIONAL);
	REQUIRE(!dma_mapping_error(&isa, addr));
	EXPECT(memory_is(bus(addr), 'h', 1024));
	memset(bus(addr), 'i', 1024);
	dma_unmap_page(&isa, addr, 1024, DMA_BIDIRECTIONAL);
	window = kmap_local_page(page);
	EXPECT(memory_is(window, 'h', 96) && memory_is(window + 96, 'i', 1024) &&
	       memory_is(window + 1120, 'h', 100));
	kunmap_local(window);
	__free_page(page);
}

KTEST(dma, a_pool_used_up_is_an_error_and_recovers, "S8 DMA-09")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FAR_BUFFER(buffer);
	unsigned int nr = 0, nr_slots = dma_bounce.nr_groups * BOUNCE_GROUP_SLOTS;
	uint32_t nr_refused = dma_bounce.nr_refused;
	dma_addr_t addr = 0;

	expect_reports();
	while (nr <= nr_slots &&
	       (addr = dma_map_single(&isa, buffer, PAGE_SIZE, DMA_TO_DEVICE)) != DMA_MAPPING_ERROR)
		nr++;
	EXPECT_EQ(nr, nr_slots);
	EXPECT(dma_mapping_error(&isa, addr));
	EXPECT_EQ(dma_bounce.nr_refused, nr_refused + 1);
	EXPECT_EQ(dma_bounce.max_used, nr_slots);
	for (unsigned int i = 0; i < nr; i++)
		dma_unmap_single(&isa, dma_bounce.start + i * PAGE_SIZE, PAGE_SIZE, DMA_TO_DEVICE);
	addr = dma_map_single(&isa, buffer, PAGE_SIZE, DMA_TO_DEVICE);
	EXPECT(!dma_mapping_error(&isa, addr));
	dma_unmap_single(&isa, addr, PAGE_SIZE, DMA_TO_DEVICE);
	EXPECT_EQ(reports_count(), 0);
}

KTEST(dma, an_address_of_the_bounce_pool_is_known_by_its_mapping, "S8 DMA-03")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FAR_BUFFER(buffer);
	char text[160], expected[160];
	dma_addr_t addr = dma_map_single(&isa, buffer, 512, DMA_FROM_DEVICE);
	unsigned int slot = (unsigned int)((addr - dma_bounce.start) / PAGE_SIZE);

	REQUIRE(!dma_mapping_error(&isa, addr));
	(void)snprintf(
		expected, sizeof(expected),
		"slot %u of the bounce pool, at offset 7 of 512 bytes from the device for %s, buffer at "
		"physical %#llx",
		slot, isa.name, (unsigned long long)virt_to_phys(buffer));
	EXPECT(strcmp(locate_phrase(bus(addr) + 7, text, sizeof(text)), expected) == 0);
	dma_unmap_single(&isa, addr, 512, DMA_FROM_DEVICE);
	(void)snprintf(expected, sizeof(expected), "slot %u of the bounce pool, free", slot);
	EXPECT(strcmp(locate_phrase(bus(addr) + 7, text, sizeof(text)), expected) == 0);
	EXPECT(!dma_bounce_describe(buffer, text, sizeof(text)));
}

KTEST(dma, more_than_64_kib_cannot_be_bounced_and_is_refused_by_name, "S8 ZON-04")
{
	MACHINE_STAYS_AS_FOUND();
	char *buffer = dma_bounce.nr_groups ? (char *)__get_free_pages(GFP_KERNEL, 5) : NULL;

	if (!buffer || virt_to_phys(buffer) < MIB(16u)) {
		free_pages((unsigned long)buffer, 5);
		SKIP("no such block above 16 MiB, or no bounce pool");
	}
	expect_reports();
	EXPECT(dma_mapping_error(&isa, dma_map_single(&isa, buffer, KIB(64u) + 1, DMA_TO_DEVICE)));
	EXPECT_ONE_REPORT("isa asks for 65537 bytes to be bounced");
	free_pages((unsigned long)buffer, 5);
}

static struct mix {
	dma_addr_t addr;
	char *buffer;
	uint32_t size;
	char byte;
} * mix; /* borrowed */

static void mix_map(struct mix *one, struct random *random)
{
	one->size = 1 + random_below(random, KIB(32u));
	one->byte = (char)(1 + random_below(random, 100));
	one->buffer = alloc_pages_exact(one->size, GFP_KERNEL | __GFP_NOWARN);
	if (!one->buffer)
		return;
	memset(one->buffer, one->byte, one->size);
	one->addr = dma_map_single(&isa, one->buffer, one->size, DMA_BIDIRECTIONAL);
	if (dma_mapping_error(&isa, one->addr)) {
		free_pages_exact(one->buffer, one->size);
		one->buffer = NULL;
		return;
	}
	EXPECT(one->addr + one->size <= MIB(16u));
	if (one->addr - dma_bounce.start < dma_bounce.bytes)
		EXPECT_EQ(one->addr >> 16, (one->addr + one->size - 1) >> 16);
}

static void mix_unmap(struct mix *one)
{
	EXPECT(memory_is(bus(one->addr), one->byte, one->size));
	memset(bus(one->addr), one->byte + 1, one->size);
	dma_unmap_single(&isa, one->addr, one->size, DMA_BIDIRECTIONAL);
	EXPECT(memory_is(one->buffer, one->byte + 1, one->size));
	free_pages_exact(one->buffer, one->size);
	one->buffer = NULL;
}

KTEST(dma, mappings_of_any_sizes_never_meet_nor_cross_64_kib, "S8 ZON-04 DMA-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct random random = {.state = 71};
	BORROW_MANY(mix, MIX);

	for (unsigned int i = 0; i < NR_STEPS; i++) {
		struct mix *one = &mix[random_below(&random, MIX)];

		if (one->buffer)
			mix_unmap(one);
		else
			mix_map(one, &random);
		if (i % (NR_STEPS / 4) == 0)
			expect_valid();
	}
	for (unsigned int i = 0; i < MIX; i++)
		if (mix[i].buffer)
			mix_unmap(&mix[i]);
	EXPECT_EQ(dma_bounce.nr_used, 0);
}

KTEST(dma, an_unmap_that_is_not_the_map_is_reported_and_changes_nothing, "S8 DMA-08")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FAR_BUFFER(buffer);
	dma_addr_t addr = dma_map_single(&isa, buffer, 6000 - 2000, DMA_FROM_DEVICE);

	REQUIRE(!dma_mapping_error(&isa, addr));
	expect_reports();
	dma_unmap_single(&isa, addr, 3999, DMA_FROM_DEVICE);
	EXPECT_ONE_REPORT("expected 4000 bytes from the device for isa, got 3999 bytes from the device");
	dma_unmap_single(&isa, addr, 4000, DMA_TO_DEVICE);
	EXPECT_ONE_REPORT("expected 4000 bytes from the device for isa, got 4000 bytes to the device");
	dma_unmap_single(&pci, addr, 4000, DMA_FROM_DEVICE);
	EXPECT_ONE_REPORT("for pci by");
	dma_unmap_single(&isa, addr + 1, 4000, DMA_FROM_DEVICE);
	EXPECT_ONE_REPORT("BUG: dma_unmap of");
	dma_sync_single_for_cpu(&isa, addr + 100, 3901, DMA_FROM_DEVICE);
	EXPECT_ONE_REPORT("BUG: dma_sync of");
	EXPECT_EQ(dma_bounce.nr_used, 1);
	dma_unmap_single(&isa, addr, 4000, DMA_FROM_DEVICE);
	EXPECT_EQ(dma_bounce.nr_used, 0);
	dma_unmap_single(&isa, addr, 4000, DMA_FROM_DEVICE);
	EXPECT_ONE_REPORT("expected a mapping, found none");
	dma_unmap_single(&isa, DMA_MAPPING_ERROR, 4000, DMA_FROM_DEVICE);
	EXPECT_ONE_REPORT("dma_unmap of a mapping error");
}

/* One report, and nothing mapped. */
static void expect_refused(const void *ptr, const char *found)
{
	reports_forget();
	EXPECT(dma_mapping_error(&pci, dma_map_single(&pci, ptr, 8, DMA_TO_DEVICE)));
	EXPECT_EQ(reports_count(), 1);
	if (!reports_contain("BUG: dma_map_single of") || !reports_contain(found))
		ktest_note("%s, expected %s", report_at(0), found);
	EXPECT(reports_contain("BUG: dma_map_single of") && reports_contain(found));
}

KTEST(dma, what_is_no_memory_of_the_direct_map_is_refused_by_name, "S8 V1 DMA-07")
{
	MACHINE_STAYS_AS_FOUND();
	char *area = vmalloc(PAGE_SIZE);

	REQUIRE(area);
	expect_reports();
	expect_refused(NULL, "found");
	expect_refused((void *)0x1234, "found");
	expect_refused(area, "vmalloc area");
	expect_refused(high_memory, "the end of the direct map");
	expect_refused((char *)high_memory - 4, "the end of the direct map"); /* its last bytes */
	vfree(area);
	vmalloc_purge();
}

KTEST(dma, a_request_without_size_direction_or_mask_is_refused_by_name, "S8")
{
	MACHINE_STAYS_AS_FOUND();
	void *memory = kmalloc(64, GFP_KERNEL);
	struct page *page = virt_to_page(memory);

	expect_reports();
	EXPECT(dma_mapping_error(&pci, dma_map_single(&pci, memory, 0, DMA_TO_DEVICE)));
	EXPECT_ONE_REPORT("dma_map_single of 0 bytes");
	EXPECT(dma_mapping_error(&pci, dma_map_single(&pci, memory, 8, DMA_NONE)));
	EXPECT_ONE_REPORT("direction 3");
	EXPECT(dma_mapping_error(&unset, dma_map_single(&unset, memory, 8, DMA_TO_DEVICE)));
	EXPECT_ONE_REPORT("for unset with mask 0");
	EXPECT(dma_mapping_error(&unset, dma_map_page(&unset, page, 0, 8, DMA_TO_DEVICE)));
	EXPECT_ONE_REPORT("dma_map_page of 8 bytes");
	EXPECT(dma_mapping_error(&pci, dma_map_page(&pci, memory, 0, 8, DMA_TO_DEVICE)));
	EXPECT_ONE_REPORT("BUG: dma_map_page of");
	kfree(memory);
}

KTEST(dma, a_mask_that_does_not_reach_the_dma_zone_is_refused, "S8")
{
	struct device dev = isa;

	EXPECT(dma_set_mask(&dev, DMA_BIT_MASK(23)) == -EIO && dev.dma_mask == DMA_BIT_MASK(24));
	EXPECT_EQ(dma_set_mask_and_coherent(&dev, DMA_BIT_MASK(30)), 0);
	EXPECT(dev.dma_mask == DMA_BIT_MASK(30) && dev.coherent_dma_mask == DMA_BIT_MASK(30));
	EXPECT(dma_set_coherent_mask(&dev, 0) == -EIO);
}

static void try_coherent(struct device *dev, size_t size)
{
	dma_addr_t handle = 0;
	char *memory = dma_alloc_coherent(dev, size, &handle, GFP_KERNEL | __GFP_NOWARN);

	if (!memory) {
		EXPECT(size > KIB(64u)); /* no such block, maybe */
		return;
	}
	EXPECT_EQ(handle, virt_to_phys(memory));
	EXPECT(handle + size - 1 <= dev->coherent_dma_mask);
	EXPECT(IS_ALIGNED(handle, PAGE_SIZE << get_order(size)));
	EXPECT(memory_is(memory, 0, size));
	memset(memory, 0x77, size);
	dma_free_coherent(dev, size, memory, handle);
}

KTEST(dma, coherent_memory_of_every_size_is_cleared_aligned_and_within_the_mask, "S8 G7 K4 ZON-01 DMA-05")
{
	MACHINE_STAYS_AS_FOUND();
	struct device *const devices[] = {&isa, &half, &edu, &pci};

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		for (size_t size = 1; size <= MIB(4u); size += size / 2 + 1)
			try_coherent(devices[i], size);
	try_coherent(&isa, MIB(4u));
}

KTEST(dma, coherent_memory_of_no_size_or_above_the_largest_order_is_refused_by_name, "S8 DMA-05")
{
	MACHINE_STAYS_AS_FOUND();
	dma_addr_t handle = 5;

	expect_reports();
	EXPECT_NULL(dma_alloc_coherent(&pci, 0, &handle, GFP_KERNEL));
	EXPECT_ONE_REPORT("dma_alloc_coherent of 0 bytes for pci");
	EXPECT_NULL(dma_alloc_coherent(&pci, MIB(4u) + 1, &handle, GFP_KERNEL));
	EXPECT_ONE_REPORT("dma_alloc_coherent of 4194305 bytes for pci");
	EXPECT_NULL(dma_alloc_coherent(&unset, 8, &handle, GFP_KERNEL));
	EXPECT_ONE_REPORT("for unset");
	EXPECT_EQ(handle, 5);
}

KTEST(dma, coherent_memory_is_freed_with_its_own_handle_or_not_at_all, "S8")
{
	MACHINE_STAYS_AS_FOUND();
	dma_addr_t handle = 0;
	void *memory = dma_alloc_coherent(&pci, 100, &handle, GFP_KERNEL);

	REQUIRE(memory);
	expect_reports();
	dma_free_coherent(&pci, 100, memory, handle + 4096);
	EXPECT_ONE_REPORT("BUG: dma_free_coherent of");
	dma_free_coherent(&pci, 100, memory, handle);
	dma_free_coherent(&pci, 100, NULL, 0);
	EXPECT_EQ(reports_count(), 1);
}

KTEST(dma, a_scatter_list_is_mapped_as_a_whole_or_not_at_all, "S8 DMA-11")
{
	MACHINE_STAYS_AS_FOUND();
	NEEDS_FAR_BUFFER(buffer);
	unsigned int nr_slots = dma_bounce.nr_groups * BOUNCE_GROUP_SLOTS, most = nr_slots + 1;
	struct scatterlist *sg = kmalloc_array(most, sizeof(*sg), GFP_KERNEL);

	REQUIRE(sg);
	sg_init_table(sg, most);
	for (unsigned int i = 0; i < most; i++)
		sg_set_buf(&sg[i], buffer + i % 8 * 512, 512);
	EXPECT_EQ(dma_map_sg(&pci, sg, (int)most, DMA_TO_DEVICE), (int)most); /* as they are */
	EXPECT_EQ(sg_dma_address(&sg[1]), virt_to_phys(buffer) + 512);
	dma_unmap_sg(&pci, sg, (int)most, DMA_TO_DEVICE);
	EXPECT_EQ(dma_map_sg(&isa, sg, (int)most, DMA_TO_DEVICE), 0);
	EXPECT_EQ(dma_bounce.nr_used, 0);
	EXPECT_EQ(dma_map_sg(&isa, sg, (int)nr_slots, DMA_TO_DEVICE), (int)nr_slots);
	EXPECT_EQ(dma_bounce.nr_used, nr_slots);
	EXPECT_EQ(sg_dma_len(&sg[nr_slots - 1]), 512);
	dma_unmap_sg(&isa, sg, (int)nr_slots, DMA_TO_DEVICE);
	EXPECT_EQ(dma_bounce.nr_used, 0);
	kfree(sg);
}

KTEST(dma, a_damaged_bounce_pool_is_found, "S8")
{
	if (!dma_bounce.nr_groups)
		SKIP("no bounce pool");
	EXPECT_NULL(dma_bounce_check());
	dma_bounce.taken[0] ^= 1u << 3;
	EXPECT(dma_bounce_check() && mm_validate(NULL) == 1);
	dma_bounce.nr_used++;
	EXPECT(dma_bounce_check() && mm_validate(NULL) == 1);
	dma_bounce.slot[3].nr = 1;
	EXPECT_NULL(dma_bounce_check()); /* that is a mapping */
	dma_bounce.slot[3].nr = 14;
	EXPECT(dma_bounce_check() != NULL);
	dma_bounce.slot[3].nr = 0;
	dma_bounce.taken[0] ^= 1u << 3;
	dma_bounce.nr_used--;
	expect_valid();
}

KTEST(dma, coherent_memory_that_cannot_be_had_leaves_nothing_behind, "S8 S7 FLT-01")
{
	MACHINE_STAYS_AS_FOUND();
	dma_addr_t handle = 0;
	bool was_hit = true, was_had = false;
	unsigned int n;

	expect_reports();
	for (n = 1; was_hit && n < 20; n++) {
		void *memory;

		(void)fault_set_nth(n);
		memory = dma_alloc_coherent(&edu, 5 * PAGE_SIZE, &handle, GFP_KERNEL);
		was_hit = fault_set_nth(0);
		was_had = memory != NULL;
		dma_free_coherent(&edu, 5 * PAGE_SIZE, memory, handle);
	}
	EXPECT(n > 2 && was_had && !was_hit);
	EXPECT_EQ(reports_count_bugs(), 0);
}
