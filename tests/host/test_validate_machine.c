/* SPDX-License-Identifier: MIT */
/* What the validator says, to the letter, of damage that the suite `validate` leaves out: each of its
 * complaints is seen, damaged lists are never followed out of the descriptors nor for ever, and the machine is
 * content after the repair. Host only: some damage needs a machine of a certain shape. */
#include <mm/report/validate.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/kmap_internal.h>
#include <mm/mapped/vmalloc.h>
#include <mm/mapped/vmarea.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/reserve.h>
#include <mm/reclaim/wait.h>
#include <tests/host/host.h>
#include <tests/kernel/test_util.h>

#define NOWHERE ((struct list_head *)(void *)(uintptr_t)0x1234560)

static char text[4096];

/* Does the validator say this line? */
static bool PRINTF(1, 2) says(const char *fmt, ...)
{
	struct sink_buffer buffer;
	char line[192];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	sink_buffer_init(&buffer, text, sizeof(text));
	if (mm_validate(&buffer.sink) > 0 && strstr(text, line))
		return true;
	ktest_note("expected %s, found %s", line, text);
	return false;
}

static void boot(void)
{
	fake_machine_boot_pc(64);
}

static void boot_with_high_memory(void)
{
	struct memmap_entry entry = {0, MIB(24u), MEMMAP_USABLE};
	struct mm_params params = {.dma_end = MIB(4u), .lowmem_end = MIB(8u)};

	fake_machine_boot(&entry, 1, params);
}

/* --- zones --- */

/* `page` stands first on a free list, with the head of a free block of it. */
struct intruder {
	struct page *page, saved;
};

static void intrude(struct intruder *intruder, struct page *page, struct zone *zone, unsigned int order)
{
	struct list_head *list = &zone->lists[0].list[order];

	intruder->page = page;
	intruder->saved = *page;
	page->head = PAGE_HEAD(PAGE_FREE, order, ZONE_WHERE(zone, 0));
	list_add(&page->links, list);
}

static void expel(const struct intruder *intruder)
{
	list_del(&intruder->page->links);
	*intruder->page = intruder->saved;
}

KTEST(validate_machine, a_free_block_in_the_wrong_place_is_found, "B1 B4 DBG-12")
{
	struct zone *dma = &zones[ZONE_DMA], *normal = &zones[ZONE_NORMAL];
	struct page *in_dma, *in_normal;
	struct intruder intruder;

	boot();
	in_dma = zone_take(dma, 3);
	in_normal = zone_take(normal, 3);
	REQUIRE(in_dma && in_normal);
	intrude(&intruder, in_dma + 5, dma, 2);
	EXPECT(says("B1 pfn %#x of order 2 is not aligned\n", page_to_pfn(in_dma + 5)));
	expel(&intruder);
	intrude(&intruder, in_normal + 4, dma, 2);
	EXPECT(says("B4 pfn %#x order 2 is outside zone DMA\n", page_to_pfn(in_normal + 4)));
	expel(&intruder);
	intrude(&intruder, in_dma + 4, normal, 2);
	EXPECT(says("B4 pfn %#x order 2 is outside zone Normal\n", page_to_pfn(in_dma + 4)));
	expel(&intruder);
	__free_pages(in_dma, 3);
	__free_pages(in_normal, 3);
	expect_valid();
}

KTEST(validate_machine, counts_of_a_zone_that_cannot_be_are_found, "Z1 DBG-12")
{
	struct zone *zone = &zones[ZONE_DMA];
	size_t managed, present, spanned;

	boot();
	managed = zone->managed;
	present = zone->present;
	spanned = zone->end_pfn - zone->start_pfn;
	zone->managed = zone->nr_free - 1;
	EXPECT(says("Z1 zone DMA: free %zu managed %zu present %zu spanned %zu\n", zone->nr_free,
		    zone->nr_free - 1, present, spanned));
	zone->managed = managed;
	zone->present = spanned + 1;
	EXPECT(says("Z1 zone DMA: free %zu managed %zu present %zu spanned %zu\n", zone->nr_free, managed,
		    spanned + 1, spanned));
	zone->present = present;
	expect_valid();
}

KTEST(validate_machine, an_allocated_block_of_an_order_that_cannot_be_is_found, "A1 DBG-12")
{
	struct page *page;

	boot();
	page = zone_take(&zones[ZONE_DMA], 0);
	REQUIRE(page);
	page->order = NR_ORDERS;
	EXPECT(says("A1 pfn %#x has order %u\n", page_to_pfn(page), NR_ORDERS));
	page->order = 0;
	__free_page(page);
	expect_valid();
}

/* --- slabs --- */

#define PER_SLAB 2u /* objects of 2 KiB, in slabs of one page */

struct two_slabs {
	struct kmem_cache *cache;
	struct page *full, *partial; /* one with all of its objects in use, one with one */
	void *object[PER_SLAB + 1];
};

static bool make_two_slabs(struct two_slabs *two)
{
	boot();
	two->cache = kmem_cache_create("test", PAGE_SIZE / PER_SLAB, 0, SLAB_NO_USER_FLAGS, NULL);
	if (!two->cache || two->cache->order)
		return false;
	slab_keep_closed(two->cache, true);
	for (unsigned int i = 0; i <= PER_SLAB; i++)
		if (!(two->object[i] = kmem_cache_alloc(two->cache, GFP_KERNEL)))
			return false;
	two->full = virt_to_page(two->object[0]);
	two->partial = virt_to_page(two->object[PER_SLAB]);
	return two->full->in_use == PER_SLAB && two->partial->in_use == 1;
}

static void end_two_slabs(struct two_slabs *two)
{
	expect_valid();
	for (unsigned int i = 0; i <= PER_SLAB; i++)
		kmem_cache_free(two->cache, two->object[i]);
	kmem_cache_destroy(two->cache);
}

KTEST(validate_machine, a_list_of_slabs_that_leads_astray_is_not_followed, "S2 S4 DBG-12")
{
	struct two_slabs two;
	pfn_t pfn;

	REQUIRE(make_two_slabs(&two));
	pfn = page_to_pfn(two.full);
	two.cache->full.next = NOWHERE;
	EXPECT(says("S2 cache test: a list leads to no descriptor\n"));
	two.cache->full.next = &two.full->links;
	two.full->links.next = &two.full->links; /* it has no end */
	EXPECT(says("S3 cache test: 3 slabs, 5 in use, 0 empty; counted 2, 3, 0\n"));
	two.full->links.next = &two.cache->full;
	two.full->state = PAGE_ALLOCATED;
	EXPECT(says("S4 cache test slab %#x is no block of order 0 or below\n", pfn));
	two.full->state = PAGE_SLAB;
	two.full->order = 1;
	EXPECT(says("S4 cache test slab %#x is no block of order 0 or below\n", pfn));
	two.full->order = NR_ORDERS;
	EXPECT(says("S4 cache test slab %#x is no block of order 0 or below\n", pfn));
	two.full->order = 0;
	end_two_slabs(&two);
}

KTEST(validate_machine, a_slab_on_the_wrong_list_or_in_the_wrong_order_is_found, "S2 DBG-12")
{
	struct two_slabs two;

	REQUIRE(make_two_slabs(&two));
	list_move(&two.full->links, &two.cache->partial);
	EXPECT(says("S2 cache test slab %#x: in use 2, on the wrong list\n", page_to_pfn(two.full)));
	list_move(&two.full->links, &two.cache->full);
	list_move(&two.partial->links, &two.cache->full);
	EXPECT(says("S2 cache test slab %#x: in use 1, on the wrong list\n", page_to_pfn(two.partial)));
	list_move(&two.partial->links, &two.cache->partial);
	kmem_cache_free(two.cache, two.object[0]); /* now both are partial, */
	kmem_cache_free(two.cache, two.object[1]);
	two.object[0] = two.object[1] = NULL; /* and this one empty */
	list_move(&two.full->links, &two.cache->partial);
	EXPECT(says("S2 cache test slab %#x: in use, behind an empty one\n", page_to_pfn(two.partial)));
	list_move(&two.partial->links, &two.cache->partial);
	end_two_slabs(&two);
}

KTEST(validate_machine, counts_of_a_slab_and_of_its_cache_are_compared_with_what_there_is, "S1 S3 DBG-12")
{
	struct two_slabs two;
	struct page *full;

	REQUIRE(make_two_slabs(&two));
	full = two.full;
	full->in_use++;
	full->bump++;
	EXPECT(says("S1 cache test slab %#x: in use 3, free 0, handed out 3 of 2\n", page_to_pfn(full)));
	full->in_use--;
	full->bump--;
	two.cache->nr_slabs++;
	EXPECT(says("S3 cache test: 2 slabs, 3 in use, 0 empty; counted 3, 3, 0\n"));
	two.cache->nr_slabs--;
	two.cache->nr_pages++;
	EXPECT(says("S3 cache test: 2 pages of 4 objects; counted 3, 4\n"));
	two.cache->nr_pages--;
	two.cache->nr_objects++;
	EXPECT(says("S3 cache test: 2 pages of 4 objects; counted 2, 5\n"));
	two.cache->nr_objects--;
	end_two_slabs(&two);
}

KTEST(validate_machine, a_free_list_that_leaves_its_slab_is_not_followed, "S1 SLB-14")
{
	struct two_slabs two;
	char *base, *wrong[4];

	REQUIRE(make_two_slabs(&two));
	base = low_page_address(two.partial);
	wrong[0] = base - two.cache->stride; /* the slab before, */
	wrong[1] = base + PAGE_SIZE;	     /* the one behind, */
	wrong[2] = base + two.cache->stride; /* an object never handed out, */
	wrong[3] = base + 8;		     /* and none */
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		two.partial->freelist = wrong[i];
		EXPECT(says("S1 cache test: free list leads to %#lx\n", (unsigned long)wrong[i]));
	}
	two.partial->freelist = NULL;
	end_two_slabs(&two);
}

KTEST(validate_machine, a_page_that_names_another_slab_or_a_cache_that_has_none_there_is_found, "S4 DBG-12")
{
	struct two_slabs two;
	struct page *page, *before;

	REQUIRE(make_two_slabs(&two));
	two.partial->slab = two.full;
	EXPECT(says("S4 cache test pfn %#x does not name its slab\n", page_to_pfn(two.partial)));
	two.partial->slab = two.partial;
	page = zone_take(&zones[ZONE_DMA], 0);
	REQUIRE(page);
	before = page->slab;
	page->slab_cache = two.cache;
	page->slab = two.full; /* a slab of the cache, but not this page's */
	EXPECT(says("S4 "));
	page->slab = NULL; /* no descriptor at all */
	EXPECT(says("S4 "));
	page->slab = page; /* itself, which is no slab */
	EXPECT(says("S4 "));
	page->slab_cache = NULL;
	page->slab = before;
	__free_page(page);
	end_two_slabs(&two);
}

/* --- permanent windows --- */

static struct page *map_one(void)
{
	struct page *page = alloc_page(GFP_HIGHUSER);

	if (page)
		(void)kmap(page);
	return page;
}

KTEST(validate_machine, windows_that_are_not_what_their_lists_say_are_found, "H2 H3 DBG-12")
{
	struct kmap_window *window;
	struct list_head saved;
	struct page *page;
	unsigned int nr;

	boot_with_high_memory();
	nr = kmap_pool.nr;
	kmap_pool.is_strict = false;
	page = map_one();
	REQUIRE(page);
	window = list_first_entry(&kmap_pool.clean, struct kmap_window, links);
	window->count = 1;
	EXPECT(says("H2 window %u is on a list and in use\n", (unsigned int)(window - kmap_pool.window)));
	window->count = 0;
	window->epoch = kmap_pool.epoch;
	EXPECT(says("H3 window %u is on the wrong list\n", (unsigned int)(window - kmap_pool.window)));
	window->epoch = 0;
	saved = kmap_pool.clean;
	kmap_pool.clean.next = NOWHERE;
	EXPECT(says("H2 a list of windows leads to no window\n"));
	kmap_pool.clean = saved;
	kmap_pool.nr_in_use++;
	EXPECT(says("H2 %u windows clean, 0 stale, 1 in use; expected %u in all, 0 stale, 2 in use\n", nr - 1,
		    nr));
	kmap_pool.nr_in_use--;
	kunmap(page);
	kmap_pool.nr_stale++;
	EXPECT(says("H2 %u windows clean, 1 stale, 0 in use; expected %u in all, 2 stale, 0 in use\n", nr - 1,
		    nr));
	kmap_pool.nr_stale--;
	window = list_first_entry(&kmap_pool.stale, struct kmap_window, links);
	list_del(&window->links);
	EXPECT(says("H2 %u windows clean, 0 stale, 0 in use; expected %u in all, 1 stale, 0 in use\n", nr - 1,
		    nr));
	list_add(&window->links, &kmap_pool.stale);
	window->links.next = &window->links; /* it has no end */
	EXPECT(says("H2 "));
	window->links.next = &kmap_pool.stale;
	EXPECT_EQ(mm_validate_windows(NULL), 0);
	expect_valid();
}

KTEST(validate_machine, who_waits_for_a_window_while_one_is_free_is_found, "H4 DBG-12")
{
	struct list_head waiter;

	boot_with_high_memory();
	list_add(&waiter, &kmap_pool.waiters);
	EXPECT(says("H4 somebody waits for a window, %u are free\n", kmap_pool.nr));
	list_del(&waiter);
	expect_valid();
}

KTEST(validate_machine, chains_that_do_not_lead_to_their_windows_are_found, "H5 DBG-12")
{
	struct kmap_window *a, *b;
	unsigned int chain, index_a, index_b;
	struct page *page[2];
	pfn_t pfn;

	boot_with_high_memory();
	for (unsigned int i = 0; i < 2; i++)
		REQUIRE((page[i] = map_one()) != NULL);
	chain = page_to_pfn(page[0]) & (kmap_pool.nr - 1);
	index_a = kmap_pool.chain[chain];
	index_b = kmap_pool.chain[page_to_pfn(page[1]) & (kmap_pool.nr - 1)];
	a = &kmap_pool.window[index_a];
	b = &kmap_pool.window[index_b];
	pfn = b->pfn;

	kmap_pool.chain[chain] = (uint16_t)kmap_pool.nr;
	EXPECT(says("H5 chain %u leads to no window or never ends\n", chain));
	kmap_pool.chain[chain] = (uint16_t)index_a;
	a->next = (uint16_t)index_a;
	EXPECT(says("H5 chain %u leads to no window or never ends\n", chain));
	a->next = KMAP_NO_WINDOW;
	kmap_pool.chain[chain] = KMAP_NO_WINDOW;
	EXPECT(says("H5 1 windows in chains, 2 showed a page\n"));
	kmap_pool.chain[chain] = (uint16_t)index_a;
	a->next = (uint16_t)index_b;
	EXPECT(says("H5 window %u of pfn %#x is in chain %u\n", index_b, pfn, chain));
	b->pfn = a->pfn;
	EXPECT(says("H5 windows %u and %u have the same page\n", index_a, index_b));
	b->pfn = pfn;
	a->next = KMAP_NO_WINDOW;
	EXPECT_EQ(mm_validate_windows(NULL), 0);
	for (unsigned int i = 0; i < 2; i++) {
		kunmap(page[i]);
		__free_page(page[i]);
	}
	expect_valid();
}

KTEST(validate_machine, a_machine_without_windows_has_none_to_complain_of, "H2")
{
	boot();
	EXPECT_EQ(kmap_pool.nr, 0);
	EXPECT_EQ(mm_validate_windows(NULL), 0);
}

/* --- reserves and waiters --- */

static struct reserve *reserve_of_reclaim;

static void note_reserve(const struct reserve *reserve)
{
	if (strcmp(reserve->name, "reclaim") == 0)
		reserve_of_reclaim = (struct reserve *)reserve;
}

KTEST(validate_machine, a_reserve_whose_list_leads_astray_is_not_followed, "RS1 R3 DBG-12")
{
	struct list_head saved;
	struct page *page;

	boot();
	reserve_for_each(note_reserve);
	REQUIRE(reserve_of_reclaim && reserve_of_reclaim->nr == 4);
	page = list_first_entry(&reserve_of_reclaim->pages, struct page, links);
	saved = page->links;
	page->links.next = NOWHERE;
	EXPECT(says("RS1 reserve reclaim: the list leads to no descriptor\n"));
	page->links.next = &page->links; /* it has no end */
	EXPECT(says("RS1 reserve reclaim: 5 pages, counted 4, wanted 4\n"));
	page->links = saved;
	page->refcount = 2;
	EXPECT(says("RS1 reserve reclaim: pfn %#x is no page of its own\n", page_to_pfn(page)));
	page->refcount = 1;
	page->state = PAGE_USER;
	EXPECT(says("RS1 reserve reclaim: pfn %#x is no page of its own\n", page_to_pfn(page)));
	page->state = PAGE_ALLOCATED;
	expect_valid();
}

static bool take_nothing(struct mem_waiter *waiter)
{
	(void)waiter;
	return false;
}

KTEST(validate_machine, a_waiter_who_may_take_the_last_page_could_be_served_by_it, "W2 G2")
{
	struct mem_waiter waiter;
	HOG(hog);

	boot();
	hog_all(&hog);
	expect_valid();
	wait_init(&waiter, GFP_KERNEL | __GFP_HIGH, 0);
	waiter.take = take_nothing;
	wait_enter(&waiter);
	expect_valid();
	{
		struct page *page = list_first_entry(&hog, struct page, links);

		list_del(&page->links);
		__free_pages(page, page->order);
	}
	EXPECT(says("has what a waiter for order 0 wants\n"));
	(void)wait_leave(&waiter);
	hog_release(&hog);
	expect_valid();
}

/* What is parked while somebody waits, behind a closed door. */
KTEST(validate_machine, what_is_parked_while_somebody_waits_is_found, "W3 C3 DBG-12")
{
	struct kmem_cache *cache;
	struct mem_waiter waiter;

	boot();
	cache = kmem_cache_create("waited", 64, 0, SLAB_NO_USER_FLAGS, NULL);
	REQUIRE(cache);
	wait_init_for_nothing(&waiter);
	wait_enter(&waiter);
	cache->stack.count = 1;
	EXPECT(says("W3 cache waited parks objects while somebody waits\n"));
	cache->stack.count = 0;
	expect_valid();
	(void)wait_leave(&waiter);
	kmem_cache_destroy(cache);
}

/* --- areas --- */

KTEST(validate_machine, areas_whose_pages_are_not_mapped_as_they_say_are_found, "VM4 VM5 VM6 DBG-12")
{
	struct vm_area *area;
	uintptr_t guard, first;
	struct page *page;
	char *memory;
	pfn_t pfn;

	boot();
	memory = vmalloc(3 * PAGE_SIZE);
	REQUIRE(memory);
	area = area_find_live(memory);
	page = alloc_page(GFP_KERNEL);
	REQUIRE(area && page);
	first = (uintptr_t)memory;
	guard = area_mapped_end(area);

	port_pte_set(port_pte_of(guard), guard, page_to_pfn(page), PORT_PROT_KERNEL);
	EXPECT(says("VM4: a guard page is mapped\n"));
	(void)port_pte_clear(port_pte_of(guard), guard);
	port_flush_page(guard);

	area->state = AREA_FREED;
	EXPECT(says("VM4: a page of a freed area is mapped\n"));
	area->state = AREA_LIVE;

	pfn = port_pte_clear(port_pte_of(first), first);
	port_flush_page(first);
	EXPECT(says("VM4: a page of an area is not mapped\n"));
	area->state = AREA_DEFERRED;
	EXPECT(says("VM4: a page of an area is not mapped\n"));
	area->state = AREA_LIVE;
	port_pte_set(port_pte_of(first), first, pfn, PORT_PROT_KERNEL);

	pfn_to_page(pfn)->private = 0;
	EXPECT(says("VM6: an area's first page does not know it\n"));
	EXPECT_NULL(area_find_live(memory));
	pfn_to_page(pfn)->private = (uintptr_t)area;
	expect_valid();

	__free_page(page);
	vfree(memory);
	area->state = AREA_GROWING;
	EXPECT(says("VM5: bytes in areas are not what was counted\n"));
	area->state = AREA_FREED;
	expect_valid();
}

KTEST(validate_machine, a_tree_of_areas_that_is_wrong_anywhere_is_found, "DBG-12")
{
	struct area area[8];
	struct areas areas;
	struct area *root;

	areas_init(&areas, MIB(1u), MIB(2u));
	for (unsigned int i = 0; i < ARRAY_SIZE(area); i++)
		REQUIRE(areas_place(&areas, &area[i], (1 + i % 3) * PAGE_SIZE, PAGE_SIZE));
	areas_remove(&areas, &area[2]);
	EXPECT_NULL(areas_check(&areas));
	root = areas.root;

	area[3].start += PAGE_SIZE; /* its gap is larger than it says */
	EXPECT(strcmp(areas_check(&areas),
		      "VM1: an area overlaps the one below, or its gap is not the distance to it") == 0);
	area[3].start -= PAGE_SIZE;
	area[1].end += 9 * PAGE_SIZE; /* into the one above */
	EXPECT(strncmp(areas_check(&areas), "VM1: an area overlaps", 21) == 0);
	area[1].end -= 9 * PAGE_SIZE;
	area[4].end = area[4].start - 1;
	EXPECT(strncmp(areas_check(&areas), "VM1: an area overlaps", 21) == 0);
	area[4].end = area[5].start;
	root->largest += PAGE_SIZE;
	EXPECT(strcmp(areas_check(&areas), "VM2: an area does not know the largest gap of its subtree") == 0);
	root->largest -= PAGE_SIZE;
	root->height++;
	EXPECT(strcmp(areas_check(&areas), "VM3: the tree is not balanced") == 0);
	root->height--;
	areas.nr++;
	EXPECT(strcmp(areas_check(&areas), "VM1: areas are missing") == 0);
	areas.nr--;
	areas.end.start += PAGE_SIZE;
	EXPECT(areas_check(&areas) != NULL);
	areas.end.start -= PAGE_SIZE;
	EXPECT_NULL(areas_check(&areas));
}

/* A tree that leans to one side, made by hand. */
KTEST(validate_machine, a_tree_of_areas_that_leans_or_never_ends_is_found, "DBG-12")
{
	struct area area[3];
	struct areas areas;

	areas_init(&areas, MIB(1u), MIB(2u));
	for (unsigned int i = 0; i < ARRAY_SIZE(area); i++)
		REQUIRE(areas_place(&areas, &area[i], PAGE_SIZE, PAGE_SIZE));
	for (unsigned int i = 0; i < ARRAY_SIZE(area); i++) { /* end, and each to the left of the next */
		area[i].left = i ? &area[i - 1] : NULL;
		area[i].right = NULL;
		area[i].height = i + 1;
		area[i].largest = 0;
	}
	areas.end.left = &area[2];
	areas.end.right = NULL;
	areas.end.height = 4;
	areas.end.largest = areas.end.gap;
	areas.root = &areas.end;
	EXPECT(strcmp(areas_check(&areas), "VM3: the tree is not balanced") == 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(area); i++) { /* the same to the right */
		area[i].left = NULL;
		area[i].right = i < 2 ? &area[i + 1] : &areas.end;
		area[i].height = 4 - i;
		area[i].largest = areas.end.gap;
	}
	areas.end.left = NULL;
	areas.end.height = 1;
	areas.root = &area[0];
	EXPECT(strcmp(areas_check(&areas), "VM3: the tree is not balanced") == 0);
	area[0].left = &area[0];
	EXPECT(strcmp(areas_check(&areas), "VM3: the tree is too high") == 0);
	EXPECT(areas_below(&areas, area[0].start - 1) == NULL); /* and nobody runs for ever */
}
