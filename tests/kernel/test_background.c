/* SPDX-License-Identifier: MIT */
/* The background reclaimer: what wakes it, what it does, when it sleeps again; and shrinkers with several
 * threads inside. Guest only. */
#include <tests/ktest.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/clock.h>
#include <kernel/core/irq.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <linux/gfp.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/reserve.h>
#include <tests/kernel/sleeper.h>
#include <tests/kernel/test_util.h>

#define VECTOR ((uint8_t)IRQ_VECTOR(APIC_TIMER_IRQ))

static struct zone *first_zone(void)
{
	return *near_zones[ZONE_NORMAL];
}

static bool comes_true(bool (*what)(void))
{
	uint64_t end = clock_now_ms() + SLEEPER_MS;

	while (!what() && clock_now_ms() < end)
		msleep(8);
	return what();
}

static bool it_sleeps(void)
{
	return !READ_ONCE(vmscan_is_awake);
}

static bool zone_is_at_high(void)
{
	return first_zone()->nr_free >= first_zone()->wmark[WMARK_HIGH];
}

/* A giver large enough to lift the first zone from `low` to `high` and further, and the zone at `low`. */
static bool prepare(struct giver *giver, struct list_head *hog)
{
	struct zone *zone = first_zone();

	giver->gives_to_all = true;
	if (!giver_register(giver, 2 * zone->wmark[WMARK_HIGH] + 200, zone_gfp(zone)))
		return false;
	if (!comes_true(it_sleeps))
		return false;
	hog_zone(hog, zone, zone->wmark[WMARK_LOW]);
	return it_sleeps();
}

KTEST(watermark, one_request_below_low_wakes_the_reclaimer_which_works_up_to_high_and_sleeps, "R1 WMK-01 P6")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};
	struct page *page;
	size_t wakes;

	REQUIRE(prepare(&giver, &hog));
	wakes = mm_event_count[EVENT_BACKGROUND_WAKE];
	page = alloc_page(GFP_NOWAIT); /* whatever its flags */
	REQUIRE(page);
	EXPECT_EQ(mm_event_count[EVENT_BACKGROUND_WAKE], wakes + 1);
	EXPECT(comes_true(zone_is_at_high));
	EXPECT(comes_true(it_sleeps));
	EXPECT_EQ(mm_event_count[EVENT_BACKGROUND_WAKE], wakes + 1);
	EXPECT(giver.nr_pages > 0); /* it takes no more than it has to */
	__free_page(page);
	giver_unregister(&giver);
	hog_release(&hog);
}

KTEST(watermark, many_requests_wake_it_once_until_it_sleeps_again, "R1 WMK-01")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	HOG(taken);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};
	size_t wakes;

	REQUIRE(prepare(&giver, &hog));
	wakes = mm_event_count[EVENT_BACKGROUND_WAKE];
	preempt_disable(); /* it is woken and does not run yet */
	for (unsigned int i = 0; i < 5; i++) {
		struct page *page = alloc_page(zone_gfp(first_zone()) | __GFP_HIGH);

		if (page)
			list_add(&page->links, &taken);
	}
	EXPECT_EQ(mm_event_count[EVENT_BACKGROUND_WAKE], wakes + 1);
	preempt_enable();
	EXPECT(comes_true(it_sleeps));
	EXPECT(zone_is_at_high());
	giver_unregister(&giver);
	hog_release(&taken);
	hog_release(&hog);
}

static size_t (*give_all_asked)(struct shrinker *, size_t, gfp_t);

static size_t give_one(struct shrinker *shrinker, size_t nr, gfp_t gfp)
{
	return give_all_asked(shrinker, MIN(nr, (size_t)1), gfp);
}

KTEST(watermark, it_works_up_to_high_however_little_each_pass_frees, "R1 WMK-01")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};
	struct page *page;

	REQUIRE(prepare(&giver, &hog));
	give_all_asked = giver.shrinker.scan;
	giver.shrinker.scan = give_one;
	page = alloc_page(GFP_NOWAIT);
	REQUIRE(page);
	EXPECT(comes_true(zone_is_at_high));
	EXPECT(comes_true(it_sleeps));
	__free_page(page);
	giver_unregister(&giver);
	hog_release(&hog);
}

static struct page *taken_in_irq;

static irqreturn_t take_in_irq(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	taken_in_irq = alloc_page(GFP_ATOMIC);
	return IRQ_HANDLED;
}

KTEST(watermark, an_atomic_request_in_an_interrupt_wakes_it_as_well, "R1 WMK-01 C2")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};
	size_t wakes;

	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	REQUIRE(prepare(&giver, &hog));
	REQUIRE(request_irq(APIC_TIMER_IRQ, take_in_irq, 0, "watermark", &giver) == 0);
	wakes = mm_event_count[EVENT_BACKGROUND_WAKE];
	apic_timer_oneshot(1000, VECTOR);
	EXPECT(comes_true(zone_is_at_high));
	EXPECT(comes_true(it_sleeps));
	EXPECT_EQ(mm_event_count[EVENT_BACKGROUND_WAKE], wakes + 1);
	free_irq(APIC_TIMER_IRQ, &giver);
	EXPECT_NOT_NULL(taken_in_irq);
	if (taken_in_irq)
		__free_page(taken_in_irq);
	giver_unregister(&giver);
	hog_release(&hog);
}

KTEST(watermark, gfp_kernel_waits_until_reclaim_has_filled_the_reserve_that_atomic_drained, "WMK-03 R1")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(giver_unregister) struct giver giver = {.answer = 0};
	struct zone *zone = first_zone();
	struct page *page;

	REQUIRE(prepare(&giver, &hog));
	preempt_disable(); /* it is woken and does not run yet */
	hog_all(&hog);
	EXPECT_EQ(nr_free_pages_below(ZONE_NORMAL), 0);
	preempt_enable();
	page = alloc_page(GFP_KERNEL | __GFP_REPEAT);
	EXPECT_NOT_NULL(page);
	EXPECT(zone->nr_free >= zone_floor(zone, ZONE_NORMAL));
	if (page)
		__free_page(page);
	giver_unregister(&giver);
	hog_release(&hog);
}

KTEST(watermark, with_nothing_to_reclaim_it_gives_up_and_is_woken_by_the_next_request, "R1 WMK-01 GFP-12")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	struct zone *zone = first_zone();
	struct page *page;
	size_t wakes;

	EXPECT(comes_true(it_sleeps));
	hog_zone(&hog, zone, zone->wmark[WMARK_MIN]);
	EXPECT(!it_sleeps());
	EXPECT(comes_true(it_sleeps));
	wakes = mm_event_count[EVENT_BACKGROUND_WAKE];
	page = alloc_page(zone_gfp(zone) | __GFP_HIGH);
	EXPECT_EQ(mm_event_count[EVENT_BACKGROUND_WAKE], wakes + 1);
	if (page)
		__free_page(page);
	hog_release(&hog);
	EXPECT(comes_true(it_sleeps));
}

/* --- several threads in one shrinker --- */

static struct {
	struct giver giver;
	unsigned int nr_inside, max_inside;
	volatile bool go;
} busy;

static void stay_inside(struct giver *giver)
{
	(void)giver;
	if (++busy.nr_inside > busy.max_inside)
		busy.max_inside = busy.nr_inside;
	while (!busy.go)
		msleep(4);
	busy.nr_inside--;
}

static bool somebody_is_inside(void)
{
	return READ_ONCE(busy.nr_inside) > 0;
}

static bool two_are_inside(void)
{
	return READ_ONCE(busy.nr_inside) > 1;
}

static bool nobody_is_inside(void)
{
	return READ_ONCE(busy.nr_inside) == 0;
}

static int reclaim_once(void *unused)
{
	(void)unused;
	(void)vmscan_reclaim(GFP_KERNEL, 1000);
	return 0;
}

static void end_reclaimers(struct thread **threads, unsigned int nr)
{
	busy.go = true;
	for (unsigned int i = 0; i < nr; i++) {
		(void)kthread_stop(threads[i]);
		thread_put(threads[i]);
	}
}

static bool start_reclaimers(struct thread **threads, unsigned int nr)
{
	busy.nr_inside = busy.max_inside = 0;
	busy.go = false;
	busy.giver = (struct giver){.gives_to_all = true, .in_scan = stay_inside};
	if (!giver_register(&busy.giver, 0, GFP_NOWAIT))
		return false;
	for (unsigned int i = 0; i < nr; i++) {
		threads[i] = kthread_create(reclaim_once, NULL, "reclaimer%u", i);
		if (IS_ERR(threads[i])) {
			end_reclaimers(threads, i);
			giver_unregister(&busy.giver);
			return false;
		}
		thread_get(threads[i]);
		wake_up_process(threads[i]);
	}
	return true;
}

KTEST(reclaim, several_threads_may_be_in_one_shrinker, "R1 REC-06")
{
	MACHINE_STAYS_AS_FOUND();
	struct thread *threads[2];

	REQUIRE(start_reclaimers(threads, 2));
	EXPECT(comes_true(two_are_inside));
	end_reclaimers(threads, 2);
	EXPECT_EQ(busy.max_inside, 2);
	EXPECT(busy.giver.nr_scans >= 2);
	giver_unregister(&busy.giver);
}

static void let_go_later(unsigned long unused)
{
	(void)unused;
	busy.go = true;
}

static DEFINE_TIMER(go_timer, let_go_later, 0, 0);

KTEST(reclaim, unregistering_waits_until_nobody_is_inside, "R1 REC-06")
{
	MACHINE_STAYS_AS_FOUND();
	struct thread *threads[2];

	REQUIRE(start_reclaimers(threads, 2));
	EXPECT(comes_true(two_are_inside));
	(void)mod_timer(&go_timer, jiffies + 5);
	unregister_shrinker(&busy.giver.shrinker);
	EXPECT(busy.go);
	EXPECT(nobody_is_inside());
	end_reclaimers(threads, 2);
}

static void unregister_the_busy_one(struct giver *giver)
{
	giver->in_scan = NULL;
	(void)mod_timer(&go_timer, jiffies + 5);
	unregister_shrinker(&busy.giver.shrinker);
}

KTEST(reclaim, from_inside_another_shrinker_it_waits_as_well, "R1 REC-06")
{
	MACHINE_STAYS_AS_FOUND();
	ENDS_WITH(giver_unregister) struct giver giver = {.in_scan = unregister_the_busy_one};
	struct thread *threads[1];

	REQUIRE(start_reclaimers(threads, 1));
	EXPECT(comes_true(somebody_is_inside));
	EXPECT(giver_register(&giver, 0, GFP_NOWAIT)); /* at the head of the list: asked first */
	(void)vmscan_reclaim(GFP_KERNEL, 1000);
	EXPECT_NULL(giver.in_scan);
	EXPECT(busy.go);
	EXPECT(nobody_is_inside());
	end_reclaimers(threads, 1);
	giver_unregister(&giver);
}

static bool reserve_is_full;

static void look_at_reserve(const struct reserve *reserve)
{
	reserve_is_full &= reserve->nr == reserve->wanted;
}

static bool reserves_are_full(void)
{
	reserve_is_full = true;
	reserve_for_each(look_at_reserve);
	return reserve_is_full;
}

KTEST(reclaim, the_reserve_refills_in_the_background_when_memory_is_back, "R3 C5")
{
	HOG(hog);
	HOG(used);
	struct page *page;
	size_t free;

	EXPECT(comes_true(it_sleeps) && reserves_are_full());
	pcp_keep_closed(true);
	free = nr_free_pages();
	hog_all(&hog);
	while ((page = vmscan_reserve_take()))
		list_add(&page->links, &used);
	EXPECT(!reserves_are_full());
	hog_release(&used);
	hog_release(&hog);
	EXPECT(comes_true(reserves_are_full));
	EXPECT(comes_true(it_sleeps));
	EXPECT_EQ(nr_free_pages(), free);
	pcp_keep_closed(false);
}
