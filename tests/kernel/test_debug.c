/* SPDX-License-Identifier: MIT */
/* Debugging of objects: each misuse in a cache of its own with the letters it takes, the exact report, and that
 * everything goes on. Host and guest. */
#include <mm/objects/slab_debug.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/objects/kmalloc.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/test_util.h>

#define ALL_LETTERS (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)
#define SIZE	    40u

static struct kmem_cache *new_cache(slab_flags_t letters)
{
	return kmem_cache_create("debugged", SIZE, 0, letters | SLAB_NO_USER_FLAGS, NULL);
}

static char *new_object(struct kmem_cache *cache)
{
	return kmem_cache_alloc(cache, GFP_KERNEL);
}

/* What follows is one report: these are its lines. */
static void expect_block(void)
{
	reports_forget();
	expect_reports();
}

#define EXPECT_LINE(n, text) EXPECT(strstr(report_at(n), text) != NULL)
#define EXPECT_LINES(nr)     EXPECT_EQ(reports_count(), nr)

/* --- Z --- */

KTEST(debug, a_write_behind_an_object_is_reported_when_it_is_freed, "S5 DBG-01")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(SLAB_RED_ZONE);
	char *object, expected[96];

	REQUIRE(cache);
	object = new_object(cache);
	REQUIRE(object);
	for (unsigned int distance = 0; distance < SLAB_RED_BYTES; distance++) {
		object[SIZE + distance] = 0x41;
		expect_block();
		kmem_cache_free(cache, object);
		EXPECT_LINES(2);
		snprintf(expected, sizeof(expected),
			 "BUG: object %#lx of cache debugged (40 bytes) was written to",
			 (unsigned long)object);
		EXPECT_LINE(0, expected);
		EXPECT_LINE(0, "behind its end, seen when freed by");
		snprintf(expected, sizeof(expected), "  at offset %u: expected b5, found 41 (1 byte)",
			 SIZE + distance);
		EXPECT_LINE(1, expected);
		EXPECT(new_object(cache) == object); /* mended: no second report */
		EXPECT_LINES(2);
	}
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	EXPECT_LINES(2);
}

KTEST(debug, a_write_before_an_object_is_reported_when_it_is_freed, "S5 DBG-01")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(SLAB_RED_ZONE);
	char *object;

	REQUIRE(cache);
	object = new_object(cache);
	REQUIRE(object);
	object[-1] = object[-3] = 0;
	expect_block();
	kmem_cache_free(cache, object);
	EXPECT_LINES(2);
	EXPECT_LINE(0, "was written to before its start, seen when freed by");
	EXPECT_LINE(1, "  at offset -3: expected b5 b5 b5, found 00 b5 00 (3 bytes)");
	kmem_cache_destroy(cache);
}

KTEST(debug, the_first_object_of_a_slab_is_guarded_on_both_sides, "S5 DBG-01")
{
	static const size_t sizes[] = {1, 8, 40, 64, 500, 4096, 8192, 20000, 32000};
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kmem_cache *cache =
			kmem_cache_create("debugged", sizes[i], 0, SLAB_RED_ZONE | SLAB_NO_USER_FLAGS, NULL);
		unsigned char *object;

		REQUIRE(cache);
		object = kmem_cache_alloc(cache, GFP_KERNEL);
		REQUIRE(object);
		memset(object, 0, sizes[i]);
		object[-1] ^= 1;
		expect_block();
		EXPECT_EQ(slab_debug_check(cache), 1);
		EXPECT_ONE_REPORT("was written to before its start, seen in a check by");
		object[sizes[i]] ^= 1;
		EXPECT_EQ(slab_debug_check(cache), 1);
		EXPECT_ONE_REPORT("was written to behind its end, seen in a check by");
		EXPECT_EQ(slab_debug_check(cache), 0);
		kmem_cache_free(cache, object);
		kmem_cache_destroy(cache);
	}
}

KTEST(debug, a_write_behind_a_freed_object_is_reported_when_it_is_handed_out, "S5 DBG-01")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(SLAB_RED_ZONE);
	char *object, *neighbour;

	REQUIRE(cache);
	object = new_object(cache);
	neighbour = new_object(cache);
	REQUIRE(object && neighbour);
	kmem_cache_free(cache, object);
	object[SIZE + 1] = 0x41;
	expect_block();
	EXPECT(new_object(cache) == object);
	EXPECT_LINES(2);
	EXPECT_LINE(0, "was written to behind its end, seen when allocated by");
	kmem_cache_free(cache, object);
	kmem_cache_free(cache, neighbour);
	kmem_cache_destroy(cache);
	EXPECT_LINES(2);
}

KTEST(debug, a_long_overrun_that_reaches_the_note_is_survived, "S5 DBG-01 DBG-12")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(ALL_LETTERS);
	char *object, *neighbour;

	REQUIRE(cache);
	object = new_object(cache);
	neighbour = new_object(cache);
	REQUIRE(object && neighbour);
	memset(object, 0x41, cache->stride - SLAB_RED_BYTES);
	expect_block();
	kmem_cache_free(cache, object);
	EXPECT_LINES(2);
	EXPECT_LINE(0, "was written to far behind its end, seen when freed by");
	EXPECT_LINE(1, "expected 11fe0bad, found 41414141");
	kmem_cache_free(cache, object);
	EXPECT_LINE(2, "is already free; nothing changed");
	EXPECT(new_object(cache) == object);
	expect_valid();
	kmem_cache_free(cache, object);
	kmem_cache_free(cache, neighbour);
	kmem_cache_destroy(cache);
}

/* --- the slack of kmalloc --- */

/* kmalloc's caches have their letters from slab_debug=, or get Z for one that nobody uses. */
static bool kmalloc_gets_red_zones(unsigned int class)
{
	struct kmem_cache *cache = kmalloc_caches[0][class];

	return cache->flags & SLAB_RED_ZONE || !slab_debug_change(cache, SLAB_RED_ZONE);
}

static void kmalloc_gets_back(unsigned int class, slab_flags_t letters)
{
	EXPECT_NULL(slab_debug_change(kmalloc_caches[0][class], letters & SLAB_DEBUG_FLAGS));
}

static void expect_slack_is_guarded(char *object, size_t size)
{
	char expected[64];

	REQUIRE(object);
	object[size] = 0x41;
	expect_block();
	kfree(object);
	snprintf(expected, sizeof(expected), "(%zu bytes) was written to behind its end", size);
	EXPECT_LINE(0, expected);
	EXPECT_EQ(reports_count_bugs(), 1);
	snprintf(expected, sizeof(expected), "  at offset %zu: expected b5, found 41 (1 byte)", size);
	EXPECT_LINE(1, expected);
}

KTEST(debug, the_slack_behind_what_kmalloc_was_asked_for_is_guarded, "S5 DBG-06 KML-08")
{
	unsigned int class = kmalloc_class(13000);
	struct kmem_cache *cache = kmalloc_caches[0][class];
	slab_flags_t letters = cache->flags;
	MACHINE_STAYS_AS_FOUND();
	size_t size = 13001;
	gfp_t gfp = GFP_NOIO;

	if (!kmalloc_gets_red_zones(class))
		SKIP("somebody has an object of 13000 bytes");
	__asm__("" : "+r"(size), "+r"(gfp)); /* what the compiler does not know */
	expect_slack_is_guarded(kmalloc(13001, GFP_KERNEL), 13001);
	expect_slack_is_guarded(kmalloc(13002, GFP_ATOMIC), 13002);
	expect_slack_is_guarded(kmalloc(13003, GFP_NOIO), 13003);
	expect_slack_is_guarded(kmalloc(13004, GFP_NOWAIT), 13004);
	expect_slack_is_guarded(kmalloc(size, GFP_KERNEL), size);
	expect_slack_is_guarded(kmalloc(size, GFP_ATOMIC), size);
	expect_slack_is_guarded(kmalloc(size, gfp), size);
	expect_slack_is_guarded(kzalloc(size, GFP_KERNEL), size);
	expect_slack_is_guarded(kmalloc_array(6501, 2, GFP_KERNEL), 13002);
	expect_slack_is_guarded(krealloc(kmalloc(13100, GFP_KERNEL), 13000, GFP_KERNEL), 13000);
	kmalloc_gets_back(class, letters);
}

KTEST(debug, ksize_does_not_make_the_slack_legal, "S5 KML-08")
{
	unsigned int class = kmalloc_class(13000);
	slab_flags_t letters = kmalloc_caches[0][class]->flags;
	MACHINE_STAYS_AS_FOUND();
	char *object;

	if (!kmalloc_gets_red_zones(class))
		SKIP("somebody has an object of 13000 bytes");
	object = kmalloc(13000, GFP_KERNEL);
	REQUIRE(object);
	EXPECT_EQ(ksize(object), 14336);
	expect_slack_is_guarded(object, 13000);
	object = kmalloc(13000, GFP_KERNEL);
	kfree_sensitive(object); /* clears no red zone: no report */
	kmalloc_gets_back(class, letters);
}

/* --- P --- */

KTEST(debug, each_byte_written_after_the_free_is_found, "S5 DBG-02")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(SLAB_POISON);
	char *object, *neighbour, expected[64];

	REQUIRE(cache);
	object = new_object(cache);
	neighbour = new_object(cache);
	REQUIRE(object && neighbour);
	for (unsigned int i = 0; i < SIZE; i++) {
		kmem_cache_free(cache, object);
		object[i] = (char)(POISON_FREED ^ 0x80);
		expect_block();
		EXPECT(new_object(cache) == object);
		EXPECT_LINES(2);
		EXPECT_LINE(0, "was written to after it was freed, seen when allocated by");
		snprintf(expected, sizeof(expected), "  at offset %u: expected 6b, found eb (1 byte)", i);
		EXPECT_LINE(1, expected);
	}
	kmem_cache_free(cache, object);
	object[7] ^= 1;
	object[7] ^= 1; /* as it was */
	EXPECT(new_object(cache) == object);
	EXPECT_LINES(2);
	kmem_cache_free(cache, object);
	kmem_cache_free(cache, neighbour);
	kmem_cache_destroy(cache);
}

KTEST(debug, a_new_object_holds_neither_zeros_nor_what_its_last_owner_left, "S5 DBG-11")
{
	if (mm_watch & WATCH_INIT_ALLOC)
		SKIP("init_on_alloc=1 clears it");
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(SLAB_POISON);

	REQUIRE(cache);
	for (unsigned int round = 0; round < 2; round++) {
		char *object = new_object(cache);

		REQUIRE(object);
		EXPECT(memory_is(object, POISON_FRESH, SIZE));
		memset(object, 0x53, SIZE);
		kmem_cache_free(cache, object);
		EXPECT(memory_is(object, POISON_FREED, SIZE));
		object = kmem_cache_zalloc(cache, GFP_KERNEL);
		REQUIRE(object);
		EXPECT(memory_is(object, 0, SIZE));
		kmem_cache_free(cache, object);
	}
	kmem_cache_destroy(cache);
}

static unsigned int nr_constructed;

static void construct(void *object)
{
	memset(object, 0x5a, SIZE);
	nr_constructed++;
}

KTEST(debug, poison_leaves_a_constructors_work_alone, "S5 SLB-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache =
		kmem_cache_create("debugged", SIZE, 0, ALL_LETTERS | SLAB_NO_USER_FLAGS, construct);

	REQUIRE(cache);
	nr_constructed = 0;
	for (unsigned int round = 0; round < 3; round++) {
		char *object = new_object(cache);

		REQUIRE(object);
		EXPECT(memory_is(object, 0x5a, SIZE));
		EXPECT_EQ(nr_constructed, 1);
		kmem_cache_free(cache, object);
	}
	kmem_cache_destroy(cache);
}

/* --- F --- */

KTEST(debug, a_double_free_is_seen_however_many_others_came_between, "S5 DBG-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(SLAB_CONSISTENCY_CHECKS);
	char *object[8];

	REQUIRE(cache);
	for (unsigned int i = 0; i < 8; i++)
		REQUIRE((object[i] = new_object(cache)));
	for (unsigned int i = 1; i < 8; i++)
		kmem_cache_free(cache, object[i]);
	expect_reports();
	for (unsigned int i = 1; i < 8; i++) {
		kmem_cache_free(cache, object[i]);
		EXPECT_ONE_REPORT("is already free; nothing changed");
	}
	EXPECT_EQ(cache->nr_in_use, 1);
	kmem_cache_free(cache, object[0]);
	kmem_cache_destroy(cache);
}

KTEST(debug, what_is_no_object_of_a_debugged_cache_cannot_be_freed, "S5 DBG-04 DBG-05")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(ALL_LETTERS);
	char *object, *base;

	REQUIRE(cache);
	object = new_object(cache);
	REQUIRE(object);
	base = slab_base(virt_to_page(object));
	expect_reports();
	kmem_cache_free(cache, object + 1);
	EXPECT_ONE_REPORT("is inside an object; nothing changed");
	kmem_cache_free(cache, object + cache->stride);
	EXPECT_ONE_REPORT("is an object never handed out; nothing changed");
	kmem_cache_free(cache, base);
	EXPECT_ONE_REPORT("is before the first object of its slab; nothing changed");
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}

KTEST(debug, a_damaged_free_list_is_mended_and_nothing_is_lost, "S5 DBG-12 SLB-14")
{
	static char elsewhere[64];
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(SLAB_CONSISTENCY_CHECKS);
	char *object[5];

	REQUIRE(cache);
	for (unsigned int i = 0; i < 5; i++)
		REQUIRE((object[i] = new_object(cache)));
	for (unsigned int i = 0; i < 4; i++)
		kmem_cache_free(cache, object[i]);
	object_note(cache, object[3])->link = elsewhere; /* the list begins with object 3 */
	expect_reports();
	object[3] = new_object(cache);
	object[2] = new_object(cache);
	EXPECT_ONE_REPORT("BUG: the free list of slab");
	object[1] = new_object(cache);
	object[0] = new_object(cache);
	for (unsigned int i = 0; i < 5; i++)
		EXPECT(object[i] && virt_to_page(object[i])->slab_cache == cache);
	EXPECT_EQ(cache->nr_slabs, 1);
	EXPECT_EQ(cache->nr_in_use, 5);
	expect_valid();
	for (unsigned int i = 0; i < 5; i++)
		kmem_cache_free(cache, object[i]);
	kmem_cache_destroy(cache);
}

KTEST(debug, every_link_of_a_slab_may_be_damaged, "S5 DBG-12 DBG-13")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(ALL_LETTERS);
	char *object[6];

	REQUIRE(cache);
	for (unsigned int i = 0; i < 6; i++)
		REQUIRE((object[i] = new_object(cache)));
	for (unsigned int i = 0; i < 5; i++)
		kmem_cache_free(cache, object[i]);
	for (unsigned int i = 0; i < 5; i++)
		object_note(cache, object[i])->link = (void *)(uintptr_t)(0x10101 * i);
	expect_reports();
	for (unsigned int i = 0; i < 5; i++)
		REQUIRE((object[i] = new_object(cache)));
	EXPECT_EQ(reports_count(), 1);
	expect_valid();
	for (unsigned int i = 0; i < 6; i++)
		kmem_cache_free(cache, object[i]);
	EXPECT_EQ(reports_count(), 1);
	kmem_cache_destroy(cache);
}

/* --- U --- */

KTEST(debug, reports_say_who_allocated_and_who_freed_it, "S5 DBG-01 DBG-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(ALL_LETTERS);
	char *object, expected[64];

	REQUIRE(cache);
	object = new_object(cache);
	REQUIRE(object);
	snprintf(expected, sizeof(expected), " in %s at ", port_task_name());
	object[SIZE] = 0;
	expect_block();
	kmem_cache_free(cache, object);
	EXPECT_LINES(3); /* nobody freed it before */
	EXPECT_LINE(2, "  allocated by ");
	EXPECT_LINE(2, expected);
	expect_block();
	kmem_cache_free(cache, object);
	EXPECT_LINES(3);
	EXPECT_LINE(0, "BUG: bad free by ");
	EXPECT_LINE(1, "  allocated by ");
	EXPECT_LINE(2, "  freed by ");
	EXPECT_LINE(2, expected);
	kmem_cache_destroy(cache);
}

KTEST(debug, live_objects_of_a_destroyed_cache_are_listed_with_who_has_them, "S2 S5 SLB-05")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(ALL_LETTERS);
	char *object, *freed;

	REQUIRE(cache);
	object = new_object(cache);
	freed = new_object(cache);
	REQUIRE(object && freed);
	kmem_cache_free(cache, freed);
	expect_block();
	kmem_cache_destroy(cache);
	EXPECT_LINES(2);
	EXPECT_LINE(0, "with 1 live objects; the cache stays");
	EXPECT_LINE(1, "  live object ");
	EXPECT_LINE(1, ", allocated by ");
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}

/* --- Q --- */

KTEST(debug, a_freed_object_is_not_used_again_before_so_many_further_frees, "S5 DBG-09")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(SLAB_QUARANTINE | SLAB_POISON);
	char *object, *next = NULL;
	unsigned int nr_frees = 0;

	REQUIRE(cache);
	object = new_object(cache);
	REQUIRE(object);
	kmem_cache_free(cache, object);
	expect_reports();
	kmem_cache_free(cache, object);
	EXPECT_ONE_REPORT("is already free; nothing changed");
	while (nr_frees < 4 * QUARANTINE_OBJECTS && next != object) {
		next = new_object(cache);
		REQUIRE(next);
		kmem_cache_free(cache, next);
		nr_frees++;
	}
	EXPECT(nr_frees > QUARANTINE_OBJECTS && nr_frees < 4 * QUARANTINE_OBJECTS);
	EXPECT(cache->nr_in_use == QUARANTINE_OBJECTS);
	kmem_cache_destroy(cache); /* what is in quarantine is nobody's */
	EXPECT_EQ(reports_count(), 1);
}

/* --- all of it --- */

KTEST(debug, a_sound_cache_of_any_letters_says_nothing, "S5 DBG-14")
{
	MACHINE_STAYS_AS_FOUND();

	for (slab_flags_t letters = 0; letters < 32; letters++) {
		struct kmem_cache *cache = new_cache(letters << 4);
		char *object[70];

		REQUIRE(cache);
		for (unsigned int round = 0; round < 3; round++) {
			for (unsigned int i = 0; i < ARRAY_SIZE(object); i++) {
				object[i] = new_object(cache);
				REQUIRE(object[i]);
				memset(object[i], (int)i, SIZE);
			}
			EXPECT_EQ(slab_debug_check(cache), 0);
			for (unsigned int i = 0; i < ARRAY_SIZE(object); i += round + 1)
				kmem_cache_free(cache, object[i]);
			expect_valid();
			for (unsigned int i = 0; i < ARRAY_SIZE(object); i++)
				if (i % (round + 1))
					kmem_cache_free(cache, object[i]);
		}
		EXPECT_EQ(slab_debug_check(cache), 0);
		kmem_cache_destroy(cache);
	}
}

KTEST(debug, other_letters_need_a_cache_without_objects, "S5")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(0);
	char *object;

	REQUIRE(cache);
	object = new_object(cache);
	REQUIRE(object);
	EXPECT(strstr(slab_debug_change(cache, SLAB_RED_ZONE), "live objects"));
	EXPECT(!cache_is_debugged(cache));
	kmem_cache_free(cache, object);
	EXPECT_NULL(slab_debug_change(cache, SLAB_RED_ZONE));
	object = new_object(cache);
	REQUIRE(object);
	object[SIZE] = 0;
	expect_reports();
	kmem_cache_free(cache, object);
	EXPECT_ONE_REPORT("behind its end");
	EXPECT_NULL(slab_debug_change(cache, 0));
	object = new_object(cache);
	REQUIRE(object);
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}

KTEST(debug, objects_too_large_for_zones_are_not_debugged, "S5")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache =
		kmem_cache_create("debugged", 65500, 0, ALL_LETTERS | SLAB_NO_USER_FLAGS, NULL);
	char *object;

	REQUIRE(cache);
	EXPECT(!cache_is_debugged(cache));
	object = new_object(cache);
	REQUIRE(object);
	memset(object, 0, 65500);
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}

KTEST(debug, slab_debug_names_letters_and_caches, "S5")
{
	slab_flags_t flags;

	EXPECT(slab_debug_parse("FZPUQ", 5, &flags) && flags == SLAB_DEBUG_FLAGS);
	EXPECT(slab_debug_parse("ZZ", 2, &flags) && flags == SLAB_RED_ZONE);
	EXPECT(slab_debug_parse("-", 1, &flags) && flags == 0);
	EXPECT(!slab_debug_parse("", 0, &flags));
	EXPECT(!slab_debug_parse("FX", 2, &flags));
	EXPECT(!slab_debug_parse("f", 1, &flags));
}

/* With interrupts off and a lock of the allocator held, as deep as reports get. */
KTEST(debug, reports_work_under_the_allocators_locks, "S5 DBG-13")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(ALL_LETTERS);
	size_t free = nr_free_pages();
	irqflags_t flags;
	char *object, *other;

	REQUIRE(cache);
	object = new_object(cache);
	other = new_object(cache);
	REQUIRE(object && other);
	free = nr_free_pages();
	object[SIZE] = 0;
	expect_block();
	flags = port_lock_irqsave(&zones[ZONE_NORMAL].lock);
	kmem_cache_free(cache, object);
	kmem_cache_free(cache, object);
	port_unlock_irqrestore(&zones[ZONE_NORMAL].lock, flags);
	EXPECT_LINES(6);
	EXPECT_EQ(nr_free_pages(), free);
	kmem_cache_free(cache, other);
	kmem_cache_destroy(cache);
}
