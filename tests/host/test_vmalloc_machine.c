/* SPDX-License-Identifier: MIT */
/* vmalloc beside a CPU that remembers: the fake machine aborts when an address is used again, a page table
 * replaced or freed, or, where flushes are not late, a page freed, which the CPU may still know (TL1 to TL3,
 * fake_vmalloc.c). QEMU does not show the last three, a CPU does. Host only. */
#include <mm/mapped/vmalloc.h>

#include <kernel/lib/align.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <mm/mapped/vmarea.h>
#include <mm/objects/kmalloc.h>
#include <tests/host/host.h>
#include <tests/kernel/fault.h>
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

KTEST(vmalloc_machine, an_array_whose_size_overflows_is_not_given_and_another_is_cleared, "V1 KML-04")
{
	char *array;

	boot(true);
	expect_reports();
	EXPECT_NULL(kvmalloc_array(SIZE_MAX / 4, 5, GFP_KERNEL));
	EXPECT_NULL(kvcalloc(SIZE_MAX / 4, 5, GFP_KERNEL));
	EXPECT_EQ(reports_count(), 0);
	array = kvmalloc_array(1000, 3000, GFP_KERNEL);
	REQUIRE(array);
	memset(array, 0x5a, 3000000);
	kvfree(array);
	array = kvcalloc(1000, 3000, GFP_KERNEL);
	REQUIRE(array);
	EXPECT(memory_is(array, 0, 3000000));
	kvfree(array);
	expect_valid();
}

/* Order 10 is the largest block, and no bound for areas: the machine is. */
KTEST(vmalloc_machine, an_area_may_be_larger_than_any_block_but_not_than_the_machine, "V1 VMA-03 K7")
{
	char *large;

	boot(true);
	large = vmalloc(KMALLOC_MAX_SIZE + 3 * PAGE_SIZE);
	REQUIRE(large);
	memset(large, 0x77, KMALLOC_MAX_SIZE + 3 * PAGE_SIZE);
	vfree(large);
	expect_reports();
	EXPECT_NULL(vmalloc(MIB(80u)));
	EXPECT_ONE_REPORT("impossible vmalloc of 83886080 bytes by ");
	vmalloc_purge();
	expect_valid();
}

KTEST(vmalloc_machine, pages_that_are_none_and_rights_that_nobody_has_are_not_mapped, "V1 K7")
{
	struct page *pages[2];

	boot(true);
	pages[0] = alloc_page(GFP_KERNEL);
	pages[1] = (struct page *)(void *)((char *)pages[0] + 1);
	REQUIRE(pages[0]);
	expect_reports();
	EXPECT_NULL(vmap(pages, 2, VM_MAP, PAGE_KERNEL));
	EXPECT_ONE_REPORT("vmap of 8192 bytes by ");
	EXPECT_NULL(vmap(pages, 2, VM_MAP, PAGE_KERNEL));
	EXPECT_ONE_REPORT("expected page descriptors, found something else");
	EXPECT_NULL(vmap(pages, 1, VM_MAP, (pgprot_t)77));
	EXPECT_ONE_REPORT("expected PAGE_KERNEL or PAGE_KERNEL_RO");
	EXPECT_NULL(vmap(pages, ~0u, VM_MAP, PAGE_KERNEL));
	EXPECT_ONE_REPORT("larger than the space for such areas");
	__free_page(pages[0]);
	vmalloc_purge();
	expect_valid();
}

static bool is_out_of_place(void)
{
	return reports_count() == 1 &&
	       reports_contain("BUG: sleeping function called from invalid context at "
			       "mm/mapped/vmap.c");
}

KTEST(vmalloc_machine, where_nobody_may_sleep_nothing_is_mapped_or_unmapped, "V1 C1 VMA-07")
{
	struct page *page;
	volatile char *screen;
	char *map;

	boot(true);
	page = alloc_page(GFP_KERNEL);
	REQUIRE(page);
	map = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	screen = ioremap(0xb8000, PAGE_SIZE);
	REQUIRE(map && screen);
	host_set_atomic(true);
	expect_reports();
	EXPECT(!vmap(&page, 1, VM_MAP, PAGE_KERNEL) && is_out_of_place());
	reports_forget();
	EXPECT(!ioremap(0xb8000, PAGE_SIZE) && is_out_of_place());
	reports_forget();
	vunmap(map);
	EXPECT(is_out_of_place());
	reports_forget();
	iounmap(screen);
	EXPECT(is_out_of_place());
	host_set_atomic(false);
	EXPECT(!read_faults(map) && !read_faults((const char *)screen));
	vunmap(map);
	iounmap(screen);
	__free_page(page);
	vmalloc_purge();
	expect_valid();
}

static char phrase[192];

static bool describes(const char *addr, const char *text)
{
	if (vmalloc_describe((uintptr_t)addr, phrase, sizeof(phrase)) && strstr(phrase, text))
		return true;
	ktest_note("expected %s, found %s", text, phrase);
	return false;
}

/* 5 pages asked for as 4 and a byte, a guard, then 2 pages that begin a page table. */
KTEST(vmalloc_machine, an_address_beside_an_area_is_described_by_the_nearer_one, "V1 VMA-01")
{
	char *low, *high, *start = (char *)vmalloc_space.start;

	boot(true);
	low = vmalloc(4 * PAGE_SIZE + 1);
	high = vmalloc_aligned(2 * PAGE_SIZE, PORT_TABLE_SPAN, GFP_KERNEL);
	REQUIRE(low && high && low == start && high == start + PORT_TABLE_SPAN);
	EXPECT(describes(low, "offset 0 of vmalloc area of 16385 bytes by "));
	EXPECT(describes(low + 4 * PAGE_SIZE + 1, "0 bytes past vmalloc area of 16385 bytes by "));
	EXPECT(strstr(phrase, " (rest of its last page)") != NULL);
	EXPECT(describes(low + 5 * PAGE_SIZE + 7, " bytes past vmalloc area of 16385 bytes by "));
	EXPECT(strstr(phrase, " (vmalloc guard page)") != NULL);
	EXPECT(describes(low + 6 * PAGE_SIZE, "space for vmalloc, in no area"));
	EXPECT(describes(high - PAGE_SIZE, "4096 bytes before vmalloc area of 8192 bytes by "));
	EXPECT(describes(high - PAGE_SIZE - 1, "space for vmalloc, in no area"));
	EXPECT(describes(low - 1, "1 bytes before vmalloc area of 16385 bytes by "));
	EXPECT(!vmalloc_describe((uintptr_t)low - PAGE_SIZE - 1, phrase, sizeof(phrase)));
	EXPECT(describes((char *)vmalloc_space.end - 1, "space for vmalloc, in no area"));
	vfree(low);
	vfree(high);
	vmalloc_purge();
	EXPECT(describes(start, "space for vmalloc, in no area"));
}

/* Whoever frees may have it wrong in any way. */
KTEST(vmalloc_machine, an_address_that_only_looks_like_an_area_is_not_one, "V1 DBG-04 VM6")
{
	struct vm_area *area, copy;
	struct page *page;
	char *memory;

	boot(true);
	memory = vmalloc(2 * PAGE_SIZE);
	REQUIRE(memory);
	area = area_find_live(memory);
	page = vmalloc_to_page(memory);
	REQUIRE(area && page);
	copy = *area;
	page->private = (uintptr_t)&copy; /* no descriptor of ours */
	EXPECT_NULL(area_find_live(memory));
	page->private = (uintptr_t)low_page_address(page); /* nor this */
	EXPECT_NULL(area_find_live(memory));
	page->private = (uintptr_t)area;
	area->kind = AREA_VMAP;
	EXPECT_NULL(area_find_live(memory));
	EXPECT(area_find((uintptr_t)memory, AREA_VMAP) == area);
	EXPECT_NULL(area_find((uintptr_t)memory + PAGE_SIZE, AREA_VMAP));
	EXPECT_NULL(area_find((uintptr_t)memory - 1, AREA_VMAP));
	EXPECT_NULL(area_find(vmalloc_space.end, AREA_VMAP));
	area->kind = AREA_VMALLOC;
	EXPECT_NULL(area_find((uintptr_t)memory, AREA_IOREMAP));
	area->state = AREA_GOING;
	EXPECT_NULL(area_find((uintptr_t)memory, AREA_VMALLOC));
	area->state = AREA_LIVE;
	EXPECT(area_find_live(memory) == area);
	vfree(memory);
	vmalloc_purge();
	expect_valid();
}

KTEST(vmalloc_machine, a_port_without_a_space_has_each_area_refused, "V1 D10")
{
	host_set_vmalloc_bytes(1);
	fake_machine_boot_pc(64);
	host_set_vmalloc_bytes(0);
	MACHINE_STAYS_AS_FOUND();
	reports_capture();
	EXPECT_EQ(vmalloc_total_bytes(), 0);
	EXPECT_NULL(vmalloc(PAGE_SIZE));
	EXPECT_EQ(reports_count(), 1);
	reports_forget();
	EXPECT_NULL(vmalloc(MIB(1u)));
	vmalloc_purge();
}
