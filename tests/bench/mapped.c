/* SPDX-License-Identifier: MIT */
/* Areas of vmalloc: an area again and again, with nothing else live and among ten thousand. Up to 64 KiB an
 * area is used again as it was; a larger one leaves and enters the tree each time. A translation unit of its
 * own that knows the public header only. */
#include <tests/bench/measure.h>

#include <kernel/lib/align.h>
#include <linux/vmalloc.h>

#define NR_PAIRS 10000u
#define NR_LIVE	 10000u
#define SMALL	 65536u
#define LARGE	 (17u * PAGE_SIZE)

static ALWAYS_INLINE void pairs(enum bench_pass pass, size_t size)
{
	for (uint32_t i = 0; i < NR_PAIRS; i++) {
		void *area = BENCH_ALLOC(pass, size, vmalloc(size));

		BENCH_FREE(pass, area, vfree(area));
	}
}

DEFINE_BENCH(run_64k, pairs, SMALL)
DEFINE_BENCH(run_68k, pairs, LARGE)

static bool live_enter(void)
{
	void **live = bench_scratch();
	bool fits = true;

	for (uint32_t i = 0; i < NR_LIVE; i++) {
		live[i] = fits ? vmalloc(PAGE_SIZE) : NULL;
		fits = fits && live[i];
	}
	return fits;
}

static void live_leave(void)
{
	void **live = bench_scratch();

	for (uint32_t i = 0; i < NR_LIVE; i++)
		vfree(live[i]);
	vmalloc_purge();
}

const struct bench bench_mapped[] = {
	{.name = "vmalloc_64k", .run = run_64k},
	{.name = "vmalloc_64k_many", .run = run_64k, .setup = live_enter, .teardown = live_leave},
	{.name = "vmalloc_68k", .run = run_68k},
	{.name = "vmalloc_68k_many", .run = run_68k, .setup = live_enter, .teardown = live_leave},
	{.name = NULL},
};
