/* SPDX-License-Identifier: MIT */
/* Per-CPU page lists: pages parked in front of each zone, taken and given back without a lock. Serves
 * CONTRACT P7, G12.
 *
 * A zone has a stack for each mobility and each order below PCP_ORDERS; its hot end is the top. The fast
 * paths are page_pop and page_push of <port_inline.h>; here is what they fall back on.
 *
 * C1 a page in a stack is the head of a block of the stack's order, state PERCPU, with one reference kept.
 * C2 bottom <= count <= capacity; limit is capacity, or 0 in slow mode.
 * C3 a zone is in slow mode while its free pages are below `low` (until they reach `high`): then all its
 *    stacks are empty and every request takes exactly what it asks for, so that watermarks and the last
 *    page mean what they say. */
#pragma once

#include <mm/pages/zone.h>

#define PCP_ORDERS MAX_PAGE_ORDER /* all but the largest blocks, in which memory changes its mobility */

/* The stack a request tries first, by its zone and mobility bits and its order (a power of two of them, so
 * that the index is a shift): what the inline fast path of alloc_pages reads. Never NULL: before pcp_init(),
 * and for bits that contradict each other, an empty stack in slow mode. (C) */
#define PCP_KINDS 16

extern struct pcpu_stack *pcp_of_request[PCP_KINDS][16];

static ALWAYS_INLINE struct pcpu_stack *pcp_stack_for(gfp_t gfp, unsigned int order)
{
	return pcp_of_request[(__force unsigned int)gfp % PCP_KINDS][order];
}

/* The stack a block goes back to, by its order and page->where. (C) */
extern struct pcpu_stack *pcp_of_block[PCP_ORDERS][MAX_NODES * NR_ZONES * 4];

/* Make the stacks of all zones with memory. Called once, when the page allocator works. Context: boot. */
void pcp_init(void);

/* Forget the stacks: page_alloc starts anew. Context: boot. */
void pcp_reset(void);

/* A block of that order taken out of a larger one, the rest of which is parked; or NULL. zone->lock held; at
 * least 2^order pages more than `floor` are free. */
struct page *pcp_refill_locked(struct zone *zone, unsigned int order, enum mobility mobility, size_t floor);

/* The page at the cold end of this CPU's stack, freed longest ago, or at its hot end; NULL when it is empty.
 * Interrupts off. */
struct page *pcp_take_cold(struct pcpu_stack *stack);
struct page *pcp_take_hot(struct pcpu_stack *stack);

/* Make room for one page in a full stack. Context: any. */
void pcp_make_room(struct pcpu_stack *stack);

/* Give everything this CPU has parked of a zone back to it. Result: pages. Context: any. */
size_t pcp_drain_zone(struct zone *zone);

/* Why all lists are closed, pages' and objects', whatever is free; that somebody waits for memory (W3) is
 * another reason. */
enum slow_reason {
	SLOW_ON_DEMAND = 1, /* somebody must see every page in its zone */
	SLOW_INIT_ON = 4,   /* every page and object is cleared on its way (mm/init.h) */
	SLOW_FAULT = 8,	    /* requests fail on purpose (mm/report/fault.h) */
	SLOW_PAGES = 16,    /* every page is looked at (mm/report/poison.h, owner.h) */
	SLOW_GUARD = 32,    /* any object may be the next to be guarded (mm/report/guard.h) */
	SLOW_LEAK = 64,	    /* what is handed out is written down (mm/report/leak.h) */
};

/* Close the lists of all zones for that reason: when it returns nothing is parked. When no reason is left,
 * let the watermarks decide again. Context: any; one caller a reason. */
void pcp_close(enum slow_reason reason, bool closed);

/* The same when somebody comes to wait, or the last one goes. Context: process. */
void pcp_follow_waiters(void);
#define pcp_keep_closed(closed) pcp_close(SLOW_ON_DEMAND, closed)

/* Enter or leave slow mode as the reasons and the zone's free pages ask for. Context: any, zone->lock not held. */
void pcp_check_mode(struct zone *zone);

/* Pages this CPU has parked of a zone. A snapshot. */
size_t pcp_parked_pages(const struct zone *zone);
