/* SPDX-License-Identifier: MIT */
/* Requests that fail on purpose: which ones do, and what every public call makes of it. The n-th failure of each
 * call, for n = 1, 2, 3 … until a run sees none: after each the machine is as it was, and the call has said so by
 * its result. Host and guest. */
#include <mm/report/fault.h>

#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/percpu.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/reserve.h>
#include <tests/kernel/test_util.h>

#define QUIET	 (GFP_KERNEL | __GFP_NOWARN)
#define MAX_NTHS 400u /* no call asks so often */

static unsigned int nr_failed_of(unsigned int nr, size_t size, gfp_t gfp)
{
	unsigned int nr_failed = 0;

	while (nr--) {
		void *object = kmalloc(size, gfp);

		nr_failed += !object;
		kfree(object);
	}
	return nr_failed;
}

KTEST(fault, every_nth_request_fails_as_often_as_was_said, "S7 FLT-02")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned int nr_asked, nr_failed;

	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,0,-1"));
	EXPECT_EQ(nr_failed_of(20, 64, QUIET), 20);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "4,100,0,-1"));
	EXPECT_EQ(nr_failed_of(20, 64, QUIET), 5);
	fault_counts(FAULT_OBJECTS, &nr_asked, &nr_failed);
	EXPECT(nr_asked == 20 && nr_failed == 5);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,0,3"));
	EXPECT_EQ(nr_failed_of(20, 64, QUIET), 3);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,0,0,-1"));
	EXPECT_EQ(nr_failed_of(20, 64, QUIET), 0);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,640,-1"));
	EXPECT_EQ(nr_failed_of(20, 64, QUIET), 10);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,30,0,-1"));
	nr_failed = nr_failed_of(1000, 64, QUIET);
	EXPECT(nr_failed > 200 && nr_failed < 400);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "off"));
	EXPECT_EQ(nr_failed_of(20, 64, QUIET), 0);
}

KTEST(fault, a_request_that_must_not_fail_does_not, "S7 FLT-02 G15")
{
	MACHINE_STAYS_AS_FOUND();
	void *object;

	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,0,-1"));
	EXPECT_NULL(fault_set(FAULT_PAGES, "1,100,0,-1"));
	object = kmalloc(64, GFP_KERNEL | __GFP_NOFAIL);
	EXPECT_NOT_NULL(object);
	kfree(object);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "off"));
	EXPECT_NULL(fault_set(FAULT_PAGES, "off"));
}

KTEST(fault, filters_choose_by_cache_task_order_flags_and_caller, "S7 FLT-02")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page;

	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,0,-1,cache=kmalloc-64"));
	EXPECT_EQ(nr_failed_of(4, 64, QUIET), 4);
	EXPECT_EQ(nr_failed_of(4, 128, QUIET), 0);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,0,-1,task=nobody"));
	EXPECT_EQ(nr_failed_of(4, 64, QUIET), 0);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,0,-1,caller=nothing"));
	EXPECT_EQ(nr_failed_of(4, 64, QUIET), 0);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,0,-1,flags=0x20"));
	EXPECT_EQ(nr_failed_of(4, 64, QUIET), 0);
	EXPECT_EQ(nr_failed_of(4, 64, GFP_ATOMIC | __GFP_NOWARN), 4);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "off"));
	EXPECT_NULL(fault_set(FAULT_PAGES, "1,100,0,-1,order=2"));
	EXPECT_NULL(alloc_pages(QUIET, 2));
	page = alloc_pages(QUIET, 1);
	EXPECT_NOT_NULL(page);
	EXPECT_NULL(fault_set(FAULT_PAGES, "off"));
	if (page)
		__free_pages(page, 1);
}

KTEST(fault, filters_that_name_another_let_all_pass, "S7 FLT-02")
{
	static const char *const others[] = {"1,100,0,-1,cache=kmalloc-96", "1,100,0,-1,task=nobody",
					     "1,100,0,-1,caller=nothing", "1,100,0,-1,flags=0x80000000"};
	MACHINE_STAYS_AS_FOUND();
	struct page *page;
	char text[64];

	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
		EXPECT_NULL(fault_set(FAULT_OBJECTS, others[i]));
		EXPECT_EQ(nr_failed_of(4, 64, QUIET), 0);
	}
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "off"));
	EXPECT_NULL(fault_set(FAULT_PAGES, "1,100,0,-1,cache=kmalloc-64")); /* a page is of none */
	page = alloc_page(QUIET);
	EXPECT_NOT_NULL(page);
	if (page)
		__free_page(page);
	EXPECT_NULL(fault_set(FAULT_PAGES, "off"));
	(void)snprintf(text, sizeof(text), "1,100,0,-1,flags=%#x,task=%s", (__force unsigned int)__GFP_WAIT,
		       port_task_name());
	EXPECT_NULL(fault_set(FAULT_OBJECTS, text));
	EXPECT_EQ(nr_failed_of(4, 64, QUIET), 4);
	EXPECT_EQ(nr_failed_of(4, 64, GFP_ATOMIC | __GFP_NOWARN), 0);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "off"));
}

KTEST(fault, a_failure_on_purpose_is_reported_as_any_other, "S7 G13")
{
	MACHINE_STAYS_AS_FOUND();

	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,0,-1"));
	expect_reports();
	EXPECT_EQ(nr_failed_of(1, 64, GFP_KERNEL), 1);
	EXPECT(strstr(report_at(0), "page allocation failure"));
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "off"));
}

KTEST(fault, a_setting_that_makes_no_sense_changes_nothing, "S7 USR-05")
{
	static const char *const wrong[] = {"",
					    "1",
					    "1,100,0",
					    "0,100,0,1",
					    "1,101,0,1",
					    "1,100,0,-2",
					    "1,100,0,1,cache=",
					    "1,100,0,1,cache=a-name-that-is-much-longer-than-any-cache-has",
					    "1,100,0,1,flags=x",
					    "1,100,0,1,flags=0xg",
					    "1,100,0,1,order=",
					    "1,100,x,1",
					    "1,100,0,1x",
					    "1,100,0,0x1ffffffff",
					    "1,100,0,4294967299",
					    "1,100,0,1,sort=x",
					    "x,1,1,1",
					    "1,100,0,99999999999"};
	MACHINE_STAYS_AS_FOUND();

	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,0,-1,cache=kmalloc-64"));
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_NOT_NULL(fault_set(FAULT_OBJECTS, wrong[i]));
	EXPECT_EQ(nr_failed_of(2, 64, QUIET), 2);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "off"));
}

KTEST(fault, the_nth_request_of_a_thread_fails_once, "S7 FLT-01")
{
	MACHINE_STAYS_AS_FOUND();
	void *other = kmalloc(64, GFP_KERNEL); /* so that its slab is there */

	(void)fault_set_nth(3);
	EXPECT_EQ(nr_failed_of(2, 64, QUIET), 0);
	EXPECT_EQ(nr_failed_of(1, 64, QUIET), 1);
	EXPECT_EQ(nr_failed_of(5, 64, QUIET), 0);
	EXPECT(fault_set_nth(0));
	(void)fault_set_nth(3);
	EXPECT_EQ(nr_failed_of(2, 64, QUIET), 0);
	EXPECT(!fault_set_nth(0));
	kfree(other);
}

KTEST(fault, a_countdown_set_anew_is_one_and_ending_none_is_no_mistake, "S7")
{
	MACHINE_STAYS_AS_FOUND();

	(void)fault_set_nth(3);
	(void)fault_set_nth(1);
	EXPECT(mm_watch & WATCH_FAULT);
	EXPECT_EQ(nr_failed_of(3, 64, QUIET), 1);
	(void)fault_set_nth(2);
	EXPECT_EQ(nr_failed_of(3, 64, QUIET), 1);
	EXPECT(fault_set_nth(0));
	EXPECT(!(mm_watch & WATCH_FAULT));
	EXPECT(!fault_set_nth(0));
	EXPECT(!(mm_watch & WATCH_FAULT));
}

/* --- the n-th failure of every public call --- */

/* A call with its undoing. Result: did it succeed? If not it has kept nothing, and its result said so. */
static bool kept(void *object)
{
	kfree(object);
	return object != NULL;
}

static bool call_kmalloc(void)
{
	return kept(kmalloc(72, GFP_KERNEL));
}

static bool call_kmalloc_large(void)
{
	return kept(kmalloc(70000, GFP_KERNEL));
}

static bool call_kcalloc(void)
{
	return kept(kcalloc(10, 300, GFP_ATOMIC));
}

static bool call_kstrdup(void)
{
	return kept(kstrdup("a string", GFP_KERNEL));
}

static bool call_krealloc(void)
{
	char *object = kmalloc(40, GFP_KERNEL), *grown;

	if (!object)
		return false;
	memset(object, 7, 40);
	grown = krealloc(object, 4000, GFP_KERNEL);
	EXPECT(memory_is(grown ? grown : object, 7, 40)); /* the old one is whole */
	kfree(grown ? grown : object);
	return grown != NULL;
}

static bool call_cache(void)
{
	struct kmem_cache *cache = kmem_cache_create("nth", 200, 0, 0, NULL);
	void *object = cache ? kmem_cache_zalloc(cache, GFP_KERNEL) : NULL;

	if (object)
		kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	return object != NULL;
}

static bool call_bulk(void)
{
	struct kmem_cache *cache = kmem_cache_create("nth", 2000, 0, 0, NULL);
	void *objects[12];
	size_t nr = cache ? kmem_cache_alloc_bulk(cache, GFP_ATOMIC, ARRAY_SIZE(objects), objects) : 0;

	EXPECT(nr == 0 || nr == ARRAY_SIZE(objects));
	if (nr)
		kmem_cache_free_bulk(cache, nr, objects);
	kmem_cache_destroy(cache);
	return nr != 0;
}

static bool call_mempool(void)
{
	mempool_t *pool = mempool_create_kmalloc_pool(3, 100);
	void *element;
	int error;

	if (!pool)
		return false;
	error = mempool_resize(pool, 5);
	EXPECT(error == 0 || error == -ENOMEM);
	element = mempool_alloc(pool, GFP_KERNEL);
	EXPECT_NOT_NULL(element); /* who may sleep never fails (S4) */
	mempool_free(element, pool);
	mempool_destroy(pool);
	return error == 0;
}

static bool call_mempool_pages(void)
{
	mempool_t *pool = mempool_create_page_pool(2, 1);

	mempool_destroy(pool);
	return pool != NULL;
}

static bool call_percpu(void)
{
	void *percpu = percpu_alloc(100, 8, GFP_KERNEL);

	free_percpu(percpu);
	return percpu != NULL;
}

#define MOST_ORDER 6u /* of which the smallest machine has a block */

static bool call_pages(void)
{
	for (unsigned int order = 0; order <= MOST_ORDER; order++) {
		struct page *page = alloc_pages(order % 2 ? GFP_KERNEL : GFP_ATOMIC, order);

		if (!page)
			return false;
		__free_pages(page, order);
	}
	return true;
}

static bool call_pages_by_address(void)
{
	unsigned long zeroed = get_zeroed_page(GFP_KERNEL);
	void *exact = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);

	free_page(zeroed);
	free_pages_exact(exact, 5 * PAGE_SIZE);
	return zeroed && exact;
}

static bool call_vmalloc(void)
{
	void *area = vmalloc(20 * PAGE_SIZE), *zeroed = vzalloc(3 * PAGE_SIZE);

	vfree(area);
	vfree(zeroed);
	return area && zeroed;
}

static bool call_vmap(void)
{
	struct page *pages[2] = {alloc_page(GFP_KERNEL), alloc_page(GFP_KERNEL)};
	void *area = pages[0] && pages[1] ? vmap(pages, 2, VM_MAP, PAGE_KERNEL) : NULL;

	vunmap(area);
	for (unsigned int i = 0; i < 2; i++)
		if (pages[i])
			__free_page(pages[i]);
	return area != NULL;
}

static bool call_kvmalloc(void)
{
	void *memory = kvmalloc(300000, GFP_KERNEL);

	kvfree(memory);
	return memory != NULL; /* the second way may have succeeded */
}

static const struct {
	const char *name;
	bool (*call)(void);
} calls[] = {
	{"kmalloc", call_kmalloc},
	{"kmalloc_large", call_kmalloc_large},
	{"kcalloc", call_kcalloc},
	{"kstrdup", call_kstrdup},
	{"krealloc", call_krealloc},
	{"kmem_cache_create", call_cache},
	{"kmem_cache_alloc_bulk", call_bulk},
	{"mempool_create", call_mempool},
	{"mempool_create_page_pool", call_mempool_pages},
	{"alloc_percpu", call_percpu},
	{"alloc_pages", call_pages},
	{"get_zeroed_page", call_pages_by_address},
	{"vmalloc", call_vmalloc},
	{"vmap", call_vmap},
	{"kvmalloc", call_kvmalloc},
};

/* Result: failures there were, each survived. */
static unsigned int sweep(const char *name, bool (*call)(void))
{
	unsigned int n;

	for (n = 1; n <= MAX_NTHS; n++) {
		bool was_hit, was_good;

		(void)fault_set_nth(n);
		was_good = call();
		was_hit = fault_set_nth(0);
		if (!machine_is_as_found()) {
			ktest_note("%s changed the machine when its request %u failed", name, n);
			EXPECT(false);
			break;
		}
		if (!was_hit) {
			EXPECT(was_good);
			break;
		}
	}
	EXPECT(n > 1 && n <= MAX_NTHS);
	return n - 1;
}

KTEST(fault, every_public_call_survives_the_failure_of_its_nth_request, "S7 FLT-01 FLT-03 SLB-12")
{
	MACHINE_STAYS_AS_FOUND();
	unsigned int nr = 0;

	expect_reports();
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		nr += sweep(calls[i].name, calls[i].call);
		expect_valid();
	}
	EXPECT_EQ(reports_count_bugs(), 0);
	ktest_note("%u calls, %u failures", (unsigned int)ARRAY_SIZE(calls), nr);
}
