/* SPDX-License-Identifier: MIT */
/* Each kind of assertion fires: host tests are built with DEBUG=2. What is planted stays planted, so each test ends with
 * a machine of its own. */
#include <kernel/lib/string.h>
#include <mm/pages/buddy.h>
#include <mm/pages/page_alloc.h>
#include <tests/host/host.h>
#include <tests/ktest.h>

#define MACHINE_MIB 16

static struct zone *const dma = &zones[ZONE_DMA];

static void start(void)
{
	fake_machine_boot_pc(MACHINE_MIB);
	pcp_keep_closed(false);
}

/* Does fn(arg) end in the assertion with `text` in it? */
static bool fires(void (*fn)(void *arg), void *arg, const char *text)
{
	const char *said = host_catch_panic(fn, arg);
	bool as_expected = said && strstr(said, text);

	if (!as_expected)
		ktest_note("expected %s, found %s", text, said ? said : "nothing");
	start();
	return as_expected;
}

static void take_without_lock(void *unused)
{
	(void)unused;
	(void)buddy_alloc_locked(dma, 0, MOBILITY_MOVABLE);
}

KTEST(assert, a_function_that_wants_a_lock_is_stopped_without_it, "DBG-12")
{
	start();
	EXPECT(fires(take_without_lock, NULL, "port_lock_is_held(&zone->lock)"));
}

static void free_page_of(void *page)
{
	__free_page((struct page *)page);
}

/* The page that this CPU's stack would give next, and the stack. */
static struct page *parked_page(struct pcpu_stack **stack)
{
	start();
	__free_page(alloc_page(GFP_DMA));
	*stack = pcp_stack_for(GFP_DMA, 0);
	return (*stack)->count ? (*stack)->slot[(*stack)->count - 1] : NULL;
}

static void take_hot(void *stack)
{
	(void)irq_save();
	(void)pcp_take_hot((struct pcpu_stack *)stack);
}

KTEST(assert, a_state_that_is_not_the_one_before_is_stopped, "DBG-12")
{
	struct pcpu_stack *stack;
	struct page *page = parked_page(&stack);

	REQUIRE(page);
	page->state = PAGE_SLAB;
	EXPECT(fires(take_hot, stack, "page->state == from"));
}

KTEST(assert, a_count_beyond_its_bounds_is_stopped, "DBG-12 Z1")
{
	struct page *page;

	start();
	pcp_keep_closed(true);
	page = alloc_page(GFP_DMA);
	REQUIRE(page);
	dma->nr_free = dma->managed;
	EXPECT(fires(free_page_of, page, "zone->nr_free <= zone->managed"));
}

static void drain(void *unused)
{
	(void)unused;
	(void)pcp_drain_zone(dma);
}

KTEST(assert, what_a_slow_path_changes_is_walked, "DBG-12")
{
	struct pcpu_stack *stack;
	struct page *page = parked_page(&stack);

	REQUIRE(page);
	page->refcount = 2;
	EXPECT(fires(drain, NULL, "stack_is_sound"));
}
