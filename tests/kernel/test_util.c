/* SPDX-License-Identifier: MIT */
/* See test_util.h. State: one noted machine, for one test runs at a time. */
#include <tests/kernel/test_util.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/above.h>
#include <mm/objects/slab_debug.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/buddy.h>
#include <mm/pages/page_alloc.h>
#include <mm/report/guard.h>
#include <mm/report/poison.h>
#include <mm/report/stats.h>
#include <mm/report/validate.h>

#define TEXT_SIZE	   400
#define VALIDATE_EVERY_NTH 16u /* test, on a machine that is too large to validate after each */

static struct {
	char before[TEXT_SIZE], now[TEXT_SIZE]; /* buddyinfo */
	size_t nr_objects;
	unsigned int nr_reports_seen;
	unsigned int nr_tests;
} noted;

void shrink_all_caches(void)
{
	struct kmem_cache *cache;

	list_for_each_entry(cache, slab_caches(), caches)
		kmem_cache_shrink(cache);
}

size_t nr_objects_in_use(const struct kmem_cache *cache)
{
	return cache->nr_in_use + guard_live_objects(cache, NULL);
}

size_t nr_live_objects(void)
{
	const struct kmem_cache *cache;
	size_t nr = 0;

	list_for_each_entry(cache, slab_caches(), caches)
		nr += nr_objects_in_use(cache);
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
	vmalloc_purge();
	shrink_all_caches();
	noted.nr_objects = nr_live_objects();
	noted.nr_reports_seen = 0;
	write_buddyinfo(noted.before);
	return 0;
}

bool machine_is_as_found(void)
{
	vmalloc_purge();
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

bool lists_stay_closed(void)
{
	return mm_watch & (WATCH_INIT_ALLOC | WATCH_INIT_FREE | WATCH_POISON | WATCH_OWNER | WATCH_FAULT |
			   WATCH_LEAK | WATCH_GUARD);
}

void expect_reports(void)
{
	ratelimit_reset_all();
	reports_capture();
	noted.nr_reports_seen = reports_count();
}

/* Lines behind it that begin with two blanks are part of a report. */
static unsigned int report_end(unsigned int first)
{
	unsigned int end = first + 1;

	while (strncmp(report_at(end), "  ", 2) == 0)
		end++;
	return end;
}

bool one_report_says(const char *text)
{
	const char *report = report_at(noted.nr_reports_seen);

	if (reports_count() == report_end(noted.nr_reports_seen) && strstr(report, text)) {
		noted.nr_reports_seen = reports_count();
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

size_t nr_low_pages(void)
{
	const struct zone *zone;
	size_t nr = 0;

	for_each_zone(zone)
		if (zone->id != ZONE_HIGHMEM)
			nr += zone->managed;
	return nr;
}

size_t nr_managed_pages(enum zone_id id)
{
	const struct zone *zone;
	size_t nr = 0;

	for_each_zone(zone)
		if (zone->id == id)
			nr += zone->managed;
	return nr;
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

	for (unsigned int larger = order; larger <= MAX_PAGE_ORDER; larger++)
		nr += zone_nr_blocks(zone, larger) << (larger - order);
	return nr;
}

gfp_t zone_gfp(const struct zone *zone)
{
	gfp_t node = node_map.nr_nodes > 1 ? __GFP_THISNODE | __GFP_NODE(zone->node) : GFP_NOWAIT;

	if (zone->id == ZONE_DMA)
		return GFP_DMA | node;
	return (zone->id == ZONE_HIGHMEM ? __GFP_HIGHMEM : GFP_NOWAIT) | node;
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

void hog_others(struct list_head *hog, enum zone_id highest, const struct zone *but)
{
	struct zone *zone;

	for_each_zone(zone)
		if (zone->id <= highest && zone != but)
			hog_zone(hog, zone, 0);
}

void hog_to_floor(struct list_head *hog, enum zone_id highest)
{
	struct zone *zone;

	for_each_zone(zone)
		if (zone->id <= highest)
			hog_zone(hog, zone, zone_floor(zone, highest));
}

void hog_release(struct list_head *hog)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, hog, links)
		__free_pages(page, page->order);
	list_init(hog);
}

static bool gives_to_me(const struct giver *giver)
{
	return giver->gives_to_all || giver->owner == port_current();
}

/* It always says it has more, so that only its scans tell. */
static size_t giver_count(struct shrinker *shrinker, gfp_t gfp)
{
	struct giver *giver = container_of(shrinker, struct giver, shrinker);

	(void)gfp;
	if (!gives_to_me(giver))
		return 0;
	giver->nr_counts++;
	return giver->nr_pages + 1;
}

static size_t give(struct giver *giver, size_t nr)
{
	size_t given = 0;

	for (; given < nr; given++) {
		irqflags_t flags = irq_save();
		struct page *page = NULL;

		if (giver->nr_pages) {
			page = list_first_entry(&giver->pages, struct page, links);
			list_del(&page->links);
			giver->nr_pages--;
		}
		irq_restore(flags);
		if (!page)
			break;
		__free_page(page);
	}
	return given ? given : giver->answer;
}

static size_t giver_scan(struct shrinker *shrinker, size_t nr, gfp_t gfp)
{
	struct giver *giver = container_of(shrinker, struct giver, shrinker);
	size_t given;

	(void)gfp;
	giver->nr_scans++;
	giver->depth++;
	giver->max_depth = MAX(giver->max_depth, giver->depth);
	if (giver->in_scan)
		giver->in_scan(giver);
	given = giver->nr_scans < giver->gives_from ? giver->answer : give(giver, nr);
	giver->depth--;
	return given;
}

bool giver_register(struct giver *giver, size_t nr_pages, gfp_t gfp)
{
	giver->shrinker.name = "giver";
	giver->shrinker.count = giver_count;
	giver->shrinker.scan = giver_scan;
	giver->owner = port_current();
	list_init(&giver->pages);
	for (giver->nr_pages = 0; giver->nr_pages < nr_pages; giver->nr_pages++) {
		struct page *page = alloc_page(gfp);

		if (!page)
			break;
		list_add(&page->links, &giver->pages);
	}
	register_shrinker(&giver->shrinker);
	giver->is_registered = true;
	return giver->nr_pages == nr_pages;
}

void giver_unregister(struct giver *giver)
{
	if (!giver->is_registered)
		return;
	giver->is_registered = false;
	unregister_shrinker(&giver->shrinker);
	(void)give(giver, giver->nr_pages);
}

static bool take_nothing(struct mem_waiter *waiter)
{
	(void)waiter;
	return false;
}

void wait_init_for_nothing(struct mem_waiter *waiter)
{
	static struct list_head nobodys_objects = LIST_HEAD_INIT(nobodys_objects);

	wait_init(waiter, GFP_KERNEL | __GFP_NO_GROW, 0);
	waiter->take = take_nothing;
	waiter->objects = &nobodys_objects;
}

bool memory_is_cleared(const void *memory, size_t size_bytes)
{
	return memory_is(memory, 0, size_bytes) || memory_is(memory, POISON_FREED, size_bytes) ||
	       memory_is(memory, POISON_PAGE, size_bytes);
}

bool freed_is_cleared(const void *object, size_t size_bytes)
{
	return is_guarded(object) ||
	       memory_is_cleared((const char *)object + sizeof(void *), size_bytes - sizeof(void *));
}

unsigned int guard_sample_change(unsigned int sample)
{
	unsigned int before = guard_get_sample();

	guard_set_sample(sample);
	return before;
}

void guard_sample_back(const unsigned int *sample)
{
	guard_set_sample(*sample);
}

size_t bytes_of(const void *object, size_t asked)
{
	const struct kmem_cache *cache = is_guarded(object) ? NULL : virt_to_page(object)->slab_cache;

	return is_guarded(object) || (cache && cache->flags & SLAB_RED_ZONE) ? asked : ksize(object);
}

bool memory_is(const void *memory, int byte, size_t size_bytes)
{
	const unsigned char *bytes = memory;

	while (bytes && size_bytes && *bytes == byte) {
		bytes++;
		size_bytes--;
	}
	return size_bytes == 0;
}
