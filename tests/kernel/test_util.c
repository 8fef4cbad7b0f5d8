/* SPDX-License-Identifier: MIT */
/* See test_util.h. State: one noted machine, for one test runs at a time. */
#include <tests/kernel/test_util.h>

#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/buddy.h>
#include <mm/page_alloc.h>
#include <mm/slab_internal.h>
#include <mm/stats.h>
#include <mm/validate.h>

#define TEXT_SIZE	   400
#define VALIDATE_EVERY_NTH 16u /* test, on a machine that is too large to validate after each */

static struct {
	char before[TEXT_SIZE], now[TEXT_SIZE]; /* buddyinfo */
	size_t nr_objects;
	unsigned int nr_reports_seen;
	unsigned int nr_tests;
} noted;

static void shrink_all_caches(void)
{
	struct kmem_cache *cache;

	list_for_each_entry(cache, slab_caches(), caches)
		kmem_cache_shrink(cache);
}

static size_t nr_live_objects(void)
{
	const struct kmem_cache *cache;
	size_t nr = 0;

	list_for_each_entry(cache, slab_caches(), caches)
		nr += cache->nr_in_use;
	return nr;
}

static void write_buddyinfo(char *text)
{
	struct sink_buffer buffer;

	sink_buffer_init(&buffer, text, TEXT_SIZE);
	buddyinfo_print(&buffer.sink);
}

void borrowed_give_back(void **memory)
{
	kfree(*memory);
}

int machine_note(void)
{
	pcp_keep_closed(true);
	shrink_all_caches();
	noted.nr_objects = nr_live_objects();
	noted.nr_reports_seen = 0;
	write_buddyinfo(noted.before);
	return 0;
}

bool machine_is_as_found(void)
{
	shrink_all_caches();
	drain_all_pages();
	write_buddyinfo(noted.now);
	if (nr_live_objects() == noted.nr_objects && strcmp(noted.before, noted.now) == 0)
		return true;
	ktest_note("objects: %zu before, %zu now; buddyinfo:", noted.nr_objects, nr_live_objects());
	ktest_note("before %s", noted.before);
	ktest_note("now %s", noted.now);
	return false;
}

void machine_expect_as_found(int *unused)
{
	(void)unused;
	EXPECT(machine_is_as_found());
	if (mem_map_pages <= TEST_MAX_VALIDATED_PAGES || noted.nr_tests++ % VALIDATE_EVERY_NTH == 0)
		expect_valid();
	pcp_keep_closed(false);
}

void expect_reports(void)
{
	ratelimit_reset_all();
	reports_capture();
	noted.nr_reports_seen = reports_count();
}

bool one_report_says(const char *text)
{
	const char *report = report_at(noted.nr_reports_seen);

	if (reports_count() == noted.nr_reports_seen + 1 && strstr(report, text)) {
		noted.nr_reports_seen++;
		return true;
	}
	ktest_note("%u reports: %s", reports_count() - noted.nr_reports_seen, report);
	noted.nr_reports_seen = reports_count();
	return false;
}

static void note_line(struct sink *sink, const char *text, size_t len)
{
	(void)sink;
	ktest_note("%.*s", (int)len, text);
}

void expect_valid(void)
{
	struct sink notes = {note_line};

	EXPECT_EQ(mm_validate(&notes), 0);
}

size_t zone_nr_blocks(struct zone *zone, unsigned int order)
{
	irqflags_t flags = port_lock_irqsave(&zone->lock);
	size_t nr = 0;

	for (unsigned int type = 0; type < NR_MOBILITY; type++)
		nr += buddy_count_locked(zone, (enum mobility)type, order);
	port_unlock_irqrestore(&zone->lock, flags);
	return nr;
}

size_t zone_nr_blocks_within(struct zone *zone, unsigned int order)
{
	size_t nr = 0;

	for (unsigned int larger = order; larger <= MAX_ORDER; larger++)
		nr += zone_nr_blocks(zone, larger) << (larger - order);
	return nr;
}

gfp_t zone_gfp(const struct zone *zone)
{
	if (zone->id == ZONE_DMA)
		return GFP_DMA;
	return zone->id == ZONE_HIGHMEM ? __GFP_HIGHMEM : GFP_NOWAIT;
}

struct page *zone_take(struct zone *zone, unsigned int order)
{
	struct page *page = alloc_pages(zone_gfp(zone) | __GFP_HIGH | __GFP_NOWARN, order);

	if (page && page_zone(page) != zone) {
		__free_pages(page, order);
		page = NULL;
	}
	return page;
}

void hog_zone(struct list_head *hog, struct zone *zone, size_t leave_pages)
{
	for (unsigned int order = NR_ORDERS; order-- > 0;)
		while (zone->nr_free >= leave_pages + (1u << order)) {
			struct page *page = zone_take(zone, order);

			if (!page)
				break;
			list_add(&page->links, hog);
		}
}

void hog_all(struct list_head *hog)
{
	struct zone *zone;

	for_each_zone(zone)
		hog_zone(hog, zone, 0);
}

void hog_release(struct list_head *hog)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, hog, links)
		__free_pages(page, page->order);
	list_init(hog);
}

bool memory_is(const void *memory, int byte, size_t size_bytes)
{
	const unsigned char *bytes = memory;

	while (size_bytes && *bytes == byte) {
		bytes++;
		size_bytes--;
	}
	return size_bytes == 0;
}
