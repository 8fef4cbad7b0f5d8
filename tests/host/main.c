/* SPDX-License-Identifier: MIT */
/* Runs the suites linked in, on the host. Arguments: a list as for selftest=; none means all. Then the MiB of
 * the machine that the guest's suites find booted; they are linked, and so run, before those that boot their
 * own. Exit status: 0 when all passed, 1 when a test failed, 2 for a wrong call. */
#include <stdio.h>
#include <stdlib.h>

#include <mm/dma/dma.h>
#include <tests/host/host.h>
#include <tests/ktest.h>

#define DEFAULT_MIB 64

int main(int argc, char **argv)
{
	int mib = argc > 2 ? atoi(argv[2]) : DEFAULT_MIB;

	if (argc > 3 || mib < 2) {
		fprintf(stderr, "usage: %s [SUITE,... [MIB]]\n", argv[0]);
		return 2;
	}
	fake_machine_boot_pc((uint64_t)mib);
	dma_init(MIB(16u), 0, KIB(128u));
	return ktest_run(argc >= 2 ? argv[1] : "all") ? 1 : 0;
}
