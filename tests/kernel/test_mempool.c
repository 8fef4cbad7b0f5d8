/* SPDX-License-Identifier: MIT */
/* Mempools: the allocator first, then the reserve; sizes that change; what is refused. Who waits for an
 * element is in the host's test_mempool_machine.c and, with real interrupts, in test_mempool_sleep.c. Host
 * and guest. */
#include <linux/mempool.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/objects/slab_internal.h>
#include <tests/kernel/test_util.h>

#define NR_ELEMENTS 4

/* An allocator with as many elements as a test gives it. */
static struct {
	unsigned int nr_left, nr_out;
	gfp_t last_gfp;
} stock;

static void *stock_alloc(gfp_t gfp, void *unused)
{
	(void)unused;
	stock.last_gfp = gfp;
	if (!stock.nr_left)
		return NULL;
	stock.nr_left--;
	stock.nr_out++;
	return kmalloc(40, GFP_KERNEL);
}

static void stock_free(void *element, void *unused)
{
	(void)unused;
	stock.nr_left++;
	stock.nr_out--;
	kfree(element);
}

static mempool_t *pool_over_stock(int min_nr, unsigned int nr_more)
{
	stock.nr_left = (unsigned int)min_nr + nr_more;
	stock.nr_out = 0;
	return mempool_create(min_nr, stock_alloc, stock_free, NULL);
}

KTEST(mempool, the_allocator_is_asked_first_and_the_reserve_stays_whole, "S4")
{
	MACHINE_STAYS_AS_FOUND();
	mempool_t *pool = pool_over_stock(NR_ELEMENTS, 1);
	void *element;

	REQUIRE(pool);
	EXPECT_EQ(stock.nr_out, NR_ELEMENTS);
	element = mempool_alloc(pool, GFP_KERNEL);
	REQUIRE(element);
	EXPECT_EQ(stock.nr_out, NR_ELEMENTS + 1);
	EXPECT_EQ(mempool_nr_reserved(pool), NR_ELEMENTS);
	mempool_free(element, pool);
	EXPECT_EQ(stock.nr_out, NR_ELEMENTS);
	mempool_destroy(pool);
	EXPECT_EQ(stock.nr_out, 0);
}

KTEST(mempool, the_allocator_is_asked_in_a_way_that_neither_waits_nor_complains, "S4")
{
	MACHINE_STAYS_AS_FOUND();
	mempool_t *pool = pool_over_stock(1, 1);
	void *element;

	REQUIRE(pool);
	element = mempool_alloc(pool, GFP_KERNEL | __GFP_NOFAIL);
	EXPECT(!gfp_has(stock.last_gfp, GFP_KERNEL | __GFP_NOFAIL));
	EXPECT(gfp_has(stock.last_gfp, __GFP_NOWARN));
	mempool_free(element, pool);
	element = mempool_alloc(pool, GFP_ATOMIC);
	EXPECT(gfp_has(stock.last_gfp, __GFP_HIGH)); /* its own privilege stays */
	mempool_free(element, pool);
	mempool_destroy(pool);
}

KTEST(mempool, an_atomic_caller_falls_back_to_the_elements_and_then_gets_nothing, "S4 G2")
{
	MACHINE_STAYS_AS_FOUND();
	mempool_t *pool = pool_over_stock(NR_ELEMENTS, 0);
	void *element[NR_ELEMENTS];

	REQUIRE(pool);
	for (unsigned int i = 0; i < NR_ELEMENTS; i++) {
		element[i] = mempool_alloc(pool, GFP_ATOMIC);
		REQUIRE(element[i]);
		memset(element[i], (int)i, 40);
	}
	EXPECT_EQ(mempool_nr_reserved(pool), 0);
	EXPECT_NULL(mempool_alloc(pool, GFP_ATOMIC));
	EXPECT_NULL(mempool_alloc(pool, GFP_NOWAIT));
	for (unsigned int i = 0; i < NR_ELEMENTS; i++) {
		EXPECT(memory_is(element[i], (int)i, 40));
		mempool_free(element[i], pool);
	}
	mempool_destroy(pool);
}

KTEST(mempool, what_comes_back_fills_the_reserve_before_the_allocator_gets_any, "S4")
{
	MACHINE_STAYS_AS_FOUND();
	mempool_t *pool = pool_over_stock(2, 1);
	void *element[3];

	REQUIRE(pool);
	for (unsigned int i = 0; i < 3; i++)
		element[i] = mempool_alloc(pool, GFP_ATOMIC);
	EXPECT_EQ(mempool_nr_reserved(pool), 0);
	for (unsigned int i = 0; i < 2; i++) {
		mempool_free(element[i], pool);
		EXPECT_EQ(mempool_nr_reserved(pool), i + 1);
		EXPECT_EQ(stock.nr_left, 0);
	}
	mempool_free(element[2], pool);
	EXPECT_EQ(stock.nr_left, 1);
	mempool_destroy(pool);
}

static void destroy_pools(mempool_t *(*pool)[3])
{
	for (unsigned int i = 0; i < 3; i++) {
		mempool_destroy((*pool)[i]);
		(*pool)[i] = NULL;
	}
}

KTEST(mempool, elements_of_slabs_kmalloc_and_pages_serve_when_memory_is_gone, "S4")
{
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("test", 100, 0, 0, NULL);
	ENDS_WITH(destroy_pools) mempool_t *pool[3] = {NULL};
	HOG(hog);

	REQUIRE(cache);
	pool[0] = mempool_create_slab_pool(2, cache);
	pool[1] = mempool_create_kmalloc_pool(2, 3000);
	pool[2] = mempool_create_page_pool(2, 1);
	REQUIRE(pool[0] && pool[1] && pool[2]);
	hog_all(&hog);
	for (unsigned int i = 0; i < ARRAY_SIZE(pool); i++) {
		unsigned int nr = 0;
		void *element[48];

		while (nr < 48 && (element[nr] = mempool_alloc(pool[i], GFP_ATOMIC)) != NULL)
			nr++;
		EXPECT(nr >= 2 && nr < 48);
		EXPECT_EQ(mempool_nr_reserved(pool[i]), 0);
		while (nr)
			mempool_free(element[--nr], pool[i]);
		EXPECT_EQ(mempool_nr_reserved(pool[i]), 2);
	}
	hog_release(&hog);
	destroy_pools(&pool);
	kmem_cache_destroy(cache);
}

KTEST(mempool, a_larger_reserve_is_filled_and_a_smaller_one_gives_back, "S4")
{
	MACHINE_STAYS_AS_FOUND();
	mempool_t *pool = pool_over_stock(2, 10);
	void *element;

	REQUIRE(pool);
	EXPECT_EQ(mempool_resize(pool, 6), 0);
	EXPECT_EQ(mempool_nr_reserved(pool), 6);
	EXPECT_EQ(stock.nr_out, 6);
	EXPECT_EQ(mempool_resize(pool, 1, GFP_KERNEL), 0); /* the older spelling */
	EXPECT_EQ(mempool_nr_reserved(pool), 1);
	EXPECT_EQ(stock.nr_out, 1);
	stock.nr_left = 0;
	element = mempool_alloc(pool, GFP_ATOMIC);
	stock.nr_left = 2;
	EXPECT_EQ(mempool_resize(pool, 3), 0);
	EXPECT_EQ(mempool_nr_reserved(pool), 2); /* the third is out */
	mempool_free(element, pool);
	EXPECT_EQ(mempool_nr_reserved(pool), 3);
	mempool_destroy(pool);
	EXPECT_EQ(stock.nr_out, 0);
}

KTEST(mempool, a_reserve_that_cannot_grow_stays_as_it_is, "S4")
{
	MACHINE_STAYS_AS_FOUND();
	mempool_t *pool = pool_over_stock(2, 2);

	REQUIRE(pool);
	EXPECT_EQ(mempool_resize(pool, 5), -ENOMEM);
	EXPECT_EQ(mempool_nr_reserved(pool), 2);
	EXPECT_EQ(stock.nr_out, 2);
	mempool_destroy(pool);
	stock.nr_left = 3;
	EXPECT_NULL(mempool_create(4, stock_alloc, stock_free, NULL));
	EXPECT_EQ(stock.nr_left, 3);
}

KTEST(mempool, a_pool_with_elements_out_is_not_destroyed, "S4 S2")
{
	MACHINE_STAYS_AS_FOUND();
	mempool_t *pool = pool_over_stock(2, 0);
	void *element;

	REQUIRE(pool);
	element = mempool_alloc(pool, GFP_ATOMIC);
	expect_reports();
	mempool_destroy(pool);
	EXPECT_ONE_REPORT("1 of 2 elements are not back; the pool stays");
	EXPECT_EQ(mempool_nr_reserved(pool), 1);
	mempool_free(element, pool);
	mempool_destroy(pool);
	mempool_destroy(NULL);
	EXPECT_EQ(stock.nr_out, 0);
}

KTEST(mempool, reserves_of_no_elements_and_flags_it_cannot_honour_are_refused, "S4 K7")
{
	MACHINE_STAYS_AS_FOUND();
	mempool_t *pool = pool_over_stock(1, 1);
	void *element;

	REQUIRE(pool);
	expect_reports();
	EXPECT_NULL(mempool_create(0, stock_alloc, stock_free, NULL));
	EXPECT_ONE_REPORT("mempool of 0 elements");
	EXPECT_EQ(mempool_resize(pool, -1), -EINVAL);
	EXPECT_ONE_REPORT("mempool of -1 elements");
	EXPECT_NULL(mempool_alloc(pool, GFP_KERNEL | __GFP_ZERO));
	EXPECT_ONE_REPORT("impossible request to a mempool");
	EXPECT_NULL(mempool_alloc(pool, __GFP_NOFAIL));
	EXPECT_ONE_REPORT("impossible request to a mempool");
	element = mempool_alloc(pool, GFP_KERNEL);
	EXPECT_NOT_NULL(element);
	mempool_free(element, pool);
	mempool_free(NULL, pool);
	mempool_destroy(pool);
}
