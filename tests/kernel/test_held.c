/* SPDX-License-Identifier: MIT */
/* See held.h. State: one test's. */
#include <tests/kernel/held.h>

#include <mm/mapped/highmem.h>
#include <mm/mapped/kmap.h>
#include <mm/mapped/vmalloc.h>
#include <mm/mapped/vmarea.h>
#include <mm/objects/slab_internal.h>
#include <mm/report/leak.h>
#include <tests/kernel/leftover.h>
#include <tests/ktest.h>

#define MAX_HELD 6000u

static struct {
	unsigned int nr;
	struct {
		enum held_kind kind;
		const void *what;
	} * thing;
} all;

bool held_is_on;

void held_begin(void)
{
	all.nr = 0;
	all.thing = vmalloc(MAX_HELD * sizeof(*all.thing));
	held_is_on = all.thing && !leak_mark();
}

void held_note_slow(enum held_kind kind, const void *what)
{
	if (all.nr == MAX_HELD)
		return;
	all.thing[all.nr].kind = kind;
	all.thing[all.nr++].what = what;
}

/* Whole blocks, of whatever order, however often referred to or mapped. */
static void give_page(struct page *page)
{
	while (page_is_highmem(page) && page_address(page))
		kunmap(page);
	while (page_count(page) > 1)
		put_page(page);
	if (page->state == PAGE_EXACT)
		free_pages_exact(low_page_address(page), page->private << PAGE_SHIFT);
	else
		__free_pages(page, page->order);
}

static void give_object(void *object)
{
	const struct page *page = virt_to_page(object);

	if (leak_is_out(page->slab_cache ? object : (const void *)page))
		kfree(object);
}

static void give(enum held_kind kind, void *what)
{
	struct page *page = kind == HELD_PAGE ? what : kind == HELD_ADDRESS ? virt_to_page(what) : NULL;

	if (kind == HELD_OBJECT && !ZERO_OR_NULL_PTR(what))
		give_object(what);
	else if (kind == HELD_PERCPU && leak_is_out(percpu_copies(what)))
		free_percpu(what);
	else if (page && leak_is_out(page))
		give_page(page);
}

/* Areas that are whole, made since the mark. */
static void give_areas(void)
{
	struct vm_area area;
	uintptr_t at = vmalloc_space.start;

	for (; area_copy_next(at, &area); at = area.span.end) {
		void *start = (void *)area.span.start;

		if (area.state != AREA_LIVE || !leak_is_out(start))
			continue;
		if (area.kind == AREA_VMALLOC)
			vfree(start);
		else if (area.kind == AREA_VMAP)
			vunmap(start);
		else
			iounmap(start);
	}
}

/* Caches that are whole, made since the mark, with their objects. */
static void give_caches(void)
{
	struct kmem_cache *cache;

	for (cache = slab_next(NULL); cache; cache = slab_next(cache)) {
		const void *object;
		uint32_t at = 0;

		if (!leak_is_out(cache))
			continue;
		while ((object = leak_next(&at)) != NULL)
			if (virt_is_direct(object) && virt_to_page(object)->slab_cache == cache)
				kfree(object);
		(void)kmem_cache_destroy(cache);
	}
}

void held_give_back(void)
{
	if (held_is_on) {
		held_is_on = false;
		while (all.nr--)
			give(all.thing[all.nr].kind, (void *)(uintptr_t)all.thing[all.nr].what);
		give_areas();
		give_caches();
	}
	leak_stop();
	vfree(all.thing);
	all.thing = NULL;
}
