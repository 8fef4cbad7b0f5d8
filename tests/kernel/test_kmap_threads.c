/* SPDX-License-Identifier: MIT */
/* Who waits for a permanent window: woken by the kunmap that frees one, first come first served, none
 * forgotten. Guest only: it takes threads. */
#include <mm/mapped/kmap_internal.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/cpu.h>
#include <kernel/core/irq.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <mm/mapped/highmem.h>
#include <mm/pages/page_alloc.h>
#include <mm/report/validate.h>
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
	if (k.got[i])
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

KTEST(kmap, who_waits_for_a_window_gets_it_first_come_first_served, "P9 KMP-02 H4")
{
	MACHINE_STAYS_AS_FOUND();

	NEEDS_HIGH_PAGES(kmap_pool.nr + NR_WAITERS);
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

	NEEDS_HIGH_PAGES(kmap_pool.nr + NR_WAITERS);
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

	NEEDS_HIGH_PAGES(kmap_pool.nr + NR_WAITERS);
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

	NEEDS_HIGH_PAGES(kmap_pool.nr + NR_WAITERS);
	REQUIRE(fill_and_wait(1, false));
	setup_timer(&timer, unmap_one, 0);
	(void)mod_timer(&timer, jiffies + 1);
	msleep(30);
	expect_served(1);
	end_all(1, false);
}

/* --- windows of a CPU among threads and interrupts --- */

#define NR_PAGES  4u /* of each user */
#define NR_ROUNDS 50u

struct user {
	struct page *page[NR_PAGES];
	uint32_t *window[NR_PAGES];
	uint32_t mark;
	unsigned int nr_wrong;
};

static bool user_init(struct user *user, uint32_t mark)
{
	*user = (struct user){.mark = mark};
	for (unsigned int i = 0; i < NR_PAGES; i++)
		if (!(user->page[i] = high_page()) || !page_is_highmem(user->page[i]))
			return false;
	return true;
}

static void user_end(struct user *user)
{
	for (unsigned int i = 0; i < NR_PAGES; i++)
		__free_page(user->page[i]);
}

static void user_map(struct user *user)
{
	for (unsigned int i = 0; i < NR_PAGES; i++) {
		user->window[i] = kmap_atomic(user->page[i]);
		user->window[i][i] = user->mark + i;
	}
}

static void user_check_and_unmap(struct user *user)
{
	for (unsigned int i = NR_PAGES; i-- > 0;) {
		user->nr_wrong += user->window[i][i] != user->mark + i;
		kunmap_atomic(user->window[i]);
	}
}

static struct user in_thread, beside, other;

static irqreturn_t map_in_irq(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	user_map(&beside);
	user_check_and_unmap(&beside);
	beside.mark++;
	return IRQ_HANDLED;
}

KTEST(kmap, atomic_windows_nest_in_an_interrupt_within_them, "P9 KMP-03 C4 H1")
{
	MACHINE_STAYS_AS_FOUND();
	uint64_t end;

	NEEDS_HIGH_PAGES(1);
	if (!apic_is_on())
		SKIP("the CPU has no local APIC");
	REQUIRE(user_init(&in_thread, 100) && user_init(&beside, 200));
	REQUIRE(request_irq(APIC_TIMER_IRQ, map_in_irq, 0, "kmap", &beside) == 0);
	apic_timer_oneshot(1000, (uint8_t)IRQ_VECTOR(APIC_TIMER_IRQ));
	end = clock_now_ms() + 20000;
	user_map(&in_thread);
	while (READ_ONCE(beside.mark) == 200 && clock_now_ms() < end)
		cpu_relax();
	user_check_and_unmap(&in_thread);
	free_irq(APIC_TIMER_IRQ, &beside);
	EXPECT_EQ(beside.mark, 201);
	EXPECT_EQ(beside.nr_wrong + in_thread.nr_wrong, 0);
	user_end(&beside);
	user_end(&in_thread);
}

/* Live windows while the CPU is somebody else's: not atomic ones, their owner stays. */
static int map_and_yield(void *arg)
{
	struct user *user = arg;

	for (unsigned int round = 0; round < NR_ROUNDS; round++) {
		for (unsigned int i = 0; i < NR_PAGES; i++) {
			user->window[i] = kmap_local_page(user->page[i]);
			yield();
			user->window[i][i] = user->mark + i;
			yield();
		}
		for (unsigned int i = NR_PAGES; i-- > 0;) {
			user->nr_wrong += user->window[i][i] != user->mark + i;
			yield();
			kunmap_local(user->window[i]);
		}
	}
	return 0;
}

KTEST(kmap, live_windows_follow_their_thread, "P9 KMP-03 H1")
{
	MACHINE_STAYS_AS_FOUND();
	struct thread *thread;

	NEEDS_HIGH_PAGES(1);
	REQUIRE(user_init(&in_thread, 100) && user_init(&other, 200));
	thread = kthread_create(map_and_yield, &other, "mapper");
	REQUIRE(!IS_ERR(thread));
	thread_get(thread);
	wake_up_process(thread);
	map_and_yield(&in_thread);
	wait_for_completion(&thread->exited);
	thread_put(thread);
	EXPECT_EQ(in_thread.nr_wrong + other.nr_wrong, 0);
	user_end(&other);
	user_end(&in_thread);
	msleep(20);
}

KTEST(kmap, a_thread_that_is_killed_leaves_the_queue_and_the_next_is_served, "P9 H4 R4")
{
	NEEDS_HIGH_PAGES(1000);
	MACHINE_STAYS_AS_FOUND();
	REQUIRE(fill_and_wait(3, false));
	thread_get(k.thread[0]); /* it ends by itself */
	thread_kill(k.thread[0]);
	msleep(5);
	EXPECT_EQ(k.nr_served, 1); /* with nothing */
	EXPECT_NULL(k.got[0]);
	unmap_one(0);
	msleep(5);
	EXPECT_EQ(k.nr_served, 2);
	EXPECT_EQ(k.order[1], 1);
	EXPECT_NOT_NULL(k.got[1]);
	expect_valid();
	end_all(3, false);
	thread_put(k.thread[0]);
}
