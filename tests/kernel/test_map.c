/* SPDX-License-Identifier: MIT */
/* Who has the pages of a range, and the rows of cells that memory is cut into for the picture. Host and guest. */
#include <mm/report/map.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>
#include <tests/kernel/test_util.h>

/* Pages of [pfn, pfn + nr) that `owner` has. */
static size_t nr_of(enum map_owner owner, pfn_t pfn, pfn_t nr)
{
	struct map_count count = {0};

	map_count(&count, pfn, pfn + nr);
	return count.nr[owner];
}

static size_t nr_free_of(pfn_t pfn, pfn_t nr)
{
	return nr_of(MAP_FREE_SMALL, pfn, nr) + nr_of(MAP_FREE_MIDDLE, pfn, nr) +
	       nr_of(MAP_FREE_LARGE, pfn, nr) + nr_of(MAP_PARKED, pfn, nr);
}

KTEST(map, pages_change_their_owner_with_the_call_that_takes_and_gives_them, "D8")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct page *block = alloc_pages(GFP_KERNEL, 5), *user = alloc_user_page();
	void *object = kmalloc(100, GFP_KERNEL), *large = kmalloc(300000, GFP_KERNEL);
	bool all = block && user && object && large;
	pfn_t pfn = block ? page_to_pfn(block) : 0;

	if (all) {
		EXPECT_EQ(nr_of(MAP_PAGES, pfn, 32), 32);
		EXPECT_EQ(nr_of(MAP_USER, page_to_pfn(user), 1), 1);
		EXPECT_EQ(nr_of(MAP_SLAB, page_to_pfn(virt_to_page(object)), 1), 1);
		EXPECT_EQ(nr_of(MAP_LARGE, page_to_pfn(virt_to_page(large)), 64), 64);
		EXPECT_EQ(map_owner_of(pfn + 31), MAP_PAGES);
	}
	kfree(large);
	kfree(object);
	if (user)
		free_user_page(user);
	if (block)
		__free_pages(block, 5);
	REQUIRE(all);
	EXPECT_EQ(nr_free_of(pfn, 32), 32);
	EXPECT_EQ(nr_of(MAP_PAGES, pfn, 32), 0);
}

KTEST(map, a_range_inside_a_block_belongs_to_its_head, "D8")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *block = alloc_pages(GFP_KERNEL | __GFP_COMP, 4);
	pfn_t pfn = block ? page_to_pfn(block) : 0;

	REQUIRE(block);
	EXPECT_EQ(nr_of(MAP_PAGES, pfn + 3, 5), 5);
	EXPECT_EQ(nr_of(MAP_PAGES, pfn + 15, 1), 1);
	__free_pages(block, 4);
}

KTEST(map, every_page_of_a_zone_is_counted_once_and_free_ones_as_free, "D8")
{
	const struct zone *zone;

	for_each_zone(zone) {
		struct map_count count = {0};
		size_t nr_pages = 0, nr_free;

		if (!zone_has_memory(zone))
			continue;
		map_count(&count, zone->start_pfn, zone->end_pfn);
		for (enum map_owner owner = 0; owner < NR_MAP_OWNERS; owner++)
			nr_pages += count.nr[owner];
		nr_free = count.nr[MAP_FREE_SMALL] + count.nr[MAP_FREE_MIDDLE] + count.nr[MAP_FREE_LARGE];
		EXPECT_EQ(nr_pages, zone->end_pfn - zone->start_pfn);
		EXPECT_EQ(nr_free, zone->nr_free);
	}
}

KTEST(map, a_cell_is_whose_most_of_it_is_free_pages_counting_together, "D8")
{
	struct map_count count = {
		.nr = {[MAP_PAGES] = 5, [MAP_FREE_SMALL] = 2, [MAP_FREE_LARGE] = 3, [MAP_SLAB] = 4}};

	EXPECT_EQ(map_count_most(&count), MAP_PAGES);
	count.nr[MAP_FREE_MIDDLE] = 1;
	EXPECT_EQ(map_count_most(&count), MAP_FREE_LARGE);
	count.nr[MAP_SLAB] = 7;
	EXPECT_EQ(map_count_most(&count), MAP_SLAB);
	memset(&count, 0, sizeof(count));
	EXPECT_EQ(map_count_most(&count), MAP_OUTSIDE);
}

/* Do the cells of these rows meet, from the start to the end of each zone? */
static bool rows_cover_zones(const struct map_row *row, unsigned int nr)
{
	const struct zone *zone = NULL;
	pfn_t at = 0, first, end;

	for (unsigned int i = 0; i < nr; i++) {
		if (row[i].zone != zone && zone && at != zone->end_pfn)
			return false;
		if (row[i].zone != zone)
			at = row[i].zone->start_pfn;
		zone = row[i].zone;
		for (unsigned int cell = 0; cell < row[i].nr_cells; cell++) {
			map_cell_range(&row[i], cell, &first, &end);
			if (first != at || end <= first || end - first > 1u << row[i].order)
				return false;
			at = end;
		}
	}
	return zone && at == zone->end_pfn;
}

KTEST(map, a_cell_that_begins_before_its_zone_counts_only_what_is_inside, "D8")
{
	struct zone zone = {.start_pfn = 1003, .end_pfn = 1021};
	struct map_row row = {.zone = &zone, .first = 1000, .order = 3, .nr_cells = 3};
	pfn_t first, end;

	map_cell_range(&row, 0, &first, &end);
	EXPECT(first == 1003 && end == 1008);
	map_cell_range(&row, 2, &first, &end);
	EXPECT(first == 1016 && end == 1021);
}

KTEST(map, rows_cover_each_zone_once_and_are_no_more_than_asked_for, "D8")
{
	struct map_row row[MAP_ROWS_MAX];
	const struct zone *zone;
	unsigned int nr_zones = 0;

	for_each_zone(zone)
		nr_zones += zone_has_memory(zone);
	for (unsigned int max = 0; max <= MAP_ROWS_MAX + 1; max++) {
		unsigned int nr = map_layout(row, max);

		EXPECT(nr >= nr_zones && nr <= MAX(max, nr_zones) && nr <= MAP_ROWS_MAX);
		EXPECT(rows_cover_zones(row, nr));
	}
}

KTEST(map, owners_have_letters_of_their_own_and_short_names, "D8")
{
	for (enum map_owner owner = 0; owner < NR_MAP_OWNERS; owner++) {
		EXPECT(strlen(map_owner_name(owner)) <= 10);
		for (enum map_owner other = 0; other < owner; other++)
			EXPECT(map_owner_letter(other) != map_owner_letter(owner));
	}
}
