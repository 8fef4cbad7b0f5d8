/* SPDX-License-Identifier: MIT */
/* Handlers that return with something in their hands: reported by name, once each, and set right, however
 * often. Guest only. */
#include <kernel/core/handler.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/cpu.h>
#include <kernel/core/irq.h>
#include <kernel/core/softirq.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <mm/mapped/highmem.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/fault.h>
#include <tests/kernel/test_util.h>

#define NR_ROUNDS (KMAP_SLOTS + 4) /* more than there are windows */

#define LEFT(who) "BUG: " who " returned with 1 more kmap_local windows mapped"

static struct {
	struct page *page;
	void *window;
	volatile unsigned int nr_runs;
	enum way { LOCAL, ATOMIC, NUMBERED } way;
} h;

static void keep_window(void)
{
	if (h.way == NUMBERED)
		h.window = kmap_atomic_numbered(h.page, 3);
	else
		h.window = h.way == ATOMIC ? kmap_atomic(h.page) : kmap_local_page(h.page);
	h.nr_runs++;
}

static void leaky_timer(unsigned long unused)
{
	(void)unused;
	keep_window();
}

static void leaky_tasklet(unsigned long unused)
{
	(void)unused;
	keep_window();
}

static irqreturn_t leaky_handler(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	keep_window();
	return IRQ_HANDLED;
}

static void leaky_softirq(void)
{
	keep_window();
}

static int leaky_thread(void *unused)
{
	(void)unused;
	keep_window();
	return 0;
}

/* It gives back what is the interrupted thread's. */
static irqreturn_t thieving_handler(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	kunmap_local(h.window);
	h.nr_runs++;
	return IRQ_HANDLED;
}

static void run_timer(void)
{
	struct timer_list timer;

	setup_timer(&timer, leaky_timer, 0);
	(void)mod_timer(&timer, jiffies + 1);
	msleep(20);
	(void)del_timer_sync(&timer);
}

static void run_tasklet(void)
{
	struct tasklet_struct tasklet;

	tasklet_init(&tasklet, leaky_tasklet, 0);
	tasklet_schedule(&tasklet);
	msleep(5);
	tasklet_kill(&tasklet);
}

static void run_softirq(void)
{
	softirq_set_handler(SOFTIRQ_TEST, "leaky", leaky_softirq);
	raise_softirq(SOFTIRQ_TEST);
	msleep(5);
}

static void interrupt_once(irq_handler_t handler)
{
	unsigned int before = h.nr_runs;

	if (request_irq(APIC_TIMER_IRQ, handler, 0, "leaky", &h) != 0)
		return;
	apic_timer_oneshot(1000, (uint8_t)IRQ_VECTOR(APIC_TIMER_IRQ));
	for (unsigned long end = jiffies + 100; h.nr_runs == before && time_before(jiffies, end);)
		cpu_relax();
	free_irq(APIC_TIMER_IRQ, &h);
}

static void run_handler(void)
{
	interrupt_once(leaky_handler);
}

static void run_thread(void)
{
	struct thread *thread = kthread_create(leaky_thread, NULL, "leaky");

	if (IS_ERR(thread))
		return;
	thread_get(thread);
	wake_up_process(thread);
	wait_for_completion(&thread->exited);
	thread_put(thread);
	msleep(20); /* its stack goes back */
}

/* `text` names the kind and the function. */
static void expect_set_right(void (*run)(void), enum way way, const char *text)
{
	uintptr_t top = this_cpu_read(kmap_top);
	unsigned int nr_before;

	h.way = way;
	h.page = alloc_page(GFP_HIGHUSER);
	h.nr_runs = 0;
	REQUIRE(h.page && page_is_highmem(h.page));
	expect_reports();
	nr_before = reports_count();
	for (unsigned int i = 0; i < NR_ROUNDS; i++) {
		run();
		EXPECT_EQ(h.nr_runs, i + 1);
		EXPECT_EQ(reports_count(), nr_before + i + 1);
		EXPECT(i != 0 || one_report_says(text));
		EXPECT_EQ(this_cpu_read(kmap_top), top);
		EXPECT_EQ(preempt_count(), 0);
		EXPECT(read_faults(h.window));
	}
	__free_page(h.page);
}

KTEST(handler, a_timer_that_keeps_a_window_is_reported_and_set_right, "H1 P9")
{
	MACHINE_STAYS_AS_FOUND();

	NEEDS_HIGH_PAGES(1);
	expect_set_right(run_timer, LOCAL, LEFT("timer leaky_timer"));
}

KTEST(handler, a_timer_that_leaves_preemption_off_is_reported_and_set_right, "H1 P9")
{
	MACHINE_STAYS_AS_FOUND();

	NEEDS_HIGH_PAGES(1);
	expect_set_right(run_timer, ATOMIC, LEFT("timer leaky_timer"));
}

KTEST(handler, a_timer_that_keeps_a_window_with_a_number_is_reported_and_set_right, "H1 P9")
{
	MACHINE_STAYS_AS_FOUND();

	NEEDS_HIGH_PAGES(1);
	expect_set_right(run_timer, NUMBERED, LEFT("timer leaky_timer"));
	EXPECT_EQ(this_cpu_read(kmap_numbers), 0);
}

KTEST(handler, a_tasklet_that_keeps_a_window_is_reported_and_set_right, "H1 P9")
{
	MACHINE_STAYS_AS_FOUND();

	NEEDS_HIGH_PAGES(1);
	expect_set_right(run_tasklet, LOCAL, LEFT("tasklet leaky_tasklet"));
}

KTEST(handler, a_softirq_that_keeps_a_window_is_reported_and_set_right, "H1 P9")
{
	MACHINE_STAYS_AS_FOUND();

	NEEDS_HIGH_PAGES(1);
	expect_set_right(run_softirq, LOCAL, LEFT("softirq leaky_softirq"));
	softirq_set_handler(SOFTIRQ_TEST, NULL, NULL);
}

KTEST(handler, an_interrupt_that_keeps_a_window_is_reported_and_set_right, "H1 P9 C4")
{
	MACHINE_STAYS_AS_FOUND();

	NEEDS_HIGH_PAGES(1);
	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	expect_set_right(run_handler, LOCAL, LEFT("irq handler leaky_handler"));
}

KTEST(handler, an_interrupt_that_leaves_preemption_off_is_reported_and_set_right, "H1 P9 C4")
{
	MACHINE_STAYS_AS_FOUND();

	NEEDS_HIGH_PAGES(1);
	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	expect_set_right(run_handler, ATOMIC, LEFT("irq handler leaky_handler"));
}

KTEST(handler, a_thread_that_ends_with_a_window_is_reported, "H1 P9")
{
	MACHINE_STAYS_AS_FOUND();

	NEEDS_HIGH_PAGES(1);
	expect_set_right(run_thread, LOCAL, LEFT("thread leaky_thread"));
}

KTEST(handler, a_window_that_an_interrupt_gives_back_for_a_thread_stays_the_threads, "H1 P9 C4")
{
	MACHINE_STAYS_AS_FOUND();
	uint32_t *window;

	NEEDS_HIGH_PAGES(1);
	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	h.page = alloc_page(GFP_HIGHUSER | __GFP_ZERO);
	REQUIRE(h.page && page_is_highmem(h.page));
	h.window = window = kmap_local_page(h.page);
	expect_reports();
	interrupt_once(thieving_handler);
	EXPECT_ONE_REPORT("BUG: irq handler thieving_handler returned with -1 more kmap_local window");
	window[1] = 7;
	EXPECT_EQ(window[1], 7);
	kunmap_local(window);
	EXPECT(read_faults(window));
	__free_page(h.page);
}
