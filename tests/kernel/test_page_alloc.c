/* SPDX-License-Identifier: MIT */
/* The policy of page allocation: what each entry point gives, what is refused, and that a wrong free is
 * reported and changes nothing. Host and guest. */
#include <mm/pages/page_alloc.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/kmalloc.h>
#include <tests/kernel/test_util.h>

static struct zone *const dma = &zones[ZONE_DMA];

static unsigned int nr_zones_with_memory(void)
{
	const struct zone *zone;
	unsigned int nr = 0;

	for_each_zone(zone)
		nr += zone_has_memory(zone);
	return nr;
}

/* --- what is given --- */

KTEST(page_alloc, every_entry_point_gives_pages_that_its_counterpart_takes_back, "P2 K6")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	unsigned long addr = __get_free_pages(GFP_KERNEL, 2), single = __get_free_page(GFP_ATOMIC);

	REQUIRE(page && addr && single);
	EXPECT_EQ(page_count(page), 1);
	EXPECT(IS_ALIGNED(addr, 4 * PAGE_SIZE) && virt_is_direct((void *)addr));
	memset(page_address(page), 1, 8 * PAGE_SIZE);
	memset((void *)addr, 2, 4 * PAGE_SIZE);
	memset((void *)single, 3, PAGE_SIZE);
	EXPECT(memory_is(page_address(page), 1, 8 * PAGE_SIZE));
	EXPECT(memory_is((void *)addr, 2, 4 * PAGE_SIZE));
	__free_pages(page, 3);
	free_pages(addr, 2);
	free_page(single);
	free_page(0);
}

KTEST(page_alloc, zeroed_pages_are_zero_whoever_had_them_before, "G17 P2")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned long dirty = __get_free_pages(GFP_KERNEL, 2), clean;
	struct page *page;

	REQUIRE(dirty);
	memset((void *)dirty, 0xee, 4 * PAGE_SIZE);
	free_pages(dirty, 2);
	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 2);
	REQUIRE(page);
	EXPECT(memory_is(page_address(page), 0, 4 * PAGE_SIZE));
	memset(page_address(page), 0xee, 4 * PAGE_SIZE);
	__free_pages(page, 2);
	clean = get_zeroed_page(GFP_ATOMIC);
	REQUIRE(clean);
	EXPECT(memory_is((void *)clean, 0, PAGE_SIZE));
	free_page(clean);
}

KTEST(page_alloc, each_flag_of_a_combination_keeps_its_effect, "G21 G7 G17 G18")
{
	static const gfp_t types[] = {GFP_NOWAIT, GFP_ATOMIC, GFP_NOIO, GFP_NOFS, GFP_KERNEL, GFP_USER};
	static const gfp_t places[] = {GFP_NOWAIT, __GFP_DMA, __GFP_HIGHMEM};
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int i = 0; i < ARRAY_SIZE(types) * ARRAY_SIZE(places) * 4; i++) {
		gfp_t gfp = types[i % ARRAY_SIZE(types)] | places[i / ARRAY_SIZE(types) % ARRAY_SIZE(places)];
		unsigned int extra = i / (ARRAY_SIZE(types) * ARRAY_SIZE(places));
		struct page *page = alloc_pages(gfp | (extra & 1 ? __GFP_ZERO : GFP_NOWAIT) |
							(extra & 2 ? __GFP_COMP : GFP_NOWAIT) | __GFP_COLD |
							__GFP_NORETRY,
						1);

		REQUIRE(page);
		EXPECT(page_zone(page)->id <= gfp_zone(gfp));
		EXPECT_EQ(PageCompound(page + 1), extra >> 1);
		if (page_address(page)) {
			EXPECT(!(extra & 1) || memory_is(page_address(page), 0, 2 * PAGE_SIZE));
			memset(page_address(page), 0x77, 2 * PAGE_SIZE);
		}
		__free_pages(page, 1);
	}
}

KTEST(page_alloc, cleared_pages_may_be_asked_of_high_memory, "G17 G8")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_page(GFP_HIGHUSER | __GFP_ZERO);

	REQUIRE(page);
	if (page_address(page))
		EXPECT(memory_is(page_address(page), 0, PAGE_SIZE));
	__free_page(page);
}

KTEST(page_alloc, each_zone_and_order_is_used_to_the_last_block_and_recovers, "EXH-01 BUD-03 P2")
{
	MACHINE_STAYS_AS_FOUND();
	struct zone *zone;

	for_each_zone(zone)
		for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
			struct list_head hog = LIST_HEAD_INIT(hog), taken = LIST_HEAD_INIT(taken);
			size_t nr = 0, expected;
			struct page *page;

			hog_zone(&hog, zone, order > 8 ? zone->nr_free : MIB(2u) / PAGE_SIZE);
			expected = zone_nr_blocks_within(zone, order);
			while ((page = zone_take(zone, order))) {
				list_add(&page->links, &taken);
				nr++;
			}
			EXPECT_EQ(nr, expected);
			if (nr) {
				page = list_first_entry(&taken, struct page, links);
				list_del(&page->links);
				__free_pages(page, order);
				page = zone_take(zone, order);
				EXPECT_NOT_NULL(page);
				EXPECT_NULL(zone_take(zone, order));
				if (page)
					list_add(&page->links, &taken);
			}
			hog_release(&taken);
			hog_release(&hog);
		}
}

/* Of every block of order 10 that is free, keep one page and give back the rest. */
static void fragment(struct list_head *hog, struct list_head *kept)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, hog, links) {
		if (page->order < MAX_PAGE_ORDER)
			continue;
		list_del(&page->links);
		split_page(page, MAX_PAGE_ORDER);
		list_add(&page->links, kept);
		for (unsigned int i = 1; i < 1u << MAX_PAGE_ORDER; i++)
			__free_page(page + i);
	}
}

KTEST(page_alloc, order_10_succeeds_after_boot_and_fails_after_a_fragmenting_load, "P3")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	HOG(kept);
	struct page *next, *page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, MAX_PAGE_ORDER);
	unsigned int nr_kept = 0;

	if (!page)
		SKIP("no free block of order 10");
	__free_pages(page, MAX_PAGE_ORDER);

	/* all of memory is taken, but for some blocks of order 10, each of which then lacks a page */
	hog_all(&hog);
	list_for_each_entry_safe(page, next, &hog, links)
		if (page->order == MAX_PAGE_ORDER && nr_kept < 8) {
			list_move(&page->links, &kept);
			nr_kept++;
		}
	fragment(&kept, &hog);
	EXPECT(nr_free_pages() >= 1023);
	expect_reports();
	EXPECT_NULL(alloc_pages(GFP_ATOMIC | __GFP_HIGHMEM, MAX_PAGE_ORDER));
	EXPECT(strstr(report_at(0), "page allocation failure: order:10"));
	EXPECT_EQ(reports_count(), 1 + nr_zones_with_memory());
	EXPECT_EQ(zone_nr_blocks(dma, MAX_PAGE_ORDER), 0);
	hog_release(&kept);
	hog_release(&hog);
}

KTEST(page_alloc, get_order_is_exact, "P3")
{
	EXPECT_EQ(get_order(0), 0);
	EXPECT_EQ(get_order(1), 0);
	EXPECT_EQ(get_order(PAGE_SIZE), 0);
	for (unsigned int order = 0; order < 19; order++) {
		EXPECT_EQ(get_order((unsigned long)PAGE_SIZE << order), order);
		EXPECT_EQ(get_order(((unsigned long)PAGE_SIZE << order) + 1), order + 1);
	}
	EXPECT_EQ(get_order(0xffffffffu), 20);
}

/* --- what is refused --- */

KTEST(page_alloc, an_order_too_large_is_refused_at_once_and_once_reported, "K7 P3 BUD-08")
{
	static const unsigned int orders[] = {11, 31, 32, 0x100, 0xffffffffu};
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++) {
		EXPECT_NULL(alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_NOFAIL, orders[i]));
		EXPECT_ONE_REPORT("no block is that large");
	}
	EXPECT_EQ(__get_free_pages(GFP_ATOMIC, 11), 0);
	EXPECT_ONE_REPORT("(order:11, mode:0x20(GFP_ATOMIC)); orders are 0 to 10");
}

KTEST(page_alloc, impossible_flags_are_refused_by_name, "K7 ZON-08 G20")
{
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	EXPECT_NULL(alloc_page(GFP_KERNEL | __GFP_DMA | __GFP_HIGHMEM));
	EXPECT_ONE_REPORT("two zones, __GFP_DMA and __GFP_HIGHMEM (order:0, "
			  "mode:0xd3(GFP_KERNEL|GFP_DMA|__GFP_HIGHMEM))");
	EXPECT_NULL(alloc_page(__GFP_NOWARN | GFP_BIT(24)));
	EXPECT_ONE_REPORT("unknown flag bits");
	EXPECT_NULL(alloc_page(GFP_USER | __GFP_RECLAIMABLE));
	EXPECT_ONE_REPORT("__GFP_MOVABLE and __GFP_RECLAIMABLE together");
	EXPECT_NULL(alloc_pages_exact(PAGE_SIZE, GFP_BIT(24)));
	EXPECT_ONE_REPORT("unknown flag bits");
}

/* The host has no names for code. */
#ifdef __KERNEL__
#define BY_US "by t_page_alloc_whoever+"
#else
#define BY_US "by "
#endif

KTEST(page_alloc, whoever_asks_for_the_impossible_is_named_whatever_the_call, "K7 ZON-08")
{
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	EXPECT_NULL(alloc_page(GFP_USER | __GFP_RECLAIMABLE | __GFP_ZERO));
	EXPECT_ONE_REPORT(BY_US);
	EXPECT_EQ(__get_free_page(GFP_USER | __GFP_RECLAIMABLE), 0);
	EXPECT_ONE_REPORT(BY_US);
	EXPECT_EQ(get_zeroed_page(GFP_USER | __GFP_RECLAIMABLE), 0);
	EXPECT_ONE_REPORT(BY_US);
	EXPECT_NULL(alloc_pages_exact(PAGE_SIZE, GFP_BIT(24)));
	EXPECT_ONE_REPORT(BY_US);
	EXPECT_NULL(kvmalloc(KIB(20u), GFP_KERNEL | GFP_BIT(24)));
	EXPECT_ONE_REPORT(BY_US);
	EXPECT_NULL(kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_ATOMIC));
	EXPECT_ONE_REPORT(BY_US);
}

KTEST(page_alloc, a_caller_who_repeats_the_mistake_is_told_ten_times, "K7")
{
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	for (unsigned int i = 0; i < 100; i++)
		EXPECT_NULL(alloc_pages(GFP_KERNEL, 11));
	EXPECT_EQ(reports_count(), RATELIMIT_BURST);
}

KTEST(page_alloc, an_address_of_high_memory_is_served_low_with_one_warning, "K6 ZON-07")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned long addr;

	expect_reports();
	addr = __get_free_page(GFP_KERNEL | __GFP_HIGHMEM);
	EXPECT_ONE_REPORT("__GFP_HIGHMEM by");
	EXPECT(addr && virt_is_direct((void *)addr));
	free_page(addr);
	addr = get_zeroed_page(GFP_HIGHUSER);
	EXPECT_ONE_REPORT("high memory has no address; served from low memory");
	EXPECT(addr && virt_is_direct((void *)addr));
	free_page(addr);
}

KTEST(page_alloc, a_failure_is_reported_with_order_flags_and_zones_unless_nowarn, "G13 P3 G20")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);

	hog_others(&hog, ZONE_DMA, NULL);
	expect_reports();
	EXPECT_NULL(alloc_pages(GFP_DMA | GFP_ATOMIC | __GFP_NOWARN, 2));
	EXPECT_EQ(reports_count(), 0);
	EXPECT_NULL(alloc_pages(GFP_DMA | GFP_ATOMIC, 2));
	EXPECT_EQ(reports_count(), 1 + nr_zones_with_memory());
	EXPECT(strstr(report_at(0), "page allocation failure: order:2, mode:0x21(GFP_ATOMIC|GFP_DMA)"));
	EXPECT(strstr(report_at(1), "DMA free:0kB min:") && strstr(report_at(1), "largest order:-1"));
	hog_release(&hog);
}

/* --- wrong frees --- */

KTEST(page_alloc, a_free_of_the_wrong_order_is_reported_and_changes_nothing, "P4 BUD-04 BUD-09")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	size_t free = nr_free_pages();

	REQUIRE(page);
	expect_reports();
	__free_pages(page, 2);
	EXPECT_ONE_REPORT("order 2: page is head of a block of order 3, allocated, 1 references");
	__free_pages(page, 4);
	EXPECT_ONE_REPORT("order 4: page is head of a block of order 3, allocated, 1 references");
	__free_pages(page, 0x103);
	EXPECT_ONE_REPORT("order 259: page is head of a block of order 3, allocated, 1 references");
	free_pages((unsigned long)page_address(page), 0);
	EXPECT_ONE_REPORT("order 0: page is head of a block of order 3, allocated, 1 references");
	EXPECT_EQ(nr_free_pages(), free);
	EXPECT_EQ(page_count(page), 1);
	expect_valid();
	__free_pages(page, 3);
	EXPECT_EQ(nr_free_pages(), free + 8);
}

KTEST(page_alloc, a_page_inside_a_block_cannot_be_freed_and_then_the_block_can, "P4 BUD-04 DBG-04 DBG-05")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	size_t free = nr_free_pages();

	REQUIRE(page);
	expect_reports();
	for (unsigned int i = 1; i < 4; i++) {
		__free_page(page + i);
		EXPECT_ONE_REPORT("page is inside a block of order 2, allocated");
		put_page(page + i);
		EXPECT_ONE_REPORT("page is inside a block of order 2, allocated");
	}
	EXPECT_EQ(nr_free_pages(), free);
	__free_pages(page, 2);
	EXPECT_EQ(nr_free_pages(), free + 4);
}

KTEST(page_alloc, a_free_page_and_one_never_handed_out_cannot_be_freed, "P4 BUD-04 MAP-11")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL, 1);
	size_t free = nr_free_pages();

	REQUIRE(page);
	__free_pages(page, 1);
	expect_reports();
	__free_pages(page, 1);
	EXPECT_ONE_REPORT("free");
	__free_page(pfn_to_page(0));
	EXPECT_ONE_REPORT("pfn 0 order 0: page is never handed out");
	EXPECT_EQ(nr_free_pages(), free + 2);
}

KTEST(page_alloc, a_free_block_beside_a_used_one_cannot_be_freed_again, "P4 DBG-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL, 1);

	REQUIRE(page);
	split_page(page, 1);
	__free_page(page); /* it stays what it is: its buddy is in use */
	REQUIRE(page_is_head(page, PAGE_FREE, 0));
	expect_reports();
	__free_page(page);
	EXPECT_ONE_REPORT("bad page free");
	__free_page(page + 1);
}

KTEST(page_alloc, what_is_no_page_cannot_be_freed, "P4 DBG-04")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned long addr = __get_free_page(GFP_KERNEL);
	void *object = kmalloc(64, GFP_KERNEL);

	REQUIRE(addr && object);
	expect_reports();
	__free_page((struct page *)(void *)((char *)mem_map + 1));
	EXPECT_ONE_REPORT("is no page descriptor; nothing changed");
	__free_page(mem_map + mem_map_pages);
	EXPECT_ONE_REPORT("is no page descriptor; nothing changed");
	__free_page(mem_map - 1);
	EXPECT_ONE_REPORT("is no page descriptor; nothing changed");
	free_page(addr + 8);
	EXPECT_ONE_REPORT("is not the address of a page of low memory; nothing changed");
	free_page(8);
	EXPECT_ONE_REPORT("is not the address of a page of low memory");
	free_page((unsigned long)zones & PAGE_MASK);
	EXPECT_ONE_REPORT("bad page free");
	free_page((unsigned long)object & PAGE_MASK);
	EXPECT_ONE_REPORT("bad page free");
	kfree(object);
	free_page(addr);
}

/* --- references --- */

KTEST(page_alloc, whoever_drops_the_last_reference_frees_the_block, "BUD-10 G18")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	size_t free = nr_free_pages();

	REQUIRE(page);
	get_page(page);
	EXPECT_EQ(page_count(page), 2);
	__free_pages(page, 2);
	EXPECT_EQ(nr_free_pages(), free);
	put_page(page);
	EXPECT_EQ(nr_free_pages(), free + 4);
	expect_reports();
	put_page(page);
	EXPECT_ONE_REPORT("bad put_page");
	EXPECT_EQ(nr_free_pages(), free + 4);
}

KTEST(page_alloc, every_page_of_a_compound_page_speaks_for_the_whole, "G18")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 3);
	size_t free = nr_free_pages();

	REQUIRE(page);
	for (unsigned int i = 0; i < 8; i++) {
		EXPECT(compound_head(page + i) == page && PageCompound(page + i));
		EXPECT_EQ(compound_order(page + i), 3);
		get_page(page + i);
		EXPECT_EQ(page_count(page + 7 - i), 2 + i);
	}
	for (unsigned int i = 0; i < 8; i++)
		put_page(page + i);
	EXPECT_EQ(page_count(page), 1);
	EXPECT_EQ(nr_free_pages(), free);
	put_page(page + 5);
	EXPECT_EQ(nr_free_pages(), free + 8);
}

KTEST(page_alloc, without_comp_a_block_is_no_compound_page, "G18")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL, 1), *single = alloc_page(GFP_KERNEL | __GFP_COMP);

	REQUIRE(page && single);
	EXPECT(!PageCompound(page) && !PageCompound(page + 1) && compound_head(page + 1) == page + 1);
	EXPECT(!PageCompound(single));
	__free_pages(page, 1);
	__free_page(single);
}

/* Whichever of its nr pages somebody refers to, all of it stays after its owner gave it back, and then all of
 * it goes. */
static void expect_kept(char *(*get)(size_t nr), void (*give_back)(char *addr, size_t nr), const char *twice,
			size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		char *addr = get(nr);
		struct page *page;
		size_t free;

		REQUIRE(addr);
		page = virt_to_page(addr);
		free = nr_free_pages();
		memset(addr, 0x6d, nr * PAGE_SIZE);
		EXPECT_EQ(page_count(page + i), 1);
		get_page(page + i);
		get_page(page + nr - 1);
		EXPECT_EQ(page_count(page + i), 3);
		give_back(addr, nr);
		EXPECT_EQ(nr_free_pages(), free);
		if (i == nr / 2) {
			expect_reports();
			give_back(addr, nr);
			EXPECT(one_report_says(twice));
		}
		put_page(page);
		expect_valid();
		EXPECT(nr_free_pages() == free && memory_is(addr, 0x6d, nr * PAGE_SIZE));
		put_page(page + i);
		EXPECT_EQ(nr_free_pages(), free + nr);
	}
}

static char *get_exact(size_t nr)
{
	return alloc_pages_exact(nr * PAGE_SIZE, GFP_KERNEL);
}

static void give_exact(char *addr, size_t nr)
{
	free_pages_exact(addr, nr * PAGE_SIZE);
}

static char *get_large(size_t nr)
{
	return kmalloc(nr * PAGE_SIZE, GFP_KERNEL);
}

static void give_large(char *addr, size_t nr)
{
	(void)nr;
	kfree(addr);
}

KTEST(page_alloc, large_and_exact_allocations_stay_until_their_last_reference_goes, "G18 BUD-10 BUD-14")
{
	MACHINE_STAYS_AS_FOUND();

	expect_kept(get_exact, give_exact, "bad page free", 1);
	expect_kept(get_exact, give_exact, "bad page free", 3);
	expect_kept(get_exact, give_exact, "bad page free", 8);
	expect_kept(get_exact, give_exact, "bad page free", 11);
	expect_kept(get_large, give_large, "no object starts there", 5);
	expect_kept(get_large, give_large, "no object starts there", 8);
	expect_kept(get_large, give_large, "no object starts there", 13);
}

KTEST(page_alloc, an_owners_reference_to_large_memory_is_not_put, "G18 P4")
{
	MACHINE_STAYS_AS_FOUND();
	char *large = kmalloc(5 * PAGE_SIZE, GFP_KERNEL);
	size_t free = nr_free_pages();

	REQUIRE(large);
	expect_reports();
	for (unsigned int i = 0; i < 5; i++) {
		put_page(virt_to_page(large) + i);
		EXPECT_ONE_REPORT("bad put_page");
	}
	EXPECT_EQ(page_count(virt_to_page(large)), 1);
	kfree(large);
	EXPECT_EQ(nr_free_pages(), free + 5);
}

static void expect_no_reference(struct page *page, const char *what)
{
	uint32_t head = page->head;
	int refcount = page->refcount;

	expect_reports();
	get_page(page);
	EXPECT(one_report_says("bad get_page") && reports_contain(what));
	put_page(page);
	EXPECT(one_report_says("bad put_page") && reports_contain(what));
	EXPECT(page->head == head && page->refcount == refcount);
	EXPECT_EQ(page_count(page), 0);
}

KTEST(page_alloc, what_no_reference_keeps_is_refused, "G18 P4")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct page *block = alloc_pages(GFP_KERNEL, 2), *page = alloc_pages(GFP_KERNEL, 1);
	char *small = kmalloc(100, GFP_KERNEL), *medium = kmalloc(12000, GFP_KERNEL);

	REQUIRE(block && page && small && medium);
	split_page(page, 1); /* its buddy stays: it cannot merge */
	expect_no_reference(block + 3, "inside a block of order 2");
	expect_no_reference(virt_to_page(small), "a slab");
	expect_no_reference(virt_to_page(medium + PAGE_SIZE), "a slab");
	expect_no_reference(pfn_to_page(0), "never handed out");
	__free_page(page);
	expect_no_reference(page, "order 0");
	__free_page(page + 1);
	expect_reports();
	get_page(mem_map + mem_map_pages);
	EXPECT_ONE_REPORT("no page descriptor");
	put_page(mem_map + mem_map_pages);
	EXPECT_ONE_REPORT("no page descriptor");
	kfree(small);
	kfree(medium);
	__free_pages(block, 2);
}

KTEST(page_alloc, a_split_block_keeps_the_references_to_its_first_page, "BUD-11 G18")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	size_t free = nr_free_pages();

	REQUIRE(page);
	get_page(page);
	split_page(page, 2);
	for (unsigned int i = 0; i < 4; i++)
		__free_page(page + i);
	EXPECT_EQ(nr_free_pages(), free + 3);
	put_page(page);
	EXPECT_EQ(nr_free_pages(), free + 4);
}

KTEST(page_alloc, a_split_block_is_single_pages_that_merge_again, "BUD-11")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_pages(GFP_KERNEL, 4);
	size_t free = nr_free_pages();

	REQUIRE(page);
	split_page(page, 4);
	expect_valid();
	for (unsigned int i = 0; i < 16; i++) {
		EXPECT_EQ(page_count(page + (i * 7 & 15)), 1);
		__free_page(page + (i * 7 & 15));
		EXPECT_EQ(nr_free_pages(), free + i + 1);
	}
}

KTEST(page_alloc, only_an_ordinary_block_of_that_order_can_be_split, "BUD-11 P4")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *compound = alloc_pages(GFP_KERNEL | __GFP_COMP, 2), *page = alloc_pages(GFP_KERNEL, 2);
	void *object = kmalloc(64, GFP_KERNEL);

	REQUIRE(compound && page && object);
	expect_reports();
	split_page(compound, 2);
	EXPECT_ONE_REPORT("bad page free");
	split_page(page, 1);
	EXPECT_ONE_REPORT("bad page free");
	split_page(page + 1, 0);
	EXPECT_ONE_REPORT("bad page free");
	split_page(virt_to_page(object), virt_to_page(object)->order);
	EXPECT_ONE_REPORT("bad page free");
	kfree(object);
	__free_pages(compound, 2);
	__free_pages(page, 2);
}

/* --- exact sizes --- */

KTEST(page_alloc, an_exact_allocation_keeps_only_the_pages_it_needs, "BUD-14 P2")
{
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int pages = 1; pages <= 33; pages++) {
		size_t free = nr_free_pages(), size = pages * PAGE_SIZE - 5;
		void *addr = alloc_pages_exact(size, GFP_KERNEL);

		REQUIRE(addr);
		EXPECT_EQ(nr_free_pages(), free - pages);
		memset(addr, 0x3c, size);
		if (pages % 8 == 3)
			expect_valid();
		free_pages_exact(addr, size);
		EXPECT_EQ(nr_free_pages(), free);
	}
	free_pages_exact(NULL, 5);
}

KTEST(page_alloc, exact_pages_can_be_cleared_and_come_from_the_dma_zone, "BUD-14 G7 G17")
{
	MACHINE_STAYS_AS_FOUND();
	char *dirty = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL | GFP_DMA), *clean;

	REQUIRE(dirty);
	EXPECT(virt_to_page(dirty + 5 * PAGE_SIZE - 1) < pfn_to_page(MIB(16u) >> PAGE_SHIFT));
	memset(dirty, 0xee, 5 * PAGE_SIZE);
	free_pages_exact(dirty, 5 * PAGE_SIZE);
	clean = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL | GFP_DMA | __GFP_ZERO);
	REQUIRE(clean);
	EXPECT(memory_is(clean, 0, 5 * PAGE_SIZE));
	free_pages_exact(clean, 5 * PAGE_SIZE);
}

KTEST(page_alloc, exact_pages_can_only_be_freed_as_what_they_are, "BUD-14 P4 DBG-05")
{
	MACHINE_STAYS_AS_FOUND();
	char *addr = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	size_t free = nr_free_pages();

	REQUIRE(addr);
	expect_reports();
	free_pages_exact(addr, 4 * PAGE_SIZE);
	EXPECT_ONE_REPORT("bad page free");
	free_pages_exact(addr + PAGE_SIZE, 4 * PAGE_SIZE);
	EXPECT_ONE_REPORT("bad page free");
	free_pages((unsigned long)addr, 2);
	EXPECT_ONE_REPORT("bad page free");
	free_page((unsigned long)addr + 4 * PAGE_SIZE);
	EXPECT_ONE_REPORT("bad page free");
	put_page(virt_to_page(addr));
	EXPECT_ONE_REPORT("bad put_page");
	kfree(addr);
	EXPECT_ONE_REPORT("no object starts there");
	EXPECT_EQ(nr_free_pages(), free);
	free_pages_exact(addr, 5 * PAGE_SIZE);
	EXPECT_EQ(nr_free_pages(), free + 5);
	free_pages_exact(addr, 5 * PAGE_SIZE);
	EXPECT_ONE_REPORT("bad page free");
}

KTEST(page_alloc, an_exact_size_that_no_block_holds_is_refused, "K7 BUD-08")
{
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	EXPECT_NULL(alloc_pages_exact(0, GFP_KERNEL));
	EXPECT_ONE_REPORT("0 bytes");
	EXPECT_NULL(alloc_pages_exact(MIB(4u) + 1, GFP_KERNEL));
	EXPECT_ONE_REPORT("no block is that large");
	EXPECT_NULL(alloc_pages_exact(SIZE_MAX, GFP_KERNEL));
	EXPECT_ONE_REPORT("no block is that large");
}

KTEST(page_alloc, nomemalloc_leaves_the_reserve_alone_and_wins_over_high, "G10")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *page;

	hog_to_floor(&hog, ZONE_NORMAL);
	EXPECT_NULL(alloc_page(GFP_ATOMIC | __GFP_NOMEMALLOC | __GFP_NOWARN));
	EXPECT_NULL(kmalloc(KMALLOC_MAX_CACHE_SIZE + 1, GFP_ATOMIC | __GFP_NOMEMALLOC | __GFP_NOWARN));
	page = alloc_page(GFP_ATOMIC);
	EXPECT(page);
	if (page)
		__free_page(page);
	hog_release(&hog);
}
