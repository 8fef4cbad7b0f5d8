/* SPDX-License-Identifier: MIT */
/* Pages parked per CPU: who gets them back, how many there may be, when lists are closed, and that none of it
 * is seen by whoever counts or needs a large block. Frees from interrupts have their test beside the
 * interrupts. Host and guest. */
#include <mm/pages/pcp.h>

#include <kernel/lib/align.h>
#include <kernel/lib/bitops.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <tests/kernel/test_util.h>

#define ROOM_BLOCKS 2u /* what a full list gives back */

static struct pcpu_stack *stack; /* of ordinary unmovable single pages */
static struct zone *zone;	 /* whose they are */

/* Is there memory of the stack's own mobility? Without a pageblock of its own, a request is lent pages of
 * another kind, and they go back to that kind's list. */
static bool kind_is_at_home(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	bool at_home = page && page_zone(page) == zone && page_mobility(page) == MOBILITY_UNMOVABLE &&
		       zone->lists[MOBILITY_UNMOVABLE].nonempty;

	if (page)
		__free_page(page);
	drain_all_pages();
	return at_home;
}

/* Lists open and empty. False where memory is too short to park anything, or all is cleared on its way. */
static bool open_lists(void)
{
	stack = pcp_stack_for(GFP_NOWAIT, 0);
	zone = stack->owner;
	if (!zone || stack->capacity < 2 * ROOM_BLOCKS)
		return false;
	pcp_keep_closed(false);
	drain_all_pages();
	if (zone->nr_free < zone->wmark[WMARK_HIGH] || lists_stay_closed())
		return false;
	EXPECT(!zone->slow);
	return kind_is_at_home();
}

#define WITH_OPEN_LISTS()                                                                                    \
	MACHINE_STAYS_AS_FOUND();                                                                            \
	if (!open_lists())                                                                                   \
	SKIP("memory too short for per-CPU lists")

static uint32_t nr_parked(const struct pcpu_stack *of)
{
	return of->count - of->bottom;
}

/* n pages of the stack's zone and mobility, chained; nothing is parked. Result: how many. */
static size_t take_pages(struct list_head *list, size_t n)
{
	size_t nr = 0;

	for (; nr < n; nr++) {
		struct page *page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);

		if (!page)
			break;
		list_add(&page->links, list);
	}
	drain_all_pages();
	return nr;
}

/* --- order --- */

KTEST(pcp, the_page_freed_last_comes_back_first, "P7")
{
	WITH_OPEN_LISTS();
	struct page *first = alloc_page(GFP_KERNEL), *second = alloc_page(GFP_KERNEL);

	REQUIRE(first && second);
	drain_all_pages();
	__free_page(first);
	__free_page(second);
	EXPECT_EQ(first->state, PAGE_PERCPU);
	EXPECT_EQ(pcp_parked_pages(zone), 2);
	EXPECT(alloc_page(GFP_KERNEL) == second);
	EXPECT(alloc_page(GFP_KERNEL) == first);
	EXPECT_EQ(first->state, PAGE_ALLOCATED);
	EXPECT_EQ(page_count(first), 1);
	__free_page(first);
	__free_page(second);
}

KTEST(pcp, a_cold_page_is_the_one_freed_first, "G12")
{
	WITH_OPEN_LISTS();
	struct page *page[3];

	for (unsigned int i = 0; i < 3; i++)
		REQUIRE((page[i] = alloc_page(GFP_KERNEL)) != NULL);
	drain_all_pages();
	for (unsigned int i = 0; i < 3; i++)
		__free_page(page[i]);
	EXPECT(alloc_page(GFP_KERNEL | __GFP_COLD) == page[0]);
	EXPECT(alloc_page(GFP_KERNEL) == page[2]);
	EXPECT_EQ(pcp_parked_pages(zone), 1);
	expect_valid();
	__free_page(page[0]);
	EXPECT(alloc_page(GFP_KERNEL | __GFP_COLD) == page[1]);
	EXPECT(alloc_page(GFP_KERNEL | __GFP_COLD) == page[0]);
	EXPECT_EQ(page[0]->state, PAGE_ALLOCATED);
	EXPECT_EQ(nr_parked(stack), 0);
	for (unsigned int i = 0; i < 3; i++)
		__free_page(page[i]);
	EXPECT_EQ(pcp_parked_pages(zone), 3);
}

KTEST(pcp, a_cold_request_is_met_when_nothing_is_parked, "G12")
{
	WITH_OPEN_LISTS();
	struct page *page = alloc_page(GFP_KERNEL | __GFP_COLD);

	REQUIRE(page);
	EXPECT_EQ(page_count(page), 1);
	__free_page(page);
}

KTEST(pcp, a_request_that_must_be_cleared_is_met_by_a_parked_page_too, "P7 G17")
{
	WITH_OPEN_LISTS();
	struct page *page = alloc_page(GFP_KERNEL);

	REQUIRE(page);
	drain_all_pages();
	memset(page_address(page), 0xff, PAGE_SIZE);
	__free_page(page);
	EXPECT_EQ(page->state, PAGE_PERCPU);
	EXPECT(alloc_page(GFP_KERNEL | __GFP_ZERO) == page);
	EXPECT_EQ(page->state, PAGE_ALLOCATED);
	EXPECT(memory_is(page_address(page), 0, PAGE_SIZE));
	__free_page(page);
}

KTEST(pcp, blocks_are_parked_by_order_and_mobility, "P7 P6")
{
	WITH_OPEN_LISTS();
	struct page *page, *other;

	for (unsigned int order = 0; order < PCP_ORDERS; order++) {
		struct pcpu_stack *own;

		REQUIRE((page = alloc_pages(GFP_KERNEL | __GFP_MOVABLE, order)) != NULL);
		own = pcp_of_block[order][page->where];
		drain_all_pages();
		__free_pages(page, order);
		if (own->capacity)
			EXPECT(nr_parked(own) == 1 && own->slot[own->count - 1] == page);
		EXPECT_EQ(page->order == order && page->state == PAGE_PERCPU, own->capacity != 0);
		REQUIRE((other = alloc_pages(GFP_KERNEL | __GFP_RECLAIMABLE, order)) != NULL);
		EXPECT(own->capacity == 0 || other != page);
		__free_pages(other, order);
	}
}

/* --- how many --- */

KTEST(pcp, parked_free_and_held_pages_always_add_up, "PCP-01")
{
	WITH_OPEN_LISTS();
	size_t sum = zone->nr_free, parked;
	struct page *page[8];

	for (unsigned int i = 0; i < 8; i++) {
		REQUIRE((page[i] = alloc_pages(GFP_KERNEL, i % 3)) != NULL);
		sum -= page_zone(page[i]) == zone ? (size_t)1 << (i % 3) : 0;
		EXPECT_EQ(zone->nr_free + pcp_parked_pages(zone), sum);
		EXPECT(nr_free_pages_below(zone->id) >= sum);
	}
	for (unsigned int i = 0; i < 8; i++) {
		sum += page_zone(page[i]) == zone ? (size_t)1 << (i % 3) : 0;
		__free_pages(page[i], i % 3);
		EXPECT_EQ(zone->nr_free + pcp_parked_pages(zone), sum);
	}
	expect_valid();
	parked = pcp_parked_pages(zone);
	EXPECT(parked != 0);
	EXPECT_EQ(pcp_drain_zone(zone), parked);
	EXPECT_EQ(zone->nr_free, sum);
	EXPECT_EQ(pcp_parked_pages(zone), 0);
	EXPECT(machine_is_as_found());
}

KTEST(pcp, a_refill_parks_the_rest_of_one_larger_block, "PCP-02")
{
	WITH_OPEN_LISTS();
	size_t free = zone->nr_free;
	unsigned int order = MIN(bit_lowest(zone->lists[MOBILITY_UNMOVABLE].nonempty), 4u);
	size_t nr = stack->capacity >= 1u << order ? (size_t)1 << order
						   : 1; /* the smallest block there is, up to 16 pages */
	struct page *page = alloc_page(GFP_KERNEL);

	REQUIRE(page);
	EXPECT_EQ(zone->nr_free, free - nr);
	EXPECT_EQ(nr_parked(stack), nr - 1);
	EXPECT_EQ(pcp_parked_pages(zone), nr - 1);
	__free_page(page);
	EXPECT_EQ(nr_parked(stack), nr);
	EXPECT_EQ(pcp_drain_zone(zone), nr);
	EXPECT_EQ(zone->nr_free, free);
}

KTEST(pcp, the_last_reference_parks_a_page_that_has_one_again, "G18 P7")
{
	WITH_OPEN_LISTS();
	struct page *page = alloc_page(GFP_KERNEL);

	REQUIRE(page);
	drain_all_pages();
	get_page(page);
	__free_page(page);
	EXPECT_EQ(page->state, PAGE_ALLOCATED);
	put_page(page);
	EXPECT_EQ(page->state, PAGE_PERCPU);
	EXPECT(alloc_page(GFP_KERNEL) == page);
	EXPECT_EQ(page_count(page), 1);
	__free_page(page);
}

/* Single pages until some are parked beside them. */
static bool take_until_parked(struct list_head *held)
{
	struct page *page;

	while (nr_parked(stack) == 0 && (page = alloc_page(GFP_ATOMIC | __GFP_NOWARN)))
		list_add(&page->links, held);
	return nr_parked(stack) != 0;
}

KTEST(pcp, what_a_refill_parks_is_marked_as_parked, "PCP-02 PCP-05")
{
	WITH_OPEN_LISTS();
	struct list_head held = LIST_HEAD_INIT(held);

	EXPECT(take_until_parked(&held));
	for (uint32_t i = stack->bottom; i < stack->count; i++) {
		struct page *page = stack->slot[i];

		EXPECT(page_is_head(page, PAGE_PERCPU, 0));
		EXPECT_EQ(page->refcount, 1);
	}
	hog_release(&held);
}

KTEST(pcp, a_refill_parks_no_more_than_the_limit, "PCP-02")
{
	WITH_OPEN_LISTS();
	struct list_head held = LIST_HEAD_INIT(held);

	stack->limit = 2;
	for (unsigned int i = 0; i < 40; i++) {
		struct page *page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);

		REQUIRE(page);
		list_add(&page->links, &held);
		EXPECT(nr_parked(stack) <= 2);
	}
	stack->limit = stack->capacity;
	hog_release(&held);
}

/* A movable block of the largest order from the zone, as single pages, or NULL. */
static struct page *take_movable_pages(void)
{
	struct page *block = alloc_pages(GFP_NOWAIT | __GFP_MOVABLE | __GFP_NOWARN, MAX_PAGE_ORDER);

	if (!block)
		return NULL;
	if (page_zone(block) != zone || page_mobility(block) != MOBILITY_MOVABLE ||
	    zone->wmark[WMARK_HIGH] > 1u << (MAX_PAGE_ORDER - 1)) {
		__free_pages(block, MAX_PAGE_ORDER);
		return NULL;
	}
	split_page(block, MAX_PAGE_ORDER);
	return block;
}

KTEST(pcp, a_page_lent_by_another_kind_comes_alone, "PCP-02 P6")
{
	WITH_OPEN_LISTS();
	HOG(hog);
	struct page *block = take_movable_pages(), *lent;

	if (!block)
		SKIP("no block of the largest order, or the marks are above it");
	hog_zone(&hog, zone, 0);
	for (unsigned int i = 1; i < 1u << MAX_PAGE_ORDER; i++)
		__free_page(block + i);
	drain_all_pages();
	EXPECT(!zone->slow);
	lent = alloc_page(GFP_ATOMIC);
	EXPECT(lent && page_zone(lent) == zone && page_mobility(lent) == MOBILITY_MOVABLE);
	EXPECT_EQ(nr_parked(stack), 0);
	if (lent)
		__free_page(lent);
	__free_page(block);
	hog_release(&hog);
}

KTEST(pcp, a_full_list_gives_a_few_blocks_back, "PCP-02")
{
	WITH_OPEN_LISTS();
	struct list_head held = LIST_HEAD_INIT(held);
	size_t nr = stack->capacity + 1, free;
	struct page *page, *next;

	REQUIRE(take_pages(&held, nr) == nr);
	free = zone->nr_free;
	list_for_each_entry_safe(page, next, &held, links) {
		if (--nr == 0) {
			EXPECT_EQ(nr_parked(stack), stack->capacity);
			EXPECT_EQ(zone->nr_free, free);
		}
		__free_page(page);
		EXPECT(nr_parked(stack) <= stack->capacity);
	}
	EXPECT_EQ(nr_parked(stack), stack->capacity - ROOM_BLOCKS);
	EXPECT_EQ(zone->nr_free, free + ROOM_BLOCKS + 1);
}

KTEST(pcp, what_was_taken_from_the_cold_end_is_room_again_after_a_drain, "G12 PCP-02")
{
	WITH_OPEN_LISTS();
	struct page *page = alloc_page(GFP_KERNEL), *cold;

	REQUIRE(page);
	__free_page(page);
	cold = alloc_page(GFP_KERNEL | __GFP_COLD);
	REQUIRE(cold);
	pcp_drain_zone(zone);
	EXPECT_EQ(stack->bottom, 0);
	EXPECT_EQ(stack->count, 0);
	__free_page(cold);
}

/* --- slow mode --- */

static bool all_limits_are(bool closed)
{
	for (unsigned int mobility = 0; mobility < NR_MOBILITY; mobility++)
		for (unsigned int order = 0; order < PCP_ORDERS; order++) {
			const struct pcpu_stack *of = pcp_of_block[order][ZONE_WHERE(zone, mobility)];

			if (of->limit != (closed ? 0 : of->capacity))
				return false;
		}
	return true;
}

KTEST(pcp, lists_close_below_low_and_open_at_high, "PCP-02 P7 G13")
{
	WITH_OPEN_LISTS();
	HOG(hog);
	HOG(singles);
	struct page *page;

	EXPECT(all_limits_are(false));
	hog_zone(&hog, zone, zone->wmark[WMARK_LOW] + 64);
	REQUIRE(!zone->slow);
	__free_page(zone_take(zone, 0));
	EXPECT(pcp_parked_pages(zone) != 0);
	while (!zone->slow && (page = zone_take(zone, 0)))
		list_add(&page->links, &singles);
	EXPECT(zone->nr_free + 1 >= zone->wmark[WMARK_LOW]);
	EXPECT(zone->slow && all_limits_are(true));
	EXPECT_EQ(pcp_parked_pages(zone), 0);
	while (zone->nr_free + 2 >= zone->wmark[WMARK_LOW] && (page = zone_take(zone, 0)))
		list_add(&page->links, &singles);
	while (zone->slow && !list_is_empty(&singles)) {
		page = list_first_entry(&singles, struct page, links);
		list_del(&page->links);
		__free_page(page);
		pcp_check_mode(zone); /* asked once more than needed, it is the same */
		EXPECT_EQ(zone->slow, zone->nr_free < zone->wmark[WMARK_HIGH]);
		EXPECT(!zone->slow || pcp_parked_pages(zone) == 0);
	}
	while (!list_is_empty(&hog) && zone->slow) {
		page = list_first_entry(&hog, struct page, links);
		list_del(&page->links);
		__free_pages(page, page->order);
	}
	EXPECT(!zone->slow && all_limits_are(false));
	hog_release(&singles);
	hog_release(&hog);
}

KTEST(pcp, in_slow_mode_a_request_takes_exactly_what_it_asks_for, "PCP-02 BUD-03")
{
	WITH_OPEN_LISTS();
	size_t free;
	struct page *page;

	pcp_keep_closed(true);
	EXPECT(zone->slow && all_limits_are(true));
	free = zone->nr_free;
	page = zone_take(zone, 1);
	REQUIRE(page);
	EXPECT_EQ(zone->nr_free, free - 2);
	__free_pages(page, 1);
	EXPECT_EQ(zone->nr_free, free);
	EXPECT_EQ(pcp_parked_pages(zone), 0);
	pcp_keep_closed(false);
	EXPECT(!zone->slow && all_limits_are(false));
}

KTEST(pcp, closing_the_lists_gives_all_that_is_parked_back, "PCP-01")
{
	WITH_OPEN_LISTS();
	struct page *page = alloc_page(GFP_KERNEL), *larger = alloc_pages(GFP_KERNEL, 1);

	REQUIRE(page && larger);
	__free_page(page);
	__free_pages(larger, 1);
	EXPECT(pcp_parked_pages(zone) != 0);
	pcp_keep_closed(true);
	EXPECT_EQ(pcp_parked_pages(zone), 0);
	EXPECT(machine_is_as_found());
}

KTEST(pcp, a_refill_never_takes_the_zone_below_low, "PCP-02")
{
	WITH_OPEN_LISTS();
	HOG(hog);
	struct page *page;

	hog_zone(&hog, zone, zone->wmark[WMARK_LOW] + 10);
	drain_all_pages();
	while (!zone->slow && zone->nr_free > zone->wmark[WMARK_LOW] && (page = zone_take(zone, 0))) {
		list_add(&page->links, &hog);
		EXPECT(!zone->slow && zone->nr_free >= zone->wmark[WMARK_LOW]);
	}
	hog_release(&hog);
}

/* --- what nobody may notice --- */

KTEST(pcp, a_large_request_succeeds_when_only_parked_pages_are_in_its_way, "PCP-03")
{
	WITH_OPEN_LISTS();
	HOG(hog);
	struct page *block = NULL, *again;

	hog_others(&hog, zone->id, NULL);
	list_for_each_entry(block, &hog, links)
		if (block->order == MAX_PAGE_ORDER && page_zone(block) == zone)
			break;
	if (&block->links == &hog || zone->wmark[WMARK_HIGH] > 1u << (MAX_PAGE_ORDER - 1)) {
		hog_release(&hog);
		SKIP("no block of the largest order, or the marks are above it");
	}
	list_del(&block->links);
	split_page(block, MAX_PAGE_ORDER);
	for (unsigned int i = 0; i < 1u << MAX_PAGE_ORDER; i++)
		__free_page(block + i);
	EXPECT(!zone->slow);
	EXPECT(pcp_parked_pages(zone) != 0);
	EXPECT_EQ(zone_nr_blocks(zone, MAX_PAGE_ORDER), 0);
	again = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, MAX_PAGE_ORDER);
	EXPECT(again == block);
	if (again)
		__free_pages(again, MAX_PAGE_ORDER);
	hog_release(&hog);
}

KTEST(pcp, the_last_page_may_be_a_parked_one_of_another_kind, "PCP-03 G2")
{
	WITH_OPEN_LISTS();
	HOG(hog);
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_MOVABLE, 1), *last[2];
	size_t free;

	REQUIRE(page && pcp_of_block[1][page->where]->capacity);
	drain_all_pages();
	__free_pages(page, 1);
	EXPECT_EQ(page->state, PAGE_PERCPU);
	free = nr_free_pages_below(ZONE_NORMAL);
	last[0] = alloc_page(GFP_ATOMIC);
	EXPECT_EQ(nr_free_pages_below(ZONE_NORMAL), free - 1);
	hog_others(&hog, ZONE_NORMAL, NULL);
	EXPECT_EQ(nr_free_pages_below(ZONE_NORMAL), 0);
	last[1] = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
	EXPECT_NULL(last[1]);
	hog_release(&hog);
	if (last[0])
		__free_page(last[0]);
}

KTEST(pcp, freeing_a_parked_page_again_is_reported, "PCP-05 P4")
{
	WITH_OPEN_LISTS();
	struct page *page = alloc_page(GFP_KERNEL), *larger = alloc_pages(GFP_KERNEL, 1);
	uint32_t parked;

	REQUIRE(page && larger);
	drain_all_pages();
	__free_page(page);
	__free_pages(larger, 1);
	parked = (uint32_t)pcp_parked_pages(zone);
	expect_reports();
	__free_page(page);
	EXPECT_ONE_REPORT("bad page free");
	__free_pages(page, 2);
	EXPECT_ONE_REPORT("bad page free");
	__free_pages(larger, 1);
	EXPECT_ONE_REPORT("bad page free");
	__free_page(larger + 1);
	EXPECT_ONE_REPORT("bad page free");
	put_page(page);
	EXPECT_ONE_REPORT("bad put_page");
	EXPECT_EQ(pcp_parked_pages(zone), parked);
}

/* --- what must stay --- */

KTEST(pcp, a_refill_that_would_go_below_what_must_stay_takes_one_page, "P6 PCP-02")
{
	WITH_OPEN_LISTS();
	struct list_head singles = LIST_HEAD_INIT(singles);
	size_t before, taken;
	struct page *page;
	irqflags_t flags;

	while (zone->lists[MOBILITY_UNMOVABLE].nonempty & 1) /* else there is no block to cut up */
		REQUIRE(take_pages(&singles, 1) == 1);
	flags = port_lock_irqsave(&zone->lock);
	before = zone->nr_free;
	page = pcp_refill_locked(zone, 0, MOBILITY_UNMOVABLE, before - zone->wmark[WMARK_LOW] - 1);
	taken = before - zone->nr_free;
	port_unlock_irqrestore(&zone->lock, flags);
	EXPECT_EQ(taken, 1);
	EXPECT_EQ(nr_parked(stack), 0);
	REQUIRE(page);
	page->refcount = 1;
	__free_page(page);
	hog_release(&singles);
}
