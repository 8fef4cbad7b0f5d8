/* SPDX-License-Identifier: MIT */
/* Runs the suites linked in, on the host. Argument: a list as for selftest=; none means all. Exit status: 0
 * when all passed, 1 when a test failed, 2 for a wrong call. */
#include <stdio.h>

#include <tests/ktest.h>

int main(int argc, char **argv)
{
	if (argc > 2) {
		fprintf(stderr, "usage: %s [SUITE,...]\n", argv[0]);
		return 2;
	}
	return ktest_run(argc == 2 ? argv[1] : "all") ? 1 : 0;
}
