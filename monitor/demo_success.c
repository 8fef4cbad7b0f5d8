/* SPDX-License-Identifier: MIT */
/* Success rates under one load. The load holds all that ordinary requests get, but for a few pages; at random
 * it takes those and the reserve as well, or the DMA zone's part of it, and after a few ticks gives all of it
 * back. So a page is missing now and then, never for longer than who sleeps is willing to wait.
 *
 * A timer asks with GFP_ATOMIC and with GFP_DMA | GFP_ATOMIC at the same moment, a thread with GFP_KERNEL
 * once a tick; whoever gets a page gives it back at once. */
#include <monitor/demo.h>

#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/list.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/wait.h>
#include <monitor/say.h>

#define NR_BLOCKS_BACK 24u /* of the load's, so that there is something to be had at first */
#define MOST_TICKS     8u  /* that the load stays as it is */
#define SHOWN_TICKS    250u
#define SEED	       0x5eedu

struct trial {
	struct demo_success *success;
	struct timer_list timer;
	struct thread *asking;
	struct random random;
	struct list_head hogged, burst;
	volatile bool is_over;
};

static const struct {
	const char *name, *who;
	gfp_t gfp;
} kinds[NR_DEMO_KINDS] = {
	[DEMO_KERNEL] = {"GFP_KERNEL", "a thread", GFP_KERNEL},
	[DEMO_ATOMIC] = {"GFP_ATOMIC", "a timer", GFP_ATOMIC},
	[DEMO_DMA_ATOMIC] = {"GFP_DMA | GFP_ATOMIC", "a timer", GFP_DMA | GFP_ATOMIC},
};

static void ask(struct demo_success *success, enum demo_kind kind)
{
	struct page *page = alloc_pages(kinds[kind].gfp | __GFP_NOWARN, 0);

	success->nr_asked[kind]++;
	success->nr_got[kind] += page != NULL;
	if (page)
		__free_page(page);
}

static void ask_in_timer(unsigned long arg)
{
	struct trial *trial = (struct trial *)arg;

	ask(trial->success, DEMO_ATOMIC);
	ask(trial->success, DEMO_DMA_ATOMIC);
	if (!trial->is_over)
		mod_timer(&trial->timer, jiffies + 1);
}

static int ask_in_thread(void *arg)
{
	struct trial *trial = arg;

	while (!trial->is_over) {
		ask(trial->success, DEMO_KERNEL);
		msleep(1);
	}
	return 0;
}

static void give_some(struct trial *trial)
{
	for (unsigned int i = 0; i < NR_BLOCKS_BACK && !list_is_empty(&trial->hogged); i++) {
		struct page *page = list_first_entry(&trial->hogged, struct page, links);

		list_del(&page->links);
		__free_pages(page, page->order);
	}
}

static void load_for(struct trial *trial, unsigned int nr_ticks)
{
	unsigned long end = jiffies + nr_ticks;

	while (time_before(jiffies, end)) {
		static const gfp_t wants[] = {GFP_NOWAIT, GFP_ATOMIC, GFP_DMA | GFP_ATOMIC};

		(void)demo_take_all(&trial->burst, wants[random_below(&trial->random, ARRAY_SIZE(wants))]);
		schedule_timeout_uninterruptible((long)random_below(&trial->random, MOST_TICKS) + 1);
		demo_give_all(&trial->burst);
		schedule_timeout_uninterruptible((long)random_below(&trial->random, MOST_TICKS) + 1);
	}
}

static void run_trial(struct trial *trial, unsigned int nr_ticks)
{
	size_t before = mm_event_count[EVENT_WAIT];

	(void)demo_take_all(&trial->hogged, GFP_NOWAIT);
	give_some(trial);
	setup_timer(&trial->timer, ask_in_timer, (unsigned long)trial);
	mod_timer(&trial->timer, jiffies + 1);
	wake_up_process(trial->asking);
	load_for(trial, nr_ticks);
	trial->is_over = true;
	(void)del_timer_sync(&trial->timer);
	demo_give_all(&trial->hogged);
	trial->success->nr_slept = (unsigned int)(mm_event_count[EVENT_WAIT] - before);
	wait_for_completion(&trial->asking->exited);
	thread_put(trial->asking);
}

bool demo_success_measure(struct demo_success *success, unsigned int nr_ticks)
{
	struct trial trial = {.success = success, .random = {.state = SEED}};

	memset(success, 0, sizeof(*success));
	list_init(&trial.hogged);
	list_init(&trial.burst);
	trial.asking = kthread_create(ask_in_thread, &trial, "asking");
	if (IS_ERR(trial.asking))
		return false;
	thread_get(trial.asking);
	run_trial(&trial, nr_ticks);
	return true;
}

void demo_success(void)
{
	struct demo_success success;

	say("\nA load takes the last pages and gives them back, for %u ticks.\n"
	    "Who asks for a page meanwhile:\n",
	    SHOWN_TICKS);
	if (!demo_success_measure(&success, SHOWN_TICKS)) {
		say("demo: no memory to begin with\n");
		return;
	}
	say("  flags                 context    asked    got  success\n");
	for (unsigned int kind = 0; kind < NR_DEMO_KINDS; kind++) {
		unsigned int asked = success.nr_asked[kind], got = success.nr_got[kind];
		unsigned int permille = asked ? got * 1000 / asked : 0;

		say("  %-20s  %-8s %7u %6u  %3u.%u %%", kinds[kind].name, kinds[kind].who, asked, got,
		    permille / 10, permille % 10);
		if (kind == DEMO_KERNEL)
			say("   (%u slept for it)", success.nr_slept);
		say("\n");
	}
}
