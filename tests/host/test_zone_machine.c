/* SPDX-License-Identifier: MIT */
/* Zones of machines that are tiny, odd or full of holes. Host only: each test boots machines of its own. */
#include <mm/pages/zone.h>

#include <string.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <mm/early/memblock.h>
#include <mm/objects/slab.h>
#include <mm/pages/page_alloc.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define PAGES(n)	     ((uint64_t)(n)*PAGE_SIZE)
#define DESCRIPTORS_PERMILLE (sizeof(struct page) * 1000 / PAGE_SIZE)

/* One run of RAM of that many pages. */
static void boot_pages(uint64_t nr_pages, struct mm_params params)
{
	struct memmap_entry entry = {0, PAGES(nr_pages), MEMMAP_USABLE};

	fake_machine_boot(&entry, 1, params);
}

/* Pages of the zone that lie in a block of any state: free, parked, or handed out (the allocators' own
 * stacks). */
static size_t pages_in_blocks(const struct zone *zone)
{
	size_t pages = 0;

	for (pfn_t pfn = zone->start_pfn; pfn < zone->end_pfn; pfn++)
		if (pfn_to_page(pfn)->state != PAGE_INTERIOR)
			pages += (size_t)1 << pfn_to_page(pfn)->order;
	return pages;
}

/* What is RAM and not reserved is managed, zone by zone and to the page. */
static void expect_exact_counts(void)
{
	const struct zone *zone;
	uint64_t managed = 0, reserved = 0;

	for_each_zone(zone) {
		EXPECT_EQ(zone->present, memmap_pages_in(memblock_memory(), zone->start_pfn, zone->end_pfn));
		EXPECT_EQ(pages_in_blocks(zone), zone->managed);
		managed += zone->managed;
	}
	for (unsigned int i = 0; i < memblock_memory()->nr; i++) {
		const struct range *ram = &memblock_memory()->range[i];

		for (paddr_t at = ram->start; at < ram->end; at += PAGE_SIZE)
			reserved += range_set_bytes_in(memblock_reserved(), at, at + PAGE_SIZE) > 0;
	}
	EXPECT_EQ(managed, range_set_bytes(memblock_memory()) / PAGE_SIZE - reserved);
	expect_valid();
}

KTEST(zone_machine, machines_of_every_size_have_exact_zones_and_use_their_last_page,
      "P1 MAP-14 MAP-15 WMK-05 EXH-01")
{
	static const unsigned int sizes_mib[] = {2,  3,	 4,  5,	  8,   15,  16,	 17,   18,   24,
						 48, 64, 96, 512, 896, 897, 900, 1024, 3072, 5120};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes_mib); i++) {
		struct list_head hog = LIST_HEAD_INIT(hog);

		fake_machine_boot_pc(sizes_mib[i]);
		expect_exact_counts();
		hog_all(&hog);
		EXPECT_EQ(nr_free_pages(), 0);
		EXPECT_NULL(alloc_page(GFP_ATOMIC | __GFP_HIGHMEM | __GFP_NOWARN));
		hog_release(&hog);
		expect_exact_counts();
	}
}

KTEST(zone_machine, a_machine_without_high_memory_protects_nothing_for_it, "P6 ZON-06")
{
	fake_machine_boot_pc(64);
	EXPECT_EQ(zones[ZONE_HIGHMEM].managed, 0);
	EXPECT_EQ(zones[ZONE_NORMAL].protection[ZONE_HIGHMEM], 0);
	EXPECT_EQ(zones[ZONE_DMA].protection[ZONE_HIGHMEM], zones[ZONE_DMA].protection[ZONE_NORMAL]);
	EXPECT(zones[ZONE_DMA].protection[ZONE_NORMAL] > 0);
	fake_machine_boot_pc(16);
	EXPECT_EQ(zones[ZONE_DMA].protection[ZONE_NORMAL], 0);
}

KTEST(zone_machine, a_zone_of_one_page_works, "WMK-05 P1 P6")
{
	struct page *page;

	boot_pages(4097, (struct mm_params){.dma_end = PAGES(4000), .lowmem_end = PAGES(4096)});
	EXPECT_EQ(zones[ZONE_HIGHMEM].managed, 1);
	EXPECT_EQ(zones[ZONE_HIGHMEM].wmark[WMARK_MIN], 0);
	EXPECT_EQ(zones[ZONE_HIGHMEM].wmark[WMARK_LOW], 1);
	EXPECT_EQ(zones[ZONE_HIGHMEM].wmark[WMARK_HIGH], 1);
	expect_exact_counts();
	page = alloc_page(GFP_HIGHUSER);
	EXPECT_EQ(page_to_pfn(page), 4096);
	EXPECT_EQ(zones[ZONE_HIGHMEM].nr_free, 0);
	__free_page(page);
	expect_exact_counts();
}

KTEST(zone_machine, any_min_free_kbytes_gives_marks_inside_the_zones, "P6 WMK-05 USR-05")
{
	static const uint32_t kbytes[] = {0, 1, 3, 4, 1000, 100000, 0x7fffffff, 0xffffffff};

	for (unsigned int i = 0; i < ARRAY_SIZE(kbytes); i++) {
		const struct zone *zone;
		struct page *page;

		boot_pages(8192, (struct mm_params){.dma_end = PAGES(4096),
						    .lowmem_end = PAGES(8192),
						    .min_free_kbytes = kbytes[i]});
		for_each_zone(zone) {
			EXPECT(zone->wmark[WMARK_MIN] <= zone->managed / 2);
			EXPECT(zone->wmark[WMARK_HIGH] <= zone->managed);
			EXPECT(!zone_has_memory(zone) || zone->wmark[WMARK_MIN] < zone->wmark[WMARK_LOW]);
		}
		page = alloc_page(GFP_KERNEL);
		REQUIRE(page);
		__free_page(page);
	}
}

KTEST(zone_machine, min_free_kbytes_is_shared_by_size, "P6")
{
	boot_pages(16384, (struct mm_params){.dma_end = PAGES(4096),
					     .lowmem_end = PAGES(16384),
					     .min_free_kbytes = 4096});
	EXPECT(zones[ZONE_DMA].wmark[WMARK_MIN] >= 240 && zones[ZONE_DMA].wmark[WMARK_MIN] <= 272);
	EXPECT(zones[ZONE_NORMAL].wmark[WMARK_MIN] >= 750 && zones[ZONE_NORMAL].wmark[WMARK_MIN] <= 784);
}

KTEST(zone_machine, whoever_needs_an_address_is_served_low_memory_beside_high, "K6 ZON-07")
{
	struct kmem_cache *cache;
	unsigned long addr;
	void *object;

	fake_machine_boot_pc(1024);
	REQUIRE(zone_has_memory(&zones[ZONE_HIGHMEM]));
	expect_reports();
	addr = __get_free_page(GFP_KERNEL | __GFP_HIGHMEM);
	EXPECT_ONE_REPORT("served from low memory");
	EXPECT(addr != 0 && virt_is_direct((void *)addr));
	free_page(addr);
	cache = kmem_cache_create("low", 200, 0, 0, NULL);
	REQUIRE(cache);
	object = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_HIGHMEM);
	EXPECT(object && virt_is_direct(object));
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}

static bool is_ram_to_hand_out(pfn_t pfn)
{
	paddr_t at = PAGES(pfn);

	return range_set_bytes_in(memblock_memory(), at, at + PAGE_SIZE) == PAGE_SIZE &&
	       range_set_bytes_in(memblock_reserved(), at, at + PAGE_SIZE) == 0;
}

KTEST(zone_machine, no_page_of_a_hole_or_a_reservation_is_ever_handed_out, "MAP-11 MAP-12 MAP-16 P1 BUD-01")
{
	static const struct memmap_entry map[] = {
		{PAGES(0), PAGES(0x30), MEMMAP_USABLE},	      {PAGES(0x50), PAGES(0x4f), MEMMAP_USABLE},
		{PAGES(0x100), PAGES(3), MEMMAP_USABLE},      {PAGES(0x105), PAGES(1), MEMMAP_USABLE},
		{PAGES(0x10b), PAGES(0xb01), MEMMAP_USABLE},  {PAGES(0xffd), PAGES(0x7), MEMMAP_USABLE},
		{PAGES(0x1403), PAGES(0x9fe), MEMMAP_USABLE}, {PAGES(0x2001), PAGES(0x1005), MEMMAP_USABLE},
	};
	HOG(hog);
	const struct page *page;

	fake_machine_boot(map, ARRAY_SIZE(map),
			  (struct mm_params){.dma_end = PAGES(0x1000), .lowmem_end = PAGES(0x2403)});
	expect_exact_counts();
	hog_all(&hog);
	list_for_each_entry(page, &hog, links)
		for (pfn_t i = 0; i < 1u << page->order; i++)
			EXPECT(is_ram_to_hand_out(page_to_pfn(page) + i));
	hog_release(&hog);
	expect_exact_counts();
}

/* What is said of RAM that ends at `end`; RAM ends at `new_end` then. */
static const char *left_out(unsigned int kib, paddr_t new_end, paddr_t end)
{
	uint64_t pages = (ALIGN_UP(end, PAGES(1024)) - ALIGN_UP(new_end, PAGES(1024))) / PAGE_SIZE;
	static char text[128];

	(void)snprintf(text, sizeof(text),
		       "%u KiB of RAM above %#llx left out: its descriptors would take %llu KiB", kib,
		       (unsigned long long)new_end, (unsigned long long)(pages * sizeof(struct page) >> 10));
	return text;
}

KTEST(zone_machine, low_ram_whose_descriptors_would_cost_more_than_it_is_worth_is_left_out, "P10 MAP-12")
{
	static const struct memmap_entry map[] = {
		{0, 0x9fc00, MEMMAP_USABLE},
		{MIB(1u), MIB(3u), MEMMAP_USABLE},
		{MIB(100u), MIB(2u), MEMMAP_USABLE},
		{MIB(800u), MIB(1u), MEMMAP_USABLE},
	};
	static struct range_set usable;

	memmap_build(&usable, map, ARRAY_SIZE(map));
	expect_reports();
	EXPECT_EQ(mm_choose_lowmem_end(&usable, MIB(896u)), MIB(102u));
	EXPECT(one_report_says(left_out(1024, MIB(102u), MIB(801u))));
	EXPECT_EQ(range_set_bytes(&usable), 0x9f000 + MIB(5u));
	EXPECT_EQ(mm_choose_lowmem_end(&usable, MIB(3u)), MIB(3u));
	EXPECT_EQ(mm_choose_lowmem_end(&usable, 0), 0);
	EXPECT_EQ(reports_count(), 1);
}

/* Chooses low memory's end as boot does, then boots. Result: in 0.1 %, what the allocator has of all RAM. */
static unsigned int boot_map(const struct memmap_entry *map, size_t nr)
{
	struct mm_params params = {.dma_end = MIB(16u)};
	static struct range_set usable;
	size_t managed = 0, all;

	memmap_build(&usable, map, nr);
	all = (size_t)(range_set_bytes(&usable) / PAGE_SIZE);
	params.lowmem_end = mm_choose_lowmem_end(&usable, MIB(896u));
	fake_machine_create(map, nr, params.lowmem_end);
	memblock_init(&usable, params.lowmem_end);
	memblock_reserve(0, PAGE_SIZE);
	mm_init_zones(&params);
	mm_init_allocators();
	for (unsigned int id = 0; id < NR_ZONES; id++)
		managed += zones[id].managed;
	return (unsigned int)(managed * 1000ull / all);
}

KTEST(zone_machine, ram_behind_a_hole_that_costs_more_than_it_brings_is_left_out, "F3 P10 MAP-12")
{
	/* tests/data/e820/found-1.map */
	static const struct memmap_entry found[] = {
		{0, 0x30000, 1},
		{0x30000, 0x10000, 2},
		{0x40000, 0x5e400, 1},
		{0x9e400, 0x1c00, 2},
		{0xf0000, 0x10000, 2},
		{0x100000, 0xe00000, 1},
		{0xf00000, 0x100000, 2},
		{0x1000000, 0x7af7a000, 1},
		{0x7bf7a000, 0x2a86000, 2},
		{0xf0000000, 0x4000000, 2},
		{0xfed10000, 0xa000, 2},
		{0xfed84000, 0x1000, 2},
		{0x100000000ull, 0x600000, 1},
	};
	static const struct memmap_entry lonely[] = {{0, MIB(512u), 1}, {GIB(8), PAGE_SIZE, 1}};
	static const struct memmap_entry worth[] = {
		{0, MIB(512u), 1}, {GIB(2), MIB(6u), 1}, {GIB(4), MIB(64u), 1}};

	expect_reports();
	EXPECT(boot_map(found, ARRAY_SIZE(found)) + DESCRIPTORS_PERMILLE >= 996);
	EXPECT(one_report_says(left_out(6144, 0x7bf7a000, 0x100600000)));
	EXPECT_EQ(zones[ZONE_HIGHMEM].end_pfn, 0x7bf7a);
	EXPECT(boot_map(lonely, ARRAY_SIZE(lonely)) + DESCRIPTORS_PERMILLE >= 996);
	EXPECT(one_report_says(left_out(4, MIB(512u), GIB(8) + PAGE_SIZE)));
	(void)boot_map(worth, ARRAY_SIZE(worth)); /* the first alone is not, the two together are */
	EXPECT_EQ(zones[ZONE_HIGHMEM].managed, MIB(70u) / PAGE_SIZE);
	EXPECT_EQ(reports_count(), 2);
}

/* Half of 32 MiB holds descriptors up to 2 GiB and 512 KiB less the little that boot takes. */
KTEST(zone_machine, what_the_limit_leaves_of_ram_behind_a_hole_must_be_worth_it_too, "F3 P9 P10")
{
	static const struct memmap_entry map[] = {{0, MIB(64u), 1}, {MIB(2000u), GIB(1), 1}};

	expect_reports();
	fake_machine_boot(map, ARRAY_SIZE(map),
			  (struct mm_params){.dma_end = MIB(16u), .lowmem_end = MIB(32u)});
	EXPECT_ONE_REPORT(
		"1024 MiB of RAM above 0x4000000 left out: its descriptors would take more than half");
	EXPECT_EQ(zones[ZONE_HIGHMEM].end_pfn, MIB(64u) / PAGE_SIZE);
}

static void init_zones(void *params)
{
	mm_init_zones(params);
}

KTEST(zone_machine, a_module_that_fills_low_memory_is_refused_with_one_line, "P10 MAP-11")
{
	static const struct memmap_entry map[] = {{0, MIB(64u), 1}};
	struct mm_params params = {.dma_end = MIB(16u), .lowmem_end = MIB(64u)};
	const size_t wanted = MIB(64u) / PAGE_SIZE * sizeof(struct page) / PAGE_SIZE; /* pages */
	static struct range_set usable;
	const char *text;

	fake_machine_create(map, ARRAY_SIZE(map), params.lowmem_end);
	for (size_t nr_left = 0; nr_left < wanted + 12; nr_left += 4) {
		memmap_build(&usable, map, ARRAY_SIZE(map));
		memblock_init(&usable, params.lowmem_end);
		memblock_reserve(0, PAGES(MIB(64u) / PAGE_SIZE - nr_left));
		text = host_catch_panic(init_zones, &params);
		EXPECT_EQ(text != NULL, nr_left < wanted + 4); /* block_mobility, and the port's table */
		if (nr_left < wanted)
			EXPECT(text && strstr(text, "kernel and modules leave low memory no piece of"));
	}
	EXPECT_EQ(reports_count(), 0);
	fake_machine_boot_pc(8);
}

/* 8 GiB of which 32 MiB are low memory, and that many modules in the way there. */
static void boot_with_modules(unsigned int nr)
{
	static const struct memmap_entry map[] = {{0, GIB(8), MEMMAP_USABLE}};
	struct mm_params params = {.dma_end = MIB(16u), .lowmem_end = MIB(32u)};
	static struct range_set usable;

	fake_machine_create(map, ARRAY_SIZE(map), params.lowmem_end);
	memmap_build(&usable, map, ARRAY_SIZE(map));
	memblock_init(&usable, params.lowmem_end);
	memblock_reserve(0, PAGE_SIZE);
	for (unsigned int i = 0; i < nr; i++)
		memblock_reserve(MIB(8u) + i * MIB(12u), MIB(4u));
	EXPECT_NULL(host_catch_panic((void (*)(void *))mm_init_zones, &params));
	mm_init_allocators();
	EXPECT(zones[ZONE_HIGHMEM].managed > 100000);
	EXPECT(zones[ZONE_DMA].managed + zones[ZONE_NORMAL].managed > 3000);
	expect_valid();
}

KTEST(zone_machine, descriptors_take_half_of_free_low_memory_at_most_and_one_piece_of_it, "P10 P9")
{
	expect_reports();
	boot_with_modules(0);
	EXPECT_ONE_REPORT("of 31 MiB of free low memory");
	boot_with_modules(2); /* half of what is free is more than any piece */
	EXPECT_ONE_REPORT("of 23 MiB of free low memory");
}

/* The image as it was loaded: nothing is laid out yet, nothing is parked. */
static void forget_everything(void)
{
	shrink_all_caches();
	memset(zones, 0, sizeof(zones));
	memset(nodes, 0, sizeof(nodes));
	mem_map = NULL;
	mem_map_pages = lowmem_end_pfn = 0;
}

KTEST(zone_machine, pages_asked_for_before_mm_is_up_are_refused_with_a_message, "USR-03")
{
	struct page page = {0};

	fake_machine_boot_pc(8);
	forget_everything();
	expect_reports();
	EXPECT_NULL(alloc_page(GFP_KERNEL));
	EXPECT_ONE_REPORT("page allocation failure");
	EXPECT_NULL(alloc_pages_exact(100, GFP_KERNEL));
	EXPECT_ONE_REPORT("page allocation failure");
	__free_page(&page);
	EXPECT_ONE_REPORT("is no page descriptor");
	free_page(PAGE_SIZE);
	EXPECT_ONE_REPORT("is not the address of a page");
	fake_machine_boot_pc(8);
	expect_exact_counts();
}
