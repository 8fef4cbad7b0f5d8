/* SPDX-License-Identifier: MIT */
/* The validator finds each invariant broken on purpose, names it, ends, and is content after the repair. Host
 * and guest; on very large machines the many walks would take too long. */
#include <mm/report/validate.h>

#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/reserve.h>
#include <mm/reclaim/wait.h>
#include <tests/kernel/test_util.h>

static char text[2048];

/* Does the validator complain, and about this first? */
static bool validator_says(const char *expected)
{
	struct sink_buffer buffer;

	sink_buffer_init(&buffer, text, sizeof(text));
	if (mm_validate(&buffer.sink) > 0 && strncmp(text, expected, strlen(expected)) == 0)
		return true;
	ktest_note("expected %s, found %s", expected, text);
	return false;
}

/* The same with the name of the DMA zone between. */
static bool validator_says_of_dma(const char *before, const char *after)
{
	char expected[64], name[ZONE_LABEL_BYTES];

	(void)snprintf(expected, sizeof(expected), "%s %s%s", before, zone_label(&zones[ZONE_DMA], name),
		       after);
	return validator_says(expected);
}

#define SKIP_IF_LARGE()                                                                                      \
	do {                                                                                                 \
		if (mem_map_pages > TEST_MAX_VALIDATED_PAGES)                                                \
			SKIP("memory too large to walk it many times");                                      \
	} while (0)

/* A free block of order 2 whose buddy is in use, so that it stays what it is. */
static struct page *make_lone_block(struct page **buddy)
{
	*buddy = zone_take(&zones[ZONE_DMA], 3);
	if (!*buddy)
		return NULL;
	split_page(*buddy, 3);
	for (unsigned int i = 4; i < 8; i++)
		__free_page(*buddy + i);
	return *buddy + 4;
}

static void free_buddy(struct page *buddy)
{
	for (unsigned int i = 0; i < 4; i++)
		__free_page(buddy + i);
}

KTEST(validate, a_wrong_head_in_a_free_list_is_found, "B4 BUD-02 DBG-12")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct page *buddy, *free = make_lone_block(&buddy);
	uint32_t head;

	REQUIRE(free);
	head = free->head;
	free->order = 1;
	EXPECT(validator_says("B4 pfn"));
	free->head = head;
	free->state = PAGE_INTERIOR;
	EXPECT(validator_says("B4 pfn"));
	free->head = head;
	expect_valid();
	free_buddy(buddy);
}

KTEST(validate, broken_links_of_a_free_list_are_found_and_not_followed, "B4 BUD-02 DBG-12")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct page *buddy, *free = make_lone_block(&buddy);
	struct list_head links;

	REQUIRE(free);
	links = free->links;
	free->links.next = (struct list_head *)(void *)(uintptr_t)0x1234560;
	EXPECT(validator_says_of_dma("B4 free list", "/"));
	free->links.next = &free->links;
	EXPECT(validator_says("B4 pfn"));
	free->links = links;
	free->links.prev = &free->links;
	EXPECT(validator_says("B4 pfn"));
	free->links = links;
	expect_valid();
	free_buddy(buddy);
}

KTEST(validate, wrong_counts_of_a_zone_are_found, "B3 B5 Z1 DBG-12")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct page *buddy, *free = make_lone_block(&buddy);
	struct zone *zone = &zones[ZONE_DMA];
	size_t present = zone->present;

	REQUIRE(free);
	zone->nr_free++;
	EXPECT(validator_says_of_dma("B3 zone", ""));
	zone->nr_free--;
	zone->lists[0].nonempty ^= 1u << 2;
	EXPECT(validator_says_of_dma("B5 zone", " mobility 0 order 2"));
	zone->lists[0].nonempty ^= 1u << 2;
	zone->present = zone->managed - 1;
	EXPECT(validator_says_of_dma("Z1 zone", ""));
	zone->present = present;
	expect_valid();
	free_buddy(buddy);
}

KTEST(validate, a_free_block_of_the_wrong_kind_is_found, "B6 DBG-12")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct page *buddy, *free = make_lone_block(&buddy);
	uint8_t *kind;

	REQUIRE(free);
	kind = &zones[ZONE_DMA].block_mobility[page_to_pfn(free) >> PAGEBLOCK_ORDER];
	*kind ^= 1;
	EXPECT(validator_says("B6 pfn"));
	*kind ^= 1;
	expect_valid();
	free_buddy(buddy);
}

KTEST(validate, two_free_buddies_that_did_not_merge_are_found, "B2 BUD-02")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct page *buddy, *free = make_lone_block(&buddy);
	uint32_t head;

	REQUIRE(free);
	head = buddy->head;
	buddy->head = free->head;
	EXPECT(validator_says("B2 pfn"));
	buddy->head = head;
	expect_valid();
	free_buddy(buddy);
}

KTEST(validate, wrong_descriptors_of_allocated_blocks_are_found, "A1 A2 DBG-12")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct page *page = zone_take(&zones[ZONE_DMA], 2);

	REQUIRE(page);
	page->refcount = 0;
	EXPECT(validator_says("A1 pfn"));
	page->refcount = 1;
	page->where ^= 0x40;
	EXPECT(validator_says("B6 pfn"));
	page->where ^= 0x40;
	page[3].state = PAGE_ALLOCATED;
	EXPECT(validator_says("A2 pfn"));
	page[3].state = PAGE_INTERIOR;
	expect_valid();
	__free_pages(page, 2);
}

KTEST(validate, user_pages_that_nobody_counted_are_found, "U1 DBG-12")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_page(GFP_KERNEL);

	REQUIRE(page);
	page->state = PAGE_USER;
	EXPECT(validator_says("U1 zone"));
	page->state = PAGE_ALLOCATED;
	expect_valid();
	__free_page(page);
}

KTEST(validate, what_was_written_around_a_debugged_object_is_found, "S5 SD1 DBG-12")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache =
		kmem_cache_create("test", 64, 0, SLAB_RED_ZONE | SLAB_POISON | SLAB_NO_USER_FLAGS, NULL);
	char *live, *freed;

	REQUIRE(cache);
	live = kmem_cache_alloc(cache, GFP_KERNEL);
	freed = kmem_cache_alloc(cache, GFP_KERNEL);
	REQUIRE(live && freed);
	kmem_cache_free(cache, freed);
	live[64] ^= 1;
	EXPECT(validator_says("SD1 cache test: object"));
	live[64] ^= 1;
	freed[5] ^= 1;
	EXPECT(validator_says("SD1 cache test: object") && strstr(text, "was written to after it was freed"));
	freed[5] ^= 1;
	expect_valid();
	kmem_cache_free(cache, live);
	kmem_cache_destroy(cache);
}

KTEST(validate, what_is_no_object_in_use_is_found_among_parked_ones, "S1 DBG-12")
{
	NEEDS_OPEN_LISTS();
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("test", 64, 0, SLAB_NO_USER_FLAGS, NULL);
	void *object, **slot;

	REQUIRE(cache);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	REQUIRE(object && cache->stack.count);
	kmem_cache_free(cache, object);
	slot = &cache->stack.slot[cache->stack.count - 1];
	*slot = (char *)object + 8;
	EXPECT(validator_says("S5 cache test"));
	*slot = text;
	EXPECT(validator_says("S5 cache test"));
	*slot = object;
	cache->depot.nr = cache->depot.room = 1;
	EXPECT(validator_says("D2 cache test: 1 objects of its depot lie in no page"));
	cache->depot.nr = cache->depot.room = 0;
	expect_valid();
	kmem_cache_destroy(cache);
}

KTEST(validate, an_overwritten_free_pointer_is_found_and_not_followed, "S1 SLB-14")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("test", 64, 0, SLAB_NO_USER_FLAGS, NULL);
	void *a, *b, **link, *saved;

	REQUIRE(cache);
	slab_keep_closed(cache, true);
	a = kmem_cache_alloc(cache, GFP_KERNEL);
	b = kmem_cache_alloc(cache, GFP_KERNEL);
	REQUIRE(a && b);
	kmem_cache_free(cache, a);
	link = object_link(cache, a);
	saved = *link;
	*link = (void *)(uintptr_t)0xdeadbee8;
	EXPECT(validator_says("S1 cache test: free list leads to"));
	*link = (char *)b + 8;
	EXPECT(validator_says("S1 cache test: free list leads to"));
	*link = a;
	EXPECT(validator_says("S1 cache test slab"));
	*link = saved;
	expect_valid();
	kmem_cache_free(cache, b);
	kmem_cache_destroy(cache);
}

KTEST(validate, wrong_counts_of_a_cache_are_found, "S1 S2 S3 SLB-11")
{
	SKIP_IF_LARGE();
	OBJECTS_COME_FROM_SLABS();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("test", 64, 0, 0, NULL);
	struct page *first;
	void *object;

	REQUIRE(cache);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	REQUIRE(object);
	first = virt_to_page(object)->slab;
	first->bump++;
	EXPECT(validator_says("S1 cache test slab"));
	first->bump--;
	cache->nr_in_use++;
	EXPECT(validator_says("S3 cache test"));
	cache->nr_in_use--;
	cache->nr_empty++;
	EXPECT(validator_says("S3 cache test"));
	cache->nr_empty--;
	list_move(&first->links, &cache->full);
	EXPECT(validator_says("S2 cache test"));
	list_move(&first->links, &cache->partial);
	expect_valid();
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}

KTEST(validate, a_page_that_names_a_cache_without_being_its_is_found, "S4 DBG-12")
{
	OBJECTS_COME_FROM_SLABS();
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("test", 64, 0, 0, NULL);
	struct page *page = zone_take(&zones[ZONE_DMA], 0), *first;
	void *object;

	REQUIRE(cache && page);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	REQUIRE(object);
	page->slab_cache = cache;
	EXPECT(validator_says("S4 "));
	page->slab_cache = NULL;
	first = virt_to_page(object)->slab;
	first->slab_cache = NULL;
	EXPECT(validator_says("S4 cache test"));
	first->slab_cache = cache;
	expect_valid();
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	__free_page(page);
}

KTEST(validate, at_most_20_lines_are_printed_however_much_is_wrong, "DBG-12")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct page *page = zone_take(&zones[ZONE_DMA], 6);
	struct sink_buffer buffer;
	unsigned int lines = 0;

	REQUIRE(page);
	for (unsigned int i = 1; i < 64; i++)
		page[i].state = PAGE_ALLOCATED;
	sink_buffer_init(&buffer, text, sizeof(text));
	EXPECT_EQ(mm_validate(&buffer.sink), 63);
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	EXPECT_EQ(lines, 20);
	EXPECT_EQ(mm_validate(NULL), 63);
	for (unsigned int i = 1; i < 64; i++)
		page[i].state = PAGE_INTERIOR;
	__free_pages(page, 6);
}

/* --- reserves and waiters --- */

static void spoil_reserve(const struct reserve *constant)
{
	struct reserve *reserve = (struct reserve *)constant;
	struct page *page = list_first_entry(&reserve->pages, struct page, links);

	reserve->nr--;
	EXPECT(validator_says("RS1 reserve"));
	reserve->nr++;
	page->refcount = 2;
	EXPECT(validator_says("RS1 reserve"));
	page->refcount = 1;
	reserve->wanted--;
	EXPECT(validator_says("RS1 reserve"));
	reserve->wanted++;
}

KTEST(validate, a_reserve_that_does_not_hold_what_it_says_is_found, "RS1 R3 DBG-12")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();

	reserve_for_each(spoil_reserve);
	expect_valid();
}

static bool take_nothing(struct mem_waiter *waiter)
{
	(void)waiter;
	return false;
}

KTEST(validate, a_waiter_that_could_be_served_and_an_open_list_while_it_waits_are_found, "W1 W2 W3 C3 DBG-12")
{
	SKIP_IF_LARGE();
	MACHINE_STAYS_AS_FOUND();
	struct kmem_cache *cache = kmem_cache_create("waited", 64, 0, 0, NULL);
	struct mem_waiter waiter;

	REQUIRE(cache);
	wait_init(&waiter, GFP_KERNEL, 0);
	waiter.take = take_nothing;
	wait_enter(&waiter);
	EXPECT(validator_says("W2 zone"));
	waiter.number++;
	EXPECT(validator_says("W1 a list of those who want pages is out of order"));
	waiter.number--;
	list_del(&waiter.link);
	EXPECT(validator_says("W1 a waiter is in no list"));
	list_add(&waiter.link, waiter.link.prev);
	(void)wait_leave(&waiter);

	wait_init_for_nothing(&waiter);
	wait_enter(&waiter);
	expect_valid();
	cache->stack.limit = 1;
	EXPECT(validator_says("W3 cache waited"));
	cache->stack.limit = 0;
	zones[ZONE_DMA].slow = false;
	EXPECT(validator_says_of_dma("W3 zone", ""));
	zones[ZONE_DMA].slow = true;
	wait_nr_waiters--;
	EXPECT(validator_says("W1 1 waiters"));
	wait_nr_waiters++;
	expect_valid();
	(void)wait_leave(&waiter);
	kmem_cache_destroy(cache);
}

static void slow_paths(unsigned int nr)
{
	for (; nr; nr -= 2)
		__free_page(alloc_page(GFP_KERNEL));
}

KTEST(validate, each_nth_slow_path_is_followed_by_a_check_where_one_may_sleep, "DBG-12")
{
	MACHINE_STAYS_AS_FOUND();
	struct page *page = alloc_page(GFP_KERNEL);
	irqflags_t flags;

	REQUIRE(page);
	if (!mm_validate_every(0)) {
		__free_page(page);
		SKIP("DEBUG is below 2");
	}
	pcp_keep_closed(true);
	reports_capture();
	page->refcount = 0; /* A1 */
	EXPECT(mm_validate_every(100));
	slow_paths(98);
	EXPECT_EQ(reports_count(), 0);
	flags = irq_save();
	__free_page(alloc_page(GFP_ATOMIC)); /* due, but not here */
	EXPECT_EQ(reports_count(), 0);
	irq_restore(flags);
	slow_paths(2);
	EXPECT_EQ(reports_count(), 1);
	EXPECT(reports_contain("BUG: A1 pfn"));
	slow_paths(200); /* said once */
	EXPECT_EQ(reports_count(), 1);
	page->refcount = 1;
	pcp_keep_closed(false);
	__free_page(page);
}
