/* SPDX-License-Identifier: MIT */
/* Pages set aside before they are needed, by whoever must get on when there are no others. Serves R3.
 *
 * RS1 a reserve holds nr <= wanted single pages, state ALLOCATED, one reference, chained by their links: they
 * are its property, free for nobody else. */
#pragma once

#include <mm/pages/page.h>

struct reserve {
	struct port_lock lock;
	const char *name;	/* (C) */
	size_t wanted;		/* (C) pages */
	size_t nr;		/* (L) pages there are, RS1 */
	struct list_head pages; /* (L) */
	struct list_head all;	/* every reserve, for the validator */
};

/* Sets up an empty reserve. Context: boot. */
void reserve_init(struct reserve *reserve, const char *name, size_t wanted);

/* Takes pages that nobody misses (GFP_NOWAIT) until it is full. Result: is it? Context: any. */
bool reserve_fill(struct reserve *reserve);

/* One page, the caller's from now on: freed as any other. NULL: used up. Context: any. */
struct page *reserve_take(struct reserve *reserve) MUST_CHECK;

/* Calls fn for each reserve, its lock not held. Context: as the validator's. */
void reserve_for_each(void (*fn)(const struct reserve *reserve));

/* Forget all reserves: mm starts anew. Context: boot. */
void reserve_reset_all(void);
