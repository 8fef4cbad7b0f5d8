/* SPDX-License-Identifier: MIT */
/* Objects by way of something else: mempools, many at a time, copies for each CPU. */
#include <tests/bench/measure.h>

#include <kernel/lib/align.h>
#include <linux/mempool.h>
#include <linux/percpu.h>

#define NR_PAIRS  100000u
#define NR_BULK	  64u
#define NR_ROUNDS 2000u

static struct {
	struct kmem_cache *cache, *bulk_cache; /* of 64-byte objects */
	mempool_t *over_cache, *over_kmalloc;
} pools;

static bool make_pools(void)
{
	if (!pools.cache)
		pools.cache = kmem_cache_create("bench-pools", 64, 0, 0, NULL);
	if (!pools.bulk_cache)
		pools.bulk_cache = kmem_cache_create("bench-bulk", 64, 0, 0, NULL);
	if (pools.cache && !pools.over_cache)
		pools.over_cache = mempool_create_slab_pool(16, pools.cache);
	if (!pools.over_kmalloc)
		pools.over_kmalloc = mempool_create_kmalloc_pool(16, 64);
	return pools.over_cache && pools.over_kmalloc && pools.bulk_cache;
}

static ALWAYS_INLINE void pairs(enum bench_pass pass, mempool_t **pool)
{
	for (uint32_t i = 0; i < NR_PAIRS; i++) {
		void *element = BENCH_ALLOC(pass, 0, mempool_alloc(*pool, GFP_KERNEL));

		BENCH_FREE(pass, element, mempool_free(element, *pool));
	}
}

DEFINE_BENCH(run_mempool_64, pairs, &pools.over_cache)
DEFINE_BENCH(run_mempool_64_kmalloc, pairs, &pools.over_kmalloc)

struct sixty_four {
	char bytes[64];
};

static ALWAYS_INLINE void percpu_pairs(enum bench_pass pass)
{
	for (uint32_t i = 0; i < NR_PAIRS; i++) {
		struct sixty_four *percpu = BENCH_ALLOC(pass, 0, alloc_percpu(struct sixty_four));

		BENCH_FREE(pass, percpu, free_percpu(percpu));
	}
}

DEFINE_BENCH(run_percpu_64, percpu_pairs)

/* Per object; min and max are of a call. */
static void bulk_64x64(const struct bench *bench)
{
	void **slot = bench_scratch();
	uint64_t sum = 0;
	char mean[24];

	if (!make_pools())
		return;
	bench_measure_reset();
	for (uint32_t i = 0; i < NR_ROUNDS; i++) {
		uint32_t start = bench_tick(), middle, end;

		if (!kmem_cache_alloc_bulk(pools.bulk_cache, GFP_KERNEL, NR_BULK, slot))
			return;
		middle = bench_tick();
		kmem_cache_free_bulk(pools.bulk_cache, NR_BULK, slot);
		end = bench_tick();
		bench_note_op(&measure.alloc, middle - start);
		bench_note_op(&measure.free, end - middle);
		sum += end - start - 2 * measure.alloc.tick_cost;
	}
	bench_print_op(bench->name, NR_ROUNDS * NR_BULK, bench_ratio(sum, NR_ROUNDS * NR_BULK, mean),
		       &measure.alloc, &measure.free);
	bench_print_halves(bench->name);
}

const struct bench bench_pools[] = {
	{.name = "mempool_64", .run = run_mempool_64, .setup = make_pools},
	{.name = "mempool_64_kmalloc", .run = run_mempool_64_kmalloc, .setup = make_pools},
	{.name = "percpu_64", .run = run_percpu_64},
	{.name = "bulk_64x64", .special = bulk_64x64},
	{.name = NULL},
};
