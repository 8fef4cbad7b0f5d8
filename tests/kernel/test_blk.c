/* SPDX-License-Identifier: MIT */
/* The queue of a disk, over a disk that does nothing: the test is its driver, takes commands and says how they end. Guest
 * only. */
#include <kernel/core/blkdev.h>

#include <kernel/arch/trap.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <tests/kernel/crowd.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

#define NR_ASKS	   24u
#define NR_SECTORS 1000u
#define NR_STEPS   3000u

struct ask {
	struct blk_request request;
	struct blk_segment segment[8];
	unsigned int nr_done, done_as; /* the how-manyeth */
};

static struct {
	struct blk_device dev;
	struct ask *ask; /* borrowed, NR_ASKS */
	unsigned int nr_wakes, nr_done;
} fake;

static struct ask *asks; /* borrowed */

static void fake_wake(struct blk_device *dev)
{
	(void)dev;
	fake.nr_wakes++;
}

static void fake_end(int *unused)
{
	(void)unused;
	blk_unregister(&fake.dev);
}

static int fake_begin(void)
{
	static const struct blk_ops ops = {.wake = fake_wake};

	memset(&fake, 0, sizeof(fake));
	(void)snprintf(fake.dev.name, sizeof(fake.dev.name), "test0");
	fake.dev.nr_sectors = NR_SECTORS;
	fake.dev.max_sectors = 64;
	fake.dev.max_segments = 32;
	fake.dev.ops = &ops;
	EXPECT_EQ(blk_register(&fake.dev), 0);
	return 0;
}

/* First lines of a test. */
#define FAKE_DISK()                                                                                          \
	MACHINE_STAYS_AS_FOUND();                                                                            \
	BORROW_MANY(asks, NR_ASKS);                                                                          \
	int fake_disk_ ENDS_WITH(fake_end) = fake_begin()

#define FAKE_DISK_AND_THREADS()                                                                              \
	PAGES_COME_BACK();                                                                                   \
	BORROW_MANY(asks, NR_ASKS);                                                                          \
	int fake_disk_ ENDS_WITH(fake_end) = fake_begin()

static void note_done(struct blk_request *request)
{
	struct ask *ask = container_of(request, struct ask, request);

	ask->nr_done++;
	ask->done_as = ++fake.nr_done;
}

/* Pieces of a page each, the last one smaller; which page does not matter. */
static struct ask *ask_make(unsigned int i, enum blk_op op, uint64_t sector, uint32_t nr)
{
	struct ask *ask = &asks[i];
	unsigned int n = 0;

	memset(ask, 0, sizeof(*ask));
	for (; nr; nr -= ask->segment[n++].length / BLK_SECTOR)
		ask->segment[n] = (struct blk_segment){1, 0, (uint16_t)(MIN(nr, 8u) * BLK_SECTOR)};
	ask->request = (struct blk_request){.dev = &fake.dev, .op = op, .sector = sector};
	ask->request.segment = ask->segment;
	ask->request.nr_segments = n;
	ask->request.done = note_done;
	return ask;
}

static void submit(unsigned int i, enum blk_op op, uint64_t sector, uint32_t nr)
{
	EXPECT_EQ(blk_submit(&ask_make(i, op, sector, nr)->request), 0);
}

/* The next command must be these sectors, and ends well. */
static bool serve(uint64_t sector, uint32_t nr)
{
	struct blk_command *command = blk_next(&fake.dev);

	if (!command)
		return false;
	EXPECT_EQ(command->sector, sector);
	EXPECT_EQ(command->nr_sectors, nr);
	blk_command_done(&fake.dev, command, 0);
	return true;
}

KTEST(blk, a_request_is_given_to_the_driver_and_told_its_result_once, "R7 BLK-04")
{
	FAKE_DISK();
	struct blk_command *command;

	submit(0, BLK_WRITE, 17, 3);
	EXPECT_EQ(fake.nr_wakes, 1);
	command = blk_next(&fake.dev);
	REQUIRE(command);
	EXPECT(command->op == BLK_WRITE && command->sector == 17 && command->nr_sectors == 3 &&
	       command->nr_segments == 1);
	EXPECT_NULL(blk_next(&fake.dev));
	EXPECT_EQ(asks[0].nr_done, 0);
	blk_command_done(&fake.dev, command, -EIO);
	EXPECT(asks[0].nr_done == 1 && asks[0].request.error == -EIO);
	EXPECT_EQ(fake.dev.stat.nr_in_flight, 0);
}

KTEST(blk, neighbours_are_merged_in_either_order_into_one_command, "BLK-02")
{
	FAKE_DISK();
	struct blk_command *command;
	struct blk_request *request;
	uint64_t at = 10;

	submit(0, BLK_READ, 18, 8);
	submit(1, BLK_READ, 10, 8); /* in front */
	submit(2, BLK_READ, 26, 4); /* behind */
	submit(3, BLK_READ, 31, 4); /* not quite */
	submit(4, BLK_WRITE, 6, 4); /* another kind */
	fake.dev.position = 7;
	command = blk_next(&fake.dev);
	REQUIRE(command);
	EXPECT(command->sector == 10 && command->nr_sectors == 20 && command->nr_segments == 3);
	list_for_each_entry(request, &command->requests, link) {
		EXPECT_EQ(request->sector, at);
		at += request->nr_sectors;
	}
	blk_command_done(&fake.dev, command, 0);
	EXPECT(asks[0].nr_done == 1 && asks[1].nr_done == 1 && asks[2].nr_done == 1);
	EXPECT(serve(31, 4) && serve(6, 4) && !serve(0, 0));
	EXPECT_EQ(fake.dev.stat.nr_commands, 3);
	EXPECT_EQ(fake.dev.stat.nr_merged[BLK_READ], 2);
}

KTEST(blk, a_command_does_not_grow_beyond_what_the_device_takes, "BLK-02")
{
	FAKE_DISK();

	submit(0, BLK_READ, 0, 40);
	submit(1, BLK_READ, 40, 24);
	submit(2, BLK_READ, 64, 1);
	EXPECT(serve(0, 64) && serve(64, 1));
	fake.dev.max_segments = 3;
	submit(0, BLK_READ, 100, 16);
	submit(1, BLK_READ, 116, 8);
	submit(2, BLK_READ, 124, 1);
	EXPECT(serve(100, 24) && serve(124, 1) && !serve(0, 0));
}

KTEST(blk, the_elevator_goes_up_and_then_to_the_lowest, "BLK-02")
{
	FAKE_DISK();

	fake.dev.position = 200;
	submit(0, BLK_READ, 500, 2);
	submit(1, BLK_READ, 100, 2);
	submit(2, BLK_READ, 300, 2);
	submit(3, BLK_READ, 150, 2);
	EXPECT(serve(300, 2) && serve(500, 2) && serve(100, 2));
	submit(4, BLK_READ, 101, 2);
	EXPECT(serve(150, 2) && serve(101, 2));
}

KTEST(blk, who_has_waited_too_long_is_next, "BLK-02")
{
	FAKE_DISK();

	submit(0, BLK_READ, 5, 1);
	fake.dev.position = 100;
	submit(1, BLK_READ, 100, 1);
	submit(2, BLK_READ, 200, 1);
	EXPECT(serve(100, 1));
	asks[0].request.arrived -= BLK_AGE_TICKS + 1;
	EXPECT(serve(5, 1));
	EXPECT_EQ(fake.dev.stat.nr_overdue, 1);
	EXPECT(serve(200, 1));
}

KTEST(blk, requests_that_overlap_keep_their_order, "BLK-02")
{
	FAKE_DISK();

	submit(0, BLK_WRITE, 50, 8);
	submit(1, BLK_WRITE, 40, 12); /* lower, and so before it but for the overlap */
	submit(2, BLK_READ, 30, 11);
	submit(3, BLK_WRITE, 58, 2); /* a neighbour of the first */
	EXPECT(serve(50, 10) && serve(40, 12) && serve(30, 11) && !serve(0, 0));
	fake.dev.position = 0;
	submit(0, BLK_READ, 50, 8);
	submit(1, BLK_READ, 45, 8); /* two reads do not mind */
	EXPECT(serve(45, 8) && serve(50, 8));
}

KTEST(blk, what_overlaps_the_command_under_way_is_not_merged_past_it, "BLK-02")
{
	FAKE_DISK();
	struct blk_command *command;

	submit(1, BLK_WRITE, 60, 4);
	submit(2, BLK_WRITE, 64, 4);
	submit(0, BLK_WRITE, 52, 4);
	asks[0].request.command.number -= 10; /* as if it had come before them */
	fake.dev.position = 60;
	command = blk_next(&fake.dev);
	REQUIRE(command && command->sector == 60);
	submit(3, BLK_WRITE, 56, 6); /* would be merged with the one at 52 */
	blk_command_done(&fake.dev, command, -EIO);
	fake.dev.position = 0;
	EXPECT(serve(52, 4) && serve(60, 4) && serve(64, 4) && serve(56, 6));
}

KTEST(blk, a_flush_comes_after_all_before_it_and_before_all_after_it, "BLK-09")
{
	FAKE_DISK();

	submit(0, BLK_WRITE, 300, 4);
	submit(1, BLK_WRITE, 100, 4);
	submit(2, BLK_FLUSH, 0, 0);
	submit(3, BLK_WRITE, 104, 4); /* not merged across it */
	submit(4, BLK_READ, 200, 4);
	fake.dev.position = 150;
	EXPECT(serve(300, 4) && serve(100, 4) && serve(0, 0));
	EXPECT_EQ(asks[2].done_as, 3);
	EXPECT(serve(104, 4) && serve(200, 4) && !serve(0, 0));
}

KTEST(blk, of_a_merged_command_that_fails_only_the_faulty_part_does, "R7 BLK-04")
{
	FAKE_DISK();
	struct blk_command *command;

	for (unsigned int i = 0; i < 4; i++)
		submit(i, BLK_READ, 10 + i, 1);
	command = blk_next(&fake.dev);
	REQUIRE(command && command->nr_sectors == 4);
	blk_command_done(&fake.dev, command, -EIO);
	EXPECT_EQ(fake.nr_done, 0);
	submit(4, BLK_READ, 14, 1); /* a neighbour, and merged with none of them */
	for (unsigned int i = 0; i < 5; i++) {
		command = blk_next(&fake.dev);
		REQUIRE(command && command->nr_sectors == 1);
		blk_command_done(&fake.dev, command, command->sector == 12 ? -EIO : 0);
	}
	for (unsigned int i = 0; i < 5; i++)
		EXPECT(asks[i].nr_done == 1 && asks[i].request.error == (i == 2 ? -EIO : 0));
	EXPECT_EQ(fake.dev.stat.nr_errors, 1);
	EXPECT(!serve(0, 0));
}

static void expect_refused(int error, const char *says)
{
	EXPECT_EQ((uint32_t)blk_submit(&asks[0].request), (uint32_t)error);
	EXPECT(one_report_says(says));
	EXPECT_EQ(asks[0].nr_done, 0);
	EXPECT(list_is_empty(&fake.dev.queue));
}

KTEST(blk, what_is_no_request_is_refused_with_one_line, "BLK-03")
{
	FAKE_DISK();

	expect_reports();
	ask_make(0, BLK_READ, NR_SECTORS - 1, 2);
	expect_refused(-EINVAL, "expected sectors that the disk has");
	ask_make(0, BLK_READ, NR_SECTORS, 1);
	expect_refused(-EINVAL, "test0: read of 1 pieces at sector 1000 of 1000");
	ask_make(0, BLK_WRITE, ~0ull, 8);
	expect_refused(-EINVAL, "expected sectors that the disk has");
	ask_make(0, BLK_READ, 0, 0);
	expect_refused(-EINVAL, "of some sectors");
	ask_make(0, BLK_READ, 0, 1)->segment[0].length = 100;
	expect_refused(-EINVAL, "expected whole sectors");
	ask_make(0, BLK_READ, 0, 1)->segment[0].offset = 4;
	expect_refused(-EINVAL, "expected whole sectors");
	ask_make(0, BLK_READ, 0, 8)->segment[0].offset = 512;
	expect_refused(-EINVAL, "in one page");
	ask_make(0, BLK_FLUSH, 0, 1);
	expect_refused(-EINVAL, "a flush without memory");
	ask_make(0, (enum blk_op)7, 0, 1);
	expect_refused(-EINVAL, "a read, a write or a flush");
	fake.dev.is_read_only = true;
	ask_make(0, BLK_WRITE, 0, 1);
	expect_refused(-EROFS, "read-only");
	submit(1, BLK_READ, NR_SECTORS - 1, 1);
	EXPECT(serve(NR_SECTORS - 1, 1));
}

/* --- at random --- */

static bool overlap(const struct blk_request *a, const struct blk_request *b)
{
	if (a->op == BLK_FLUSH || b->op == BLK_FLUSH)
		return true;
	return (a->op == BLK_WRITE || b->op == BLK_WRITE) && a->sector < b->sector + b->nr_sectors &&
	       b->sector < a->sector + a->nr_sectors;
}

/* BD2: nobody that is older, overlaps and is not done has been passed. */
static void expect_in_order(const struct blk_command *command, const bool *is_out)
{
	struct blk_request *request;

	list_for_each_entry(request, &command->requests, link)
		for (unsigned int i = 0; i < NR_ASKS; i++) {
			const struct blk_request *other = &asks[i].request;

			EXPECT(!is_out[i] || asks[i].nr_done || !overlap(other, request) ||
			       (int32_t)(other->number - request->number) >= 0);
		}
}

static void serve_one(struct random *random, const bool *is_out)
{
	struct blk_command *command = blk_next(&fake.dev);

	if (!command)
		return;
	expect_in_order(command, is_out);
	blk_command_done(&fake.dev, command, random_below(random, 5) ? 0 : -EIO);
}

KTEST(blk, random_requests_are_each_done_once_and_in_order_where_they_overlap, "BLK-02 BLK-04")
{
	FAKE_DISK();
	struct random random = {.state = 99};
	bool is_out[NR_ASKS] = {false};

	for (unsigned int step = 0; step < NR_STEPS; step++) {
		unsigned int i = random_below(&random, NR_ASKS);

		if (is_out[i] && !asks[i].nr_done) {
			serve_one(&random, is_out);
			continue;
		}
		EXPECT(!is_out[i] || asks[i].nr_done == 1);
		is_out[i] = true;
		if (random_below(&random, 12))
			submit(i, (enum blk_op)random_below(&random, 2), random_below(&random, 60),
			       1 + random_below(&random, 10));
		else
			submit(i, BLK_FLUSH, 0, 0);
	}
	while (!list_is_empty(&fake.dev.queue))
		serve_one(&random, is_out);
	for (unsigned int i = 0; i < NR_ASKS; i++)
		EXPECT(!is_out[i] || asks[i].nr_done == 1);
	EXPECT_EQ(fake.dev.stat.nr_in_flight, 0);
	EXPECT(fake.dev.stat.nr_merged[BLK_READ] && fake.dev.stat.nr_merged[BLK_WRITE]);
}

/* --- many threads, and no memory --- */

static struct {
	struct wait_queue work;
	bool should_end;
	struct completion ended;
} driver;

static void driver_wake(struct blk_device *dev)
{
	(void)dev;
	wake_up(&driver.work);
}

static int driver_thread(void *unused)
{
	struct blk_command *command = NULL;

	(void)unused;
	for (;;) {
		wait_event(driver.work, (command = blk_next(&fake.dev)) != NULL || driver.should_end);
		if (!command)
			break;
		blk_command_done(&fake.dev, command,
				 blk_fault_hits(&fake.dev, &(unsigned int){0}) == BLK_FAULT_ERROR ? -EIO : 0);
	}
	complete(&driver.ended);
	return 0;
}

static bool driver_start(void)
{
	static const struct blk_ops ops = {.wake = driver_wake};

	fake.dev.ops = &ops;
	wait_queue_init(&driver.work);
	init_completion(&driver.ended);
	driver.should_end = false;
	return !IS_ERR(kthread_run(driver_thread, NULL, "test0"));
}

static void driver_end(void)
{
	driver.should_end = true;
	wake_up(&driver.work);
	wait_for_completion(&driver.ended);
}

static int use_disk(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg;
	struct random random = {.state = seed + 1};
	struct blk_segment segment = {1, 0, 512};
	int nr_failed = 0;

	for (unsigned int i = 0; i < 100; i++)
		nr_failed += blk_do(&fake.dev, i % 3 ? BLK_READ : BLK_WRITE,
				    random_below(&random, NR_SECTORS), &segment, 1) != 0;
	return nr_failed;
}

KTEST(blk, several_threads_use_a_disk_at_once, "BLK-04")
{
	FAKE_DISK_AND_THREADS();
	REQUIRE(driver_start());
	EXPECT_EQ(crowd_works(4, use_disk), 0);
	EXPECT_EQ(fake.dev.stat.nr_ios[BLK_READ] + fake.dev.stat.nr_ios[BLK_WRITE], 400);
	EXPECT_EQ(fake.dev.stat.nr_in_flight, 0);
	driver_end();
}

KTEST(blk, the_nth_request_fails_for_every_n_and_no_other, "R7 BLK-04")
{
	FAKE_DISK_AND_THREADS();
	struct blk_segment segment = {1, 0, 512};

	REQUIRE(driver_start());
	for (unsigned int n = 1; n <= 12; n++) {
		blk_fault_set(&fake.dev, BLK_FAULT_ERROR, n);
		for (unsigned int i = 1; i <= 12; i++) {
			int error = blk_do(&fake.dev, i % 2 ? BLK_WRITE : BLK_READ, i, &segment, 1);

			EXPECT(error == (i == n ? -EIO : 0));
		}
	}
	EXPECT_EQ(fake.dev.stat.nr_errors, 12);
	driver_end();
}

static unsigned int nr_pool_done;

static void give_back(struct blk_request *request)
{
	nr_pool_done++;
	blk_request_put(request);
}

KTEST(blk, requests_are_had_and_served_with_no_page_free, "R3 BLK-07")
{
	FAKE_DISK_AND_THREADS();
	HOG(hog);
	static const struct blk_segment segment = {1, 0, 512};

	REQUIRE(driver_start());
	hog_all(&hog);
	nr_pool_done = 0;
	for (unsigned int i = 0; i < 300; i++) {
		struct blk_request *request = blk_request_get(&fake.dev);

		request->op = BLK_WRITE;
		request->sector = i * 7 % NR_SECTORS;
		request->segment = &segment;
		request->nr_segments = 1;
		request->done = give_back;
		EXPECT_EQ(blk_submit(request), 0);
	}
	for (unsigned int i = 0; i < 100 && READ_ONCE(nr_pool_done) < 300; i++)
		msleep(4);
	hog_release(&hog);
	EXPECT_EQ(nr_pool_done, 300);
	EXPECT_EQ(fake.dev.nr_handed_out, 0);
	driver_end();
}

static struct blk_request *last_one;

static int take_one_more(void *unused)
{
	(void)unused;
	last_one = blk_request_get(&fake.dev);
	return 0;
}

/* --- G4: an allocation inside that would come in again --- */

static const struct blk_source *true_source;
static struct blk_request inner;

static struct blk_request *alloc_and_get(void)
{
	return blk_request_get(&fake.dev);
}

static struct blk_request *alloc_and_submit(void)
{
	(void)!blk_submit(&inner);
	return NULL;
}

static void get_with(void *source)
{
	true_source = blk_set_source(source);
	(void)blk_request_get(&fake.dev);
}

static void expect_bug(struct blk_request *(*alloc)(void), const char *text)
{
	struct blk_source source = {.alloc = alloc};
	struct trap_info info;

	EXPECT(trap_expect(get_with, &source, &info));
	(void)blk_set_source(true_source);
	current->is_in_blk = false;
	EXPECT_EQ(info.vector, TRAP_PANIC);
	EXPECT(info.panic_text && strstr(info.panic_text, text));
}

KTEST(blk, a_thread_that_enters_it_twice_is_a_bug_that_names_the_right_flag, "G4 PGC-07")
{
	FAKE_DISK();
	inner = (struct blk_request){.dev = &fake.dev, .op = BLK_FLUSH};
	expect_bug(alloc_and_get,
		   "asks for a request inside its blk_request_get(): expected an allocation that "
		   "starts no I/O (GFP_NOIO)");
	expect_bug(alloc_and_submit, "submits a request inside its blk_request_get()");
	EXPECT_EQ(fake.nr_wakes, 0);
}

KTEST(blk, who_wants_more_requests_than_a_queue_holds_waits_for_room, "R3 BLK-07")
{
	FAKE_DISK_AND_THREADS();
	struct blk_request **request = kmalloc_array(BLK_QUEUE_MAX, sizeof(*request), GFP_KERNEL);
	struct thread *thread;

	REQUIRE(request);
	for (unsigned int i = 0; i < BLK_QUEUE_MAX; i++)
		request[i] = blk_request_get(&fake.dev);
	last_one = NULL;
	thread = kthread_create(take_one_more, NULL, "one-more");
	REQUIRE(!IS_ERR(thread));
	thread_get(thread);
	wake_up_process(thread);
	msleep(20);
	EXPECT_NULL(READ_ONCE(last_one));
	blk_request_put(request[0]);
	wait_for_completion(&thread->exited);
	thread_put(thread);
	EXPECT_NOT_NULL(last_one);
	request[0] = last_one;
	for (unsigned int i = 0; i < BLK_QUEUE_MAX; i++)
		blk_request_put(request[i]);
	kfree(request);
}

KTEST(blk, diskstats_has_a_line_for_each_disk_in_the_format_of_proc, "P5")
{
	FAKE_DISK();
	char text[1024];
	struct sink_buffer buffer;
	irqflags_t flags;
	const char *line;

	sink_buffer_init(&buffer, text, sizeof(text));
	submit(0, BLK_READ, 0, 8);
	submit(1, BLK_READ, 8, 8);
	submit(2, BLK_WRITE, 100, 3);
	submit(3, BLK_FLUSH, 0, 0);
	EXPECT(serve(0, 16) && serve(100, 3) && serve(0, 0));
	submit(4, BLK_READ, 0, 1);
	flags = irq_save(); /* no tick in between */
	fake.dev.stat.ticks[BLK_READ] = 5;
	fake.dev.stat.ticks[BLK_WRITE] = fake.dev.stat.ticks[BLK_FLUSH] = 0;
	fake.dev.stat.io_ticks = fake.dev.stat.weighted_ticks = 0;
	fake.dev.stat_tick = jiffies;
	diskstats_print(&buffer.sink);
	irq_restore(flags);
	line = strstr(text, "test0");
	REQUIRE(line && line - text >= 13);
	if (!strstr(line, " 1 0 0 0 0 0 0 1 0\n"))
		ktest_note("%s", line);
	EXPECT_EQ(strncmp(line - 13, "   0       0 test0 2 1 16 20 1 0 3 ", 35), 0);
	EXPECT(strstr(line, " 1 0 0 0 0 0 0 1 0\n") != NULL);
	EXPECT(serve(0, 1));
}

KTEST(blk, disks_are_found_by_name_and_no_two_share_one, "USR-04")
{
	FAKE_DISK();
	static struct blk_device other;
	unsigned int nr = 0;

	EXPECT(blk_find("test0") == &fake.dev);
	EXPECT_NULL(blk_find("test1"));
	(void)snprintf(other.name, sizeof(other.name), "test0");
	EXPECT_EQ((uint32_t)blk_register(&other), (uint32_t)-EEXIST);
	while (blk_device_at(nr))
		nr++;
	EXPECT(nr >= 1 && blk_device_at(nr - 1) == &fake.dev);
	blk_unregister(&fake.dev);
	EXPECT_NULL(blk_find("test0"));
}
