/* SPDX-License-Identifier: MIT */
/* User pages have a state of their own, so that alloc_pages need not count what it gives to whom, and so that
 * no fast path takes them back uncounted: whoever drops the last reference comes to user_page_uncount(). U1
 * the counters count the pages of state PAGE_USER, zone by zone. Interrupts are off while state and counter
 * change: this CPU's validator finds both or neither. */
#include <mm/pages/user_page.h>

#include <kernel/lib/assert.h>

static struct {
	size_t nr[MAX_NODES * NR_ZONES]; /* by zone->index; changed by atomic additions */
} user_pages;

/* U1 */
static void set_state(struct page *page, enum page_state from, enum page_state to, size_t change)
{
	irqflags_t flags = irq_save();

	ASSERT(page->order == 0 && (change == 1 || user_pages.nr[page_zone(page)->index]));
	page_set_state(page, from, to);
	__atomic_add_fetch(&user_pages.nr[page_zone(page)->index], change, __ATOMIC_RELAXED);
	ASSERT(user_pages.nr[page_zone(page)->index] <= page_zone(page)->managed);
	irq_restore(flags);
}

void user_page_uncount(struct page *page)
{
	set_state(page, PAGE_USER, PAGE_ALLOCATED, (size_t)-1);
}

void user_page_count(struct page *page)
{
	set_state(page, PAGE_ALLOCATED, PAGE_USER, 1);
}

struct page *alloc_user_page_dirty(gfp_t more)
{
	struct page *page = alloc_pages(GFP_HIGHUSER | more, 0);

	if (page)
		user_page_count(page);
	return page;
}

struct page *alloc_user_page(void)
{
	return alloc_user_page_dirty(__GFP_ZERO);
}

static COLD void report_not_user(const struct page *page, const void *caller)
{
	irqflags_t flags = irq_save();
	char code[64], what[96];

	port_print(PORT_ERR,
		   "BUG: free_user_page of page %#x by %s: expected a user page, found %s; nothing changed",
		   page_to_pfn(page), port_code_name(caller, code, sizeof(code)),
		   page_describe(page, what, sizeof(what)));
	page_alloc_print_owner(page);
	irq_restore(flags);
}

void free_user_page(struct page *page)
{
	if (unlikely(!page_is_user(page)))
		report_not_user(page, RETURN_ADDRESS());
	else
		__free_page(page);
}

size_t zone_nr_user_pages(const struct zone *zone)
{
	return user_pages.nr[zone->index];
}

size_t nr_user_pages(void)
{
	const struct zone *zone;
	size_t nr = 0;

	for_each_zone(zone)
		nr += zone_nr_user_pages(zone);
	return nr;
}
