/* SPDX-License-Identifier: MIT */
/* Real interrupts: the timer of the local APIC at a moment of our choosing, the tick, the serial port. */
#include <tests/ktest.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/trap.h>
#include <kernel/core/err.h>
#include <kernel/core/irq.h>
#include <kernel/core/preempt.h>
#include <kernel/core/softirq.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/string.h>

#define VECTOR	    ((uint8_t)IRQ_VECTOR(APIC_TIMER_IRQ))
#define WAIT_MS	    2000
#define SOFT_INT(n) __asm__ volatile("int %0" ::"i"(n) : "memory")

static struct {
	volatile unsigned int nr, depth, max_depth;
	volatile bool was_irq, had_interrupts_off;
	const char *context;
	bool nests;
} seen;

static void wait_for(volatile unsigned int *counter, unsigned int value)
{
	uint64_t end = clock_now_ms() + WAIT_MS;

	while (*counter < value && clock_now_ms() < end)
		;
}

static irqreturn_t note_irq(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	if (++seen.depth > seen.max_depth)
		seen.max_depth = seen.depth;
	seen.was_irq = in_irq() && in_interrupt() && in_atomic();
	seen.had_interrupts_off = irqs_disabled();
	seen.context = context_name();
	seen.nr++;
	if (seen.nests && seen.nr == 1) {
		unsigned long tick = jiffies;

		irq_enable();
		apic_timer_oneshot(1000, VECTOR); /* our own source: must wait until we return */
		while (jiffies - tick < 3)
			;
	}
	seen.depth--;
	return IRQ_HANDLED;
}

static bool connect(void)
{
	memset(&seen, 0, sizeof(seen));
	return apic_is_on() && request_irq(APIC_TIMER_IRQ, note_irq, 0, "test", &seen) == 0;
}

KTEST(irq, a_one_shot_interrupt_arrives_once_in_its_context, "C2")
{
	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	REQUIRE(connect());
	apic_timer_oneshot(100000, VECTOR);
	wait_for(&seen.nr, 1);
	msleep(8);
	EXPECT_EQ(seen.nr, 1);
	EXPECT(seen.was_irq && seen.had_interrupts_off);
	EXPECT(seen.context && strcmp(seen.context, "hard irq") == 0);
	EXPECT_EQ(apic_timer_left(), 0);
	EXPECT(!in_atomic() && !irqs_disabled());
	free_irq(APIC_TIMER_IRQ, &seen);
}

KTEST(irq, switched_off_it_waits_until_they_are_on_again, "C2")
{
	irqflags_t flags;
	uint64_t end;

	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	REQUIRE(connect());
	flags = irq_save();
	apic_timer_oneshot(1000, VECTOR);
	end = clock_now_us() + 3000;
	while (clock_now_us() < end)
		;
	EXPECT_EQ(seen.nr, 0);
	irq_restore(flags);
	wait_for(&seen.nr, 1);
	EXPECT_EQ(seen.nr, 1);
	free_irq(APIC_TIMER_IRQ, &seen);
}

KTEST(irq, handlers_nest_but_never_in_themselves, "C4")
{
	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	REQUIRE(connect());
	seen.nests = true;
	apic_timer_oneshot(1000, VECTOR);
	wait_for(&seen.nr, 2);
	EXPECT_EQ(seen.nr, 2);
	EXPECT_EQ(seen.max_depth, 1);
	EXPECT(irq_max_nesting() >= 2);
	EXPECT_EQ(preempt_count(), 0);
	free_irq(APIC_TIMER_IRQ, &seen);
}

static irqreturn_t ignore_irq(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	return IRQ_NONE;
}

KTEST(irq, requests_are_checked_and_sharing_is_agreed_by_all, "C2")
{
	int a, b;

	EXPECT_EQ(request_irq(IRQ_NR_SOURCES, ignore_irq, 0, "x", &a), -EINVAL);
	EXPECT_EQ(request_irq(5, NULL, 0, "x", &a), -EINVAL);
	EXPECT_EQ(request_irq(0, ignore_irq, 0, "x", &a), -EBUSY);
	EXPECT_EQ(request_irq(5, ignore_irq, IRQF_SHARED, "a", &a), 0);
	EXPECT_EQ(request_irq(5, ignore_irq, 0, "b", &b), -EBUSY);
	EXPECT_EQ(request_irq(5, ignore_irq, IRQF_SHARED, "b", &b), 0);
	free_irq(5, &a);
	free_irq(5, &b);
	EXPECT_EQ(request_irq(5, ignore_irq, 0, "c", &a), 0);
	EXPECT_EQ(request_irq(5, ignore_irq, IRQF_SHARED, "b", &b), -EBUSY);
	free_irq(5, &a);
}

static volatile unsigned int nr_second;

static irqreturn_t count_second(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	nr_second++;
	return IRQ_HANDLED;
}

/* The next request, here of another source, may get what is given back. */
static irqreturn_t leave_in_the_middle(int irq, void *dev)
{
	seen.nr++;
	free_irq((unsigned int)irq, dev);
	EXPECT_EQ(request_irq(5, ignore_irq, 0, "another", &seen.nests), 0);
	return IRQ_HANDLED;
}

KTEST(irq, a_handler_that_takes_itself_away_cuts_off_nobody_behind_it, "C2 C4")
{
	static int first, second;

	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	memset(&seen, 0, sizeof(seen));
	nr_second = 0;
	REQUIRE(request_irq(APIC_TIMER_IRQ, leave_in_the_middle, IRQF_SHARED, "first", &first) == 0);
	EXPECT_EQ(request_irq(APIC_TIMER_IRQ, count_second, IRQF_SHARED, "second", &second), 0);
	apic_timer_oneshot(1000, VECTOR);
	wait_for(&nr_second, 1);
	EXPECT(seen.nr == 1 && nr_second == 1);
	apic_timer_oneshot(1000, VECTOR);
	wait_for(&nr_second, 2);
	EXPECT(seen.nr == 1 && nr_second == 2);
	free_irq(APIC_TIMER_IRQ, &second);
	free_irq(5, &seen.nests);
	EXPECT_EQ(request_irq(APIC_TIMER_IRQ, ignore_irq, 0, "alone", &first),
		  0); /* nobody is left in the list */
	free_irq(APIC_TIMER_IRQ, &first);
}

KTEST(irq, statistics_count_the_tick, "C2")
{
	struct irq_stat before, after;

	EXPECT(irq_stat(0, &before));
	msleep(20);
	EXPECT(irq_stat(0, &after));
	EXPECT(after.nr >= before.nr + 5);
	EXPECT(after.name && strcmp(after.name, "timer") == 0);
	EXPECT(!irq_stat(IRQ_NR_SOURCES, &after));
}

/* int 0x27 is line 7 without anything in service at the 8259. */
KTEST(irq, spurious_and_stray_interrupts_are_counted_and_stray_ones_reported_once, "C2")
{
	struct irq_stat before, after;
	uint32_t strays = irq_nr_strays();

	EXPECT(irq_stat(7, &before));
	reports_capture();
	SOFT_INT(0x27);
	SOFT_INT(0x27);
	SOFT_INT(0x2f);
	SOFT_INT(0x81);
	SOFT_INT(0x81);
	EXPECT(irq_stat(7, &after));
	EXPECT_EQ(after.nr_spurious, before.nr_spurious + 2);
	EXPECT_EQ(irq_nr_strays(), strays + 2);
	if (strays == 0) {
		EXPECT_EQ(reports_count(), 1);
		EXPECT(reports_contain("stray interrupt, vector 0x81"));
	}
	EXPECT_EQ(preempt_count(), 0);
}

/* --- softirqs and tasklets --- */

static struct {
	volatile unsigned int nr, nr_again;
	volatile bool was_softirq, had_interrupts;
	char context[40];
	unsigned int limit;
} soft;

static void note_tasklet(unsigned long data);
static DECLARE_TASKLET(tasklet, note_tasklet, 5);

static void note_tasklet(unsigned long data)
{
	soft.nr += data == 5;
	soft.was_softirq = in_softirq() && !in_irq() && in_interrupt() && in_atomic();
	soft.had_interrupts = !irqs_disabled();
	context_describe(soft.context, sizeof(soft.context));
	if (soft.nr < soft.limit)
		tasklet_schedule(&tasklet);
}

static irqreturn_t schedule_tasklet_thrice(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	tasklet_schedule(&tasklet);
	tasklet_schedule(&tasklet);
	tasklet_schedule(&tasklet);
	seen.nr++;
	EXPECT_EQ(soft.nr, 0);
	return IRQ_HANDLED;
}

KTEST(irq, a_tasklet_scheduled_thrice_runs_once_after_the_interrupt, "C2")
{
	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	memset(&soft, 0, sizeof(soft));
	memset(&seen, 0, sizeof(seen));
	REQUIRE(request_irq(APIC_TIMER_IRQ, schedule_tasklet_thrice, 0, "test", &seen) == 0);
	apic_timer_oneshot(1000, VECTOR);
	wait_for(&soft.nr, 1);
	msleep(12);
	EXPECT_EQ(soft.nr, 1);
	EXPECT(soft.was_softirq && soft.had_interrupts);
	EXPECT(strcmp(soft.context, "tasklet note_tasklet") == 0);
	free_irq(APIC_TIMER_IRQ, &seen);
}

KTEST(irq, a_disabled_tasklet_waits_and_a_killed_one_never_runs, "C2")
{
	memset(&soft, 0, sizeof(soft));
	tasklet_disable(&tasklet);
	tasklet_schedule(&tasklet);
	msleep(12);
	EXPECT_EQ(soft.nr, 0);
	tasklet_enable(&tasklet);
	msleep(12);
	EXPECT_EQ(soft.nr, 1);
	local_bh_disable();
	tasklet_schedule(&tasklet);
	tasklet_disable(&tasklet); /* queued already */
	local_bh_enable();
	msleep(12);
	EXPECT_EQ(soft.nr, 1);
	tasklet_schedule(&tasklet);
	tasklet_kill(&tasklet);
	tasklet_enable(&tasklet);
	msleep(12);
	EXPECT_EQ(soft.nr, 1);
}

KTEST(irq, a_tasklet_that_schedules_itself_leaves_the_cpu_to_others, "C5")
{
	uint64_t start = clock_now_ms();

	memset(&soft, 0, sizeof(soft));
	soft.limit = UINT32_MAX;
	tasklet_schedule(&tasklet);
	msleep(40);
	soft.limit = 0;
	msleep(8);
	EXPECT(clock_now_ms() - start < 1500);
	EXPECT(soft.nr > 10);
	tasklet_kill(&tasklet);
}

static void note_softirq(void)
{
	soft.nr++;
	context_describe(soft.context, sizeof(soft.context));
}

KTEST(irq, a_softirq_raised_while_they_are_off_runs_when_they_are_on, "C2")
{
	memset(&soft, 0, sizeof(soft));
	softirq_set_handler(SOFTIRQ_TEST, "test", note_softirq);
	local_bh_disable();
	raise_softirq(SOFTIRQ_TEST);
	EXPECT(in_softirq() && !in_serving_softirq());
	for (unsigned long tick = jiffies; jiffies - tick < 3;)
		;
	EXPECT_EQ(soft.nr, 0);
	local_bh_enable();
	EXPECT_EQ(soft.nr, 1);
	EXPECT(strcmp(soft.context, "softirq test") == 0);
	EXPECT_EQ(preempt_count(), 0);
	softirq_set_handler(SOFTIRQ_TEST, NULL, NULL);
}

/* --- spinlocks --- */

static struct spinlock lock = SPINLOCK_INIT("tested");

static void take_twice(void *unused)
{
	(void)unused;
	spin_lock(&lock);
	spin_lock(&lock);
}

static void release_free_lock(void *unused)
{
	(void)unused;
	spin_lock_init(&lock, "tested");
	spin_unlock(&lock);
}

static void release_with_interrupts_on(void *unused)
{
	irqflags_t flags = spin_lock_irqsave(&lock);

	(void)unused;
	irq_enable();
	spin_unlock_irqrestore(&lock, flags);
}

static void expect_panic(void (*fn)(void *), const char *text)
{
	struct trap_info info;

	spin_lock_init(&lock, "tested");
	EXPECT(trap_expect(fn, NULL, &info));
	EXPECT_EQ(info.vector, TRAP_PANIC);
	EXPECT(info.panic_text && strstr(info.panic_text, text));
	EXPECT_EQ(preempt_count(), 0);
	EXPECT(!irqs_disabled());
	spin_lock_init(&lock, "tested");
}

KTEST(irq, a_misused_spinlock_panics_with_its_name, "C4")
{
	expect_panic(take_twice, "spinlock tested: taken by a CPU that holds it (owner: cpu 0)");
	expect_panic(release_free_lock,
		     "spinlock tested: released by a CPU that does not hold it (owner: none)");
	expect_panic(release_with_interrupts_on, "spinlock tested: released with interrupts on");
}

KTEST(irq, spinlocks_save_and_restore_and_can_be_tried, "C4")
{
	irqflags_t outer, inner;
	struct spinlock second = SPINLOCK_INIT("second");

	outer = spin_lock_irqsave(&lock);
	inner = spin_lock_irqsave(&second);
	EXPECT(!spin_trylock(&second));
	spin_unlock_irqrestore(&second, inner);
	EXPECT(irqs_disabled());
	EXPECT(in_atomic());
	spin_unlock_irqrestore(&lock, outer);
	EXPECT(!irqs_disabled() && !in_atomic());
	EXPECT(spin_trylock(&second));
	EXPECT(in_atomic());
	spin_unlock(&second);
	EXPECT(!in_atomic());
}
