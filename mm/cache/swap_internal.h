/* SPDX-License-Identifier: MIT */
/* Swap as its parts keep it: areas (swap.c), their slots (swap_slots.c), the swap cache (swap_cache.c). Invariants: swap.h. */
#pragma once

#include <kernel/lib/align.h>
#include <mm/cache/swap.h>

#define SWAP_OFFSET_MASK ((1u << SWAP_OFFSET_BITS) - 1)
#define SWAP_STOCK_NODES (2 * RADIX_MAX_MISSING)
#define SWAP_AREA_SHIFT                                                                                      \
	8u /* of page->private in the cache: the area's number + 1; below it sectors, of diskfile.c */

enum slot_state { SLOT_FREE, SLOT_KEPT, SLOT_USED, SLOT_ENDED, SLOT_BAD, SLOT_STATES = 7, SLOT_SEEN = 8 };
enum area_state { AREA_NONE, AREA_BEGINS, AREA_ON, AREA_CLOSED };

/* (C) constant while it is on  (S) swap_state.lock */
struct swap_area {
	char name[SWAP_NAME_MAX]; /* (C) */
	struct mapping mapping;	  /* the swap cache */
	struct mapping_ops ops;	  /* (C) */
	enum area_state state;	  /* (S) */
	uint32_t nr_pages;	  /* (C) of the disk, as far as it is used */
	uint8_t *map;		  /* (S) enum slot_state, SW1; whole words, the rest of the last is bad */
	uint32_t next;		  /* (S) word of the map where the next is looked for */
	size_t nr_free, nr_bad;	  /* (S) SW1 */
	bool has_failed;	  /* (S) it was said */
};

struct swap_state {
	struct port_lock lock;
	struct swap_area area[SWAP_MAX_AREAS];
	struct radix_spare stock; /* (S) SW5 */
	unsigned int nr_on;	  /* (S) areas */
	unsigned int nr_moving;	  /* changed in one step */
	unsigned int swappiness;
};
extern struct swap_state swap_state;

static inline struct swap_area *swap_area_of(swap_slot_t slot)
{
	return &swap_state.area[slot >> SWAP_OFFSET_BITS];
}

static inline uint32_t swap_offset_of(swap_slot_t slot)
{
	return slot & SWAP_OFFSET_MASK;
}

static inline swap_slot_t swap_slot_at(const struct swap_area *area, uint32_t offset)
{
	return (swap_slot_t)(area - swap_state.area) << SWAP_OFFSET_BITS | offset;
}

/* Of an area's map. */
static inline uint32_t swap_map_bytes(uint32_t nr_pages)
{
	return ALIGN_UP(nr_pages, 4u);
}

/* Is it a page of the cache that could not be written? */
static inline bool swap_write_failed(const struct page *page)
{
	return page_has(page, PG_DIRTY) && page_has(page, PG_ERROR);
}

/* SW6. Context: swap_state.lock held. */
void swap_slot_free_locked(struct swap_area *area, uint32_t offset, bool is_bad);

/* A page has left an area's mapping: what an ended slot waits for. */
void swap_cache_page_left(struct page *page);
