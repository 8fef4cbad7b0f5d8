/* SPDX-License-Identifier: MIT */
/* The n-th failure of what stands on mm: a driver, the creation of threads, requests in an interrupt. Guest only.
 */
#include <mm/report/fault.h>

#include <drivers/scull.h>
#include <kernel/core/softirq.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

#define MAX_NTHS 100u
#define NR_BYTES 20000u

/* A device written and read. Result: did all fit? What did is as it was written. */
static bool use_scull(char *bytes)
{
	struct scull_dev *dev = scull_create(4000, 3, GFP_KERNEL);
	ssize_t written = 0, once;
	loff_t at = 0;

	if (IS_ERR(dev)) {
		EXPECT(PTR_ERR(dev) == -ENOMEM);
		return false;
	}
	memset(bytes, 0x5c, NR_BYTES);
	while (written < (ssize_t)NR_BYTES &&
	       (once = scull_write(dev, bytes, NR_BYTES - (size_t)written, &at)) > 0)
		written += once;
	EXPECT(written == (ssize_t)NR_BYTES || once == -ENOMEM);
	at = 0;
	memset(bytes, 0, NR_BYTES);
	for (ssize_t n = 0; n < written; n += once)
		if ((once = scull_read(dev, bytes + n, (size_t)(written - n), &at)) <= 0)
			break;
	EXPECT(memory_is(bytes, 0x5c, (size_t)written));
	scull_destroy(dev);
	return written == (ssize_t)NR_BYTES;
}

static char *bytes; /* borrowed */

KTEST(fault, a_driver_survives_the_failure_of_its_nth_request, "S7 FLT-01")
{
	MACHINE_STAYS_AS_FOUND();
	BORROW_MANY(bytes, NR_BYTES);
	bool was_hit = true, was_good = false, is_left = true;
	size_t live;
	unsigned int n;

	expect_reports();
	shrink_all_caches();
	live = nr_live_objects();
	for (n = 1; was_hit && is_left && n < MAX_NTHS; n++) {
		(void)fault_set_nth(n);
		was_good = use_scull(bytes);
		was_hit = fault_set_nth(0);
		shrink_all_caches();
		is_left = nr_live_objects() == live;
		EXPECT(is_left);
	}
	EXPECT(n > 2 && was_good && !was_hit);
	EXPECT_EQ(reports_count_bugs(), 0);
}

static int do_nothing(void *unused)
{
	(void)unused;
	return 0;
}

KTEST(fault, a_thread_that_cannot_be_made_leaves_nothing_behind, "S7 FLT-01")
{
	bool was_hit = true, was_made = false;
	size_t before;
	unsigned int n;

	settle_stacks();
	expect_reports();
	before = nr_free_pages();
	for (n = 1; was_hit && n < MAX_NTHS; n++) {
		struct thread *thread;

		(void)fault_set_nth(n);
		thread = kthread_create(do_nothing, NULL, "nth");
		was_hit = fault_set_nth(0);
		was_made = !IS_ERR(thread);
		if (was_made)
			(void)kthread_stop(thread);
		else
			EXPECT(PTR_ERR(thread) == -ENOMEM);
		REQUIRE(settle_all_is_back(before));
	}
	EXPECT(n > 2 && was_made && !was_hit);
	EXPECT_EQ(reports_count_bugs(), 0);
}

static volatile unsigned int nr_refused;

static void ask(unsigned long unused)
{
	void *object = kmalloc(64, GFP_ATOMIC | __GFP_NOWARN);

	(void)unused;
	nr_refused += !object;
	kfree(object);
}

KTEST(fault, requests_of_an_interrupt_fail_by_a_setting_but_are_not_the_threads, "S7 FLT-03")
{
	MACHINE_STAYS_AS_FOUND();
	struct timer_list timer;

	nr_refused = 0;
	setup_timer(&timer, ask, 0);
	(void)fault_set_nth(1);
	mod_timer(&timer, jiffies + 1);
	while (timer_pending(&timer))
		msleep(4);
	EXPECT_EQ(nr_refused, 0);
	EXPECT(!fault_set_nth(0));
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "1,100,0,-1,cache=kmalloc-64"));
	mod_timer(&timer, jiffies + 1);
	while (timer_pending(&timer))
		msleep(4);
	EXPECT_EQ(nr_refused, 1);
	EXPECT_NULL(fault_set(FAULT_OBJECTS, "off"));
}
