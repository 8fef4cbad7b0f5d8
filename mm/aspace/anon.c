/* SPDX-License-Identifier: MIT */
/* Pages of programs as reclaim and swap see them: who has one is asked by its mapping and index (AS6), and is asked again under
 * aspace->lock before anything is done to it. What is replaced in the tables by the number of a slot is flushed before the page is
 * written or given up. */
#include <mm/aspace/aspace.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <mm/cache/above.h>
#include <mm/cache/lru.h>
#include <mm/cache/pagecache.h>
#include <mm/pages/page_alloc.h>
#include <mm/pages/user_page.h>

void anon_begin(struct page *page, struct aspace *aspace, uintptr_t addr)
{
	ASSERT(page_is_user(page) && READ_ONCE(page->refcount) == 1);
	page->index = (uint32_t)(addr >> PAGE_SHIFT);
	page->private = 0;
	page->flags = 0;
	WRITE_ONCE(page->mapping, aspace);
	lru_add_run(&page, 1);
}

/* Nobody changes their slots any more: their entries are gone. */
void anon_forget_run(struct page **page, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		ASSERT(page_is_user(page[i]) && READ_ONCE(page[i]->refcount) >= 1);
		WRITE_ONCE(page[i]->mapping, NULL); /* LR3 */
	}
	lru_remove_run(page, nr);
	for (unsigned int i = 0; i < nr; i++) {
		swap_slot_t slot = (swap_slot_t)page[i]->private;

		page[i]->private = 0;
		if (unlikely(slot))
			swap_slot_drop(slot);
	}
}

static uintptr_t addr_of(const struct page *page)
{
	return (uintptr_t)page->index << PAGE_SHIFT;
}

/* --- out --- */

static enum evict_state look_locked(struct aspace *aspace, uintptr_t addr, const struct page *page)
{
	ASSERT(port_lock_is_held(&aspace->lock));
	if (!aspace_leads_to(aspace, addr, page, NULL))
		return EVICT_GONE;
	if (port_entry_was_used(aspace_entry(aspace, addr)))
		return EVICT_USED;
	return page->private && !port_entry_is_dirty(aspace_entry(aspace, addr)) ? EVICT_CLEAN : EVICT_ANON;
}

enum evict_state anon_look(struct page *page)
{
	struct aspace *aspace = aspace_pin_owner(page);
	enum evict_state state;
	irqflags_t flags;

	if (!aspace)
		return EVICT_GONE;
	flags = port_lock_irqsave(&aspace->lock);
	state = look_locked(aspace, addr_of(page), page);
	port_unlock_irqrestore(&aspace->lock, flags);
	if (state == EVICT_USED)
		port_space_flush(&aspace->space, addr_of(page), 1); /* or it never says so again */
	aspace_unpin(aspace);
	return state;
}

/* The slot stands for the page from here on. */
static void replace_locked(struct aspace *aspace, uintptr_t addr, swap_slot_t slot)
{
	unsigned int prot = 0;
	bool was_there;
	pfn_t pfn;

	ASSERT(port_lock_is_held(&aspace->lock) && slot);
	(void)port_entry_find(aspace_entry(aspace, addr), &pfn, &prot);
	was_there = port_entry_unmap(aspace_entry(aspace, addr), &pfn);
	ASSERT(was_there);
	(void)was_there;
	port_entry_set_note(aspace_entry(aspace, addr), anon_note(slot, prot));
	aspace_count(&aspace->nr_resident, (size_t)-1);
	aspace_count(&aspace->nr_swapped, 1);
}

static bool give_up_locked(struct aspace *aspace, uintptr_t addr, struct page *page)
{
	ASSERT(port_lock_is_held(&aspace->lock));
	if (look_locked(aspace, addr, page) != EVICT_CLEAN)
		return false;
	swap_slot_leave((swap_slot_t)page->private);
	replace_locked(aspace, addr, (swap_slot_t)page->private);
	page->private = 0;
	WRITE_ONCE(page->mapping, NULL);
	return true;
}

bool anon_drop(struct page *page)
{
	struct aspace *aspace = aspace_pin_owner(page);
	uintptr_t addr = addr_of(page);
	irqflags_t flags;
	bool is_out;

	if (!aspace)
		return false;
	ASSERT(page_has(page, PG_LOCKED));
	flags = port_lock_irqsave(&aspace->lock);
	is_out = give_up_locked(aspace, addr, page);
	port_unlock_irqrestore(&aspace->lock, flags);
	if (is_out) {
		port_space_flush(&aspace->space, addr, 1);
		put_page(page); /* the entry's */
	}
	aspace_unpin(aspace);
	return is_out;
}

/* A new slot beside those of its neighbours, else the one it has. *slot: which; then the one that is not needed. */
static bool swap_out_locked(struct aspace *aspace, uintptr_t addr, struct page *page, swap_slot_t *slot)
{
	swap_slot_t own, to;

	ASSERT(port_lock_is_held(&aspace->lock));
	if (!aspace_leads_to(aspace, addr, page, NULL))
		return false;
	own = (swap_slot_t)page->private;
	to = *slot ? *slot : own;
	if (!to || !swap_take_in(to, page))
		return false;
	replace_locked(aspace, addr, to);
	*slot = to == own ? 0 : own;
	return true;
}

bool anon_swap_out(struct page *page)
{
	struct aspace *aspace = aspace_pin_owner(page);
	uintptr_t addr = addr_of(page);
	swap_slot_t slot;
	irqflags_t flags;
	bool is_out;

	if (!aspace)
		return false;
	ASSERT(page_has(page, PG_LOCKED) && IS_ALIGNED(addr, PAGE_SIZE));
	swap_move_begin();
	(void)swap_stock(); /* there are some */
	slot = swap_slot_get();
	flags = port_lock_irqsave(&aspace->lock);
	is_out = swap_out_locked(aspace, addr, page, &slot);
	port_unlock_irqrestore(&aspace->lock, flags);
	if (is_out)
		port_space_flush(&aspace->space, addr, 1);
	if (slot)
		swap_slot_drop(slot);
	swap_move_end();
	aspace_unpin(aspace);
	return is_out;
}

/* --- in --- */

/* The slots of those of the pages [from, end) that are swapped out. */
static unsigned int find_slots(struct aspace *aspace, uint32_t from, uint32_t end, swap_slot_t *slot)
{
	irqflags_t flags = port_lock_irqsave(&aspace->lock);
	unsigned int nr = 0;

	ASSERT(from <= end && end - from <= READAHEAD_MAX && end <= PORT_USER_END >> PAGE_SHIFT);
	for (uint32_t n = from; n < end; n++) {
		uintptr_t addr = (uintptr_t)n << PAGE_SHIFT;

		slot[nr] = aspace_entry(aspace, addr) ? anon_slot(port_entry_note(aspace_entry(aspace, addr)))
						      : 0;
		nr += slot[nr] != 0;
	}
	port_unlock_irqrestore(&aspace->lock, flags);
	return nr;
}

/* By addresses, for that is how a program goes on, wherever its slots lie. Pages that are here were passed without a fault. */
static void read_ahead(struct aspace *aspace, uint32_t index, struct readahead *ahead)
{
	swap_slot_t slot[READAHEAD_MAX];
	uint32_t start, end;

	if (index > ahead->next && index < ahead->end)
		ahead->next = index;
	if (readahead_next(ahead, index, PORT_USER_END >> PAGE_SHIFT, &start, &end))
		swap_read_ahead(slot, find_slots(aspace, start, end, slot));
}

int anon_bring_in(struct aspace *aspace, uintptr_t addr, uint32_t note, struct readahead *ahead, gfp_t gfp)
{
	struct radix_spare spare = {0};
	swap_slot_t slot = anon_slot(note);
	irqflags_t flags;
	pfn_t before;
	struct page *page;
	int found;

	ASSERT(port_may_sleep() && IS_ALIGNED(addr, PAGE_SIZE) && slot);
	read_ahead(aspace, (uint32_t)(addr >> PAGE_SHIFT), ahead);
	found = swap_get(slot, gfp, &page);
	if (found < 0)
		return found;
	flags = port_lock_irqsave(&aspace->lock);
	if (port_entry_note(aspace_entry(aspace, addr)) == note) {
		swap_take_out(slot, page, aspace, (uint32_t)(addr >> PAGE_SHIFT), &spare);
		(void)port_entry_map(aspace_entry(aspace, addr), page_to_pfn(page),
				     note & ((1u << PORT_USER_PROT_BITS) - 1), &before);
		aspace_count(&aspace->nr_resident, 1);
		aspace_count(&aspace->nr_swapped, (size_t)-1);
	} else {
		found = -EAGAIN;
	}
	port_unlock_irqrestore(&aspace->lock, flags);
	page_unlock(page);
	put_page(page); /* its other reference is the entry's, or the tree's */
	swap_spare_put(&spare);
	return found;
}
