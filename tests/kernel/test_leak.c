/* SPDX-License-Identifier: MIT */
/* What was allocated since a mark and did not come back. Host and guest. */
#include <mm/report/leak.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/list.h>
#include <kernel/lib/string.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_util.h>

static void stop(const int *unused)
{
	(void)unused;
	leak_stop();
}

/* Behind MACHINE_STAYS_AS_FOUND(): a mark, until the test ends. */
#define MARK()                                                                                               \
	ENDS_WITH(stop) int mark_ = 0;                                                                       \
	REQUIRE(!leak_mark())

static struct leak_sum sum_now(void)
{
	static struct leak_caller rows[LEAK_CALLERS + 1];
	struct leak_sum sum;

	(void)leak_collect(rows, &sum);
	return sum;
}

static bool left(size_t nr, size_t bytes)
{
	struct leak_sum sum = sum_now();

	if (sum.nr == nr && sum.bytes == bytes && !sum.nr_not_in_table)
		return true;
	ktest_note("%zu allocations of %zu bytes are left, expected %zu of %zu", sum.nr, sum.bytes, nr,
		   bytes);
	return false;
}

KTEST(leak, what_does_not_come_back_is_told_with_number_and_bytes, "S6 DBG-10")
{
	MACHINE_STAYS_AS_FOUND();
	void *objects[3];
	MARK();

	EXPECT(left(0, 0));
	for (unsigned int i = 0; i < 3; i++)
		objects[i] = kmalloc(100, GFP_KERNEL);
	EXPECT(left(3, 312));
	kfree(objects[1]);
	EXPECT(left(2, 208));
	kfree(objects[0]);
	kfree(objects[2]);
	EXPECT(left(0, 0));
}

KTEST(leak, what_was_there_before_the_mark_is_nobodys_leak, "S6 DBG-10")
{
	MACHINE_STAYS_AS_FOUND();
	void *before = kmalloc(64, GFP_KERNEL), *object;
	MARK();

	object = kmalloc(64, GFP_KERNEL);
	kfree(before);
	EXPECT(left(1, 64));
	EXPECT_NULL(leak_mark());
	EXPECT(left(0, 0));
	kfree(object);
	EXPECT(left(0, 0));
}

/* --- of each kind: it is there as a whole, and gone with its free --- */

KTEST(leak, objects_of_each_kind_are_found, "S6 DBG-10")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("leak", 40, 0, 0, NULL);
	void *large, *zeroed, *object, *many[20];
	size_t nr;
	MARK();

	REQUIRE(cache);
	large = kmalloc(70000, GFP_KERNEL);
	EXPECT(left(1, 18 * PAGE_SIZE));
	kfree(large);
	zeroed = kzalloc(200, GFP_ATOMIC);
	EXPECT(left(1, 224));
	object = krealloc(zeroed, 300, GFP_KERNEL);
	EXPECT(left(1, 320));
	kfree(object ? object : zeroed);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	EXPECT(left(1, 40));
	kmem_cache_free(cache, object);
	nr = kmem_cache_alloc_bulk(cache, GFP_KERNEL, 20, many);
	EXPECT(left(20, 800));
	kmem_cache_free_bulk(cache, nr, many);
	EXPECT(left(0, 0));
	kmem_cache_destroy(cache);
}

KTEST(leak, pages_of_each_kind_are_found, "S6 DBG-10")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;
	unsigned long addr;
	void *exact;
	MARK();

	page = alloc_pages(GFP_KERNEL, 3);
	EXPECT(left(1, 8 * PAGE_SIZE));
	REQUIRE(page);
	split_page(page, 3);
	EXPECT(left(8, 8 * PAGE_SIZE));
	for (unsigned int i = 0; i < 8; i++) {
		EXPECT(left(8 - i, (8 - i) * PAGE_SIZE));
		__free_page(page + i);
	}
	addr = get_zeroed_page(GFP_ATOMIC);
	EXPECT(left(1, PAGE_SIZE));
	free_page(addr);
	exact = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	EXPECT(left(1, 5 * PAGE_SIZE));
	free_pages_exact(exact, 5 * PAGE_SIZE);
	page = alloc_pages(GFP_KERNEL | __GFP_COMP, MAX_PAGE_ORDER - 4);
	EXPECT(left(1, PAGE_SIZE << (MAX_PAGE_ORDER - 4)));
	if (page)
		put_page(page + 1);
	EXPECT(left(0, 0));
}

KTEST(leak, an_area_is_one_whatever_it_is_made_of, "S6 DBG-10")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;
	void *area, *mapped;
	MARK();

	area = vmalloc(700000);
	EXPECT(left(1, 700000));
	vfree(area);
	EXPECT(left(0, 0));
	page = alloc_page(GFP_KERNEL);
	REQUIRE(page);
	mapped = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	EXPECT(left(2, 2 * PAGE_SIZE));
	vunmap(mapped);
	EXPECT(left(1, PAGE_SIZE));
	__free_page(page);
	EXPECT(left(0, 0));
}

/* --- who, when, and when there were too many --- */

/* No tail jumps: the caller is who is returned to. */
static NOINLINE void *first_caller(void)
{
	void *object = kzalloc(1000, GFP_KERNEL);

	barrier();
	return object;
}

static NOINLINE void *second_caller(void)
{
	void *object = kzalloc(500, GFP_ATOMIC);

	barrier();
	return object;
}

static bool is_row(const struct leak_caller *row, void *(*fn)(void), size_t nr, size_t bytes)
{
	uintptr_t in = (uintptr_t)row->caller - (uintptr_t)fn;

	return in < 200 && row->nr == nr && row->bytes == bytes && row->first_ms <= row->last_ms;
}

KTEST(leak, callers_are_told_apart_the_largest_first, "S6 DBG-10")
{
	MACHINE_STAYS_AS_FOUND();
	static struct leak_caller rows[LEAK_CALLERS + 1];
	struct leak_sum sum;
	void *objects[4];
	MARK();

	for (unsigned int i = 0; i < 3; i++)
		objects[i] = second_caller();
	objects[3] = first_caller();
	EXPECT_EQ(leak_collect(rows, &sum), 2);
	EXPECT(is_row(&rows[0], second_caller, 3, 3 * 512));
	EXPECT(is_row(&rows[1], first_caller, 1, 1024));
	EXPECT(rows[0].first_ms >= sum.since_ms && rows[0].last_ms <= rows[1].first_ms);
	for (unsigned int i = 0; i < 4; i++)
		kfree(objects[i]);
}

#define MANY 40000u /* of 24 bytes at least are more than the smallest table holds; larger machines skip */

struct held {
	struct held *next;
};

/* Result: how many could be had. */
static size_t take_many(struct held **all, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		struct held *held = kmalloc(sizeof(*held), GFP_KERNEL);

		if (!held)
			break;
		held->next = *all;
		*all = held;
	}
	return i;
}

KTEST(leak, a_full_table_says_what_is_not_in_it, "S6 DBG-10")
{
	MACHINE_STAYS_AS_FOUND();
	struct held *all = NULL;
	struct leak_sum sum;
	size_t nr;

	if (lowmem_bytes >= (size_t)128 << 20)
		SKIP("the table of a machine this large is not soon full");
	MARK();
	nr = take_many(&all, MIN(MANY, lowmem_bytes >> 10));
	sum = sum_now();
	EXPECT(sum.nr && sum.nr_not_in_table);
	EXPECT(sum.nr + sum.nr_not_in_table >= nr && sum.nr < nr);
	while (all) {
		struct held *next = all->next;

		kfree(all);
		all = next;
	}
	EXPECT_EQ(sum_now().nr, 0);
}

/* --- what is printed --- */

static char text[600];

static const char *report(void)
{
	struct sink_buffer buffer;

	sink_buffer_init(&buffer, text, sizeof(text));
	leak_report(&buffer.sink);
	return text;
}

/* Digits are all '0', names of code are gone, and runs of blanks are one. */
static const char *without_figures(char *at)
{
	char *to = at;

	for (char *from = at; *from; from++) {
		if (*from == ' ' && to > at && to[-1] == ' ')
			continue;
		if (*from >= '0' && *from <= '9' && to > at && to[-1] == '0')
			continue;
		*to++ = (char)(*from >= '0' && *from <= '9' ? '0' : *from);
	}
	*to = '\0';
	return at;
}

KTEST(leak, the_report_is_a_line_a_caller_below_the_sum, "S6 DBG-10")
{
	MACHINE_STAYS_AS_FOUND();
	static const char wanted[] = "leak: 0 allocations of 0 bytes since 0.0 s did not come back\n"
				     " bytes count first s last s by\n 0 0 0.0 0.0 ";
	void *object;

	EXPECT(strcmp(report(), "leak: no mark was set\n") == 0);
	MARK();
	EXPECT(strstr(report(), "leak: 0 allocations of 0 bytes since "));
	object = first_caller();
	EXPECT(strstr(report(), "leak: 1 allocations of 1024 bytes since "));
	EXPECT(strncmp(without_figures(text), wanted, sizeof(wanted) - 1) == 0);
	kfree(object);
}

KTEST(leak, pages_of_files_are_counted_apart, "S6")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);
	MARK();
	size_t nr_before;

	REQUIRE(fake_file_make(&file, FAKE_FILE_BYTES));
	nr_before = sum_now().nr;
	for (unsigned int n = 0; n < 5; n++) {
		struct page *page;

		REQUIRE(pagecache_get(&file.mapping, n, &page) == 0);
		put_page(page);
	}
	EXPECT_EQ(sum_now().nr_cached, 5);
	EXPECT(sum_now().nr <= nr_before + 1); /* a node of the tree */
	EXPECT(strstr(report(), "leak: 5 pages of files are no leak: reclaim gives them back\n"));
	mapping_remove_from(&file.mapping, 0);
	EXPECT_EQ(sum_now().nr_cached, 0);
	EXPECT_EQ(sum_now().nr, nr_before);
}

KTEST(leak, without_a_mark_nobody_looks, "S6")
{
	MACHINE_STAYS_AS_FOUND();
	size_t before = nr_free_pages();

	EXPECT_NULL(leak_mark());
	EXPECT(mm_watch & WATCH_LEAK && leak_is_on());
	EXPECT(nr_free_pages() < before);
	leak_stop();
	EXPECT(!(mm_watch & WATCH_LEAK) && !leak_is_on());
	EXPECT_EQ(nr_free_pages(), before);
	leak_stop();
}

KTEST(leak, where_there_is_no_room_for_a_table_there_is_no_mark, "S6")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);

	hog_all(&hog);
	EXPECT(strcmp(leak_mark() ?: "", "no memory for its table") == 0);
	EXPECT(!leak_is_on());
}
