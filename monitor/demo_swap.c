/* SPDX-License-Identifier: MIT */
/* The play "swap": three programs, together three times the memory that is left to them, fill it with patterns that only they know and
 * check them, while a thread of the kernel asks for memory of its own, GFP_KERNEL, all the time. Programs are swapped out, and come back
 * as they were; the kernel's requests are all served. */
#include <monitor/demo.h>

#include <kernel/core/err.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/list.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <mm/cache/mapping.h>
#include <mm/cache/swap.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/vmscan.h>
#include <monitor/say.h>
#include <user/program.h>

#define MIB_PAGES  (MIB(1u) / PAGE_SIZE)
#define PLAY_MIB   12u		   /* at most is left to the programs */
#define LINE_TICKS (HZ / 2)	   /* from one line of the table to the next */
#define HOG_BYTES  8192u	   /* of one request of the kernel's */
#define HOG_PART   8u		   /* of the memory it takes one in so many */
#define END_TICKS  (30 * (long)HZ) /* then who still runs is ended */
#define NO_PROGRAM 0u

struct stage {
	struct demo_swap *seen;
	struct list_head taken;
	unsigned int id[NR_DEMO_PROGRAMS]; /* NO_PROGRAM: it has ended */
	unsigned long start;
	bool prints;
};

/* What caches have counts as free; all but so many pages is taken, high memory first. */
static void take_but(struct list_head *taken, size_t nr_kept)
{
	struct page *page;

	for (unsigned int order = NR_ORDERS; order-- > 0;)
		while (nr_free_pages() >= nr_kept + ((size_t)1 << order) &&
		       (page = alloc_pages(GFP_NOWAIT | __GFP_HIGHMEM | __GFP_NOWARN, order)) != NULL)
			list_add(&page->links, taken);
}

static bool set_stage(struct stage *stage)
{
	size_t kept = demo_low_kept(), free;

	list_init(&stage->taken);
	(void)vmscan_reclaim(GFP_KERNEL | __GFP_HIGHMEM, SIZE_MAX);
	take_but(&stage->taken, kept + PLAY_MIB * MIB_PAGES);
	free = nr_free_pages();
	stage->seen->mib = free > kept ? MIN((unsigned int)((free - kept) / MIB_PAGES), PLAY_MIB) : 0;
	return stage->seen->mib != 0;
}

/* --- the kernel's own --- */

static void give_back(struct list_head *blocks)
{
	for (struct list_head *block = blocks->next, *next; block != blocks; block = next) {
		next = block->next;
		kfree(block);
	}
	list_init(blocks);
}

/* Takes its part, gives it back, and takes it again. */
static int press(void *arg)
{
	struct demo_swap *seen = arg;
	unsigned int nr_blocks = seen->mib * (unsigned int)(MIB(1u) / HOG_BYTES) / HOG_PART;
	struct list_head blocks = LIST_HEAD_INIT(blocks);

	while (!kthread_should_stop()) {
		for (unsigned int i = 0; i < nr_blocks && !kthread_should_stop(); i++) {
			struct list_head *block = kmalloc(HOG_BYTES, GFP_KERNEL);

			seen->nr_asked++;
			seen->nr_got += block != NULL;
			if (block)
				list_add(block, &blocks);
		}
		give_back(&blocks);
		(void)schedule_timeout_uninterruptible(2);
	}
	return 0;
}

/* --- the programs --- */

static bool start_programs(struct stage *stage)
{
	char size[12], name[] = "hog", once[] = "1", random[] = "random";
	char *word[] = {name, size, once, random};
	bool ok = true;

	(void)snprintf(size, sizeof(size), "%u", stage->seen->mib);
	for (unsigned int i = 0; i < NR_DEMO_PROGRAMS; i++) { /* the last goes here and there */
		int id = program_spawn_words(i == NR_DEMO_PROGRAMS - 1 ? 4 : 3, word, current->id);

		stage->id[i] = id > 0 ? (unsigned int)id : NO_PROGRAM;
		stage->seen->code[i] = id > 0 ? 0 : id;
		ok = ok && id > 0;
	}
	return ok;
}

static bool is_one_running(const struct stage *stage)
{
	for (unsigned int i = 0; i < NR_DEMO_PROGRAMS; i++)
		if (stage->id[i] != NO_PROGRAM)
			return true;
	return false;
}

/* Until one has ended, or for so long. */
static void wait_for_one(struct stage *stage, long ticks)
{
	int code = 0, id = program_wait_for(0, &code, ticks);

	for (unsigned int i = 0; i < NR_DEMO_PROGRAMS && id > 0; i++)
		if (stage->id[i] == (unsigned int)id) {
			stage->id[i] = NO_PROGRAM;
			stage->seen->code[i] = code;
		}
}

static void print_line(const struct stage *stage)
{
	struct swap_counts counts = swap_counts();
	unsigned int ms = jiffies_to_msecs(jiffies - stage->start);

	if (stage->prints)
		say("  %2u.%u s %8zu %8zu %9zu %9zu %9zu %9zu\n", ms / 1000, ms / 100 % 10,
		    nr_free_pages() * 4, cache_counts().nr_pages * 4, nr_user_pages() * 4,
		    (counts.nr_slots - counts.nr_free) * 4, mm_event_count[EVENT_FAULT] - stage->seen->faults,
		    mm_event_count[EVENT_MAJOR_FAULT] - stage->seen->majors);
}

static void watch(struct stage *stage)
{
	unsigned long next = jiffies;

	while (is_one_running(stage)) {
		long left = (long)(next - jiffies);

		if (left <= 0) {
			struct swap_counts counts = swap_counts();

			print_line(stage);
			stage->seen->most_swapped =
				MAX(stage->seen->most_swapped, counts.nr_slots - counts.nr_free);
			next += LINE_TICKS;
			continue;
		}
		wait_for_one(stage, left);
		for (unsigned int i = 0; i < NR_DEMO_PROGRAMS; i++)
			if (stage->id[i] != NO_PROGRAM && (long)(jiffies - stage->start) > END_TICKS)
				(void)program_kill(stage->id[i], 0);
	}
	print_line(stage);
}

/* --- the play --- */

static void play(struct stage *stage)
{
	struct demo_swap *seen = stage->seen;
	struct thread *hog = kthread_run(press, seen, "kernel hog");

	seen->faults = mm_event_count[EVENT_FAULT];
	seen->majors = mm_event_count[EVENT_MAJOR_FAULT];
	seen->out = mm_event_count[EVENT_SWAP_OUT];
	seen->in = mm_event_count[EVENT_SWAP_IN];
	stage->start = jiffies;
	seen->has_begun = !IS_ERR(hog) && start_programs(stage);
	watch(stage);
	if (!IS_ERR(hog))
		(void)kthread_stop(hog);
	seen->ms = jiffies_to_msecs(jiffies - stage->start);
	seen->out = mm_event_count[EVENT_SWAP_OUT] - seen->out;
	seen->in = mm_event_count[EVENT_SWAP_IN] - seen->in;
	seen->nr_used_after = swap_counts().nr_slots - swap_counts().nr_free;
}

enum demo_outcome demo_swap_play(struct demo_swap *seen, bool print)
{
	struct stage stage = {.seen = seen, .prints = print};
	enum demo_outcome outcome = DEMO_NO_MEMORY;

	*seen = (struct demo_swap){.nr_used_before = swap_counts().nr_slots - swap_counts().nr_free};
	if (!swap_is_on())
		return DEMO_NO_DEVICE;
	if (set_stage(&stage)) {
		if (swap_counts().nr_free < (size_t)NR_DEMO_PROGRAMS * seen->mib * MIB_PAGES)
			outcome = DEMO_NO_DEVICE;
		else
			outcome = DEMO_PLAYED;
	}
	if (print && outcome == DEMO_PLAYED)
		say("%u MiB are left to %u programs of %u MiB each; the kernel takes and gives back %u KiB "
		    "of them:\n"
		    "   time   free kB cache kB  programs   swapped    faults  of these read\n",
		    seen->mib, NR_DEMO_PROGRAMS, seen->mib, (unsigned int)seen->mib * 1024 / HOG_PART);
	if (outcome == DEMO_PLAYED)
		play(&stage);
	demo_give_all(&stage.taken);
	return outcome;
}

void demo_swap(void)
{
	struct demo_swap seen;
	unsigned int nr_right = 0;

	switch (demo_swap_play(&seen, true)) {
	case DEMO_NO_DEVICE:
		say("demo: no swap disk with room for it: swap=ide3, or swapon ide3, uses one that mkswap "
		    "made\n");
		return;
	case DEMO_NO_MEMORY:
		say("demo: no memory to begin with\n");
		return;
	case DEMO_PLAYED:
		break;
	}
	for (unsigned int i = 0; i < NR_DEMO_PROGRAMS; i++)
		nr_right += seen.code[i] == 0;
	say("%u of %u programs found every byte as they wrote it; %zu pages went out, %zu came in.\n"
	    "%u of %u requests of the kernel's were served. Slots in use: %zu before, %zu after.\n",
	    nr_right, NR_DEMO_PROGRAMS, seen.out, seen.in, seen.nr_got, seen.nr_asked, seen.nr_used_before,
	    seen.nr_used_after);
}
