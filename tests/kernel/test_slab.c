/* SPDX-License-Identifier: MIT */
/* Caches: objects that do not overlap, constructors that run once, counts that are exact, and frees that are
 * wrong. Host and guest. */
#include <mm/objects/slab_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/objects/above.h>
#include <mm/objects/kmalloc.h>
#include <tests/kernel/test_util.h>

#define NR_OBJECTS 600u
static void *objects[NR_OBJECTS];

static struct kmem_cache *new_cache_with(size_t size, size_t align, slab_flags_t flags)
{
	struct kmem_cache *cache = kmem_cache_create("test", size, align, flags, NULL);

	if (cache)
		slab_keep_closed(cache,
				 true); /* every free is seen in its slab; the stack has tests of its own */
	return cache;
}

static struct kmem_cache *new_cache(size_t size, size_t align)
{
	return new_cache_with(size, align, 0);
}

/* Objects lie side by side and are used again at once, whatever slab_debug= says. */
static struct kmem_cache *new_plain_cache(size_t size)
{
	return new_cache_with(size, 0, SLAB_NO_USER_FLAGS);
}

static unsigned int alloc_objects(struct kmem_cache *cache, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++) {
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!objects[i])
			return i;
		memset(objects[i], (int)(i & 0xff), kmem_cache_size(cache));
	}
	return to;
}

/* Frees every `step`-th object, after a look at its contents. */
static void free_objects(struct kmem_cache *cache, unsigned int from, unsigned int to, unsigned int step)
{
	for (unsigned int i = from; i < to; i += step) {
		EXPECT(memory_is(objects[i], (int)(i & 0xff), kmem_cache_size(cache)));
		kmem_cache_free(cache, objects[i]);
	}
}

KTEST(slab, a_cache_destroyed_under_a_walk_never_opens_again, "S1")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("walked", 40, 0, 0, NULL), *walk;

	REQUIRE(cache);
	slab_for_each(walk) if (walk == cache) break;
	REQUIRE(walk == cache);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
	EXPECT(!slab_try_open(walk));
	slab_let_go(walk);
}

KTEST(slab, objects_of_every_size_keep_their_contents_and_do_not_overlap, "SLB-01 SLB-02 S1")
{
	static const size_t sizes[] = {1,    7,	   8,	 9,    16,   24,   31,	  64,	100,  127,
				       128,  129,  200,	 255,  512,  720,  824,	  1000, 1023, 1024,
				       2048, 4000, 4096, 4097, 6000, 8192, 16385, 65528};
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct kmem_cache *cache = new_cache(sizes[s], 0);
		unsigned int nr = sizes[s] <= 128 ? NR_OBJECTS : sizes[s] <= 8192 ? 40 : 6;

		REQUIRE(cache);
		REQUIRE(alloc_objects(cache, 0, nr) == nr);
		free_objects(cache, 0, nr, 2);
		for (unsigned int i = 0; i < nr; i += 2)
			alloc_objects(cache, i, i + 1);
		free_objects(cache, 0, nr, 1);
		kmem_cache_destroy(cache);
	}
}

KTEST(slab, slabs_of_reclaimable_objects_lie_among_reclaimable_pages, "S1")
{
	if (nr_low_pages() < 8u << MAX_PAGE_ORDER)
		SKIP("too little memory for a pageblock of each kind");
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *plain = new_cache(100, 0);
	struct kmem_cache *cached = kmem_cache_create("test-cached", 100, 0, SLAB_RECLAIM_ACCOUNT, NULL);
	void *a, *b;

	REQUIRE(plain && cached);
	a = kmem_cache_alloc(plain, GFP_KERNEL);
	b = kmem_cache_alloc(cached, GFP_KERNEL);
	REQUIRE(a && b);
	EXPECT(page_mobility(virt_to_page(a)->slab) != MOBILITY_RECLAIMABLE);
	EXPECT_EQ(page_mobility(virt_to_page(b)->slab), MOBILITY_RECLAIMABLE);
	kmem_cache_free(plain, a);
	kmem_cache_free(cached, b);
	kmem_cache_destroy(plain);
	kmem_cache_destroy(cached);
}

KTEST(slab, objects_are_aligned_and_lie_inside_their_slab, "SLB-02 S1")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();

	for (size_t align = 1; align <= PAGE_SIZE; align *= 2) {
		struct kmem_cache *cache = new_cache(align + 4, align);

		REQUIRE(cache);
		REQUIRE(alloc_objects(cache, 0, 12) == 12);
		for (unsigned int i = 0; i < 12; i++) {
			const char *base = slab_base(virt_to_page(objects[i])->slab);
			const char *end = base + (PAGE_SIZE << cache->order);

			EXPECT(IS_ALIGNED((uintptr_t)objects[i], MAX(align, (size_t)SLAB_MIN_ALIGN)));
			EXPECT((char *)objects[i] >= base && (char *)objects[i] + align + 4 <= end);
		}
		free_objects(cache, 0, 12, 1);
		kmem_cache_destroy(cache);
	}
}

KTEST(slab, hwcache_align_starts_objects_on_a_line_or_an_even_share_of_one, "S1")
{
	static const struct {
		size_t size;
		uint32_t align;
	} cases[] = {{8, 8}, {9, 16}, {20, 32}, {32, 32}, {33, 64}, {64, 64}, {65, 64}, {200, 64}};
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kmem_cache *cache =
			kmem_cache_create("test", cases[i].size, 0, SLAB_HWCACHE_ALIGN, NULL);

		REQUIRE(cache);
		EXPECT_EQ(cache->align, cases[i].align);
		EXPECT_EQ(cache->stride % cases[i].align, 0);
		EXPECT_EQ(kmem_cache_size(cache), cases[i].size);
		kmem_cache_destroy(cache);
	}
}

static unsigned int nr_constructed;

static void construct(void *object)
{
	memset(object, 0x5a, 40);
	nr_constructed++;
}

KTEST(slab, a_constructor_runs_once_per_object_and_its_work_survives_free, "SLB-03 S1")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("test", 40, 0, SLAB_NO_USER_FLAGS, construct);

	REQUIRE(cache);
	nr_constructed = 0;
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 10; i++) {
			objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
			REQUIRE(objects[i]);
			EXPECT(memory_is(objects[i], 0x5a, 40));
		}
		for (unsigned int i = 0; i < 10; i++)
			kmem_cache_free(cache, objects[i]);
		EXPECT_EQ(nr_constructed, 10);
	}
	kmem_cache_shrink(cache);
	objects[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	EXPECT_EQ(nr_constructed, 11);
	kmem_cache_free(cache, objects[0]);
	kmem_cache_destroy(cache);
}

KTEST(slab, an_object_straight_from_its_slab_is_constructed_once_too, "SLB-03 S1")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("test", 40, 0, SLAB_NO_USER_FLAGS, construct);

	REQUIRE(cache);
	slab_keep_closed(cache, true);
	nr_constructed = 0;
	for (unsigned int round = 0; round < 3; round++) {
		objects[0] = kmem_cache_alloc(cache, GFP_KERNEL);
		REQUIRE(objects[0]);
		EXPECT_EQ(nr_constructed, 1);
		kmem_cache_free(cache, objects[0]);
	}
	kmem_cache_destroy(cache);
}

KTEST(slab, zeroing_a_constructed_object_is_refused, "SLB-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("test", 40, 0, 0, construct);

	REQUIRE(cache);
	expect_reports();
	EXPECT_NULL(kmem_cache_zalloc(cache, GFP_KERNEL));
	EXPECT_ONE_REPORT("impossible request to cache test");
	EXPECT_NULL(kmem_cache_alloc(cache, GFP_KERNEL | __GFP_ZERO));
	EXPECT_ONE_REPORT("__GFP_ZERO would undo the constructor");
	kmem_cache_destroy(cache);
}

KTEST(slab, impossible_requests_to_a_cache_are_refused_by_name, "K7 G7")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(40, 0);

	REQUIRE(cache);
	expect_reports();
	EXPECT_NULL(kmem_cache_alloc(cache, GFP_KERNEL | __GFP_DMA));
	EXPECT_ONE_REPORT("but the cache was created without SLAB_CACHE_DMA");
	EXPECT_NULL(kmem_cache_alloc(cache, GFP_KERNEL | GFP_BIT(30)));
	EXPECT_ONE_REPORT("unknown flag bits");
	kmem_cache_destroy(cache);
}

KTEST(slab, a_zeroed_object_is_zero_also_when_it_was_used_before, "SLB-04")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_plain_cache(100);

	REQUIRE(cache);
	REQUIRE(alloc_objects(cache, 1, 2) == 2);
	kmem_cache_free(cache, objects[1]);
	objects[2] = kmem_cache_zalloc(cache, GFP_KERNEL);
	EXPECT(objects[2] == objects[1]);
	EXPECT(memory_is(objects[2], 0, 100));
	kmem_cache_free(cache, objects[2]);
	objects[2] = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_ZERO);
	EXPECT(memory_is(objects[2], 0, 100));
	kmem_cache_free(cache, objects[2]);
	kmem_cache_destroy(cache);
}

KTEST(slab, slabs_come_from_low_memory_and_from_the_dma_zone_when_asked, "G7 ZON-07 S1")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *low = new_cache(40, 0);
	struct kmem_cache *isa = kmem_cache_create("test-dma", 40, 0, SLAB_CACHE_DMA, NULL);
	void *a, *b, *c;

	REQUIRE(low && isa);
	expect_reports();
	a = kmem_cache_alloc(low, GFP_HIGHUSER);
	EXPECT_ONE_REPORT("high memory has no address; served from low memory"); /* as kmalloc says (K6) */
	b = kmem_cache_alloc(isa, GFP_KERNEL);
	c = kmem_cache_alloc(isa, GFP_KERNEL | GFP_DMA);
	REQUIRE(a && b && c);
	EXPECT(virt_is_direct(a) || is_guarded(a));
	EXPECT(page_to_phys(virt_to_page(b)) < MIB(16u) && page_to_phys(virt_to_page(c)) < MIB(16u));
	kmem_cache_free(low, a);
	kmem_cache_free(isa, b);
	kmem_cache_free(isa, c);
	kmem_cache_destroy(low);
	kmem_cache_destroy(isa);
}

KTEST(slab, a_cache_with_live_objects_is_not_destroyed_and_lists_them, "SLB-05 S2")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(2000, 0);
	char line[32];

	REQUIRE(cache);
	REQUIRE(alloc_objects(cache, 0, 12) == 12);
	free_objects(cache, 2, 12, 1);
	expect_reports();
	EXPECT_EQ(kmem_cache_destroy(cache), 1);
	EXPECT_EQ(reports_count(), 3);
	EXPECT(reports_contain("BUG: kmem_cache_destroy(test) by"));
	EXPECT(reports_contain("with 2 live objects; the cache stays"));
	for (unsigned int i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "live object %#lx", (unsigned long)objects[i]);
		EXPECT(reports_contain(line));
	}

	REQUIRE(alloc_objects(cache, 2, 3) == 3);
	free_objects(cache, 0, 3, 1);
	kmem_cache_destroy(cache);
	EXPECT_EQ(reports_count(), 3);
}

KTEST(slab, live_objects_are_listed_whatever_the_free_list_leads_to, "SLB-05 S2 DBG-12")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(200, SLAB_NO_USER_FLAGS);
	void **link, *next;

	REQUIRE(cache);
	slab_keep_closed(cache, true);
	REQUIRE(alloc_objects(cache, 0, 3) == 3);
	free_objects(cache, 1, 3, 1);
	link = object_link(cache, objects[2]);
	next = *link;
	expect_reports();
	*link = objects[2]; /* to itself */
	EXPECT_EQ(kmem_cache_destroy(cache), 1);
	EXPECT_EQ(reports_count(), 3); /* of the two that it does not lead to */
	*link = (void *)16;
	EXPECT_EQ(kmem_cache_destroy(cache), 1);
	EXPECT_EQ(reports_count(), 6);
	*link = next;
	EXPECT_EQ(kmem_cache_destroy(cache), 1);
	EXPECT_EQ(reports_count(), 8);
	free_objects(cache, 0, 1, 1);
	EXPECT_EQ(kmem_cache_destroy(cache), 0);
}

KTEST(slab, a_full_slab_is_listed_too, "SLB-05 S2")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(SLAB_MAX_OBJECT_BYTES / 4, 0);
	unsigned int nr;

	REQUIRE(cache);
	nr = cache->per_slab;
	REQUIRE(nr <= 8 && alloc_objects(cache, 0, nr) == nr);
	expect_reports();
	kmem_cache_destroy(cache);
	EXPECT_EQ(reports_count(), 1 + nr);
	free_objects(cache, 0, nr, 1);
	kmem_cache_destroy(cache);
}

KTEST(slab, destroying_what_is_no_cache_any_more_is_reported, "SLB-06 S2")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(40, 0), *built_in = NULL, *each;
	void *object = kmalloc(40, GFP_KERNEL);

	REQUIRE(cache && object);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(NULL);
	expect_reports();
	kmem_cache_destroy(cache);
	EXPECT_ONE_REPORT("is no cache that kmem_cache_create made; nothing changed");
	list_for_each_entry(each, slab_caches(), caches)
		if (each->built_in)
			built_in = each;
	kmem_cache_destroy(built_in);
	EXPECT_ONE_REPORT("is no cache that kmem_cache_create made; nothing changed");
	kfree(object);
}

KTEST(slab, a_bad_description_of_a_cache_is_refused_with_its_reason, "SLB-06 SLB-13 S3")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(8, 0);

	REQUIRE(cache);
	expect_reports();
	EXPECT_NULL(new_cache(8, 0));
	EXPECT_ONE_REPORT("cannot create cache test of 8 bytes, align 0, flags 0: the name is taken");
	EXPECT_NULL(kmem_cache_create("kmalloc-64", 8, 0, 0, NULL));
	EXPECT_ONE_REPORT("the name is taken");
	EXPECT_NULL(kmem_cache_create(NULL, 8, 0, 0, NULL));
	EXPECT_ONE_REPORT("it has no name");
	EXPECT_NULL(kmem_cache_create("", 8, 0, 0, NULL));
	EXPECT_ONE_REPORT("it has no name");
	EXPECT_NULL(kmem_cache_create("test2", 0, 0, 0, NULL));
	EXPECT_ONE_REPORT("objects have 1 to");
	EXPECT_NULL(kmem_cache_create("test2", SLAB_MAX_OBJECT_BYTES, 0, 0, NULL));
	EXPECT_ONE_REPORT("objects have 1 to");
	EXPECT_NULL(kmem_cache_create("test2", 8, 24, 0, NULL));
	EXPECT_ONE_REPORT("alignments are powers of two up to 4096");
	EXPECT_NULL(kmem_cache_create("test2", 8, 2 * PAGE_SIZE, 0, NULL));
	EXPECT_ONE_REPORT("alignments are powers of two up to 4096");
	EXPECT_NULL(kmem_cache_create("test2", 8, 0, 1u << 31, NULL));
	EXPECT_ONE_REPORT("unknown flags");
	kmem_cache_destroy(cache);
}

KTEST(slab, a_name_is_copied_kept_and_free_again_after_destruction, "S3 SLB-12")
{
	MACHINE_STAYS_AS_FOUND();
	char name[] = "a-name-of-which-31-letters-are-kept";

	for (unsigned int i = 0; i < 2; i++) {
		struct kmem_cache *cache;

		name[0] = 'a';
		cache = kmem_cache_create(name, 8, 0, 0, NULL);
		REQUIRE(cache);
		name[0] = 'b';
		EXPECT(strcmp(kmem_cache_name(cache), "a-name-of-which-31-letters-are-") == 0);
		kmem_cache_destroy(cache);
	}
}

static void expect_unreadable(const char *name, const char *shown)
{
	EXPECT_NULL(kmem_cache_create(name, 8, 0, 0, NULL));
	EXPECT(one_report_says(shown) &&
	       reports_contain("a name is printable characters of ASCII without spaces"));
}

KTEST(slab, a_name_that_slabinfo_could_not_show_is_refused, "S3 SLB-13")
{
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	expect_unreadable("file lock cache", "cannot create cache file?lock?cache of 8 bytes");
	expect_unreadable("two\nlines", "cannot create cache two?lines of 8 bytes");
	expect_unreadable("a\ttab", "cannot create cache a?tab of 8 bytes");
	expect_unreadable(" ", "cannot create cache ? of 8 bytes");
	expect_unreadable("umlaut-\xc3\xa4", "cannot create cache umlaut-?? of 8 bytes");
	expect_unreadable("\x7f", "cannot create cache ? of 8 bytes");
	expect_unreadable("a-space-that-would-have-been-cut off", "cannot create cache a-space");
}

KTEST(slab, of_two_names_with_the_same_31_characters_the_second_is_refused_for_that, "S3 SLB-13")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("31-characters-are-kept-of-names-one", 8, 0, 0, NULL);
	struct kmem_cache *whole = kmem_cache_create("a-name-of-exactly-31-characters", 8, 0, 0, NULL);

	REQUIRE(cache && whole);
	expect_reports();
	EXPECT_NULL(kmem_cache_create("31-characters-are-kept-of-names-two", 8, 0, 0, NULL));
	EXPECT_ONE_REPORT("its first 31 characters are another's name");
	EXPECT_NULL(kmem_cache_create("a-name-of-exactly-31-characters", 8, 0, 0, NULL));
	EXPECT_ONE_REPORT("the name is taken");
	kmem_cache_destroy(cache);
	kmem_cache_destroy(whole);
}

KTEST(slab, a_cache_that_cannot_be_created_leaves_nothing_behind, "SLB-12 SLB-11 EXH-01")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct kmem_cache *caches[64];
	char name[16];
	unsigned int nr = 0;

	hog_all(&hog);
	expect_reports();
	while (nr < ARRAY_SIZE(caches)) {
		snprintf(name, sizeof(name), "test-%u", nr);
		caches[nr] = kmem_cache_create(name, 8, 0, 0, NULL);
		if (!caches[nr])
			break;
		nr++;
	}
	EXPECT(nr < ARRAY_SIZE(caches));
	EXPECT(reports_contain("page allocation failure"));
	EXPECT(reports_contain("no memory"));
	hog_release(&hog);
	caches[nr] = kmem_cache_create(name, 8, 0, 0, NULL);
	EXPECT_NOT_NULL(caches[nr]);
	for (unsigned int i = 0; i <= nr; i++)
		kmem_cache_destroy(caches[i]);
}

KTEST(slab, one_empty_slab_is_kept_and_shrink_gives_it_back, "SLB-08 S1")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_plain_cache(512);
	size_t free, pages;

	REQUIRE(cache);
	free = nr_free_pages();
	pages = (size_t)1 << cache->order;
	REQUIRE(alloc_objects(cache, 0, 64) == 64);
	EXPECT_EQ(nr_free_pages(), free - 64 / cache->per_slab * pages);
	free_objects(cache, 0, 64, 1);
	EXPECT_EQ(nr_free_pages(), free - SLAB_KEEP_EMPTY * pages);
	EXPECT_EQ(kmem_cache_shrink(cache), SLAB_KEEP_EMPTY * pages);
	EXPECT_EQ(nr_free_pages(), free);
	EXPECT_EQ(kmem_cache_shrink(cache), 0);
	kmem_cache_destroy(cache);
}

KTEST(slab, shrink_leaves_slabs_that_are_used_alone, "SLB-08")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(512, 0);
	unsigned int per_slab;

	REQUIRE(cache);
	per_slab = cache->per_slab;
	REQUIRE(alloc_objects(cache, 0, 3 * per_slab) == 3 * per_slab);
	kmem_cache_free(cache, objects[0]);
	free_objects(cache, per_slab, 2 * per_slab, 1);
	EXPECT_EQ(cache->nr_slabs, 3);
	EXPECT_EQ(kmem_cache_shrink(cache), 1u << cache->order);
	EXPECT_EQ(cache->nr_slabs, 2);
	expect_valid();
	free_objects(cache, 1, per_slab, 1);
	free_objects(cache, 2 * per_slab, 3 * per_slab, 1);
	kmem_cache_destroy(cache);
}

/* Objects until there is no memory, chained through their first word. */
static unsigned int exhaust(struct kmem_cache *cache, void **chain)
{
	unsigned int nr = 0;
	void **object;

	while ((object = kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN))) {
		*object = *chain;
		*chain = object;
		nr++;
	}
	return nr;
}

static void free_chain(struct kmem_cache *cache, void **chain)
{
	while (*chain) {
		void *object = *chain;

		*chain = *(void **)object;
		kmem_cache_free(cache, object);
	}
}

KTEST(slab, what_one_cache_gives_back_another_gets_twice, "SLB-09 SLB-10 EXH-01")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct kmem_cache *one = kmem_cache_create("one", 1024, 0, SLAB_NO_USER_FLAGS, NULL);
	struct kmem_cache *two = kmem_cache_create("two", 1024, 0, SLAB_NO_USER_FLAGS, NULL);
	struct page *left[64];
	void *of_one = NULL, *of_two = NULL;
	unsigned int nr = 0;

	REQUIRE(one && two);
	while (nr < 64 && (left[nr] = zone_take(&zones[ZONE_DMA], 0)))
		nr++;
	hog_all(&hog);
	while (nr)
		__free_page(left[--nr]);
	for (unsigned int round = 0; round < 2; round++) {
		EXPECT_EQ(exhaust(one, &of_one), 64 * 4);
		EXPECT_EQ(exhaust(two, &of_two), 0);
		EXPECT_EQ(one->nr_in_use, 64 * 4);
		EXPECT_EQ(two->nr_in_use + two->nr_slabs, 0);
		free_chain(one, &of_one);
		kmem_cache_shrink(one);
		EXPECT_EQ(exhaust(two, &of_two), 64 * 4);
		free_chain(two, &of_two);
		kmem_cache_shrink(two);
	}
	hog_release(&hog);
	kmem_cache_destroy(one);
	kmem_cache_destroy(two);
}

KTEST(slab, the_counts_are_exact_after_every_step, "SLB-11 S3")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_plain_cache(512);
	unsigned int per_slab, i;

	REQUIRE(cache);
	per_slab = cache->per_slab;
	for (i = 0; i < 3 * per_slab; i++) {
		EXPECT_EQ(cache->nr_in_use, i);
		EXPECT_EQ(cache->nr_slabs, DIV_ROUND_UP(i, per_slab));
		EXPECT_EQ(cache->nr_empty, 0);
		REQUIRE(alloc_objects(cache, i, i + 1) == i + 1);
	}
	while (i-- > 0) {
		kmem_cache_free(cache, objects[i]);
		EXPECT_EQ(cache->nr_in_use, i);
		EXPECT_EQ(cache->nr_empty, i % per_slab == 0 || i < 2 * per_slab);
		EXPECT_EQ(cache->nr_slabs, MIN(i / per_slab + 1 + (i < 2 * per_slab && i % per_slab != 0),
					       DIV_ROUND_UP(i, per_slab) + 1));
	}
	kmem_cache_destroy(cache);
}

KTEST(slab, no_grow_answers_from_what_the_cache_holds, "G19")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_cache(2048, 0);
	unsigned int nr = 1;

	REQUIRE(cache);
	EXPECT_NULL(kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NO_GROW));
	REQUIRE(alloc_objects(cache, 0, 1) == 1);
	while (nr < NR_OBJECTS && (objects[nr] = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NO_GROW)))
		nr++;
	EXPECT_EQ(nr, cache->per_slab);
	EXPECT_EQ(cache->nr_slabs, 1);
	while (nr)
		kmem_cache_free(cache, objects[--nr]);
	kmem_cache_destroy(cache);
}

KTEST(slab, what_is_no_object_of_the_cache_cannot_be_freed, "DBG-04 DBG-05 S1")
{
	static char global[64];
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_plain_cache(40), *other = kmem_cache_create("other", 40, 0, 0, NULL);
	char *object, *foreign, *page;
	int local = 0;

	REQUIRE(cache && other);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	foreign = kmem_cache_alloc(other, GFP_KERNEL);
	page = (char *)__get_free_page(GFP_KERNEL);
	REQUIRE(object && foreign && page);
	expect_reports();
	kmem_cache_free(cache, foreign);
	EXPECT_ONE_REPORT("an object of another cache; nothing changed");
	kmem_cache_free(cache, page);
	EXPECT_ONE_REPORT("in no slab; nothing changed");
	kmem_cache_free(cache, object + 8);
	EXPECT_ONE_REPORT("is inside an object; nothing changed");
	kmem_cache_free(cache, object + 39);
	EXPECT_ONE_REPORT("is inside an object; nothing changed");
	kmem_cache_free(cache, object + 40);
	EXPECT_ONE_REPORT("an object never handed out; nothing changed");
	kmem_cache_free(cache, (void *)24);
	EXPECT_ONE_REPORT("not in the direct map of memory; nothing changed");
	kmem_cache_free(cache, global);
	EXPECT_ONE_REPORT("BUG: bad free by");
	kmem_cache_free(cache, &local);
	EXPECT_ONE_REPORT("BUG: bad free by");
	EXPECT_EQ(cache->nr_in_use, 1);
	expect_valid();

	kmem_cache_free(cache, NULL);
	kmem_cache_free(cache, object);
	EXPECT_EQ(cache->nr_in_use, 0);
	kmem_cache_free(other, foreign);
	free_page((unsigned long)page);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(other);
}

KTEST(slab, freeing_an_object_twice_in_a_row_is_reported, "DBG-03 S1")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_plain_cache(40);

	REQUIRE(cache);
	REQUIRE(alloc_objects(cache, 0, 2) == 2);
	expect_reports();
	kmem_cache_free(cache, objects[0]);
	kmem_cache_free(cache, objects[0]);
	EXPECT_ONE_REPORT("already free; nothing changed");
	EXPECT_EQ(cache->nr_in_use, 1);
	kmem_cache_free(cache, objects[1]);
	kmem_cache_free(cache, objects[0]);
	EXPECT_ONE_REPORT("already free; nothing changed");
	EXPECT_EQ(cache->nr_in_use, 0);
	kmem_cache_destroy(cache);
}

#define SLABINFO_SIZE 16384u

static bool slabinfo_says(const char *text)
{
	char *buf =
		alloc_pages_exact(SLABINFO_SIZE, GFP_KERNEL); /* not kmalloc: it would change what is read */
	struct sink_buffer slabinfo;
	bool says;

	if (!buf)
		return false;
	sink_buffer_init(&slabinfo, buf, SLABINFO_SIZE);
	slabinfo_print(&slabinfo.sink);
	says = slabinfo.len < SLABINFO_SIZE && strstr(buf, text) != NULL;
	free_pages_exact(buf, SLABINFO_SIZE);
	return says;
}

KTEST(slab, slabinfo_has_a_line_per_cache_in_format_2_1, "S3 P5 SLB-11")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = new_plain_cache(1000);

	REQUIRE(cache);
	EXPECT(slabinfo_says("slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> "
			     "<objperslab> <pagesperslab> : tunables "));
	EXPECT(slabinfo_says("\ntest                   0      0   1000    4    1 : tunables    0    0    0 "
			     ": slabdata      0      0      0\n"));
	REQUIRE(alloc_objects(cache, 0, 5) == 5);
	EXPECT(slabinfo_says("\ntest                   5      8   1000    4    1 : tunables    0    0    0 "
			     ": slabdata      2      2      0\n"));
	free_objects(cache, 0, 5, 1);
	EXPECT(slabinfo_says("\ntest                   0      4   1000    4    1 : tunables    0    0    0 "
			     ": slabdata      0      1      0\n"));
	EXPECT(slabinfo_says("\nkmalloc-8 ") && slabinfo_says("\ndma-kmalloc-16384 "));
	kmem_cache_destroy(cache);
	EXPECT(!slabinfo_says("\ntest "));
}

/* --- many caches --- */

#define MANY_CACHES 300u

static struct kmem_cache *create_number(unsigned int n)
{
	char name[16];

	snprintf(name, sizeof(name), "many-%u", n);
	return kmem_cache_create(name, 32 + n % 64, 0, 0, NULL);
}

KTEST(slab, of_many_caches_each_name_is_taken_until_its_own_cache_goes, "S3 SLB-06")
{
	MACHINE_STAYS_AS_FOUND();
	static struct kmem_cache *cache[MANY_CACHES];

	expect_reports();
	for (unsigned int n = 0; n < MANY_CACHES; n++)
		REQUIRE(cache[n] = create_number(n));
	for (unsigned int n = 0; n < MANY_CACHES; n += 3)
		kmem_cache_destroy(cache[n]);
	for (unsigned int n = 0; n < MANY_CACHES; n += 50) {
		struct kmem_cache *again = create_number(n);

		EXPECT_EQ(again != NULL, n % 3 == 0);
		if (n % 3)
			EXPECT(one_report_says("taken"));
		else
			cache[n] = again;
	}
	for (unsigned int n = 0; n < MANY_CACHES; n++)
		if (n % 3 || n % 50 == 0)
			kmem_cache_destroy(cache[n]);
}

KTEST(slab, a_cache_that_is_destroyed_while_somebody_looks_at_it_goes_with_his_look, "S2")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache[2] = {kmem_cache_create("looked-at", 64, 0, 0, NULL),
				       kmem_cache_create("behind-it", 64, 0, 0, NULL)};
	struct kmem_cache *walk, *again;
	size_t nr_live;

	REQUIRE(cache[0] && cache[1]);
	for (walk = slab_next(NULL); walk != cache[0]; walk = slab_next(walk))
		;
	nr_live = nr_live_objects();
	kmem_cache_destroy(cache[0]);
	EXPECT_EQ(nr_live_objects(), nr_live); /* the cache itself is still somebody's */
	again = kmem_cache_create("looked-at", 32, 0, 0, NULL);
	EXPECT(again && again != cache[0]);
	EXPECT(slab_next(walk) == cache[1]);
	slab_let_go(cache[1]);
	kmem_cache_destroy(again);
	kmem_cache_destroy(cache[1]);
}
