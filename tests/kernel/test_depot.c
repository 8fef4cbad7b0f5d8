/* SPDX-License-Identifier: MIT */
/* What no stack has room for: parked behind it, bounded, given back when the cache is closed, shrunk or destroyed, and
 * checked as if it lay in its slab. Host and guest. */
#include <mm/objects/depot.h>

#include <mm/report/locate.h>
#include <tests/kernel/test_util.h>

#define NR_OBJECTS 2000u
static void *objects[NR_OBJECTS];

static unsigned int take(struct kmem_cache *cache, unsigned int nr)
{
	unsigned int i = 0;

	while (i < nr && (objects[i] = kmem_cache_alloc(cache, GFP_KERNEL)))
		i++;
	return i;
}

static void give(struct kmem_cache *cache, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++)
		kmem_cache_free(cache, objects[i]);
}

/* *nr objects of a new cache, three times what its stack holds. A burst of them was freed before: the depot has room for
 * what the stack has not. */
static struct kmem_cache *cache_with_burst(unsigned int *nr)
{
	struct kmem_cache *cache = kmem_cache_create("burst", 64, 0, SLAB_NO_USER_FLAGS, NULL);

	if (!cache)
		return NULL;
	*nr = 3 * cache->stack.capacity;
	if (*nr > NR_OBJECTS || take(cache, *nr) != *nr)
		return NULL;
	give(cache, 0, *nr);
	return take(cache, *nr) == *nr ? cache : NULL;
}

KTEST(depot, what_a_full_stack_has_no_room_for_comes_back_without_a_slab, "S1 SLB-11")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	unsigned int nr = 0;
	struct kmem_cache *cache = cache_with_burst(&nr);
	size_t slabs;

	REQUIRE(cache);
	slabs = cache->nr_slabs;
	give(cache, 0, nr);
	EXPECT(cache->depot.nr != 0);
	EXPECT_EQ(cache->nr_in_use, cache->stack.count + cache->depot.nr);
	expect_valid();
	REQUIRE(take(cache, nr) == nr);
	EXPECT(cache->depot.nr < cache->stack.capacity); /* what lay in the stack before */
	EXPECT_EQ(cache->nr_slabs, slabs);
	EXPECT_EQ(cache->nr_in_use, nr + cache->stack.count + cache->depot.nr);
	expect_valid();
	give(cache, 0, nr);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
}

KTEST(depot, there_is_room_for_what_went_to_slabs_and_came_back_and_for_no_more, "S1")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("burst", 64, 0, SLAB_NO_USER_FLAGS, NULL);
	size_t drained;
	unsigned int nr;

	REQUIRE(cache);
	nr = 3 * cache->stack.capacity;
	REQUIRE(take(cache, nr) == nr);
	EXPECT_EQ(cache->depot.room, 0);
	drained = cache->nr_in_use;
	give(cache, 0, nr);
	EXPECT_EQ(cache->depot.nr, 0); /* once is no burst that comes and goes */
	drained -= cache->stack.count;
	EXPECT_EQ(cache->depot.missed, drained);
	REQUIRE(take(cache, nr) == nr);
	EXPECT_EQ(cache->depot.room + cache->depot.missed, drained);
	EXPECT(cache->depot.room > drained / 2);
	give(cache, 0, nr);
	EXPECT(cache->depot.nr != 0 && cache->depot.nr <= cache->depot.room);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
}

KTEST(depot, what_nobody_touches_while_others_grow_goes_back_to_its_slabs, "S1 SLB-08")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	unsigned int nr = 0, grown = 0;
	struct kmem_cache *cache = cache_with_burst(&nr);
	struct kmem_cache *other = kmem_cache_create("large", 4096, 0, SLAB_NO_USER_FLAGS, NULL);
	uint32_t room;

	REQUIRE(cache && other);
	give(cache, 0, nr);
	room = cache->depot.room;
	EXPECT(cache->depot.nr != 0);
	for (; grown < NR_OBJECTS && cache->depot.nr; grown++)
		REQUIRE((objects[grown] = kmem_cache_alloc(other, GFP_KERNEL)));
	EXPECT(grown > (lowmem_bytes >> PAGE_SHIFT) / DEPOT_IDLE_SHARE / 2);
	EXPECT_EQ(cache->depot.nr, 0);
	EXPECT(cache->depot.room < room);
	EXPECT_EQ(cache->nr_in_use, cache->stack.count);
	expect_valid();
	give(other, 0, grown);
	EXPECT_EQ(kmem_cache_destroy(other), 0);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
}

KTEST(depot, closing_and_shrinking_empty_it_and_closed_it_takes_nothing, "S1 SLB-08")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	unsigned int nr = 0;
	struct kmem_cache *cache = cache_with_burst(&nr);

	REQUIRE(cache);
	give(cache, 0, nr);
	slab_keep_closed(cache, true);
	EXPECT(!slab_parks_any(cache) && cache->nr_in_use == 0);
	EXPECT_EQ(cache->depot.room, 0);
	cache->depot.room = nr;
	EXPECT(!depot_take_from_stack(cache));
	REQUIRE(take(cache, nr) == nr);
	give(cache, 0, nr);
	EXPECT(!slab_parks_any(cache) && cache->nr_in_use == 0);
	slab_keep_closed(cache, false);
	REQUIRE(take(cache, nr) == nr);
	give(cache, 0, nr);
	EXPECT(cache->depot.nr != 0);
	EXPECT(kmem_cache_shrink(cache) != 0);
	EXPECT(!slab_parks_any(cache) && cache->nr_slabs == 0);
	EXPECT_EQ(cache->depot.room, 0);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
}

KTEST(depot, it_holds_its_share_of_low_memory_and_no_more, "S1")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("share", 1024, 0, SLAB_NO_USER_FLAGS, NULL);
	size_t share = lowmem_bytes / DEPOT_SHARE / 2;
	unsigned int nr;

	REQUIRE(cache);
	nr = (unsigned int)(share / 1024) + cache->stack.capacity + DEPOT_MOVE;
	if (nr > NR_OBJECTS) {
		EXPECT_EQ(kmem_cache_destroy(cache), 0);
		SKIP("its share is more than this test has objects");
	}
	REQUIRE(take(cache, nr) == nr);
	cache->depot.room = nr;
	give(cache, 0, nr);
	EXPECT(cache->depot.nr && cache->depot.nr * 1024 <= share);
	EXPECT(cache->nr_in_use < nr);
	expect_valid();
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
}

KTEST(depot, large_objects_have_no_room_there, "S1")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache =
		kmem_cache_create("large", DEPOT_OBJECT_BYTES + 8, 0, SLAB_NO_USER_FLAGS, NULL);
	unsigned int nr;

	REQUIRE(cache);
	nr = 3 * cache->stack.capacity;
	for (unsigned int n = 0; n < 2; n++) {
		REQUIRE(take(cache, nr) == nr);
		give(cache, 0, nr);
	}
	EXPECT(cache->depot.room == 0 && cache->depot.nr == 0);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
}

KTEST(depot, what_was_never_handed_out_is_reported_when_it_comes_to_its_slab, "DBG-03 DBG-04")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	unsigned int nr = 0;
	struct kmem_cache *cache = cache_with_burst(&nr);
	unsigned int kept = 0;
	const struct page *slab;

	REQUIRE(cache);
	while (kept < nr && virt_to_page(objects[kept])->slab->bump == cache->per_slab)
		kept++;
	if (kept == nr)
		kept = 0; /* all slabs are full: nothing of this kind is to be had */
	slab = virt_to_page(objects[kept])->slab;
	expect_reports();
	if (slab->bump < cache->per_slab)
		kmem_cache_free(cache, slab_base(slab) + slab->bump * cache->stride);
	give(cache, 0, kept);
	give(cache, kept + 1, nr);
	EXPECT(cache->depot.nr != 0);
	slab_drain_stack(cache, NULL);
	if (slab->bump < cache->per_slab)
		EXPECT_ONE_REPORT("an object never handed out; nothing changed");
	EXPECT_EQ(cache->nr_in_use, 1);
	give(cache, kept, kept + 1);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
}

KTEST(depot, a_report_says_that_what_lies_there_is_parked, "S1")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	unsigned int nr = 0, nr_of[SLAB_PLACE_REST + 1] = {0};
	struct kmem_cache *cache = cache_with_burst(&nr);
	struct slab_place place;

	REQUIRE(cache);
	give(cache, 0, nr);
	for (unsigned int i = 0; i < nr; i++)
		if (slab_locate(objects[i], &place))
			nr_of[place.state]++;
	EXPECT_EQ(nr_of[SLAB_PLACE_PARKED] + nr_of[SLAB_PLACE_IN_DEPOT] + nr_of[SLAB_PLACE_FREE], nr);
	EXPECT(nr_of[SLAB_PLACE_IN_DEPOT] && nr_of[SLAB_PLACE_IN_DEPOT] <= cache->depot.nr);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
}
