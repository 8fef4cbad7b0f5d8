/* SPDX-License-Identifier: MIT */
/* Windows on high memory, and all of memory through them. Guest and host. */
#include <mm/mapped/highmem.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/early/memblock.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/test_util.h>

KTEST(kmap, a_low_page_is_at_its_own_address_and_unmapping_it_is_nothing, "P9 KMP-04")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_page(GFP_KERNEL);

	REQUIRE(page);
	EXPECT(kmap_local_page(page) == page_address(page));
	kunmap_local(page_address(page));
	__free_page(page);
}

KTEST(kmap, two_windows_show_two_pages_and_one_page_twice_shows_the_same_bytes, "P9 KMP-01")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *a, *b;
	char *one, *two, *again;

	NEEDS_HIGH_PAGES(1);
	a = alloc_page(GFP_HIGHUSER);
	b = alloc_page(GFP_HIGHUSER);
	REQUIRE(a && b && page_is_highmem(a) && page_is_highmem(b));

	one = kmap_local_page(a);
	two = kmap_local_page(b);
	again = kmap_local_page(a);
	EXPECT(one != two && one != again && two != again);
	memset(one, 0x11, PAGE_SIZE);
	memset(two, 0x22, PAGE_SIZE);
	EXPECT(memory_is(again, 0x11, PAGE_SIZE));
	again[7] = 0x33;
	EXPECT_EQ(one[7], 0x33);
	kunmap_local(again);
	kunmap_local(two);
	kunmap_local(one);

	__free_page(b);
	__free_page(a);
}

KTEST(kmap, windows_are_given_back_in_order_or_not_at_all, "P9 KMP-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;
	char *one, *two;

	NEEDS_HIGH_PAGES(1);
	page = alloc_page(GFP_HIGHUSER);
	REQUIRE(page && page_is_highmem(page));
	expect_reports();
	one = kmap_local_page(page);
	two = kmap_local_page(page);
	kunmap_local(one);
	EXPECT_ONE_REPORT("expected the window mapped last; nothing changed");
	kunmap_local(two + 100);
	kunmap_local(one);
	kunmap_local(one);
	EXPECT_ONE_REPORT("expected the window mapped last; nothing changed");
	__free_page(page);
}

KTEST(kmap, as_many_windows_as_there_are_nest, "P9 KMP-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;
	char *window[8];

	NEEDS_HIGH_PAGES(1);
	page = alloc_page(GFP_HIGHUSER | __GFP_ZERO);
	REQUIRE(page && page_is_highmem(page));
	for (unsigned int i = 0; i < ARRAY_SIZE(window); i++) {
		window[i] = kmap_local_page(page);
		window[i][i] = (char)(i + 1);
	}
	for (unsigned int i = ARRAY_SIZE(window); i-- > 0;) {
		EXPECT_EQ(window[i][ARRAY_SIZE(window) - 1 - i], ARRAY_SIZE(window) - i);
		kunmap_local(window[i]);
	}
	__free_page(page);
}

static bool page_is(const struct page *page, int byte)
{
	const char *window = kmap_local_page(page);
	bool is = memory_is(window, byte, PAGE_SIZE);

	kunmap_local(window);
	return is;
}

static void fill_page(const struct page *page, int byte)
{
	char *window = kmap_local_page(page);

	memset(window, byte, PAGE_SIZE);
	kunmap_local(window);
}

KTEST(kmap, cleared_high_pages_are_zero_and_copies_are_equal, "G17 P9")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *from, *to;
	char text[8];

	NEEDS_HIGH_PAGES(1);
	from = alloc_page(GFP_HIGHUSER);
	to = alloc_page(GFP_HIGHUSER);
	REQUIRE(from && to && page_is_highmem(from));
	fill_page(from, 0x5a);
	memcpy_to_page(from, PAGE_SIZE - 6, "ashlar", 6);
	copy_highpage(to, from);
	memcpy_from_page(text, to, PAGE_SIZE - 8, 8);
	EXPECT(memcmp(text, "ZZashlar", 8) == 0);
	clear_highpage(to);
	EXPECT(page_is(to, 0));
	__free_page(to);
	fill_page(from, 0x5a);
	__free_page(from);
	from = alloc_page(GFP_HIGHUSER | __GFP_ZERO);
	REQUIRE(from);
	EXPECT(page_is(from, 0));
	__free_page(from);
}

/* --- all of memory --- */

static void write_pattern(const struct page *page)
{
	uint32_t *word = kmap_local_page(page);

	for (uint32_t i = 0; i < PAGE_SIZE / 4; i++)
		word[i] = page_to_pfn(page) * 2654435761u + i;
	kunmap_local(word);
}

static bool has_pattern(const struct page *page)
{
	const uint32_t *word = kmap_local_page(page);
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < PAGE_SIZE / 4; i++)
		wrong |= word[i] ^ (page_to_pfn(page) * 2654435761u + i);
	kunmap_local(word);
	return wrong == 0;
}

#define EDGE_PAGES (256u << 8) /* 256 MiB at both ends of each range are touched whole above 4 GiB */

/* Up to 4 GiB every page; above, the ends of each range and every 512th page between. */
static bool page_is_chosen(pfn_t pfn)
{
	const struct range_set *ram = memblock_memory();
	const struct range *range;

	if (mem_map_pages <= 1u << 20 || pfn % 512 == 0)
		return true;
	range = &ram->range[range_set_find(ram, (paddr_t)pfn << PAGE_SHIFT)];
	return pfn - (pfn_t)(range->start >> PAGE_SHIFT) < EDGE_PAGES ||
	       (pfn_t)(range->end >> PAGE_SHIFT) - pfn <= EDGE_PAGES;
}

/* Calls what(page) for the chosen pages of all blocks held. Result: how many were chosen. */
static size_t for_chosen_pages(struct list_head *hog, unsigned int step,
			       void (*what)(const struct page *page))
{
	struct page *head;
	size_t nr = 0;

	list_for_each_entry(head, hog, links)
		for (struct page *page = head; page < head + (1u << head->order); page += step)
			if (page_is_chosen(page_to_pfn(page))) {
				what(page);
				nr++;
			}
	return nr;
}

static size_t nr_wrong;

static void check_pattern(const struct page *page)
{
	nr_wrong += !has_pattern(page);
}

static void use_memory(unsigned int step)
{
	HOG(hog);
	size_t nr;

	hog_all(&hog);
	EXPECT_EQ(nr_free_pages(), 0);
	nr_wrong = 0;
	for_chosen_pages(&hog, step, write_pattern);
	nr = for_chosen_pages(&hog, step, check_pattern);
	EXPECT_EQ(nr_wrong, 0);
	hog_release(&hog);
	ktest_note("%zu pages written, each with its number, then all read back", nr);
}

/* Steps of a block's size at most, so that at least the head of every block is used. */
KTEST(kmap, a_sample_of_all_memory_keeps_what_is_written, "EXH-02 P1")
{
	MACHINE_STAYS_AS_FOUND();

	use_memory(mem_map_pages > 1u << 14 ? 256 : 8);
}

KTEST_BY_NAME(memory, every_byte_of_every_zone_keeps_what_is_written, "EXH-02 P1")
{
	MACHINE_STAYS_AS_FOUND();

	use_memory(1);
}
