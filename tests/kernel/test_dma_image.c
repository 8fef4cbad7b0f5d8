/* SPDX-License-Identifier: MIT */
/* What only a kernel has, and no device may be given: stacks, its image, firmware. Guest only. */
#include <linux/dma-mapping.h>

#include <kernel/arch/mmu.h>
#include <linux/slab.h>
#include <tests/kernel/test_util.h>

static struct device pci = {"pci", DMA_BIT_MASK(32), DMA_BIT_MASK(32)};

static const char constant[] = "a constant";
static char variable[16];

/* One report that says what was found, and nothing mapped. */
static void expect_refused(const void *ptr, const char *found)
{
	reports_forget();
	EXPECT(dma_mapping_error(&pci, dma_map_single(&pci, ptr, 8, DMA_TO_DEVICE)));
	EXPECT_EQ(reports_count(), 1);
	if (!reports_contain(found))
		ktest_note("%s, expected %s", report_at(0), found);
	EXPECT(reports_contain("BUG: dma_map_single of") && reports_contain(found));
}

KTEST(dma, stacks_the_image_and_firmware_are_refused_by_name, "S8 V1 DMA-07")
{
	MACHINE_STAYS_AS_FOUND();
	char local[16];

	expect_reports();
	expect_refused(local, "stack of thread");
	expect_refused(constant, "found page is");
	expect_refused(variable, "found page is");
	expect_refused((const void *)(uintptr_t)expect_refused, "found page is");
	expect_refused((char *)MMU_DIRECT_MAP_BASE + 0xf0000, "found page is"); /* the BIOS */
	expect_refused((char *)MMU_PAGES_START, "found");
}

KTEST(dma, memory_below_the_image_that_was_handed_out_is_mapped, "S8 G7")
{
	MACHINE_STAYS_AS_FOUND();
	struct list_head taken = LIST_HEAD_INIT(taken);
	struct page *page, *next;
	bool was_low = false;

	while (!was_low && (page = alloc_page(GFP_DMA | __GFP_NOWARN)) != NULL) {
		list_add(&page->links, &taken);
		was_low = page_to_phys(page) < MIB(1u);
	}
	if (was_low) {
		dma_addr_t addr = dma_map_single(&pci, page_address(page), PAGE_SIZE, DMA_TO_DEVICE);

		EXPECT_EQ(addr, page_to_phys(page));
		dma_unmap_single(&pci, addr, PAGE_SIZE, DMA_TO_DEVICE);
	}
	list_for_each_entry_safe(page, next, &taken, links)
		__free_page(page);
	if (!was_low)
		SKIP("no free page below 1 MiB for an ordinary request");
}
