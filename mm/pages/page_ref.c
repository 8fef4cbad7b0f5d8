/* SPDX-License-Identifier: MIT */
/* Whoever holds a page says so, and the last to let go frees it: A1, A4 and A6 of page_alloc.c.
 *
 * Lock: none; a reference is one atomic operation. */
#include <mm/pages/page_alloc.h>

#include <kernel/lib/assert.h>

/* get_page or put_page of what has no reference to take or to give. */
static COLD void report_bad_reference(const struct page *page, const char *call, const void *caller)
{
	irqflags_t flags = irq_save();
	char state[96], code[64];

	port_print(
		PORT_ERR,
		"BUG: bad %s by %s: pfn %#x: page is %s; expected one that references keep; nothing changed",
		call, port_code_name(caller, code, sizeof(code)), page_to_pfn(page),
		page_describe(page, state, sizeof(state)));
	page_alloc_print_owner(page);
	irq_restore(flags);
}

struct page *compound_head(struct page *page)
{
	struct page *head = page->state == PAGE_INTERIOR ? page_find_head(page) : page;

	return head && head->state == PAGE_COMPOUND ? head : page;
}

bool PageCompound(struct page *page)
{
	return compound_head(page)->state == PAGE_COMPOUND;
}

unsigned int compound_order(struct page *page)
{
	return compound_head(page)->order;
}

/* A4: where the references to this page are counted; NULL: nobody can hold any. */
static struct page *counting_page(struct page *page)
{
	struct page *head = page->state == PAGE_INTERIOR ? page_find_head(page) : page;

	switch (head ? (enum page_state)head->state : PAGE_INTERIOR) {
	case PAGE_ALLOCATED:
	case PAGE_USER:
	case PAGE_FILE:
		return head == page ? head : NULL;
	case PAGE_COMPOUND:
	case PAGE_LARGE:
	case PAGE_EXACT:
	case PAGE_PINNED:
		return head;
	case PAGE_PIECE:
		ASSERT(page_is_descriptor((struct page *)head->private)); /* A4 */
		return (struct page *)head->private;
	case PAGE_INTERIOR:
	case PAGE_FREE:
	case PAGE_PERCPU:
	case PAGE_SLAB:
	case NR_PAGE_STATES:
		break;
	}
	return NULL;
}

int page_count(struct page *page)
{
	const struct page *counts = counting_page(page);

	ASSERT(!counts || counts->refcount >= 1); /* A1 */
	return counts ? counts->refcount : 0;
}

void get_page(struct page *page)
{
	struct page *counts;

	if (unlikely(!page_is_descriptor(page))) {
		page_alloc_report_wild(page, RETURN_ADDRESS());
		return;
	}
	counts = counting_page(page);
	ASSERT(!counts || READ_ONCE(counts->refcount) >= 1); /* A1 */
	if (likely(counts))
		__atomic_add_fetch(&counts->refcount, 1, __ATOMIC_RELAXED);
	else
		report_bad_reference(page, "get_page", RETURN_ADDRESS());
}

/* Is the only reference to it its owner's, a mapping's too, who gives it back in another way? The count is read first: it is 1
 * also when the owner went meanwhile, but then the state says so. */
static bool is_the_owners(const struct page *counts)
{
	return __atomic_load_n(&counts->refcount, __ATOMIC_ACQUIRE) == 1 &&
	       (READ_ONCE(counts->state) == PAGE_LARGE || READ_ONCE(counts->state) == PAGE_EXACT ||
		READ_ONCE(counts->state) == PAGE_FILE);
}

void put_page(struct page *page)
{
	struct page *counts;

	if (unlikely(!page_is_descriptor(page))) {
		page_alloc_report_wild(page, RETURN_ADDRESS());
		return;
	}
	counts = counting_page(page);
	ASSERT(!counts || READ_ONCE(counts->refcount) >= 1); /* A1 */
	if (unlikely(!counts || is_the_owners(counts)))
		report_bad_reference(page, "put_page", RETURN_ADDRESS());
	else
		page_drop_reference(counts);
}
