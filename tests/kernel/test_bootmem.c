/* SPDX-License-Identifier: MIT */
/* The alloc_bootmem family once its time is over. What it does in its time is
 * tests/host/test_bootmem_machine.c. Host and guest. */
#include <mm/early/bootmem.h>

#include <tests/kernel/test_util.h>

KTEST(bootmem, after_the_hand_over_it_gives_nothing_and_says_what_to_use, "V2 USR-03")
{
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	EXPECT_NULL(alloc_bootmem_nopanic(64));
	EXPECT(reports_count() > 0);
	EXPECT(reports_contain("called after early memory was handed over; use alloc_pages or kmalloc"));
	free_bootmem(0, PAGE_SIZE);
	EXPECT(reports_contain("memblock_free: called after early memory was handed over"));
}
