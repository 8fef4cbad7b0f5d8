/* SPDX-License-Identifier: MIT */
/* Programs larger than memory, over a real disk that the host's mkswap made: working sets, several at once, disks that fail, end of
 * memory and swap. Each program checks its own bytes (hog). Guest only. */
#include <mm/cache/swap.h>

#include <drivers/fs/disk.h>
#include <kernel/core/blkdev.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/list.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <mm/aspace/aspace.h>
#include <mm/mapped/highmem.h>
#include <mm/mapped/vmalloc.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>
#include <monitor/demo.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/swap_disk.h>
#include <tests/kernel/test_util.h>
#include <user/call.h>
#include <user/program.h>

#define ALL_ZONES (~0u)

/* Presses what programs have out, as often as that: the first look finds it used. */
static void press(unsigned int times)
{
	while (times--) {
		for (unsigned int pass = 0; pass < 3; pass++)
			(void)cache_reclaim(GFP_KERNEL, 1000, ALL_ZONES);
		yield();
	}
}

struct traffic {
	size_t in, out;
	struct blk_stat stat;
};

static struct traffic traffic(void)
{
	struct traffic now = {.in = mm_event_count[EVENT_SWAP_IN], .out = mm_event_count[EVENT_SWAP_OUT]};

	blk_stat(blk_find(SWAP_DISK_NAME), &now.stat);
	return now;
}

/* Pages a command of the disk, in tenths. */
static unsigned int pages_a_command(const struct traffic *from, const struct traffic *to, enum blk_op op)
{
	uint32_t nr = to->stat.nr_ios[op] - from->stat.nr_ios[op];
	uint32_t commands = nr - (to->stat.nr_merged[op] - from->stat.nr_merged[op]);

	return commands ? nr * 10 / commands : 0;
}

/* --- working sets --- */

KTEST(swap_disk, three_times_memory_one_page_after_the_other, "R5 SWP-01 SWP-02 SWP-09 REC-02")
{
	SWAP_DISK();
	struct traffic before = traffic(), after;
	unsigned int in, out;

	EXPECT_EQ(end_of_hog(start_hog(free_mib() * 3, "3", NULL)), 0);
	after = traffic();
	out = pages_a_command(&before, &after, BLK_WRITE);
	in = pages_a_command(&before, &after, BLK_READ);
	ktest_note("%zu pages out, %u.%u a request; %zu in, %u.%u a request", after.out - before.out,
		   out / 10, out % 10, after.in - before.in, in / 10, in % 10);
	EXPECT(after.out - before.out >= nr_free_pages());
	EXPECT(out >= 80);
	EXPECT(in >= 80);
}

KTEST(swap_disk, three_times_memory_here_and_there, "R5 SWP-01 SWP-02 REC-02")
{
	SWAP_DISK();
	struct traffic before = traffic(), after;

	EXPECT_EQ(end_of_hog(start_hog(free_mib() * 3, "1", "random")), 0);
	after = traffic();
	ktest_note("%zu pages out, %zu in", after.out - before.out, after.in - before.in);
}

KTEST(swap_disk, four_programs_at_once, "R5 SWP-01 SWP-02 REC-02")
{
	SWAP_DISK();
	unsigned int mib = MAX(free_mib() / 2, 1u);
	int id[4];

	for (unsigned int i = 0; i < 4; i++)
		id[i] = start_hog(mib, "1", i % 2 ? "random" : NULL);
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_EQ(end_of_hog(id[i]), 0);
}

#define MARK	  0x6b7e51a3u /* no program's */
#define LOOKED_AT 4096u	      /* pages of the disk, from its start on */

static void mark_free_memory(void)
{
	struct list_head taken = LIST_HEAD_INIT(taken);
	struct page *page;

	while ((page = alloc_page(GFP_NOWAIT | __GFP_HIGHMEM | __GFP_NOWARN)) != NULL) {
		uint32_t *words = kmap_local_page(page);

		for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*words); i++)
			words[i] = MARK;
		kunmap_local(words);
		list_add(&page->links, &taken);
	}
	while (!list_is_empty(&taken)) {
		page = list_first_entry(&taken, struct page, links);
		list_del(&page->links);
		__free_page(page);
	}
}

/* Result: how many there are on the disk, and *nr_written pages that hold anything. */
static unsigned int count_marks(uint32_t *words, unsigned int *nr_written)
{
	unsigned int nr = 0;

	*nr_written = 0;
	for (unsigned int n = 1; n < LOOKED_AT; n++) {
		bool has_any = false;

		if (test_disk_io(blk_find(SWAP_DISK_NAME), BLK_READ, n * (PAGE_SIZE / BLK_SECTOR), words,
				 PAGE_SIZE / BLK_SECTOR))
			return ~0u;
		for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*words); i++) {
			nr += words[i] == MARK;
			has_any |= words[i] != 0;
		}
		*nr_written += has_any;
	}
	return nr;
}

KTEST(swap_disk, nothing_that_lay_in_free_memory_reaches_the_disk, "K4 R5 XPT-04")
{
	SWAP_DISK();
	uint32_t *words = (uint32_t *)get_zeroed_page(GFP_KERNEL);
	unsigned int nr_marks = ~0u, nr_written = 0;

	REQUIRE(words);
	mark_free_memory();
	EXPECT_EQ(end_of_hog(start_hog(free_mib() * 2, "1", NULL)), 0);
	nr_marks = count_marks(words, &nr_written);
	free_page((unsigned long)words);
	ktest_note("%u pages of the disk were written to", nr_written);
	EXPECT_EQ(nr_marks, 0);
	EXPECT(nr_written >= MIB_PAGES);
}

KTEST(swap_disk, programs_that_are_killed_give_all_back, "R5 R8 SWP-02 SWP-07")
{
	SWAP_DISK();
	unsigned int mib = free_mib() * 2;

	for (unsigned int n = 0; n < 6; n++) {
		int id = start_hog(mib, "0", n % 2 ? "random" : NULL);

		REQUIRE(id > 0);
		(void)schedule_timeout_uninterruptible((long)(5 + n * 9));
		EXPECT_EQ(program_kill((unsigned int)id, 0), 0);
		EXPECT_EQ(end_of_hog(id), EXIT_KILLED);
		EXPECT_EQ(swap_counts().nr_free, swap_counts().nr_slots);
	}
}

KTEST(swap_disk, the_demonstration_shows_every_byte_right_while_the_kernel_asks, "R5 SWP-01 SWP-02 REC-02")
{
	SWAP_DISK();
	struct demo_swap seen;

	REQUIRE(demo_swap_play(&seen, false) == DEMO_PLAYED);
	EXPECT(seen.has_begun);
	ktest_note("%u MiB, %u ms, %zu out, %zu in, most %zu slots, kernel %u of %u", seen.mib, seen.ms,
		   seen.out, seen.in, seen.most_swapped, seen.nr_got, seen.nr_asked);
	for (unsigned int i = 0; i < NR_DEMO_PROGRAMS; i++)
		EXPECT_EQ(seen.code[i], 0);
	EXPECT_EQ(seen.nr_got, seen.nr_asked);
	EXPECT(seen.most_swapped > seen.mib * MIB_PAGES);
	EXPECT_EQ(seen.nr_used_after, seen.nr_used_before);
}

/* Counted by both disks, and on whose behalf. */
KTEST(swap_disk, noio_writes_to_no_disk_nofs_to_swap_alone_and_kernel_to_both, "G4 G5 R5 PGC-07")
{
	SWAP_DISK();
	struct demo_flags seen;
	enum demo_outcome outcome = demo_flags_play(&seen);

	if (outcome == DEMO_NO_DEVICE)
		SKIP("no other IDE disk");
	REQUIRE(outcome == DEMO_PLAYED && seen.has_swap);
	for (unsigned int i = 0; i < NR_DEMO_FLAGS; i++) {
		const struct demo_flag *flag = &seen.flag[i];

		ktest_note("%u: %u + %u + %u swapped by it, %u written, %u by others", i,
			   flag->nr_swapped[BLK_FOR_NOIO], flag->nr_swapped[BLK_FOR_NOFS],
			   flag->nr_swapped[BLK_FOR_KERNEL], flag->nr_begun[BLK_FOR_KERNEL],
			   flag->nr_begun[BLK_FOR_NOBODY]);
		EXPECT(flag->got);
		EXPECT_EQ(flag->nr_swapped[BLK_FOR_NOIO], 0);
		EXPECT_EQ(flag->nr_swapped[BLK_FOR_NOFS] != 0, i == 1);
		EXPECT_EQ(flag->nr_swapped[BLK_FOR_KERNEL] != 0, i == 2);
		EXPECT_EQ(flag->nr_begun[BLK_FOR_NOIO] + flag->nr_begun[BLK_FOR_NOFS], 0);
		EXPECT_EQ(flag->nr_begun[BLK_FOR_KERNEL] != 0, i == 2);
		EXPECT_EQ(flag->nr_calls[BLK_FOR_NOIO] + flag->nr_calls[BLK_FOR_NOFS], 0);
	}
}

KTEST(swap_disk, a_disk_that_memory_goes_to_is_no_file, "R5 K4")
{
	SWAP_DISK();
	struct file file;

	EXPECT_EQ(vfs_open(&file, SWAP_DISK_NAME, O_RDONLY, 0), -EBUSY);
	EXPECT_EQ(vfs_mount(SWAP_DISK_NAME, "/", false), -EBUSY);
	EXPECT_EQ(swap_off(SWAP_DISK_NAME), 0);
	REQUIRE(vfs_open(&file, SWAP_DISK_NAME, O_RDONLY, 0) == 0);
	expect_reports();
	EXPECT_EQ(disk_swap_on(SWAP_DISK_NAME), -EBUSY);
	EXPECT(one_report_says("swap: " SWAP_DISK_NAME " is open as a file, or mounted"));
	vfs_close(&file);
}

/* --- swapoff --- */

KTEST(swap_disk, swapoff_while_programs_run, "R5 SWP-05")
{
	SWAP_DISK();
	unsigned int mib = MAX(free_mib() / 4, 1u);
	int id[2] = {start_hog(mib, "40", NULL), start_hog(mib, "40", "random")};

	for (unsigned int n = 0; n < 3; n++) {
		(void)schedule_timeout_uninterruptible(3);
		press(8);
		EXPECT_EQ(swap_off(SWAP_DISK_NAME), 0);
		EXPECT_EQ(disk_swap_on(SWAP_DISK_NAME), 0);
	}
	for (unsigned int i = 0; i < 2; i++)
		EXPECT_EQ(end_of_hog(id[i]), 0);
}

KTEST(swap_disk, swapoff_with_too_little_memory_says_so_and_changes_nothing, "R5 SWP-03")
{
	SWAP_DISK();
	int id = start_hog(free_mib() * 2, "0", NULL);
	size_t slots = swap_counts().nr_slots;

	REQUIRE(id > 0);
	while (swap_counts().nr_free > slots - nr_free_pages() - cache_counts().nr_pages - MIB_PAGES)
		(void)schedule_timeout_uninterruptible(1);
	EXPECT_EQ(swap_off(SWAP_DISK_NAME), -ENOMEM);
	EXPECT_EQ(swap_counts().nr_slots, slots);
	EXPECT_EQ(program_kill((unsigned int)id, 0), 0);
	EXPECT_EQ(end_of_hog(id), EXIT_KILLED);
}

/* --- the end of memory --- */

KTEST(swap_disk, when_memory_and_swap_are_full_the_largest_program_ends, "R4 R5 SWP-03")
{
	SWAP_DISK();
	unsigned int mib = (unsigned int)(swap_counts().nr_slots / MIB_PAGES) + free_mib() + 8;
	int small = start_hog(1, "0", NULL), large;

	expect_reports();
	large = start_hog(mib, "1", NULL);
	EXPECT_EQ(end_of_hog(large), EXIT_KILLED);
	EXPECT_EQ(reports_count(), 1);
	EXPECT(reports_contain("Out of memory: hog asks for"));
	EXPECT(reports_contain("killed hog, which holds"));
	reports_forget();
	EXPECT_EQ(program_kill((unsigned int)small, 0), 0); /* it is there */
	EXPECT_EQ(end_of_hog(small), EXIT_KILLED);
}

/* Its pages come and go while the kernel takes all there is, and nothing more goes out. */
KTEST(swap_disk, a_program_that_is_swapping_in_ends_when_memory_does, "R4 R5 SWP-03 SWP-07")
{
	SWAP_DISK();
	unsigned int mib = (unsigned int)(swap_counts().nr_slots / MIB_PAGES) + free_mib() / 2;
	struct list_head taken = LIST_HEAD_INIT(taken);
	int id = start_hog(mib, "0", "random");
	struct page *page;

	REQUIRE(id > 0);
	while (swap_counts().nr_free > swap_counts().nr_slots / 4 && programs_snapshot(NULL, 0))
		(void)schedule_timeout_uninterruptible(2);
	expect_reports();
	while (programs_snapshot(NULL, 0) && (page = alloc_page(GFP_HIGHUSER)) != NULL)
		list_add(&page->links, &taken);
	while (!list_is_empty(&taken)) {
		page = list_first_entry(&taken, struct page, links);
		list_del(&page->links);
		__free_page(page);
	}
	EXPECT(reports_contain("Out of memory:"));
	EXPECT(reports_contain("killed hog, which holds"));
	reports_forget();
	EXPECT_EQ(end_of_hog(id), EXIT_KILLED);
}

/* --- failing disks --- */

KTEST(swap_disk, a_program_larger_than_memory_ends_when_its_swap_disk_is_gone, "R4 R7 SWP-04")
{
	SWAP_DISK();
	int id;

	expect_reports();
	blk_fault_set(blk_find(SWAP_DISK_NAME), BLK_FAULT_GONE, 1);
	id = start_hog(free_mib() + 2, "1", NULL);
	EXPECT_EQ(end_of_hog(id), EXIT_KILLED);
	blk_fault_set(blk_find(SWAP_DISK_NAME), BLK_FAULT_NONE, 0);
	EXPECT(reports_contain("Out of memory: hog asks for"));
	EXPECT(reports_contain("16 pages could not be written to " SWAP_DISK_NAME ": no more go there"));
	reports_forget();
	EXPECT(swap_disk_is_ours()); /* one that was gone says that it is back */
}

/* Two programs that are pressed out meanwhile. Result: how many were ended for what could not be read. */
static unsigned int run_with_fault(enum blk_fault fault, unsigned int n)
{
	int id[2] = {start_hog(1, "60", NULL), start_hog(1, "60", "random")};
	unsigned int nr_ended = 0;

	blk_fault_set(blk_find(SWAP_DISK_NAME), fault, n);
	for (unsigned int i = 0; i < 6; i++) {
		press(1);
		(void)schedule_timeout_uninterruptible(1);
	}
	for (unsigned int i = 0; i < 2; i++) {
		int code = end_of_hog(id[i]);

		EXPECT(code == 0 || code == EXIT_KILLED);
		nr_ended += code != 0;
	}
	blk_fault_set(blk_find(SWAP_DISK_NAME), BLK_FAULT_NONE, 0);
	EXPECT(swap_disk_is_ours()); /* one that was gone says that it is back */
	return nr_ended;
}

static unsigned int nr_lines(const char *says)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; report_at(i)[0]; i++)
		nr += strstr(report_at(i), says) != NULL;
	return nr;
}

static unsigned int expect_ended(enum blk_fault fault, unsigned int n)
{
	unsigned int nr_ended;

	expect_reports();
	nr_ended = run_with_fault(fault, n);
	EXPECT_EQ(nr_lines("it was swapped out, and its disk cannot be read there"), nr_ended);
	reports_forget();
	expect_valid();
	return nr_ended;
}

KTEST(swap_disk, the_nth_request_that_fails_or_a_disk_that_is_gone_ends_who_lost_a_page_and_no_other,
      "R5 R7 SWP-04")
{
	SWAP_DISK();
	unsigned int nr_ended = 0;

	for (unsigned int n = 1; n <= 8; n++)
		nr_ended += expect_ended(BLK_FAULT_ERROR, n);
	for (unsigned int n = 1; n <= 2; n++)
		nr_ended += expect_ended(BLK_FAULT_GONE, n);
	ktest_note("%u of 20 ended for a page that could not be read", nr_ended);
	EXPECT(nr_ended);
}

KTEST(swap_disk, a_slow_disk_only_takes_its_time, "R5 R7")
{
	SWAP_DISK();

	EXPECT_EQ(expect_ended(BLK_FAULT_SLOW, 20), 0);
}
