/* SPDX-License-Identifier: MIT */
/* The n-th failure of what a program asks of mm, from spawn to its end: whoever asked gets its error, or is killed by name, and
 * nothing is left of it. Guest only. */
#include <mm/report/fault.h>

#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <tests/kernel/programs.h>
#include <tests/kernel/settle.h>
#include <user/call.h>

#define MAX_NTHS 2000u

/* All in the thread that spawns. */
KTEST(fault, a_program_that_cannot_be_started_leaves_nothing_behind, "S7 FLT-01 R8")
{
	PROGRAMS_LEAVE_NOTHING();
	bool was_hit = true;
	int code = 0, id = 0;
	unsigned int n;

	reports_capture();
	EXPECT_EQ(program_run("peek"), 0); /* its file is in memory */
	for (n = 1; was_hit && n < MAX_NTHS; n++) {
		(void)fault_set_nth(n);
		id = program_start("peek", current->id);
		was_hit = fault_set_nth(0);
		if (id > 0)
			EXPECT(program_wait((unsigned int)id, &code) == id && code == 0);
		else
			EXPECT(was_hit && id == -ENOMEM);
		EXPECT_EQ(programs_snapshot(NULL, 0), 0);
	}
	EXPECT(n > 6 && id > 0 && !was_hit);
	EXPECT_EQ(reports_count_bugs(), 0);
}

/* It ended well, or with an error of its own, or was killed with one line that names it. */
static void expect_good_end(const char *line, const char *name, int code)
{
	char killed[32];
	bool is_good;

	(void)snprintf(killed, sizeof(killed), "%s (", name);
	is_good = code == EXIT_KILLED ? reports_contain(killed) : code == 0 || code == 1 || code == 4;
	if (!is_good)
		ktest_note("%s: ended with %d", line, code);
	EXPECT(is_good);
	EXPECT_EQ(reports_count_bugs(), 0);
}

/* Result: was there an n-th? */
static bool run_with_failure(enum fault_kind kind, unsigned int n, const char *line, const char *name)
{
	unsigned int nr_asked, nr_failed;
	char text[48];
	int code;

	(void)snprintf(text, sizeof(text), "%u,100,0,1,task=%s", n, name);
	scull_forget(NULL);
	reports_capture();
	EXPECT_NULL(fault_set(kind, text));
	code = program_run(line);
	fault_counts(kind, &nr_asked, &nr_failed);
	EXPECT_NULL(fault_set(kind, "off"));
	expect_good_end(line, name, code);
	reports_forget();
	return nr_failed > 0;
}

/* In the program's own thread: arguments, faults, calls, its end. Each of the first, then fewer. */
static void fail_each(enum fault_kind kind, const char *line, const char *name)
{
	unsigned int n = 1, nr = 0;

	while (n < MAX_NTHS && run_with_failure(kind, n, line, name)) {
		n += 1 + n / 32;
		nr++;
	}
	ktest_note("%s: %u %s failed, one in each run", line, nr, kind == FAULT_PAGES ? "pages" : "objects");
	EXPECT(n < MAX_NTHS && nr > 0);
}

KTEST(fault, a_program_whose_nth_request_fails_gets_an_error_or_is_killed_by_name, "S7 FLT-01 R8 PRG-06")
{
	PROGRAMS_LEAVE_NOTHING();
	SCULL_ENDS_EMPTY();

	fail_each(FAULT_PAGES, "peek", "peek");
	fail_each(FAULT_OBJECTS, "peek", "peek");
	fail_each(FAULT_PAGES, "spawn 2 peek", "spawn");
	fail_each(FAULT_OBJECTS, "spawn 2 peek", "spawn");
	fail_each(FAULT_PAGES, "same hog", "same");
	fail_each(FAULT_OBJECTS, "same hog", "same");
	fail_each(FAULT_PAGES, "fill scull 40", "fill");
	fail_each(FAULT_OBJECTS, "fill scull 40", "fill");
}
