/* SPDX-License-Identifier: MIT */
/* The workloads on pages, W6, in an arena of 256 MiB: before each pass all low memory beyond that is taken
 * away, so that a larger machine measures the same, and the arena is whole blocks. A translation unit of its
 * own that knows the public header only, but for the shares, which are read off the page descriptors. */
#include <tests/bench/measure.h>

#include <kernel/lib/align.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <mm/pages/zone.h>
#include <tests/bench/held.h>
#include <tests/bench/random.h>

#define ARENA_PAGES	65536u
#define W6_CAP(percent) (ARENA_PAGES * (percent) / 100)
#define NR_BURST	1000u
#define NR_MIXED	1000000u
#define LARGE_ORDER	9u

struct block {
	struct page *page;
	uint32_t order;
};

static struct held *arena_held;

static bool is_arena_block(struct held *block)
{
	return block->order == MAX_PAGE_ORDER && page_zone(virt_to_page(block))->id == ZONE_NORMAL;
}

/* All of low memory is taken; then as many of its largest blocks as make the arena are given back. False: the
 * machine does not have them. */
static bool arena_enter(void)
{
	uint32_t pages = 0;

	while (hold_largest(&arena_held, GFP_ATOMIC | __GFP_NOWARN))
		continue;
	for (struct held **link = &arena_held; *link && pages < ARENA_PAGES;) {
		if (is_arena_block(*link)) {
			release_one(link);
			pages += 1u << MAX_PAGE_ORDER;
		} else {
			link = &(*link)->next;
		}
	}
	return pages >= ARENA_PAGES;
}

static void arena_leave(void)
{
	release_held(&arena_held);
}

static ALWAYS_INLINE struct page *get(enum bench_pass pass, gfp_t gfp, unsigned int order)
{
	return BENCH_ALLOC(pass, 0, alloc_pages(gfp, order));
}

static ALWAYS_INLINE void put(enum bench_pass pass, struct page *page, unsigned int order)
{
	BENCH_FREE(pass, page, __free_pages(page, order));
}

/* --- one block again and again: W6a, W6o1 … W6o9 --- */

static ALWAYS_INLINE void pairs(enum bench_pass pass, uint32_t nr, unsigned int order)
{
	for (uint32_t i = 0; i < nr; i++)
		put(pass, get(pass, GFP_KERNEL, order), order);
}

static ALWAYS_INLINE void zeroed(enum bench_pass pass)
{
	for (uint32_t i = 0; i < 10000; i++) {
		void *page = BENCH_ALLOC(pass, 0, (void *)get_zeroed_page(GFP_KERNEL));

		BENCH_FREE(pass, page, free_page((unsigned long)page));
	}
}

DEFINE_BENCH(run_page_0, pairs, 1000000, 0)
DEFINE_BENCH(run_page_1, pairs, 10000, 1)
DEFINE_BENCH(run_page_2, pairs, 10000, 2)
DEFINE_BENCH(run_page_3, pairs, 10000, 3)
DEFINE_BENCH(run_page_4, pairs, 10000, 4)
DEFINE_BENCH(run_page_5, pairs, 10000, 5)
DEFINE_BENCH(run_page_6, pairs, 10000, 6)
DEFINE_BENCH(run_page_7, pairs, 10000, 7)
DEFINE_BENCH(run_page_8, pairs, 10000, 8)
DEFINE_BENCH(run_page_9, pairs, 10000, 9)
DEFINE_BENCH(run_page_0_zeroed, zeroed)

/* --- bursts: W6L, W6F, W6R, W6fill --- */

enum order { LAST_FIRST, FIRST_FIRST, SHUFFLED };

static void shuffle(struct page **slot, uint32_t nr, struct bench_random *random)
{
	for (uint32_t i = nr - 1; i >= 1; i--) {
		uint32_t j = bench_below(random, i + 1);
		struct page *swapped = slot[i];

		slot[i] = slot[j];
		slot[j] = swapped;
	}
}

static ALWAYS_INLINE void burst(enum bench_pass pass, uint32_t nr, enum order order,
				struct bench_random *random)
{
	struct page **slot = bench_scratch();

	for (uint32_t i = 0; i < nr; i++)
		slot[i] = get(pass, GFP_KERNEL, 0);
	if (order == SHUFFLED)
		shuffle(slot, nr, random);
	for (uint32_t i = 0; i < nr; i++)
		put(pass, slot[order == LAST_FIRST ? nr - 1 - i : i], 0);
}

static ALWAYS_INLINE void bursts(enum bench_pass pass, enum order order)
{
	struct bench_random random = bench_seed(7);

	for (uint32_t round = 0; round < 100; round++)
		burst(pass, NR_BURST, order, &random);
}

static ALWAYS_INLINE void fill(enum bench_pass pass)
{
	struct bench_random random = bench_seed(9);

	burst(pass, W6_CAP(70), SHUFFLED, &random);
}

DEFINE_BENCH(run_w6l, bursts, LAST_FIRST)
DEFINE_BENCH(run_w6f, bursts, FIRST_FIRST)
DEFINE_BENCH(run_w6r, bursts, SHUFFLED)
DEFINE_BENCH(run_w6fill, fill)

/* --- a mixed arena: W6m --- */

static struct {
	bool is_wanted;
	uint32_t free_pages, free_large_pages, largest_order;
} share;

/* Reads the descriptor of each block. */
static void note_share(void)
{
	drain_all_pages(); /* parked pages are free memory too */
	share.free_pages = share.free_large_pages = share.largest_order = 0;
	for (pfn_t pfn = 0; pfn < lowmem_end_pfn;) {
		const struct page *page = pfn_to_page(pfn);
		uint32_t size = page->state == PAGE_INTERIOR ? 1u : 1u << page->order;

		if (page->state == PAGE_FREE || page->state == PAGE_PERCPU)
			share.free_pages += size;
		if (page->state == PAGE_FREE && page->order >= LARGE_ORDER)
			share.free_large_pages += size;
		if (page->state == PAGE_FREE)
			share.largest_order = MAX(share.largest_order, (uint32_t)page->order);
		pfn += size;
	}
}

static ALWAYS_INLINE void free_one(enum bench_pass pass, struct block *block, uint32_t *count, uint32_t *live,
				   uint32_t i)
{
	uint32_t order = block[i].order;

	put(pass, block[i].page, order);
	*live -= 1u << order;
	block[i] = block[--*count];
}

static ALWAYS_INLINE void mixed(enum bench_pass pass, uint32_t seed, uint32_t cap, gfp_t gfp)
{
	struct bench_random random = bench_seed(seed);
	struct block *block = bench_scratch();
	uint32_t count = 0, live = 0;

	for (uint32_t i = 0; i < NR_MIXED; i++) {
		uint32_t order;
		bool grow;

		bench_next(&random);
		order = (uint32_t)__builtin_ctz(bench_next(&random) | 1u << 9);
		grow = bench_below(&random, 100) < 60;
		if (count == 0 || (grow && live + (1u << order) <= cap)) {
			struct page *page = get(pass, gfp, order);

			if (page) {
				block[count++] = (struct block){page, order};
				live += 1u << order;
			}
		} else {
			free_one(pass, block, &count, &live, bench_below(&random, count));
		}
	}
	if (share.is_wanted)
		note_share();
	while (count)
		free_one(pass, block, &count, &live, count - 1);
}

DEFINE_BENCH(run_w6m70, mixed, 61, W6_CAP(70), GFP_KERNEL)
DEFINE_BENCH(run_w6m50_calls, mixed, 62, W6_CAP(50), GFP_KERNEL)

/* The share of one seed hangs on little: the mean of five. */
#define NR_SEEDS 5u

static NOINLINE void note_share_of(uint32_t seed)
{
	mixed(PASS_COUNT, seed, W6_CAP(50), GFP_KERNEL);
}

static void print_shares(void)
{
	struct {
		uint32_t large, all;
	} sum = {0};
	char text[24];

	for (uint32_t seed = 62; seed < 62 + NR_SEEDS; seed++) {
		note_share_of(seed);
		sum.large += share.free_large_pages;
		sum.all += share.free_pages;
	}
	bench_print_extra("W6m50", "share_order_9", bench_ratio((uint64_t)sum.large * 100, sum.all, text));
	bench_print_number("W6m50", "free_pages", sum.all / NR_SEEDS);
	bench_print_number("W6m50", "largest_order", share.largest_order);
}

static void run_w6m50(enum bench_pass pass)
{
	run_w6m50_calls(pass);
	share.is_wanted = pass == PASS_TIMED;
	if (share.is_wanted)
		print_shares();
	share.is_wanted = false;
}

static void atomic_max(const struct bench *bench)
{
	bool fits = arena_enter();

	(void)bench;
	bench_measure_reset();
	if (fits)
		mixed(PASS_TIMED, 61, W6_CAP(70), GFP_ATOMIC);
	arena_leave();
	if (fits)
		bench_note_atomic("W6m70", &measure.alloc);
}

#define IN_ARENA .setup = arena_enter, .teardown = arena_leave

const struct bench bench_pages[] = {
	{.name = "page_0", .alias = "W6a", .run = run_page_0, IN_ARENA},
	{.name = "page_1", .alias = "W6o1", .run = run_page_1, IN_ARENA},
	{.name = "page_2", .alias = "W6o2", .run = run_page_2, IN_ARENA},
	{.name = "page_3", .alias = "W6o3", .run = run_page_3, IN_ARENA},
	{.name = "page_4", .alias = "W6o4", .run = run_page_4, IN_ARENA},
	{.name = "page_5", .alias = "W6o5", .run = run_page_5, IN_ARENA},
	{.name = "page_6", .alias = "W6o6", .run = run_page_6, IN_ARENA},
	{.name = "page_7", .alias = "W6o7", .run = run_page_7, IN_ARENA},
	{.name = "page_8", .alias = "W6o8", .run = run_page_8, IN_ARENA},
	{.name = "page_9", .alias = "W6o9", .run = run_page_9, IN_ARENA},
	{.name = "page_0_zeroed", .run = run_page_0_zeroed, IN_ARENA},
	{.name = "W6L", .run = run_w6l, IN_ARENA},
	{.name = "W6F", .run = run_w6f, IN_ARENA},
	{.name = "W6R", .run = run_w6r, IN_ARENA},
	{.name = "W6fill", .run = run_w6fill, IN_ARENA},
	{.name = "W6m70", .run = run_w6m70, IN_ARENA},
	{.name = "W6m50", .run = run_w6m50, IN_ARENA},
	{.name = "atomic_max", .special = atomic_max},
	{.name = NULL},
};
