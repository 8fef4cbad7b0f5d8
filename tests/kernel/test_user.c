/* SPDX-License-Identifier: MIT */
/* Programs in ring 3: what they may, what ends them, and that all comes back. Each is a file of user/programs that looks
 * at itself; its code says whether it found what it should. Guest only. */
#include <user/program.h>

#include <asm/uaccess.h>
#include <boot/stacks.h>
#include <kernel/arch/clock.h>
#include <kernel/arch/cpu.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/vmscan.h>
#include <monitor/monitor.h>
#include <tests/kernel/pressure.h>
#include <tests/kernel/programs.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>
#include <user/call.h>

/* --- in and out --- */

KTEST(user, a_program_starts_with_its_arguments_and_ends_with_a_code, "R8")
{
	PROGRAMS_LEAVE_NOTHING();

	EXPECT_EQ(program_run("spawn 0"), 0);
	EXPECT_EQ(program_run("spawn 3 spawn 2"), 0);
	EXPECT_EQ(program_run("peek read 0x08048000"), 3);
	EXPECT_EQ(program_run("nobody"), -ENOENT);
}

KTEST(user, memory_never_written_is_zero_and_so_are_registers, "K4 PRG-05")
{
	PROGRAMS_LEAVE_NOTHING();

	for (unsigned int n = 0; n < 8; n++)
		EXPECT_EQ(program_run("peek"), 0);
}

KTEST(user, a_program_keeps_what_it_wrote_while_others_run, "R8 K4")
{
	PROGRAMS_LEAVE_NOTHING();
	int id[3], code;

	for (unsigned int i = 0; i < 3; i++)
		id[i] = program_start("hog 1 8", current->id);
	for (unsigned int i = 0; i < 3; i++)
		EXPECT(id[i] > 0 && program_wait((unsigned int)id[i], &code) == id[i] && code == 0);
}

/* --- what ends it --- */

KTEST(user, who_touches_what_is_not_his_is_killed_with_one_line, "R8 PRG-02 D1")
{
	PROGRAMS_LEAVE_NOTHING();

	program_expect_killed("peek read 0xc0100000", "read from 0xc0100000, the kernel's");
	program_expect_killed("peek write 0xc0100000", "write to 0xc0100000, the kernel's");
	program_expect_killed("peek jump 0xc0100000", "0xc0100000, the kernel's");
	program_expect_killed("peek read 0xffffffff", "read from 0xffffffff, the kernel's");
	program_expect_killed("peek read 0", "read from 0x00000000, a NULL pointer and an offset of 0");
	program_expect_killed("peek write 44", "write to 0x0000002c, a NULL pointer and an offset of 44");
	program_expect_killed("peek read 0x70000000", "bytes past its data");
	program_expect_killed("peek write 0x08048001",
			      "write to 0x08048001, its text, read-only, 1 bytes in: that is forbidden");
	program_expect_killed("peek jump 0x12345678", "killed at 0x12345678: ");
	if (cpu_has_nx())
		program_expect_killed("peek execute", ": that is forbidden");
}

KTEST(user, privileged_instructions_kill, "R8 PRG-02")
{
	PROGRAMS_LEAVE_NOTHING();

	program_expect_killed("peek halt", ": general protection fault");
	program_expect_killed("peek port 0xf4", ": general protection fault");
	program_expect_killed("peek interrupt", ": general protection fault");
	program_expect_killed("peek segment 0x10", ": general protection fault");
	program_expect_killed("peek segment 0x38", ": general protection fault");
	program_expect_killed("peek divide", ": divide error");
	program_expect_killed("peek fpu", ": no coprocessor");
	program_expect_killed("peek task", ": invalid task state");
	program_expect_killed("peek step", ": debug exception");
}

KTEST(user, the_stack_grows_to_its_limit_and_no_further, "R8 PRG-04")
{
	PROGRAMS_LEAVE_NOTHING();

	EXPECT_EQ(program_run("peek deep 900"), 3);
	program_expect_killed("peek deep 2000", "bytes below the limit of its stack");
	EXPECT_EQ(program_run("peek read 0xbfeff000"), 3);
	program_expect_killed("peek read 0xbfefeff0",
			      "read from 0xbfefeff0, 16 bytes below the limit of its stack");
	program_expect_killed("peek read 0xbe000000", "bytes past its data");
}

/* --- calls --- */

KTEST(user, calls_with_pointers_that_are_not_its_own_are_errors, "R8 PRG-01")
{
	PROGRAMS_LEAVE_NOTHING();
	SCULL_ENDS_EMPTY();

	EXPECT_EQ(program_run("calls"), 0);
}

KTEST(user, random_calls_harm_nobody, "R8 PRG-01 PRG-02")
{
	PROGRAMS_LEAVE_NOTHING();
	SCULL_ENDS_EMPTY();

	EXPECT_EQ(program_run("calls 19 20000"), 0);
	EXPECT_EQ(program_run("calls 1900 20000"), 0);
	expect_valid();
}

/* Ten programs beside each other, 100,000 calls each. */
KTEST_BY_NAME(user_calls, a_million_random_calls_harm_nobody, "R8 PRG-01 PRG-02")
{
	PROGRAMS_LEAVE_NOTHING();
	SCULL_ENDS_EMPTY();
	int id[10], code = 0;
	char line[32];

	for (unsigned int i = 0; i < ARRAY_SIZE(id); i++) {
		(void)snprintf(line, sizeof(line), "calls %u 100000", 1 + i * 7919);
		id[i] = program_start(line, current->id);
		EXPECT(id[i] > 0);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(id); i++)
		EXPECT(id[i] < 0 || (program_wait((unsigned int)id[i], &code) == id[i] && code == 0));
	expect_valid();
}

/* --- files --- */

KTEST(user, programs_read_write_and_map_files, "R8 PRG-09 C4")
{
	PROGRAMS_LEAVE_NOTHING();
	SCULL_ENDS_EMPTY();

	EXPECT_EQ(program_run("cp peek scull"), 0);
	EXPECT_EQ(program_run("fill scull 100"), 0);
	EXPECT_EQ(program_run("fill scull 100 check"), 0);
	EXPECT_EQ(program_run("same peek"), 0);
	EXPECT_EQ(program_run("same calls"), 0);
}

KTEST(user, what_is_no_program_is_refused_with_one_line, "R8 PRG-03")
{
	PROGRAMS_LEAVE_NOTHING();
	SCULL_ENDS_EMPTY();

	EXPECT_EQ(program_run("scull"), -ENODEV); /* it has no pages */
	EXPECT_EQ(program_run("nobody"), -ENOENT);
	expect_reports();
	EXPECT_EQ(program_run("words"), -EACCES);
	EXPECT_ONE_REPORT("words is not an ELF file");
}

/* --- pointers, as the kernel uses them --- */

KTEST(user, a_thread_without_a_program_has_no_memory_of_one, "R8 PRG-01")
{
	static const uintptr_t addrs[] = {0, USER_START, 0x08048000, USER_END - 4, USER_END, (uintptr_t)-4};
	uint32_t value = 7;

	for (unsigned int i = 0; i < ARRAY_SIZE(addrs); i++) {
		uint32_t __user *at = (uint32_t __user *)addrs[i];

		EXPECT_EQ(put_user(value, at), -EFAULT);
		EXPECT_EQ(get_user(value, at), -EFAULT);
		EXPECT_EQ(value, 0);
		EXPECT_EQ(clear_user(at, 4), 4);
		EXPECT_EQ(copy_to_user(at, &value, 4), 4);
		EXPECT_EQ(copy_from_user(&value, at, 4), 4);
	}
	EXPECT_EQ(copy_to_user((void __user *)USER_START, &value, USER_END), USER_END);
	EXPECT_EQ(copy_to_user((void __user *)(uintptr_t)-4, &value, 8), 8);
}

/* In a program's memory, on a thread of the kernel's that borrows it: a page that is there, one that is not. */
static void with_borrowed_page(void (*fn)(uintptr_t page))
{
	struct program borrowed = {.aspace = aspace_create()};
	uintptr_t start = 0;

	REQUIRE(borrowed.aspace);
	EXPECT_EQ(aspace_map(borrowed.aspace, &start, PAGE_SIZE, ASPACE_MAPPING, ASPACE_WRITE, NULL), 0);
	current->program = &borrowed;
	current->space = &borrowed.aspace->space.tables;
	user_space_load(current->space);
	fn(start);
	current->space = NULL;
	user_space_load(NULL);
	current->program = NULL;
	aspace_clear(borrowed.aspace);
	aspace_free(borrowed.aspace);
}

/* A copy that leaves the page at each of 9 bytes, in both directions: exactly what fits is done. */
static void copy_over_the_end(uintptr_t page)
{
	char from[16] = "0123456789abcde", to[16];

	for (size_t inside = 0; inside <= 9; inside++) {
		void __user *at = (void __user *)(page + PAGE_SIZE - inside);

		EXPECT_EQ(copy_to_user(at, from, sizeof(from)), sizeof(from) - inside);
		memset(to, 'x', sizeof(to));
		EXPECT_EQ(copy_from_user(to, at, sizeof(to)), sizeof(to) - inside);
		EXPECT(memcmp(to, from, inside) == 0);
		for (size_t i = inside; i < sizeof(to); i++)
			EXPECT_EQ(to[i], 0);
		EXPECT_EQ(clear_user(at, 10), 10 - inside);
		EXPECT_EQ(copy_from_user(to, at, inside), 0);
		EXPECT(memory_is(to, 0, inside));
	}
	EXPECT_EQ(put_user((char)5, (char __user *)page), 0);
	EXPECT_EQ(get_user(to[0], (char __user *)page), 0);
	EXPECT_EQ(to[0], 5);
}

KTEST(user, copies_stop_exactly_where_memory_ends, "R8 PRG-01")
{
	MACHINE_STAYS_AS_FOUND();

	with_borrowed_page(copy_over_the_end);
}

static void copy_with_preemption_off(uintptr_t page)
{
	uint32_t value = 7;

	preempt_disable();
	EXPECT_EQ(put_user(value, (uint32_t __user *)page), -EFAULT); /* it would have to be brought */
	preempt_enable();
	EXPECT_EQ(put_user(value, (uint32_t __user *)page), 0);
	preempt_disable();
	EXPECT_EQ(get_user(value, (uint32_t __user *)page), 0);
	preempt_enable();
	EXPECT_EQ(value, 7);
}

KTEST(user, where_nobody_may_sleep_only_what_is_there_is_copied, "R8 C1 XPT-01")
{
	MACHINE_STAYS_AS_FOUND();

	with_borrowed_page(copy_with_preemption_off);
}

/* --- out of memory --- */

#define MIB_PAGES	  256u
#define PROGRAM_LOW_PAGES 12u /* at most, of one that sleeps: tables, stack, what it was loaded from */
#define LEFT_PAGES	  (6u * MIB_PAGES)
#define ANSWER_MS	  1000u

/* What programs need not fill first: it takes seconds on a large machine. */
static void take_most(struct list_head *taken)
{
	size_t left = LEFT_PAGES;
	struct zone *zone;

	for_each_zone(zone) {
		size_t floor = zone_floor(zone, ZONE_HIGHMEM), free = zone->nr_free;
		size_t here = MIN(left, free > floor ? free - floor
						     : 0); /* the DMA zone may be full, of a module */

		if (zone_has_memory(zone))
			hog_zone(taken, zone, floor + here);
		left -= here;
	}
}

/* The small ones must live, and what they hold be theirs. */
KTEST(oom, of_three_programs_the_largest_goes_and_then_the_next_that_is, "R4 R8 PRG-08 C5")
{
	if (nr_low_pages() < 5 * MIB_PAGES)
		SKIP("too little memory for two programs of 1 MiB and a larger one");
	PROGRAMS_LEAVE_NOTHING();
	HOG(taken);
	int small[2], code = 0;

	take_most(&taken);
	expect_reports();
	for (unsigned int i = 0; i < 2; i++)
		small[i] = program_start("hog 1", current->id);
	REQUIRE(small[0] > 0 && small[1] > 0);
	for (unsigned int n = 0; n < 2; n++) {
		EXPECT_EQ(program_run("hog 100"), EXIT_KILLED);
		EXPECT_ONE_REPORT("killed hog, which holds");
		EXPECT_EQ(programs_snapshot(NULL, 0), 2);
		EXPECT(monitor_answers("ps", "hog", ANSWER_MS));
	}
	for (unsigned int i = 0; i < 2; i++) {
		EXPECT_EQ(program_kill((unsigned int)small[i], 0), 0);
		EXPECT_EQ(program_wait((unsigned int)small[i], &code), small[i]);
		EXPECT_EQ(code, EXIT_KILLED);
	}
	hog_release(&taken);
}

/* Programs that swallow all, a device that does, one after the other as fast as it goes. */
KTEST(oom, while_programs_swallow_all_the_monitor_answers_and_others_run, "C5 R4 R8 PRG-08")
{
	PROGRAMS_LEAVE_NOTHING();
	SCULL_ENDS_EMPTY();
	HOG(taken);
	int glutton, code = 0;

	take_most(&taken);
	reports_capture();
	glutton = program_start("spawn 1000000 spawn 1 hog 100", current->id);
	REQUIRE(glutton > 0);
	for (unsigned int n = 0; n < 8; n++) {
		(void)schedule_timeout_uninterruptible((long)(7 + n));
		EXPECT(monitor_answers("meminfo", "MemFree:", ANSWER_MS));
		EXPECT(monitor_answers("ps", "monitor", ANSWER_MS) ||
		       monitor_answers("ps", "selftest", ANSWER_MS));
		code = program_run("spawn 0");
		EXPECT(code == 0 || code == EXIT_KILLED);
	}
	(void)program_kill((unsigned int)glutton, 0);
	EXPECT_EQ(program_wait((unsigned int)glutton, &code), glutton);
	for (unsigned int i = 0; programs_snapshot(NULL, 0) && i < 5000; i++) {
		struct program_info row;

		if (programs_snapshot(&row, 1))
			(void)program_kill(row.id, 0);
		msleep(4);
	}
	EXPECT_EQ(reports_count_bugs(), 0);
	hog_release(&taken);
}

KTEST(user, a_device_that_swallows_all_gives_its_writer_an_error, "R8 C4 C5 D6")
{
	PROGRAMS_LEAVE_NOTHING();
	SCULL_ENDS_EMPTY();
	HOG(taken);
	int code;

	take_most(&taken);
	reports_capture();
	code = program_run("fill scull 1000000");
	EXPECT(code == 4 || code == EXIT_KILLED);
	EXPECT(monitor_answers("meminfo", "MemFree:", ANSWER_MS));
	scull_forget(NULL);
	EXPECT_EQ(program_run("fill scull 100"), 0);
	EXPECT_EQ(reports_count_bugs(), 0);
	hog_release(&taken);
}

/* --- the end --- */

KTEST(user, killed_at_any_moment_a_program_leaves_nothing, "R8 PRG-06")
{
	static const char *const lines[] = {"hog 2", "spawn 1000000", "calls 7 100000000", "spawn 9 hog 1 1"};
	PROGRAMS_LEAVE_NOTHING();

	for (unsigned int n = 0; n < 40; n++) {
		int code = 0, id = program_start(lines[n % ARRAY_SIZE(lines)], current->id);

		REQUIRE(id > 0);
		if (n % 5)
			(void)schedule_timeout_uninterruptible((long)(n % 7));
		EXPECT_EQ(program_kill((unsigned int)id, 0), 0);
		EXPECT_EQ(program_wait((unsigned int)id, &code), id);
		EXPECT_EQ(code, EXIT_KILLED);
		EXPECT_EQ(program_kill((unsigned int)id, 0), -ESRCH);
		for (unsigned int i = 0; programs_snapshot(NULL, 0) && i < 5000;
		     i++) /* its own go on alone */
			msleep(4);
	}
}

KTEST(user, a_thousand_programs_leave_nothing, "R8 PRG-07")
{
	PROGRAMS_LEAVE_NOTHING();

	EXPECT_EQ(program_run("spawn 1000"), 0);
}

KTEST(user, too_many_at_once_are_refused_and_all_come_back, "R8 PRG-07")
{
	if (nr_low_pages() < PROGRAM_MAX * PROGRAM_LOW_PAGES)
		SKIP("too little memory for as many as there may be");
	PROGRAMS_LEAVE_NOTHING();
	unsigned int nr = 0;
	int result = 0, code;

	while (nr <= PROGRAM_MAX && (result = program_start("peek sleep 1000000", current->id)) > 0)
		nr++;
	EXPECT(result == -EAGAIN || result == -ENOMEM);
	EXPECT(nr <= PROGRAM_MAX);
	for (unsigned int n = 0; n < nr; n++) {
		struct program_info row;

		EXPECT(programs_snapshot(&row, 1) > 0 && program_kill(row.id, 0) == 0);
		EXPECT(program_wait(0, &code) > 0);
	}
	EXPECT_EQ(program_wait(0, &code), -ECHILD);
}
