/* SPDX-License-Identifier: MIT */
/* For tests of programs larger than memory, over the disk ide0 that mkswap made for them. Guest only. */
#pragma once

#include <linux/gfp.h>
#include <mm/cache/swap.h>
#include <mm/mapped/vmalloc.h>
#include <mm/reclaim/vmscan.h>
#include <tests/kernel/settle.h>
#include <tests/kernel/test_util.h>

#define SWAP_DISK_NAME "ide0"
#define MIB_PAGES      256u

/* Is it for tests? Another's is left alone. */
bool swap_disk_is_ours(void);
bool swap_disk_begin(void);
void swap_disk_end(int *unused);

/* First lines of a test: at its end every slot is free, and every page. */
#define SWAP_DISK()                                                                                          \
	if (!swap_disk_is_ours())                                                                            \
		SKIP("no swap disk for tests is ide0");                                                      \
	(void)vmscan_reclaim(GFP_HIGHUSER, SIZE_MAX);                                                        \
	vmalloc_purge();                                                                                     \
	PAGES_COME_BACK();                                                                                   \
	int swap_disk_ ENDS_WITH(swap_disk_end) = 0;                                                         \
	(void)swap_disk_;                                                                                    \
	REQUIRE(swap_disk_begin())

unsigned int free_mib(void);

/* The program of that size; how: NULL or "random". Result: its number, or an error. And its code at its end, or an error. */
int start_hog(unsigned int mib, const char *rounds, const char *how);
int end_of_hog(int id);
