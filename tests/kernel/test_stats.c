/* SPDX-License-Identifier: MIT */
/* What people and scripts read: the formats of /proc, and numbers that agree with the allocator's. Host and
 * guest. */
#include <mm/report/stats.h>

#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/objects/slab.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_util.h>

#define TEXT_SIZE 4096
static char *text; /* TEXT_SIZE */

static void print(void (*printer)(struct sink *out))
{
	struct sink_buffer buffer;

	sink_buffer_init(&buffer, text, TEXT_SIZE);
	printer(&buffer.sink);
	EXPECT(buffer.len < TEXT_SIZE);
}

static bool text_has(const char *line)
{
	if (strstr(text, line))
		return true;
	ktest_note("no \"%s\" in:", line);
	ktest_note("%s", text);
	return false;
}

KTEST(stats, buddyinfo_has_a_line_per_zone_with_memory, "P5 B3")
{
	BORROW_MANY(text, TEXT_SIZE);
	MACHINE_STAYS_AS_FOUND();
	struct zone *zone;
	char line[160];

	print(buddyinfo_print);
	for_each_zone(zone) {
		int len = scnprintf(line, sizeof(line), "Node %u, zone %8s ", zone->node, zone->name);
		size_t pages = 0;

		for (unsigned int order = 0; order < NR_ORDERS; order++) {
			len += scnprintf(line + len, sizeof(line) - (size_t)len, "%6zu ",
					 zone_nr_blocks(zone, order));
			pages += zone_nr_blocks(zone, order) << order;
		}
		scnprintf(line + len, sizeof(line) - (size_t)len, "\n");
		EXPECT_EQ(pages, zone->nr_free);
		EXPECT(zone_has_memory(zone) ? text_has(line) : !strstr(text, line));
	}
}

KTEST(stats, zoneinfo_tells_marks_sizes_and_protection, "P5 P6")
{
	BORROW_MANY(text, TEXT_SIZE);
	const struct zone *zone;
	char part[256];

	print(zoneinfo_print);
	for_each_zone(zone) {
		if (zone->present == 0)
			continue;
		snprintf(part, sizeof(part),
			 "Node %u, zone %8s\n  pages free     %zu\n        min      %zu\n        low      "
			 "%zu\n"
			 "        high     %zu\n        spanned  %u\n        present  %zu\n        managed  "
			 "%zu\n",
			 zone->node, zone->name, zone->nr_free, zone->wmark[WMARK_MIN],
			 zone->wmark[WMARK_LOW], zone->wmark[WMARK_HIGH], zone->end_pfn - zone->start_pfn,
			 zone->present, zone->managed);
		EXPECT(text_has(part));
		snprintf(part, sizeof(part),
			 "        protection: (%zu, %zu, %zu)\n  start_pfn:           %u\n",
			 zone->protection[0], zone->protection[1], zone->protection[2], zone->start_pfn);
		EXPECT(text_has(part));
	}
}

static void expect_kb(const char *name, size_t pages)
{
	char line[48], label[20];

	snprintf(label, sizeof(label), "%s:", name);
	snprintf(line, sizeof(line), "%-15s %8llu kB\n", label, (unsigned long long)pages * 4);
	EXPECT(text_has(line));
}

KTEST(stats, meminfo_sums_the_zones_in_kilobytes, "P5 MAP-15")
{
	BORROW_MANY(text, TEXT_SIZE);
	MACHINE_STAYS_AS_FOUND();
	size_t total = 0;
	const struct zone *zone;

	for_each_zone(zone)
		total += zone->managed;
	print(meminfo_print);
	expect_kb("MemTotal", total);
	expect_kb("MemFree", nr_free_pages());
	expect_kb("HighTotal", nr_managed_pages(ZONE_HIGHMEM));
	expect_kb("HighFree", nr_free_pages() - nr_free_pages_below(ZONE_NORMAL));
	expect_kb("LowTotal", total - nr_managed_pages(ZONE_HIGHMEM));
	expect_kb("LowFree", nr_free_pages_below(ZONE_NORMAL));
	expect_kb("Slab", slab_pages());
}

/* Two pages read once, one of them twice, and one written. */
KTEST(stats, pages_of_files_are_counted_by_state_and_age, "P5 R2")
{
	BORROW_MANY(text, TEXT_SIZE);
	MACHINE_STAYS_AS_FOUND();
	FAKE_FILE(file);
	char byte;

	if (cache_counts().nr_pages)
		SKIP("somebody has files already");
	REQUIRE(fake_file_make(&file, 3 * PAGE_SIZE));
	for (unsigned int i = 0; i < 3; i++)
		EXPECT_EQ(pagecache_read(&file.mapping, NULL, i % 2 * PAGE_SIZE, &byte, 1), 1);
	EXPECT_EQ(pagecache_write(&file.mapping, 2 * PAGE_SIZE, "x", 1), 1);
	print(meminfo_print);
	expect_kb("Cached", 3);
	expect_kb("Active(file)", 1);
	expect_kb("Inactive(file)", 2);
	expect_kb("Dirty", 1);
	expect_kb("Writeback", 0);
	print(pagecache_print);
	EXPECT(text_has("clean            0         1         1         0\n"));
	EXPECT(text_has("dirty            1         0         0         0\n"));
}

KTEST(stats, pagetypeinfo_shows_free_blocks_and_pageblocks_by_kind, "P5 B6")
{
	BORROW_MANY(text, TEXT_SIZE);
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_page(GFP_DMA | __GFP_MOVABLE);
	const struct zone *dma = &zones[ZONE_DMA];
	size_t nr[NR_MOBILITY] = {0};
	char line[96];

	REQUIRE(page);
	print(pagetypeinfo_print);
	EXPECT(text_has("Page block order: 10\nPages per block:  1024\n"));
	EXPECT(text_has("Free pages count per migrate type at order      0      1 "));
	EXPECT(text_has("Node    0, zone      DMA, type    Unmovable "));
	EXPECT(text_has("Node    0, zone      DMA, type      Movable "));
	EXPECT(text_has("Node    0, zone      DMA, type  Reclaimable "));
	for (pfn_t pfn = dma->start_pfn; pfn < dma->end_pfn; pfn += 1u << PAGEBLOCK_ORDER)
		nr[dma->block_mobility[pfn >> PAGEBLOCK_ORDER]]++;
	snprintf(line, sizeof(line), "Node 0, zone      DMA %12zu %12zu %12zu \n", nr[0], nr[1], nr[2]);
	EXPECT(text_has("Number of blocks type    Unmovable      Movable  Reclaimable \n"));
	EXPECT(text_has(line));
	__free_page(page);
}
