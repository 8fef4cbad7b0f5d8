/* SPDX-License-Identifier: MIT */
/* A program is killed in a state of our choosing: before its first instruction, asleep in a call, in a read of a device, while it
 * waits for memory, when it is over; and while programs and a device have swallowed all. Guest only. */
#include <kernel/arch/clock.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/core/vfs.h>
#include <kernel/core/wait.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/pressure.h>
#include <tests/kernel/programs.h>
#include <user/call.h>

#define PATIENCE_MS 5000u
#define ANSWER_MS   1000u
#define LEFT_PAGES  400u /* a program of 4 MiB begins, and comes no further */

/* --- a device whose reader sleeps --- */

static struct {
	struct inode inode;
	struct vfs_known known;
	struct wait_queue queue;
	bool is_known;
	volatile bool is_reading, heeds_kill, may_go_on;
} stuck = {.queue = WAIT_QUEUE_INIT(stuck.queue)};

static long read_stuck(struct inode *inode, struct file *file, uint64_t pos, void *to, size_t size_bytes)
{
	(void)inode;
	(void)file;
	(void)pos;
	(void)to;
	(void)size_bytes;
	stuck.is_reading = true;
	(void)wait_event_timeout(stuck.queue,
				 stuck.may_go_on || (stuck.heeds_kill && READ_ONCE(current->is_killed)),
				 (long)msecs_to_jiffies(4 * PATIENCE_MS));
	return stuck.may_go_on ? 0 : -EINTR;
}

static uint64_t size_of_stuck(struct inode *inode)
{
	(void)inode;
	return PAGE_SIZE;
}

static void put_stuck(struct inode *inode)
{
	atomic_dec(&inode->nr_refs);
}

static void make_stuck(bool heeds_kill)
{
	static const struct inode_ops ops = {.read = read_stuck, .size = size_of_stuck, .put = put_stuck};

	stuck.heeds_kill = heeds_kill;
	stuck.is_reading = stuck.may_go_on = false;
	if (stuck.is_known)
		return;
	inode_init(&stuck.inode, &ops, NULL, 1, S_IFCHR | 0666u);
	stuck.known = (struct vfs_known){.name = "stuck", .inode = &stuck.inode};
	vfs_add_known(&stuck.known);
	stuck.is_known = true;
}

static bool has_come(const volatile bool *what)
{
	uint64_t end = clock_now_ms() + PATIENCE_MS;

	while (!*what && clock_now_ms() < end)
		msleep(4);
	return *what;
}

/* It is gone soon. */
static void kill_and_wait(int id)
{
	int code = 0;
	uint64_t since = clock_now_ms();

	REQUIRE(id > 0);
	EXPECT_EQ(program_kill((unsigned int)id, 0), 0);
	EXPECT_EQ(program_wait((unsigned int)id, &code), id);
	EXPECT_EQ(code, EXIT_KILLED);
	EXPECT(clock_now_ms() - since < PATIENCE_MS);
}

KTEST(user, killed_before_its_first_instruction_asleep_in_a_call_or_in_a_read_it_ends, "R8 PRG-06")
{
	PROGRAMS_LEAVE_NOTHING();
	int id;

	kill_and_wait(program_start("peek read 0", current->id)); /* it would die by itself, and say so */
	id = program_start("peek sleep 1000000", current->id);
	msleep(20);
	kill_and_wait(id);
	make_stuck(true);
	id = program_start("cat stuck", current->id);
	EXPECT(has_come(&stuck.is_reading));
	kill_and_wait(id);
}

KTEST(user, a_program_kills_none_but_its_own, "R8 PRG-01")
{
	PROGRAMS_LEAVE_NOTHING();
	int id = program_start("peek sleep 1000000", current->id);
	char line[32];

	REQUIRE(id > 0);
	(void)snprintf(line, sizeof(line), "calls kill %d", id);
	EXPECT_EQ(program_run(line), 0);
	(void)snprintf(line, sizeof(line), "calls kill %u", current->id);
	EXPECT_EQ(program_run(line), 0);
	EXPECT_EQ(programs_snapshot(NULL, 0), 1);
	kill_and_wait(id);
}

KTEST(user, who_waits_for_one_is_not_told_of_another, "R8")
{
	PROGRAMS_LEAVE_NOTHING();
	int sleeper = program_start("peek sleep 1000000", current->id), code = 0;
	int other = program_start("spawn 0", current->id);

	REQUIRE(sleeper > 0 && other > 0);
	msleep(50);
	EXPECT_EQ(program_wait_for((unsigned int)sleeper, &code, 2), 0);
	EXPECT_EQ(program_wait((unsigned int)other, &code), other);
	kill_and_wait(sleeper);
}

KTEST(user, who_is_over_cannot_be_killed_and_still_has_its_code, "R8 PRG-06")
{
	PROGRAMS_LEAVE_NOTHING();
	int code = -5, id = program_start("peek read 0x08048000", current->id);

	REQUIRE(id > 0);
	msleep(50);
	EXPECT_EQ(programs_snapshot(NULL, 0), 0);
	EXPECT_EQ(program_kill((unsigned int)id, 0), -ESRCH);
	EXPECT_EQ(program_wait((unsigned int)id, &code), id);
	EXPECT_EQ(code, 3);
	EXPECT_EQ(program_wait((unsigned int)id, &code), -ECHILD);
}

/* --- with no memory left --- */

static void take_all_but(struct list_head *taken, size_t leave)
{
	struct zone *zone;

	for_each_zone(zone)
		if (zone_has_memory(zone))
			hog_zone(taken, zone,
				 zone_floor(zone, ZONE_HIGHMEM) + (zone->id == ZONE_DMA ? leave : 0));
}

/* One that was killed and does not end yet is waited for, so nobody else is a victim meanwhile. */
KTEST(user, killed_while_it_waits_for_memory_it_ends, "R8 R4 PRG-06")
{
	PROGRAMS_LEAVE_NOTHING();
	HOG(taken);
	int dying, waiting, code = 0;
	size_t rounds;
	uint64_t end = clock_now_ms() + PATIENCE_MS;

	make_stuck(false);
	dying = program_start("cat stuck", current->id);
	REQUIRE(dying > 0 && has_come(&stuck.is_reading));
	EXPECT_EQ(program_kill((unsigned int)dying, 0), 0);
	take_all_but(&taken, LEFT_PAGES);
	rounds = mm_event_count[EVENT_ROUND];
	waiting = program_start("hog 16", current->id);
	while (mm_event_count[EVENT_ROUND] == rounds && clock_now_ms() < end)
		msleep(1);
	EXPECT(mm_event_count[EVENT_ROUND] != rounds);
	kill_and_wait(waiting);
	hog_release(&taken);
	stuck.may_go_on = true;
	wake_up_all(&stuck.queue);
	EXPECT_EQ(program_wait((unsigned int)dying, &code), dying);
	EXPECT_EQ(code, EXIT_KILLED);
}

/* As a person does: by number, from ps. */
static void kill_all_from_the_prompt(void)
{
	struct program_info row;
	char line[24];

	for (unsigned int i = 0; programs_snapshot(&row, 1) && i < 500; i++) {
		(void)snprintf(line, sizeof(line), "kill %u", row.id);
		EXPECT(monitor_answers(line, "", ANSWER_MS));
		msleep(4);
	}
	EXPECT_EQ(programs_snapshot(NULL, 0), 0);
}

/* The device keeps what it was given though its writer is gone: then a program may be refused, until the device is cut. */
KTEST(oom, hogs_and_a_device_swallow_all_and_the_prompt_ends_them, "C5 R4 R8 PRG-08")
{
	PROGRAMS_LEAVE_NOTHING();
	SCULL_ENDS_EMPTY();
	HOG(taken);
	unsigned int nr_started = 0;

	take_all_but(&taken, 6 * LEFT_PAGES);
	reports_capture();
	EXPECT(program_start("fill scull 1000000", PROGRAM_NOBODY) > 0);
	EXPECT(program_start("spawn 1000000 spawn 1 hog 100", PROGRAM_NOBODY) > 0);
	for (unsigned int n = 0; n < 6; n++) {
		int id;

		msleep(20);
		EXPECT(monitor_answers("meminfo", "MemFree:", ANSWER_MS));
		EXPECT(monitor_answers("ps", "selftest", ANSWER_MS) ||
		       monitor_answers("ps", "monitor", ANSWER_MS));
		id = program_start("peek sleep 1", PROGRAM_NOBODY);
		EXPECT(id > 0 || id == -ENOMEM);
		nr_started += id > 0;
	}
	kill_all_from_the_prompt();
	EXPECT(monitor_answers("cp words scull", "", ANSWER_MS));
	EXPECT_EQ(program_run("spawn 2 peek"), 0);
	EXPECT_EQ(program_run("cat scull"), 0);
	EXPECT_EQ(reports_count_bugs(), 0);
	ktest_note("%u of 6 programs could be started meanwhile", nr_started);
	hog_release(&taken);
}
