/* SPDX-License-Identifier: MIT */
/* See sleeper.h. The thread outlives its request until the test lets it go. */
#include <tests/kernel/sleeper.h>

#include <kernel/arch/clock.h>
#include <linux/slab.h>
#include <tests/ktest.h>

#define YIELDS 50u

static unsigned int turns;

static void ask(struct sleeper *sleeper)
{
	if (sleeper->cache)
		sleeper->object = kmem_cache_alloc(sleeper->cache, sleeper->gfp);
	else if (sleeper->size)
		sleeper->object = kmalloc(sleeper->size, sleeper->gfp);
	else
		sleeper->page = alloc_pages(sleeper->gfp, sleeper->order);
	sleeper->turn = ++turns;
	WRITE_ONCE(sleeper->is_done, true);
}

static int sleeper_run(void *arg)
{
	ask(arg);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	set_current_state(TASK_RUNNING);
	return 0;
}

bool sleepers_create(struct sleeper *sleepers, unsigned int nr)
{
	turns = 0;
	for (unsigned int i = 0; i < nr; i++) {
		struct thread *thread = kthread_create(sleeper_run, &sleepers[i], "sleeper%u", i + 1);

		if (IS_ERR(thread)) {
			sleepers_release(sleepers, i);
			return false;
		}
		thread_get(thread);
		sleepers[i].thread = thread;
	}
	return true;
}

bool sleeper_sleeps(const struct sleeper *sleeper)
{
	return !sleeper->is_done && READ_ONCE(sleeper->thread->state) == TASK_PARKED;
}

bool sleeper_asks(struct sleeper *sleeper)
{
	uint64_t end = clock_now_ms() + SLEEPER_MS;

	wake_up_process(sleeper->thread);
	do
		yield();
	while (!sleeper->is_done && !sleeper_sleeps(sleeper) && clock_now_ms() < end);
	return sleeper_sleeps(sleeper);
}

bool sleeper_is_woken(struct sleeper *sleeper)
{
	for (unsigned int i = 0; i < YIELDS && !sleeper->is_done; i++)
		yield();
	return sleeper->is_done;
}

bool sleeper_ends(struct sleeper *sleeper)
{
	uint64_t end = clock_now_ms() + SLEEPER_MS;

	while (!sleeper->is_done && clock_now_ms() < end)
		msleep(4);
	return sleeper->is_done;
}

void sleepers_release(struct sleeper *sleepers, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct sleeper *sleeper = &sleepers[i];

		if (!sleeper->thread)
			continue;
		if (sleeper_sleeps(sleeper))
			thread_kill(sleeper->thread);
		(void)kthread_stop(sleeper->thread);
		thread_put(sleeper->thread);
		if (sleeper->page)
			__free_pages(sleeper->page, sleeper->order);
		if (sleeper->cache)
			kmem_cache_free(sleeper->cache, sleeper->object);
		else
			kfree(sleeper->object);
		sleeper->page = NULL;
		sleeper->object = NULL;
		sleeper->thread = NULL;
	}
}
