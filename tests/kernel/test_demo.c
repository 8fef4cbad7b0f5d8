/* SPDX-License-Identifier: MIT */
/* The demonstrations, judged: what a reader is to see in them must be there. Suites contexts_demo, dma_demo,
 * flags_demo, nodes_demo and fragmentation. */
#include <tests/ktest.h>

#include <drivers/block/ide.h>
#include <drivers/serial.h>
#include <kernel/core/blkdev.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/list.h>
#include <kernel/lib/string.h>
#include <linux/mm.h>
#include <mm/pages/page_alloc.h>
#include <monitor/demo.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

#define TRIAL_TICKS 60u

KTEST(contexts_demo, handlers_live_on_the_reserve_drop_what_they_must_and_recover, "C2 G2")
{
	struct demo_contexts seen;
	size_t before;

	settle_stacks();
	pcp_keep_closed(true);
	before = nr_free_pages();
	EXPECT(demo_contexts_play(&seen, false));
	for (unsigned int place = 0; place < NR_DEMO_PLACES; place++) {
		ktest_note("%u: %u got, %u dropped, %u recovered", place, seen.nr_got[place],
			   seen.nr_dropped[place], seen.nr_recovered[place]);
		if ((place == DEMO_SERIAL && !serial_is_present()) ||
		    (place == DEMO_DISK && !ide_stat(0, &(struct ide_stat){0}) &&
		     !ide_stat(1, &(struct ide_stat){0})))
			continue;
		EXPECT(seen.nr_got[place] >= 2);
		EXPECT(seen.nr_dropped[place] >= 1);
		EXPECT(seen.nr_recovered[place] >= 1);
	}
	EXPECT_EQ(seen.nr_free_at_drop, 0);
	EXPECT_EQ(seen.nr_elsewhere, 0);
	EXPECT(settle_all_is_back(before));
	pcp_keep_closed(false);
	expect_valid();
}

/* On a host that stands still for a while the sleepers' patience ends before the play does. */
static bool play_in_time(struct demo_contexts *seen)
{
	for (unsigned int i = 0; i < 3; i++) {
		if (!demo_contexts_play(seen, false))
			return false;
		if (seen->nr_refused[0] + seen->nr_refused[1] == 0)
			break;
	}
	return true;
}

/* Timers and hard interrupts: one gives a page back, the other an object. */
KTEST(contexts_demo, who_sleeps_is_woken_by_a_handlers_free, "C2 C3 G1")
{
	OBJECTS_COME_FROM_SLABS();
	struct demo_contexts seen;

	REQUIRE(play_in_time(&seen));
	for (unsigned int i = 0; i < NR_DEMO_SLEEPERS; i++) {
		EXPECT(seen.was_served[i]);
		ktest_note("slept %u ms, woken by %s, refused %u times before", seen.slept_ms[i],
			   seen.woken_by[i], seen.nr_refused[i]);
	}
	EXPECT(strcmp(seen.woken_by[0], "timer") == 0);
	EXPECT(strcmp(seen.woken_by[1], "hard irq") == 0);
}

static bool is_not_less(const struct demo_success *success, enum demo_kind more, enum demo_kind less)
{
	return success->nr_got[more] * success->nr_asked[less] >=
	       success->nr_got[less] * success->nr_asked[more];
}

KTEST(contexts_demo, under_one_load_kernel_succeeds_most_and_dma_least, "C7")
{
	struct demo_success success;
	size_t before;

	settle_stacks();
	pcp_keep_closed(true);
	before = nr_free_pages();
	EXPECT(demo_success_measure(&success, TRIAL_TICKS));
	ktest_note("KERNEL %u of %u, ATOMIC %u of %u, DMA|ATOMIC %u of %u", success.nr_got[0],
		   success.nr_asked[0], success.nr_got[1], success.nr_asked[1], success.nr_got[2],
		   success.nr_asked[2]);
	EXPECT(success.nr_got[DEMO_DMA_ATOMIC] > 0);
	EXPECT(success.nr_got[DEMO_ATOMIC] < success.nr_asked[DEMO_ATOMIC]);
	EXPECT(success.nr_slept > 0);
	EXPECT(is_not_less(&success, DEMO_KERNEL, DEMO_ATOMIC));
	EXPECT(is_not_less(&success, DEMO_ATOMIC, DEMO_DMA_ATOMIC));
	EXPECT(settle_all_is_back(before));
	pcp_keep_closed(false);
	expect_valid();
}

/* The table in the book, counted by the disk. */
KTEST(flags_demo, each_flag_starts_what_it_may_and_gets_its_page, "G1 G4 G5 PGC-07 REC-01")
{
	struct demo_flags seen;
	enum demo_outcome outcome = demo_flags_play(&seen);

	if (outcome == DEMO_NO_DEVICE)
		SKIP("no IDE disk");
	EXPECT_EQ(outcome, DEMO_PLAYED);
	for (unsigned int i = 0; i < NR_DEMO_FLAGS; i++) {
		const struct demo_flag *flag = &seen.flag[i];

		ktest_note("%u: %u calls, %u + %u + %u written by it, %u by others, asked %u times, %u us, "
			   "woken by: %s",
			   i, flag->nr_calls[BLK_FOR_KERNEL], flag->nr_begun[BLK_FOR_NOIO],
			   flag->nr_begun[BLK_FOR_NOFS], flag->nr_begun[BLK_FOR_KERNEL],
			   flag->nr_begun[BLK_FOR_NOBODY], flag->nr_asked, flag->took_us, flag->woken_by);
		EXPECT(flag->got);
		EXPECT_EQ(flag->nr_begun[BLK_FOR_NOIO] + flag->nr_begun[BLK_FOR_NOFS], 0);
		EXPECT(i == 2 || flag->nr_begun[BLK_FOR_KERNEL] == 0);
		EXPECT_EQ(flag->nr_calls[BLK_FOR_NOIO] + flag->nr_calls[BLK_FOR_NOFS], 0);
		EXPECT(seen.has_fs ? flag->nr_calls[BLK_FOR_KERNEL] == flag->nr_begun[BLK_FOR_KERNEL]
				   : flag->nr_calls[BLK_FOR_KERNEL] == 0);
		EXPECT(flag->nr_begun[BLK_FOR_KERNEL] + flag->nr_begun[BLK_FOR_NOBODY] != 0);
	}
	expect_valid();
}

KTEST(dma_demo, what_reaches_memory_by_itself_is_shown_right_and_wrong, "P11 G7 ZON-02 DMA-01 DMA-02 DMA-03")
{
	struct demo_dma seen;
	bool is_ready;

	MACHINE_STAYS_AS_FOUND();
	is_ready = demo_dma_play(&seen, false);
	if (!is_ready || !(seen.has_floppy || seen.has_disk || seen.has_edu))
		SKIP("no such device, or no memory above 16 MiB");
	EXPECT(!seen.has_floppy ||
	       (seen.floppy_near && seen.raw_missed && seen.raw_damaged && seen.floppy_far));
	EXPECT(!seen.has_disk || seen.disk_both);
	EXPECT(!seen.has_edu || seen.edu_masked);
}

static unsigned int sum_of(const unsigned int nr[MAX_NODES])
{
	unsigned int sum = 0;

	for (unsigned int node = 0; node < MAX_NODES; node++)
		sum += nr[node];
	return sum;
}

KTEST(nodes_demo, who_asks_gets_near_memory_what_it_names_or_the_next, "P8 G22 NUM-06")
{
	struct demo_nodes seen;
	enum demo_outcome outcome;

	MACHINE_STAYS_AS_FOUND();
	outcome = demo_nodes_play(&seen);
	if (outcome == DEMO_NO_DEVICE)
		SKIP("no two nodes with room");
	EXPECT_EQ(outcome, DEMO_PLAYED);
	EXPECT_EQ(seen.nr[DEMO_NODE_PAGE][seen.near], DEMO_NODE_REQUESTS);
	EXPECT_EQ(seen.nr[DEMO_NODE_OBJECT][seen.near], DEMO_NODE_REQUESTS);
	EXPECT_EQ(seen.nr[DEMO_NODE_FAR_PAGE][seen.far], DEMO_NODE_REQUESTS);
	EXPECT_EQ(seen.nr[DEMO_NODE_FAR_OBJECT][seen.far], DEMO_NODE_REQUESTS);
	/* near: what slabs had, and what the reclaimer gave back meanwhile */
	EXPECT(seen.nr[DEMO_NODE_PAGE_FULL][seen.near] < DEMO_NODE_REQUESTS / 4);
	EXPECT_EQ(sum_of(seen.nr[DEMO_NODE_PAGE_FULL]), DEMO_NODE_REQUESTS);
	EXPECT_EQ(sum_of(seen.nr[DEMO_NODE_OBJECT_FULL]), DEMO_NODE_REQUESTS);
	EXPECT(seen.nr[DEMO_NODE_OBJECT_FULL][seen.near] < DEMO_NODE_REQUESTS / 4);
	EXPECT(sum_of(seen.nr[DEMO_NODE_ALONE_FULL]) < DEMO_NODE_REQUESTS / 4);
	EXPECT_EQ(sum_of(seen.nr[DEMO_NODE_ALONE_FULL]), seen.nr[DEMO_NODE_ALONE_FULL][seen.near]);
}

static struct page *take_order_10(gfp_t gfp)
{
	return alloc_pages(GFP_KERNEL | gfp, MAX_PAGE_ORDER);
}

KTEST(fragmentation, order_10_fails_with_nearly_all_free_and_works_again_afterwards, "P3")
{
	struct list_head kept = LIST_HEAD_INIT(kept);
	struct page *page;
	size_t before;

	MACHINE_STAYS_AS_FOUND();
	page = take_order_10(__GFP_NOWARN);
	if (!page)
		SKIP("no block of order 10 in low memory");
	__free_pages(page, MAX_PAGE_ORDER);

	before = demo_low_free();
	EXPECT(demo_fragment(&kept) <= before / DEMO_FRAGMENT_STEP + 1);
	EXPECT(demo_low_free() >= before - before / DEMO_FRAGMENT_STEP - 1);
	EXPECT(demo_low_free() > demo_low_kept() + (1u << MAX_PAGE_ORDER) || lowmem_bytes < MIB(16u));
	expect_reports();
	EXPECT_NULL(take_order_10(GFP_NOWAIT));
	EXPECT(reports_contain("page allocation failure: order:10, mode:0xd0(GFP_KERNEL)"));
	EXPECT(reports_contain("largest order:3"));
	page = alloc_pages(GFP_KERNEL, 3);
	EXPECT_NOT_NULL(page);
	if (page)
		__free_pages(page, 3);

	demo_give_all(&kept);
	page = take_order_10(GFP_NOWAIT);
	REQUIRE(page);
	__free_pages(page, MAX_PAGE_ORDER);
}

KTEST(fragmentation, a_block_of_bootmem_larger_than_order_10_stays_whole, "V2 P3")
{
	struct list_head kept = LIST_HEAD_INIT(kept);

	if (!demo_bootmem_bytes())
		SKIP("no such block: demo=fragmentation takes one, above 64 MiB");
	MACHINE_STAYS_AS_FOUND();
	EXPECT(demo_bootmem_bytes() > PAGE_SIZE << MAX_PAGE_ORDER);
	demo_bootmem_fill();
	(void)demo_fragment(&kept);
	for (struct list_head *at = kept.next; at != &kept; at = at->next)
		memset(page_address(list_entry(at, struct page, links)), 0, PAGE_SIZE);
	EXPECT(demo_bootmem_is_whole());
	demo_give_all(&kept);
}
