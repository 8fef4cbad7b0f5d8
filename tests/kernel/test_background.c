/* SPDX-License-Identifier: MIT */
/* The background reclaimer: what wakes it, what it does, when it sleeps again. Guest only. */
#include <tests/ktest.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/clock.h>
#include <kernel/core/irq.h>
#include <kernel/core/thread.h>
#include <linux/gfp.h>
#include <mm/events.h>
#include <tests/kernel/sleeper.h>
#include <tests/kernel/test_util.h>

#define VECTOR ((uint8_t)IRQ_VECTOR(APIC_TIMER_IRQ))

static struct zone *first_zone(void)
{
	return nodes[0].zonelist[ZONE_NORMAL].zone[0];
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
	struct list_head hog = LIST_HEAD_INIT(hog);
	struct giver giver = {.answer = 0};
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
	struct list_head hog = LIST_HEAD_INIT(hog), taken = LIST_HEAD_INIT(taken);
	struct giver giver = {.answer = 0};
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
	struct list_head hog = LIST_HEAD_INIT(hog);
	struct giver giver = {.answer = 0};
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
	struct list_head hog = LIST_HEAD_INIT(hog);
	struct giver giver = {.answer = 0};
	struct zone *zone = first_zone();
	struct page *page;

	REQUIRE(prepare(&giver, &hog));
	hog_zone(&hog, &zones[ZONE_DMA], zone == &zones[ZONE_DMA] ? zone->wmark[WMARK_LOW] : 0);
	hog_all(&hog);
	EXPECT_EQ(nr_free_pages_below(ZONE_NORMAL), 0);
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
	struct list_head hog = LIST_HEAD_INIT(hog);
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
