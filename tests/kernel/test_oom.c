/* SPDX-License-Identifier: MIT */
/* Out of memory: who is killed, by whom, and what follows. Guest only; tests/host/test_oom_machine.c counts
 * on the host. */
#include <mm/reclaim/oom.h>

#include <kernel/arch/clock.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/retry.h>
#include <tests/kernel/sleeper.h>
#include <tests/kernel/test_util.h>

/* A thread that holds pages and gives them back when it is killed. */
struct holder {
	struct list_head pages;
	size_t nr_pages;
	bool is_stubborn; /* killed, it does not end */
	volatile bool has_given_up;
	struct thread *thread;
};

static size_t pages_of(void *arg)
{
	return ((struct holder *)arg)->nr_pages;
}

static void give_up(struct holder *holder)
{
	hog_release(&holder->pages);
	holder->nr_pages = 0;
	holder->has_given_up = true;
}

static int hold(void *arg)
{
	struct holder *holder = arg;

	thread_set_expendable(pages_of, holder);
	while (!kthread_should_stop())
		msleep(4);
	if (holder->is_stubborn)
		while (!holder->has_given_up)
			msleep(4);
	else
		give_up(holder);
	thread_set_expendable(NULL, NULL);
	return 0;
}

static bool holder_start(struct holder *holder, size_t nr_pages, const char *name)
{
	list_init(&holder->pages);
	for (holder->nr_pages = 0; holder->nr_pages < nr_pages; holder->nr_pages++) {
		struct page *page = alloc_page(GFP_KERNEL);

		if (!page)
			return false;
		list_add(&page->links, &holder->pages);
	}
	holder->thread = kthread_create(hold, holder, "%s", name);
	if (IS_ERR(holder->thread)) {
		holder->thread = NULL;
		hog_release(&holder->pages);
		return false;
	}
	thread_get(holder->thread);
	wake_up_process(holder->thread);
	msleep(8); /* it has said that it may be killed */
	return true;
}

static void holder_end(struct holder *holder)
{
	if (!holder->thread)
		return;
	holder->has_given_up = true;
	(void)kthread_stop(holder->thread);
	thread_put(holder->thread);
	holder->thread = NULL;
	hog_release(&holder->pages);
}

KTEST(oom, the_thread_that_holds_most_is_named_and_killed_and_its_memory_serves, "R4 REC-08")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(holder_end) struct holder small = {.nr_pages = 0}, large = {.nr_pages = 0};
	size_t kills = mm_event_count[EVENT_OOM_KILL];
	struct page *page;

	REQUIRE(holder_start(&small, 5, "small"));
	REQUIRE(holder_start(&large, 20, "large"));
	hog_to_floor(&hog, ZONE_NORMAL);
	expect_reports();
	page = alloc_page(GFP_KERNEL);
	EXPECT_NOT_NULL(page);
	EXPECT_ONE_REPORT("killed large, which holds 80 kB");
	EXPECT(strstr(report_at(0), "Out of memory: selftest asks for order:0, mode:0xd0(GFP_KERNEL)"));
	EXPECT_EQ(mm_event_count[EVENT_OOM_KILL], kills + 1);
	EXPECT(large.has_given_up && !small.has_given_up);
	if (page)
		__free_page(page);
	hog_release(&hog);
	holder_end(&small);
	holder_end(&large);
}

KTEST(oom, a_second_shortage_finds_a_second_victim, "R4 REC-08")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(holder_end) struct holder first = {.nr_pages = 0}, second = {.nr_pages = 0};
	struct page *pages[2];

	REQUIRE(holder_start(&second, 10, "second"));
	REQUIRE(holder_start(&first, 20, "first"));
	hog_to_floor(&hog, ZONE_NORMAL);
	expect_reports();
	pages[0] = alloc_page(GFP_KERNEL);
	EXPECT_ONE_REPORT("killed first");
	msleep(8);
	hog_to_floor(&hog, ZONE_NORMAL);
	pages[1] = alloc_page(GFP_KERNEL);
	EXPECT_ONE_REPORT("killed second");
	EXPECT(pages[0] && pages[1]);
	for (unsigned int i = 0; i < 2; i++)
		if (pages[i])
			__free_page(pages[i]);
	hog_release(&hog);
	holder_end(&first);
	holder_end(&second);
}

KTEST(oom, noretry_repeat_large_orders_and_who_may_not_wait_kill_nobody, "R4 G14 G16 REC-08 GFP-05")
{
	static const struct {
		gfp_t gfp;
		unsigned int order;
	} kinds[] = {{GFP_KERNEL | __GFP_NORETRY, 0},
		     {GFP_KERNEL | __GFP_REPEAT, 0},
		     {GFP_KERNEL, OOM_MAX_ORDER + 1},
		     {GFP_ATOMIC, 0},
		     {GFP_NOWAIT, 0},
		     {GFP_DMA, 0}};
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(holder_end) struct holder holder = {.nr_pages = 0};

	REQUIRE(holder_start(&holder, 20, "spared"));
	hog_all(&hog);
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++)
		EXPECT_NULL(alloc_pages(kinds[i].gfp | __GFP_NOWARN, kinds[i].order));
	EXPECT(!holder.has_given_up);
	hog_release(&hog);
	holder_end(&holder);
}

KTEST(oom, a_block_of_the_largest_order_for_which_one_is_killed, "R4")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(holder_end) struct holder holder = {.nr_pages = 0};
	struct page *block;

	REQUIRE(holder_start(&holder, 0, "block"));
	block = alloc_pages(GFP_KERNEL, OOM_MAX_ORDER);
	REQUIRE(block);
	list_add(&block->links, &holder.pages);
	holder.nr_pages = 1u << OOM_MAX_ORDER;
	hog_to_floor(&hog, ZONE_NORMAL);
	expect_reports();
	block = alloc_pages(GFP_KERNEL, OOM_MAX_ORDER);
	EXPECT_NOT_NULL(block);
	EXPECT_ONE_REPORT("killed block");
	if (block)
		__free_pages(block, OOM_MAX_ORDER);
	hog_release(&hog);
	holder_end(&holder);
}

KTEST(oom, without_a_victim_the_request_fails_in_bounded_time, "R4 REC-08 G1")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	uint64_t begin;

	hog_to_floor(&hog, ZONE_NORMAL);
	begin = clock_now_ms();
	EXPECT_NULL(alloc_page(GFP_KERNEL | __GFP_NOWARN));
	EXPECT(clock_now_ms() - begin < 10 * RETRY_ROUNDS * RETRY_WAIT_MS);
	hog_release(&hog);
}

KTEST(oom, after_a_victim_that_does_not_end_the_next_is_killed_and_serves, "R4 REC-08")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(holder_end) struct holder stubborn = {.is_stubborn = true}, other = {.nr_pages = 0};
	uint64_t begin;
	struct page *page;
	size_t kills = mm_event_count[EVENT_OOM_KILL];

	REQUIRE(holder_start(&other, 5, "other"));
	REQUIRE(holder_start(&stubborn, 20, "stubborn"));
	hog_to_floor(&hog, ZONE_NORMAL);
	expect_reports();
	begin = clock_now_ms();
	page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	EXPECT_NOT_NULL(page);
	EXPECT_EQ(reports_count(), 2);
	EXPECT(strstr(report_at(0), "killed stubborn") && strstr(report_at(1), "killed other"));
	EXPECT_EQ(mm_event_count[EVENT_OOM_KILL], kills + 2);
	EXPECT(!stubborn.has_given_up && other.has_given_up);
	EXPECT(clock_now_ms() - begin >= 2 * RETRY_ROUNDS * RETRY_WAIT_MS); /* it had a set of rounds */
	if (page)
		__free_page(page);
	hog_release(&hog);
	holder_end(&stubborn);
	holder_end(&other);
}

KTEST(oom, who_must_not_fail_waits_for_the_victim_and_kills_again_if_that_is_not_enough, "R4 G15 REC-09")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(holder_end) struct holder first = {.nr_pages = 0}, second = {.nr_pages = 0};
	struct page *block;

	REQUIRE(holder_start(&second, 0, "second"));
	block = alloc_pages(GFP_KERNEL, 2);
	REQUIRE(block);
	list_add(&block->links, &second.pages);
	second.nr_pages = 1;
	REQUIRE(holder_start(&first, 2, "first"));
	hog_to_floor(&hog, ZONE_NORMAL);
	expect_reports();
	block = alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 2);
	EXPECT_NOT_NULL(block);
	EXPECT_EQ(reports_count(), 2);
	EXPECT(strstr(report_at(0), "killed first") && strstr(report_at(1), "killed second"));
	if (block)
		__free_pages(block, 2);
	hog_release(&hog);
	holder_end(&first);
	holder_end(&second);
}

static struct list_head own_pages;
static size_t own_nr_pages;

static size_t pages_of_mine(void *unused)
{
	(void)unused;
	return own_nr_pages;
}

static struct page *got_as_victim;
static volatile bool victim_is_done;

static int ask_as_the_only_victim(void *unused)
{
	(void)unused;
	thread_set_expendable(pages_of_mine, NULL);
	got_as_victim = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	thread_set_expendable(NULL, NULL);
	hog_release(&own_pages);
	victim_is_done = true;
	return 0;
}

KTEST(oom, who_asks_and_is_itself_the_victim_gets_null_and_can_end, "R4 REC-08 GFP-12")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	uint64_t end = clock_now_ms() + SLEEPER_MS;
	struct page *page = alloc_page(GFP_KERNEL);
	struct thread *thread;
	size_t rounds;

	REQUIRE(page);
	thread = kthread_create(ask_as_the_only_victim, NULL, "itself");
	if (IS_ERR(thread))
		__free_page(page);
	REQUIRE(!IS_ERR(thread));
	thread_get(thread);
	list_init(&own_pages);
	list_add(&page->links, &own_pages);
	own_nr_pages = 1;
	victim_is_done = false;
	hog_to_floor(&hog, ZONE_NORMAL);
	rounds = mm_event_count[EVENT_ROUND];
	expect_reports();
	wake_up_process(thread);
	while (!victim_is_done && clock_now_ms() < end)
		msleep(8);
	EXPECT(victim_is_done);
	EXPECT_NULL(got_as_victim);
	EXPECT_EQ(mm_event_count[EVENT_ROUND] - rounds, RETRY_ROUNDS + 1);
	EXPECT_ONE_REPORT(
		"Out of memory: itself asks for order:0, mode:0x2d0(GFP_KERNEL|__GFP_NOWARN); killed itself");
	(void)kthread_stop(thread);
	thread_put(thread);
	hog_release(&hog);
}

/* --- a victim that must not fail --- */

static int hold_and_ask(void *arg)
{
	struct holder *holder = arg;
	struct page *page;

	thread_set_expendable(pages_of, holder);
	while (!holder->is_stubborn)
		msleep(4);
	page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	while (!kthread_should_stop())
		msleep(4);
	give_up(holder);
	thread_set_expendable(NULL, NULL);
	__free_page(page);
	return 0;
}

KTEST(oom, a_victim_that_must_not_fail_ends_all_the_same, "R4 G15 REC-09")
{
	MACHINE_STAYS_AS_FOUND();
	HOG(hog);
	ENDS_WITH(holder_end) struct holder other = {.nr_pages = 0}, greedy = {.nr_pages = 0};
	struct page *page;

	REQUIRE(holder_start(&other, 5, "other"));
	list_init(&greedy.pages);
	for (; greedy.nr_pages < 20 && (page = alloc_page(GFP_KERNEL)); greedy.nr_pages++)
		list_add(&page->links, &greedy.pages);
	greedy.thread = kthread_create(hold_and_ask, &greedy, "greedy");
	if (IS_ERR(greedy.thread)) {
		greedy.thread = NULL;
		hog_release(&greedy.pages);
	}
	REQUIRE(greedy.thread);
	thread_get(greedy.thread);
	wake_up_process(greedy.thread);
	msleep(8);
	hog_to_floor(&hog, ZONE_NORMAL);
	expect_reports();
	greedy.is_stubborn = true; /* asks now */
	msleep(8);
	page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	EXPECT_NOT_NULL(page);
	EXPECT(greedy.has_given_up && !other.has_given_up);
	if (page)
		__free_page(page);
	hog_release(&hog);
	holder_end(&other);
	holder_end(&greedy);
}
