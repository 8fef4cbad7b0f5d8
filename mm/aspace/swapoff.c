/* SPDX-License-Identifier: MIT */
/* A swap disk is given up: its pages are looked for in the tables of all programs, one after the other, and brought back. A program
 * meanwhile goes on, and may be faster; one that ends waits for the entry that is looked at. */
#include <mm/aspace/aspace.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>

#define BATCH	  32u
#define MAX_TRIES 100u
#define PAUSE_MS  10u

/* The page that is there gives up its slot of that disk. */
static void release_locked(struct aspace *aspace, uintptr_t addr, const struct swap_area *area)
{
	struct page *page;
	pfn_t pfn;

	ASSERT(port_lock_is_held(&aspace->lock));
	if (!port_entry_find(aspace_entry(aspace, addr), &pfn, NULL))
		return;
	page = pfn_to_page(pfn);
	if (page_is_user(page) && swap_slot_is_of((swap_slot_t)page->private, area)) {
		swap_slot_drop((swap_slot_t)page->private);
		page->private = 0;
	}
}

/* The note of the first entry from *addr on whose page is on that disk; *addr is behind it, then. 0: none so far. */
static uint32_t next_note(struct aspace *aspace, uintptr_t *addr, const struct swap_area *area)
{
	irqflags_t flags = port_lock_irqsave(&aspace->lock);
	uint32_t found = 0;

	ASSERT(IS_ALIGNED(*addr, PAGE_SIZE) && *addr >= PORT_USER_START);
	for (unsigned int steps = 0; *addr < PORT_USER_END && steps < BATCH && !found; steps++) {
		uint32_t note;

		if (!aspace_entry(aspace, *addr)) {
			*addr = ALIGN_DOWN(*addr, PORT_TABLE_SPAN) + PORT_TABLE_SPAN;
			continue;
		}
		note = port_entry_note(aspace_entry(aspace, *addr));
		if (!note)
			release_locked(aspace, *addr, area);
		else if (swap_slot_is_of(anon_slot(note), area))
			found = note;
		*addr += PAGE_SIZE;
	}
	port_unlock_irqrestore(&aspace->lock, flags);
	return found;
}

static int bring_back(struct aspace *aspace, const struct swap_area *area)
{
	struct readahead ahead = {0};
	uintptr_t addr = PORT_USER_START;
	int found = 0;

	ASSERT(aspace->nr_pins); /* AS6 */
	while (addr < PORT_USER_END && (found >= 0 || found == -EAGAIN)) {
		uint32_t note = next_note(aspace, &addr, area);

		if (note)
			found = anon_bring_in(aspace, addr - PAGE_SIZE, note, &ahead,
					      GFP_HIGHUSER | __GFP_NORETRY | __GFP_NOWARN);
	}
	return found < 0 && found != -EAGAIN ? found : 0;
}

static int bring_all_back(const struct swap_area *area)
{
	struct aspace *aspace = aspace_next_pinned(NULL);
	int error = 0;

	while (aspace && !error) {
		error = bring_back(aspace, area);
		if (error)
			aspace_unpin(aspace);
		else
			aspace = aspace_next_pinned(aspace);
	}
	return error;
}

/* Somebody may have got a slot right before, or have moved a page behind our back. */
int swap_off(const char *name)
{
	struct swap_area *area = swap_close(name);
	int error;

	ASSERT(port_may_sleep());
	if (!area)
		return -EINVAL;
	error = swap_fits_elsewhere(area, nr_free_pages()) ? 0 : -ENOMEM;
	for (unsigned int tries = 0; !error; tries++) {
		error = bring_all_back(area);
		if (error)
			break;
		error = swap_end(area);
		if (!error)
			return 0;
		if (tries < MAX_TRIES)
			error = 0;
		port_park_for(PAUSE_MS);
	}
	swap_reopen(area);
	return error;
}

/* --- what all programs name --- */

static bool check_entry(const struct aspace *aspace, uintptr_t addr)
{
	uint32_t note = port_entry_note(aspace_entry(aspace, addr));
	pfn_t pfn;

	ASSERT(aspace->nr_pins && IS_ALIGNED(addr, PAGE_SIZE)); /* AS6 */
	if (note)
		return swap_check_name(anon_slot(note));
	if (!port_entry_find(aspace_entry(aspace, addr), &pfn, NULL) || !page_is_user(pfn_to_page(pfn)) ||
	    !pfn_to_page(pfn)->private)
		return true;
	return swap_check_name((swap_slot_t)pfn_to_page(pfn)->private);
}

static bool check_aspace(const struct aspace *aspace)
{
	bool ok = true;

	for (uintptr_t addr = PORT_USER_START; addr < PORT_USER_END && ok;) {
		if (!aspace_entry(aspace, addr)) {
			addr = ALIGN_DOWN(addr, PORT_TABLE_SPAN) + PORT_TABLE_SPAN;
			continue;
		}
		ok = check_entry(aspace, addr);
		addr += PAGE_SIZE;
	}
	return ok;
}

const char *aspace_check_swap(void)
{
	struct aspace *aspace = NULL;
	bool ok = true;

	if (!swap_check_begin())
		return NULL;
	while ((aspace = aspace_next_pinned(aspace)) != NULL)
		ok = ok && check_aspace(aspace);
	return ok ? swap_check_end() : "SW2 a program names a slot of swap that is not its";
}
