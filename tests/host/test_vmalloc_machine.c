/* SPDX-License-Identifier: MIT */
/* vmalloc beside a CPU that remembers: the fake machine aborts when an address is used again, a page table
 * replaced or freed, or, where flushes are not late, a page freed, which the CPU may still know (TL1 to TL3,
 * fake_vmalloc.c). QEMU does not show the last three, a CPU does. Host only. */
#include <mm/mapped/vmalloc.h>

#include <kernel/lib/align.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <mm/mapped/vmarea.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define NR_AREAS  40u
#define NR_OPS	  6000u
#define MAX_PAGES 24u
#define NR_LARGE  40u
#define NR_FEW	  20u /* pages */

static void boot(bool flushes_late)
{
	fake_machine_boot_pc(64);
	host_cpu.flushes_late = flushes_late;
}

/* Any sizes come and go; now and then all that was put off is done. */
static void churn(uint32_t seed)
{
	struct random random = {seed};
	void *area[NR_AREAS] = {NULL};

	for (unsigned int op = 0; op < NR_OPS; op++) {
		unsigned int i = random_below(&random, NR_AREAS);

		if (area[i])
			vfree(area[i]);
		area[i] = area[i] ? NULL : vmalloc((1 + random_below(&random, MAX_PAGES)) * PAGE_SIZE);
		if (op % 1000 == 999)
			vmalloc_purge();
	}
	for (unsigned int i = 0; i < NR_AREAS; i++)
		vfree(area[i]);
	vmalloc_purge();
}

KTEST(vmalloc_machine, no_address_is_used_again_before_a_flush, "V1 VMA-02 VM5")
{
	boot(true);
	{
		MACHINE_STAYS_AS_FOUND();
		churn(1);
	}
}

KTEST(vmalloc_machine, with_debugging_no_page_is_freed_before_its_flush, "V1 VMA-02")
{
	boot(false);
	{
		MACHINE_STAYS_AS_FOUND();
		churn(2);
	}
}

/* Larger than what is kept, so that areas leave the tree, and page tables with them. */
static void come_and_go_large(void)
{
	for (unsigned int i = 0; i < NR_LARGE; i++) {
		void *area = vmalloc(PORT_TABLE_SPAN + PAGE_SIZE);

		REQUIRE(area);
		vfree(area);
	}
}

KTEST(vmalloc_machine, no_page_table_is_freed_or_replaced_before_a_flush, "V1 VMA-02 VM5")
{
	for (unsigned int late = 0; late < 2; late++) {
		boot(late);
		come_and_go_large();
		vmalloc_purge();
		come_and_go_large();
		expect_valid();
	}
}

/* An area that cannot have all of its pages is given up: its addresses are free at once, while a neighbour
 * keeps the page table. */
KTEST(vmalloc_machine, what_was_given_up_half_made_is_forgotten_at_once, "V1 VMA-05")
{
	HOG(hog);
	char *neighbour, *area;

	boot(true);
	neighbour = vmalloc(PAGE_SIZE);
	REQUIRE(neighbour);
	hog_all(&hog);
	while (!list_is_empty(&hog) && nr_free_pages() < NR_FEW) {
		struct page *page = list_first_entry(&hog, struct page, links);

		list_del(&page->links);
		__free_pages(page, page->order);
	}
	REQUIRE(nr_free_pages() >= NR_FEW);
	area = __vmalloc((nr_free_pages() + NR_FEW) * PAGE_SIZE, GFP_ATOMIC | __GFP_HIGHMEM | __GFP_NOWARN);
	EXPECT_NULL(area);
	hog_release(&hog);
	area = vmalloc(NR_FEW * PAGE_SIZE);
	REQUIRE(area);
	EXPECT(area == neighbour + 2 * PAGE_SIZE);
	memset(area, 0x5a, NR_FEW * PAGE_SIZE);
	vfree(area);
	vfree(neighbour);
	vmalloc_purge();
	expect_valid();
}

/* Purged addresses are the next to be used. */
KTEST(vmalloc_machine, what_was_purged_is_forgotten, "V1 VMA-02")
{
	void *area, *again;

	boot(true);
	area = vmalloc(5 * PAGE_SIZE);
	REQUIRE(area);
	vfree(area);
	vmalloc_purge();
	again = vmalloc(5 * PAGE_SIZE);
	EXPECT(again == area);
	vfree(again);
}
