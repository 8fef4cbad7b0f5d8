/* SPDX-License-Identifier: MIT */
/* Threads that sleep for an element of a mempool, and an interrupt that frees it; who may not sleep. Guest only.
 */
#include <linux/mempool.h>

#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

static struct {
	mempool_t *pool;
	void *held, *got;
	volatile bool is_done;
} shared;

/* An allocator that has one element in all. */
static void *alloc_once(gfp_t gfp, void *is_used)
{
	void *element = *(bool *)is_used ? NULL : kmalloc(64, gfp);

	*(bool *)is_used = true;
	return element;
}

static void free_once(void *element, void *is_used)
{
	kfree(element);
	*(bool *)is_used = false;
}

static bool is_used;

static bool make_empty_pool(void)
{
	is_used = false;
	shared.is_done = false;
	shared.pool = mempool_create(1, alloc_once, free_once, &is_used);
	shared.held = shared.pool ? mempool_alloc(shared.pool, GFP_ATOMIC) : NULL;
	return shared.held != NULL;
}

static void end_pool(void)
{
	mempool_free(shared.held, shared.pool);
	mempool_destroy(shared.pool);
}

static void free_held(unsigned long unused)
{
	(void)unused;
	mempool_free(shared.held, shared.pool);
}

KTEST(mempool, a_thread_sleeps_until_an_interrupt_frees_an_element, "S4 C2")
{
	MACHINE_STAYS_AS_FOUND();
	struct timer_list timer;

	REQUIRE(make_empty_pool());
	setup_timer(&timer, free_held, 0);
	mod_timer(&timer, jiffies + 3);
	shared.got = mempool_alloc(shared.pool, GFP_KERNEL);
	EXPECT(shared.got == shared.held);
	EXPECT(!timer_pending(&timer));
	mempool_free(shared.got, shared.pool);
	mempool_destroy(shared.pool);
}

static int take_one(void *unused)
{
	(void)unused;
	shared.got = mempool_alloc(shared.pool, GFP_NOIO);
	shared.is_done = true;
	return 0;
}

KTEST(mempool, a_thread_that_was_killed_still_gets_its_element, "S4")
{
	struct thread *thread;

	settle_stacks();
	MACHINE_STAYS_AS_FOUND();
	REQUIRE(make_empty_pool());
	thread = kthread_run(take_one, NULL, "sleeper");
	if (IS_ERR(thread))
		end_pool();
	REQUIRE(!IS_ERR(thread));
	thread_get(thread);
	while (list_is_empty(&shared.pool->waiters))
		yield();
	thread_kill(thread);
	msleep(30);
	EXPECT(!shared.is_done);
	mempool_free(shared.held, shared.pool);
	wait_for_completion(&thread->exited);
	EXPECT(shared.is_done && shared.got == shared.held);
	thread_put(thread);
	mempool_free(shared.got, shared.pool);
	mempool_destroy(shared.pool);
	msleep(30); /* its stack goes back */
}

KTEST(mempool, who_may_not_sleep_is_told_so_and_served_as_an_atomic_caller, "S4 C1")
{
	MACHINE_STAYS_AS_FOUND();
	struct spinlock lock;

	spin_lock_init(&lock, "test");
	REQUIRE(make_empty_pool());
	expect_reports();
	spin_lock(&lock);
	EXPECT_NULL(mempool_alloc(shared.pool, GFP_KERNEL));
	spin_unlock(&lock);
	EXPECT_EQ(reports_count_bugs(), 1);
	EXPECT(reports_contain("sleeping function called from invalid context"));
	mempool_free(shared.held, shared.pool);
	mempool_destroy(shared.pool);
}
