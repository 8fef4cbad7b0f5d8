/* SPDX-License-Identifier: MIT */
#include <tests/kernel/frame.h>

#include <kernel/core/console.h>
#include <kernel/core/err.h>
#include <kernel/core/printk.h>
#include <kernel/core/thread.h>
#include <tests/ktest.h>

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

void selftest_init(void)
{
	printk_set_filter(offer_message);
}

static int selftest_thread(void *list)
{
	return (int)ktest_run(list);
}

int selftest_run(const char *list)
{
	struct thread *thread = kthread_create(selftest_thread, (void *)(uintptr_t)list, "selftest");
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
