/* SPDX-License-Identifier: MIT */
/* Pools of small coherent blocks. Host and guest. */
#include <linux/dmapool.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <linux/slab.h>
#include <mm/report/fault.h>
#include <tests/kernel/test_util.h>

static struct device isa = {"isa", DMA_BIT_MASK(24), DMA_BIT_MASK(24)},
		     pci = {"pci", DMA_BIT_MASK(32), DMA_BIT_MASK(32)}, unset = {"unset", 0, 0};

#define NR_BLOCKS 100u

static struct block {
	char *memory;
	dma_addr_t handle;
} * blocks; /* borrowed */

static void pool_end(struct dma_pool **pool)
{
	dma_pool_destroy(*pool);
}

/* A pool that goes with the scope, its blocks back by then. */
#define POOL(pool, name, dev, size, align, boundary)                                                         \
	struct dma_pool *pool ENDS_WITH(pool_end) = dma_pool_create(name, dev, size, align, boundary)

/* The DMA zone may be all but full: of a module. */
static unsigned int nr_blocks_for(const struct device *dev, size_t size)
{
	size_t room = zones[ZONE_DMA].nr_free * PAGE_SIZE / size / 4;

	return (unsigned int)(dev == &isa ? MIN(room, (size_t)NR_BLOCKS) : NR_BLOCKS);
}

static void try_pool(struct device *dev, size_t size, size_t align, size_t boundary)
{
	POOL(pool, "try", dev, size, align, boundary);
	unsigned int nr = nr_blocks_for(dev, size), i;

	REQUIRE(pool);
	for (i = 0; i < nr; i++) {
		struct block *block = &blocks[i];

		block->memory = dma_pool_alloc(pool, GFP_KERNEL, &block->handle);
		EXPECT_NOT_NULL(block->memory);
		if (!block->memory)
			break;
		memset(block->memory, (int)i, size);
		EXPECT_EQ(block->handle, virt_to_phys(block->memory));
		EXPECT(block->handle + size - 1 <= dev->coherent_dma_mask);
		EXPECT(IS_ALIGNED(block->handle, align ? align : 8));
		if (boundary)
			EXPECT_EQ((uintptr_t)block->handle / boundary,
				  ((uintptr_t)block->handle + size - 1) / boundary);
	}
	while (i-- > 0) {
		EXPECT(memory_is(blocks[i].memory, (int)i, size));
		dma_pool_free(pool, blocks[i].memory, blocks[i].handle);
	}
}

KTEST(dmapool, blocks_are_aligned_within_the_mask_and_cross_no_boundary, "S8 G7 ZON-04 DMA-06")
{
	MACHINE_STAYS_AS_FOUND();
	BORROW_MANY(blocks, NR_BLOCKS);

	try_pool(&pci, 16, 16, 4096);
	try_pool(&pci, 24, 8, 64);
	try_pool(&pci, 40, 0, 0);
	try_pool(&pci, 100, 4, 128);
	try_pool(&pci, 520, 32, 1024);
	try_pool(&isa, 96, 32, 4096);
	try_pool(&isa, 1000, 8, 65536);
	try_pool(&pci, 1, 0, 1);
	try_pool(&isa, 4096, 4096, 4096);
}

KTEST(dmapool, a_cleared_block_is_cleared, "S8")
{
	MACHINE_STAYS_AS_FOUND();
	POOL(pool, "clear", &pci, 64, 0, 0);
	dma_addr_t handle = 0;
	char *block;

	REQUIRE(pool);
	block = dma_pool_alloc(pool, GFP_KERNEL, &handle);
	REQUIRE(block);
	memset(block, 0x5a, 64);
	dma_pool_free(pool, block, handle);
	block = dma_pool_zalloc(pool, GFP_KERNEL, &handle);
	EXPECT(block && memory_is(block, 0, 64));
	dma_pool_free(pool, block, handle);
}

KTEST(dmapool, impossible_pools_are_refused_by_name, "S8")
{
	MACHINE_STAYS_AS_FOUND();

	expect_reports();
	EXPECT_NULL(dma_pool_create("none", &pci, 0, 0, 0));
	EXPECT_ONE_REPORT("dma_pool_create of none for pci");
	EXPECT_NULL(dma_pool_create("large", &pci, 4097, 0, 0));
	EXPECT_ONE_REPORT("expected a size from 1 to 4096 bytes");
	EXPECT_NULL(dma_pool_create("odd", &pci, 64, 24, 0));
	EXPECT_ONE_REPORT("expected an alignment that is a power of two");
	EXPECT_NULL(dma_pool_create("narrow", &pci, 64, 0, 32));
	EXPECT_ONE_REPORT("no less than the size");
	EXPECT_NULL(dma_pool_create("odder", &pci, 64, 0, 96));
	EXPECT_ONE_REPORT("expected a boundary");
	EXPECT_NULL(dma_pool_create("unset", &unset, 64, 0, 0));
	EXPECT_ONE_REPORT("expected a mask that reaches the DMA zone");
}

KTEST(dmapool, wrong_frees_are_reported_and_change_nothing, "S8 DMA-06")
{
	MACHINE_STAYS_AS_FOUND();
	POOL(pool, "one", &pci, 64, 0, 0);
	POOL(other, "other", &pci, 64, 0, 0);
	dma_addr_t handle = 0;
	void *block;

	REQUIRE(pool && other);
	block = dma_pool_alloc(pool, GFP_KERNEL, &handle);
	REQUIRE(block);
	expect_reports();
	dma_pool_free(pool, block, handle + 64);
	EXPECT_ONE_REPORT("BUG: dma_pool_free to dma-one of");
	dma_pool_free(other, block, handle);
	EXPECT_ONE_REPORT("in cache dma-other");
	dma_pool_free(pool, block, handle);
	dma_pool_free(pool, block, handle);
	EXPECT_ONE_REPORT("in cache dma-one");
	dma_pool_destroy(NULL);
	EXPECT_EQ(reports_count_bugs(), 3);
}

KTEST(dmapool, a_pool_with_blocks_out_is_not_destroyed_and_says_which, "S8 DMA-06")
{
	MACHINE_STAYS_AS_FOUND();
	POOL(pool, "out", &pci, 64, 0, 0);
	dma_addr_t handle = 0;
	void *block;

	REQUIRE(pool);
	block = dma_pool_alloc(pool, GFP_KERNEL, &handle);
	REQUIRE(block);
	expect_reports();
	dma_pool_destroy(pool);
	EXPECT(reports_count() >= 1 && reports_contain("dma-out"));
	dma_pool_free(pool, block, handle);
	reports_forget();
	dma_pool_destroy(pool);
	pool = NULL;
	EXPECT_EQ(reports_count(), 0);
}

KTEST(dmapool, a_pool_that_cannot_be_made_leaves_nothing_behind, "S8 S7 FLT-01")
{
	MACHINE_STAYS_AS_FOUND();
	bool was_hit = true;
	unsigned int n;

	expect_reports();
	for (n = 1; was_hit && n < 20; n++) {
		struct dma_pool *pool;
		dma_addr_t handle = 0;
		void *block;

		(void)fault_set_nth(n);
		pool = dma_pool_create("nth", &isa, 64, 0, 0);
		block = pool ? dma_pool_alloc(pool, GFP_KERNEL, &handle) : NULL;
		was_hit = fault_set_nth(0);
		if (block)
			dma_pool_free(pool, block, handle);
		dma_pool_destroy(pool);
		EXPECT(was_hit || block);
	}
	EXPECT(n > 2 && !was_hit);
	EXPECT_EQ(reports_count_bugs(), 0);
}
