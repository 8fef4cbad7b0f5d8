/* SPDX-License-Identifier: MIT */
/* Who took each page, and who freed it: what is known, what reports say of it, what is summed up, and a table of calls
 * that is full. Host only: machines of its own with page_owner=on, and calls that the test makes up. */
#include <mm/report/owner.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

static const void *calls[20]; /* what port_backtrace() tells */

static void call_from(uintptr_t first, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		calls[i] = (void *)(first + i);
	host_set_callers(calls, nr);
}

static void boot_with_owners(void)
{
	struct memmap_entry entry = {0, MIB(24u), MEMMAP_USABLE};
	struct mm_params params = {.dma_end = MIB(4u), .lowmem_end = MIB(16u), .page_owner = true};

	call_from(0xb001, 1);
	host_set_now_ms(0);
	fake_machine_boot(&entry, 1, params);
}

static bool line_is(const struct page *page, unsigned int n, const char *expected)
{
	char line[PAGE_OWNER_LINE_MAX] = "";

	if (page_owner_line(page, n, line, sizeof(line)) && strcmp(line, expected) == 0)
		return true;
	ktest_note("line %u is: %s", n, line);
	return false;
}

#define NO_LINE(page, n)                                                                                     \
	EXPECT(!page_owner_line(page, n, (char[PAGE_OWNER_LINE_MAX]){""}, PAGE_OWNER_LINE_MAX))

static const char *said(const char *verb, uintptr_t caller, const char *rest)
{
	static char text[PAGE_OWNER_LINE_MAX];

	snprintf(text, sizeof(text), "%s by %p in %s at %s", verb, (void *)caller, port_task_name(), rest);
	return text;
}

KTEST(owner_machine, a_page_says_who_took_it_and_who_freed_it_last, "P4 S5")
{
	struct page *page;

	boot_with_owners();
	page = alloc_pages(GFP_ATOMIC, 1); /* and back, so that they have been somebody's */
	__free_pages(page, 1);
	call_from(0x1000, 1);
	host_set_now_ms(2345);
	EXPECT(alloc_pages(GFP_KERNEL, 1) == page);
	for (unsigned int i = 0; i < 2; i++) {
		EXPECT(line_is(page + i, 0, said("taken", 0x1000, "2.345 s, order 1, GFP_KERNEL")));
		EXPECT(line_is(page + i, 1, said("freed", 0xb001, "0.000 s")));
		NO_LINE(page + i, 2);
	}
	call_from(0x2000, 1);
	host_set_now_ms(3000);
	__free_pages(page, 1);
	EXPECT(line_is(page + 1, 0, said("taken", 0x1000, "2.345 s, order 1, GFP_KERNEL")));
	EXPECT(line_is(page + 1, 1, said("freed", 0x2000, "3.000 s")));
}

KTEST(owner_machine, sixteen_calls_are_told_four_a_line, "P4 S5")
{
	struct page *page;
	char expected[PAGE_OWNER_LINE_MAX];

	boot_with_owners();
	call_from(0x1000, ARRAY_SIZE(calls));
	page = alloc_page(GFP_KERNEL);
	EXPECT(line_is(page, 0, said("taken", 0x1000, "0.000 s, order 0, GFP_KERNEL")));
	for (unsigned int n = 1; n < 4; n++) {
		const void *const *at = calls + 1 + (n - 1) * 4;

		snprintf(expected, sizeof(expected), "  called by %p, %p, %p, %p", at[0], at[1], at[2],
			 at[3]);
		EXPECT(line_is(page, n, expected));
	}
	snprintf(expected, sizeof(expected), "  called by %p, %p, %p", calls[13], calls[14], calls[15]);
	EXPECT(line_is(page, 4, expected));
}

KTEST(owner_machine, a_wrong_free_says_who_took_and_who_freed_the_page, "P4")
{
	struct page *page;

	boot_with_owners();
	call_from(0x1000, 1);
	page = alloc_page(GFP_KERNEL);
	call_from(0x2000, 1);
	__free_page(page);
	call_from(0x3000, 1);
	expect_reports();
	__free_page(page);
	EXPECT_ONE_REPORT("BUG: bad page free by");
	EXPECT_EQ(reports_count(), 3);
	EXPECT(strcmp(report_at(1) + 2, said("taken", 0x1000, "0.000 s, order 0, GFP_KERNEL")) == 0);
	EXPECT(strcmp(report_at(2) + 2, said("freed", 0x2000, "0.000 s")) == 0);
	put_page(page);
	EXPECT(strstr(report_at(3), "BUG: bad put_page by") != NULL);
	EXPECT_EQ(reports_count(), 6);
	EXPECT(line_is(page, 1, said("freed", 0x2000, "0.000 s"))); /* nothing changed */
}

static const struct page_owner_caller *caller_of(uintptr_t caller)
{
	unsigned int nr;
	const struct page_owner_caller *all = page_owner_callers(&nr);

	for (unsigned int i = 0; i < nr; i++)
		if (all[i].caller == (void *)caller)
			return &all[i];
	return NULL;
}

KTEST(owner_machine, memory_is_summed_up_by_caller_the_most_first, "S5")
{
	const struct page_owner_caller *all;
	struct page *first, *second[3];
	unsigned int nr;

	boot_with_owners();
	call_from(0x1000, 2);
	second[0] = alloc_pages(GFP_KERNEL, 1);
	call_from(0x1000, 3); /* the same caller, called by another */
	second[1] = alloc_pages(GFP_KERNEL, 1);
	second[2] = alloc_page(GFP_KERNEL);
	call_from(0x2000, 1);
	first = alloc_pages(GFP_KERNEL, 10);
	all = page_owner_callers(&nr);
	REQUIRE(nr >= 3);
	EXPECT(all[0].caller == (void *)0x2000 && all[0].nr_pages == 1024 && all[0].nr_blocks == 1);
	for (unsigned int i = 1; i < nr; i++)
		EXPECT(all[i].nr_pages <= all[i - 1].nr_pages);
	EXPECT(caller_of(0x1000)->nr_pages == 5 && caller_of(0x1000)->nr_blocks == 3);
	__free_pages(first, 10);
	__free_pages(second[1], 1);
	EXPECT(!caller_of(0x2000));
	EXPECT(caller_of(0x1000)->nr_pages == 3 && caller_of(0x1000)->nr_blocks == 2);
}

KTEST(owner_machine, a_block_freed_in_pieces_is_counted_page_by_page, "S5 PO2")
{
	struct page *page;
	char *exact;

	boot_with_owners();
	call_from(0x1000, 1);
	page = alloc_pages(GFP_KERNEL, 2);
	split_page(page, 2);
	call_from(0x2000, 1);
	for (unsigned int i = 0; i < 3; i++)
		__free_page(page + i);
	EXPECT(caller_of(0x1000)->nr_pages == 1 && caller_of(0x1000)->nr_blocks == 0);
	__free_page(page + 3);
	exact = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	EXPECT(caller_of(0x2000)->nr_pages == 5 && caller_of(0x2000)->nr_blocks == 1);
	free_pages_exact(exact, 5 * PAGE_SIZE);
	EXPECT(!caller_of(0x2000) && !caller_of(0x1000));
}

static size_t nr_owned_pages(void)
{
	unsigned int nr;
	const struct page_owner_caller *all = page_owner_callers(&nr);
	size_t pages = 0;

	for (unsigned int i = 0; i < nr; i++)
		pages += all[i].nr_pages;
	return pages;
}

KTEST(owner_machine, every_page_that_is_not_free_is_somebodys, "S5 PO2")
{
	size_t all;

	boot_with_owners();
	all = nr_owned_pages() + nr_free_pages();
	random_operations(5, 2000, 1000);
	EXPECT_EQ(nr_owned_pages() + nr_free_pages(), all);
	{
		HOG(hog);

		hog_all(&hog);
		EXPECT_EQ(nr_owned_pages(), all);
	}
	EXPECT_EQ(nr_owned_pages() + nr_free_pages(), all);
}

KTEST(owner_machine, calls_that_no_page_names_make_room_for_others, "S5 PO1")
{
	struct page *page;

	boot_with_owners();
	for (uintptr_t caller = 0x10000; caller < 0x30000; caller++) {
		call_from(caller, 1);
		page = alloc_page(GFP_KERNEL);
		__free_page(page);
	}
	EXPECT(line_is(page, 0, said("taken", 0x2ffff, "0.000 s, order 0, GFP_KERNEL")));
	EXPECT(line_is(page, 1, said("freed", 0x2ffff, "0.000 s")));
}

KTEST(owner_machine, a_page_does_not_name_those_who_took_the_place_of_its_calls, "S5 PO1")
{
	struct page *old, *page;

	boot_with_owners();
	call_from(0x8000, 1);
	old = alloc_page(GFP_HIGHUSER);
	call_from(0x8001, 1);
	__free_page(old);
	EXPECT(line_is(old, 0, said("taken", 0x8000, "0.000 s, order 0, GFP_HIGHUSER")));
	for (uintptr_t caller = 0x10000; caller < 0x18000; caller++) {
		call_from(caller, 1);
		page = alloc_page(GFP_KERNEL);
		__free_page(page);
	}
	EXPECT(line_is(old, 0, "taken at 0.000 s by calls that are not known, order 0, GFP_HIGHUSER"));
	EXPECT(line_is(old, 1, "freed at 0.000 s by calls that are not known"));
}

KTEST(owner_machine, when_the_table_of_calls_is_full_a_page_is_nobodys_that_is_known, "S5 PO1")
{
	struct list_head pages = LIST_HEAD_INIT(pages);
	struct page *page, *next, *last = NULL;
	unsigned int nr = 0;

	boot_with_owners();
	for (uintptr_t caller = 0x10000; nr < 4000; caller++, nr++) {
		call_from(caller, 1);
		last = alloc_page(GFP_HIGHUSER | __GFP_NOWARN);
		REQUIRE(last);
		list_add(&last->links, &pages);
	}
	EXPECT(line_is(last, 0,
		       "taken at 0.000 s by calls that are not known, order 0, GFP_HIGHUSER|__GFP_NOWARN"));
	EXPECT(caller_of(0) && caller_of(0)->nr_pages > 1000);
	list_for_each_entry_safe(page, next, &pages, links)
		__free_page(page);
	call_from(0x9999, 1);
	page = alloc_page(GFP_KERNEL);
	EXPECT(line_is(page, 0, said("taken", 0x9999, "0.000 s, order 0, GFP_KERNEL")));
}

KTEST(owner_machine, off_nothing_is_known_and_nothing_is_asked, "S5")
{
	unsigned int nr;
	struct page *page;

	fake_machine_boot_pc(24);
	page = alloc_page(GFP_KERNEL);
	NO_LINE(page, 0);
	EXPECT(!page_owner_callers(&nr) && nr == 0);
	EXPECT(!(mm_watch & (WATCH_OWNER | WATCH_POISON)));
}
