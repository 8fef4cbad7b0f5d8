/* SPDX-License-Identifier: MIT */
/* Objects parked per CPU in front of a cache: bounded, hottest first, given back when the cache is closed,
 * shrunk or destroyed, and checked as if they lay in their slab. Host and guest. */
#include <mm/objects/slab_internal.h>

#include <kernel/lib/string.h>
#include <tests/kernel/test_util.h>

#define NR_OBJECTS 300u
#define BATCH	   16u
static void *objects[NR_OBJECTS];
static unsigned int nr_constructed;

static void construct(void *object)
{
	memset(object, 0x3c, 40);
	nr_constructed++;
}

static bool take(struct kmem_cache *cache, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (!(objects[i] = kmem_cache_alloc(cache, GFP_KERNEL)))
			return false;
	return true;
}

static void give(struct kmem_cache *cache, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		kmem_cache_free(cache, objects[i]);
}

/* The stack is empty, and `nr` objects of the cache are in `objects`. */
static struct kmem_cache *cache_with(unsigned int nr, void (*ctor)(void *))
{
	struct kmem_cache *cache = kmem_cache_create("stacked", 40, 0, SLAB_NO_USER_FLAGS, ctor);

	if (!cache || !take(cache, nr))
		return NULL;
	slab_keep_closed(cache, true);
	slab_keep_closed(cache, false);
	return cache;
}

KTEST(stack, the_object_freed_last_comes_back_first, "P7 S1")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = cache_with(2, NULL);

	REQUIRE(cache);
	give(cache, 2);
	EXPECT_EQ(cache->stack.count, 2);
	EXPECT(kmem_cache_alloc(cache, GFP_KERNEL) == objects[1]);
	EXPECT(kmem_cache_alloc(cache, GFP_ATOMIC) == objects[0]);
	give(cache, 2);
	kmem_cache_destroy(cache);
}

KTEST(stack, no_more_objects_are_parked_than_it_has_slots, "S1 SLB-11")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = cache_with(NR_OBJECTS, NULL);
	struct pcpu_stack *stack;

	REQUIRE(cache);
	stack = &cache->stack;
	REQUIRE(stack->capacity && stack->capacity < NR_OBJECTS);
	EXPECT_EQ(stack->limit, stack->capacity);
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		kmem_cache_free(cache, objects[i]);
		EXPECT(stack->count <= stack->capacity);
		if (i + 1 == stack->capacity)
			EXPECT_EQ(stack->count, stack->capacity);
		if (i == stack->capacity)
			EXPECT(stack->count < stack->capacity);
		EXPECT_EQ(cache->nr_in_use - stack->count - cache->depot.nr, NR_OBJECTS - 1 - i);
	}
	expect_valid();
	kmem_cache_destroy(cache);
}

KTEST(stack, a_refill_takes_a_bounded_number_of_objects, "S1")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("stacked", 40, 0, SLAB_NO_USER_FLAGS, NULL);
	struct pcpu_stack *stack;

	REQUIRE(cache && take(cache, 1));
	stack = &cache->stack;
	EXPECT(stack->count <= BATCH && stack->count <= stack->capacity);
	EXPECT(stack->count != 0);
	EXPECT_EQ(cache->nr_in_use, stack->count + 1);
	expect_valid();
	give(cache, 1);
	kmem_cache_destroy(cache);
}

KTEST(stack, freeing_the_hottest_object_again_is_reported, "DBG-03 PCP-05")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = cache_with(2, NULL);

	REQUIRE(cache);
	expect_reports();
	give(cache, 2);
	kmem_cache_free(cache, objects[1]);
	EXPECT_ONE_REPORT("already free; nothing changed");
	EXPECT_EQ(cache->stack.count, 2);
	kmem_cache_destroy(cache);
}

KTEST(stack, freeing_again_what_a_full_stack_took_is_reported, "DBG-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = cache_with(NR_OBJECTS, NULL);
	uint32_t nr;

	REQUIRE(cache);
	nr = cache->stack.capacity + 1;
	REQUIRE(nr < NR_OBJECTS);
	give(cache, nr);
	expect_reports();
	kmem_cache_free(cache, objects[nr - 1]);
	EXPECT_ONE_REPORT("already free; nothing changed");
	for (uint32_t i = nr; i < NR_OBJECTS; i++)
		kmem_cache_free(cache, objects[i]);
	kmem_cache_destroy(cache);
}

KTEST(stack, closing_it_gives_all_that_is_parked_back, "S1")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = cache_with(30, NULL);

	REQUIRE(cache);
	give(cache, 20);
	EXPECT(cache->stack.count != 0);
	slab_keep_closed(cache, true);
	EXPECT_EQ(cache->stack.count, 0);
	EXPECT_EQ(cache->nr_in_use, 10);
	for (unsigned int i = 20; i < 30; i++)
		kmem_cache_free(cache, objects[i]);
	EXPECT_EQ(cache->stack.count, 0);
	EXPECT_EQ(cache->nr_in_use, 0);
	REQUIRE(take(cache, 1));
	EXPECT_EQ(cache->nr_in_use, 1);
	EXPECT_EQ(cache->stack.count, 0);
	give(cache, 1);
	kmem_cache_destroy(cache);
}

KTEST(stack, shrinking_counts_parked_objects_as_free, "SLB-08 S1")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = cache_with(20, NULL);
	size_t slabs;

	REQUIRE(cache);
	give(cache, 20);
	slabs = cache->nr_slabs;
	EXPECT_EQ(kmem_cache_shrink(cache), slabs << cache->order);
	EXPECT_EQ(cache->nr_slabs, 0);
	EXPECT_EQ(cache->stack.count, 0);
	kmem_cache_destroy(cache);
}

KTEST(stack, parked_objects_do_not_keep_a_cache_alive, "SLB-05 S2")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = cache_with(20, NULL);

	REQUIRE(cache);
	expect_reports();
	give(cache, 20);
	EXPECT(cache->nr_in_use != 0);
	kmem_cache_destroy(cache);
	EXPECT_EQ(reports_count(), 0);
}

KTEST(stack, a_live_object_among_parked_ones_is_the_only_one_listed, "SLB-05 S2")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = cache_with(20, NULL);

	REQUIRE(cache);
	give(cache, 19);
	expect_reports();
	kmem_cache_destroy(cache);
	EXPECT_EQ(reports_count(), 2);
	EXPECT(reports_contain("with 1 live objects"));
	kmem_cache_free(cache, objects[19]);
	kmem_cache_destroy(cache);
}

KTEST(stack, parked_objects_are_constructed_exactly_once, "SLB-03 S1")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache;

	nr_constructed = 0;
	cache = cache_with(NR_OBJECTS, construct);
	REQUIRE(cache);
	EXPECT_EQ(nr_constructed, NR_OBJECTS);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < NR_OBJECTS; i++)
			EXPECT(memory_is(objects[i], 0x3c, 40));
		give(cache, 60);
		REQUIRE(take(cache, 60));
	}
	EXPECT_EQ(nr_constructed, NR_OBJECTS);
	give(cache, NR_OBJECTS);
	kmem_cache_destroy(cache);
}

KTEST(stack, a_parked_object_comes_back_zeroed_when_asked, "SLB-04")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = cache_with(1, NULL);
	void *object;

	REQUIRE(cache);
	memset(objects[0], 0xff, 40);
	give(cache, 1);
	object = kmem_cache_zalloc(cache, GFP_KERNEL);
	EXPECT(object && object == objects[0]);
	if (object) {
		EXPECT(memory_is(object, 0, 40));
		kmem_cache_free(cache, object);
	}
	kmem_cache_destroy(cache);
}

KTEST(stack, a_pointer_inside_an_object_is_never_parked, "DBG-04")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = cache_with(2, NULL);

	REQUIRE(cache);
	expect_reports();
	kmem_cache_free(cache, (char *)objects[0] + 8);
	EXPECT_ONE_REPORT("inside an object");
	EXPECT_EQ(cache->stack.count, 0);
	give(cache, 2);
	kmem_cache_destroy(cache);
}

KTEST(stack, what_shrinking_says_it_gave_is_what_was_given, "SLB-08")
{
	NEEDS_OPEN_LISTS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("shrunk", 1024, 0, SLAB_NO_USER_FLAGS, NULL);
	void *object[16];
	size_t free, said;

	REQUIRE(cache);
	for (unsigned int i = 0; i < ARRAY_SIZE(object); i++)
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (unsigned int i = 0; i < ARRAY_SIZE(object); i++)
		kmem_cache_free(cache, object[i]);
	free = nr_free_pages();
	said = kmem_cache_shrink(cache);
	EXPECT_EQ(said, nr_free_pages() - free);
	kmem_cache_destroy(cache);
}
