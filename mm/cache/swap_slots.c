/* SPDX-License-Identifier: MIT */
/* Slots: got, given up, counted and checked. Lock: swap_state.lock, see swap.h. */
#include <mm/cache/swap_internal.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>

#define SCAN_WORDS 64u /* of four slots each, under the lock */
#define MAX_FAILED 16u /* pages that could not be written: then no more go there */

static uint32_t word_at(const struct swap_area *area, uint32_t offset)
{
	uint32_t word;

	memcpy(&word, area->map + offset, sizeof(word));
	return word;
}

/* Has any of four slots the state FREE, which is 0? */
static bool word_has_free(uint32_t word)
{
	return (word - 0x01010101u) & ~word & 0x80808080u;
}

/* A free one in the next SCAN_WORDS words of the map, or 0. */
static uint32_t scan_locked(struct swap_area *area)
{
	uint32_t nr_words = swap_map_bytes(area->nr_pages) / 4;

	ASSERT(port_lock_is_held(&swap_state.lock));
	for (unsigned int left = MIN(SCAN_WORDS, nr_words); left; left--) {
		uint32_t at = area->next * 4;

		if (word_has_free(word_at(area, at))) {
			while (area->map[at] != SLOT_FREE)
				at++;
			return at;
		}
		area->next = area->next + 1 == nr_words ? 0 : area->next + 1;
	}
	return 0;
}

/* Its disk does not take what is written. */
static bool note_failing_locked(struct swap_area *area)
{
	bool is_new = !area->has_failed;

	ASSERT(port_lock_is_held(&swap_state.lock));
	area->has_failed = true;
	return is_new;
}

/* One step of the search. *slot 0: none so far; result: is there any sense in another? */
static bool look_for_slot(struct swap_area *area, swap_slot_t *slot)
{
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);
	bool is_failing = area->state == AREA_ON && READ_ONCE(area->mapping.nr_failed) >= MAX_FAILED;
	bool goes_on = area->state == AREA_ON && area->nr_free && !is_failing;
	bool says = is_failing && note_failing_locked(area);
	uint32_t offset = goes_on ? scan_locked(area) : 0;

	if (offset) {
		ASSERT(area->map[offset] == SLOT_FREE && area->nr_free); /* SW1 */
		area->map[offset] = SLOT_KEPT;
		area->nr_free--;
		*slot = swap_slot_at(area, offset);
	}
	port_unlock_irqrestore(&swap_state.lock, flags);
	if (says)
		port_print(PORT_WARN, "swap: %u pages could not be written to %s: no more go there",
			   MAX_FAILED, area->name);
	return goes_on;
}

/* Once round the map in steps, whatever others do meanwhile. */
swap_slot_t swap_slot_get(void)
{
	swap_slot_t slot = 0;

	for (unsigned int i = 0; i < SWAP_MAX_AREAS; i++) {
		struct swap_area *area = &swap_state.area[i];
		uint32_t steps = READ_ONCE(area->nr_pages) / (SCAN_WORDS * 4) + 2;

		while (!slot && steps-- && look_for_slot(area, &slot))
			continue;
		if (slot)
			break;
	}
	return slot;
}

/* SW6 */
void swap_slot_free_locked(struct swap_area *area, uint32_t offset, bool is_bad)
{
	ASSERT(area->map[offset] == SLOT_USED || area->map[offset] == SLOT_KEPT); /* SW1 */
	ASSERT(port_lock_is_held(&swap_state.lock));
	area->map[offset] = is_bad ? SLOT_BAD : SLOT_FREE;
	if (is_bad)
		area->nr_bad++;
	else
		area->nr_free++;
}

/* Frees the slot, unless the cache has a page of it. Result: that page, held, or NULL. */
static struct page *free_or_find(struct swap_area *area, uint32_t offset, bool ends)
{
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);
	struct page *page = mapping_find(&area->mapping, offset);

	if (!page)
		swap_slot_free_locked(area, offset, false);
	else if (ends)
		area->map[offset] = SLOT_ENDED;
	port_unlock_irqrestore(&swap_state.lock, flags);
	return page;
}

/* The page is locked, and not being written: nobody adds another for the slot, for whose name is gone. */
static void forget_page(struct swap_area *area, struct page *page)
{
	bool is_bad = swap_write_failed(page);
	irqflags_t flags;

	if (is_bad) {
		flags = port_lock_irqsave(&swap_state.lock);
		area->map[page->index] = SLOT_BAD;
		area->nr_bad++;
		port_unlock_irqrestore(&swap_state.lock, flags);
	}
	(void)mapping_remove(page, false);
}

void swap_slot_put(swap_slot_t slot)
{
	struct swap_area *area = swap_area_of(slot);
	struct page *page;

	while ((page = free_or_find(area, swap_offset_of(slot), false)) != NULL) {
		bool is_over = false;

		page_lock(page);
		page_wait_written(page);
		if (mapping_has(&area->mapping, page)) {
			is_over = swap_write_failed(page);
			forget_page(area, page);
		}
		page_unlock(page);
		put_page(page);
		if (is_over)
			return;
	}
}

void swap_slot_leave(swap_slot_t slot)
{
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);

	ASSERT(swap_area_of(slot)->map[swap_offset_of(slot)] == SLOT_KEPT);
	swap_area_of(slot)->map[swap_offset_of(slot)] = SLOT_USED;
	port_unlock_irqrestore(&swap_state.lock, flags);
}

/* Reclaim drops what is left of it, and swap_cache_page_left() frees the slot. */
void swap_slot_drop(swap_slot_t slot)
{
	struct page *page = free_or_find(swap_area_of(slot), swap_offset_of(slot), true);

	if (page)
		put_page(page);
}

/* --- SW1 to SW3 --- */

void swap_move_begin(void)
{
	__atomic_add_fetch(&swap_state.nr_moving, 1, __ATOMIC_RELAXED);
}

void swap_move_end(void)
{
	__atomic_sub_fetch(&swap_state.nr_moving, 1, __ATOMIC_RELAXED);
}

bool swap_check_begin(void)
{
	if (READ_ONCE(swap_state.nr_moving))
		return false;
	for (unsigned int i = 0; i < SWAP_MAX_AREAS; i++)
		for (uint32_t n = 0; swap_state.area[i].map && n < swap_state.area[i].nr_pages; n++)
			swap_state.area[i].map[n] &= SLOT_STATES;
	return true;
}

bool swap_check_name(swap_slot_t slot)
{
	struct swap_area *area = swap_area_of(slot);
	uint32_t offset = swap_offset_of(slot);

	if (slot >> SWAP_SLOT_BITS || !area->map || offset >= area->nr_pages ||
	    (area->map[offset] != SLOT_USED && area->map[offset] != SLOT_KEPT))
		return false;
	area->map[offset] |= SLOT_SEEN;
	return true;
}

static const char *check_area(struct swap_area *area)
{
	size_t nr[SLOT_STATES + 1] = {0}, nr_unseen = 0;

	for (uint32_t n = 1; n < area->nr_pages; n++) {
		nr[area->map[n] & SLOT_STATES]++;
		nr_unseen += area->map[n] == SLOT_USED || area->map[n] == SLOT_KEPT;
		area->map[n] &= SLOT_STATES;
	}
	if (nr[SLOT_FREE] != area->nr_free || nr[SLOT_BAD] != area->nr_bad)
		return "SW1 a swap disk counts its slots wrongly";
	return nr_unseen ? "SW2 a used slot of a swap disk is no program's" : NULL;
}

static const char *check_cache(struct swap_area *area)
{
	struct page *page;

	for (uint32_t index = 0; (page = mapping_next(&area->mapping, &index, RADIX_ANY)) != NULL; index++) {
		uint8_t state = index < area->nr_pages ? area->map[index] : SLOT_BAD;

		put_page(page);
		if (state != SLOT_USED && state != SLOT_ENDED)
			return "SW3 the swap cache has a page of a slot that is not used";
	}
	return NULL;
}

const char *swap_check_end(void)
{
	const char *wrong = NULL;

	for (unsigned int i = 0; i < SWAP_MAX_AREAS && !wrong; i++) {
		if (!swap_state.area[i].map)
			continue;
		wrong = check_area(&swap_state.area[i]);
		if (!wrong)
			wrong = check_cache(&swap_state.area[i]);
	}
	return wrong;
}
