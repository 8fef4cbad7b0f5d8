/* SPDX-License-Identifier: MIT */
/* Windows on one page of high memory, again and again. Not part of "all": the machine of the other benches
 * has no high memory, `make bench` runs these on one that has. */
#include <tests/bench/measure.h>

#include <linux/highmem.h>

#define NR_PAIRS 10000u

static struct page *page;

static bool take_page(void)
{
	page = alloc_page(GFP_HIGHUSER);
	return page && page_is_highmem(page);
}

static void give_page(void)
{
	if (page)
		__free_page(page);
}

static ALWAYS_INLINE void local(enum bench_pass pass)
{
	for (uint32_t i = 0; i < NR_PAIRS; i++) {
		void *window = BENCH_ALLOC(pass, 0, kmap_local_page(page));

		BENCH_FREE(pass, window, kunmap_local(window));
	}
}

static ALWAYS_INLINE void shared(enum bench_pass pass)
{
	for (uint32_t i = 0; i < NR_PAIRS; i++) {
		(void)BENCH_ALLOC(pass, 0, kmap(page));
		BENCH_FREE(pass, page, kunmap(page));
	}
}

DEFINE_BENCH(run_kmap_local, local)
DEFINE_BENCH(run_kmap, shared)

#define HIGH_PAGE .by_name = true, .setup = take_page, .teardown = give_page

const struct bench bench_windows[] = {
	{.name = "kmap_local", .run = run_kmap_local, HIGH_PAGE},
	{.name = "kmap", .run = run_kmap, HIGH_PAGE},
	{.name = NULL},
};
