/* SPDX-License-Identifier: MIT */
/* Programs on an ext2 disk, where the test puts them: each runs from there as it does from the archive. Guest only. */
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <tests/kernel/ext2.h>
#include <tests/kernel/programs.h>
#include <user/call.h>

static const char *const programs[] = {"calls", "cat",	"cp",	"fill",	 "hog",
				       "ls",	"peek", "same", "spawn", "sum"};

/* By programs: cp writes them. */
static void install(void)
{
	char line[48];

	EXPECT_EQ(vfs_mkdir("/bin", 0755), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(programs); i++) {
		(void)snprintf(line, sizeof(line), "cp %s /bin/%s", programs[i], programs[i]);
		EXPECT_EQ(program_run(line), 0);
	}
}

static void uninstall(void)
{
	char path[24];

	for (unsigned int i = 0; i < ARRAY_SIZE(programs); i++) {
		(void)snprintf(path, sizeof(path), "/bin/%s", programs[i]);
		EXPECT_EQ(vfs_unlink(path), 0);
	}
	EXPECT_EQ(vfs_rmdir("/bin"), 0);
}

static void run_each(void)
{
	EXPECT_EQ(program_run("/bin/peek"), 0);
	EXPECT_EQ(program_run("/bin/spawn 20 /bin/peek"), 0);
	EXPECT_EQ(program_run("/bin/spawn 3 /bin/spawn 2 /bin/hog 1 1"), 0);
	EXPECT_EQ(program_run("/bin/calls 7 2000"), 0);
	EXPECT_EQ(program_run("/bin/cp /bin/hog /bin/other"), 0);
	EXPECT_EQ(program_run("/bin/other 1 2"), 0);
	EXPECT_EQ(program_run("/bin/same /bin/other"), 0);
	EXPECT_EQ(program_run("/bin/same /bin/other write"), 0);
	EXPECT_EQ(program_run("/bin/other 1 1"), 0);
	EXPECT_EQ(program_run("/bin/fill /bin/other 500"), 0);
	EXPECT_EQ(program_run("/bin/fill /bin/other 500 check"), 0);
	EXPECT_EQ(vfs_unlink("/bin/other"), 0);
}

KTEST(user_disk, programs_run_from_a_disk_and_write_themselves_there, "R8 R2 C4 XPT-01 PRG-09")
{
	PROGRAMS_LEAVE_NOTHING();
	EXT2(fs);

	NEEDS_EXT2(fs);
	install();
	run_each();
	EXPECT_EQ(ext2_remount(&fs), 0);
	run_each();
	program_expect_killed("/bin/peek read 0xc0100000", "peek (");
	program_expect_killed("/bin/peek deep 2000", "bytes below the limit of its stack");
	EXPECT_EQ(program_run("/bin"), -ENODEV);
	EXPECT_EQ(program_run("/bin/peek/x"), -ENOTDIR);
	EXPECT_EQ(program_run("/made/nothing"), -ENOENT);
	expect_reports();
	EXPECT_EQ(program_run("/made/pattern"), -EACCES);
	EXPECT_ONE_REPORT("/made/pattern is not an ELF file");
	uninstall();
}

static void start_and_shorten(void)
{
	int code = 0, id = program_start("/bin/hog 1", current->id);
	FILE(file);

	REQUIRE(id > 0);
	msleep(50);
	expect_reports();
	EXPECT_EQ(vfs_open(&file, "/bin/hog", O_WRONLY | O_TRUNC, 0), 0);
	EXPECT_EQ(program_wait((unsigned int)id, &code), id);
	EXPECT_EQ(code, EXIT_KILLED);
	EXPECT_EQ(reports_count(), 1);
	EXPECT(reports_contain("hog (") && reports_contain(": the file ends before it"));
	reports_forget();
}

KTEST(user_disk, a_program_whose_file_becomes_shorter_is_killed_by_name, "R8 XPT-02 PRG-09")
{
	PROGRAMS_LEAVE_NOTHING();
	EXT2(fs);

	NEEDS_EXT2(fs);
	install();
	start_and_shorten();
	expect_reports();
	EXPECT_EQ(program_run("/bin/hog 1 1"), -EACCES);
	EXPECT_ONE_REPORT("/bin/hog is too short for an ELF file");
	uninstall();
}

/* Names go, files stay until the last program has ended. */
KTEST(user_disk, a_program_whose_name_is_gone_runs_on, "R8 R2")
{
	PROGRAMS_LEAVE_NOTHING();
	EXT2(fs);
	int id, code = 0;

	NEEDS_EXT2(fs);
	install();
	id = program_start("/bin/hog 1 20", current->id);
	uninstall();
	EXPECT(id > 0 && program_wait((unsigned int)id, &code) == id && code == 0);
}
