/* SPDX-License-Identifier: MIT */
/* Threads that sleep for memory: what wakes them, in which order, and who does not wait. Guest only;
 * test_wait.c shows on the host as well what can be seen by one thread. */
#include <tests/ktest.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/irqflags.h>
#include <kernel/core/context_internal.h>
#include <kernel/core/irq.h>
#include <kernel/core/softirq.h>
#include <kernel/core/timer.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <mm/cache/pagecache.h>
#include <mm/objects/slab_internal.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/wait.h>
#include <tests/kernel/sleeper.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_util.h>

#define PATIENT (GFP_KERNEL | __GFP_NOFAIL) /* sleeps until the test has seen what it wants to see */
#define VECTOR	((uint8_t)IRQ_VECTOR(APIC_TIMER_IRQ))

static bool take_spares(struct page **spares, unsigned int nr, unsigned int order)
{
	for (unsigned int i = 0; i < nr; i++) {
		spares[i] = alloc_pages(GFP_KERNEL, order);
		if (!spares[i])
			return false;
	}
	return true;
}

static size_t low_free(void)
{
	return nr_free_pages_below(ZONE_NORMAL);
}

static bool was_woken_by(const char *whom)
{
	struct wait_record record;

	if (wait_read_log(0, &record) && record.was_served && record.has_slept &&
	    strncmp(record.woken_by, whom, strlen(whom)) == 0)
		return true;
	ktest_note("woken by %s, expected %s", record.woken_by, whom);
	return false;
}

/* --- what wakes --- */

KTEST(sleep, the_first_page_freed_is_handed_to_the_thread_that_sleeps_for_it, "C3 G1 WMK-02")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(sleepers_end_1) struct sleeper sleeper = {.gfp = GFP_KERNEL};
	HOG(hog);
	struct page *spare;
	size_t free, rounds;

	REQUIRE(sleepers_create(&sleeper, 1));
	REQUIRE(take_spares(&spare, 1, 0));
	hog_to_floor(&hog, ZONE_NORMAL);
	free = low_free();
	EXPECT(sleeper_asks(&sleeper));
	EXPECT_EQ(wait_nr_waiters, 1);
	rounds = mm_event_count[EVENT_ROUND];
	__free_page(spare);
	EXPECT_EQ(low_free(), free); /* nobody else can come in between */
	EXPECT(sleeper_is_woken(&sleeper));
	EXPECT(sleeper.page == spare);
	EXPECT_EQ(page_count(spare), 1);
	EXPECT_EQ(mm_event_count[EVENT_ROUND], rounds);
	EXPECT_EQ(wait_nr_waiters, 0);
	EXPECT(was_woken_by("selftest"));
	sleepers_release(&sleeper, 1);
	hog_release(&hog);
}

/* One page of low memory, on its way to its disk for as long as we like. */
static bool begin_writing(struct fake_file *file)
{
	bool begins = fake_file_make(file, PAGE_SIZE);

	file->mapping.gfp &= ~(gfp_t)__GFP_HIGHMEM;
	begins = begins && pagecache_write(&file->mapping, 0, "dirty", 5) == 5;
	file->is_late = true;
	if (begins)
		pagecache_write_out(&file->mapping);
	return begins && file->nr_writes == 1;
}

/* The writing ends while it sleeps. Result: did it look at once, and help itself, before its round was over? */
static bool looks_when_written(gfp_t gfp)
{
	ENDS_WITH(sleepers_end_1) struct sleeper sleeper = {.gfp = gfp};
	FAKE_FILE(file);
	HOG(hog);
	struct wait_record record;
	size_t rounds;
	bool was_asleep;

	if (!sleepers_create(&sleeper, 1) || !begin_writing(&file))
		return false;
	hog_to_floor(&hog, ZONE_NORMAL);
	was_asleep = sleeper_asks(&sleeper);
	rounds = mm_event_count[EVENT_ROUND];
	EXPECT_EQ(fake_file_end_writes(&file, 0), 1);
	EXPECT(sleeper_ends(&sleeper));
	EXPECT(sleeper.page);
	return was_asleep && mm_event_count[EVENT_ROUND] == rounds && wait_read_log(0, &record) &&
	       record.was_served && strcmp(record.woken_by, record.task) == 0;
}

/* On a busy machine the round may be over first. */
static bool looks_when_written_once(gfp_t gfp)
{
	for (unsigned int i = 0; i < 30; i++)
		if (looks_when_written(gfp))
			return true;
	return false;
}

KTEST(sleep, a_page_that_becomes_clean_wakes_who_may_not_write_it, "C3 G4 G5 R6")
{
	MACHINE_STAYS_AS_FOUND();

	EXPECT(looks_when_written_once(GFP_NOIO | __GFP_NOFAIL));
	EXPECT(looks_when_written_once(GFP_NOFS | __GFP_NOFAIL));
}

KTEST(sleep, a_larger_block_wakes_when_its_last_buddy_is_freed_and_not_before, "C3 BUD-03")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(sleepers_end_1) struct sleeper sleeper = {.gfp = PATIENT | __GFP_HIGH, .order = 1};
	HOG(hog);
	struct page *pair, *other;

	REQUIRE(sleepers_create(&sleeper, 1));
	pair = alloc_pages(GFP_KERNEL, 1);
	other = alloc_pages(GFP_KERNEL, 1);
	REQUIRE(pair && other);
	split_page(pair, 1);
	split_page(other, 1);
	hog_all(&hog);
	EXPECT_EQ(low_free(), 0);
	EXPECT(sleeper_asks(&sleeper));
	__free_page(pair);
	__free_page(other);
	EXPECT_EQ(low_free(), 2);
	EXPECT(!sleeper_is_woken(&sleeper));
	__free_page(pair + 1);
	EXPECT_EQ(low_free(), 1);
	EXPECT(sleeper_is_woken(&sleeper));
	EXPECT(sleeper.page == pair);
	__free_page(other + 1);
	sleepers_release(&sleeper, 1);
	hog_release(&hog);
}

/* All objects of one slab of the cache, so that the next needs a page. */
static unsigned int fill_slab(struct kmem_cache *cache, void **objects)
{
	for (unsigned int i = 0; i < cache->per_slab; i++) {
		objects[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!objects[i])
			return i;
	}
	return cache->per_slab;
}

static void free_objects(struct kmem_cache *cache, void **objects, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		kmem_cache_free(cache, objects[i]);
}

KTEST(sleep, an_object_of_the_cache_wakes_although_no_page_was_freed, "C3 SLB-09")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("sleep", 1000, 0, 0, NULL);
	ENDS_WITH(sleepers_end_1) struct sleeper sleeper = {.gfp = PATIENT, .cache = cache};
	HOG(hog);
	void *objects[64];
	unsigned int nr;
	size_t free;

	REQUIRE(cache && cache->per_slab <= ARRAY_SIZE(objects));
	REQUIRE(sleepers_create(&sleeper, 1));
	slab_keep_closed(cache, true);
	nr = fill_slab(cache, objects);
	slab_keep_closed(cache, false);
	REQUIRE(nr);
	hog_to_floor(&hog, ZONE_NORMAL);
	free = low_free();
	EXPECT(sleeper_asks(&sleeper));
	kmem_cache_free(cache, objects[--nr]);
	EXPECT(sleeper_is_woken(&sleeper));
	EXPECT(sleeper.object == objects[nr]);
	EXPECT_EQ(low_free(), free);
	sleepers_release(&sleeper, 1);
	free_objects(cache, objects, nr);
	hog_release(&hog);
	kmem_cache_destroy(cache);
}

KTEST(sleep, no_grow_that_must_not_fail_waits_for_an_object_however_many_pages_are_free, "G15 G19 C3")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("sleep", 1000, 0, 0, NULL);
	ENDS_WITH(sleepers_end_1) struct sleeper sleeper = {.gfp = PATIENT | __GFP_NO_GROW, .cache = cache};
	void *objects[64];
	unsigned int nr;

	REQUIRE(cache && cache->per_slab <= ARRAY_SIZE(objects));
	REQUIRE(sleepers_create(&sleeper, 1));
	slab_keep_closed(cache, true);
	nr = fill_slab(cache, objects);
	slab_keep_closed(cache, false);
	REQUIRE(nr);
	EXPECT(sleeper_asks(&sleeper));
	kmem_cache_free(cache, objects[--nr]);
	EXPECT(sleeper_is_woken(&sleeper));
	EXPECT(sleeper.object == objects[nr]);
	EXPECT_EQ(cache->nr_slabs, 1);
	sleepers_release(&sleeper, 1);
	free_objects(cache, objects, nr);
	kmem_cache_destroy(cache);
}

KTEST(sleep, two_who_wait_for_one_cache_share_the_slab_that_one_of_them_gets, "C3")
{
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("sleep", 1000, 0, 0, NULL);
	ENDS_WITH(sleepers_end_2)
	struct sleeper sleepers[2] = {{.gfp = PATIENT, .cache = cache}, {.gfp = PATIENT, .cache = cache}};
	HOG(hog);
	struct page *block;
	size_t rounds;

	REQUIRE(cache && sleepers_create(sleepers, 2));
	block = alloc_pages(GFP_KERNEL, cache->order);
	REQUIRE(block);
	hog_to_floor(&hog, ZONE_NORMAL);
	EXPECT(sleeper_asks(&sleepers[0]));
	EXPECT(sleeper_asks(&sleepers[1]));
	rounds = mm_event_count[EVENT_ROUND];
	__free_pages(block, cache->order);
	EXPECT(sleeper_is_woken(&sleepers[0]));
	EXPECT(sleeper_is_woken(&sleepers[1]));
	EXPECT_EQ(mm_event_count[EVENT_ROUND], rounds);
	EXPECT_EQ(cache->nr_slabs, 1);
	sleepers_release(sleepers, 2);
	hog_release(&hog);
	kmem_cache_destroy(cache);
}

KTEST(sleep, pages_of_another_zone_wake_nobody, "C3 G7")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(sleepers_end_1) struct sleeper sleeper = {.gfp = PATIENT | GFP_DMA};
	HOG(hog);
	struct page *other, *dma;

	if (!zone_has_memory(&zones[ZONE_NORMAL]))
		SKIP("no normal zone");
	REQUIRE(sleepers_create(&sleeper, 1));
	other = alloc_page(GFP_KERNEL);
	dma = alloc_page(GFP_KERNEL | GFP_DMA);
	REQUIRE(other && dma);
	hog_zone(&hog, &zones[ZONE_DMA], zone_floor(&zones[ZONE_DMA], ZONE_DMA));
	EXPECT(sleeper_asks(&sleeper));
	__free_page(other);
	EXPECT(!sleeper_is_woken(&sleeper));
	__free_page(dma);
	EXPECT(sleeper_is_woken(&sleeper));
	EXPECT(sleeper.page == dma);
	sleepers_release(&sleeper, 1);
	hog_release(&hog);
}

/* --- who frees --- */

static struct page *to_free;

static irqreturn_t free_in_irq(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	__free_page(to_free);
	return IRQ_HANDLED;
}

static void free_in_softirq(unsigned long unused)
{
	(void)unused;
	__free_page(to_free);
}

static DECLARE_TASKLET(free_tasklet, free_in_softirq, 0);
static DEFINE_TIMER(free_timer, free_in_softirq, 0, 0);

static void start_irq(void)
{
	apic_timer_oneshot(1000, VECTOR);
}

static void start_tasklet(void)
{
	tasklet_schedule(&free_tasklet);
}

static void start_timer(void)
{
	(void)mod_timer(&free_timer, jiffies + 1);
}

/* A sleeper that a free in another context wakes. */
static void expect_woken_from(void (*start)(void), const char *context)
{
	ENDS_WITH(sleepers_end_1) struct sleeper sleeper = {.gfp = PATIENT};
	HOG(hog);

	REQUIRE(sleepers_create(&sleeper, 1));
	REQUIRE(take_spares(&to_free, 1, 0));
	hog_to_floor(&hog, ZONE_NORMAL);
	EXPECT(sleeper_asks(&sleeper));
	start();
	EXPECT(sleeper_ends(&sleeper));
	EXPECT(sleeper.page == to_free);
	EXPECT(was_woken_by(context));
	sleepers_release(&sleeper, 1);
	hog_release(&hog);
}

KTEST(sleep, a_free_in_an_interrupt_wakes, "C2 C3")
{
	MACHINE_STAYS_AS_FOUND();

	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	REQUIRE(request_irq(APIC_TIMER_IRQ, free_in_irq, 0, "sleep", &to_free) == 0);
	expect_woken_from(start_irq, "hard irq");
	free_irq(APIC_TIMER_IRQ, &to_free);
}

KTEST(sleep, a_free_in_a_tasklet_wakes, "C2 C3")
{
	MACHINE_STAYS_AS_FOUND();
	expect_woken_from(start_tasklet, "tasklet");
}

KTEST(sleep, a_free_in_a_timer_wakes, "C2 C3")
{
	MACHINE_STAYS_AS_FOUND();
	expect_woken_from(start_timer, "timer");
}

/* --- in which order --- */

KTEST(sleep, of_two_sleepers_one_page_wakes_the_one_that_waits_longer_alone, "C3 GFP-10")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(sleepers_end_2) struct sleeper sleepers[2] = {{.gfp = PATIENT}, {.gfp = PATIENT}};
	HOG(hog);
	struct page *spares[2];

	REQUIRE(sleepers_create(sleepers, 2));
	REQUIRE(take_spares(spares, 2, 0));
	hog_to_floor(&hog, ZONE_NORMAL);
	EXPECT(sleeper_asks(&sleepers[0]));
	EXPECT(sleeper_asks(&sleepers[1]));
	__free_page(spares[0]);
	EXPECT(sleeper_is_woken(&sleepers[0]));
	msleep(120); /* rounds of the other do not help it */
	EXPECT(!sleepers[1].is_done);
	EXPECT_EQ(wait_nr_waiters, 1);
	__free_page(spares[1]);
	EXPECT(sleeper_is_woken(&sleepers[1]));
	sleepers_release(sleepers, 2);
	hog_release(&hog);
}

KTEST(sleep, three_sleepers_are_woken_in_the_order_they_came, "C3 GFP-10")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(sleepers_end_3)
	struct sleeper sleepers[3] = {{.gfp = PATIENT}, {.gfp = PATIENT}, {.gfp = PATIENT}};
	HOG(hog);
	struct page *spares[3];

	REQUIRE(sleepers_create(sleepers, 3));
	REQUIRE(take_spares(spares, 3, 0));
	hog_to_floor(&hog, ZONE_NORMAL);
	for (unsigned int i = 3; i-- > 0;)
		EXPECT(sleeper_asks(&sleepers[i]));
	for (unsigned int i = 0; i < 3; i++)
		__free_page(spares[i]);
	for (unsigned int i = 0; i < 3; i++) {
		EXPECT(sleeper_is_woken(&sleepers[i]));
		EXPECT_EQ(sleepers[i].turn, 3 - i);
		EXPECT(sleepers[i].page == spares[2 - i]);
	}
	sleepers_release(sleepers, 3);
	hog_release(&hog);
}

KTEST(sleep, a_free_too_small_for_the_first_in_the_queue_serves_the_second, "C3")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(sleepers_end_2)
	struct sleeper sleepers[2] = {{.gfp = PATIENT | __GFP_HIGH, .order = 3},
				      {.gfp = PATIENT | __GFP_HIGH}};
	HOG(hog);
	struct page *block, *single;

	REQUIRE(sleepers_create(sleepers, 2));
	block = alloc_pages(GFP_KERNEL, 3);
	single = alloc_page(GFP_KERNEL);
	REQUIRE(block && single);
	hog_all(&hog);
	EXPECT(sleeper_asks(&sleepers[0]));
	EXPECT(sleeper_asks(&sleepers[1]));
	__free_page(single);
	EXPECT(sleeper_is_woken(&sleepers[1]));
	EXPECT(sleeper_sleeps(&sleepers[0]));
	__free_pages(block, 3);
	EXPECT(sleeper_is_woken(&sleepers[0]));
	sleepers_release(sleepers, 2);
	hog_release(&hog);
}

KTEST(sleep, atomic_requests_do_not_queue_and_the_sleeper_waits_until_the_reserve_is_back, "C3 G2")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(sleepers_end_1) struct sleeper sleeper = {.gfp = PATIENT};
	HOG(hog);
	struct page *spares[2], *atomic;

	REQUIRE(sleepers_create(&sleeper, 1));
	REQUIRE(take_spares(spares, 2, 0));
	hog_to_floor(&hog, ZONE_NORMAL);
	EXPECT(sleeper_asks(&sleeper));
	atomic = alloc_page(GFP_ATOMIC);
	EXPECT_NOT_NULL(atomic);
	EXPECT_NULL(alloc_page(GFP_NOWAIT | __GFP_NOWARN));
	EXPECT(sleeper_sleeps(&sleeper));
	if (atomic && page_zone(spares[0]) == page_zone(atomic)) {
		__free_page(spares[0]);
		EXPECT(!sleeper_is_woken(&sleeper));
		__free_page(spares[1]);
		EXPECT(sleeper_is_woken(&sleeper));
	} else {
		__free_page(spares[0]);
		__free_page(spares[1]);
	}
	if (atomic)
		__free_page(atomic);
	sleepers_release(&sleeper, 1);
	hog_release(&hog);
}

KTEST(sleep, who_may_sleep_and_comes_later_queues_behind, "C3")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(sleepers_end_2)
	struct sleeper sleepers[2] = {{.gfp = PATIENT, .order = 1}, {.gfp = PATIENT, .order = 1}};
	HOG(hog);
	struct page *spares[2];

	REQUIRE(sleepers_create(sleepers, 2));
	REQUIRE(take_spares(spares, 2, 1));
	hog_to_floor(&hog, ZONE_NORMAL);
	EXPECT(sleeper_asks(&sleepers[0]));
	__free_pages(spares[0], 1);
	EXPECT(sleeper_asks(&sleepers[1])); /* served, but the first has not run yet: nothing is left over */
	EXPECT(sleepers[0].is_done && sleepers[0].page == spares[0]);
	__free_pages(spares[1], 1);
	EXPECT(sleeper_is_woken(&sleepers[1]));
	sleepers_release(sleepers, 2);
	hog_release(&hog);
}

/* --- who leaves --- */

KTEST(sleep, a_killed_waiter_leaves_the_queue_with_nothing, "GFP-12 C3")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(sleepers_end_2)
	struct sleeper sleepers[2] = {{.gfp = GFP_KERNEL | __GFP_REPEAT | __GFP_NOWARN}, {.gfp = PATIENT}};
	HOG(hog);
	struct page *spare;
	size_t rounds;

	REQUIRE(sleepers_create(sleepers, 2));
	REQUIRE(take_spares(&spare, 1, 0));
	hog_to_floor(&hog, ZONE_NORMAL);
	EXPECT(sleeper_asks(&sleepers[0]));
	EXPECT(sleeper_asks(&sleepers[1]));
	rounds = mm_event_count[EVENT_ROUND];
	thread_kill(sleepers[0].thread);
	EXPECT(sleeper_is_woken(&sleepers[0]));
	EXPECT(mm_event_count[EVENT_ROUND] <= rounds + 1);
	EXPECT_NULL(sleepers[0].page);
	EXPECT_EQ(wait_nr_waiters, 1);
	__free_page(spare);
	EXPECT(sleeper_is_woken(&sleepers[1]));
	EXPECT(sleepers[1].page == spare);
	sleepers_release(sleepers, 2);
	hog_release(&hog);
}

KTEST(sleep, one_that_was_killed_and_must_not_fail_sleeps_on, "G15 GFP-12")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(sleepers_end_1) struct sleeper sleeper = {.gfp = PATIENT};
	HOG(hog);
	struct page *spare;

	REQUIRE(sleepers_create(&sleeper, 1));
	REQUIRE(take_spares(&spare, 1, 0));
	hog_to_floor(&hog, ZONE_NORMAL);
	EXPECT(sleeper_asks(&sleeper));
	thread_kill(sleeper.thread);
	EXPECT(!sleeper_is_woken(&sleeper));
	EXPECT(sleeper_sleeps(&sleeper));
	__free_page(spare);
	EXPECT(sleeper_is_woken(&sleeper));
	EXPECT(sleeper.page == spare);
	sleepers_release(&sleeper, 1);
	hog_release(&hog);
}

/* --- who is not held up --- */

#define LARGE_ORDER 8u

#define HALF_PAGES  (1u << (LARGE_ORDER - 1))
#define NR_HALVED   12u

/* As many halves as lie below the floors, and some. */
static unsigned int nr_to_halve(void)
{
	const struct zone *zone;
	size_t nr_pages = 0;

	for_each_zone(zone)
		if (zone->id <= ZONE_NORMAL)
			nr_pages += zone_floor(zone, ZONE_NORMAL);
	return NR_HALVED + (unsigned int)nr_pages / HALF_PAGES;
}

/* Frees the lower half of a block. */
static void halve(struct page *block, struct list_head *hog)
{
	split_page(block, LARGE_ORDER);
	for (unsigned int i = 0; i < 2 * HALF_PAGES; i++)
		if (i >= HALF_PAGES)
			list_add(&block[i].links, hog);
		else
			__free_page(&block[i]);
}

/* No block of LARGE_ORDER is left, but halves of some. */
static void hog_large_blocks(struct list_head *hog)
{
	struct list_head blocks;
	struct page *block, *next;
	struct zone *zone;

	list_init(&blocks);
	for (unsigned int nr = nr_to_halve(); nr; nr--) {
		block = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, LARGE_ORDER);
		if (!block)
			break;
		list_add(&block->links, &blocks);
	}
	for_each_zone(zone)
		for (unsigned int order = MAX_PAGE_ORDER; zone->id <= ZONE_NORMAL && order >= LARGE_ORDER;
		     order--)
			while ((block = zone_take(zone, order)))
				list_add(&block->links, hog);
	list_for_each_entry_safe(block, next, &blocks, links)
		halve(block, hog);
}

static size_t nr_large_blocks(void)
{
	size_t nr = 0;
	struct zone *zone;

	for_each_zone(zone)
		if (zone->id <= ZONE_NORMAL && zone_has_memory(zone))
			nr += zone_nr_blocks_within(zone, LARGE_ORDER);
	return nr;
}

KTEST(sleep, while_one_sleeps_in_kmalloc_others_enter_it_and_get_what_there_is, "C4")
{
	MACHINE_STAYS_AS_FOUND();
	if (nr_large_blocks() < 3)
		SKIP("too few large blocks");
	ENDS_WITH(sleepers_end_2)
	struct sleeper sleepers[2] = {{.gfp = PATIENT, .size = PAGE_SIZE << LARGE_ORDER},
				      {.gfp = PATIENT, .size = PAGE_SIZE << LARGE_ORDER}};
	HOG(hog);
	struct kmem_cache *cache;
	struct page *page;
	void *object;

	REQUIRE(sleepers_create(sleepers, 2));
	hog_large_blocks(&hog);
	EXPECT(sleeper_asks(&sleepers[0]));
	EXPECT(sleeper_asks(&sleepers[1])); /* no lock of the first keeps it out */
	object = kmalloc(3000, GFP_KERNEL | __GFP_NORETRY);
	page = alloc_page(GFP_KERNEL | __GFP_NORETRY);
	cache = kmem_cache_create("beside", 64, 0, 0, NULL);
	EXPECT(object && page && cache);
	kmem_cache_destroy(cache);
	kfree(object);
	if (page)
		__free_page(page);
	EXPECT(sleeper_sleeps(&sleepers[0]) && sleeper_sleeps(&sleepers[1]));
	hog_release(&hog);
	EXPECT(sleeper_is_woken(&sleepers[0]));
	EXPECT(sleeper_is_woken(&sleepers[1]));
	sleepers_release(sleepers, 2);
}

KTEST(sleep, with_interrupts_off_by_hand_the_slow_path_reports_and_does_not_sleep, "C1 GFP-03")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct page *page;
	irqflags_t flags;
	size_t rounds;

	hog_to_floor(&hog, ZONE_NORMAL);
	rounds = mm_event_count[EVENT_ROUND];
	context_forget_reports();
	reports_capture();
	flags = irq_save();
	page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	irq_restore(flags);
	EXPECT_NULL(page);
	EXPECT(reports_contain("BUG: sleeping function called from invalid context"));
	EXPECT_EQ(mm_event_count[EVENT_ROUND], rounds);
	hog_release(&hog);
}

/* --- C1 on the fast path --- */

/* Each of the fast paths is tried on the host (suite wait); here, that it is the CPU's interrupts that are looked at. */
KTEST(sleep, with_interrupts_off_by_hand_debug_builds_report_who_may_sleep, "C1")
{
	MACHINE_STAYS_AS_FOUND();
	irqflags_t flags;
	void *object;

	if (port_debug_level() < 1)
		SKIP("DEBUG=0: the fast path does not look");
	context_forget_reports();
	reports_capture();
	flags = irq_save();
	object = kmalloc(100, GFP_KERNEL);
	irq_restore(flags);
	EXPECT_NOT_NULL(object);
	kfree(object);
	EXPECT_EQ(reports_count_bugs(), 1);
	EXPECT(reports_contain("BUG: sleeping function called from invalid context"));
}
