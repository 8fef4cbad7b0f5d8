/* SPDX-License-Identifier: MIT */
/* Runs the suites linked in, on the host. Arguments: a list as for selftest=; none means all. Then the MiB of
 * the machine that the guest's suites find booted; they are linked, and so run, before those that boot their
 * own. Exit status: 0 when all passed, 1 when a test failed, 2 for a wrong call. */
#include <stdio.h>
#include <stdlib.h>

#include <mm/dma/dma.h>
#include <mm/pages/page.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>
#include <tests/ktest.h>

#define DEFAULT_MIB   64
#define CHECKED_PAGES (1u << 18) /* of larger machines most descriptors were never touched */

static void check(void)
{
	if (fake_machine_is_up() && mem_map_pages <= CHECKED_PAGES)
		expect_valid();
}

int main(int argc, char **argv)
{
	int mib = argc > 2 ? atoi(argv[2]) : DEFAULT_MIB;

	if (argc > 3 || mib < 2) {
		fprintf(stderr, "usage: %s [SUITE,... [MIB]]\n", argv[0]);
		return 2;
	}
	fake_machine_boot_pc((uint64_t)mib);
	ktest_set_check(check);
	dma_init(MIB(16u), 0, KIB(128u));
	return ktest_run(argc >= 2 ? argv[1] : "all") ? 1 : 0;
}
