/* SPDX-License-Identifier: MIT */
/* Per-CPU page lists: filling, draining and slow mode. A refill cuts one larger block into blocks of the
 * order asked for; a drain gives a few blocks back at a time, so that interrupts are never off for long.
 *
 * Context: a stack is touched by its own CPU only, with interrupts off (here) or in a restartable sequence.
 * zone->lock is taken inside. */
#include <mm/pages/pcp.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>
#include <kernel/lib/string.h>
#include <mm/pages/above.h>
#include <mm/pages/buddy.h>
#include <mm/pages/page_alloc.h>

#define REFILL_PAGES_ORDER 4  /* a refill cuts up a block of this order, or the next one up */
#define DRAIN_BLOCKS	   1u /* given back under one lock */
#define ROOM_BLOCKS	   2u /* given back when a list is full: few, so that no single free is slow */
#define LARGE_BLOCKS	   1u /* of each order above that */
#define MAX_CAPACITY	   1024u
#define ZONE_SHARE	   64u /* a stack holds at most this part of its zone */

/* For requests that come before there are stacks: nothing in them, no room. */
static struct pcpu_stack early_stack[PCP_ORDERS] = {
	{.order = 0}, {.order = 1}, {.order = 2}, {.order = 3}, {.order = 4},
	{.order = 5}, {.order = 6}, {.order = 7}, {.order = 8}, {.order = 9},
};

#define EARLY(n) &early_stack[n]

struct pcpu_stack *pcp_of_request[PCP_KINDS][16] = {
	[0 ... PCP_KINDS - 1] = {EARLY(0), EARLY(1), EARLY(2), EARLY(3), EARLY(4), EARLY(5), EARLY(6),
				 EARLY(7), EARLY(8), EARLY(9)},
};
struct pcpu_stack *pcp_of_block[PCP_ORDERS][MAX_NODES * NR_ZONES * 4];

static struct pcpu_stack *stack_of(const struct zone *zone, unsigned int mobility, unsigned int order)
{
	return pcp_of_block[order][ZONE_WHERE(zone, mobility)];
}

static unsigned int closed_for; /* enum slow_reason: slow mode whatever the free pages */

/* --- coming up --- */

void pcp_reset(void)
{
	for (unsigned int kind = 0; kind < PCP_KINDS; kind++)
		for (unsigned int order = 0; order < PCP_ORDERS; order++)
			pcp_of_request[kind][order] = &early_stack[order];
	for (unsigned int order = 0; order < PCP_ORDERS; order++)
		for (unsigned int where = 0; where < ARRAY_SIZE(pcp_of_block[0]); where++)
			pcp_of_block[order][where] = &early_stack[order];
}

/* Slots for one order. Small blocks by the share of the zone, half as many pages for each order up; of large
 * ones a few, so that a driver that takes and gives one again and again does not split and merge each time.
 */
static uint32_t stack_capacity(const struct zone *zone, unsigned int order)
{
	uint32_t share = (uint32_t)MIN(zone->managed / ZONE_SHARE, (size_t)MAX_CAPACITY);

	return order <= REFILL_PAGES_ORDER ? share >> (2 * order) : MIN(share >> order, LARGE_BLOCKS);
}

static size_t stack_bytes(uint32_t capacity)
{
	return ALIGN_UP(sizeof(struct pcpu_stack) + capacity * sizeof(void *), sizeof(void *));
}

static char *init_stack(char *memory, struct zone *zone, unsigned int mobility, unsigned int order)
{
	struct pcpu_stack *stack = (struct pcpu_stack *)(void *)memory;

	ASSERT(mobility < NR_MOBILITY && order < PCP_ORDERS && !stack->count);
	stack->capacity = stack->limit = stack_capacity(zone, order);
	stack->owner = zone;
	stack->order = order;
	pcp_of_block[order][ZONE_WHERE(zone, mobility)] = stack;
	return memory + stack_bytes(stack->capacity);
}

static void init_zone_stacks(struct zone *zone)
{
	size_t bytes = 0;
	char *memory;

	for (unsigned int order = 0; order < PCP_ORDERS; order++)
		bytes += NR_MOBILITY * stack_bytes(stack_capacity(zone, order));
	memory = alloc_pages_exact(bytes, GFP_NOWAIT | __GFP_ZERO | __GFP_NOWARN);
	if (!memory)
		return; /* a machine this full does without */
	for (unsigned int mobility = 0; mobility < NR_MOBILITY; mobility++)
		for (unsigned int order = 0; order < PCP_ORDERS; order++)
			memory = init_stack(memory, zone, mobility, order);
}

/* Zone and mobility bits that make sense: the lists of the zone such requests try first. */
static void init_kind(gfp_t gfp)
{
	const struct zone *zone = gfp_names_two(gfp) ? NULL : *near_zones[gfp_zone(gfp)];

	for (unsigned int order = 0; zone && order < PCP_ORDERS; order++)
		pcp_of_request[(__force unsigned int)gfp][order] = stack_of(zone, gfp_mobility(gfp), order);
}

void pcp_init(void)
{
	struct zone *zone;

	for_each_zone(zone)
		if (zone_has_memory(zone))
			init_zone_stacks(zone);
	for (unsigned int kind = 0; kind < PCP_KINDS; kind++)
		init_kind((__force gfp_t)kind);
	for_each_zone(zone)
		pcp_check_mode(zone);
}

/* --- what assertions ask --- */

/* C2. The slots of this CPU's stack that hold something. */
static bool counts_are_sound(const struct pcpu_stack *stack)
{
	return stack->bottom <= stack->count && stack->count <= stack->capacity &&
	       stack->limit <= stack->capacity;
}

#define WALK_SLOTS 16u

/* C1 of the hottest. */
static bool stack_is_sound(const struct pcpu_stack *stack)
{
	uint32_t last = stack->count - MIN(stack->count - stack->bottom, WALK_SLOTS);

	for (uint32_t i = stack->count; i > last; i--) {
		const struct page *page = stack->slot[i - 1];

		if (!page_is_descriptor(page) || !page_is_head(page, PAGE_PERCPU, stack->order) ||
		    page->refcount != 1 || page_zone(page) != stack->owner)
			return false;
	}
	return counts_are_sound(stack);
}

/* --- filling --- */

/* Park all blocks of `order` in [page, end) but the first. */
static void park_blocks(struct pcpu_stack *stack, struct page *page, const struct page *end,
			unsigned int order)
{
	uint32_t head = PAGE_HEAD(PAGE_PERCPU, order, page->where);
	uint32_t count = stack->count;

	ASSERT(irqs_disabled() && counts_are_sound(stack) && stack->order == order); /* C2 */
	for (page += 1u << order; page < end; page += 1u << order) {
		ASSERT(page->head == PAGE_INTERIOR); /* A2 */
		page->head = head;
		page->refcount = 1;
		stack->slot[count++] = page;
	}
	WRITE_ONCE(stack->count, count);
	ASSERT_SLOW(stack_is_sound(stack)); /* C1 */
}

/* The order of the block to cut up: the smallest that is free of this mobility, so that fragments are used
 * before anything is split; of a larger one REFILL_PAGES_ORDER. */
static unsigned int refill_order(const struct zone *zone, unsigned int order, enum mobility mobility)
{
	uint32_t large_enough = zone->lists[mobility].nonempty & ~0u << order;

	ASSERT(port_lock_is_held(&zone->lock));
	return large_enough ? MIN(bit_lowest(large_enough), (unsigned int)REFILL_PAGES_ORDER) : order;
}

struct page *pcp_refill_locked(struct zone *zone, unsigned int order, enum mobility mobility, size_t floor)
{
	struct pcpu_stack *stack = pcpu_stack_here(stack_of(zone, mobility, order));
	unsigned int large = order <= REFILL_PAGES_ORDER ? refill_order(zone, order, mobility) : order;
	struct page *page;

	ASSERT(port_lock_is_held(&zone->lock));
	ASSERT(order < PCP_ORDERS && zone->nr_free >= floor + ((size_t)1 << order));
	ASSERT(counts_are_sound(stack)); /* C2 */
	/* Another context may have filled it since the fast path looked. */
	if (stack->count != stack->bottom || stack->limit < (1u << (large - order)) ||
	    zone->nr_free < floor + zone->wmark[WMARK_LOW] + ((size_t)1 << large))
		return buddy_alloc_locked(zone, order, mobility);
	page = buddy_alloc_locked(zone, large, mobility);
	if (page && large != order) {
		stack->count = stack->bottom = 0;
		park_blocks(stack, page, page + (1u << large), order);
		page->head = PAGE_HEAD(PAGE_ALLOCATED, order, page->where);
	}
	return page;
}

struct page *pcp_take_cold(struct pcpu_stack *stack)
{
	struct page *page;

	ASSERT(irqs_disabled() && counts_are_sound(stack)); /* C2 */
	if (stack->count == stack->bottom)
		return NULL;
	page = stack->slot[stack->bottom++];
	page_set_state(page, PAGE_PERCPU, PAGE_ALLOCATED); /* C1 */
	ASSERT(page_is_owned(page, stack->order));
	return page;
}

struct page *pcp_take_hot(struct pcpu_stack *stack)
{
	struct page *page;

	ASSERT(irqs_disabled() && counts_are_sound(stack)); /* C2 */
	if (stack->count == stack->bottom)
		return NULL;
	page = stack->slot[--stack->count];
	page_set_state(page, PAGE_PERCPU, PAGE_ALLOCATED); /* C1 */
	ASSERT(page_is_owned(page, stack->order));
	return page;
}

/* --- draining --- */

/* Give back up to `blocks` from the hot end. Result: pages given. */
static size_t drain_some(struct pcpu_stack *shared, unsigned int blocks)
{
	struct zone *zone = shared->owner;
	struct pcpu_stack *stack;
	irqflags_t flags;
	size_t pages = 0;

	if (!zone || pcpu_stack_here(shared)->count == 0)
		return 0; /* an early stack, or nothing is parked: without the lock */
	flags = port_lock_irqsave(&zone->lock);
	stack = pcpu_stack_here(shared);
	ASSERT(counts_are_sound(stack));    /* C2 */
	ASSERT_SLOW(stack_is_sound(stack)); /* C1 */
	while (blocks-- && stack->count != stack->bottom) {
		buddy_free_locked(zone, stack->slot[--stack->count], stack->order);
		pages += (size_t)1 << stack->order;
	}
	if (stack->count == stack->bottom)
		stack->count = stack->bottom = 0;
	port_unlock_irqrestore(&zone->lock, flags);
	return pages;
}

void pcp_make_room(struct pcpu_stack *stack)
{
	for (unsigned int blocks = 0; blocks < ROOM_BLOCKS; blocks += DRAIN_BLOCKS)
		if (!drain_some(stack, DRAIN_BLOCKS))
			return;
}

size_t pcp_drain_zone(struct zone *zone)
{
	size_t pages = 0, some;

	for (unsigned int mobility = 0; mobility < NR_MOBILITY; mobility++)
		for (unsigned int order = 0; order < PCP_ORDERS; order++)
			while ((some = drain_some(stack_of(zone, mobility, order), DRAIN_BLOCKS)) != 0)
				pages += some;
	return pages;
}

/* As the mode is now, for one mobility under one lock. */
static void follow_mode(struct zone *zone)
{
	for (unsigned int mobility = 0; mobility < NR_MOBILITY; mobility++) {
		irqflags_t flags = port_lock_irqsave(&zone->lock);

		for (unsigned int order = 0; order < PCP_ORDERS; order++) {
			struct pcpu_stack *stack = stack_of(zone, mobility, order);

			WRITE_ONCE(stack->limit, zone->slow ? 0 : stack->capacity);
		}
		port_unlock_irqrestore(&zone->lock, flags);
	}
	if (READ_ONCE(zone->slow))
		pcp_drain_zone(zone);
}

/* Under the lock, after a reason was given and before it is gone. Result: has the mode changed? */
static bool choose_mode(struct zone *zone)
{
	irqflags_t flags = port_lock_irqsave(&zone->lock);
	bool closed = READ_ONCE(closed_for) || wait_somebody();
	bool enter = !zone->slow && (closed || zone->nr_free < zone->wmark[WMARK_LOW]);
	bool leave = zone->slow && !closed && zone->nr_free >= zone->wmark[WMARK_HIGH];

	ASSERT(!enter || !leave); /* C3 */
	zone->slow ^= enter || leave;
	port_unlock_irqrestore(&zone->lock, flags);
	return enter || leave;
}

/* Limits first, then the drain: whoever interrupts it finds the stacks closed. */
void pcp_check_mode(struct zone *zone)
{
	if (choose_mode(zone))
		follow_mode(zone);
}

/* Who closed a zone before may have been preempted on the way. */
void pcp_follow_waiters(void)
{
	struct zone *zone;

	for_each_zone(zone)
		if (zone_has_memory(zone) && (choose_mode(zone) || READ_ONCE(zone->slow)))
			follow_mode(zone);
}

void pcp_close(enum slow_reason reason, bool closed)
{
	unsigned int bit = (unsigned int)reason;

	if (closed)
		__atomic_fetch_or(&closed_for, bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&closed_for, ~bit, __ATOMIC_RELAXED);
	pcp_follow_waiters();
}

size_t pcp_parked_pages(const struct zone *zone)
{
	size_t pages = 0;

	for (unsigned int mobility = 0; mobility < NR_MOBILITY; mobility++)
		for (unsigned int order = 0; order < PCP_ORDERS; order++) {
			const struct pcpu_stack *stack = stack_of(zone, mobility, order);

			pages += (size_t)(stack->count - stack->bottom) << order;
		}
	return pages;
}
