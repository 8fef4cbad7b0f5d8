/* SPDX-License-Identifier: MIT */
/* Page descriptors: from page to number to address and back, and the head that every page finds. Host and
 * guest. */
#include <mm/pages/page.h>

#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/test_util.h>

static bool description_is(const struct page *page, const char *expected)
{
	char buf[96];

	if (strstr(page_describe(page, buf, sizeof(buf)), expected))
		return true;
	ktest_note("%s, expected %s", buf, expected);
	return false;
}

KTEST(page, a_low_page_its_number_and_its_addresses_name_each_other, "P2 F3 KML-09")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_page(GFP_KERNEL);
	char *addr;

	REQUIRE(page);
	addr = page_address(page);
	EXPECT(pfn_to_page(page_to_pfn(page)) == page);
	EXPECT(virt_to_page(addr) == page && virt_to_page(addr + PAGE_SIZE - 1) == page);
	EXPECT_EQ(addr - port_direct_map(), page_to_phys(page));
	EXPECT(virt_is_direct(addr) && !page_is_highmem(page));
	__free_page(page);
}

KTEST(page, the_direct_map_ends_where_low_memory_ends, "P1 DBG-04")
{
	char *start = port_direct_map();
	size_t size = (size_t)lowmem_end_pfn << PAGE_SHIFT;

	EXPECT(virt_is_direct(start) && virt_is_direct(start + size - 1));
	EXPECT(!virt_is_direct(start + size) && !virt_is_direct(start - 1) && !virt_is_direct(NULL));
}

KTEST(page, a_high_page_has_no_address, "G8 ZON-07")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;

	if (!zone_has_memory(&zones[ZONE_HIGHMEM]))
		SKIP("no high memory");
	page = zone_take(&zones[ZONE_HIGHMEM], 0);
	REQUIRE(page);
	EXPECT(page_is_highmem(page));
	EXPECT_NULL(page_address(page));
	EXPECT_EQ(page_to_phys(page), (paddr_t)page_to_pfn(page) * PAGE_SIZE);
	__free_page(page);
}

KTEST(page, every_page_of_a_block_finds_its_head, "G18 P4")
{
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int order = 0; order <= 6; order++) {
		struct page *head = alloc_pages(GFP_ATOMIC, order);

		REQUIRE(head);
		for (pfn_t i = 0; i < 1u << order; i++) {
			EXPECT(page_find_head(head + i) == head);
			EXPECT_EQ(head[i].state, i ? PAGE_INTERIOR : PAGE_ALLOCATED);
		}
		__free_pages(head, order);
	}
}

KTEST(page, a_page_that_was_never_handed_out_has_no_head, "P4 MAP-11 MAP-12")
{
	EXPECT_NULL(page_find_head(pfn_to_page(0)));
	EXPECT(description_is(pfn_to_page(0), "never handed out"));
}

KTEST(page, a_page_beside_a_block_does_not_belong_to_it, "P4 MAP-11")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL, 1);
	uint32_t head;

	REQUIRE(page);
	split_page(page, 1);
	head = page[1].head;
	page[1].head = PAGE_INTERIOR; /* as if it had never been handed out */
	EXPECT_NULL(page_find_head(page + 1));
	EXPECT(description_is(page + 1, "never handed out"));
	page[1].head = head;
	__free_page(page);
	__free_page(page + 1);
}

KTEST(page, a_description_says_what_a_page_is_part_of, "P4")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	REQUIRE(page);
	get_page(page);
	EXPECT(description_is(page, "head of a block of order 2, allocated, 2 references"));
	EXPECT(description_is(page + 3, "inside a block of order 2, allocated, that starts at pfn"));
	put_page(page);
	__free_pages(page, 2);
	EXPECT(description_is(page + 3, "free"));
}
