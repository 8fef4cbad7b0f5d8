/* SPDX-License-Identifier: MIT */
/* Memory for devices: a buffer mapped that the mask reaches, coherent pages, blocks of a pool. */
#include <tests/bench/measure.h>

#include <linux/dmapool.h>
#include <linux/slab.h>

#define NR_PAIRS 100000u
#define NR_PAGES 10000u

static struct device pci = {"bench", DMA_BIT_MASK(32), DMA_BIT_MASK(32)};

static struct {
	struct dma_pool *pool;
	char *buffer;
	struct device *dev; /* not a constant to the compiler */
} dma;

static bool make_pool(void)
{
	dma.dev = &pci;
	if (!dma.pool)
		dma.pool = dma_pool_create("bench", &pci, 64, 16, 4096);
	if (!dma.buffer)
		dma.buffer = (char *)__get_free_page(GFP_KERNEL);
	return dma.pool && dma.buffer;
}

static ALWAYS_INLINE void map_pairs(enum bench_pass pass)
{
	for (uint32_t i = 0; i < NR_PAIRS; i++) {
		dma_addr_t addr = 0;

		(void)BENCH_ALLOC(pass, 0, ({
					  addr = dma_map_single(dma.dev, dma.buffer, 512, DMA_FROM_DEVICE);
					  dma_mapping_error(dma.dev, addr) ? NULL : dma.buffer;
				  }));
		BENCH_FREE(pass, NULL, dma_unmap_single(dma.dev, addr, 512, DMA_FROM_DEVICE));
	}
}

DEFINE_BENCH(run_dma_map, map_pairs)

/* Without the clearing: it is part of what is subtracted. */
static ALWAYS_INLINE void coherent_pairs(enum bench_pass pass)
{
	for (uint32_t i = 0; i < NR_PAGES; i++) {
		dma_addr_t addr = 0;
		void *memory =
			BENCH_ALLOC(pass, 0, dma_alloc_coherent(dma.dev, PAGE_SIZE, &addr, GFP_KERNEL));

		BENCH_FREE(pass, memory, dma_free_coherent(dma.dev, PAGE_SIZE, memory, addr));
		if (pass == PASS_EMPTY)
			port_clear(dma.buffer, PAGE_SIZE);
	}
}

DEFINE_BENCH(run_dma_coherent_4k, coherent_pairs)

static ALWAYS_INLINE void pool_pairs(enum bench_pass pass)
{
	for (uint32_t i = 0; i < NR_PAIRS; i++) {
		dma_addr_t addr = 0;
		void *block = BENCH_ALLOC(pass, 0, dma_pool_alloc(dma.pool, GFP_KERNEL, &addr));

		BENCH_FREE(pass, block, dma_pool_free(dma.pool, block, addr));
	}
}

DEFINE_BENCH(run_dma_pool_64, pool_pairs)

const struct bench bench_dma[] = {
	{.name = "dma_pool_64", .run = run_dma_pool_64, .setup = make_pool},
	{.name = "dma_coherent_4k", .run = run_dma_coherent_4k, .setup = make_pool},
	{.name = "dma_map", .run = run_dma_map, .setup = make_pool},
	{.name = NULL},
};
