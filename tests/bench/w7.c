/* SPDX-License-Identifier: MIT */
/* W7: what fits no stack. Objects of mixed sizes and pages together: filled, churned, half of it freed at once and
 * filled again, all freed, five times. W7_objects is the same without the pages. Calls are made exactly in the order
 * of the definition, which published figures share. A translation unit of its own that knows the public header only. */
#include <tests/bench/measure.h>

#include <kernel/lib/align.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <tests/bench/random.h>

#define NR_ROUNDS  5u
#define NR_SLOTS   80000u
#define NR_PAGES   30000u
#define NR_CHURN   100000u
#define PAGE_EVERY 3u /* objects a page */

enum with { WITH_PAGES, OBJECTS_ONLY };

/* In the scratch area. */
struct heap {
	void *slot[NR_SLOTS], *list[NR_SLOTS];
	struct page *page[NR_PAGES];
};

STATIC_ASSERT(sizeof(struct heap) <= BENCH_SCRATCH_BYTES, "it fits");

static struct {
	uint32_t nr_pages; /* that are live */
	size_t taken;	   /* pages in use after the last first step of a round */
} w7;

static ALWAYS_INLINE uint32_t new_size(struct bench_random *random)
{
	static const uint16_t sizes[8] = {32, 64, 96, 128, 192, 256, 512, 1024};

	return bench_below(random, 10) < 8 ? sizes[bench_below(random, 8)] : bench_logu(random, 9, 8);
}

static ALWAYS_INLINE void *get(enum bench_pass pass, struct bench_random *random)
{
	uint32_t size = new_size(random);

	return BENCH_ALLOC(pass, size, kmalloc(size, GFP_KERNEL));
}

static ALWAYS_INLINE void put(enum bench_pass pass, void **slot)
{
	void *object = *slot;

	*slot = NULL;
	BENCH_FREE(pass, object, kfree(object));
}

/* All that is empty: a page after slots 0, 3, 6, ... */
static ALWAYS_INLINE void fill(enum bench_pass pass, enum with with, struct bench_random *random)
{
	struct heap *heap = bench_scratch();

	for (uint32_t i = 0; i < NR_SLOTS; i++) {
		if (!heap->slot[i])
			heap->slot[i] = get(pass, random);
		if (with == WITH_PAGES && i % PAGE_EVERY == 0)
			heap->page[w7.nr_pages++] = BENCH_ALLOC(pass, 0, alloc_page(GFP_KERNEL));
	}
}

static ALWAYS_INLINE void churn(enum bench_pass pass, struct bench_random *random)
{
	struct heap *heap = bench_scratch();

	for (uint32_t i = 0; i < NR_CHURN; i++) {
		uint32_t k = bench_below(random, NR_SLOTS);

		if (heap->slot[k])
			put(pass, &heap->slot[k]);
		else
			heap->slot[k] = get(pass, random);
	}
}

static ALWAYS_INLINE void free_pages_of(enum bench_pass pass, bool last_first)
{
	struct heap *heap = bench_scratch();

	for (uint32_t i = 0; i < w7.nr_pages; i++) {
		struct page *page = heap->page[last_first ? w7.nr_pages - 1 - i : i];

		BENCH_FREE(pass, page, __free_page(page));
	}
	w7.nr_pages = 0;
}

/* That many parts of 2 of the full slots, as a shuffle orders them. */
static ALWAYS_INLINE void free_some(enum bench_pass pass, uint32_t halves, struct bench_random *random)
{
	struct heap *heap = bench_scratch();
	uint32_t nr = 0;

	for (uint32_t i = 0; i < NR_SLOTS; i++)
		if (heap->slot[i])
			heap->list[nr++] = &heap->slot[i];
	for (uint32_t i = nr - 1; i >= 1; i--) {
		uint32_t j = bench_below(random, i + 1);
		void *swapped = heap->list[i];

		heap->list[i] = heap->list[j];
		heap->list[j] = swapped;
	}
	for (uint32_t i = 0; i < nr * halves / 2; i++)
		put(pass, heap->list[i]);
}

static ALWAYS_INLINE void play(enum bench_pass pass, enum with with)
{
	struct bench_random random = bench_seed(77);

	w7.nr_pages = 0;
	for (uint32_t i = 0; i < NR_SLOTS; i++)
		((struct heap *)bench_scratch())->slot[i] = NULL;
	for (uint32_t round = 0; round < NR_ROUNDS; round++) {
		fill(pass, with, &random);
		w7.taken = measure.free_at_start - nr_free_pages();
		churn(pass, &random);
		free_pages_of(pass, false);
		free_some(pass, 1, &random);
		fill(pass, with, &random);
		free_pages_of(pass, true);
		free_some(pass, 2, &random);
	}
}

DEFINE_BENCH(play_w7, play, WITH_PAGES)
DEFINE_BENCH(play_w7_objects, play, OBJECTS_ONLY)

/* What the definition says is live where pages are compared. */
#define LIVE_BYTES 29410176u
#define LIVE_PAGES (DIV_ROUND_UP(NR_SLOTS, PAGE_EVERY))

static void run_w7(enum bench_pass pass)
{
	play_w7(pass);
	if (pass == PASS_TIMED)
		bench_print_over_demand("W7", w7.taken, DIV_ROUND_UP(LIVE_BYTES, PAGE_SIZE) + LIVE_PAGES);
}

static void run_w7_objects(enum bench_pass pass)
{
	play_w7_objects(pass);
	if (pass == PASS_TIMED)
		bench_print_over_demand("W7_objects", w7.taken, DIV_ROUND_UP(LIVE_BYTES, PAGE_SIZE));
}

static bool start_empty(void)
{
	bench_shrink();
	return nr_free_pages() > 2 * LIVE_PAGES;
}

const struct bench bench_w7[] = {
	{.name = "W7", .run = run_w7, .is_per_operation = true, .setup = start_empty},
	{.name = "W7_objects", .run = run_w7_objects, .is_per_operation = true, .setup = start_empty},
	{.name = NULL},
};
