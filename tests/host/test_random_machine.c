/* SPDX-License-Identifier: MIT */
/* Random operations, as in tests/kernel/test_random.c, on machines of many shapes and with many seeds. Host
 * only. */
#include <tests/host/host.h>

#include <tests/kernel/test_util.h>

#define PAGES(n) ((uint64_t)(n)*PAGE_SIZE)

KTEST(random_machine, small_machines_are_valid_after_each_operation, "EXH-04 BUD-02 MAP-14")
{
	for (uint32_t seed = 1; seed <= 6; seed++) {
		fake_machine_boot_pc(2 + seed % 3);
		random_operations(seed, 4000, 1);
	}
}

KTEST(random_machine, machines_with_all_zones_agree_with_the_model, "EXH-04 ZON-05 BUD-02")
{
	static const struct memmap_entry map[] = {{0, PAGES(3100), MEMMAP_USABLE},
						  {PAGES(3103), PAGES(1234), MEMMAP_USABLE}};

	for (uint32_t seed = 1; seed <= 6; seed++) {
		fake_machine_boot(map, ARRAY_SIZE(map),
				  (struct mm_params){.dma_end = PAGES(1100), .lowmem_end = PAGES(2501)});
		random_operations(seed * 77, 10000, 20);
	}
}

KTEST(random_machine, a_machine_with_high_memory_agrees_with_the_model, "EXH-04")
{
	fake_machine_boot_pc(1024);
	random_operations(4, 20000, 10000);
}
