/* SPDX-License-Identifier: MIT */
/* Random operations of all the APIs against a dumb model: a table of what is held. The oracle knows nothing
 * of buddies or slabs. It demands that
 *   - nothing held overlaps anything else held (compared with each), and its contents, a token by owner, are
 *     there when it is given back;
 *   - each request is aligned, in a zone it may use, and has the size it asked for;
 *   - a request that takes the last page fails only when no aligned free run is left;
 *   - pages free + pages in slabs + pages held is always the same sum.
 * 8 owners take turns: what one task after another would do. Host and guest. */
#include <mm/pages/page_alloc.h>

#include <kernel/lib/align.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <mm/objects/above.h>
#include <mm/objects/kmalloc.h>
#include <tests/kernel/test_util.h>

#define NR_SLOTS   192u
#define NR_CACHES  3u
#define CTOR_BYTES 16u
#define MAX_TURNS  100u

enum kind { EMPTY, PAGES, EXACT, KMALLOC, OBJECT };

struct slot {
	enum kind kind;
	uint8_t order; /* of PAGES */
	uint8_t cache; /* of OBJECT */
	uint8_t token; /* what it is filled with */
	paddr_t start; /* physical bytes it covers */
	size_t size_bytes;
	struct page *page; /* of PAGES */
	char *memory;	   /* NULL: high memory */
};

static struct slot *slots; /* NR_SLOTS */

static struct {
	struct random random;
	struct kmem_cache *caches[NR_CACHES];
	size_t pages_held, pages_in_all;
	unsigned int nr_done, nr_failed;
} run;

static void construct(void *object)
{
	memset(object, 0xc7, CTOR_BYTES);
}

/* Large blocks are filled at both ends of each page only: enough to see two owners. */
static void fill(const struct slot *slot, bool check)
{
	size_t step = slot->size_bytes > 2 * PAGE_SIZE ? PAGE_SIZE : slot->size_bytes;

	for (size_t at = 0; slot->memory && at < slot->size_bytes; at += step) {
		size_t rest = slot->size_bytes - at, nr = step == PAGE_SIZE ? MIN(rest, (size_t)32) : rest;

		if (check)
			EXPECT(memory_is(slot->memory + at, slot->token, nr));
		else
			memset(slot->memory + at, slot->token, nr);
	}
}

static void expect_disjoint(const struct slot *new)
{
	for (const struct slot *slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot != new && slot->kind != EMPTY)
			EXPECT(slot->start + slot->size_bytes <= new->start ||
			       new->start + new->size_bytes <= slot->start);
}

static paddr_t phys_of(const void *memory)
{
	return (paddr_t)((const char *)memory - port_direct_map());
}

static gfp_t random_gfp(bool may_be_high)
{
	static const gfp_t types[] = {GFP_ATOMIC, GFP_KERNEL, GFP_NOWAIT, GFP_NOFS};
	gfp_t gfp = types[random_below(&run.random, ARRAY_SIZE(types))] | __GFP_NOWARN;

	if (gfp_has(gfp, __GFP_WAIT))
		gfp |= __GFP_NORETRY; /* nobody else gives anything back: it would wait in vain */
	if (random_below(&run.random, 8) == 0)
		gfp |= __GFP_DMA;
	else if (may_be_high && random_below(&run.random, 3) == 0)
		gfp |= __GFP_HIGHMEM;
	if (!gfp_has(gfp, __GFP_HIGHMEM) && random_below(&run.random, 4) == 0)
		gfp |= __GFP_ZERO;
	return gfp;
}

/* Mostly small numbers below `limit`. */
static uint32_t random_small(uint32_t limit)
{
	return random_below(&run.random, 1 + random_below(&run.random, limit));
}

/* A failed request for the last page is right only when there is no such block. */
static void expect_rightly_failed(gfp_t gfp, unsigned int order)
{
	struct zone *zone;

	run.nr_failed++;
	if (!gfp_has(gfp, __GFP_HIGH))
		return;
	for_each_zone(zone)
		if (zone->id <= gfp_zone(gfp))
			EXPECT_EQ(zone_nr_blocks_within(zone, order), 0);
}

static bool take_pages(struct slot *slot)
{
	static const gfp_t mobilities[] = {GFP_NOWAIT, __GFP_MOVABLE, __GFP_RECLAIMABLE};
	gfp_t gfp = random_gfp(true) | mobilities[random_below(&run.random, 3)];

	if (random_below(&run.random, 3) == 0)
		gfp |= __GFP_COMP;
	slot->order = (uint8_t)random_small(NR_ORDERS);
	slot->page = alloc_pages(gfp, slot->order);
	if (!slot->page) {
		expect_rightly_failed(gfp, slot->order);
		return false;
	}
	slot->size_bytes = (size_t)PAGE_SIZE << slot->order;
	slot->start = page_to_phys(slot->page);
	slot->memory = page_address(slot->page);
	EXPECT(IS_ALIGNED(slot->start, slot->size_bytes));
	EXPECT(page_zone(slot->page)->id <= gfp_zone(gfp));
	EXPECT(slot->start + slot->size_bytes <= (paddr_t)page_zone(slot->page)->end_pfn << PAGE_SHIFT);
	EXPECT_EQ(page_count(slot->page), 1);
	if (gfp_has(gfp, __GFP_ZERO) && slot->memory)
		EXPECT(memory_is(slot->memory, 0, MIN(slot->size_bytes, (size_t)PAGE_SIZE)));
	run.pages_held += (size_t)1 << slot->order;
	return true;
}

static bool take_memory(struct slot *slot, char *memory, size_t size_bytes, gfp_t gfp)
{
	if (!memory) {
		run.nr_failed++;
		return false;
	}
	slot->memory = memory;
	slot->size_bytes = size_bytes;
	slot->start = phys_of(memory);
	EXPECT((virt_is_direct(memory) && virt_is_direct(memory + size_bytes - 1)) || is_guarded(memory));
	EXPECT(!gfp_has(gfp, __GFP_DMA) || slot->start + size_bytes <= MIB(16u));
	if (gfp_has(gfp, __GFP_ZERO))
		EXPECT(memory_is(memory, 0, MIN(size_bytes, (size_t)PAGE_SIZE)));
	return true;
}

static bool take_exact(struct slot *slot)
{
	gfp_t gfp = random_gfp(false);
	size_t size = 1 + random_small(64 * PAGE_SIZE);

	if (!take_memory(slot, alloc_pages_exact(size, gfp), size, gfp))
		return false;
	EXPECT(IS_ALIGNED(slot->start, PAGE_SIZE));
	run.pages_held += DIV_ROUND_UP(size, PAGE_SIZE);
	return true;
}

static bool take_kmalloc(struct slot *slot)
{
	gfp_t gfp = random_gfp(false);
	size_t size = 1 + random_below(&run.random, 2u << random_below(&run.random, 16));

	if (!take_memory(slot, kmalloc(size, gfp), size, gfp))
		return false;
	EXPECT(ksize(slot->memory) >= size);
	EXPECT(IS_ALIGNED(slot->start,
			  IS_POWER_OF_2(size) ? MIN(MAX(size, (size_t)8), (size_t)PAGE_SIZE) : 8));
	run.pages_held += size > KMALLOC_MAX_CACHE_SIZE ? DIV_ROUND_UP(size, PAGE_SIZE) : 0;
	return true;
}

/* An object; of a cache with a constructor, the part behind what it constructs. */
static bool take_object(struct slot *slot)
{
	gfp_t gfp = random_gfp(false) & ~(__GFP_ZERO | __GFP_DMA);
	struct kmem_cache *cache;
	size_t skip;
	char *object;

	slot->cache = (uint8_t)random_below(&run.random, NR_CACHES);
	cache = run.caches[slot->cache];
	skip = slot->cache == 0 ? CTOR_BYTES : 0;
	object = kmem_cache_alloc(cache, gfp);
	if (!take_memory(slot, object ? object + skip : NULL, kmem_cache_size(cache) - skip, gfp))
		return false;
	EXPECT(skip == 0 || memory_is(object, 0xc7, skip));
	return true;
}

static void take(struct slot *slot)
{
	static bool (*const takers[])(struct slot * slot) = {
		[PAGES] = take_pages, [EXACT] = take_exact, [KMALLOC] = take_kmalloc, [OBJECT] = take_object};
	enum kind kind = (enum kind)(PAGES + random_below(&run.random, OBJECT));

	if (!takers[kind](slot))
		return;
	slot->kind = kind;
	slot->token = (uint8_t)random_next(&run.random);
	expect_disjoint(slot);
	fill(slot, false);
}

static void give(struct slot *slot)
{
	enum kind kind = slot->kind;

	fill(slot, true);
	slot->kind = EMPTY;
	if (kind == PAGES) {
		run.pages_held -= (size_t)1 << slot->order;
		__free_pages(slot->page, slot->order);
	} else if (kind == EXACT) {
		run.pages_held -= DIV_ROUND_UP(slot->size_bytes, PAGE_SIZE);
		free_pages_exact(slot->memory, slot->size_bytes);
	} else if (kind == KMALLOC) {
		if (slot->size_bytes > KMALLOC_MAX_CACHE_SIZE)
			run.pages_held -= DIV_ROUND_UP(slot->size_bytes, PAGE_SIZE);
		kfree_s(slot->memory, slot->size_bytes);
	} else {
		kmem_cache_free(run.caches[slot->cache], slot->memory - (slot->cache == 0 ? CTOR_BYTES : 0));
	}
}

static bool pages_add_up(void)
{
	return nr_free_pages() + slab_pages() + run.pages_held == run.pages_in_all;
}

/* The background reclaimer may have been stopped with a slab in its hands, or run between two of the counts:
 * it gets turns until it lets go. */
static bool pages_add_up_soon(void)
{
	for (unsigned int turn = 0; turn < MAX_TURNS; turn++) {
		if (pages_add_up())
			return true;
		port_park_for(4);
	}
	return false;
}

static void one_operation(void)
{
	struct slot *slot = &slots[random_below(&run.random, NR_SLOTS)];

	if (slot->kind == EMPTY)
		take(slot);
	else
		give(slot);
	EXPECT(pages_add_up_soon());
}

static bool create_caches(void)
{
	run.caches[0] = kmem_cache_create("random-ctor", 72, 0, 0, construct);
	run.caches[1] = kmem_cache_create("random-large", 3000, 256, SLAB_RECLAIM_ACCOUNT, NULL);
	run.caches[2] = kmem_cache_create("random-dma", 24, 0, SLAB_CACHE_DMA | SLAB_HWCACHE_ALIGN, NULL);
	return run.caches[0] && run.caches[1] && run.caches[2];
}

static void change_nothing(void)
{
}

void random_operations(uint32_t seed, unsigned int nr_ops, unsigned int validate_every)
{
	random_operations_between(seed, nr_ops, validate_every, change_nothing, change_nothing);
}

void random_operations_between(uint32_t seed, unsigned int nr_ops, unsigned int validate_every,
			       void (*enter)(void), void (*leave)(void))
{
	BORROW_MANY(slots, NR_SLOTS);
	MACHINE_STAYS_AS_FOUND();

	memset(&run, 0, sizeof(run));
	run.random.state = seed;
	REQUIRE(create_caches());
	enter();
	run.pages_in_all = nr_free_pages() + slab_pages();
	while (run.nr_done++ < nr_ops) {
		one_operation();
		if (run.nr_done % validate_every == 0)
			expect_valid();
	}
	for (struct slot *slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->kind != EMPTY)
			give(slot);
	leave();
	for (unsigned int i = 0; i < NR_CACHES; i++)
		kmem_cache_destroy(run.caches[i]);
	ktest_note("seed %u: %u operations, %u requests not met", seed, nr_ops, run.nr_failed);
}

static unsigned int validate_every(void)
{
	if (mem_map_pages > TEST_MAX_VALIDATED_PAGES)
		return TEST_RANDOM_OPS;
	return TEST_RANDOM_OPS / TEST_VALIDATIONS;
}

KTEST(random, a_machine_with_plenty_agrees_with_the_model, "EXH-04 BUD-01 BUD-02 BUD-12 SLB-01 KML-11 P2")
{
	random_operations(0x5eed1, TEST_RANDOM_OPS, validate_every());
}

KTEST(random, a_machine_near_exhaustion_agrees_with_the_model, "EXH-04 BUD-02 BUD-03 BUD-12 G2")
{
	HOG(hog);
	size_t pages_in_all = nr_free_pages() + slab_pages();
	struct zone *zone;

	for_each_zone(zone)
		hog_zone(&hog, zone, zone->id == ZONE_DMA ? zone_floor(zone, ZONE_NORMAL) + 500 : 100);
	random_operations(0x5eed2, TEST_RANDOM_OPS, validate_every());
	hog_release(&hog);
	EXPECT_EQ(nr_free_pages() + slab_pages(), pages_in_all);
	expect_valid();
}
