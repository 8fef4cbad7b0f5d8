/* SPDX-License-Identifier: MIT */
/* Many objects with one call: all or none, and the checks of single frees. Host and guest. */
#include <mm/objects/slab_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/objects/above.h>
#include <mm/objects/kmalloc.h>
#include <tests/kernel/test_util.h>

#define MAX_NR 200u
static void **objects; /* MAX_NR of them, borrowed */

static void check_and_fill(struct kmem_cache *cache, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		EXPECT(is_guarded(objects[i]) || virt_to_cache(objects[i]) == cache);
		memset(objects[i], (int)(i & 0xff), kmem_cache_size(cache));
	}
	for (unsigned int i = 0; i < nr; i++)
		EXPECT(memory_is(objects[i], (int)(i & 0xff), kmem_cache_size(cache)));
}

static void try_all_counts(struct kmem_cache *cache)
{
	for (unsigned int nr = 1; nr <= MAX_NR; nr += nr < 8 ? 1 : 24) {
		size_t before;

		shrink_all_caches();
		before = nr_live_objects();
		REQUIRE(kmem_cache_alloc_bulk(cache, GFP_KERNEL, nr, objects) == nr);
		check_and_fill(cache, nr);
		kmem_cache_free_bulk(cache, nr, objects);
		EXPECT(slab_stack_here(cache)->count <= slab_stack_here(cache)->limit);
		shrink_all_caches();
		EXPECT_EQ(nr_live_objects(), before);
	}
}

KTEST(bulk, any_number_of_objects_comes_and_goes, "S1 SLB-07")
{
	MACHINE_STAYS_AS_FOUND();
	BORROW_MANY(objects, MAX_NR);
	struct kmem_cache *cache = kmem_cache_create("test", 72, 0, 0, NULL);

	REQUIRE(cache);
	try_all_counts(cache);
	slab_keep_closed(cache, true);
	try_all_counts(cache);
	kmem_cache_destroy(cache);
}

KTEST(bulk, no_object_and_no_more_than_asked_for_is_touched, "S1 BUD-15")
{
	MACHINE_STAYS_AS_FOUND();
	BORROW_MANY(objects, MAX_NR);
	struct kmem_cache *cache = kmem_cache_create("test", 64, 0, 0, NULL);

	REQUIRE(cache);
	objects[3] = &objects;
	EXPECT_EQ(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 0, objects), 0);
	EXPECT_NULL(objects[0]);
	REQUIRE(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 3, objects) == 3);
	EXPECT(objects[3] == &objects);
	kmem_cache_free_bulk(cache, 3, objects);
	kmem_cache_free_bulk(cache, 0, objects);
	kmem_cache_destroy(cache);
}

KTEST(bulk, when_memory_runs_out_half_way_none_is_given, "S1 SLB-07 S7")
{
	MACHINE_STAYS_AS_FOUND();
	BORROW_MANY(objects, MAX_NR);
	struct kmem_cache *cache = kmem_cache_create("test", 256, 0, 0, NULL);
	struct list_head hog = LIST_HEAD_INIT(hog);
	struct page *page = alloc_page(GFP_KERNEL);
	size_t before;

	REQUIRE(cache && page);
	hog_all(&hog);
	__free_page(page); /* for one slab */
	shrink_all_caches();
	before = nr_live_objects();
	EXPECT_EQ(kmem_cache_alloc_bulk(cache, GFP_ATOMIC | __GFP_NOWARN, MAX_NR, objects), 0);
	shrink_all_caches();
	EXPECT_EQ(nr_live_objects(), before);
	EXPECT_EQ(nr_free_pages(), 1);
	hog_release(&hog);
	kmem_cache_destroy(cache);
}

KTEST(bulk, what_is_no_object_is_reported_and_the_others_are_freed, "S1 SLB-07")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	BORROW_MANY(objects, MAX_NR);
	struct kmem_cache *cache = kmem_cache_create("test", 64, 0, 0, NULL);
	void *foreign = kmalloc(64, GFP_KERNEL), *inner;

	REQUIRE(cache && foreign);
	REQUIRE(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 20, objects) == 20);
	inner = (char *)objects[12] + 8;
	objects[20] = objects[5];
	objects[5] = foreign;
	objects[21] = objects[12];
	objects[12] = inner;
	expect_reports();
	kmem_cache_free_bulk(cache, 22, objects);
	EXPECT_EQ(reports_count(), 2);
	EXPECT(reports_contain("is an object of another cache"));
	EXPECT(reports_contain("is inside an object"));
	slab_drain_stack(cache, NULL);
	EXPECT_EQ(cache->nr_in_use, 0);
	EXPECT_EQ(ksize(foreign), 64);
	kfree(foreign);
	kmem_cache_destroy(cache);
}

KTEST(bulk, what_was_freed_last_is_not_freed_again, "S1 DBG-03")
{
	MACHINE_STAYS_AS_FOUND();
	BORROW_MANY(objects, MAX_NR);
	struct kmem_cache *cache = kmem_cache_create("test", 64, 0, 0, NULL);

	REQUIRE(cache);
	REQUIRE(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 2, objects) == 2);
	kmem_cache_free(cache, objects[0]);
	expect_reports();
	kmem_cache_free_bulk(cache, 2, objects);
	EXPECT_ONE_REPORT("is already free");
	slab_drain_stack(cache, NULL);
	EXPECT_EQ(cache->nr_in_use, 0);
	kmem_cache_destroy(cache);
}

static unsigned int nr_constructed;

static void construct(void *object)
{
	memset(object, 0x5a, 40);
	nr_constructed++;
}

KTEST(bulk, a_constructor_runs_once_for_each_and_zeroed_ones_are_zero, "S1 SLB-03 SLB-04")
{
	MACHINE_STAYS_AS_FOUND();
	BORROW_MANY(objects, MAX_NR);
	struct kmem_cache *made = kmem_cache_create("test", 40, 0, 0, construct);
	struct kmem_cache *plain = kmem_cache_create("test2", 40, 0, 0, NULL);

	REQUIRE(made && plain);
	nr_constructed = 0;
	for (unsigned int round = 0; round < 2; round++) {
		REQUIRE(kmem_cache_alloc_bulk(made, GFP_KERNEL, 50, objects) == 50);
		for (unsigned int i = 0; i < 50; i++)
			EXPECT(memory_is(objects[i], 0x5a, 40));
		kmem_cache_free_bulk(made, 50, objects);
		EXPECT(nr_constructed == 50 || lists_stay_closed() ||
		       cache_is_debugged(made)); /* then empty slabs went back */
	}
	REQUIRE(kmem_cache_alloc_bulk(plain, GFP_KERNEL, 50, objects) == 50);
	for (unsigned int i = 0; i < 50; i++)
		memset(objects[i], 0xa5, 40);
	kmem_cache_free_bulk(plain, 50, objects);
	REQUIRE(kmem_cache_alloc_bulk(plain, GFP_KERNEL | __GFP_ZERO, 50, objects) == 50);
	for (unsigned int i = 0; i < 50; i++)
		EXPECT(memory_is(objects[i], 0, 40));
	kmem_cache_free_bulk(plain, 50, objects);
	kmem_cache_destroy(plain);
	kmem_cache_destroy(made);
}

/* Small slabs share the window of a whole one with others: there each object is looked at. */
KTEST(bulk, objects_of_small_slabs_are_freed_too, "S1")
{
	MACHINE_STAYS_AS_FOUND();
	BORROW_MANY(objects, MAX_NR);
	struct kmem_cache *cache = kmem_cache_create("test", 1536, 0, 0, NULL);
	struct list_head hog = LIST_HEAD_INIT(hog);
	struct page *pair = alloc_pages(GFP_KERNEL, 1);
	unsigned int nr = 0;

	REQUIRE(cache && cache->order && pair);
	split_page(pair, 1);
	hog_all(&hog);
	__free_page(pair + 1); /* no block of two, but a page of two objects */
	while (nr < 4 && (objects[nr] = kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN)) != NULL)
		nr++;
	EXPECT(nr > 0 && nr < 4);
	kmem_cache_free_bulk(cache, nr, objects);
	slab_drain_stack(cache, NULL);
	EXPECT_EQ(cache->nr_in_use, 0);
	__free_page(pair);
	hog_release(&hog);
	kmem_cache_destroy(cache);
}
