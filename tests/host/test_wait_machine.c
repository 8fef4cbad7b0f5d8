/* SPDX-License-Identifier: MIT */
/* One thread that waits for memory, step by step, and the reserves. What several do in any order is
 * test_interleave_machine.c. Host only: what others do while the thread sleeps is a function of the test's.
 */
#include <mm/reclaim/retry.h>

#include <string.h>

#include <kernel/lib/align.h>
#include <mm/objects/slab_internal.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/reserve.h>
#include <mm/reclaim/scope.h>
#include <mm/reclaim/vmscan.h>
#include <mm/report/validate.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define PAGES	1024u
#define PATIENT (GFP_KERNEL | __GFP_NOWARN)

static struct {
	struct list_head hog;
	struct page *spare, *taken;
	struct kmem_cache *cache;
	void *object;
	bool lists_were_closed;
} test;

/* A machine whose marks are 0; it has a cache with objects to give, and one page to free. */
static void boot_small(void)
{
	struct memmap_entry ram = {0, PAGES * PAGE_SIZE, MEMMAP_USABLE};

	fake_machine_boot(&ram, 1,
			  (struct mm_params){.dma_end = MIB(16u),
					     .lowmem_end = PAGES * PAGE_SIZE,
					     .min_free_kbytes = 1});
	memset(&test, 0, sizeof(test));
	list_init(&test.hog);
	test.cache = kmem_cache_create("wait_test", 1000, 0, 0, NULL);
	test.spare = alloc_page(GFP_ATOMIC);
}

static void fill_up(void)
{
	drain_all_pages();
	hog_all(&test.hog);
}

static void end(void)
{
	host_set_on_park(NULL);
	hog_release(&test.hog);
	EXPECT(!wait_somebody());
	expect_valid();
}

static void free_spare(void)
{
	if (test.spare)
		__free_page(test.spare);
	test.spare = NULL;
}

KTEST(wait, a_sleeper_gets_what_is_freed_and_the_log_tells, "C3")
{
	struct wait_record record = {0};
	struct page *page;

	boot_small();
	fill_up();
	host_set_on_park(free_spare);
	page = alloc_page(PATIENT);
	EXPECT_NOT_NULL(page);
	EXPECT(wait_read_log(0, &record));
	EXPECT(record.was_served && record.has_slept && strcmp(record.woken_by, "host") == 0);
	EXPECT(record.until_ms >= record.since_ms && record.gfp == PATIENT && record.order == 0);
	if (page)
		__free_page(page);
	end();
}

KTEST(wait, a_sleeper_for_whom_nobody_frees_gives_up_after_its_rounds, "C3 G16")
{
	size_t gave_up = mm_event_count[EVENT_GAVE_UP];
	uint64_t before = port_now_ms();

	boot_small();
	fill_up();
	EXPECT_NULL(alloc_page(PATIENT | __GFP_NORETRY));
	EXPECT_EQ(port_now_ms(), before);
	EXPECT_NULL(alloc_page(PATIENT));
	EXPECT_EQ(port_now_ms(), before + (uint64_t)RETRY_ROUNDS * RETRY_WAIT_MS);
	EXPECT_EQ(mm_event_count[EVENT_GAVE_UP], gave_up + 2);
	__free_page(test.spare);
	end();
}

static void look_at_the_lists(void)
{
	test.lists_were_closed =
		wait_somebody() && test.cache->stack.limit == 0 && pcp_stack_for(PATIENT, 0)->limit == 0;
	free_spare();
}

KTEST(wait, lists_are_closed_while_somebody_waits, "C3 P7")
{
	struct page *page;

	boot_small();
	EXPECT(slab_try_open(test.cache));
	fill_up();
	host_set_on_park(look_at_the_lists);
	page = alloc_page(PATIENT);
	EXPECT(test.lists_were_closed);
	EXPECT(slab_try_open(test.cache));
	if (page)
		__free_page(page);
	end();
}

static void take_atomically(void)
{
	free_spare();
	if (!test.taken)
		test.taken = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
}

KTEST(wait, an_atomic_request_does_not_queue_behind_a_sleeper_that_wants_more, "C3 G2")
{
	boot_small();
	fill_up();
	host_set_on_park(take_atomically);
	EXPECT_NULL(alloc_pages(PATIENT, 3));
	EXPECT_NOT_NULL(test.taken);
	if (test.taken)
		__free_page(test.taken);
	end();
}

static void take_without_growing(void)
{
	if (!test.object)
		test.object = kmem_cache_alloc(test.cache, PATIENT | __GFP_NO_GROW);
}

KTEST(wait, what_a_cache_has_is_given_to_requests_that_must_not_grow_it, "C3 K7")
{
	void *kept;

	boot_small();
	kept = kmem_cache_alloc(test.cache, GFP_KERNEL);
	fill_up();
	host_set_on_park(take_without_growing);
	EXPECT_NULL(alloc_pages(PATIENT, 3));
	EXPECT_NOT_NULL(test.object);
	if (test.object)
		kmem_cache_free(test.cache, test.object);
	kmem_cache_free(test.cache, kept);
	__free_page(test.spare);
	end();
}

/* --- reserves --- */

static struct reserve *reclaim_reserve;

static void note_reserve(const struct reserve *reserve)
{
	reclaim_reserve = (struct reserve *)(uintptr_t)reserve;
}

KTEST(reserve, a_thread_that_reclaims_gets_its_pages_when_there_are_no_others, "R3 REC-05")
{
	struct page *page[16];
	unsigned int before, nr = 0;
	size_t wanted;

	boot_small();
	fill_up();
	reserve_for_each(note_reserve);
	wanted = reclaim_reserve->wanted;
	EXPECT(wanted != 0 && wanted < ARRAY_SIZE(page));
	EXPECT_EQ(reclaim_reserve->nr, wanted);
	EXPECT_NULL(alloc_page(PATIENT | __GFP_NORETRY));
	before = scope_save(SCOPE_RECLAIM);
	while (nr < ARRAY_SIZE(page) && (page[nr] = alloc_page(PATIENT)) != NULL)
		nr++;
	scope_restore(SCOPE_RECLAIM, before);
	EXPECT_EQ(nr, wanted);
	EXPECT_EQ(reclaim_reserve->nr, 0);
	while (nr)
		__free_page(page[--nr]);
	(void)vmscan_reclaim(GFP_KERNEL, 1);
	EXPECT_EQ(reclaim_reserve->nr, wanted);
	__free_page(test.spare);
	end();
}

KTEST(reserve, a_reserve_fills_from_what_nobody_misses_and_gives_single_pages, "R3")
{
	static struct reserve reserve;
	struct page *page;
	size_t before;

	boot_small();
	before = nr_free_pages();
	reserve_init(&reserve, "test", 3);
	EXPECT_NULL(reserve_take(&reserve));
	EXPECT(reserve_fill(&reserve));
	EXPECT_EQ(reserve.nr, 3);
	EXPECT_EQ(nr_free_pages(), before - 3);
	expect_valid();
	page = reserve_take(&reserve);
	EXPECT_EQ(reserve.nr, 2);
	hog_all(&test.hog);
	EXPECT(!reserve_fill(&reserve));
	__free_page(page);
	EXPECT(reserve_fill(&reserve));
	expect_valid();
	while ((page = reserve_take(&reserve)) != NULL)
		__free_page(page);
	__free_page(test.spare);
	end();
	EXPECT_EQ(nr_free_pages(), before + 1);
	reserve_reset_all();
}

KTEST(reserve, the_validator_counts_the_pages_of_every_reserve, "R3 EXH-04")
{
	static struct reserve reserve;
	struct page *page;

	boot_small();
	reserve_init(&reserve, "test", 2);
	EXPECT(reserve_fill(&reserve));
	reserve.nr = 1;
	EXPECT_EQ(mm_validate(NULL), 1);
	reserve.nr = 2;
	page = list_first_entry(&reserve.pages, struct page, links);
	page->refcount = 2;
	EXPECT_EQ(mm_validate(NULL), 1);
	page->refcount = 1;
	EXPECT_EQ(mm_validate(NULL), 0);
	while ((page = reserve_take(&reserve)) != NULL)
		__free_page(page);
	__free_page(test.spare);
	end();
	reserve_reset_all();
}

/* --- C1 on the fast path --- */

/* What a fast path serves. Result: was it reported, once? */
static bool is_reported_with_irqs_off(void *(*get)(void), void (*give_back)(void *memory))
{
	irqflags_t flags;
	void *memory;

	expect_reports();
	flags = irq_save();
	memory = get();
	irq_restore(flags);
	give_back(memory);
	return memory && one_report_says("BUG: sleeping function called from invalid context");
}

static volatile size_t some_size = 100; /* unknown to the compiler */

static void *get_constant(void)
{
	return kmalloc(100, GFP_KERNEL);
}

static void *get_any(void)
{
	return kmalloc(some_size, GFP_KERNEL);
}

static void *get_noio(void)
{
	return kmalloc(some_size, GFP_NOIO);
}

static void *get_a_page(void)
{
	return low_page_address(alloc_page(GFP_KERNEL));
}

static void *get_a_page_by_address(void)
{
	return (void *)__get_free_page(GFP_KERNEL);
}

static void free_object(void *memory)
{
	kfree(memory);
}

static void free_a_page(void *memory)
{
	free_page((unsigned long)memory);
}

KTEST(wait, with_interrupts_off_by_hand_debug_builds_report_who_may_sleep, "C1")
{
	MACHINE_STAYS_AS_FOUND();

	if (port_debug_level() < 1)
		SKIP("DEBUG=0: the fast path does not look");
	EXPECT(is_reported_with_irqs_off(get_constant, free_object));
	EXPECT(is_reported_with_irqs_off(get_any, free_object));
	EXPECT(is_reported_with_irqs_off(get_noio, free_object));
	EXPECT(is_reported_with_irqs_off(get_a_page, free_a_page));
	EXPECT(is_reported_with_irqs_off(get_a_page_by_address, free_a_page));
}
