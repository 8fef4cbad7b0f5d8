/* SPDX-License-Identifier: MIT */
/* Reserves. Each has its own lock, taken for a few instructions; pages are allocated without it. */
#include <mm/reclaim/reserve.h>

#include <kernel/lib/assert.h>
#include <mm/pages/above.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/events.h>

static struct list_head reserves = LIST_HEAD_INIT(reserves);

void reserve_reset_all(void)
{
	list_init(&reserves);
}

void reserve_init(struct reserve *reserve, const char *name, size_t wanted)
{
	ASSERT(name && wanted && !port_in_interrupt());
	port_lock_init(&reserve->lock, name);
	list_init(&reserve->pages);
	reserve->name = name;
	reserve->wanted = wanted;
	reserve->nr = 0;
	list_add_tail(&reserve->all, &reserves);
}

/* Result: was there room? */
static bool put_page_in(struct reserve *reserve, struct page *page)
{
	irqflags_t flags = port_lock_irqsave(&reserve->lock);
	bool room = reserve->nr < reserve->wanted;

	ASSERT(reserve->nr <= reserve->wanted && page_is_owned(page, 0)); /* RS1 */
	if (room) {
		list_add(&page->links, &reserve->pages);
		reserve->nr++;
	}
	port_unlock_irqrestore(&reserve->lock, flags);
	return room;
}

bool reserve_fill(struct reserve *reserve)
{
	while (READ_ONCE(reserve->nr) < reserve->wanted) {
		struct page *page = alloc_page(GFP_NOWAIT | __GFP_NOWARN);

		if (!page)
			return false;
		ASSERT(page_is_owned(page, 0)); /* RS1 */
		pages_forget(page);
		if (!put_page_in(reserve, page))
			__free_page(page); /* another filled it meanwhile */
	}
	return true;
}

struct page *reserve_take(struct reserve *reserve)
{
	irqflags_t flags = port_lock_irqsave(&reserve->lock);
	struct page *page = NULL;

	if (reserve->nr) {
		page = list_first_entry(&reserve->pages, struct page, links);
		list_del(&page->links);
		reserve->nr--;
		ASSERT(page_is_owned(page, 0)); /* RS1 */
	}
	ASSERT((reserve->nr == 0) == list_is_empty(&reserve->pages)); /* RS1 */
	port_unlock_irqrestore(&reserve->lock, flags);
	if (page)
		mm_event_add(EVENT_RESERVE, 1);
	return page;
}

void reserve_for_each(void (*fn)(const struct reserve *reserve))
{
	const struct reserve *reserve;

	list_for_each_entry(reserve, &reserves, all)
		fn(reserve);
}
