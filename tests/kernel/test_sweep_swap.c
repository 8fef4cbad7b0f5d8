/* SPDX-License-Identifier: MIT */
/* The sweep's paths of programs' pages on their way to a swap disk and back; a thread that gets the CPU in between reclaims, too: it
 * takes the page that is looked at away, or the one that has just come. Guest only. */
#include <tests/kernel/sweep.h>

#include <mm/cache/swap.h>

#include <kernel/lib/string.h>
#include <mm/aspace/aspace.h>
#include <mm/reclaim/above.h>
#include <tests/kernel/test_file.h>
#include <tests/kernel/test_space.h>

#define AT	  0x08048000u
#define NR	  3u
#define ALL_ZONES (~0u)

static struct {
	struct fake_file disk;
	struct aspace *program;
} sw;

static bool enter_swap(void)
{
	return fake_file_make(&sw.disk, FAKE_FILE_BYTES) && fake_swap_sign(&sw.disk) &&
	       swap_on("sweep", sw.disk.mapping.ops, &sw.disk, FAKE_FILE_BYTES) == 0;
}

static void leave_swap(void)
{
	sweep_expect(swap_off("sweep") == 0);
	fake_file_end(&sw.disk);
}

static uintptr_t addr_of(unsigned int n)
{
	return AT + (uintptr_t)n * PAGE_SIZE;
}

static void reclaim(void)
{
	(void)cache_reclaim(GFP_KERNEL, NR, ALL_ZONES);
}

static const struct rival_use rival_reclaims = {reclaim, reclaim};

static void prepare_here(void)
{
	uintptr_t start = AT;

	sw.program = aspace_create();
	sweep_expect(sw.program &&
		     aspace_map(sw.program, &start, NR * PAGE_SIZE, ASPACE_MAPPING, ASPACE_WRITE, NULL) == 0);
	for (unsigned int n = 0; n < NR; n++)
		sweep_expect(space_write(sw.program, addr_of(n), (uint8_t)(n + 7)));
	(void)cache_reclaim(GFP_NOIO, NR, ALL_ZONES); /* they were used */
	reclaim();
}

static void prepare_out(void)
{
	prepare_here();
	for (unsigned int pass = 0; pass < 4; pass++)
		reclaim();
	sweep_expect(sw.program->nr_resident == 0);
}

static void run_in(void)
{
	for (unsigned int n = 0; n < NR; n++)
		sweep_expect(aspace_fault(sw.program, addr_of(n), ASPACE_WRITES) == ASPACE_DONE);
}

/* Every byte, no name lost, and at the program's end every slot is free. */
static void finish(void)
{
	struct swap_counts counts;

	sweep_expect(aspace_check_swap() == NULL && aspace_check(sw.program) == NULL);
	for (unsigned int n = 0; n < NR; n++)
		sweep_expect(space_read(sw.program, addr_of(n)) == (int)(n + 7));
	aspace_clear(sw.program);
	aspace_free(sw.program);
	(void)cache_reclaim(GFP_KERNEL, NR, ALL_ZONES); /* what nobody names any more */
	(void)swap_stock();
	counts = swap_counts();
	sweep_expect(counts.nr_free == counts.nr_slots && counts.nr_cached == 0);
}

#define OF_SWAP(...) enter_swap, leave_swap, __VA_ARGS__, NULL, &rival_reclaims

KTEST_SWEEP(sweep, swap_out, "C4 R5 SWP-02 SWP-07", OF_SWAP(prepare_here, reclaim, finish))
KTEST_SWEEP(sweep, swap_in, "C4 R5 SWP-02 SWP-07", OF_SWAP(prepare_out, run_in, finish))
