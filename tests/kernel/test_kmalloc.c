/* SPDX-License-Identifier: MIT */
/* kmalloc: which class a size gets, what is kept when it changes, and what may not be freed. Host and guest.
 */
#include <mm/objects/kmalloc.h>

#include <kernel/lib/align.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <mm/objects/above.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/test_util.h>

static struct zone *const dma = &zones[ZONE_DMA];

/* The documented class of a size, found the slow way: steps of 8 up to 128, then four per doubling. */
static size_t class_of(size_t size)
{
	size_t class = 8, step = 8;

	if (size > KMALLOC_MAX_CACHE_SIZE)
		return ALIGN_UP(size, PAGE_SIZE);
	while (class < size) {
		if (class >= 128 && (class & (class - 1)) == 0)
			step = class / 4;
		class += step;
	}
	return class;
}

KTEST(kmalloc, the_classes_are_those_of_the_contract, "K5 KML-02")
{
	EXPECT_EQ(kmalloc_size_roundup(0), 0);
	for (size_t size = 1; size <= KMALLOC_MAX_CACHE_SIZE + 2 * PAGE_SIZE; size++) {
		size_t class = kmalloc_size_roundup(size);

		EXPECT_EQ(class, class_of(size));
		EXPECT(size <= 32 || class * 4 <= size * 5 + 4);
	}
	EXPECT_EQ(kmalloc_size_roundup(KMALLOC_MAX_SIZE), KMALLOC_MAX_SIZE);
}

static void expect_object_of(size_t size)
{
	void *object = kmalloc(size, GFP_KERNEL);

	REQUIRE(object);
	EXPECT_EQ(ksize(object), class_of(size));
	EXPECT(IS_ALIGNED((uintptr_t)object, IS_POWER_OF_2(size) ? MAX(size, (size_t)8) : 8));
	memset(object, 0xc3, bytes_of(object, size));
	kfree(object);
}

KTEST(kmalloc, every_size_up_to_8193_has_its_class_and_alignment, "K1 K5 KML-02")
{
	MACHINE_STAYS_AS_FOUND();

	for (size_t size = 1; size <= 1025; size++)
		expect_object_of(size);
	for (size_t size = 1026; size <= 8193; size += 97)
		expect_object_of(size);
}

KTEST(kmalloc, sizes_around_every_power_of_two_up_to_128_kib_succeed, "K1 K5 KML-02")
{
	MACHINE_STAYS_AS_FOUND();

	for (size_t power = 8; power <= KIB(128u); power *= 2) {
		expect_object_of(power - 1);
		expect_object_of(power);
		if (power < KIB(128u))
			expect_object_of(power + 1);
	}
}

KTEST(kmalloc, the_largest_object_takes_a_block_of_order_10_while_one_is_free, "K5 KML-02 KML-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *block = alloc_pages(GFP_KERNEL | __GFP_NOWARN, MAX_PAGE_ORDER);
	void *object;

	if (!block)
		SKIP("no free block of order 10");
	__free_pages(block, MAX_PAGE_ORDER);
	object = kmalloc(KMALLOC_MAX_SIZE, GFP_KERNEL);
	REQUIRE(object);
	EXPECT_EQ(ksize(object), KMALLOC_MAX_SIZE);
	EXPECT(IS_ALIGNED((uintptr_t)object - (uintptr_t)port_direct_map(), KMALLOC_MAX_SIZE));
	kfree(object);
}

KTEST(kmalloc, powers_of_two_stay_aligned_when_a_slab_holds_many, "K1 KML-02")
{
	static void *objects[40];
	MACHINE_STAYS_AS_FOUND();

	for (size_t size = 8; size <= KMALLOC_MAX_CACHE_SIZE; size *= 2) {
		unsigned int nr = size <= 4096 ? ARRAY_SIZE(objects) : 6;

		for (unsigned int i = 0; i < nr; i++) {
			objects[i] = kmalloc(size, GFP_KERNEL);
			REQUIRE(objects[i]);
			EXPECT(IS_ALIGNED((uintptr_t)objects[i], MIN(size, (size_t)PAGE_SIZE)));
			EXPECT(IS_ALIGNED((uintptr_t)((char *)objects[i] - port_direct_map()), size));
		}
		while (nr)
			kfree(objects[--nr]);
	}
}

KTEST(kmalloc, large_objects_take_exactly_the_pages_they_need, "K5 BUD-14")
{
	MACHINE_STAYS_AS_FOUND();

	for (size_t size = KMALLOC_MAX_CACHE_SIZE + 1; size <= KIB(128u); size += 3 * PAGE_SIZE + 1) {
		size_t free = nr_free_pages();
		void *object = kmalloc(size, GFP_KERNEL);

		REQUIRE(object);
		EXPECT_EQ(free - nr_free_pages(), DIV_ROUND_UP(size, PAGE_SIZE));
		kfree(object);
		EXPECT_EQ(nr_free_pages(), free);
	}
}

KTEST(kmalloc, zero_bytes_give_a_pointer_that_may_be_freed_and_not_touched, "K2 KML-01")
{
	MACHINE_STAYS_AS_FOUND();

	EXPECT(kmalloc(0, GFP_KERNEL) == ZERO_SIZE_PTR);
	EXPECT(kcalloc(0, 8, GFP_KERNEL) == ZERO_SIZE_PTR);
	EXPECT(!virt_is_direct(ZERO_SIZE_PTR));
	EXPECT_EQ(ksize(ZERO_SIZE_PTR), 0);
	EXPECT_EQ(ksize(NULL), 0);
	kfree(ZERO_SIZE_PTR);
	kfree(NULL);
	kfree_sensitive(NULL);
	kfree_sensitive(ZERO_SIZE_PTR);
	kfree_s(NULL, 5);
}

KTEST(kmalloc, sizes_beyond_the_limit_are_refused_with_one_warning_each, "K7 KML-03")
{
	static const size_t sizes[] = {KMALLOC_MAX_SIZE + 1, 0x80000000u, 0xfffff001u, 0xffffffffu, SIZE_MAX};
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_NULL(kmalloc(sizes[i], GFP_KERNEL | __GFP_NOWARN | __GFP_NOFAIL));
		EXPECT_ONE_REPORT("too large (mode:");
	}
	EXPECT_NULL(kzalloc(SIZE_MAX, GFP_ATOMIC));
	EXPECT_ONE_REPORT("the limit is 4194304 bytes");
}

KTEST(kmalloc, impossible_flags_are_refused_for_small_large_and_nothing, "K7 ZON-08")
{
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	EXPECT_NULL(kmalloc(8, GFP_KERNEL | __GFP_DMA | __GFP_HIGHMEM));
	EXPECT_ONE_REPORT("impossible kmalloc of 8 bytes");
	EXPECT_NULL(kmalloc(KIB(64u), GFP_KERNEL | GFP_BIT(24)));
	EXPECT_ONE_REPORT("unknown flag bits (mode:0x10000d0(GFP_KERNEL|0x1000000))");
	EXPECT_NULL(kmalloc(0, GFP_BIT(24)));
	EXPECT_ONE_REPORT("unknown flag bits");
}

KTEST(kmalloc, highmem_is_served_from_low_memory_with_one_warning, "K6 ZON-07")
{
	MACHINE_STAYS_AS_FOUND();
	void *small, *large;

	expect_reports();
	small = kmalloc(100, GFP_HIGHUSER);
	EXPECT_ONE_REPORT("__GFP_HIGHMEM by");
	large = kmalloc(KIB(20u), GFP_KERNEL | __GFP_HIGHMEM);
	EXPECT_ONE_REPORT("high memory has no address; served from low memory");
	EXPECT((virt_is_direct(small) || is_guarded(small)) && virt_is_direct(large));
	kfree(small);
	kfree(large);
}

KTEST(kmalloc, dma_memory_of_every_size_lies_below_16_mib, "K1 G7")
{
	MACHINE_STAYS_AS_FOUND();

	for (size_t size = 8; size <= KIB(64u); size *= 2) {
		char *object = kmalloc(size, GFP_KERNEL | GFP_DMA);

		REQUIRE(object);
		EXPECT(page_to_phys(virt_to_page(object + size - 1)) < MIB(16u));
		EXPECT_EQ(ksize(object), size);
		kfree(object);
	}
}

KTEST(kmalloc, flags_may_be_kept_in_an_int, "K1")
{
	MACHINE_STAYS_AS_FOUND();
	int priority = GFP_KERNEL;
	unsigned int mode = GFP_ATOMIC;
	void *one = kmalloc(32, priority), *two = kmalloc(32, mode);

	EXPECT(one && two && one != two);
	kfree(one);
	kfree(two);
}

KTEST(kmalloc, an_array_whose_size_overflows_is_not_given, "K2 KML-04")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned char *array = kcalloc(10, 7, GFP_KERNEL);

	REQUIRE(array);
	EXPECT(memory_is(array, 0, 70));
	kfree(array);
	EXPECT_NULL(kmalloc_array(SIZE_MAX / 2, 3, GFP_KERNEL));
	EXPECT_NULL(kcalloc(SIZE_MAX / 8 + 2, 8, GFP_KERNEL));
	EXPECT_NULL(kcalloc(SIZE_MAX, SIZE_MAX, GFP_KERNEL));
}

KTEST(kmalloc, kcalloc_clears_what_another_left, "K2 SLB-04")
{
	MACHINE_STAYS_AS_FOUND();
	void *object = kmalloc(70, GFP_KERNEL);

	REQUIRE(object);
	memset(object, 0xff, 70);
	kfree(object);
	object = kcalloc(10, 7, GFP_KERNEL);
	REQUIRE(object);
	EXPECT(memory_is(object, 0, 70));
	kfree(object);
}

KTEST(kmalloc, a_dma_class_has_no_other_memory_whoever_asks, "G7")
{
	MACHINE_STAYS_AS_FOUND();
	struct list_head taken = LIST_HEAD_INIT(taken), *object = kmalloc(64, GFP_KERNEL | GFP_DMA);
	struct kmem_cache *cache;

	REQUIRE(object);
	cache = virt_to_page(object)->slab_cache;
	list_add(object, &taken);
	for (size_t slabs = cache->nr_slabs; cache->nr_slabs < slabs + 2;) {
		object = kmem_cache_alloc(cache, GFP_KERNEL);
		REQUIRE(object);
		list_add(object, &taken);
		EXPECT(page_zone(virt_to_page(object)) == dma);
	}
	while (!list_is_empty(&taken)) {
		object = taken.next;
		list_del(object);
		kfree(object);
	}
}

KTEST(kmalloc, kzalloc_clears_what_another_left, "K2 K1 SLB-04")
{
	static const size_t sizes[] = {8, 100, 5000, 40000};
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *object = kmalloc(sizes[i], GFP_KERNEL);

		REQUIRE(object);
		memset(object, 0xee, bytes_of(object, sizes[i]));
		kfree(object);
		object = kzalloc(sizes[i], GFP_KERNEL);
		REQUIRE(object);
		EXPECT(memory_is(object, 0, bytes_of(object, sizes[i])));
		kfree(object);
	}
}

KTEST(kmalloc, copies_are_equal_and_apart_and_null_has_none, "K2")
{
	static const char text[] = "the reserve";
	MACHINE_STAYS_AS_FOUND();
	char *copy = kstrdup(text, GFP_KERNEL), *bytes = kmemdup(text, 3, GFP_KERNEL);

	REQUIRE(copy && bytes);
	EXPECT(copy != text && strcmp(copy, text) == 0);
	EXPECT_EQ(ksize(copy), 16);
	EXPECT(memcmp(bytes, "the", 3) == 0);
	EXPECT_NULL(kstrdup(NULL, GFP_KERNEL));
	EXPECT_NULL(kmemdup(NULL, 4, GFP_KERNEL));
	EXPECT(kmemdup(text, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	kfree(copy);
	kfree(bytes);
}

KTEST(kmalloc, copies_of_strings_are_cut_and_ended, "K2")
{
	static const char text[] = "the reserve";
	MACHINE_STAYS_AS_FOUND();
	char *whole = kstrndup(text, 100, GFP_KERNEL), *cut = kstrndup(text, 3, GFP_KERNEL);
	char *bytes = kmemdup_nul(text + 4, 7, GFP_KERNEL),
	     *made = kasprintf(GFP_KERNEL, "%s of %u", text, 4u);

	REQUIRE(whole && cut && bytes && made);
	EXPECT(strcmp(whole, text) == 0 && strcmp(cut, "the") == 0 && strcmp(bytes, "reserve") == 0);
	EXPECT(strcmp(made, "the reserve of 4") == 0);
	EXPECT_EQ(ksize(made), 24);
	EXPECT_NULL(kstrndup(NULL, 3, GFP_KERNEL));
	EXPECT_NULL(kmemdup_nul(NULL, 3, GFP_KERNEL));
	kfree(whole);
	kfree(cut);
	kfree(bytes);
	kfree(made);
}

/* The compiler chooses among them by what it knows; a driver gets the same by whichever. */
static void same_by_every_entry(size_t size)
{
	void *object[] = {kmalloc_any(size, GFP_KERNEL), kmalloc_kernel(size), kmalloc_atomic(size),
			  kmalloc_any(size, GFP_ATOMIC), kmalloc_slow(size, GFP_KERNEL, NULL)};

	for (unsigned int i = 0; i < ARRAY_SIZE(object); i++) {
		EXPECT_NOT_NULL(object[i]);
		if (!object[i])
			continue;
		EXPECT(size == 0 ? object[i] == ZERO_SIZE_PTR
				 : bytes_of(object[i], class_of(size)) == class_of(size));
		for (unsigned int j = 0; j < i; j++)
			EXPECT(size == 0 || object[i] != object[j]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(object); i++)
		kfree(object[i]);
}

KTEST(kmalloc, every_entry_gives_the_same, "K1 K5")
{
	static const size_t sizes[] = {0,    1,	   8,	 9,    127,   128,   129,   1023, 1024,
				       1025, 2048, 8192, 8193, 16384, 16385, 20481, 65537};
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		same_by_every_entry(sizes[i]);
	expect_reports();
	EXPECT_NULL(kmalloc_kernel(KMALLOC_MAX_SIZE + 1));
	EXPECT_ONE_REPORT("impossible kmalloc of");
	EXPECT_NULL(kmalloc_atomic(KMALLOC_MAX_SIZE + 1));
	EXPECT_ONE_REPORT("impossible kmalloc of");
	EXPECT_NULL(kmalloc_any(KMALLOC_MAX_SIZE + 1, GFP_KERNEL));
	EXPECT_ONE_REPORT("impossible kmalloc of");
}

/* --- krealloc --- */

KTEST(kmalloc, krealloc_keeps_the_prefix_wherever_the_object_goes, "K2 KML-05")
{
	static const size_t sizes[] = {1, 8, 9, 100, 128, 129, 3000, 16384, 16385, 60000, 20000, 700, 3};
	MACHINE_STAYS_AS_FOUND();
	unsigned char *object = krealloc(NULL, sizes[0], GFP_KERNEL);

	REQUIRE(object);
	*object = 0x9d;
	for (unsigned int i = 1; i < ARRAY_SIZE(sizes); i++) {
		object = krealloc(object, sizes[i], GFP_KERNEL);
		REQUIRE(object);
		EXPECT_EQ(ksize(object), class_of(sizes[i]));
		EXPECT(memory_is(object, 0x9d, MIN(sizes[i - 1], sizes[i])));
		memset(object, 0x9d, bytes_of(object, sizes[i]));
	}
	EXPECT(krealloc(object, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	object = krealloc(ZERO_SIZE_PTR, 40, GFP_KERNEL);
	EXPECT_EQ(ksize(object), 40);
	kfree(object);
}

KTEST(kmalloc, krealloc_inside_a_class_moves_nothing, "K2 KML-05")
{
	MACHINE_STAYS_AS_FOUND();
	void *small = kmalloc(100, GFP_KERNEL), *large = kmalloc(20000, GFP_KERNEL);

	EXPECT(krealloc(small, 98, GFP_KERNEL) == small);
	EXPECT(krealloc(small, 104, GFP_KERNEL) == small);
	EXPECT(krealloc(large, 20480, GFP_KERNEL) == large);
	kfree(small);
	kfree(large);
}

KTEST(kmalloc, krealloc_moves_to_where_a_device_reaches_it, "K2 G7")
{
	MACHINE_STAYS_AS_FOUND();
	char *small = kmalloc(100, GFP_KERNEL), *large = kmalloc(20000, GFP_KERNEL), *stays;

	REQUIRE(small && large);
	memcpy(small, "small", 6);
	memcpy(large, "large", 6);
	small = krealloc(small, 100, GFP_KERNEL | GFP_DMA);
	large = krealloc(large, 20000, GFP_KERNEL | GFP_DMA);
	REQUIRE(small && large);
	EXPECT(virt_to_phys(small) < MIB(16u) && strcmp(small, "small") == 0);
	EXPECT(virt_to_phys(large) < MIB(16u) && strcmp(large, "large") == 0);
	stays = krealloc(large, 20000, GFP_KERNEL | GFP_DMA);
	EXPECT(stays == large);
	kfree(small);
	kfree(stays);
}

KTEST(kmalloc, krealloc_with_zero_clears_only_what_is_new, "K2 KML-05")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned char *dirty = kmalloc(4000, GFP_KERNEL), *object = kmalloc(64, GFP_KERNEL);

	REQUIRE(dirty && object);
	memset(dirty, 0xee, 4000);
	kfree(dirty);
	memset(object, 0x11, 64);
	object = krealloc(object, 4000, GFP_KERNEL | __GFP_ZERO);
	REQUIRE(object);
	EXPECT(memory_is(object, 0x11, 64) && memory_is(object + 64, 0, 4000 - 64));
	kfree(object);
}

/* The object has the first of the sizes and gets the others in turn, each written whole; what is new with the
 * last, asked for with __GFP_ZERO, must be zeros. */
static void expect_new_is_zero(void *object, const size_t *sizes, gfp_t gfp)
{
	unsigned char *bytes = object;
	size_t before;

	REQUIRE(bytes);
	memset(bytes, 0xd7, *sizes);
	for (; sizes[2]; sizes++) {
		bytes = krealloc(bytes, sizes[1], gfp);
		REQUIRE(bytes);
		memset(bytes, 0xd7, sizes[1]);
	}
	before = sizes[0];
	bytes = krealloc(bytes, sizes[1], gfp | __GFP_ZERO);
	REQUIRE(bytes);
	EXPECT(memory_is(bytes, 0xd7, before));
	EXPECT(memory_is(bytes + before, 0, sizes[1] - before));
	kfree(bytes);
}

/* Whatever is handed out next of these sizes holds old data. */
static void spoil(const size_t *sizes)
{
	for (; *sizes; sizes++) {
		void *dirty[4];

		for (unsigned int i = 0; i < ARRAY_SIZE(dirty); i++) {
			dirty[i] = kmalloc(*sizes, GFP_KERNEL);
			if (dirty[i])
				memset(dirty[i], 0xee, bytes_of(dirty[i], *sizes));
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(dirty); i++)
			kfree(dirty[i]);
	}
}

KTEST(kmalloc, krealloc_with_zero_clears_what_is_new_wherever_the_old_size_ended, "K2 KML-05")
{
	static const size_t chains[][6] = {{104, 97, 104},	  {3500, 3100, 3500},	{20480, 16500, 20480},
					   {20480, 17000, 60000}, {100, 97, 4000},	{40, 3100, 3500},
					   {60000, 16385, 20480}, {60000, 3100, 20000}, {17, 20481, 24000}};
	MACHINE_STAYS_AS_FOUND();

	for (unsigned int i = 0; i < ARRAY_SIZE(chains); i++) {
		spoil(chains[i]);
		expect_new_is_zero(kmalloc(chains[i][0], GFP_KERNEL), chains[i], GFP_KERNEL);
		spoil(chains[i]);
		expect_new_is_zero(kmalloc(chains[i][0], GFP_DMA), chains[i], GFP_DMA);
	}
}

KTEST(kmalloc, krealloc_with_zero_knows_the_size_of_what_was_not_popped, "K2 KML-05")
{
	static const size_t sizes[] = {3100, 3500, 0}, large[] = {16500, 20480, 0};
	static const char text[] = "12 bytes and";
	MACHINE_STAYS_AS_FOUND();
	char *copy;

	spoil(sizes);
	expect_new_is_zero(kzalloc(3100, GFP_KERNEL), sizes, GFP_KERNEL);
	spoil(sizes);
	expect_new_is_zero(kmalloc_array(775, 4, GFP_KERNEL), sizes, GFP_KERNEL);
	spoil(sizes);
	expect_new_is_zero(krealloc(NULL, 3100, GFP_KERNEL), sizes, GFP_KERNEL);
	spoil(sizes);
	expect_new_is_zero(krealloc(ZERO_SIZE_PTR, 3100, GFP_KERNEL), sizes, GFP_KERNEL);
	spoil(large);
	expect_new_is_zero(kmalloc(16500, GFP_KERNEL), large, GFP_KERNEL);
	spoil((const size_t[]){16, 0});
	copy = kstrdup(text, GFP_KERNEL);
	REQUIRE(copy);
	copy = krealloc(copy, 16, GFP_KERNEL | __GFP_ZERO);
	EXPECT(memcmp(copy, text, sizeof(text)) == 0 && memory_is(copy + sizeof(text), 0, 16 - sizeof(text)));
	kfree(copy);
}

/* What a plain kmalloc was asked for nobody knows, but where objects are guarded: all of it is its owner's. */
KTEST(kmalloc, krealloc_with_zero_keeps_all_that_a_plain_kmalloc_gave, "K2 KML-05")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned char *object = kmalloc(3100, GFP_KERNEL);
	size_t owned;

	REQUIRE(object);
	owned = bytes_of(object, 3100);
	memset(object, 0xd7, owned);
	object = krealloc(object, 3500, GFP_KERNEL | __GFP_ZERO);
	REQUIRE(object);
	EXPECT(memory_is(object, 0xd7, MIN(owned, (size_t)3500)));
	object = krealloc(object, 6000, GFP_KERNEL | __GFP_ZERO);
	REQUIRE(object);
	owned = MIN(owned, (size_t)3500);
	EXPECT(memory_is(object, 0xd7, owned) && memory_is(object + 3584, 0, 6000 - 3584));
	kfree(object);
}

KTEST(kmalloc, a_krealloc_that_fails_leaves_the_old_object_as_it_was, "K2 KML-05 EXH-01")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	unsigned char *object = kmalloc(200, GFP_KERNEL);

	REQUIRE(object);
	memset(object, 0x2b, 200);
	hog_all(&hog);
	EXPECT_NULL(krealloc(object, 50000, GFP_KERNEL | __GFP_NOWARN));
	hog_release(&hog);
	expect_reports();
	EXPECT_NULL(krealloc(object, KMALLOC_MAX_SIZE + 1, GFP_KERNEL));
	EXPECT_ONE_REPORT("too large");
	EXPECT(memory_is(object, 0x2b, 200));
	kfree(object);
}

KTEST(kmalloc, krealloc_array_refuses_a_product_that_overflows_and_keeps_the_object, "K2 KML-04 KML-05")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned char *object = kmalloc(24, GFP_KERNEL);

	REQUIRE(object);
	memset(object, 0x3c, 24);
	EXPECT_NULL(krealloc_array(object, SIZE_MAX / 2, 3, GFP_KERNEL));
	EXPECT(memory_is(object, 0x3c, 24));
	object = krealloc_array(object, 20, 10, GFP_KERNEL);
	REQUIRE(object);
	EXPECT(memory_is(object, 0x3c, 24) && ksize(object) == class_of(200));
	kfree(object);
}

KTEST(kmalloc, krealloc_of_a_freed_object_is_reported_and_gives_nothing, "KML-06")
{
	MACHINE_STAYS_AS_FOUND();
	void *object = kmalloc(40, GFP_KERNEL), *neighbour = kmalloc(40, GFP_KERNEL);

	REQUIRE(object && neighbour);
	kfree(object);
	expect_reports();
	EXPECT_NULL(krealloc(object, 80, GFP_KERNEL));
	EXPECT_ONE_REPORT("BUG: ksize of");
	EXPECT_NULL(krealloc(object, 40, GFP_KERNEL));
	EXPECT_ONE_REPORT("no object starts there");
	kfree(neighbour);
}

/* --- kfree --- */

KTEST(kmalloc, kfree_s_believes_the_object_and_not_the_caller, "K3")
{
	MACHINE_STAYS_AS_FOUND();
	void *right = kmalloc(100, GFP_KERNEL), *unknown = kmalloc(100, GFP_KERNEL);
	void *wrong = kmalloc(100, GFP_KERNEL), *absurd = kmalloc(20000, GFP_KERNEL);

	REQUIRE(right && unknown && wrong && absurd);
	kfree_s(right, 99);
	kfree_s(unknown, 0);
	expect_reports();
	kfree_s(wrong, 105);
	EXPECT_ONE_REPORT("with size 105, but the object has 104 bytes; freed as that");
	kfree_s(absurd, SIZE_MAX);
	EXPECT_ONE_REPORT("but the object has 20480 bytes; freed as that");
}

KTEST(kmalloc, kfree_sensitive_clears_before_it_frees, "K4 KML-10")
{
	MACHINE_STAYS_AS_FOUND();
	char *neighbour = kmalloc(256, GFP_KERNEL), *secret = kmalloc(256, GFP_KERNEL);

	REQUIRE(neighbour && secret);
	memset(secret, 0x53, 256);
	kfree_sensitive(secret);
	EXPECT(freed_is_cleared(secret, 256));
	kfree(neighbour);
}

KTEST(kmalloc, an_address_found_through_its_page_may_be_freed, "KML-09")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	char *object = kmalloc(72, GFP_KERNEL);
	struct page *page;

	REQUIRE(object);
	page = virt_to_page(object);
	kfree((char *)page_address(page) + (object - port_direct_map()) % PAGE_SIZE);
}

KTEST(kmalloc, inner_pointers_are_refused_and_then_the_object_is_freed, "DBG-04 DBG-05 KML-07")
{
	MACHINE_STAYS_AS_FOUND();
	char *small = kmalloc(64, GFP_KERNEL), *large = kmalloc(5 * PAGE_SIZE, GFP_KERNEL);
	size_t free = nr_free_pages();

	REQUIRE(small && large);
	expect_reports();
	kfree(small + 1);
	EXPECT_ONE_REPORT("is inside an object; nothing changed");
	kfree(large + 1);
	EXPECT_ONE_REPORT("no object starts there");
	kfree(large + PAGE_SIZE);
	EXPECT_ONE_REPORT("no object starts there (page is inside a block of order 2, a large kmalloc");
	kfree(large + 4 * PAGE_SIZE);
	EXPECT_ONE_REPORT("no object starts there (page is head of a block of order 0, part of");
	EXPECT_EQ(ksize(small + 1), 0);
	EXPECT_ONE_REPORT("BUG: ksize of");
	EXPECT_EQ(ksize(large + PAGE_SIZE), 0);
	EXPECT_ONE_REPORT("BUG: ksize of");
	EXPECT_EQ(nr_free_pages(), free);
	kfree(small);
	kfree(large);
}

KTEST(kmalloc, freeing_twice_is_reported_for_small_and_large, "DBG-03 KML-07")
{
	MACHINE_STAYS_AS_FOUND();
	void *small = kmalloc(64, GFP_KERNEL), *large = kmalloc(5 * PAGE_SIZE, GFP_KERNEL);
	void *neighbour = kmalloc(64, GFP_KERNEL);

	REQUIRE(small && large && neighbour);
	expect_reports();
	kfree(small);
	kfree(small);
	EXPECT_ONE_REPORT("already free; nothing changed");
	kfree(large);
	kfree(large);
	EXPECT_ONE_REPORT("no object starts there");
	kfree_sensitive(large);
	EXPECT_ONE_REPORT("BUG: ksize of");
	kfree(neighbour);
}

KTEST(kmalloc, what_kmalloc_never_gave_cannot_be_freed, "DBG-04")
{
	static char global[64];
	MACHINE_STAYS_AS_FOUND();
	unsigned long page = __get_free_page(GFP_KERNEL);
	int local = 0;

	REQUIRE(page);
	expect_reports();
	kfree((void *)page);
	EXPECT_ONE_REPORT("no object starts there (page is head of a block of order 0, allocated");
	kfree(global);
	EXPECT_ONE_REPORT("BUG: kfree of");
	kfree(&local);
	EXPECT_ONE_REPORT("BUG: kfree of");
	kfree((void *)24);
	EXPECT_ONE_REPORT("outside the direct map");
	kfree(port_direct_map());
	EXPECT_ONE_REPORT("page is never handed out");
	free_page(page);
}

/* Every object of that size that needs no page more, chained. */
static void **take_held(size_t size)
{
	void **object, **chain = NULL;

	while ((object = kmalloc(size, GFP_ATOMIC | __GFP_NOWARN))) {
		*object = chain;
		chain = object;
	}
	return chain;
}

static void give_chain(void **chain)
{
	void **next;

	for (; chain; chain = next) {
		next = *chain;
		kfree(chain);
	}
}

KTEST(kmalloc, atomic_requests_use_the_last_page_and_then_fail_cleanly, "G2 EXH-01 SLB-11")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *last = zone_take(dma, 0);
	void *object, **held;

	REQUIRE(last);
	hog_all(&hog);
	held = take_held(1024);
	EXPECT_NULL(kmalloc(2048, GFP_ATOMIC | __GFP_NOWARN));
	__free_page(last);
	EXPECT_NULL(kmalloc(2048, GFP_NOWAIT | __GFP_NOWARN));
	object = kmalloc(1024, GFP_ATOMIC);
	EXPECT_NOT_NULL(object);
	EXPECT_EQ(nr_free_pages(), 0);
	kfree(object);
	give_chain(held);
	hog_release(&hog);
}

/* Sizes whose logarithm is spread evenly stand in for log-normal ones: mostly small, some large. */
KTEST(kmalloc, random_sizes_all_freed_leave_the_machine_as_it_was, "KML-11 EXH-04")
{
	static void *objects[150];
	MACHINE_STAYS_AS_FOUND();
	struct random random = {1};

	for (unsigned int i = 0; i < 3000; i++) {
		unsigned int slot = random_below(&random, ARRAY_SIZE(objects));
		size_t size = random_below(&random, 2u << random_below(&random, 15));

		kfree(objects[slot]);
		objects[slot] = kmalloc(size, GFP_ATOMIC | __GFP_NOWARN);
		if (!ZERO_OR_NULL_PTR(objects[slot]))
			memset(objects[slot], 0x44, size);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
		kfree(objects[i]);
		objects[i] = NULL;
	}
}
