/* SPDX-License-Identifier: MIT */
#include <tests/kernel/frame.h>

#include <boot/stacks.h>
#include <kernel/arch/clock.h>
#include <kernel/core/console.h>
#include <kernel/core/err.h>
#include <kernel/core/preempt.h>
#include <kernel/core/printk.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <mm/report/fault.h>
#include <mm/report/validate.h>
#include <tests/kernel/held.h>
#include <tests/kernel/leftover.h>
#include <tests/kernel/test_util.h>
#include <tests/ktest.h>

/* One or two of each room and floor, none of which takes as long as a tenth of a second at 1 GiB. */
#define QUICK_SUITES "memblock,zone,buddy,page_alloc,slab,kmalloc,highmem,irq"

static bool offer_message(enum printk_level level, const char *text)
{
	return ktest_report((int)level, text);
}

/* KTAP goes where the tables go: unstamped, to every console. */
void ktest_write(const char *text, size_t len)
{
	struct sink *sink = console_sink();

	sink->write(sink, text, len);
}

void selftest_set_terminal(bool terminal)
{
	struct ktest_manner manner = {.is_short = terminal,
				      .has_colours = terminal,
				      .now_ms = clock_now_ms,
				      .is_stopped = console_saw_break};

	ktest_set_manner(&manner);
}

void selftest_init(bool terminal)
{
	printk_set_filter(offer_message);
	ktest_set_check(DEBUG_LEVEL >= 2 ? expect_valid : NULL);
	selftest_set_terminal(terminal);
}

/* The page tables of stacks stay. */
void leftover_more(struct leftover_more *more)
{
	*more = (struct leftover_more){
		.machine = 1, .nr_threads = threads_snapshot(NULL, 0), .nr_kept_pages = stacks_kept_pages()};
}

static bool is_low(const struct thread_info *thread)
{
	bool is_low = thread->stack_most * 5 <= thread->stack_bytes * 4;

	if (!is_low)
		ktest_note("thread %s used %zu of %zu bytes of its stack, expected four fifths at most",
			   thread->name, thread->stack_most, thread->stack_bytes);
	return is_low;
}

bool leftover_stacks_are_low(void)
{
	static struct thread_info rows[32];
	unsigned int nr = threads_snapshot(rows, ARRAY_SIZE(rows));
	struct thread_info ended;
	bool are_low;

	thread_deepest(&ended);
	are_low = is_low(&ended);
	for (unsigned int i = 0; i < MIN(nr, ARRAY_SIZE(rows)); i++)
		are_low &= is_low(&rows[i]);
	return are_low;
}

bool leftover_wait(void)
{
	msleep(4);
	return true;
}

/* --- requests that fail on purpose --- */

static void starve_begin(unsigned int n)
{
	context_forget_reports();
	held_begin();
	(void)fault_set_nth(n);
}

static bool starve_end(void)
{
	bool is_reached = fault_set_nth(0);

	context_forget_reports();
	held_give_back();
	return is_reached;
}

static bool is_sound(void)
{
	return mm_validate(NULL) == 0;
}

void selftest_starve(unsigned int all_up_to)
{
	static struct ktest_failures failures = {
		.begin = starve_begin, .end = starve_end, .is_sound = is_sound};

	failures.all_up_to = all_up_to;
	ktest_set_failures(all_up_to ? &failures : NULL);
}

static int selftest_thread(void *list)
{
	return (int)ktest_run(list);
}

int selftest_run(const char *list)
{
	const char *wanted = strcmp(list, "quick") == 0 ? QUICK_SUITES : list;
	struct thread *thread = kthread_create(selftest_thread, (void *)(uintptr_t)wanted, "selftest");
	int nr_failed;

	if (IS_ERR(thread))
		return -1;
	thread_get(thread);
	wake_up_process(thread);
	wait_for_completion(&thread->exited);
	nr_failed = thread->exit_code;
	thread_put(thread);
	return nr_failed;
}

const char *selftest_suite(unsigned int n)
{
	return ktest_suite_at(n);
}
