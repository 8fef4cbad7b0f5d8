/* SPDX-License-Identifier: MIT */
/* Permanent windows: shared and counted, reused only after a flush, refused where nobody may wait. Guest and
 * host; who waits for one is in test_kmap_threads.c. */
#include <mm/mapped/kmap_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>
#include <mm/report/validate.h>
#include <tests/kernel/test_util.h>

static struct page *high_page(void)
{
	struct page *page = alloc_page(GFP_HIGHUSER | __GFP_ZERO);

	return page && page_is_highmem(page) ? page : NULL;
}

/* Pages of high memory, chained; as many as there are windows and some more. */
static bool take_pages(struct list_head *pages, unsigned int nr)
{
	list_init(pages);
	for (unsigned int i = 0; i < nr; i++) {
		struct page *page = high_page();

		if (!page)
			return false;
		list_add_tail(&page->links, pages);
	}
	return true;
}

static void give_pages(struct list_head *pages)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, pages, links)
		__free_page(page);
}

/* How the windows are used in this test; the build's own way again afterwards. */
static void be_strict(bool strict)
{
	kmap_pool.is_strict = strict;
	kmap_flush();
}

static void be_as_built(int *unused)
{
	(void)unused;
	be_strict(port_debug_level() >= 1);
}
#define WINDOWS_ARE_STRICT(strict)                                                                           \
	int strictness_ __attribute__((cleanup(be_as_built), unused)) = (be_strict(strict), 0)

static const char *phrase(const void *addr)
{
	static char text[128];

	return kmap_describe((uintptr_t)addr, text, sizeof(text)) ? text : "";
}

KTEST(kmap, a_low_page_needs_no_window, "P9 KMP-04")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_page(GFP_KERNEL);

	REQUIRE(page);
	EXPECT(kmap(page) == page_address(page));
	EXPECT(kmap_to_page((char *)page_address(page) + 5) == page);
	EXPECT_EQ(kmap_pool.nr_in_use, 0);
	kunmap(page);
	kunmap(page);
	__free_page(page);
}

KTEST(kmap, a_page_mapped_twice_is_one_window_until_both_are_taken_back, "P9 KMP-02 H2")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;
	char *one;

	NEEDS_HIGH_PAGES(1);
	page = high_page();
	REQUIRE(page);
	one = kmap(page);
	REQUIRE(one);
	EXPECT(kmap(page) == one);
	EXPECT_EQ(kmap_pool.nr_in_use, 1);
	kunmap(page);
	one[PAGE_SIZE - 1] = 7;
	EXPECT(kmap_to_page(one + 17) == page);
	EXPECT_EQ(mm_validate_windows(NULL), 0);
	kunmap(page);
	EXPECT_EQ(kmap_pool.nr_in_use, 0);
	EXPECT_NULL(kmap_to_page(one));
	__free_page(page);
}

KTEST(kmap, a_mapped_page_has_an_address_until_the_last_kunmap, "P9 KMP-02")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page, *other;
	char *window, *local;

	NEEDS_HIGH_PAGES(2);
	page = high_page();
	other = high_page();
	REQUIRE(page && other);
	EXPECT_NULL(page_address(page));
	local = kmap_local_page(page); /* this CPU's alone, and no address of the page */
	EXPECT_NULL(page_address(page));
	kunmap_local(local);
	window = kmap(page);
	EXPECT(page_address(page) == window);
	EXPECT_NULL(page_address(other));
	EXPECT(kmap(page) == window);
	kunmap(page);
	EXPECT(page_address(page) == window);
	kunmap(page);
	EXPECT_NULL(page_address(page)); /* though the window may still show it */
	__free_page(page);
	__free_page(other);
}

KTEST(kmap, windows_of_both_kinds_on_a_page_show_the_same_bytes, "P9 KMP-01")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *a, *b;
	char *stays, *local, *other;

	NEEDS_HIGH_PAGES(1);
	a = high_page();
	b = high_page();
	REQUIRE(a && b);
	stays = kmap(a);
	other = kmap(b);
	local = kmap_local_page(a);
	EXPECT(stays != other && stays != local);
	memset(stays, 0x11, PAGE_SIZE);
	memset(other, 0x22, PAGE_SIZE);
	EXPECT(memory_is(local, 0x11, PAGE_SIZE));
	local[9] = 0x33;
	EXPECT_EQ(stays[9], 0x33);
	EXPECT_EQ(other[9], 0x22);
	EXPECT(kmap_to_page(local + 1) == a && kmap_to_page(other + 1) == b);
	kunmap_local(local);
	EXPECT_NULL(kmap_to_page(local));
	kunmap(b);
	kunmap(a);
	__free_page(b);
	__free_page(a);
}

KTEST(kmap, giving_back_what_is_not_mapped_is_reported, "P9 KMP-02")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;

	NEEDS_HIGH_PAGES(1);
	page = high_page();
	REQUIRE(page);
	expect_reports();
	kunmap(page);
	EXPECT_ONE_REPORT("which is not mapped; nothing changed");
	REQUIRE(kmap(page));
	kunmap(page);
	kunmap(page);
	EXPECT_ONE_REPORT("which is not mapped; nothing changed");
	EXPECT_EQ(kmap_pool.nr_in_use, 0);
	__free_page(page);
}

/* Each page gets its number through its window. Result: how many have one. */
static unsigned int map_and_write(struct list_head *pages)
{
	struct page *page;
	unsigned int nr = 0;

	list_for_each_entry(page, pages, links) {
		pfn_t *window = kmap(page);

		if (!window)
			break;
		window[PAGE_SIZE / sizeof(pfn_t) - 1] = page_to_pfn(page);
		nr++;
	}
	return nr;
}

/* Gives `nr` of them back. Result: how many show another page's number. */
static unsigned int read_and_unmap(struct list_head *pages, unsigned int nr)
{
	struct page *page;
	unsigned int nr_wrong = 0;

	list_for_each_entry(page, pages, links) {
		const pfn_t *window;

		if (nr-- == 0)
			break;
		window = kmap(page);
		nr_wrong += window[PAGE_SIZE / sizeof(pfn_t) - 1] != page_to_pfn(page);
		kunmap(page);
		kunmap(page);
	}
	return nr_wrong;
}

KTEST(kmap, in_atomic_context_a_full_pool_refuses_after_the_report, "P9 KMP-02 C1 H4")
{
	MACHINE_STAYS_AS_FOUND();
	struct list_head pages;
	struct page *last;

	NEEDS_HIGH_PAGES(kmap_pool.nr + 1);
	REQUIRE(take_pages(&pages, kmap_pool.nr));
	last = high_page();
	REQUIRE(last);
	EXPECT_EQ(map_and_write(&pages), kmap_pool.nr);
	EXPECT_EQ(kmap_pool.nr_in_use, kmap_pool.nr);
	EXPECT_EQ(mm_validate_windows(NULL), 0);
	expect_reports();
	port_preempt_disable();
	EXPECT_NULL(kmap(last));
	EXPECT(reports_contain("BUG: sleeping function called from invalid context at mm/mapped/kmap.c"));
	EXPECT_EQ(read_and_unmap(&pages, kmap_pool.nr), 0);
	EXPECT_NOT_NULL(kmap(last));
	kunmap(last);
	port_preempt_enable();
	EXPECT_EQ(kmap_pool.nr_in_use, 0);
	EXPECT_EQ(mm_validate_windows(NULL), 0);
	__free_page(last);
	give_pages(&pages);
}

KTEST(kmap, windows_are_flushed_once_when_the_pool_wraps, "P9 H3")
{
	MACHINE_STAYS_AS_FOUND();
	WINDOWS_ARE_STRICT(false);
	struct list_head pages;
	struct page *page;
	uint32_t epoch;

	NEEDS_HIGH_PAGES(2 * kmap_pool.nr + 1);
	REQUIRE(take_pages(&pages, 2 * kmap_pool.nr + 1));
	epoch = kmap_pool.epoch;
	list_for_each_entry(page, &pages, links) {
		pfn_t *window = kmap(page);

		EXPECT_EQ(window[0], 0);
		window[0] = page_to_pfn(page);
		kunmap(page);
	}
	EXPECT_EQ(kmap_pool.epoch - epoch, 2);
	EXPECT_EQ(mm_validate_windows(NULL), 0);
	list_for_each_entry(page, &pages, links) {
		const pfn_t *window = kmap_local_page(page);

		EXPECT_EQ(window[0], page_to_pfn(page));
		kunmap_local(window);
	}
	give_pages(&pages);
}

KTEST(kmap, a_page_that_comes_back_finds_its_window_without_a_flush, "P9 H3 H5")
{
	MACHINE_STAYS_AS_FOUND();
	WINDOWS_ARE_STRICT(false);
	struct page *page;
	uint32_t epoch;
	char *before;

	NEEDS_HIGH_PAGES(1);
	page = high_page();
	REQUIRE(page);
	epoch = kmap_pool.epoch;
	before = kmap(page);
	kunmap(page);
	EXPECT_EQ(kmap_pool.nr_stale, 1);
	EXPECT(kmap(page) == before);
	EXPECT_EQ(kmap_pool.nr_stale, 0);
	EXPECT_EQ(kmap_pool.epoch, epoch);
	kunmap(page);
	EXPECT_EQ(mm_validate_windows(NULL), 0);
	EXPECT_EQ(kmap_flush(), 1);
	EXPECT_EQ(kmap_flush(), 0);
	EXPECT(kmap(page) == before);
	kunmap(page);
	EXPECT_EQ(mm_validate_windows(NULL), 0);
	__free_page(page);
}

KTEST(kmap, a_strict_pool_leaves_nothing_stale, "P9 KMP-03")
{
	MACHINE_STAYS_AS_FOUND();
	WINDOWS_ARE_STRICT(true);
	struct page *page;
	uint32_t epoch;

	NEEDS_HIGH_PAGES(1);
	page = high_page();
	REQUIRE(page);
	epoch = kmap_pool.epoch;
	REQUIRE(kmap(page));
	kunmap(page);
	EXPECT_EQ(kmap_pool.nr_stale, 0);
	EXPECT_EQ(kmap_pool.epoch, epoch + 1);
	EXPECT_EQ(mm_validate_windows(NULL), 0);
	__free_page(page);
}

KTEST(kmap, an_address_among_the_windows_says_what_it_was, "P9 D1")
{
	MACHINE_STAYS_AS_FOUND();
	char *window, *local, expected[64];
	struct page *page;

	NEEDS_HIGH_PAGES(1);
	page = high_page();
	REQUIRE(page);
	window = kmap(page);
	local = kmap_local_page(page);
	(void)snprintf(expected, sizeof(expected), ", which shows pfn %#x", page_to_pfn(page));
	EXPECT(strstr(phrase(window + 3), expected) && strstr(phrase(local), expected));
	EXPECT(strstr(phrase(window + PAGE_SIZE + 12), "12 bytes past kmap window "));
	EXPECT(strstr(phrase(local + PAGE_SIZE), "0 bytes past kmap_local window 0, which"));
	kunmap_local(local);
	kunmap(page);
	(void)snprintf(expected, sizeof(expected), ", last mapped pfn %#x", page_to_pfn(page));
	EXPECT(strstr(phrase(window + 3), expected) && strstr(phrase(local), expected));
	EXPECT(strstr(phrase(window), "stale kmap window "));
	EXPECT(strcmp(phrase((char *)port_windows_start() + 2 * PAGE_SIZE * kmap_pool.nr), "") == 0);
	EXPECT(strcmp(phrase(page), "") == 0);
	__free_page(page);
}
