/* SPDX-License-Identifier: MIT */
/* What a program sees of memory, without one: areas come, are cut and go, faults are told, pages are looked at through the
 * tables. Guest and host. */
#include <mm/aspace/aspace.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_util.h>

#define PAGES(n) ((size_t)(n)*PAGE_SIZE)
#define TEXT	 0x08048000u
#define FAR	 0xA0000000u /* of another directory */

static int nr_holds;

static void hold(void *owner)
{
	(void)owner;
	nr_holds++;
}

static void release(void *owner)
{
	(void)owner;
	nr_holds--;
}

static void aspace_end(struct aspace **aspace)
{
	if (!*aspace)
		return;
	aspace_clear(*aspace);
	aspace_free(*aspace);
}

#define ASPACE(name) ENDS_WITH(aspace_end) struct aspace *name = aspace_create()

static bool is_sound(struct aspace *aspace)
{
	const char *wrong = aspace_check(aspace);

	if (wrong)
		ktest_note("%s", wrong);
	return !wrong;
}

static int map_at(struct aspace *aspace, uintptr_t start, size_t pages, unsigned int prot)
{
	return aspace_map(aspace, &start, PAGES(pages), ASPACE_MAPPING, prot, NULL);
}

static int map_file(struct aspace *aspace, uintptr_t start, size_t pages, unsigned int prot,
		    struct fake_file *file, uint32_t first_page, size_t size_bytes)
{
	struct aspace_file part = {.mapping = &file->mapping,
				   .first_page = first_page,
				   .size_bytes = size_bytes,
				   .hold = hold,
				   .release = release};
	int error = aspace_map(aspace, &start, PAGES(pages), ASPACE_DATA, prot, &part);

	nr_holds += !error;
	return error;
}

/* The page at addr, NULL: none. */
static struct page *page_at(struct aspace *aspace, uintptr_t addr)
{
	pfn_t pfn;

	return port_entry_find(aspace_entry(aspace, addr), &pfn, NULL) ? pfn_to_page(pfn) : NULL;
}

static bool is_users(const struct page *page)
{
	return page && page->state == PAGE_USER;
}

static bool is_writable(struct aspace *aspace, uintptr_t addr)
{
	unsigned int prot = 0;
	pfn_t pfn;

	return port_entry_find(aspace_entry(aspace, addr), &pfn, &prot) && prot & PORT_USER_WRITE;
}

/* What a program would find, or do, there: the fault is served first. -1: it would be killed. */
static int byte_at(struct aspace *aspace, uintptr_t addr)
{
	struct page *page = page_at(aspace, addr);
	uint8_t byte;

	if (!page && aspace_fault(aspace, addr, ASPACE_READS) != ASPACE_DONE)
		return -1;
	memcpy_from_page(&byte, page_at(aspace, addr), addr % PAGE_SIZE, 1);
	return byte;
}

static bool write_at(struct aspace *aspace, uintptr_t addr, uint8_t byte)
{
	if (!is_writable(aspace, addr) && aspace_fault(aspace, addr, ASPACE_WRITES) != ASPACE_DONE)
		return false;
	memcpy_to_page(page_at(aspace, addr), addr % PAGE_SIZE, &byte, 1);
	return true;
}

static bool page_is_zero(struct aspace *aspace, uintptr_t addr)
{
	struct page *page = page_at(aspace, addr);
	const char *bytes = page ? kmap_local_page(page) : NULL;
	bool is_zero = memory_is(bytes, 0, PAGE_SIZE);

	if (page)
		kunmap_local(bytes);
	return is_zero;
}

/* --- areas --- */

KTEST(aspace, areas_lie_where_they_were_asked_for_or_above_one_gib, "R8")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);
	uintptr_t start[3] = {0, 0, 0};

	REQUIRE(aspace);
	EXPECT_EQ(map_at(aspace, TEXT, 4, ASPACE_EXEC), 0);
	EXPECT_EQ(map_at(aspace, TEXT + PAGES(3), 1, 0), -EEXIST);
	EXPECT_EQ(map_at(aspace, TEXT - PAGES(1), 2, 0), -EEXIST);
	for (unsigned int i = 0; i < 3; i++)
		EXPECT_EQ(aspace_map(aspace, &start[i], PAGES(2), ASPACE_MAPPING, 0, NULL), 0);
	EXPECT_EQ(start[0], ASPACE_IMAGE_END);
	EXPECT_EQ(start[2], ASPACE_IMAGE_END + PAGES(4));
	EXPECT_EQ(aspace_unmap(aspace, start[1], PAGES(2)), 0);
	EXPECT_EQ(aspace_map(aspace, &start[1], PAGES(2), ASPACE_MAPPING, 0, NULL), 0);
	EXPECT_EQ(start[1], ASPACE_IMAGE_END + PAGES(2));
	EXPECT(is_sound(aspace));
}

KTEST(aspace, ranges_that_are_no_programs_are_refused, "R8 PRG-01")
{
	MACHINE_STAYS_AS_FOUND();
	static const struct {
		uintptr_t start;
		size_t size;
	} wrong[] = {
		{0x1000, PAGE_SIZE},
		{PORT_USER_END, PAGE_SIZE},
		{PORT_USER_END - PAGE_SIZE, PAGES(2)},
		{TEXT + 1, PAGE_SIZE},
		{TEXT, PAGE_SIZE + 1},
		{TEXT, 0},
		{TEXT, (size_t)0 - PAGE_SIZE},
		{0xfffff000u, PAGES(2)},
	};
	ASPACE(aspace);

	REQUIRE(aspace);
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		uintptr_t start = wrong[i].start;

		EXPECT_EQ(aspace_map(aspace, &start, wrong[i].size, ASPACE_MAPPING, 0, NULL), -EINVAL);
		EXPECT_EQ(aspace_unmap(aspace, wrong[i].start, wrong[i].size), -EINVAL);
	}
	EXPECT_EQ(aspace->areas.nr, 0);
}

KTEST(aspace, too_many_areas_are_refused_and_the_rest_goes_on, "R8")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);

	REQUIRE(aspace);
	for (unsigned int i = 0; i < ASPACE_MAX_AREAS; i++)
		REQUIRE(map_at(aspace, FAR + PAGES(2 * i), 1, 0) == 0);
	EXPECT_EQ(map_at(aspace, TEXT, 1, 0), -ENOMEM);
	EXPECT_EQ(aspace_unmap(aspace, FAR, PAGES(1)), 0);
	EXPECT_EQ(map_at(aspace, TEXT, 3, 0), 0);
	EXPECT_EQ(aspace_unmap(aspace, TEXT + PAGES(1), PAGES(1)), -ENOMEM); /* it would be two */
	EXPECT_EQ(byte_at(aspace, TEXT + PAGES(1)), 0);
	EXPECT(is_sound(aspace));
}

KTEST(aspace, a_hole_cut_into_an_area_leaves_both_ends_as_they_were, "R8 PRG-09")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);
	FAKE_FILE(file);

	nr_holds = 0;
	REQUIRE(aspace && fake_file_make(&file, PAGES(9)));
	REQUIRE(map_file(aspace, TEXT, 9, ASPACE_WRITE, &file, 0, PAGES(9)) == 0);
	for (unsigned int i = 0; i < 9; i++)
		EXPECT(write_at(aspace, TEXT + PAGES(i), (uint8_t)(100 + i)));
	EXPECT_EQ(aspace_unmap(aspace, TEXT + PAGES(3), PAGES(2)), 0);
	EXPECT_EQ(nr_holds, 2);
	EXPECT_EQ(aspace_unmap(aspace, TEXT, PAGES(1)), 0);
	EXPECT_EQ(aspace_unmap(aspace, TEXT + PAGES(8), PAGES(4)), 0);
	EXPECT(is_sound(aspace));
	EXPECT_EQ(aspace->nr_resident, 5);
	for (unsigned int i = 0; i < 9; i++)
		EXPECT_EQ(byte_at(aspace, TEXT + PAGES(i)),
			  i == 0 || i == 3 || i == 4 || i == 8 ? -1 : 100 + (int)i);
	EXPECT_EQ(aspace_unmap(aspace, TEXT + PAGES(5), PAGES(3)), 0);
	EXPECT_EQ(map_file(aspace, TEXT + PAGES(5), 1, 0, &file, 5, PAGE_SIZE), 0);
	EXPECT_EQ(byte_at(aspace, TEXT + PAGES(5)), (uint8_t)fake_byte(PAGES(5)));
	aspace_clear(aspace);
	EXPECT_EQ(nr_holds, 0);
}

/* --- memory of nobody's --- */

KTEST(aspace, pages_come_when_they_are_touched_and_are_zero, "R8 K4 G3 PRG-05")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);
	size_t nr_users = nr_user_pages();

	REQUIRE(aspace);
	REQUIRE(map_at(aspace, FAR, 1000, ASPACE_WRITE) == 0);
	EXPECT_EQ(aspace->nr_resident, 0);
	EXPECT_EQ(aspace->nr_tables, 0);
	for (unsigned int i = 0; i < 1000; i += 111) {
		EXPECT_EQ(byte_at(aspace, FAR + PAGES(i) + i), 0);
		EXPECT(page_is_zero(aspace, FAR + PAGES(i)));
		EXPECT(is_users(page_at(aspace, FAR + PAGES(i))));
	}
	EXPECT_EQ(aspace->nr_resident, 10);
	EXPECT_EQ(aspace->nr_tables, 3); /* a directory, and for 2 MiB each a table */
	EXPECT_EQ(nr_user_pages(), nr_users + 10);
	EXPECT(is_sound(aspace));
}

KTEST(aspace, what_was_given_back_is_zero_for_the_next, "R8 K4 PRG-05")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);

	REQUIRE(aspace);
	for (unsigned int n = 0; n < 8; n++) {
		REQUIRE(map_at(aspace, TEXT, 4, ASPACE_WRITE) == 0);
		for (unsigned int i = 0; i < 4; i++) {
			EXPECT_EQ(byte_at(aspace, TEXT + PAGES(i)), 0);
			EXPECT(page_is_zero(aspace, TEXT + PAGES(i)));
			EXPECT(write_at(aspace, TEXT + PAGES(i) + 77, 0xa5));
		}
		EXPECT_EQ(aspace_unmap(aspace, TEXT, PAGES(4)), 0);
	}
}

KTEST(aspace, what_an_area_does_not_allow_is_refused_and_costs_nothing, "R8 PRG-02")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);

	REQUIRE(aspace);
	REQUIRE(map_at(aspace, TEXT, 1, ASPACE_EXEC) == 0 && map_at(aspace, FAR, 1, ASPACE_WRITE) == 0);
	EXPECT_EQ(aspace_fault(aspace, TEXT, ASPACE_WRITES), ASPACE_FORBIDDEN);
	EXPECT_EQ(aspace_fault(aspace, FAR, ASPACE_EXECUTES), ASPACE_FORBIDDEN);
	EXPECT_EQ(aspace_fault(aspace, TEXT + PAGE_SIZE, ASPACE_READS), ASPACE_NOTHING);
	EXPECT_EQ(aspace_fault(aspace, TEXT - 1, ASPACE_READS), ASPACE_NOTHING);
	EXPECT_EQ(aspace_fault(aspace, PORT_USER_END, ASPACE_READS), ASPACE_NOTHING);
	EXPECT_EQ(aspace_fault(aspace, (uintptr_t)0xfffffffcu, ASPACE_WRITES), ASPACE_NOTHING);
	EXPECT_EQ(aspace_fault(aspace, 0, ASPACE_READS), ASPACE_NOTHING);
	EXPECT_EQ(aspace->nr_resident + aspace->nr_tables, 0);
}

/* --- the heap --- */

KTEST(aspace, the_heap_grows_and_shrinks_by_bytes, "R8 PRG-05")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);

	REQUIRE(aspace);
	EXPECT_EQ(aspace_set_heap_end(aspace, TEXT), -EINVAL); /* it has none yet */
	aspace_set_heap(aspace, TEXT + 5);
	EXPECT_EQ(aspace->heap_end, TEXT + PAGE_SIZE);
	EXPECT_EQ(aspace_set_heap_end(aspace, TEXT), -EINVAL);
	EXPECT_EQ(aspace_set_heap_end(aspace, ASPACE_IMAGE_END + 1), -ENOMEM);
	EXPECT_EQ(aspace_set_heap_end(aspace, TEXT + PAGES(1) + 1), 0);
	EXPECT(write_at(aspace, TEXT + PAGES(1), 1));
	EXPECT_EQ(byte_at(aspace, TEXT + PAGES(2)), -1);
	EXPECT_EQ(aspace_set_heap_end(aspace, TEXT + PAGES(4)), 0);
	EXPECT_EQ(byte_at(aspace, TEXT + PAGES(1)), 1);
	EXPECT(write_at(aspace, TEXT + PAGES(3), 2));
	EXPECT_EQ(aspace_set_heap_end(aspace, TEXT + PAGES(2) - 9), 0);
	EXPECT_EQ(aspace->nr_resident, 1);
	EXPECT_EQ(aspace_set_heap_end(aspace, TEXT + PAGES(4)), 0);
	EXPECT_EQ(byte_at(aspace, TEXT + PAGES(3)), 0);
	EXPECT_EQ(aspace_set_heap_end(aspace, TEXT + PAGES(1)), 0);
	EXPECT_EQ(aspace->nr_resident, 0);
	EXPECT_EQ(aspace->areas.nr, 0);
	EXPECT(is_sound(aspace));
}

KTEST(aspace, a_heap_that_meets_something_or_was_unmapped_stays_sound, "R8 PRG-01")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);

	REQUIRE(aspace);
	aspace_set_heap(aspace, TEXT);
	REQUIRE(map_at(aspace, TEXT + PAGES(4), 1, 0) == 0);
	EXPECT_EQ(aspace_set_heap_end(aspace, TEXT + PAGES(5)), -ENOMEM);
	EXPECT_EQ(aspace_set_heap_end(aspace, TEXT + PAGES(4)), 0);
	EXPECT_EQ(aspace_set_heap_end(aspace, TEXT + PAGES(5)), -ENOMEM);
	EXPECT(write_at(aspace, TEXT + PAGES(3), 9));
	EXPECT_EQ(aspace_unmap(aspace, TEXT + PAGES(1), PAGES(1)), 0); /* two pieces */
	EXPECT_EQ(aspace_set_heap_end(aspace, TEXT + PAGES(3)), -ENOMEM);
	EXPECT_EQ(byte_at(aspace, TEXT + PAGES(3)), 9);
	EXPECT_EQ(aspace_unmap(aspace, TEXT, PAGES(1)), 0); /* the first */
	(void)!aspace_set_heap_end(aspace, TEXT + PAGES(2));
	(void)!aspace_set_heap_end(aspace, TEXT);
	EXPECT(is_sound(aspace));
}

/* --- files --- */

KTEST(aspace, two_programs_see_one_page_of_a_file, "R8 PRG-09")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(one);
	ASPACE(two);
	FAKE_FILE(file);

	REQUIRE(one && two && fake_file_make(&file, PAGES(3)));
	REQUIRE(map_file(one, TEXT, 3, ASPACE_EXEC, &file, 0, PAGES(3)) == 0);
	REQUIRE(map_file(two, FAR, 2, ASPACE_WRITE, &file, 1, PAGES(2)) == 0);
	for (unsigned int i = 0; i < 3; i++)
		EXPECT_EQ(byte_at(one, TEXT + PAGES(i) + 5), (uint8_t)fake_byte(PAGES(i) + 5));
	EXPECT_EQ(byte_at(two, FAR + 5), (uint8_t)fake_byte(PAGES(1) + 5));
	EXPECT(page_at(one, TEXT + PAGES(1)) == page_at(two, FAR));
	EXPECT(!is_writable(two, FAR));
	EXPECT_EQ(file.nr_reads, 3);
	EXPECT_EQ(one->nr_major, 3);
	EXPECT_EQ(two->nr_major, 0);
	EXPECT(is_sound(one) && is_sound(two));
}

KTEST(aspace, a_write_to_a_private_page_never_reaches_the_file, "R8 PRG-09")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(one);
	ASPACE(two);
	FAKE_FILE(file);
	char byte;

	REQUIRE(one && two && fake_file_make(&file, PAGES(2)));
	REQUIRE(map_file(one, TEXT, 2, ASPACE_WRITE, &file, 0, PAGES(2)) == 0);
	REQUIRE(map_file(two, TEXT, 2, ASPACE_WRITE, &file, 0, PAGES(2)) == 0);
	EXPECT_EQ(byte_at(one, TEXT + 9), (uint8_t)fake_byte(9)); /* shown first, then copied */
	EXPECT(write_at(one, TEXT + 9, (uint8_t)(fake_byte(9) + 1)));
	EXPECT(write_at(one, TEXT + PAGES(1), 77)); /* copied at once */
	EXPECT_EQ(byte_at(one, TEXT + 9), (uint8_t)(fake_byte(9) + 1));
	EXPECT_EQ(byte_at(one, TEXT + 10), (uint8_t)fake_byte(10));
	EXPECT_EQ(byte_at(two, TEXT + 9), (uint8_t)fake_byte(9));
	EXPECT_EQ(byte_at(two, TEXT + PAGES(1)), (uint8_t)fake_byte(PAGES(1)));
	EXPECT_EQ(pagecache_read(&file.mapping, NULL, 9, &byte, 1), 1);
	EXPECT_EQ(byte, fake_byte(9));
	EXPECT_EQ(file.nr_writes, 0);
	EXPECT_EQ(one->nr_resident, 2);
	EXPECT(is_sound(one) && is_sound(two));
}

KTEST(aspace, behind_the_part_of_the_file_a_page_is_zero, "R8 K4 PRG-09")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);
	FAKE_FILE(file);

	REQUIRE(aspace && fake_file_make(&file, PAGES(3)));
	REQUIRE(map_file(aspace, TEXT, 3, 0, &file, 0, PAGE_SIZE + 100) == 0);
	EXPECT_EQ(byte_at(aspace, TEXT + PAGE_SIZE + 99), (uint8_t)fake_byte(PAGE_SIZE + 99));
	EXPECT_EQ(byte_at(aspace, TEXT + PAGE_SIZE + 100), 0);
	EXPECT_EQ(byte_at(aspace, TEXT + PAGES(2) - 1), 0);
	EXPECT_EQ(byte_at(aspace, TEXT + PAGES(2) + 3), 0);
	EXPECT_EQ(file.nr_reads, 1);
	EXPECT(!is_writable(aspace, TEXT + PAGE_SIZE));
	EXPECT(is_sound(aspace));
}

KTEST(aspace, behind_the_end_of_the_file_an_access_is_refused, "R8 PRG-09")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);
	FAKE_FILE(file);

	REQUIRE(aspace && fake_file_make(&file, PAGES(1) + 10));
	REQUIRE(map_file(aspace, TEXT, 4, ASPACE_WRITE, &file, 0, PAGES(4)) == 0);
	EXPECT_EQ(byte_at(aspace, TEXT + PAGES(1) + 9), (uint8_t)fake_byte(PAGES(1) + 9));
	EXPECT_EQ(byte_at(aspace, TEXT + PAGES(1) + 10), 0);
	EXPECT_EQ(aspace_fault(aspace, TEXT + PAGES(2), ASPACE_READS), ASPACE_BEYOND);
	EXPECT_EQ(aspace_fault(aspace, TEXT + PAGES(3), ASPACE_WRITES), ASPACE_BEYOND);
	EXPECT_EQ(aspace->nr_resident, 1);
}

KTEST(aspace, a_page_that_cannot_be_read_is_an_error_of_that_access_only, "R8 PRG-09")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);
	FAKE_FILE(file);

	REQUIRE(aspace && fake_file_make(&file, PAGES(2)));
	REQUIRE(map_file(aspace, TEXT, 2, 0, &file, 0, PAGES(2)) == 0);
	file.fails_read = 1;
	EXPECT_EQ(aspace_fault(aspace, TEXT, ASPACE_READS), ASPACE_UNREADABLE);
	EXPECT_EQ(byte_at(aspace, TEXT + PAGES(1)), (uint8_t)fake_byte(PAGES(1)));
	EXPECT_EQ(byte_at(aspace, TEXT), (uint8_t)fake_byte(0));
}

KTEST(aspace, a_file_that_becomes_shorter_takes_its_pages_from_all_who_see_them, "R8 XPT-02")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(one);
	ASPACE(two);
	FAKE_FILE(file);

	REQUIRE(one && two && fake_file_make(&file, PAGES(5)));
	REQUIRE(map_file(one, TEXT, 5, 0, &file, 0, PAGES(5)) == 0);
	REQUIRE(map_file(two, TEXT, 4, ASPACE_WRITE, &file, 1, PAGES(4)) == 0);
	for (unsigned int i = 0; i < 5; i++)
		EXPECT(byte_at(one, TEXT + PAGES(i)) >= 0);
	EXPECT(write_at(two, TEXT + PAGES(1), 1) && write_at(two, TEXT + PAGES(3), 1));
	EXPECT_EQ(pagecache_truncate(&file.mapping, PAGES(2) + 1), 0);
	EXPECT_EQ(one->nr_resident, 3);
	EXPECT_EQ(two->nr_resident, 1);
	EXPECT(is_sound(one) && is_sound(two));
	EXPECT_EQ(byte_at(one, TEXT + PAGES(2)), (uint8_t)fake_byte(PAGES(2)));
	EXPECT_EQ(byte_at(one, TEXT + PAGES(2) + 1), 0);
	EXPECT_EQ(aspace_fault(one, TEXT + PAGES(3), ASPACE_READS), ASPACE_BEYOND);
	EXPECT_EQ(aspace_fault(two, TEXT + PAGES(2), ASPACE_WRITES), ASPACE_BEYOND);
	EXPECT_EQ(byte_at(two, TEXT + PAGES(1)), 1);
}

/* --- words --- */

KTEST(aspace, it_says_what_lies_at_an_address, "R8 D1")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);
	uintptr_t stack = ASPACE_STACK_END - ASPACE_STACK_BYTES;
	char text[96];
	const struct {
		uintptr_t addr;
		const char *text;
	} cases[] = {
		{12, "a NULL pointer and an offset of 12"},
		{PORT_USER_START, "below all it has"},
		{TEXT + 7, "its mapping, read-only, 7 bytes in"},
		{TEXT + PAGES(2) + 3, "3 bytes past its mapping"},
		{ASPACE_STACK_END - 16, "its stack, 16 bytes below the top"},
		{stack - 4, "4 bytes below the limit of its stack"},
		{ASPACE_STACK_END + 4, "4 bytes past its stack"},
		{PORT_USER_END, "the kernel's"},
		{0xffffffffu, "the kernel's"},
	};

	REQUIRE(aspace);
	REQUIRE(map_at(aspace, TEXT, 2, 0) == 0);
	REQUIRE(aspace_map(aspace, &stack, ASPACE_STACK_BYTES, ASPACE_STACK, ASPACE_WRITE, NULL) == 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		bool is_right = strcmp(aspace_describe(aspace, cases[i].addr, text, sizeof(text)),
				       cases[i].text) == 0;

		EXPECT(is_right);
		if (!is_right)
			ktest_note("found \"%s\", expected \"%s\"", text, cases[i].text);
	}
}

/* --- against a model: a byte a page, -1 where there is nothing --- */

#define MODEL_PAGES 64u

static void change(struct aspace *aspace, struct random *random, int *model, unsigned int first,
		   unsigned int nr)
{
	uintptr_t start = TEXT + PAGES(first);
	bool is_free = true;

	for (unsigned int i = first; i < first + nr; i++)
		is_free &= model[i] < 0;
	if (random_below(random, 2)) {
		EXPECT_EQ(map_at(aspace, start, nr, ASPACE_WRITE), is_free ? 0 : -EEXIST);
		for (unsigned int i = first; is_free && i < first + nr; i++)
			model[i] = 0;
	} else {
		EXPECT_EQ(aspace_unmap(aspace, start, PAGES(nr)), 0);
		for (unsigned int i = first; i < first + nr; i++)
			model[i] = -1;
	}
}

KTEST(aspace, random_changes_agree_with_a_model, "R8")
{
	MACHINE_STAYS_AS_FOUND();
	ASPACE(aspace);
	struct random random = {19};
	int model[MODEL_PAGES];

	REQUIRE(aspace);
	for (unsigned int i = 0; i < MODEL_PAGES; i++)
		model[i] = -1;
	for (unsigned int n = 0; n < TEST_RANDOM_OPS / 8; n++) {
		unsigned int first = random_below(&random, MODEL_PAGES);
		unsigned int page = random_below(&random, MODEL_PAGES);

		change(aspace, &random, model, first,
		       1 + random_below(&random, MIN(12u, MODEL_PAGES - first)));
		EXPECT_EQ(write_at(aspace, TEXT + PAGES(page), (uint8_t)n), model[page] >= 0);
		if (model[page] >= 0)
			model[page] = (uint8_t)n;
		page = random_below(&random, MODEL_PAGES);
		EXPECT_EQ(byte_at(aspace, TEXT + PAGES(page)), model[page]);
		if (n % 16 == 0)
			REQUIRE(is_sound(aspace));
	}
}
