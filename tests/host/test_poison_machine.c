/* SPDX-License-Identifier: MIT */
/* Free pages that hold a pattern: each way of writing to one is reported exactly, when it is next handed out. Host
 * only: machines of its own, with high memory, page_poison=1 and page_owner=on. */
#include <mm/report/poison.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>
#include <mm/pages/page_alloc.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

static const void *const frames[] = {(void *)0x1111, (void *)0x2222};

static void boot_poisoned(bool with_owners)
{
	struct memmap_entry entry = {0, MIB(24u), MEMMAP_USABLE};
	struct mm_params params = {
		.dma_end = MIB(4u), .lowmem_end = MIB(8u), .page_poison = true, .page_owner = with_owners};

	host_set_callers(frames, ARRAY_SIZE(frames));
	fake_machine_boot(&entry, 1, params);
}

static char *free_page_of_low_memory(void)
{
	char *addr = (char *)__get_free_page(GFP_KERNEL);

	free_page((unsigned long)addr);
	return addr;
}

static void expect_report_for(const char *addr)
{
	char expected[96];

	EXPECT((char *)__get_free_page(GFP_KERNEL) == addr);
	snprintf(expected, sizeof(expected),
		 "BUG: page %#x was written to after it was freed, seen when allocated by",
		 page_to_pfn(virt_to_page(addr)));
	EXPECT(strstr(report_at(0), expected) != NULL);
	free_page((unsigned long)addr);
}

KTEST(poison_machine, what_was_written_to_a_free_page_is_found_when_it_is_handed_out, "S5 DBG-07")
{
	char *addr;

	boot_poisoned(false);
	addr = free_page_of_low_memory();
	EXPECT(memory_is(addr, POISON_PAGE, PAGE_SIZE));
	EXPECT(page_is_poisoned(virt_to_page(addr)));
	memcpy(addr + 0x123, "stale", 5);
	expect_reports();
	expect_report_for(addr);
	EXPECT(strcmp(report_at(1),
		      "  at offset 291: expected aa aa aa aa aa, found 73 74 61 6c 65 (5 bytes)") == 0);
	EXPECT_EQ(reports_count(), 2);
	EXPECT((char *)__get_free_page(GFP_KERNEL) == addr); /* filled again: no second report */
	EXPECT(!page_is_poisoned(virt_to_page(addr)));
	EXPECT_EQ(reports_count(), 2);
}

KTEST(poison_machine, each_end_of_a_page_is_looked_at, "S5 DBG-07")
{
	static const unsigned int offsets[] = {0, 1, 3, 4, 2048, PAGE_SIZE - 4, PAGE_SIZE - 1};

	boot_poisoned(false);
	expect_reports();
	for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++) {
		char *addr = free_page_of_low_memory(), expected[64];

		addr[offsets[i]] = 0x41;
		reports_forget();
		expect_report_for(addr);
		snprintf(expected, sizeof(expected), "  at offset %u: expected aa, found 41 (1 byte)",
			 offsets[i]);
		EXPECT(strcmp(report_at(1), expected) == 0);
		EXPECT_EQ(reports_count(), 2);
	}
}

KTEST(poison_machine, one_wrong_bit_is_told_from_an_overwrite, "S5 DBG-07")
{
	char *addr;

	boot_poisoned(false);
	addr = free_page_of_low_memory();
	expect_reports();
	addr[77] ^= 0x20;
	expect_report_for(addr);
	EXPECT(strstr(report_at(0), "; one bit is wrong: a stray write, or bad memory") != NULL);
	addr[77] ^= 0x21;
	reports_forget();
	expect_report_for(addr);
	EXPECT(strstr(report_at(0), "one bit") == NULL);
}

KTEST(poison_machine, a_report_says_who_had_the_page_and_who_freed_it, "S5 DBG-07 P4")
{
	char *addr, expected[96];

	boot_poisoned(true);
	host_set_now_ms(1500);
	addr = free_page_of_low_memory();
	addr[5] = 0;
	host_set_now_ms(0);
	expect_reports();
	expect_report_for(addr);
	snprintf(expected, sizeof(expected), "  taken by %p in %s at 1.500 s, order 0, GFP_KERNEL", frames[0],
		 port_task_name());
	EXPECT(strcmp(report_at(2), expected) == 0);
	snprintf(expected, sizeof(expected), "    called by %p", frames[1]);
	EXPECT(strcmp(report_at(3), expected) == 0);
	snprintf(expected, sizeof(expected), "  freed by %p in %s at 1.500 s", frames[0], port_task_name());
	EXPECT(strcmp(report_at(4), expected) == 0);
	EXPECT_EQ(reports_count(), 6);
}

KTEST(poison_machine, pages_of_high_memory_are_filled_and_looked_at, "S5 DBG-07")
{
	struct page *page;
	char *window;

	boot_poisoned(false);
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(page && page_is_highmem(page));
	__free_page(page);
	window = kmap_local_page(page);
	EXPECT(memory_is(window, POISON_PAGE, PAGE_SIZE));
	window[9] = 1;
	kunmap_local(window);
	expect_reports();
	EXPECT(alloc_page(GFP_HIGHUSER) == page);
	EXPECT_ONE_REPORT("was written to after it was freed");
	EXPECT(strstr(report_at(1), "  at offset 9: expected aa, found 01 (1 byte)") != NULL);
}

KTEST(poison_machine, of_a_block_the_first_wrong_page_is_named_and_the_others_are_counted, "S5 DBG-07")
{
	char *addr, expected[32];

	boot_poisoned(false);
	addr = (char *)__get_free_pages(GFP_KERNEL, 3);
	free_pages((unsigned long)addr, 3);
	memset(addr + 2 * PAGE_SIZE + 100, 0, 3 * PAGE_SIZE);
	expect_reports();
	EXPECT((char *)__get_free_pages(GFP_KERNEL, 3) == addr);
	snprintf(expected, sizeof(expected), "BUG: page %#x was", page_to_pfn(virt_to_page(addr)) + 2);
	EXPECT_ONE_REPORT("BUG: page");
	EXPECT(strstr(report_at(0), expected) != NULL);
	EXPECT(strcmp(report_at(2), "  and so were 3 further pages of the block") == 0);
}

KTEST(poison_machine, the_rest_of_an_exact_allocation_is_filled, "S5 DBG-07")
{
	char *addr, *rest;

	boot_poisoned(false);
	addr = (char *)__get_free_pages(GFP_KERNEL, 2);
	memset(addr, 0x41, 4 * PAGE_SIZE);
	free_pages((unsigned long)addr, 2);
	addr = alloc_pages_exact(3 * PAGE_SIZE, GFP_KERNEL);
	rest = addr + 3 * PAGE_SIZE;
	EXPECT(page_is_poisoned(virt_to_page(rest)) && memory_is(rest, POISON_PAGE, PAGE_SIZE));
	EXPECT(!page_is_poisoned(virt_to_page(addr)));
	free_pages_exact(addr, 3 * PAGE_SIZE);
	EXPECT(page_is_poisoned(virt_to_page(addr)));
}

KTEST(poison_machine, pages_that_nobody_had_yet_are_not_looked_at, "S5 DBG-07")
{
	HOG(hog);

	boot_poisoned(false); /* full of junk */
	hog_all(&hog);
	EXPECT_EQ(nr_free_pages(), 0);
}

KTEST(poison_machine, what_is_cleared_on_its_way_is_looked_at_first, "S5 K4")
{
	char *addr;

	boot_poisoned(false);
	mm_init_on(true, true);
	addr = free_page_of_low_memory();
	addr[0] = 1;
	expect_reports();
	EXPECT((char *)__get_free_page(GFP_KERNEL) == addr);
	EXPECT_ONE_REPORT("was written to after it was freed");
	EXPECT(memory_is(addr, 0, PAGE_SIZE));
	mm_init_on(false, false);
}

KTEST(poison_machine, a_long_run_without_misuse_is_silent_and_valid, "S5 P4")
{
	boot_poisoned(true);
	random_operations(20260111, TEST_RANDOM_OPS / 4, 500);
	expect_valid();
}
