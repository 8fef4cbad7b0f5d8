/* SPDX-License-Identifier: MIT */
/* Overload: scull's hog swallows all memory that ordinary requests get, and the kernel stays usable. */
#include <tests/ktest.h>

#include <drivers/scull.h>
#include <kernel/arch/clock.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/pressure.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

#define FILL_MS	   60000u /* for the largest machine, emulated */
#define ANSWER_MS  10000u
#define LEFT_PAGES 4096u

static bool hog_was_refused(void)
{
	struct scull_hog_stat stat;

	scull_hog_stat(&stat);
	return stat.nr_refused != 0;
}

static bool hog_has_ended(void)
{
	struct scull_hog_stat stat;

	scull_hog_stat(&stat);
	return !stat.is_running;
}

static bool wait_until(bool (*is_so)(void))
{
	uint64_t end = clock_now_ms() + FILL_MS;

	while (!is_so() && clock_now_ms() < end)
		msleep(4);
	return is_so();
}

/* Pages that ordinary requests could still have. */
static size_t nr_left(void)
{
	const struct zone *zone;
	size_t nr = 0;

	for_each_zone(zone)
		if (zone->id <= ZONE_NORMAL && zone_has_memory(zone))
			nr += zone->nr_free - MIN(zone->nr_free, zone_floor(zone, ZONE_NORMAL));
	return nr;
}

static bool all_zones_are_above(enum watermark mark)
{
	const struct zone *zone;

	for_each_zone(zone)
		if (zone_has_memory(zone) && zone->nr_free < zone->wmark[mark])
			return false;
	return true;
}

static int end_hog(void *unused)
{
	(void)unused;
	return scull_hog_stop();
}

/* Result: that of end_hog(); an error when no thread could be started. */
static int end_hog_in_new_thread(void)
{
	struct thread *thread = kthread_create(end_hog, NULL, "rescue");
	int result;

	if (IS_ERR(thread))
		return (int)PTR_ERR(thread);
	thread_get(thread);
	wake_up_process(thread);
	wait_for_completion(&thread->exited);
	result = thread->exit_code;
	thread_put(thread);
	return result;
}

KTEST(scull_hog, under_overload_the_monitor_answers_and_a_new_thread_ends_the_hog, "C5")
{
	size_t before;

	settle_stacks();
	pcp_keep_closed(true);
	before = nr_free_pages();
	EXPECT_EQ(scull_hog_start(), 0);
	EXPECT(wait_until(hog_was_refused));
	ktest_note("%zu pages swallowed, %zu of low memory free, %zu ordinary requests could have",
		   scull_hog_pages(), nr_free_pages_below(ZONE_NORMAL), nr_left());
	EXPECT(nr_left() < 16);
	EXPECT(monitor_answers("meminfo", "MemFree:", ANSWER_MS));
	EXPECT(monitor_answers("scull stat", "hog: runs", ANSWER_MS));
	EXPECT(monitor_answers("time", "seconds since boot", ANSWER_MS));
	EXPECT(monitor_answers("kmalloc 100000 kernel|nowarn", "kmalloc: NULL", ANSWER_MS));
	EXPECT_EQ(end_hog_in_new_thread(), 0);
	if (!hog_has_ended())
		(void)scull_hog_stop();
	EXPECT(all_zones_are_above(WMARK_HIGH));
	EXPECT(settle_all_is_back(before));
	pcp_keep_closed(false);
}

/* What the hog need not fill first: it takes seconds on a large machine. */
static void take_most(struct list_head *taken)
{
	struct zone *zone;

	for_each_zone(zone)
		if (zone->id <= ZONE_NORMAL && zone_has_memory(zone))
			hog_zone(taken, zone, zone_floor(zone, ZONE_NORMAL) + LEFT_PAGES);
}

KTEST(scull_hog, an_expendable_hog_is_killed_and_all_comes_back, "C5 R4")
{
	size_t before, nr_kills = mm_event_count[EVENT_OOM_KILL];
	struct list_head taken = LIST_HEAD_INIT(taken);

	settle_stacks();
	pcp_keep_closed(true);
	before = nr_free_pages();
	take_most(&taken);
	expect_reports();
	EXPECT_EQ(scull_hog_start_expendable(), 0);
	EXPECT(wait_until(hog_has_ended));
	EXPECT_EQ(mm_event_count[EVENT_OOM_KILL], nr_kills + 1);
	EXPECT_ONE_REPORT("killed scull-hog, which holds");
	ktest_note("%s", report_at(0));
	EXPECT_EQ(scull_hog_stop(), 0);
	hog_release(&taken);
	EXPECT(settle_all_is_back(before));
	pcp_keep_closed(false);
}
