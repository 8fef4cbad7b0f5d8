/* SPDX-License-Identifier: MIT */
/* Pages of programs: counted, movable, cleared, from high memory first; and a machine filled with them
 * through kmap. Guest and host. */
#include <mm/pages/user_page.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/early/memblock.h>
#include <mm/mapped/highmem.h>
#include <mm/mapped/kmap.h>
#include <mm/report/stats.h>
#include <tests/kernel/test_util.h>

#define NR_FEW 20u

static bool page_is_clear(struct page *page)
{
	const char *window = kmap(page);
	bool is = memory_is(window, 0, PAGE_SIZE);

	kunmap(page);
	return is;
}

static void make_dirty(struct page *page)
{
	memset(kmap(page), 0x5a, PAGE_SIZE);
	kunmap(page);
}

KTEST(highmem, pages_of_programs_are_cleared_whatever_was_there, "G3 K4 G17")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page[NR_FEW];

	for (unsigned int i = 0; i < NR_FEW; i++) {
		page[i] = alloc_user_page_dirty(__GFP_NOWARN);
		REQUIRE(page[i]);
		make_dirty(page[i]);
	}
	for (unsigned int i = 0; i < NR_FEW; i++)
		free_user_page(page[i]);
	for (unsigned int i = 0; i < NR_FEW; i++) {
		page[i] = alloc_user_page();
		REQUIRE(page[i]);
		EXPECT(page_is_clear(page[i]));
	}
	for (unsigned int i = 0; i < NR_FEW; i++)
		free_user_page(page[i]);
}

static bool meminfo_says(size_t nr_pages)
{
	char text[1024], line[48];
	struct sink_buffer buffer;

	sink_buffer_init(&buffer, text, sizeof(text));
	meminfo_print(&buffer.sink);
	(void)snprintf(line, sizeof(line), "AnonPages:      %8llu kB\n", (unsigned long long)nr_pages * 4);
	return strstr(text, line) != NULL;
}

KTEST(highmem, pages_of_programs_are_counted_as_such_and_no_others, "G3 P5 U1")
{
	MACHINE_STAYS_AS_FOUND();
	size_t before = nr_user_pages();
	struct page *user, *kernel = alloc_page(GFP_HIGHUSER);
	struct zone *zone;

	REQUIRE(kernel);
	EXPECT_EQ(nr_user_pages(), before);
	user = alloc_user_page();
	REQUIRE(user);
	zone = page_zone(user);
	EXPECT(page_is_user(user) && !page_is_user(kernel));
	EXPECT_EQ(nr_user_pages(), before + 1);
	EXPECT(zone_nr_user_pages(zone) > 0);
	EXPECT(meminfo_says(before + 1));
	free_user_page(user);
	EXPECT_EQ(nr_user_pages(), before);
	EXPECT(meminfo_says(before));
	__free_page(kernel);
}

KTEST(highmem, a_shared_page_is_counted_until_its_last_reference_goes, "G3 U1")
{
	MACHINE_STAYS_AS_FOUND();
	size_t before = nr_user_pages();
	struct page *page = alloc_user_page();

	REQUIRE(page);
	get_page(page);
	free_user_page(page);
	EXPECT(page_is_user(page));
	EXPECT_EQ(nr_user_pages(), before + 1);
	free_user_page(page);
	EXPECT(!page_is_user(page));
	EXPECT_EQ(nr_user_pages(), before);
}

static void free_as_any_page(struct page *page)
{
	__free_page(page);
}

static void free_by_address(struct page *page)
{
	if (page_is_highmem(page))
		__free_pages(page, 0);
	else
		free_page((unsigned long)low_page_address(page));
}

/* The owner goes first; `last` drops the reference that keeps the page. */
static void expect_uncounted_by(void (*last)(struct page *page))
{
	size_t before = nr_user_pages(), free = nr_free_pages();
	struct page *page = alloc_user_page(), *next;

	REQUIRE(page);
	get_page(page);
	free_user_page(page);
	EXPECT_EQ(nr_user_pages(), before + 1);
	expect_valid();
	last(page);
	EXPECT(nr_user_pages() == before && nr_free_pages() == free && !page_is_user(page));
	expect_valid();
	next = alloc_page(GFP_HIGHUSER);
	REQUIRE(next);
	EXPECT(!page_is_user(next));
	__free_page(next);
}

KTEST(highmem, whoever_drops_the_last_reference_takes_a_page_of_programs_off_the_count, "G3 G18 U1")
{
	MACHINE_STAYS_AS_FOUND();
	size_t before = nr_user_pages();
	struct page *page = alloc_user_page();

	REQUIRE(page);
	free_as_any_page(page); /* its only one */
	EXPECT_EQ(nr_user_pages(), before);
	expect_uncounted_by(put_page);
	expect_uncounted_by(free_user_page);
	expect_uncounted_by(free_as_any_page);
	expect_uncounted_by(free_by_address);
}

KTEST(highmem, only_a_page_of_a_program_is_freed_as_one, "G3 P4")
{
	MACHINE_STAYS_AS_FOUND();
	size_t before = nr_user_pages();
	struct page *page = alloc_page(GFP_KERNEL);

	REQUIRE(page);
	expect_reports();
	free_user_page(page);
	EXPECT_ONE_REPORT("expected a user page, found");
	EXPECT_EQ(nr_user_pages(), before);
	__free_page(page);
}

KTEST(highmem, pages_of_programs_lie_high_and_among_their_like, "G3 G8 ZON-05")
{
	MACHINE_STAYS_AS_FOUND();
	bool has_high = nr_managed_pages(ZONE_HIGHMEM) != 0;
	struct page *page = alloc_user_page();

	REQUIRE(page);
	EXPECT_EQ(page_is_highmem(page), has_high);
	EXPECT_EQ(page_mobility(page), MOBILITY_MOVABLE);
	EXPECT_EQ(zone_nr_user_pages(page_zone(page)) > 0, true);
	free_user_page(page);
}

KTEST(highmem, without_free_high_memory_low_memory_serves, "G3 G8 ZON-05")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct zone *zone;
	struct page *page;

	if (!nr_managed_pages(ZONE_HIGHMEM))
		SKIP("no high memory");
	for_each_zone(zone)
		if (zone->id == ZONE_HIGHMEM)
			hog_zone(&hog, zone, 0);
	page = alloc_user_page();
	REQUIRE(page);
	EXPECT(!page_is_highmem(page));
	free_user_page(page);
	hog_release(&hog);
}

KTEST(highmem, copies_between_pages_of_any_zone_are_equal, "P9 K4")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *high = alloc_user_page(), *low = alloc_page(GFP_KERNEL);
	char text[8] = "";

	REQUIRE(high && low);
	memcpy_to_page(low, 100, "ashlar", 7);
	copy_highpage(high, low);
	memcpy_from_page(text, high, 100, 7);
	EXPECT(strcmp(text, "ashlar") == 0);
	clear_highpage(high);
	EXPECT(page_is_clear(high));
	__free_page(low);
	free_user_page(high);
}

/* --- the whole machine --- */

#define WORDS	   (PAGE_SIZE / sizeof(uint32_t))
#define EDGE_PAGES (256u << 8) /* 256 MiB at both ends of each range are filled whole */

/* Every 512th page between. */
static bool page_is_chosen(pfn_t pfn)
{
	const struct range_set *ram = memblock_memory();
	const struct range *range = &ram->range[range_set_find(ram, (paddr_t)pfn << PAGE_SHIFT)];

	return pfn % 512 == 0 || pfn - (pfn_t)(range->start >> PAGE_SHIFT) < EDGE_PAGES ||
	       (pfn_t)(range->end >> PAGE_SHIFT) - pfn <= EDGE_PAGES;
}

static void fill(struct page *page)
{
	uint32_t *word = kmap(page);

	for (uint32_t i = 0; i < WORDS; i++)
		word[i] = page_to_pfn(page) * 2654435761u + i;
	kunmap(page);
}

static bool is_filled(struct page *page)
{
	const uint32_t *word = kmap(page);
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < WORDS; i++)
		wrong |= word[i] ^ (page_to_pfn(page) * 2654435761u + i);
	kunmap(page);
	return wrong == 0;
}

KTEST_BY_NAME(highmem_fill, a_machine_full_of_programs_keeps_what_they_write, "G3 P9 ZON-05 ZON-06 EXH-02")
{
	MACHINE_STAYS_AS_FOUND();
	struct list_head all = LIST_HEAD_INIT(all);
	size_t nr = 0, nr_filled = 0, nr_wrong = 0, before = nr_user_pages();
	const struct zone *zone;
	struct page *page, *next;

	while ((page = alloc_user_page_dirty(__GFP_NOWARN | __GFP_NORETRY))) {
		list_add(&page->links, &all);
		nr++;
		if (!page_is_chosen(page_to_pfn(page)))
			continue;
		fill(page);
		nr_filled++;
	}
	EXPECT_EQ(nr_user_pages(), before + nr);
	for_each_zone(zone)
		if (zone->id == ZONE_HIGHMEM)
			EXPECT(zone_nr_user_pages(zone) + zone_floor(zone, ZONE_HIGHMEM) >= zone->managed);
	EXPECT(meminfo_says(before + nr));
	list_for_each_entry(page, &all, links)
		nr_wrong += page_is_chosen(page_to_pfn(page)) && !is_filled(page);
	EXPECT_EQ(nr_wrong, 0);
	list_for_each_entry_safe(page, next, &all, links)
		free_user_page(page);
	EXPECT_EQ(nr_user_pages(), before);
	ktest_note("%zu pages were the programs', %zu of them written through kmap and read back", nr,
		   nr_filled);
}
