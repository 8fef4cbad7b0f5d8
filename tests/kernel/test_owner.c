/* SPDX-License-Identifier: MIT */
/* page_owner=on and page_poison=1 on the machine that runs: real calls, real windows on high memory. Guest only, and
 * only where the words were given; what the tables do is tested on the host (test_owner_machine.c,
 * test_poison_machine.c). */
#include <mm/report/owner.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>
#include <mm/mapped/vmalloc.h>
#include <mm/pages/page_alloc.h>
#include <mm/report/poison.h>
#include <tests/kernel/test_util.h>

#define NEEDS_WATCH(bit, word)                                                                               \
	if (!(mm_watch & (bit)))                                                                             \
	SKIP("without " word)

static NOINLINE struct page *take_by_name(gfp_t gfp)
{
	struct page *page = alloc_pages_any(gfp, 0);

	barrier(); /* no tail call */
	return page;
}

static NOINLINE void free_by_name(struct page *page)
{
	__free_page(page);
	barrier();
}

static NOINLINE void free_wrongly_by_name(struct page *page)
{
	__free_pages(page, 1);
	barrier();
}

static const char *line_of(const struct page *page, unsigned int n)
{
	static char line[PAGE_OWNER_LINE_MAX];

	line[0] = '\0';
	(void)page_owner_line(page, n, line, sizeof(line));
	return line;
}

KTEST(owner, a_page_names_the_functions_that_took_and_freed_it, "P4 S5")
{
	NEEDS_WATCH(WATCH_OWNER, "page_owner=on");
	MACHINE_STAYS_AS_FOUND();
	struct page *page = take_by_name(GFP_KERNEL);
	bool found = false;

	REQUIRE(page);
	EXPECT(strncmp(line_of(page, 0), "taken by take_by_name+0x", 24) == 0);
	EXPECT(strstr(line_of(page, 0), ", order 0, GFP_KERNEL") != NULL);
	EXPECT(strncmp(line_of(page, 1), "  called by t_owner_a_page_names_", 24) == 0);
	free_by_name(page);
	for (unsigned int n = 0; n < 12; n++)
		found |= strncmp(line_of(page, n), "freed by free_by_name+0x", 24) == 0;
	EXPECT(found);
}

KTEST(owner, pages_behind_objects_are_whose_request_grew_the_cache, "P4 S5")
{
	NEEDS_WATCH(WATCH_OWNER, "page_owner=on");
	MACHINE_STAYS_AS_FOUND();
	char *large = kmalloc(40000, GFP_KERNEL), *area = vmalloc(PAGE_SIZE);

	REQUIRE(large && area);
	EXPECT(strncmp(line_of(virt_to_page(large), 0), "taken by t_owner_pages_behind", 24) == 0);
	EXPECT(strncmp(line_of(vmalloc_to_page(area), 0), "taken by t_owner_pages_behind", 24) == 0);
	kfree(large);
	vfree(area);
}

KTEST(owner, a_wrong_free_says_who_took_the_page, "P4")
{
	NEEDS_WATCH(WATCH_OWNER, "page_owner=on");
	MACHINE_STAYS_AS_FOUND();
	struct page *page = take_by_name(GFP_KERNEL);

	REQUIRE(page);
	expect_reports();
	free_wrongly_by_name(page);
	EXPECT_ONE_REPORT("BUG: bad page free by free_wrongly_by_name+0x");
	EXPECT(strncmp(report_at(1), "  taken by take_by_name+0x", 26) == 0);
	__free_page(page);
}

KTEST(owner, the_largest_owners_come_first, "S5")
{
	const struct page_owner_caller *all;
	size_t nr_pages = 0;
	unsigned int nr;

	NEEDS_WATCH(WATCH_OWNER, "page_owner=on");
	all = page_owner_callers(&nr);
	REQUIRE(nr > 1);
	for (unsigned int i = 0; i < nr; i++) {
		EXPECT(i == 0 || all[i].nr_pages <= all[i - 1].nr_pages);
		nr_pages += all[i].nr_pages;
	}
	EXPECT(nr_pages > 0 && nr_pages + nr_free_pages() <= mem_map_pages);
}

KTEST(poison, a_stale_pointer_into_low_and_into_high_memory_is_found, "S5 DBG-07")
{
	NEEDS_WATCH(WATCH_POISON, "page_poison=1");
	MACHINE_STAYS_AS_FOUND();
	static const gfp_t kinds[] = {GFP_KERNEL, GFP_HIGHUSER};

	expect_reports();
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct page *page = take_by_name(kinds[i]);
		char *window;

		REQUIRE(page);
		free_by_name(page);
		REQUIRE(page_is_poisoned(page));
		window = kmap_local_page(page);
		window[700] = 7;
		kunmap_local(window);
		reports_forget();
		EXPECT(take_by_name(kinds[i]) == page);
		EXPECT(strstr(report_at(0), "BUG: page 0x") != NULL);
		EXPECT(strstr(report_at(0),
			      "was written to after it was freed, seen when allocated by take_by_name+0x") !=
		       NULL);
		EXPECT(strcmp(report_at(1), "  at offset 700: expected aa, found 07 (1 byte)") == 0);
		EXPECT_EQ(reports_count_bugs(), 1);
		free_by_name(page);
	}
}
