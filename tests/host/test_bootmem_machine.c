/* SPDX-License-Identifier: MIT */
/* The alloc_bootmem family in its time, and what becomes of its memory afterwards. Host only: each test boots
 * a machine of its own. */
#include <mm/early/bootmem.h>

#include <string.h>

#include <kernel/lib/align.h>
#include <mm/pages/page_alloc.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

static const struct memmap_entry map[] = {{0, MIB(48u), MEMMAP_USABLE}};

/* Boots up to the point where early memory can be had. */
static void boot_early(void)
{
	static struct range_set usable;
	struct mm_params params = {.dma_end = MIB(16u), .lowmem_end = MIB(48u)};

	fake_machine_create(map, ARRAY_SIZE(map), MIB(48u));
	memmap_build(&usable, map, ARRAY_SIZE(map));
	memblock_init(&usable, MIB(48u));
	memblock_reserve(0, PAGE_SIZE);
	mm_init_zones(&params);
}

static paddr_t phys(const void *memory)
{
	return (paddr_t)((const char *)memory - port_direct_map());
}

KTEST(bootmem_machine, memory_is_cleared_aligned_and_above_the_dma_zone, "V2")
{
	char *small, *pages, *low, *low_pages;

	boot_early();
	small = alloc_bootmem(100);
	pages = alloc_bootmem_pages(100);
	low = alloc_bootmem_low(100);
	low_pages = alloc_bootmem_low_pages(5000);
	EXPECT(phys(small) >= MIB(16u) && IS_ALIGNED(phys(small), 64u) && memory_is(small, 0, 100));
	EXPECT(phys(pages) >= MIB(16u) && IS_ALIGNED(phys(pages), PAGE_SIZE) && memory_is(pages, 0, 100));
	EXPECT(phys(low) < MIB(16u) && IS_ALIGNED(phys(low), 64u));
	EXPECT(phys(low_pages) + 5000 <= MIB(16u) && IS_ALIGNED(phys(low_pages), PAGE_SIZE));
}

KTEST(bootmem_machine, when_normal_memory_is_gone_the_dma_zone_serves, "V2")
{
	void *memory;

	boot_early();
	while ((memory = alloc_bootmem_nopanic(MIB(1u))) && phys(memory) >= MIB(16u))
		;
	REQUIRE(memory);
	EXPECT(phys(memory) < MIB(16u));
	while (alloc_bootmem_nopanic(MIB(1u)))
		;
	EXPECT_NULL(alloc_bootmem_nopanic(MIB(1u)));
}

static void alloc_too_much(void *unused)
{
	(void)unused;
	(void)alloc_bootmem(MIB(100u));
}

static void alloc_too_much_low(void *unused)
{
	(void)unused;
	(void)alloc_bootmem_low_pages(MIB(17u));
}

KTEST(bootmem_machine, what_the_kernel_cannot_boot_without_panics_with_its_size, "V2")
{
	const char *text;

	boot_early();
	EXPECT_NULL(alloc_bootmem_nopanic(MIB(100u)));
	text = host_catch_panic(alloc_too_much, NULL);
	EXPECT(text && strstr(text, "alloc_bootmem: no 104857600 bytes in one piece left"));
	EXPECT_NOT_NULL(host_catch_panic(alloc_too_much_low, NULL));
	mm_init_allocators();
	expect_reports();
	text = host_catch_panic(alloc_too_much_low, NULL);
	EXPECT(text && strstr(text, "alloc_bootmem: no 17825792 bytes, early memory was handed over"));
	EXPECT_ONE_REPORT("memblock_alloc: called after early memory was handed over");
}

KTEST(bootmem_machine, a_block_beyond_order_10_stays_whole_under_fragmentation, "V2 P3")
{
	char *block;

	boot_early();
	block = alloc_bootmem_pages(MIB(9u));
	memset(block, 0x6b, MIB(9u));
	mm_init_allocators();
	random_operations(9, 3000, 1000);
	EXPECT(memory_is(block, 0x6b, MIB(9u)));
	for (size_t at = 0; at < MIB(9u); at += PAGE_SIZE)
		EXPECT_NULL(page_find_head(virt_to_page(block + at)));
}

static size_t managed_pages(void)
{
	const struct zone *zone;
	size_t managed = 0;

	for_each_zone(zone)
		managed += zone->managed;
	return managed;
}

KTEST(bootmem_machine, what_is_not_used_is_handed_over_and_nothing_else, "V2 MAP-15")
{
	size_t managed_without;
	void *block;

	boot_early();
	mm_init_allocators();
	managed_without = managed_pages();

	boot_early();
	block = alloc_bootmem_pages(MIB(6u));
	free_bootmem(phys(block) + MIB(2u), MIB(1u));
	mm_init_allocators();
	EXPECT_EQ(managed_pages(), managed_without - MIB(5u) / PAGE_SIZE);
	expect_valid();
}

KTEST(bootmem_machine, reserved_pages_given_later_are_used_like_others, "V2 P1")
{
	size_t before;

	boot_early();
	memblock_reserve(MIB(20u), MIB(1u));
	mm_init_allocators();
	before = nr_free_pages();
	EXPECT_EQ(mm_free_reserved(MIB(20u) + 1, MIB(21u) - 1), 254);
	EXPECT_EQ(nr_free_pages(), before + 254);
	EXPECT_EQ(mm_free_reserved(MIB(20u), MIB(20u) + 100), 0);
	expect_valid();
}
