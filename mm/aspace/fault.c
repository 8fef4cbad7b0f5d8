/* SPDX-License-Identifier: MIT */
/* What a fault brings. A page is had first, then entered: under aspace->lock, and when it comes from a file with the
 * file's page locked and in its place, so that who takes it out of the file finds the entry (mapping_remove_from). That
 * there is no memory is said by whoever ends the program, by name: no request here warns. */
#include <mm/aspace/aspace.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/cache/lru.h>
#include <mm/cache/pagecache.h>
#include <mm/mapped/highmem.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>
#include <mm/reclaim/events.h>

struct place {
	uintptr_t addr;
	port_entry_t *entry;
};

/* The entry for addr; NULL: no memory for a table that leads to it. */
static port_entry_t *make_entry(struct aspace *aspace, uintptr_t addr)
{
	port_entry_t *entry;

	while (!(entry = aspace_entry(aspace, addr))) {
		void *table = (void *)(uintptr_t)get_zeroed_page(GFP_KERNEL | __GFP_NOWARN);
		irqflags_t flags;

		if (!table)
			return NULL;
		flags = port_lock_irqsave(&aspace->lock);
		port_space_add_table(&aspace->space, addr, table);
		port_unlock_irqrestore(&aspace->lock, flags);
		aspace_count(&aspace->nr_tables, 1);
	}
	return entry;
}

static bool is_served(const port_entry_t *entry, enum aspace_access access)
{
	unsigned int prot;
	pfn_t pfn;

	return port_entry_find(entry, &pfn, &prot) && (access != ASPACE_WRITES || prot & PORT_USER_WRITE);
}

/* The entry takes over the page's reference; what it led to before is given back (AS4). */
static void enter(struct aspace *aspace, const struct place *place, struct page *page, unsigned int prot)
{
	irqflags_t flags = port_lock_irqsave(&aspace->lock);
	pfn_t before;
	bool had_page = port_entry_map(place->entry, page_to_pfn(page), prot, &before);

	ASSERT(READ_ONCE(page->refcount) >= 1 && place->entry); /* AS1 */
	ASSERT(page->state == PAGE_USER || (page->state == PAGE_FILE && !(prot & ASPACE_WRITE)));
	if (!had_page)
		aspace_count(&aspace->nr_resident, 1);
	port_unlock_irqrestore(&aspace->lock, flags);
	if (!had_page)
		return;
	port_space_flush(&aspace->space, place->addr, 1);
	put_page(pfn_to_page(before));
}

static enum aspace_result fault_zero(struct aspace *aspace, const struct aspace_area *area,
				     const struct place *place)
{
	struct page *page = alloc_user_page_dirty(__GFP_ZERO | __GFP_NOWARN);

	if (!page)
		return ASPACE_NO_MEMORY;
	anon_begin(page, aspace, place->addr);
	enter(aspace, place, page, area->prot);
	return ASPACE_DONE;
}

/* While the file's page is where it was. Result: was it? */
static bool enter_of_file(struct aspace *aspace, const struct place *place, struct mapping *mapping,
			  struct page *source, struct page *page, unsigned int prot)
{
	bool is_there;

	ASSERT(page == source || page->state == PAGE_USER);
	page_lock(source);
	is_there = mapping_has(mapping, source);
	if (is_there && page != source)
		anon_begin(page, aspace, place->addr);
	if (is_there)
		enter(aspace, place, page, prot);
	page_unlock(source);
	return is_there;
}

/* A copy of its own, 0 behind the part of the file that the area shows. NULL: no memory. */
static struct page *copy_of(const struct page *source, size_t bytes)
{
	struct page *page = alloc_user_page_dirty(__GFP_NOWARN);
	char *at;

	if (!page)
		return NULL;
	ASSERT(bytes <= PAGE_SIZE && READ_ONCE(source->refcount) >= 1);
	copy_highpage(page, source);
	if (bytes < PAGE_SIZE) {
		at = kmap_local_page(page);
		memset(at + bytes, 0, PAGE_SIZE - bytes);
		kunmap_local(at);
	}
	return page;
}

static enum aspace_result result_of(int error)
{
	if (error == -ENOMEM)
		return ASPACE_NO_MEMORY;
	return error == -ENXIO ? ASPACE_BEYOND : ASPACE_UNREADABLE;
}

/* Result: as pagecache_get(). */
static int get_page_of(struct aspace *aspace, struct mapping *mapping, uint32_t index, struct page **page)
{
	*page = mapping_find(mapping, index);
	if (*page && page_has(*page, PG_UPTODATE)) {
		lru_touch(*page);
		return 0;
	}
	if (*page)
		put_page(*page);
	aspace->nr_major++;
	mm_event_add(EVENT_MAJOR_FAULT, 1);
	return pagecache_get(mapping, index, page);
}

/* `bytes` of the page are the file's. */
static enum aspace_result fault_file(struct aspace *aspace, const struct aspace_area *area,
				     const struct place *place, size_t bytes, bool is_own)
{
	uint32_t index = area->file.first_page + (uint32_t)((place->addr - area->span.start) >> PAGE_SHIFT);
	struct mapping *mapping = area->file.mapping;

	for (;;) {
		struct page *source, *page;
		int error = get_page_of(aspace, mapping, index, &source);
		bool ok;

		if (error)
			return result_of(error);
		page = is_own ? copy_of(source, bytes) : source;
		ok = page && enter_of_file(aspace, place, mapping, source, page,
					   is_own ? area->prot : area->prot & ~(unsigned int)ASPACE_WRITE);
		if (!ok || is_own)
			put_page(source);
		if (ok)
			return ASPACE_DONE;
		if (!page)
			return ASPACE_NO_MEMORY;
		if (is_own)
			put_page(page);
	}
}

/* What was swapped out comes back as it was, with the rights that it had. */
static enum aspace_result fault_swapped(struct aspace *aspace, uintptr_t addr, uint32_t note)
{
	int found = anon_bring_in(aspace, addr, note, &aspace->ahead, GFP_HIGHUSER | __GFP_NOWARN);

	if (found == 1) {
		aspace->nr_major++;
		mm_event_add(EVENT_MAJOR_FAULT, 1);
	}
	if (found >= 0 || found == -EAGAIN)
		return ASPACE_DONE; /* or the program faults again */
	return found == -ENOMEM ? ASPACE_NO_MEMORY : ASPACE_LOST;
}

/* Where nothing is yet, or a page that may not be written to. */
static enum aspace_result bring(struct aspace *aspace, const struct aspace_area *area,
				const struct place *place, enum aspace_access access)
{
	size_t offset = place->addr - area->span.start;
	size_t of_file = area->file.mapping ? area->file.size_bytes : 0;

	if (offset >= of_file)
		return fault_zero(aspace, area, place);
	return fault_file(aspace, area, place, MIN(of_file - offset, PAGE_SIZE),
			  access == ASPACE_WRITES || of_file - offset < PAGE_SIZE);
}

/* A page that is there already was remembered otherwise by the CPU. */
static enum aspace_result serve(struct aspace *aspace, const struct aspace_area *area, uintptr_t addr,
				enum aspace_access access)
{
	struct place place = {addr, aspace_entry(aspace, addr)};

	ASSERT(port_may_sleep() && IS_ALIGNED(addr, PAGE_SIZE) && addr < area->span.end);
	if (place.entry && !port_entry_is_empty(place.entry)) {
		uint32_t note = port_entry_note(place.entry);

		if (note)
			return fault_swapped(aspace, addr, note);
		if (is_served(place.entry, access)) {
			port_space_flush(&aspace->space, addr, 1);
			return ASPACE_DONE;
		}
	}
	if (!place.entry)
		place.entry = make_entry(aspace, addr);
	return place.entry ? bring(aspace, area, &place, access) : ASPACE_NO_MEMORY;
}

/* Most faults come where the last one was. */
static const struct aspace_area *area_of_fault(struct aspace *aspace, uintptr_t addr)
{
	struct area *span = aspace->recent;
	struct aspace_area *area;

	if (likely(span && addr >= span->start && addr < span->end))
		return container_of(span, struct aspace_area, span);
	area = addr < PORT_USER_END ? aspace_area_at(aspace, addr) : NULL;
	aspace->recent = area ? &area->span : NULL;
	return area;
}

enum aspace_result aspace_fault(struct aspace *aspace, uintptr_t addr, enum aspace_access access)
{
	const struct aspace_area *area = area_of_fault(aspace, addr);

	if (!area)
		return ASPACE_NOTHING;
	if ((access == ASPACE_WRITES && !(area->prot & ASPACE_WRITE)) ||
	    (access == ASPACE_EXECUTES && !(area->prot & ASPACE_EXEC)))
		return ASPACE_FORBIDDEN;
	aspace->nr_faults++;
	mm_event_add(EVENT_FAULT, 1);
	return serve(aspace, area, ALIGN_DOWN(addr, PAGE_SIZE), access);
}
