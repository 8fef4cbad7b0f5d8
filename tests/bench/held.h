/* SPDX-License-Identifier: MIT */
/* Blocks taken away from the allocator for a while, chained through their own memory. Low memory only. */
#pragma once

#include <linux/gfp.h>
#include <linux/mm.h>

struct held {
	struct held *next;
	unsigned int order;
};

static inline bool hold_block(struct held **list, gfp_t gfp, unsigned int order)
{
	struct held *block = (struct held *)__get_free_pages(gfp, order);

	if (!block)
		return false;
	*block = (struct held){*list, order};
	*list = block;
	return true;
}

/* The largest block that can be had; false: nothing can. */
static inline bool hold_largest(struct held **list, gfp_t gfp)
{
	for (int order = MAX_PAGE_ORDER; order >= 0; order--)
		if (hold_block(list, gfp, (unsigned int)order))
			return true;
	return false;
}

static inline void release_one(struct held **link)
{
	struct held *block = *link;

	*link = block->next;
	free_pages((unsigned long)block, block->order);
}

static inline void release_held(struct held **list)
{
	while (*list)
		release_one(list);
}
