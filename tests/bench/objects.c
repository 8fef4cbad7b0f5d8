/* SPDX-License-Identifier: MIT */
/* The workloads on objects: W1 to W5 and D through kmalloc, W1 and W3 through a cache of 64-byte objects too,
 * and single sizes. Calls are made exactly in the order of the definitions, which published figures share.
 * A translation unit of its own that knows the public header only. */
#include <tests/bench/measure.h>

#include <kernel/lib/align.h>
#include <linux/slab.h>
#include <tests/bench/random.h>

enum via { VIA_KMALLOC, VIA_CACHE };

#define NR_LIVE	  10u
#define NR_BURST  1000u
#define NR_LARGE  10000u /* more than any stack holds */
#define W4_SLOTS  20000u
#define W5_SHORT  256u
#define W5_LONG	  8192u
#define D_OBJECTS 16000u

static struct {
	struct kmem_cache *cache; /* of 64-byte objects */
	void *live[NR_LIVE];
} objects;

static const uint16_t w5_sizes[8] = {32, 64, 96, 128, 192, 256, 512, 1024};

static ALWAYS_INLINE void *get(enum bench_pass pass, enum via via, size_t size, gfp_t gfp)
{
	if (via == VIA_CACHE)
		return BENCH_ALLOC(pass, size, kmem_cache_alloc(objects.cache, gfp));
	return BENCH_ALLOC(pass, size, kmalloc(size, gfp));
}

static ALWAYS_INLINE void put(enum bench_pass pass, enum via via, void *object)
{
	if (via == VIA_CACHE)
		BENCH_FREE(pass, object, kmem_cache_free(objects.cache, object));
	else
		BENCH_FREE(pass, object, kfree(object));
}

/* A size that the compiler cannot know. */
static ALWAYS_INLINE size_t unknown_size(size_t size)
{
	__asm__ volatile("" : "+r"(size));
	return size;
}

/* --- one object again and again: W1, W1b, kmalloc_*, W2 --- */

static ALWAYS_INLINE void pairs(enum bench_pass pass, enum via via, uint32_t nr, size_t size, gfp_t gfp)
{
	for (uint32_t i = 0; i < nr; i++)
		put(pass, via, get(pass, via, size, gfp));
}

static ALWAYS_INLINE void pairs_var(enum bench_pass pass, uint32_t nr, size_t known_size)
{
	size_t size = unknown_size(known_size);

	for (uint32_t i = 0; i < nr; i++)
		put(pass, VIA_KMALLOC, get(pass, VIA_KMALLOC, size, GFP_KERNEL));
}

static ALWAYS_INLINE void w2(enum bench_pass pass)
{
	static const uint16_t sizes[] = {8,   16,  24,	32,  48,   64,	 96,   128,  192,
					 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint32_t n = 0; n < 20000; n++)
			put(pass, VIA_KMALLOC, get(pass, VIA_KMALLOC, sizes[i], GFP_KERNEL));
}

DEFINE_BENCH(run_w1, pairs, VIA_KMALLOC, 1000000, 64, GFP_KERNEL)
DEFINE_BENCH(run_kmem_cache_64, pairs, VIA_CACHE, 1000000, 64, GFP_KERNEL)
DEFINE_BENCH(run_kmalloc_64, pairs, VIA_KMALLOC, 100000, 64, GFP_KERNEL)
DEFINE_BENCH(run_kmalloc_64_atomic, pairs, VIA_KMALLOC, 100000, 64, GFP_ATOMIC)
DEFINE_BENCH(run_kmalloc_64k, pairs, VIA_KMALLOC, 10000, 65536, GFP_KERNEL)
DEFINE_BENCH(run_kmalloc_64_var, pairs_var, 100000, 64)
DEFINE_BENCH(run_kmalloc_8k_var, pairs_var, 100000, 8192)
DEFINE_BENCH(run_w2, w2)

static bool hold_ten(void)
{
	for (unsigned int i = 0; i < NR_LIVE; i++)
		objects.live[i] = kmalloc(64, GFP_KERNEL);
	return true;
}

static void release_ten(void)
{
	for (unsigned int i = 0; i < NR_LIVE; i++)
		kfree(objects.live[i]);
}

/* --- bursts: W3 --- */

enum order { LAST_FIRST, FIRST_FIRST, SHUFFLED };

static void shuffle(void **slot, uint32_t nr, struct bench_random *random)
{
	for (uint32_t i = nr - 1; i >= 1; i--) {
		uint32_t j = bench_below(random, i + 1);
		void *swapped = slot[i];

		slot[i] = slot[j];
		slot[j] = swapped;
	}
}

static ALWAYS_INLINE void w3_free(enum bench_pass pass, enum via via, enum order order, void **slot,
				  uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		put(pass, via, slot[order == LAST_FIRST ? nr - 1 - i : i]);
}

static ALWAYS_INLINE void w3(enum bench_pass pass, enum via via, enum order order, uint32_t seed, bool mixed)
{
	struct bench_random random = bench_seed(seed);
	void **slot = bench_scratch();

	for (uint32_t round = 0; round < 100; round++) {
		for (uint32_t i = 0; i < NR_BURST; i++)
			slot[i] = get(pass, via, mixed ? bench_logu(&random, 8, 8) : 64, GFP_KERNEL);
		if (order == SHUFFLED)
			shuffle(slot, NR_BURST, &random);
		w3_free(pass, via, order, slot, NR_BURST);
	}
}

static ALWAYS_INLINE void w3r_10k(enum bench_pass pass, enum via via)
{
	struct bench_random random = bench_seed(5);
	void **slot = bench_scratch();

	for (uint32_t round = 0; round < 10; round++) {
		for (uint32_t i = 0; i < NR_LARGE; i++)
			slot[i] = get(pass, via, 64, GFP_KERNEL);
		shuffle(slot, NR_LARGE, &random);
		w3_free(pass, via, SHUFFLED, slot, NR_LARGE);
	}
}

DEFINE_BENCH(run_w3l, w3, VIA_KMALLOC, LAST_FIRST, 3, false)
DEFINE_BENCH(run_w3f, w3, VIA_KMALLOC, FIRST_FIRST, 4, false)
DEFINE_BENCH(run_w3r, w3, VIA_KMALLOC, SHUFFLED, 5, false)
DEFINE_BENCH(run_w3m, w3, VIA_KMALLOC, SHUFFLED, 5, true)
DEFINE_BENCH(run_w3l_cache, w3, VIA_CACHE, LAST_FIRST, 3, false)
DEFINE_BENCH(run_w3f_cache, w3, VIA_CACHE, FIRST_FIRST, 4, false)
DEFINE_BENCH(run_w3r_cache, w3, VIA_CACHE, SHUFFLED, 5, false)
DEFINE_BENCH(run_w3r_10k, w3r_10k, VIA_KMALLOC)
DEFINE_BENCH(run_w3r_10k_cache, w3r_10k, VIA_CACHE)

/* --- a mixed heap: W4, W5, D --- */

static void clear_slots(void **slot, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		slot[i] = NULL;
}

static ALWAYS_INLINE void free_slots(enum bench_pass pass, void **slot, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		if (slot[i])
			put(pass, VIA_KMALLOC, slot[i]);
}

static ALWAYS_INLINE void w4(enum bench_pass pass, gfp_t gfp)
{
	struct bench_random random = bench_seed(44);
	void **slot = bench_scratch();

	clear_slots(slot, W4_SLOTS);
	for (uint32_t i = 0; i < 1000000; i++) {
		uint32_t k = bench_below(&random, W4_SLOTS);

		if (slot[k]) {
			put(pass, VIA_KMALLOC, slot[k]);
			slot[k] = NULL;
		} else {
			slot[k] = get(pass, VIA_KMALLOC, bench_logu(&random, 8, 8), gfp);
		}
	}
	free_slots(pass, slot, W4_SLOTS);
}

static ALWAYS_INLINE void w5(enum bench_pass pass, gfp_t gfp)
{
	struct bench_random random = bench_seed(55);
	void **slot = bench_scratch();

	clear_slots(slot, W5_SHORT + W5_LONG);
	for (uint32_t i = 0; i < 500000; i++) {
		uint32_t k = bench_below(&random, 100) < 85 ? bench_below(&random, W5_SHORT)
							    : W5_SHORT + bench_below(&random, W5_LONG);
		size_t size;

		if (slot[k])
			put(pass, VIA_KMALLOC, slot[k]);
		size = bench_below(&random, 10) < 8 ? w5_sizes[bench_below(&random, 8)]
						    : bench_logu(&random, 9, 8);
		slot[k] = get(pass, VIA_KMALLOC, size, gfp);
	}
	free_slots(pass, slot, W5_SHORT + W5_LONG);
}

static ALWAYS_INLINE void d(enum bench_pass pass)
{
	void **slot = bench_scratch();

	for (uint32_t i = 0; i < D_OBJECTS; i++)
		slot[i] = get(pass, VIA_KMALLOC, w5_sizes[i % 8], GFP_KERNEL);
	free_slots(pass, slot, D_OBJECTS);
}

DEFINE_BENCH_SPACE(run_w4, w4, GFP_KERNEL)
DEFINE_BENCH_SPACE(run_w5, w5, GFP_KERNEL)
DEFINE_BENCH_SPACE(run_d, d)

static void run_w4_atomic(enum bench_pass pass)
{
	(void)pass;
	w4(PASS_TIMED, GFP_ATOMIC);
}

static void run_w5_atomic(enum bench_pass pass)
{
	(void)pass;
	w5(PASS_TIMED, GFP_ATOMIC);
}

/* The worst single GFP_ATOMIC allocation. */
static void atomic_max(const struct bench *bench)
{
	(void)bench;
	bench_measure_reset();
	run_w4_atomic(PASS_TIMED);
	bench_note_atomic("W4", &measure.alloc);
	bench_measure_reset();
	run_w5_atomic(PASS_TIMED);
	bench_note_atomic("W5", &measure.alloc);
}

/* --- the first object of a new slab --- */

#define NR_FIRST 16384u

static void slab_first(const struct bench *bench)
{
	void **slot = bench_scratch();
	uint64_t sum = 0;
	uint32_t nr = 0;
	struct op_stats stats = {.min = UINT32_MAX};
	char mean[24];

	bench_measure_reset();
	for (uint32_t i = 0; i < NR_FIRST; i++) {
		size_t pages = slab_pages();
		uint32_t cost = bench_tick();

		slot[i] = kmem_cache_alloc(objects.cache, GFP_KERNEL);
		cost = bench_tick() - cost - measure.alloc.tick_cost;
		if (slab_pages() == pages)
			continue;
		nr++;
		sum += cost;
		stats.min = MIN(stats.min, cost);
		stats.max = MAX(stats.max, cost);
	}
	stats.nr = nr;
	bench_print_op(bench->name, nr, bench_ratio(sum, nr, mean), &stats, NULL);
	for (uint32_t i = 0; i < NR_FIRST; i++)
		kmem_cache_free(objects.cache, slot[i]);
	kmem_cache_shrink(objects.cache);
}

static bool make_cache(void)
{
	if (!objects.cache)
		objects.cache = kmem_cache_create("bench-64", 64, 0, 0, NULL);
	return objects.cache != NULL;
}

static void slab_first_with_cache(const struct bench *bench)
{
	if (make_cache())
		slab_first(bench);
}

const struct bench bench_objects[] = {
	{.name = "W4", .run = run_w4, .has_space = true},
	{.name = "W5", .run = run_w5, .has_space = true},
	{.name = "D", .run = run_d, .has_space = true},
	{.name = "W1", .run = run_w1},
	{.name = "kmalloc_64",
	 .alias = "W1b",
	 .run = run_kmalloc_64,
	 .setup = hold_ten,
	 .teardown = release_ten},
	{.name = "kmalloc_64_atomic",
	 .run = run_kmalloc_64_atomic,
	 .setup = hold_ten,
	 .teardown = release_ten},
	{.name = "kmalloc_64_var", .run = run_kmalloc_64_var, .setup = hold_ten, .teardown = release_ten},
	{.name = "kmalloc_8k_var", .run = run_kmalloc_8k_var},
	{.name = "kmalloc_64k", .run = run_kmalloc_64k},
	{.name = "W2", .run = run_w2},
	{.name = "W3L", .run = run_w3l},
	{.name = "W3F", .run = run_w3f},
	{.name = "W3R", .run = run_w3r},
	{.name = "W3M", .run = run_w3m},
	{.name = "kmem_cache_64", .run = run_kmem_cache_64, .setup = make_cache},
	{.name = "W3L_cache", .run = run_w3l_cache, .setup = make_cache},
	{.name = "W3F_cache", .run = run_w3f_cache, .setup = make_cache},
	{.name = "W3R_cache", .run = run_w3r_cache, .setup = make_cache},
	{.name = "W3R_10k", .run = run_w3r_10k},
	{.name = "W3R_10k_cache", .run = run_w3r_10k_cache, .setup = make_cache},
	{.name = "W3R_128M", .run = run_w3r, .by_name = true}, /* on machines of that size: bench.mk */
	{.name = "W3R_256M", .run = run_w3r, .by_name = true},
	{.name = "W3R_high", .run = run_w3r, .by_name = true},
	{.name = "slab_first", .special = slab_first_with_cache},
	{.name = "atomic_max", .special = atomic_max},
	{.name = NULL},
};
