/* SPDX-License-Identifier: MIT */
/* Runs the suites linked in, on the host. Arguments: a list as for selftest=; none means all. Then the MiB of
 * the machine that the guest's suites find booted; they are linked, and so run, before those that boot their
 * own. Then up to which of its requests each test sees fail, see ktest_set_failures(). Exit status: 0 when
 * all passed, 1 when a test failed, 2 for a wrong call. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mm/dma/dma.h>
#include <mm/pages/page.h>
#include <mm/report/fault.h>
#include <mm/report/validate.h>
#include <tests/host/host.h>
#include <tests/kernel/leftover.h>
#include <tests/kernel/test_util.h>
#include <tests/ktest.h>

#define DEFAULT_MIB   64
#define CHECKED_PAGES (1u << 18) /* of larger machines most descriptors were never touched */

static void check(void)
{
	if (fake_machine_is_up() && mem_map_pages <= CHECKED_PAGES)
		expect_valid();
}

static int mib = DEFAULT_MIB;

static void boot(void)
{
	fake_machine_boot_pc((uint64_t)mib);
	dma_init(MIB(16u), 0, KIB(128u));
}

/* --- requests that fail on purpose: each run in a process of its own, which may crash --- */

static void begin(unsigned int n)
{
	held_begin();
	(void)fault_set_nth(n);
}

static bool end(void)
{
	bool is_reached = fault_set_nth(0);

	held_give_back();
	return is_reached;
}

static bool is_sound(void)
{
	struct leftover_more more;

	leftover_more(&more);
	return !more.machine || mm_validate(NULL) == 0;
}

#define CRASHED	  2u  /* as what is wrong */
#define CODE_BASE 64u /* a sanitizer that stops a program leaves with codes of its own */

static unsigned int alone(unsigned int (*fn)(unsigned int n), unsigned int n)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		boot(); /* the memory of the one there is is shared */
		status = (int)fn(n);
		fflush(stdout);
		_exit((int)CODE_BASE + status);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) && (unsigned int)WEXITSTATUS(status) >= CODE_BASE
		       ? (unsigned int)WEXITSTATUS(status) - CODE_BASE
		       : CRASHED;
}

static struct ktest_failures failures = {.begin = begin, .end = end, .is_sound = is_sound, .alone = alone};

int main(int argc, char **argv)
{
	if (argc > 2)
		mib = atoi(argv[2]);
	if (argc > 4 || mib < 2) {
		fprintf(stderr, "usage: %s [SUITE,... [MIB [FAILURES]]]\n", argv[0]);
		return 2;
	}
	failures.all_up_to = argc > 3 ? (unsigned int)atoi(argv[3]) : 0;
	ktest_set_failures(failures.all_up_to ? &failures : NULL);
	boot();
	ktest_set_check(check);
	return ktest_run(argc >= 2 ? argv[1] : "all") ? 1 : 0;
}
