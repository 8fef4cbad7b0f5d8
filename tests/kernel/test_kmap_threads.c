/* SPDX-License-Identifier: MIT */
/* Who waits for a permanent window: woken by the kunmap that frees one, first come first served, none
 * forgotten. Guest only: it takes threads. */
#include <mm/kmap_internal.h>

#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <mm/page_alloc.h>
#include <mm/validate.h>
#include <tests/kernel/test_util.h>

#define NR_WAITERS 4u

static struct {
	struct list_head full, unmapped; /* pages that had all windows; those whose window was given back */
	struct page *wanted[NR_WAITERS];
	struct thread *thread[NR_WAITERS];
	void *got[NR_WAITERS];
	unsigned int order[NR_WAITERS], nr_served;
} k;

static int wait_for_window(void *arg)
{
	unsigned int i = (unsigned int)(uintptr_t)arg;

	k.got[i] = kmap(k.wanted[i]);
	k.order[k.nr_served++] = i;
	while (!kthread_should_stop())
		msleep(1);
	kunmap(k.wanted[i]);
	return 0;
}

static struct page *high_page(void)
{
	return alloc_page(GFP_HIGHUSER | __GFP_ZERO);
}

static void unmap_one(unsigned long unused)
{
	struct page *page = list_first_entry(&k.full, struct page, links);

	(void)unused;
	list_move(&page->links, &k.unmapped);
	kunmap(page);
}

/* All windows in use, and that many threads waiting for one, each for a page of its own or all for the same.
 */
static bool fill_and_wait(unsigned int nr, bool same_page)
{
	k.nr_served = 0;
	list_init(&k.full);
	list_init(&k.unmapped);
	for (unsigned int i = 0; i < kmap_pool.nr; i++) {
		struct page *page = high_page();

		if (!page || !page_is_highmem(page) || !kmap(page))
			return false;
		list_add_tail(&page->links, &k.full);
	}
	for (unsigned int i = 0; i < nr; i++) {
		k.got[i] = NULL;
		k.wanted[i] = same_page && i ? k.wanted[0] : high_page();
		k.thread[i] = kthread_run(wait_for_window, (void *)(uintptr_t)i, "waiter%u", i);
		if (!k.wanted[i] || IS_ERR(k.thread[i]))
			return false;
		msleep(5); /* in this order */
	}
	return true;
}

static void end_all(unsigned int nr, bool same_page)
{
	struct page *page, *next;

	while (!list_is_empty(&k.full))
		unmap_one(0);
	for (unsigned int i = 0; i < nr; i++)
		kthread_stop(k.thread[i]);
	for (unsigned int i = 0; i < (same_page ? 1 : nr); i++)
		__free_page(k.wanted[i]);
	list_for_each_entry_safe(page, next, &k.unmapped, links)
		__free_page(page);
	EXPECT_EQ(kmap_pool.nr_in_use, 0);
	EXPECT_EQ(mm_validate_windows(NULL), 0);
	msleep(20); /* the threads' stacks go back */
}

static void expect_served(unsigned int nr)
{
	msleep(5);
	EXPECT_EQ(k.nr_served, nr);
	for (unsigned int i = 0; i < nr; i++) {
		EXPECT_EQ(k.order[i], i);
		EXPECT(k.got[i] && kmap_to_page(k.got[i]) == k.wanted[i]);
	}
	EXPECT_EQ(mm_validate_windows(NULL), 0);
}

#define SKIP_WITHOUT_HIGHMEM()                                                                               \
	do {                                                                                                 \
		if (!kmap_pool.nr)                                                                           \
			SKIP("no high memory");                                                              \
	} while (0)

KTEST(kmap, who_waits_for_a_window_gets_it_first_come_first_served, "P9 KMP-02 H4")
{
	MACHINE_STAYS_AS_FOUND();

	SKIP_WITHOUT_HIGHMEM();
	REQUIRE(fill_and_wait(NR_WAITERS, false));
	expect_served(0);
	for (unsigned int i = 0; i < NR_WAITERS; i++) {
		unmap_one(0);
		expect_served(i + 1);
	}
	end_all(NR_WAITERS, false);
}

KTEST(kmap, an_unpark_that_frees_no_window_wakes_nobody, "P9 KMP-02")
{
	MACHINE_STAYS_AS_FOUND();

	SKIP_WITHOUT_HIGHMEM();
	REQUIRE(fill_and_wait(2, false));
	for (unsigned int i = 0; i < 3; i++) {
		thread_unpark(k.thread[0]);
		thread_unpark(k.thread[1]);
		expect_served(0);
	}
	unmap_one(0);
	expect_served(1);
	unmap_one(0);
	expect_served(2);
	end_all(2, false);
}

KTEST(kmap, who_waits_for_the_same_page_shares_one_window, "P9 KMP-02 H5")
{
	MACHINE_STAYS_AS_FOUND();

	SKIP_WITHOUT_HIGHMEM();
	REQUIRE(fill_and_wait(3, true));
	unmap_one(0);
	expect_served(3);
	EXPECT(k.got[0] == k.got[1] && k.got[1] == k.got[2]);
	end_all(3, true);
}

KTEST(kmap, a_kunmap_in_a_timer_wakes_who_waits, "P9 KMP-02 C3")
{
	MACHINE_STAYS_AS_FOUND();
	struct timer_list timer;

	SKIP_WITHOUT_HIGHMEM();
	REQUIRE(fill_and_wait(1, false));
	setup_timer(&timer, unmap_one, 0);
	(void)mod_timer(&timer, jiffies + 1);
	msleep(30);
	expect_served(1);
	end_all(1, false);
}
