/* SPDX-License-Identifier: MIT */
/* Which pages of files are given back first: what is used again stays. Guest and host. */
#include <mm/cache/lru.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/cache/evict.h>
#include <mm/cache/pagecache.h>
#include <mm/mapped/highmem.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_util.h>

#define ALL_ZONES  (~0u)
#define PAGES(n)   ((uint64_t)(n) << PAGE_SHIFT)
#define ROOM_PAGES 1024u /* of memory that files may have */
#define HOT_PAGES  (ROOM_PAGES / 2)

static void use(struct fake_file *file, uint32_t index)
{
	char byte = 0;

	EXPECT_EQ(pagecache_read(&file->mapping, NULL, PAGES(index), &byte, 1), 1);
	EXPECT_EQ(byte, fake_byte(PAGES(index)));
}

static bool is_there(struct fake_file *file, uint32_t index)
{
	struct page *page = mapping_find(&file->mapping, index);

	if (page)
		put_page(page);
	return page != NULL;
}

static unsigned int nr_there(struct fake_file *file, uint32_t from, uint32_t to)
{
	unsigned int nr = 0;

	for (; from < to; from++)
		nr += is_there(file, from);
	return nr;
}

KTEST(lru, what_was_used_once_goes_before_what_was_used_twice, "R6 REC-07")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, PAGES(FAKE_FILE_PAGES)));
	for (uint32_t index = 0; index < FAKE_FILE_PAGES; index++)
		use(&file, index);
	for (uint32_t index = 0; index < 4; index++)
		use(&file, index);
	expect_valid();
	EXPECT_EQ(cache_reclaim(GFP_NOIO, FAKE_FILE_PAGES - 4, ALL_ZONES), FAKE_FILE_PAGES - 4);
	EXPECT_EQ(nr_there(&file, 0, 4), 4);
	EXPECT_EQ(cache_counts().nr_pages, 4);
	EXPECT_EQ(cache_reclaim(GFP_NOIO, 100, ALL_ZONES), 4); /* all can go in the end */
	EXPECT_EQ(cache_counts().nr_pages, 0);
}

KTEST(lru, an_active_page_that_was_used_meanwhile_gets_a_second_chance, "R6 REC-07")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, PAGES(FAKE_FILE_PAGES)));
	for (unsigned int n = 0; n < 2; n++)
		for (uint32_t index = 0; index < FAKE_FILE_PAGES; index++)
			use(&file, index);
	for (uint32_t index = 0; index < 4; index++)
		use(&file, index); /* those that became active first */
	EXPECT_EQ(cache_reclaim(GFP_NOIO, 12, ALL_ZONES), 12);
	EXPECT_EQ(nr_there(&file, 0, 4), 4);
	EXPECT_EQ(nr_there(&file, 4, 16), 0); /* the coldest of the others */
	expect_valid();
}

/* Those on the inactive list of the page's zone, as reclaim has them in its hands. */
static void isolate_all(const struct page *page, struct list_head *pages)
{
	const struct zone *zone = zone_of_pfn(page_to_pfn(page));

	list_init(pages);
	(void)lru_isolate(zone, LRU_FILE, pages, lru_pages(zone, LRU_INACTIVE));
}

static void put_all_back(struct list_head *pages)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, pages, links) {
		list_del(&page->links);
		lru_put_back(page);
		put_page(page);
	}
}

KTEST(lru, a_page_that_leaves_its_file_in_the_hands_of_reclaim_is_not_put_back, "R6 PGC-05 REC-10")
{
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);
	struct list_head pages;
	struct page *page;
	size_t nr_listed, nr_now;

	REQUIRE(fake_file_make(&file, PAGES(1)));
	EXPECT_NULL(lru_check(&nr_listed));
	use(&file, 0);
	page = mapping_find(&file.mapping, 0);
	REQUIRE(page);
	isolate_all(page, &pages);
	EXPECT_EQ(page_count(page), 3); /* the file's, ours, reclaim's */
	EXPECT_EQ(pagecache_truncate(&file.mapping, 0), 0);
	put_all_back(&pages);
	EXPECT_NULL(lru_check(&nr_now));
	EXPECT_EQ(nr_now, nr_listed);
	EXPECT(!page_has(page, PG_ONLIST));
	put_page(page);
}

KTEST(lru, a_page_read_in_pieces_is_used_once, "R6")
{
	MACHINE_STAYS_AS_FOUND();
	struct readahead ahead = {0};
	struct page *page;
	FAKE_FILE(file);
	char byte;

	REQUIRE(fake_file_make(&file, PAGES(2)));
	for (unsigned int n = 0; n < 8; n++)
		EXPECT_EQ(pagecache_read(&file.mapping, &ahead, n * 512, &byte, 1), 1);
	page = mapping_find(&file.mapping, 0);
	REQUIRE(page);
	EXPECT(page_has(page, PG_REFERENCED) && !page_has(page, PG_ACTIVE));
	use(&file, 0); /* somebody else */
	EXPECT(page_has(page, PG_ACTIVE));
	put_page(page);
}

KTEST(lru, only_zones_that_are_short_give_pages, "R1 R6")
{
	MACHINE_STAYS_AS_FOUND();
	const struct zone *zone;
	struct page *page;
	FAKE_FILE(file);

	REQUIRE(fake_file_make(&file, PAGES(1)));
	use(&file, 0);
	page = mapping_find(&file.mapping, 0);
	REQUIRE(page);
	zone = page_zone(page);
	put_page(page);
	EXPECT_EQ(lru_pages(zone, LRU_INACTIVE), 1);
	EXPECT_EQ(cache_reclaim(GFP_KERNEL, 1, ~(1u << zone->index)), 0);
	EXPECT_EQ(cache_reclaim(GFP_KERNEL, 1, 1u << zone->index), 1);
	EXPECT_EQ(lru_pages(zone, LRU_INACTIVE), 0);
}

/* --- a stream beside a hot set --- */

/* A file as large as one likes: each page begins with its number. */
struct long_file {
	struct mapping mapping;
	unsigned int nr_reads;
};

static int long_readpage(struct mapping *mapping, struct page *page)
{
	struct long_file *file = mapping->host;

	file->nr_reads++;
	memcpy_to_page(page, 0, &page->index, sizeof(page->index));
	page_end_read(page, 0);
	return 0;
}

static int long_writepage(struct mapping *mapping, struct page *page)
{
	(void)mapping;
	page_end_write(page, 0);
	return 0;
}

static const struct mapping_ops long_ops = {.readpage = long_readpage, .writepage = long_writepage};

static void long_file_end(struct long_file *file)
{
	if (file->mapping.ops)
		mapping_destroy(&file->mapping);
}

static void use_long(struct long_file *file, struct readahead *ahead, uint32_t index)
{
	uint32_t found = ~index;

	EXPECT_EQ(pagecache_read(&file->mapping, ahead, PAGES(index), &found, sizeof(found)), sizeof(found));
	EXPECT_EQ(found, index);
}

static struct zone *zone_with_room(void)
{
	struct zone *zone;

	for_each_zone(zone)
		if (zone->id == ZONE_NORMAL && zone->managed >= 2 * ROOM_PAGES)
			return zone;
	return &zones[ZONE_DMA];
}

/* Which files have too, until reclaim has all it wants. */
static size_t between_marks(void)
{
	const struct zone *zone = zone_with_room();

	return zone->wmark[WMARK_HIGH] - zone->wmark[WMARK_MIN];
}

/* So that files have about ROOM_PAGES of one zone. */
static bool leave_room(struct list_head *hog)
{
	struct zone *zone = zone_with_room();

	hog_others(hog, ZONE_HIGHMEM, zone);
	hog_zone(hog, zone, zone->wmark[WMARK_HIGH] + ROOM_PAGES);
	return zone->nr_free >= ROOM_PAGES;
}

KTEST(lru, a_stream_of_ten_times_memory_leaves_the_hot_set_where_it_is, "R6 PGC-02 REC-07 PGC-12")
{
	MACHINE_STAYS_AS_FOUND();
	struct readahead ahead = {0};
	unsigned int missed, nr_used = 0;
	size_t kills = mm_event_count[EVENT_OOM_KILL];
	HOG(hog);
	ENDS_WITH(long_file_end) struct long_file hot = {.nr_reads = 0}, stream = {.nr_reads = 0};

	if (!leave_room(&hog))
		SKIP("memory is too small for a hot set");
	mapping_init(&hot.mapping, &long_ops, &hot, GFP_USER, PAGES(HOT_PAGES));
	mapping_init(&stream.mapping, &long_ops, &stream, GFP_USER, PAGES(10 * ROOM_PAGES));
	for (uint32_t n = 0; n < 2 * HOT_PAGES; n++)
		use_long(&hot, NULL, n % HOT_PAGES);
	missed = hot.nr_reads;
	for (uint32_t n = 0; n < 10 * ROOM_PAGES; n++) {
		use_long(&stream, &ahead, n);
		if (n % 2)
			use_long(&hot, NULL, nr_used++ % HOT_PAGES);
	}
	missed = hot.nr_reads - missed;
	ktest_note("hits of the hot set: %u of %u", nr_used - missed, nr_used);
	EXPECT(missed * 20 <= nr_used);
	EXPECT(cache_counts().nr_pages < 2 * ROOM_PAGES + between_marks());
	EXPECT_EQ(mm_event_count[EVENT_OOM_KILL], kills);
	hog_release(&hog);
	expect_valid();
}
