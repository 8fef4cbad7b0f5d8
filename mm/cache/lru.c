/* SPDX-License-Identifier: MIT */
/* Lists of pages by their use. Lock: lru[].lock. */
#include <mm/cache/lru.h>

#include <kernel/lib/assert.h>
#include <mm/pages/user_page.h>

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

static enum lru_list list_of_kind(enum lru_kind kind, bool is_active)
{
	return (enum lru_list)((kind == LRU_ANON ? LRU_ANON_INACTIVE : LRU_INACTIVE) + is_active);
}

static enum lru_list list_of(const struct page *page)
{
	return list_of_kind(page_is_user(page) ? LRU_ANON : LRU_FILE, page_has(page, PG_ACTIVE));
}

static void link_locked(struct lru *of, struct page *page)
{
	enum lru_list list = list_of(page);

	ASSERT(port_lock_is_held(&of->lock) && lru_of(page) == of);
	ASSERT(!page_has(page, PG_ONLIST)); /* LR1 */
	ASSERT(page_is_user(page) || page->state == PAGE_FILE);
	list_add(&page->links, &of->list[list]);
	of->nr[list]++;
	page_set(page, PG_ONLIST);
}

static void unlink_locked(struct lru *of, struct page *page)
{
	enum lru_list list = list_of(page);

	ASSERT(port_lock_is_held(&of->lock) && lru_of(page) == of);
	ASSERT(page_has(page, PG_ONLIST) && of->nr[list]); /* LR1, LR2 */
	page_clear(page, PG_ONLIST);
	list_del(&page->links);
	of->nr[list]--;
}

/* The lock for the next page instead of the one that is held. Result: that. */
static struct lru *lock_next(struct lru *held, const struct page *page, irqflags_t *flags)
{
	struct lru *next = lru_of(page);

	if (next == held)
		return held;
	port_unlock_irqrestore(&held->lock, *flags);
	*flags = port_lock_irqsave(&next->lock);
	return next;
}

/* Those of one zone in one step. */
void lru_add_run(struct page **page, unsigned int nr)
{
	struct lru *of = lru_of(page[0]);
	irqflags_t flags = port_lock_irqsave(&of->lock);

	link_locked(of, page[0]);
	for (unsigned int i = 1; i < nr; i++) {
		of = lock_next(of, page[i], &flags);
		link_locked(of, page[i]);
	}
	port_unlock_irqrestore(&of->lock, flags);
}

static void unlink_if_listed_locked(struct lru *of, struct page *page)
{
	ASSERT(port_lock_is_held(&of->lock));
	if (page_has(page, PG_ONLIST))
		unlink_locked(of, page);
}

void lru_remove_run(struct page **page, unsigned int nr)
{
	struct lru *of = lru_of(page[0]);
	irqflags_t flags = port_lock_irqsave(&of->lock);

	unlink_if_listed_locked(of, page[0]);
	for (unsigned int i = 1; i < nr; i++) {
		of = lock_next(of, page[i], &flags);
		unlink_if_listed_locked(of, page[i]);
	}
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

/* --- from one kind to the other --- */

static bool take_off_locked(struct lru *of, struct page *page)
{
	bool was_listed = page_has(page, PG_ONLIST);

	ASSERT(port_lock_is_held(&of->lock));
	if (was_listed)
		unlink_locked(of, page);
	page_clear(page, PG_ACTIVE);
	page_clear(page, PG_REFERENCED);
	return was_listed;
}

static void set_owner(struct page *page, void *owner, uint32_t index)
{
	page->index = index;
	WRITE_ONCE(page->mapping, owner);
}

void lru_turn_to_file(struct page *page, struct mapping *mapping, uint32_t index)
{
	struct lru *of = lru_of(page);
	irqflags_t flags = port_lock_irqsave(&of->lock);
	bool was_listed = take_off_locked(of, page);

	ASSERT(page_has(page, PG_LOCKED) && READ_ONCE(page->refcount) >= 2);
	user_page_uncount(page);
	page_set_state(page, PAGE_ALLOCATED, PAGE_FILE);
	set_owner(page, mapping, index);
	page_set(page, PG_UPTODATE);
	if (was_listed)
		link_locked(of, page);
	port_unlock_irqrestore(&of->lock, flags);
}

void lru_turn_to_anon(struct page *page, void *aspace, uint32_t index)
{
	struct lru *of = lru_of(page);
	irqflags_t flags = port_lock_irqsave(&of->lock);
	bool was_listed = take_off_locked(of, page);

	ASSERT(page_has(page, PG_LOCKED) && READ_ONCE(page->refcount) >= 2);
	page_set_state(page, PAGE_FILE, PAGE_ALLOCATED);
	user_page_count(page);
	set_owner(page, aspace, index);
	page_clear(page, PG_UPTODATE);
	if (was_listed)
		link_locked(of, page);
	port_unlock_irqrestore(&of->lock, flags);
}

/* --- what reclaim does --- */

size_t lru_isolate(const struct zone *zone, enum lru_kind kind, struct list_head *pages, size_t nr)
{
	struct lru *from = &lru[zone->index];
	struct list_head *list = &from->list[list_of_kind(kind, false)];
	irqflags_t flags = port_lock_irqsave(&from->lock);
	size_t done;

	for (done = 0; done < nr && !list_is_empty(list); done++) {
		struct page *page = list_last_entry(list, struct page, links);

		unlink_locked(from, page);
		ASSERT(READ_ONCE(page->refcount) >= 1);
		page_hold(page); /* CP1: it is in the list, so its owner's reference is there */
		list_add_tail(&page->links, pages);
	}
	port_unlock_irqrestore(&from->lock, flags);
	return done;
}

/* LR3 */
static void put_back_locked(struct lru *to, struct page *page)
{
	ASSERT(port_lock_is_held(&to->lock));
	if (READ_ONCE(page->mapping))
		link_locked(to, page);
}

void lru_put_back(struct page *page)
{
	struct lru *to = lru_of(page);
	irqflags_t flags = port_lock_irqsave(&to->lock);

	put_back_locked(to, page);
	port_unlock_irqrestore(&to->lock, flags);
}

void lru_put_back_used(struct page *page)
{
	struct lru *to = lru_of(page);
	irqflags_t flags = port_lock_irqsave(&to->lock);

	page_clear(page, PG_REFERENCED);
	page_set(page, PG_ACTIVE);
	put_back_locked(to, page);
	port_unlock_irqrestore(&to->lock, flags);
}

static void to_tail_locked(struct lru *of, struct page *page)
{
	ASSERT(port_lock_is_held(&of->lock));
	if (!page_has(page, PG_ONLIST) || page_has(page, PG_ACTIVE))
		return;
	list_del(&page->links);
	list_add_tail(&page->links, &of->list[list_of(page)]);
}

void lru_put_back_cold(struct page *page)
{
	struct lru *to = lru_of(page);
	irqflags_t flags = port_lock_irqsave(&to->lock);

	put_back_locked(to, page);
	to_tail_locked(to, page);
	port_unlock_irqrestore(&to->lock, flags);
}

void lru_rotate(struct page *page)
{
	struct lru *of = lru_of(page);
	irqflags_t flags = port_lock_irqsave(&of->lock);

	to_tail_locked(of, page);
	port_unlock_irqrestore(&of->lock, flags);
}

static bool is_short_locked(const struct lru *of, enum lru_kind kind)
{
	ASSERT(port_lock_is_held(&of->lock));
	return of->nr[list_of_kind(kind, false)] * INACTIVE_SHARE < of->nr[list_of_kind(kind, true)];
}

/* The coldest of the active ones: round once more if it was used, else to the others. Result: is it one of those? */
static bool demote_locked(struct lru *of, enum lru_kind kind)
{
	struct list_head *list = &of->list[list_of_kind(kind, true)];
	struct page *page = list_last_entry(list, struct page, links);

	ASSERT(port_lock_is_held(&of->lock) && !list_is_empty(list)); /* LR2 */
	unlink_locked(of, page);
	if (!page_clear(page, PG_REFERENCED))
		page_clear(page, PG_ACTIVE);
	link_locked(of, page);
	return !page_has(page, PG_ACTIVE);
}

size_t lru_balance(const struct zone *zone, enum lru_kind kind, size_t nr)
{
	struct lru *of = &lru[zone->index];
	irqflags_t flags = port_lock_irqsave(&of->lock);
	size_t done = 0;

	for (; nr && is_short_locked(of, kind); nr--)
		done += demote_locked(of, kind);
	port_unlock_irqrestore(&of->lock, flags);
	return done;
}

size_t lru_pages(const struct zone *zone, enum lru_list list)
{
	return READ_ONCE(lru[zone->index].nr[list]);
}

size_t lru_inactive(const struct zone *zone, enum lru_kind kind)
{
	return lru_pages(zone, list_of_kind(kind, false));
}

size_t lru_active(const struct zone *zone, enum lru_kind kind)
{
	return lru_pages(zone, list_of_kind(kind, true));
}

/* --- the check --- */

static const char *check_list(const struct lru *of, enum lru_list list, size_t *nr)
{
	const struct list_head *head = &of->list[list], *node = head;
	size_t found = 0;

	while ((node = node->next) != head) {
		const struct page *page = container_of(node, struct page, links);

		if (!page_is_descriptor(page) || !page->mapping || lru_of(page) != of ||
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
