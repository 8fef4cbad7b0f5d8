/* SPDX-License-Identifier: MIT */
/* Lists of pages by their use. Lock: lru[].lock. */
#include <mm/cache/lru.h>

#include <kernel/lib/assert.h>

#define INACTIVE_SHARE 3u /* the active list has at most so many times as many pages as the other */

static struct lru {
	struct port_lock lock;
	struct list_head list[NR_LRU_LISTS]; /* (L) the hottest first, LR1 */
	size_t nr[NR_LRU_LISTS];	     /* (L) LR2 */
} lru[MAX_NODES * NR_ZONES];		     /* by zone->index */

void lru_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(lru); i++) {
		port_lock_init(&lru[i].lock, "lru");
		for (unsigned int list = 0; list < NR_LRU_LISTS; list++) {
			list_init(&lru[i].list[list]);
			lru[i].nr[list] = 0;
		}
	}
}

static struct lru *lru_of(const struct page *page)
{
	return &lru[page_zone(page)->index];
}

static enum lru_list list_of(const struct page *page)
{
	return page_has(page, PG_ACTIVE) ? LRU_ACTIVE : LRU_INACTIVE;
}

static void link_locked(struct lru *of, struct page *page)
{
	ASSERT(port_lock_is_held(&of->lock) && lru_of(page) == of);
	ASSERT(!page_has(page, PG_ONLIST)); /* LR1 */
	list_add(&page->links, &of->list[list_of(page)]);
	of->nr[list_of(page)]++;
	page_set(page, PG_ONLIST);
}

static void unlink_locked(struct lru *of, struct page *page)
{
	ASSERT(port_lock_is_held(&of->lock) && lru_of(page) == of);
	ASSERT(page_has(page, PG_ONLIST) && of->nr[list_of(page)]); /* LR1, LR2 */
	page_clear(page, PG_ONLIST);
	list_del(&page->links);
	of->nr[list_of(page)]--;
}

void lru_add(struct page *page)
{
	struct lru *of = lru_of(page);
	irqflags_t flags = port_lock_irqsave(&of->lock);

	link_locked(of, page);
	port_unlock_irqrestore(&of->lock, flags);
}

void lru_remove(struct page *page)
{
	struct lru *of = lru_of(page);
	irqflags_t flags = port_lock_irqsave(&of->lock);

	if (page_has(page, PG_ONLIST))
		unlink_locked(of, page);
	port_unlock_irqrestore(&of->lock, flags);
}

/* The second use. Isolated meanwhile: the flag that is still set speaks for it. */
static NOINLINE void activate(struct page *page)
{
	struct lru *of = lru_of(page);
	irqflags_t flags = port_lock_irqsave(&of->lock);

	if (page_has(page, PG_ONLIST) && !page_has(page, PG_ACTIVE)) {
		unlink_locked(of, page);
		page_clear(page, PG_REFERENCED);
		page_set(page, PG_ACTIVE);
		link_locked(of, page);
	}
	port_unlock_irqrestore(&of->lock, flags);
}

void lru_touch(struct page *page)
{
	uint8_t flags = READ_ONCE(page->flags);

	if (!(flags & PG_REFERENCED))
		page_set(page, PG_REFERENCED);
	else if (!(flags & PG_ACTIVE))
		activate(page);
}

size_t lru_isolate(const struct zone *zone, struct list_head *pages, size_t nr)
{
	struct lru *from = &lru[zone->index];
	struct list_head *list = &from->list[LRU_INACTIVE];
	irqflags_t flags = port_lock_irqsave(&from->lock);
	size_t done;

	for (done = 0; done < nr && !list_is_empty(list); done++) {
		struct page *page = list_last_entry(list, struct page, links);

		unlink_locked(from, page);
		ASSERT(page->state == PAGE_FILE && READ_ONCE(page->refcount) >= 1);
		page_hold(page); /* CP1: it is in the list, so its mapping's reference is there */
		list_add_tail(&page->links, pages);
	}
	port_unlock_irqrestore(&from->lock, flags);
	return done;
}

void lru_put_back(struct page *page)
{
	struct lru *to = lru_of(page);
	irqflags_t flags = port_lock_irqsave(&to->lock);

	if (READ_ONCE(page->mapping)) /* LR3 */
		link_locked(to, page);
	port_unlock_irqrestore(&to->lock, flags);
}

static bool is_short_locked(const struct lru *of)
{
	ASSERT(port_lock_is_held(&of->lock));
	return of->nr[LRU_INACTIVE] * INACTIVE_SHARE < of->nr[LRU_ACTIVE];
}

/* The coldest of the active ones: round once more if it was used, else to the others. */
static void demote_locked(struct lru *of)
{
	struct page *page = list_last_entry(&of->list[LRU_ACTIVE], struct page, links);

	ASSERT(port_lock_is_held(&of->lock) && !list_is_empty(&of->list[LRU_ACTIVE])); /* LR2 */
	unlink_locked(of, page);
	if (!page_clear(page, PG_REFERENCED))
		page_clear(page, PG_ACTIVE);
	link_locked(of, page);
}

void lru_balance(const struct zone *zone, size_t nr)
{
	struct lru *of = &lru[zone->index];
	irqflags_t flags = port_lock_irqsave(&of->lock);

	for (; nr && is_short_locked(of); nr--)
		demote_locked(of);
	port_unlock_irqrestore(&of->lock, flags);
}

size_t lru_pages(const struct zone *zone, enum lru_list list)
{
	return READ_ONCE(lru[zone->index].nr[list]);
}

/* --- the check --- */

static const char *check_list(const struct lru *of, enum lru_list list, size_t *nr)
{
	const struct list_head *head = &of->list[list], *node = head;
	size_t found = 0;

	while ((node = node->next) != head) {
		const struct page *page = container_of(node, struct page, links);

		if (!page_is_descriptor(page) || page->state != PAGE_FILE || lru_of(page) != of ||
		    !page_has(page, PG_ONLIST) || list_of(page) != list)
			return "LR1 a list of pages has one that is not of it";
		if (++found > of->nr[list])
			break;
	}
	*nr += found;
	return found == of->nr[list] ? NULL : "LR2 a list of pages counts them wrongly";
}

const char *lru_check(size_t *nr)
{
	const char *wrong = NULL;

	*nr = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(lru) && !wrong; i++)
		for (unsigned int list = 0; list < NR_LRU_LISTS && !wrong; list++)
			wrong = check_list(&lru[i], (enum lru_list)list, nr);
	return wrong;
}
