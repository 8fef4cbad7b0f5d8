/* SPDX-License-Identifier: MIT */
/* Slabs smaller than their cache wants: what objects come from when memory is in single pages. Host and
 * guest. */
#include <mm/objects/slab_internal.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <tests/kernel/test_util.h>

#define NR_SINGLES 96u

static struct {
	struct list_head hog;
	struct page *kept[NR_SINGLES]; /* between the single pages */
	unsigned int nr_kept, nr_free;
} * m;

/* One page of each pair of buddies, now the lower, now the upper. */
static bool stays_free(const struct page *page)
{
	pfn_t pfn = page_to_pfn(page);

	return (pfn & 1) == (pfn >> 1 & 1);
}

/* All that is free from now on are single pages that cannot merge. */
static void leave_single_pages(void)
{
	struct page *singles[NR_SINGLES];
	unsigned int nr = 0;

	list_init(&m->hog);
	while (nr < NR_SINGLES && (singles[nr] = zone_take(&zones[ZONE_DMA], 0)))
		nr++;
	hog_all(&m->hog);
	for (m->nr_kept = m->nr_free = 0; nr;) {
		struct page *page = singles[--nr];

		if (stays_free(page)) {
			__free_page(page);
			m->nr_free++;
		} else {
			m->kept[m->nr_kept++] = page;
		}
	}
}

static void release_memory(void)
{
	while (m->nr_kept)
		__free_page(m->kept[--m->nr_kept]);
	hog_release(&m->hog);
}

KTEST(pieces, one_object_of_each_class_up_to_a_page_comes_from_single_pages, "G2 K5")
{
	BORROW(m);
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();

	leave_single_pages();
	for (size_t size = 8; size <= PAGE_SIZE; size = kmalloc_size_roundup(size + 1)) {
		const struct kmem_cache *cache = kmalloc_caches[0][kmalloc_class(size)];
		size_t free = nr_free_pages();
		char *object;

		if (cache_is_debugged(cache) && 2 * cache->stride > PAGE_SIZE)
			break; /* with its note it does not fit everywhere */
		object = kmalloc(size, GFP_ATOMIC | __GFP_NOWARN);
		EXPECT(object != NULL);
		if (!object)
			continue;
		memset(object, 0x3c, size);
		EXPECT_EQ(ksize(object), size);
		EXPECT(virt_to_page(object)->slab_cache->object_size == size);
		expect_valid();
		EXPECT(memory_is(object, 0x3c, size));
		kfree(object);
		kmem_cache_shrink(kmalloc_caches[0][kmalloc_class(size)]);
		EXPECT_EQ(nr_free_pages(), free);
	}
	release_memory();
}

KTEST(pieces, an_empty_one_goes_back_at_once, "SLB-08 G2")
{
	BORROW(m);
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("in-pieces", 1536, 0, SLAB_NO_USER_FLAGS, NULL);
	void *object[4];
	size_t free;

	REQUIRE(cache && cache->order > 0);
	slab_keep_closed(cache, true);
	leave_single_pages();
	free = nr_free_pages();
	for (unsigned int i = 0; i < ARRAY_SIZE(object); i++)
		object[i] = kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN);
	EXPECT_EQ(cache->nr_in_use, ARRAY_SIZE(object));
	EXPECT_EQ(nr_free_pages() + cache->nr_pages, free);
	EXPECT_EQ(cache->nr_pages, cache->nr_slabs);
	expect_valid();
	for (unsigned int i = 0; i < ARRAY_SIZE(object); i++)
		kmem_cache_free(cache, object[i]);
	EXPECT_EQ(cache->nr_slabs, 0);
	EXPECT_EQ(nr_free_pages(), free);
	release_memory();
	kmem_cache_destroy(cache);
}

KTEST(pieces, wrong_frees_are_reported_as_in_any_slab, "DBG-04")
{
	BORROW(m);
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("in-pieces", 1536, 0, SLAB_NO_USER_FLAGS, NULL);
	char *object;

	REQUIRE(cache && cache->order > 0);
	slab_keep_closed(cache, true);
	leave_single_pages();
	object = kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN);
	EXPECT(object != NULL);
	if (object) {
		expect_reports();
		kmem_cache_free(cache, object + 8);
		EXPECT_ONE_REPORT("inside an object; nothing changed");
		if (slab_end(cache, virt_to_page(object)) > virt_to_page(object)->bump) {
			kmem_cache_free(cache, object + 1536);
			EXPECT_ONE_REPORT("never handed out; nothing changed");
		}
		kmem_cache_free(cache, object);
	}
	release_memory();
	kmem_cache_destroy(cache);
}

KTEST(pieces, they_hold_every_whole_object_of_their_place_and_no_other, "SLB-02 S1")
{
	BORROW(m);
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("in-pieces", 680, 0, SLAB_NO_USER_FLAGS, NULL);
	void *chain = NULL, **object;
	size_t nr = 0, nr_pages;

	REQUIRE(cache);
	cache->order = cache->plain_order = 2; /* so that a page begins and ends inside objects */
	cache->slab_mask = (PAGE_SIZE << 2) - 1;
	cache->per_slab = (uint16_t)((PAGE_SIZE << 2) / cache->stride);
	slab_keep_closed(cache, true);
	leave_single_pages();
	for (; (object = kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN)); nr++) {
		const char *page = (const char *)((uintptr_t)object & PAGE_MASK);

		memset(object, 0x77, cache->stride);
		EXPECT((const char *)object + cache->stride <= page + PAGE_SIZE);
		EXPECT_EQ(((uintptr_t)object & cache->slab_mask) % cache->stride, 0);
		*object = chain;
		chain = object;
	}
	nr_pages = cache->nr_pages;
	EXPECT_EQ(nr_pages, m->nr_free);
	EXPECT(nr >= 5 * nr_pages && nr <= 6 * nr_pages);
	expect_valid();
	while (chain) {
		object = chain;
		chain = *object;
		kmem_cache_free(cache, object);
	}
	EXPECT_EQ(cache->nr_objects, 0);
	release_memory();
	kmem_cache_destroy(cache);
}

KTEST(pieces, random_operations_hold_on_single_pages, "EXH-04")
{
	BORROW(m);

	random_operations_between(77, TEST_RANDOM_OPS / 4, TEST_RANDOM_OPS / 16, leave_single_pages,
				  release_memory);
}
