/* SPDX-License-Identifier: MIT */
/* Each kind of assertion fires: host tests are built with DEBUG=2. What is planted stays planted, so each test ends with
 * a machine of its own. */
#include <kernel/lib/string.h>
#include <mm/mapped/vmalloc.h>
#include <mm/mapped/vmarea.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/mempool.h>
#include <mm/objects/slab_internal.h>
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

KTEST(assert, a_count_beyond_its_bounds_is_stopped, "DBG-12")
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

static void let_go(void *area)
{
	area_let_go((struct vm_area *)area, NULL);
}

KTEST(assert, an_area_is_let_go_once, "DBG-12")
{
	struct vm_area *area;

	start();
	area = area_find_live(vmalloc(PAGE_SIZE));
	REQUIRE(area);
	area_let_go(area, NULL);
	EXPECT(fires(let_go, area, "area->state == AREA_LIVE"));
}

static void keep_another(void *pool)
{
	mempool_keep_or_free(pool, (mempool_t *)pool);
}

KTEST(assert, a_mempool_that_misses_more_than_it_has_is_stopped, "DBG-12")
{
	mempool_t *pool;

	start();
	pool = mempool_create_kmalloc_pool(2, 64);
	REQUIRE(pool);
	pool->nr_missing = 3;
	EXPECT(fires(keep_another, pool, "pool->nr_missing <= pool->min_nr"));
}

static void free_object(void *object)
{
	kfree(object);
}

KTEST(assert, a_free_list_that_leads_out_of_its_slab_is_seen_where_it_is_changed, "DBG-12")
{
	struct kmem_cache *cache;
	void *first, *second;

	start();
	first = kmalloc(64, GFP_KERNEL);
	REQUIRE(first);
	cache = virt_to_cache(first);
	slab_keep_closed(cache, true);
	second = kmalloc(64, GFP_KERNEL);
	REQUIRE(second);
	kfree(first);
	*object_link(cache, first) = &cache;
	EXPECT(fires(free_object, second, "slab_is_sound"));
}
