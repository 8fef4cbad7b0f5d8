/* SPDX-License-Identifier: MIT */
/* Requests for memory when all of it but a few pages of a file is somebody's: what each gets, and what it starts, with
 * nobody who reclaims in the background. Host only. */
#include <mm/cache/pagecache.h>

#include <kernel/lib/string.h>
#include <mm/cache/evict.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/scope.h>
#include <tests/host/host.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_util.h>

#define PAGES(n) ((uint64_t)(n) << PAGE_SHIFT)

/* Four clean pages and four dirty ones, and no memory beside. */
static bool fill_memory(struct fake_file *file, struct list_head *hog)
{
	char byte;

	if (!fake_file_make(file, PAGES(8)))
		return false;
	for (unsigned int n = 0; n < 8; n++)
		EXPECT_EQ(pagecache_read(&file->mapping, NULL, PAGES(n), &byte, 1), 1);
	for (unsigned int n = 0; n < 4; n++)
		EXPECT_EQ(pagecache_write(&file->mapping, PAGES(n), "x", 1), 1);
	for (unsigned int i = 0; i < NR_ZONES; i++)
		hog_zone(hog, &zones[i], 0);
	file->nr_writes = 0;
	return true;
}

#define QUICK (__GFP_NORETRY | __GFP_NOWARN | __GFP_HIGH | __GFP_HIGHMEM)

/* Takes as many pages as it gets, one pass each. Result: how many. */
static unsigned int take_pages(gfp_t gfp, struct list_head *taken)
{
	struct page *page;
	unsigned int nr = 0;

	while (nr < 100 && (page = alloc_page(gfp | QUICK)) != NULL) {
		list_add(&page->links, taken);
		nr++;
	}
	return nr;
}

/* What a request with these permissions gets, and starts. */
static void expect_of(gfp_t gfp, unsigned int nr_writes, size_t nr_left)
{
	HOG(hog);
	FAKE_FILE(file);

	REQUIRE(fill_memory(&file, &hog));
	EXPECT(take_pages(gfp, &hog) >= 4);
	EXPECT_EQ(file.nr_writes, nr_writes);
	EXPECT_EQ(file.nr_writes_for[FOR_KERNEL], nr_writes);
	EXPECT_EQ(cache_counts().nr_pages, nr_left);
	hog_release(&hog);
}

KTEST(permissions_machine, noio_gets_clean_pages_and_starts_nothing, "G4 PGC-07 REC-01")
{
	MACHINE_STAYS_AS_FOUND();
	expect_of(GFP_NOIO, 0, 4);
}

KTEST(permissions_machine, nofs_gets_clean_pages_and_calls_no_file_system, "G5 PGC-07")
{
	MACHINE_STAYS_AS_FOUND();
	expect_of(GFP_NOFS, 0, 4);
}

KTEST(permissions_machine, kernel_has_dirty_pages_written_and_gets_them_too, "G1 G11 PGC-07 REC-01 R2")
{
	MACHINE_STAYS_AS_FOUND();
	expect_of(GFP_KERNEL, 4, 0);
}

KTEST(permissions_machine, a_scope_takes_permissions_from_what_is_called_inside, "G4 G5 PGC-07")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned int before = memalloc_noio_save();

	expect_of(GFP_KERNEL, 0, 4);
	memalloc_noio_restore(before);
	before = memalloc_nofs_save();
	expect_of(GFP_KERNEL, 0, 4);
	memalloc_nofs_restore(before);
	expect_of(GFP_KERNEL, 4, 0);
}

KTEST(permissions_machine, with_little_stack_left_kernel_writes_nothing_itself, "G1 C5 PGC-07")
{
	MACHINE_STAYS_AS_FOUND();
	host_set_stack_left(EVICT_STACK - 1);
	expect_of(GFP_KERNEL, 0, 4);
	host_set_stack_left(EVICT_STACK);
	expect_of(GFP_KERNEL, 4, 0);
	host_set_stack_left(SIZE_MAX);
}

static void write_out(void *file)
{
	pagecache_write_out(&((struct fake_file *)file)->mapping);
}

/* What a panic left half done: all of the run is on its way. */
static void end_writing(struct fake_file *file)
{
	struct page *page;

	for (uint32_t index = 0; (page = mapping_next(&file->mapping, &index, RADIX_WRITEBACK)) != NULL;) {
		page_end_write(page, 0);
		put_page(page);
	}
	*port_scope() = 0;
}

/* The flusher's, or whoever syncs: a thread that reclaims reclaims nothing inside (V3). Result: the panic's text. */
static const char *write_asking(gfp_t gfp)
{
	HOG(hog);
	FAKE_FILE(file);
	const char *text;

	if (!fill_memory(&file, &hog))
		return "no memory";
	file.asks_inside = gfp | QUICK;
	text = host_catch_panic(write_out, &file);
	file.asks_inside = 0;
	if (text)
		end_writing(&file);
	EXPECT_EQ(file.nr_writes, text ? 1 : 4);
	hog_release(&hog);
	return text;
}

KTEST(permissions_machine, a_writing_may_ask_for_memory_with_nofs, "G5 PGC-07")
{
	MACHINE_STAYS_AS_FOUND();
	EXPECT_NULL(write_asking(GFP_NOFS));
	EXPECT_NULL(write_asking(GFP_NOIO));
}

KTEST(permissions_machine, gfp_kernel_inside_a_writing_is_a_bug_that_names_the_right_flag, "G5 PGC-07")
{
	MACHINE_STAYS_AS_FOUND();
	const char *text = write_asking(GFP_KERNEL);

	EXPECT(text && strstr(text, "reclaims with __GFP_FS inside a file system") &&
	       strstr(text, "expected GFP_NOFS"));
}
