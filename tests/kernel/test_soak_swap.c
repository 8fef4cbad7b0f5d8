/* SPDX-License-Identifier: MIT */
/* All that memory is for at once, for 60,000 ticks: programs larger than memory come, check their bytes, end or are killed; a file on
 * another disk is written and read; the kernel holds objects and looks at them again; and one thread swallows what is free.
 * Again and again somebody wants to give swap up, which fails while memory does not hold what is out. Suite soak_swap (`make soak-swap`) is not part of `all`. Guest only. */
#include <tests/kernel/swap_disk.h>

#include <drivers/fs/disk.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <mm/aspace/aspace.h>
#include <mm/cache/diskfile.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/crowd.h>
#include <tests/kernel/disk.h>
#include <tests/kernel/pressure.h>
#include <user/call.h>
#include <user/program.h>

#define SOAK_TICKS  60000u
#define NR_STARTERS 3u
#define NR_OBJECTS  200u

enum worker { FILE_WORKER = NR_STARTERS, OBJECT_WORKER, SWALLOWER, NR_WORKERS };

static struct {
	struct test_disk disk;
	struct diskfile file;
	unsigned long end;
	unsigned int nr_programs, nr_killed, nr_lost, nr_rounds, nr_objects, nr_offs, nr_wrong;
	size_t nr_swallowed;
} soak;

static bool goes_on(void)
{
	return (long)(soak.end - jiffies) > 0;
}

/* Killed by us half way, or by the want of memory: that is counted elsewhere. */
static void run_program(struct random *random)
{
	bool is_killed = random_below(random, 3) == 0;
	int id = start_hog(1 + random_below(random, 24), is_killed ? "0" : "1",
			   random_below(random, 2) ? "random" : NULL);
	int code;

	if (is_killed && id > 0) {
		msleep(random_below(random, 2000));
		(void)program_kill((unsigned int)id, 0);
	}
	code = end_of_hog(id);
	soak.nr_programs++;
	soak.nr_killed += is_killed;
	soak.nr_lost += !is_killed && code == EXIT_KILLED;
	soak.nr_wrong += code != 0 && code != EXIT_KILLED && code != -ENOMEM;
}

/* The whole part of the disk that is ours, with other bytes each round. */
static void write_and_read(struct random *random, char *bytes)
{
	unsigned int first = soak.disk.host_end, nr = soak.disk.nr_sectors - first, seen = 0;
	uint32_t round = random_next(random);

	for (unsigned int n = 0; n < nr; n++) {
		memset(bytes, (int)((round + n) & 0xff), BLK_SECTOR);
		soak.nr_wrong += writeback_throttle(&soak.file.mapping) != 0;
		soak.nr_wrong += pagecache_write(&soak.file.mapping, (uint64_t)(first + n) * BLK_SECTOR,
						 bytes, BLK_SECTOR) != BLK_SECTOR;
	}
	soak.nr_wrong += round % 4 == 0 && pagecache_sync(&soak.file.mapping, &seen) != 0;
	for (unsigned int n = 0; n < nr; n++) {
		soak.nr_wrong += pagecache_read(&soak.file.mapping, NULL, (uint64_t)(first + n) * BLK_SECTOR,
						bytes, BLK_SECTOR) != BLK_SECTOR;
		soak.nr_wrong += bytes[n % BLK_SECTOR] != (char)(round + n);
	}
	soak.nr_rounds++;
}

static void hold_and_look(struct random *random, uint32_t **object)
{
	unsigned int i = random_below(random, NR_OBJECTS);

	if (object[i]) {
		soak.nr_wrong += object[i][0] != (uint32_t)(uintptr_t)object[i] + i;
		kfree(object[i]);
	}
	object[i] = kmalloc(8 + random_below(random, 3000), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (object[i])
		object[i][0] = (uint32_t)(uintptr_t)object[i] + i;
	soak.nr_objects++;
}

static void give_up_and_take(void)
{
	msleep(3000);
	if (swap_off(SWAP_DISK_NAME) == 0) {
		soak.nr_offs++;
		soak.nr_wrong += disk_swap_on(SWAP_DISK_NAME) != 0;
	}
}

static void work_on_file(struct random *random)
{
	char *bytes = kmalloc(BLK_SECTOR, GFP_KERNEL | __GFP_NOFAIL);

	while (goes_on())
		write_and_read(random, bytes);
	kfree(bytes);
}

static void work_on_objects(struct random *random)
{
	static uint32_t *object[NR_OBJECTS];

	while (goes_on()) {
		hold_and_look(random, object);
		if (soak.nr_objects % 64 == 0)
			msleep(1);
	}
	for (unsigned int i = 0; i < NR_OBJECTS; i++) {
		kfree(object[i]);
		object[i] = NULL;
	}
}

static int work(void *number)
{
	unsigned int n = (unsigned int)(uintptr_t)number;
	struct random random = {20261129 + n};

	if (n == FILE_WORKER)
		work_on_file(&random);
	else if (n == OBJECT_WORKER)
		work_on_objects(&random);
	while (goes_on()) {
		if (n < NR_STARTERS)
			run_program(&random);
		else if (n == SWALLOWER)
			soak.nr_swallowed += swallow_memory();
		else
			give_up_and_take();
	}
	return 0;
}

static void close_file(int *unused)
{
	(void)unused;
	if (soak.file.disk)
		diskfile_close(&soak.file);
	memset(&soak, 0, sizeof(soak));
}

static void soak_for(unsigned long ticks)
{
	soak.end = jiffies + ticks;
	EXPECT_EQ(crowd_works(NR_WORKERS + 1, work), 0);
	writeback_sync();
}

KTEST_BY_NAME(soak_swap, everything_at_once_leaves_every_page_and_slot_as_it_was,
	      "R2 R3 R4 R5 R8 SWP-02 SWP-05 SWP-07")
{
	SWAP_DISK();
	int closed_ ENDS_WITH(close_file) = 0; /* before the pages are counted: its flusher has a stack */
	size_t kills = mm_event_count[EVENT_OOM_KILL];

	if (!test_disk_open(&soak.disk, "ide1"))
		SKIP("no disk for tests is ide1");
	REQUIRE(diskfile_open(&soak.file, (struct port_disk *)soak.disk.dev, GFP_HIGHUSER) == 0);
	(void)closed_;
	expect_reports();
	soak_for(SOAK_TICKS);
	ktest_note("%u programs, %u of them killed, %u for want of memory; %zu pages out, %zu in; swap given "
		   "up %u times",
		   soak.nr_programs, soak.nr_killed, soak.nr_lost, mm_event_count[EVENT_SWAP_OUT],
		   mm_event_count[EVENT_SWAP_IN], soak.nr_offs);
	ktest_note("the file written and read %u times, %u objects, %zu pages swallowed", soak.nr_rounds,
		   soak.nr_objects, soak.nr_swallowed);
	EXPECT_EQ(soak.nr_wrong, 0);
	EXPECT(soak.nr_lost <= mm_event_count[EVENT_OOM_KILL] - kills);
	EXPECT(soak.nr_programs - soak.nr_killed > 0 && soak.nr_rounds > 0);
}
