/* SPDX-License-Identifier: MIT */
/* Which context is which, and the report of a sleeping function where nobody may sleep. */
#include <tests/ktest.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/irqflags.h>
#include <kernel/core/irq.h>
#include <kernel/core/mutex.h>
#include <kernel/core/preempt.h>
#include <kernel/core/softirq.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/highmem.h>
#include <linux/slab.h>
#include <mm/port.h>

/* A row of the table: what the predicates say in a context, as text. */
struct answers {
	const char *name;
	char bits[8]; /* in_irq in_softirq in_interrupt in_atomic may_sleep irqs_disabled */
	bool filled;
};

static struct answers answers;

static void ask(void)
{
	const bool is[] = {in_irq(),	in_softirq(),	     in_interrupt(),
			   in_atomic(), context_may_sleep(), irqs_disabled()};

	for (unsigned int i = 0; i < ARRAY_SIZE(is); i++)
		answers.bits[i] = is[i] ? 'y' : '-';
	answers.bits[ARRAY_SIZE(is)] = '\0';
	answers.name = context_name();
	answers.filled = true;
}

static void (*in_context)(void);

static void expect_answers(const char *name, const char *bits)
{
	uint64_t end = clock_now_ms() + 30000;

	while (!READ_ONCE(answers.filled) && clock_now_ms() < end)
		;
	REQUIRE(answers.filled);
	EXPECT(strcmp(answers.name, name) == 0);
	EXPECT(strcmp(answers.bits, bits) == 0);
	ktest_note("%s %s", answers.bits, answers.name);
	answers.filled = false;
}

static bool irq_came;

static irqreturn_t run_in_irq(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	if (in_softirq()) { /* it happened to interrupt one: not the row that is asked for */
		apic_timer_oneshot(1000, (uint8_t)IRQ_VECTOR(APIC_TIMER_IRQ));
		return IRQ_HANDLED;
	}
	in_context();
	WRITE_ONCE(irq_came, true);
	return IRQ_HANDLED;
}

static void run_in_tasklet(unsigned long unused)
{
	(void)unused;
	in_context();
}

static void run_in_softirq(void)
{
	in_context();
}

static DECLARE_TASKLET(tasklet, run_in_tasklet, 0);
static DEFINE_TIMER(timer, run_in_tasklet, 0, 0);
static struct spinlock lock = SPINLOCK_INIT("context");

static void call_in_irq(void)
{
	if (request_irq(APIC_TIMER_IRQ, run_in_irq, 0, "context", &lock) != 0)
		return;
	irq_came = false;
	apic_timer_oneshot(1000, (uint8_t)IRQ_VECTOR(APIC_TIMER_IRQ));
	for (unsigned int i = 0; i < 1000 && !READ_ONCE(irq_came); i++) /* a busy host may be late */
		msleep(8);
	free_irq(APIC_TIMER_IRQ, &lock);
}

static void call_in_softirq(void)
{
	softirq_set_handler(SOFTIRQ_TEST, "test", run_in_softirq);
	raise_softirq(SOFTIRQ_TEST);
	msleep(8);
	softirq_set_handler(SOFTIRQ_TEST, NULL, NULL);
}

static void call_in_tasklet(void)
{
	tasklet_schedule(&tasklet);
	msleep(8);
}

static void call_in_timer(void)
{
	mod_timer(&timer, jiffies + 1);
	msleep(12);
}

static void call_without_preemption(void)
{
	preempt_disable();
	in_context();
	preempt_enable();
}

static void call_under_spinlock(void)
{
	spin_lock(&lock);
	in_context();
	spin_unlock(&lock);
}

static void call_under_irq_spinlock(void)
{
	irqflags_t flags = spin_lock_irqsave(&lock);

	in_context();
	spin_unlock_irqrestore(&lock, flags);
}

static void call_without_softirqs(void)
{
	local_bh_disable();
	in_context();
	local_bh_enable();
}

static void call_without_interrupts(void)
{
	irqflags_t flags = irq_save();

	in_context();
	irq_restore(flags);
}

static void call_in_process(void)
{
	in_context();
}

static const struct {
	void (*call)(void);
	const char *name, *bits; /* in_irq in_softirq in_interrupt in_atomic may_sleep irqs_disabled */
	const char *described;
} contexts[] = {
	{call_in_process, "process", "----y-", "process"},
	{call_without_preemption, "preemption off", "---y--", "preemption off"},
	{call_under_spinlock, "spinlock", "---y--", "spinlock"},
	{call_under_irq_spinlock, "spinlock", "---y-y", "spinlock"},
	{call_without_softirqs, "softirqs off", "-yyy--", "softirqs off"},
	{call_without_interrupts, "interrupts off", "-----y", "interrupts off"},
	{call_in_softirq, "softirq", "-yyy--", "softirq test"},
	{call_in_tasklet, "tasklet", "-yyy--", "tasklet run_in_tasklet"},
	{call_in_timer, "timer", "-yyy--", "timer run_in_tasklet"},
	{call_in_irq, "hard irq", "y-yy-y", "hard irq"},
};

static bool is_possible(unsigned int i)
{
	return contexts[i].call != call_in_irq || apic_is_on();
}

KTEST(context, each_context_has_its_name_and_its_answers, "C1 GFP-01")
{
	in_context = ask;
	for (unsigned int i = 0; i < ARRAY_SIZE(contexts); i++) {
		if (!is_possible(i))
			continue;
		contexts[i].call();
		expect_answers(contexts[i].name, contexts[i].bits);
		EXPECT_EQ(preempt_count(), 0);
	}
}

static unsigned int nr_refused, nr_allowed, check_line;

static void try_to_sleep(void)
{
	check_line = __LINE__ + 1;
	if (port_check_may_sleep(__FILE__, __LINE__))
		nr_allowed++;
	else
		nr_refused++;
}

static bool some_report_says(const char *a, const char *b)
{
	for (unsigned int i = 0; i < reports_count(); i++)
		if (strstr(report_at(i), a) && strstr(report_at(i), b))
			return true;
	return false;
}

static void expect_report(unsigned int i, unsigned int nr_before)
{
	char place[64];

	EXPECT_EQ(context_nr_reports(), nr_before + 1);
	(void)snprintf(place, sizeof(place), "test_context.c:%u", check_line);
	EXPECT(some_report_says("BUG: sleeping function called from invalid context at", place));
	EXPECT(some_report_says("context: ", contexts[i].described));
	EXPECT(reports_contain(contexts[i].bits[3] == 'y' ? "in_atomic(): 1" : "in_atomic(): 0"));
	EXPECT(reports_contain(contexts[i].bits[5] == 'y' ? "irqs_disabled(): 1" : "irqs_disabled(): 0"));
	EXPECT(some_report_says("try_to_sleep", "+0x"));
}

static void expect_refusal(void (*call)(void))
{
	unsigned int i = 0, nr_before = context_nr_reports();

	while (contexts[i].call != call)
		i++;
	if (!is_possible(i))
		SKIP("the CPU has no local APIC");
	in_context = try_to_sleep;
	context_forget_reports();
	reports_capture();
	nr_refused = nr_allowed = 0;
	call();
	EXPECT_EQ(nr_refused, 1);
	EXPECT_EQ(nr_allowed, 0);
	expect_report(i, nr_before);
}

KTEST(context, a_thread_may_sleep_in_silence, "C1 GFP-02")
{
	unsigned int nr_before = context_nr_reports();

	nr_refused = nr_allowed = 0;
	try_to_sleep();
	EXPECT_EQ(nr_allowed, 1);
	EXPECT_EQ(nr_refused, 0);
	EXPECT_EQ(context_nr_reports(), nr_before);
}

KTEST(context, sleeping_with_preemption_off_is_reported, "C1 GFP-02")
{
	expect_refusal(call_without_preemption);
}

KTEST(context, sleeping_under_a_spinlock_is_reported, "C1 GFP-02")
{
	expect_refusal(call_under_spinlock);
}

KTEST(context, sleeping_under_an_irq_spinlock_is_reported, "C1 GFP-02")
{
	expect_refusal(call_under_irq_spinlock);
}

KTEST(context, sleeping_with_softirqs_off_is_reported, "C1 GFP-02")
{
	expect_refusal(call_without_softirqs);
}

KTEST(context, sleeping_with_interrupts_off_is_reported, "C1 GFP-02")
{
	expect_refusal(call_without_interrupts);
}

KTEST(context, sleeping_in_a_softirq_is_reported, "C1 GFP-02")
{
	expect_refusal(call_in_softirq);
}

KTEST(context, sleeping_in_a_tasklet_is_reported_with_its_name, "C1 GFP-02")
{
	expect_refusal(call_in_tasklet);
}

KTEST(context, sleeping_in_a_timer_is_reported_with_its_name, "C1 GFP-02")
{
	expect_refusal(call_in_timer);
}

KTEST(context, sleeping_in_a_hard_interrupt_is_reported, "C1 GFP-02")
{
	expect_refusal(call_in_irq);
}

KTEST(context, a_place_is_reported_at_once_and_then_not_more_than_once_a_second, "C1")
{
	unsigned int nr_before = context_nr_reports(), nr_lines;

	context_forget_reports();
	reports_capture();
	preempt_disable();
	try_to_sleep();
	nr_lines = reports_count();
	EXPECT(nr_lines >= 3);
	for (int i = 0; i < 100; i++)
		try_to_sleep();
	EXPECT_EQ(reports_count(), nr_lines);
	(void)port_check_may_sleep("elsewhere.c", 1);
	EXPECT(reports_count() > nr_lines);
	preempt_enable();
	EXPECT_EQ(context_nr_reports(), nr_before + 102);
}

KTEST(context, a_mutex_under_a_spinlock_is_reported_although_it_is_free, "C1")
{
	struct mutex mutex = MUTEX_INIT(mutex);

	context_forget_reports();
	reports_capture();
	spin_lock(&lock);
	mutex_lock(&mutex);
	spin_unlock(&lock);
	EXPECT(reports_contain("BUG: sleeping function called from invalid context"));
	EXPECT(reports_contain("context: spinlock"));
	mutex_unlock(&mutex);
}

KTEST(context, messages_name_the_thread_or_the_interrupt, "C1")
{
	EXPECT(strcmp(port_task_name(), current->name) == 0);
	EXPECT(strcmp(port_task_name(), "selftest") == 0);
}

/* --- which flag when: every flag in every context (C6) --- */

static void call_under_kmap_atomic(void)
{
	static struct page *page;
	void *window;

	page = alloc_page(GFP_KERNEL);
	REQUIRE(page);
	window = kmap_atomic(page);
	in_context();
	kunmap_atomic(window);
	__free_page(page);
}

static const struct {
	gfp_t gfp;
	const char *name;
} kinds[] = {
	{GFP_KERNEL, "KERNEL"},
	{GFP_NOFS, "NOFS"},
	{GFP_NOIO, "NOIO"},
	{GFP_ATOMIC, "ATOMIC"},
	{GFP_NOWAIT, "NOWAIT"},
	{GFP_DMA | GFP_KERNEL, "DMA|KERNEL"},
	{GFP_DMA | GFP_ATOMIC, "DMA|ATOMIC"},
	{GFP_USER, "USER"},
};

static struct {
	unsigned int kind, nr_served;
	bool done;
} asked;

/* An object and a page of that kind: served in any context, whatever is said about it. */
static void allocate(void)
{
	gfp_t gfp = kinds[asked.kind].gfp;
	void *object = kmalloc(100, gfp & ~__GFP_MOVABLE);
	struct page *page = alloc_pages(gfp, 0);

	asked.nr_served += object != NULL && page != NULL;
	kfree(object);
	if (page)
		__free_page(page);
	asked.done = true;
}

/* Reports that one visit to the context brought. */
static unsigned int reports_of_visit(void (*call)(void), unsigned int kind)
{
	uint64_t end = clock_now_ms() + 30000;
	unsigned int before = context_nr_reports();

	asked.kind = kind;
	asked.done = false;
	call();
	while (!READ_ONCE(asked.done) && clock_now_ms() < end)
		;
	EXPECT(asked.done);
	return context_nr_reports() - before;
}

/* Interrupts switched off by hand are noticed where the lists have nothing, which depends on the machine. */
static void check_row(void (*call)(void), const char *name, bool atomic, bool by_hand)
{
	char row[128];
	int len = scnprintf(row, sizeof(row), "%-15s", name);

	for (unsigned int kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		bool may_wait = gfp_has(kinds[kind].gfp, __GFP_WAIT);
		unsigned int nr = reports_of_visit(call, kind);

		if (by_hand)
			EXPECT(nr == 0 || (may_wait && nr <= 2));
		else
			EXPECT_EQ(nr, atomic && may_wait ? 2 : 0); /* the object and the page */
		len += scnprintf(row + len, sizeof(row) - (size_t)len, " %-11s", nr ? "reported" : "silent");
	}
	ktest_note("%s", row);
}

KTEST(context, each_flag_in_each_context_is_silent_or_reported_as_the_books_say, "C1 C6 GFP-01 GFP-02")
{
	char head[128];
	int len = scnprintf(head, sizeof(head), "%-15s", "");

	for (unsigned int kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		len += scnprintf(head + len, sizeof(head) - (size_t)len, " %-11s", kinds[kind].name);
	ktest_note("%s", head);

	in_context = allocate;
	context_forget_reports();
	reports_capture();
	asked.nr_served = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(contexts); i++)
		if (is_possible(i))
			check_row(contexts[i].call, contexts[i].name, contexts[i].bits[3] == 'y',
				  contexts[i].call == call_without_interrupts);
	check_row(call_under_kmap_atomic, "kmap_atomic", true, false);
	EXPECT_EQ(asked.nr_served, (ARRAY_SIZE(contexts) + 1 - !apic_is_on()) * ARRAY_SIZE(kinds));
}
