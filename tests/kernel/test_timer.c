/* SPDX-License-Identifier: MIT */
/* Timers: order, time, and taking them back. Real ticks drive them. */
#include <tests/ktest.h>

#include <kernel/arch/clock.h>
#include <kernel/arch/irqflags.h>
#include <kernel/core/preempt.h>
#include <kernel/core/softirq.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>

#define NR_TIMERS 64

static struct {
	unsigned int nr_fired, nr_early, nr_late;
	unsigned long order[NR_TIMERS]; /* expires, as they fired */
	struct timer_list timers[NR_TIMERS];
	bool was_softirq, had_interrupts;
	char context[40];
} log;

static void note_firing(unsigned long data)
{
	struct timer_list *timer = &log.timers[data];

	if (time_before(jiffies, timer->expires))
		log.nr_early++;
	if (log.nr_fired < NR_TIMERS)
		log.order[log.nr_fired] = timer->expires;
	log.nr_fired++;
	log.was_softirq = in_serving_softirq() && !in_irq();
	log.had_interrupts = !irqs_disabled();
	context_describe(log.context, sizeof(log.context));
}

static void log_reset(void)
{
	memset(&log, 0, sizeof(log));
	for (unsigned int i = 0; i < NR_TIMERS; i++)
		setup_timer(&log.timers[i], note_firing, i);
}

static void sleep_until_fired(unsigned int nr, unsigned int ticks)
{
	unsigned long end = jiffies + ticks;

	while (log.nr_fired < nr && time_before(jiffies, end))
		msleep(4);
}

static void expect_in_order(unsigned int nr)
{
	EXPECT_EQ(log.nr_fired, nr);
	EXPECT_EQ(log.nr_early, 0);
	for (unsigned int i = 1; i < MIN(nr, NR_TIMERS); i++)
		EXPECT(time_after_eq(log.order[i], log.order[i - 1]));
}

KTEST(timer, ticks_come_by_themselves_at_their_rate, "C2")
{
	unsigned long start_tick = jiffies;
	uint64_t start = clock_now_ms();
	uint32_t ticks, expected;

	while (jiffies - start_tick < 50 && clock_now_ms() - start < 5000)
		;
	ticks = (uint32_t)(jiffies - start_tick);
	expected = (uint32_t)(clock_now_ms() - start) * HZ / 1000;
	EXPECT(ticks >= 50);
	ktest_note("%u ticks in a time for %u", ticks, expected);
}

KTEST(timer, a_timer_runs_once_as_a_softirq_and_not_early, "C2")
{
	log_reset();
	log.timers[0].expires = jiffies + 3;
	add_timer(&log.timers[0]);
	EXPECT(timer_pending(&log.timers[0]));
	sleep_until_fired(1, 100);
	msleep(20);
	EXPECT_EQ(log.nr_fired, 1);
	EXPECT_EQ(log.nr_early, 0);
	EXPECT(log.was_softirq && log.had_interrupts);
	EXPECT(strcmp(log.context, "timer note_firing") == 0);
	EXPECT(!timer_pending(&log.timers[0]));
}

KTEST(timer, timers_run_in_the_order_of_their_ticks, "C2")
{
	struct random random = {0x5eed};

	log_reset();
	for (unsigned int i = 0; i < NR_TIMERS; i++)
		mod_timer(&log.timers[i], jiffies + 1 + random_below(&random, 60));
	sleep_until_fired(NR_TIMERS, 400);
	expect_in_order(NR_TIMERS);
}

/* Level 1 of the wheel begins 256 ticks ahead. */
KTEST(timer, timers_of_higher_levels_come_down_in_order_and_on_time, "C2")
{
	log_reset();
	for (unsigned int i = 0; i < 20; i++)
		mod_timer(&log.timers[i], jiffies + 250 + (i * 7) % 20);
	sleep_until_fired(20, 1000);
	expect_in_order(20);
}

KTEST(timer, a_tick_that_is_past_is_the_next_one, "C2")
{
	log_reset();
	mod_timer(&log.timers[0], jiffies - 5000);
	sleep_until_fired(1, 100);
	EXPECT_EQ(log.nr_fired, 1);
}

KTEST(timer, deleted_and_moved_timers_run_when_told_or_not_at_all, "C2")
{
	log_reset();
	EXPECT_EQ(del_timer(&log.timers[0]), 0);
	EXPECT_EQ(mod_timer(&log.timers[0], jiffies + 2), 0);
	EXPECT_EQ(mod_timer(&log.timers[1], jiffies + 2), 0);
	EXPECT_EQ(del_timer_sync(&log.timers[0]), 1);
	EXPECT_EQ(mod_timer(&log.timers[1], jiffies + 30), 1);
	msleep(40);
	EXPECT_EQ(log.nr_fired, 0);
	sleep_until_fired(1, 200);
	EXPECT_EQ(log.nr_fired, 1);
	EXPECT_EQ(log.nr_early, 0);
}

static void rearm(unsigned long data)
{
	note_firing(data);
	if (log.nr_fired < 5)
		mod_timer(&log.timers[data], jiffies + 1);
}

KTEST(timer, a_function_may_add_its_own_timer_again, "C2")
{
	log_reset();
	log.timers[0].function = rearm;
	mod_timer(&log.timers[0], jiffies + 1);
	sleep_until_fired(5, 200);
	msleep(20);
	EXPECT_EQ(log.nr_fired, 5);
}

KTEST(timer, comparing_ticks_survives_the_wrap, "EXH-05")
{
	EXPECT(time_after(2ul, (unsigned long)-3));
	EXPECT(time_before((unsigned long)-3, 2ul));
	EXPECT(time_after_eq(5ul, 5ul));
	EXPECT(!time_after(5ul, 5ul));
	EXPECT_EQ(msecs_to_jiffies(0), 0);
	EXPECT_EQ(msecs_to_jiffies(1), 1);
	EXPECT_EQ(msecs_to_jiffies(1000), HZ);
	EXPECT_EQ(msecs_to_jiffies(UINT32_MAX), MAX_JIFFY_OFFSET);
}

/* In ticks: an emulator that was held up delivers them in bunches, faster than its clock. */
KTEST(timer, msleep_is_never_shorter_than_asked, "C2")
{
	for (unsigned int ms = 1; ms < 30; ms += 9) {
		unsigned long start = jiffies;

		msleep(ms);
		EXPECT(jiffies - start > msecs_to_jiffies(ms));
	}
}

static struct timer_list greedy;
static volatile unsigned int nr_greedy;

/* Longer than a tick, so that the next is due before it ends. */
static void take_two_ticks(unsigned long unused)
{
	unsigned long begin = jiffies;

	(void)unused;
	nr_greedy++;
	while (jiffies - begin < 2)
		barrier();
	if (nr_greedy < 1000)
		(void)mod_timer(&greedy, jiffies);
}

KTEST(timer, a_timer_that_takes_two_ticks_and_adds_itself_again_leaves_the_cpu_to_others, "C5 C2")
{
	unsigned long begin = jiffies;

	nr_greedy = 0;
	setup_timer(&greedy, take_two_ticks, 0);
	(void)mod_timer(&greedy, jiffies + 1);
	while (nr_greedy < 2) /* from here on it never stops by itself */
		yield();
	msleep(20);
	EXPECT(nr_greedy < 100);
	(void)del_timer_sync(&greedy);
	EXPECT(jiffies - begin < 400);
}
