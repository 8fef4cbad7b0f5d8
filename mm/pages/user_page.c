/* SPDX-License-Identifier: MIT */
/* User pages are told by a flag of their descriptor, which is set and cleared here alone, so that alloc_pages
 * need not count what it gives to whom. U1: the counters count the allocated blocks with PAGE_FLAG_USER, zone
 * by zone. Interrupts are off while flag and counter change. */
#include <mm/pages/user_page.h>

#define PAGE_FLAG_USER 0x01u

static struct {
	size_t nr[MAX_NODES * NR_ZONES]; /* by zone->index */
} user_pages;

bool page_is_user(const struct page *page)
{
	return page->state == PAGE_ALLOCATED && page->flags & PAGE_FLAG_USER;
}

static struct page *mark(struct page *page)
{
	irqflags_t flags = irq_save();

	page->flags |= PAGE_FLAG_USER;
	user_pages.nr[page_zone(page)->index]++;
	irq_restore(flags);
	return page;
}

struct page *alloc_user_page_dirty(gfp_t more)
{
	struct page *page = alloc_pages(GFP_HIGHUSER | more, 0);

	return page ? mark(page) : NULL;
}

struct page *alloc_user_page(void)
{
	return alloc_user_page_dirty(__GFP_ZERO);
}

static COLD void report_not_user(const struct page *page, const void *caller)
{
	char code[64], what[96];

	port_print(PORT_ERR,
		   "BUG: free_user_page of page %#x by %s: expected a user page, found %s; nothing changed",
		   page_to_pfn(page), port_code_name(caller, code, sizeof(code)),
		   page_describe(page, what, sizeof(what)));
}

static void drop(struct page *page)
{
	irqflags_t flags = irq_save();

	if (page_count(page) == 1) {
		page->flags &= (uint8_t)~PAGE_FLAG_USER;
		user_pages.nr[page_zone(page)->index]--;
	}
	__free_page(page);
	irq_restore(flags);
}

void free_user_page(struct page *page)
{
	if (unlikely(!page_is_user(page)))
		report_not_user(page, RETURN_ADDRESS());
	else
		drop(page);
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
