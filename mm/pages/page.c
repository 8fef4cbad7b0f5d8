/* SPDX-License-Identifier: MIT */
/* The array of page descriptors, and what can be read off one. No lock: see struct page. */
#include <mm/pages/page.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>

struct page *mem_map;
pfn_t mem_map_pages;
pfn_t lowmem_end_pfn;
uintptr_t lowmem_bytes;

/* A block of order k starts at a multiple of 2^k (B1), so its head is found in NR_ORDERS looks. */
struct page *page_find_head(struct page *page)
{
	pfn_t pfn = page_to_pfn(page);

	ASSERT(page_is_descriptor(page));
	for (unsigned int order = 0; order < NR_ORDERS; order++) {
		struct page *head = pfn_to_page(pfn & ~((1u << order) - 1));

		if (head->state != PAGE_INTERIOR)
			return head->order >= order ? head : NULL;
	}
	return NULL;
}

static const char *const state_names[NR_PAGE_STATES] = {"interior",
							"free",
							"parked per CPU",
							"allocated",
							"allocated (compound)",
							"a user page",
							"a slab",
							"a large kmalloc",
							"an exact allocation",
							"given back but still referenced",
							"part of an exact allocation",
							"of a file"};

static const char *state_name(unsigned int state)
{
	return state < ARRAY_SIZE(state_names) ? state_names[state] : "corrupt";
}

const char *page_describe(const struct page *page, char *buf, size_t size)
{
	const struct page *head = page_find_head((struct page *)page);

	if (page->state != PAGE_INTERIOR)
		snprintf(buf, size, "head of a block of order %u, %s, %d references", page->order,
			 state_name(page->state), page->refcount);
	else if (head)
		snprintf(buf, size, "inside a block of order %u, %s, that starts at pfn %#x", head->order,
			 state_name(head->state), page_to_pfn(head));
	else
		snprintf(buf, size, "never handed out");
	return buf;
}
