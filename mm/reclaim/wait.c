/* SPDX-License-Identifier: MIT */
/* The queue of those who wait for memory, one for all zones and caches, and the lists that say who wants what.
 *
 *   wait.queue          all, in order of arrival: for reports
 *   row[r].list[k]      those who want 2^k pages and may go down to the same floor of the same zones (the
 *                       row), in order of arrival. The first of each list is known by its number
 *   cache's `waiters`   those who want an object of it; most of them are in a row as well: a page will do
 *
 * So a free looks at the first of each list that its zone can serve, however many wait behind, picks the
 * longest waiting, and asks nobody else. It looks without the lock: what it found is looked at again under it.
 *
 * Lock: wait.lock, the first of all (before slab.lock, cache->lock, zone->lock), interrupts off while one
 * waiter takes. */
#include <mm/reclaim/wait.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>
#include <kernel/lib/string.h>
#include <mm/early/bootmem.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>

/* How far down a request may go. Who was raised is in rows of its own: there are few, and nobody's place
 * must be looked for. */
enum depth { DEPTH_FLOOR, DEPTH_HIGH, DEPTH_RAISED, NR_DEPTHS };

#define ROW_OF(depth, highest) ((unsigned int)(depth)*NR_ZONES + (unsigned int)(highest))

/* Rows of those who take memory of any node come first, then those of each node for who takes nothing else: one whom a free
 * cannot serve must not stand in front of those whom it can. */
#define NR_ROWS (NR_DEPTHS * NR_ZONES)

/* Those who want pages of the same zones, down to the same floor. */
struct wait_row {
	uint32_t orders;		  /* (L) bit k: list[k] is not empty */
	uint32_t first[NR_ORDERS];	  /* (L) the number of who is first in list[k] */
	struct list_head list[NR_ORDERS]; /* (L) valid where its bit is set */
};

static struct {
	struct port_lock lock;
	struct list_head queue;		  /* (L) */
	uint32_t nr_arrived;		  /* (L) */
	struct wait_row row[NR_ROWS];	  /* of who takes memory of any node */
	struct wait_row *of_node;	  /* (C) NULL: there is one node */
	struct wait_record log[WAIT_LOG]; /* (L) a ring */
	unsigned int nr_logged;		  /* (L) */
} wait = {.lock = {.name = "wait"}, .queue = LIST_HEAD_INIT(wait.queue)};

unsigned int wait_nr_waiters;

void wait_init_nodes(void)
{
	wait.of_node = node_map.nr_nodes > 1
			       ? alloc_bootmem(node_map.nr_nodes * NR_ROWS * sizeof(struct wait_row))
			       : NULL;
}

static struct wait_row *row_at(unsigned int number)
{
	return number < NR_ROWS ? &wait.row[number] : &wait.of_node[number - NR_ROWS];
}

static unsigned int nr_rows(void)
{
	return wait.of_node ? (node_map.nr_nodes + 1) * NR_ROWS : NR_ROWS;
}

/* The first of the rows in which a request may stand. */
static unsigned int first_row(gfp_t gfp)
{
	return wait.of_node && gfp_has(gfp, __GFP_THISNODE) ? (gfp_node(gfp) + 1) * NR_ROWS : 0;
}

static bool take_pages(struct mem_waiter *waiter)
{
	waiter->page = page_alloc_try(waiter->gfp, waiter->order);
	return waiter->page != NULL;
}

void wait_init(struct mem_waiter *waiter, gfp_t gfp, unsigned int order)
{
	ASSERT(order <= MAX_PAGE_ORDER && !gfp_is_impossible(gfp));
	memset(waiter, 0, sizeof(*waiter));
	waiter->gfp = gfp;
	waiter->order = order;
	waiter->take = take_pages;
	waiter->since_ms = port_now_ms();
	waiter->thread = port_current();
}

/* --- the lists --- */

/* In order, and the first is the one that is known. Result: how many; SIZE_MAX: something is wrong. */
static size_t check_list(unsigned int number, unsigned int order)
{
	const struct wait_row *row = row_at(number);
	const struct list_head *list = &row->list[order];
	const struct mem_waiter *waiter, *before = NULL;
	bool is_raised = number % NR_ROWS >= ROW_OF(DEPTH_RAISED, 0);
	size_t nr = 0;

	list_for_each_entry(waiter, list, of_pages) {
		bool is_in_order = before ? (int32_t)(waiter->number - before->number) > 0
					  : waiter->number == row->first[order];

		if (waiter->row != number || waiter->order != order ||
		    (!is_in_order && !(before && is_raised)))
			return SIZE_MAX;
		before = waiter;
		nr++;
	}
	return nr ? nr : SIZE_MAX;
}

static void add_to_row_locked(struct mem_waiter *waiter, enum depth depth)
{
	struct wait_row *row;
	uint32_t bit = 1u << waiter->order;

	ASSERT(port_lock_is_held(&wait.lock) && waiter->order <= MAX_PAGE_ORDER);
	waiter->row = (uint8_t)(first_row(waiter->gfp) + ROW_OF(depth, gfp_zone(waiter->gfp)));
	row = row_at(waiter->row);
	if (!(row->orders & bit)) {
		list_init(&row->list[waiter->order]);
		WRITE_ONCE(row->first[waiter->order], waiter->number);
		WRITE_ONCE(row->orders, row->orders | bit);
	}
	list_add_tail(&waiter->of_pages, &row->list[waiter->order]);
	ASSERT_SLOW(check_list(waiter->row, waiter->order) != SIZE_MAX); /* W1 */
}

static void remove_from_row_locked(struct mem_waiter *waiter)
{
	struct wait_row *row = row_at(waiter->row);
	struct list_head *list = &row->list[waiter->order];

	ASSERT(port_lock_is_held(&wait.lock) && row->orders & 1u << waiter->order);
	list_del(&waiter->of_pages);
	if (list_is_empty(list))
		WRITE_ONCE(row->orders, row->orders & ~(1u << waiter->order));
	else
		WRITE_ONCE(row->first[waiter->order],
			   list_first_entry(list, struct mem_waiter, of_pages)->number);
	ASSERT_SLOW(list_is_empty(list) || check_list(waiter->row, waiter->order) != SIZE_MAX); /* W1 */
}

static void queue_locked(struct mem_waiter *waiter)
{
	ASSERT(port_lock_is_held(&wait.lock) && !waiter->is_served);
	ASSERT(wait_nr_waiters && waiter->take); /* W1 */
	waiter->number = wait.nr_arrived++;
	list_add_tail(&waiter->link, &wait.queue);
	if (wait_wants_pages(waiter))
		add_to_row_locked(waiter, gfp_has(waiter->gfp, __GFP_HIGH) ? DEPTH_HIGH : DEPTH_FLOOR);
	if (waiter->objects)
		list_add_tail(&waiter->of_objects, waiter->objects);
}

static void unqueue_locked(struct mem_waiter *waiter)
{
	ASSERT(port_lock_is_held(&wait.lock) && !waiter->is_served);
	ASSERT(!list_is_empty(&wait.queue)); /* W1 */
	list_del(&waiter->link);
	if (wait_wants_pages(waiter))
		remove_from_row_locked(waiter);
	if (waiter->objects)
		list_del(&waiter->of_objects);
}

/* --- serving --- */

/* The name is cut to fit. */
static void copy_name(char *to, const char *from)
{
	for (unsigned int n = 1; *from && n < PORT_NAME_MAX; n++)
		*to++ = *from++;
	*to = '\0';
}

/* Who serves; worked out before the lock is taken. */
static struct wait_name this_name(void)
{
	struct wait_name name;

	copy_name(name.text, port_task_name());
	/* cppcheck-suppress uninitvar ; copied up to its NUL, more is not read */
	return name;
}

/* It takes, if what it wants is there. Result: was it? */
static bool serve_locked(struct mem_waiter *waiter, const struct wait_name *name)
{
	ASSERT(port_lock_is_held(&wait.lock) && !waiter->is_served);
	ASSERT(!waiter->page && !waiter->object && READ_ONCE(wait_nr_waiters)); /* W1, W4 */
	if (!waiter->take(waiter))
		return false;
	ASSERT(!waiter->page != !waiter->object); /* W4: one of them, and no longer free */
	ASSERT(!waiter->page || waiter->page->state == PAGE_ALLOCATED);
	if (waiter->page)
		waiter->page->refcount = 1; /* A1, also until its owner sees it */
	unqueue_locked(waiter);
	waiter->is_served = true;
	waiter->woken_by = *name;
	mm_event_add(EVENT_SERVED, 1);
	port_unpark(waiter->thread);
	return true;
}

/* The first of a list in the table, by its number. */
struct first {
	unsigned int row, order;
	uint32_t number;
};

/* Result: false: what it wants is gone. True: it was served, or is first no more: somebody else was at it. */
static bool serve_first(const struct first *first)
{
	const struct wait_row *row = row_at(first->row);
	const struct list_head *list = &row->list[first->order];
	struct wait_name name = this_name();
	irqflags_t flags = port_lock_irqsave(&wait.lock);
	bool goes_on = true;

	if (row->orders & 1u << first->order && row->first[first->order] == first->number)
		goes_on = serve_locked(list_first_entry(list, struct mem_waiter, of_pages), &name);
	port_unlock_irqrestore(&wait.lock, flags);
	return goes_on;
}

/* Has the first of a list waited longer than the longest waiting so far? Numbers wrap. */
static void look_at_row(unsigned int number, uint32_t orders, struct first *longest, bool *found)
{
	const struct wait_row *row = row_at(number);

	ASSERT(number < nr_rows() && orders < 1u << NR_ORDERS);
	for (orders &= READ_ONCE(row->orders); orders; orders &= orders - 1) {
		unsigned int order = bit_lowest(orders);
		uint32_t first = READ_ONCE(row->first[order]);

		if (!*found || (int32_t)(first - longest->number) < 0)
			*longest = (struct first){number, order, first};
		*found = true;
	}
}

/* What a zone has free at one moment. */
struct stock {
	size_t nr_free;
	uint32_t nonempty; /* bit k: there is a block of order k */
};

/* Under its lock: who queued before sees what came free before, or is seen by who freed it. */
static struct stock take_stock(struct zone *zone)
{
	irqflags_t flags = port_lock_irqsave(&zone->lock);
	struct stock stock = {zone->nr_free, 0};

	for (unsigned int type = 0; type < NR_MOBILITY; type++)
		stock.nonempty |= zone->lists[type].nonempty;
	port_unlock_irqrestore(&zone->lock, flags);
	return stock;
}

/* Orders, a bit for each, that the zone can serve to requests that leave it `floor` pages. */
static uint32_t orders_served(const struct stock *stock, size_t floor)
{
	unsigned int largest;

	if (stock->nr_free <= floor)
		return 0;
	largest = MIN(bit_highest((uint32_t)(stock->nr_free - floor)), bit_highest(stock->nonempty));
	return (2u << largest) - 1;
}

/* Of those in the rows from `rows` on. */
static void look_at_rows(unsigned int rows, const struct zone *zone, const struct stock *stock,
			 struct first *longest, bool *found)
{
	for (unsigned int highest = zone->id; highest < NR_ZONES; highest++) {
		uint32_t all = orders_served(stock, 0);

		look_at_row(rows + ROW_OF(DEPTH_FLOOR, highest),
			    orders_served(stock, zone_floor(zone, (enum zone_id)highest)), longest, found);
		look_at_row(rows + ROW_OF(DEPTH_HIGH, highest), all, longest, found);
		look_at_row(rows + ROW_OF(DEPTH_RAISED, highest), all, longest, found);
	}
}

/* The longest waiting of those whom the zone can serve. Result: is there one? */
static bool find_longest_waiting(struct zone *zone, struct first *longest)
{
	struct stock stock = take_stock(zone);
	bool found = false;

	look_at_rows(0, zone, &stock, longest, &found);
	if (wait.of_node)
		look_at_rows((zone->node + 1u) * NR_ROWS, zone, &stock, longest, &found);
	return found;
}

static bool serve_longest_waiting(struct zone *zone)
{
	struct first first;

	return find_longest_waiting(zone, &first) && serve_first(&first);
}

void wait_serve_zone_slow(struct zone *zone)
{
	for (unsigned int n = 0; n < WAIT_SERVED_AT_ONCE && serve_longest_waiting(zone); n++)
		;
}

void wait_serve_all(void)
{
	struct zone *zone;

	ASSERT(!port_in_interrupt());
	for_each_zone(zone)
		while (wait_somebody() && serve_longest_waiting(zone))
			;
}

static bool serve_first_of_objects(const struct list_head *objects)
{
	struct wait_name name = this_name();
	irqflags_t flags = port_lock_irqsave(&wait.lock);
	bool served = !list_is_empty(objects) &&
		      serve_locked(list_first_entry(objects, struct mem_waiter, of_objects), &name);

	port_unlock_irqrestore(&wait.lock, flags);
	return served;
}

void wait_serve_objects_slow(struct list_head *objects)
{
	for (unsigned int n = 0; n < WAIT_SERVED_AT_ONCE && serve_first_of_objects(objects); n++)
		;
}

/* Also who comes or goes: what a free left for others. */
static void serve_all_beside(const struct mem_waiter *waiter)
{
	wait_serve_all();
	while (waiter->objects && serve_first_of_objects(waiter->objects))
		;
}

/* --- entering, sleeping, leaving --- */

/* W3. Counted first, then closed, then queued: whoever opens a list under its lock meanwhile sees the count,
 * and whoever was at it when the count rose is found here. Each who comes makes sure itself: the one before may
 * have been preempted on the way. */
static void close_lists(void)
{
	(void)__atomic_add_fetch(&wait_nr_waiters, 1, __ATOMIC_SEQ_CST);
	pcp_follow_waiters();
	slab_close_open();
}

/* Object stacks open with their next use. */
static void open_lists(void)
{
	ASSERT(READ_ONCE(wait_nr_waiters)); /* W1 */
	if (__atomic_sub_fetch(&wait_nr_waiters, 1, __ATOMIC_SEQ_CST) == 0)
		pcp_follow_waiters();
}

void wait_enter(struct mem_waiter *waiter)
{
	irqflags_t flags;

	ASSERT(port_may_sleep() && waiter->thread == port_current() && !waiter->is_served);
	close_lists();
	flags = port_lock_irqsave(&wait.lock);
	queue_locked(waiter);
	port_unlock_irqrestore(&wait.lock, flags);
	serve_all_beside(waiter);
}

bool wait_is_served(struct mem_waiter *waiter)
{
	return READ_ONCE(waiter->is_served);
}

bool wait_is_hopeless(const struct mem_waiter *waiter)
{
	return port_is_killed() && !gfp_has(waiter->gfp, __GFP_NOFAIL);
}

bool wait_sleep(struct mem_waiter *waiter, uint64_t end_ms)
{
	uint64_t now = port_now_ms();

	ASSERT(!port_in_interrupt());
	for (; !wait_is_served(waiter) && !wait_is_hopeless(waiter) && !READ_ONCE(waiter->should_look) &&
	       now < end_ms;
	     now = port_now_ms()) {
		if (!waiter->has_slept)
			mm_event_add(EVENT_WAIT, 1);
		waiter->has_slept = true;
		port_park_for((unsigned int)(end_ms - now));
	}
	return wait_is_served(waiter);
}

void wait_begin_look(struct mem_waiter *waiter)
{
	ASSERT(waiter->thread == port_current());
	__atomic_store_n(&waiter->should_look, false, __ATOMIC_SEQ_CST);
}

/* Each who is told takes more than one page of what it finds, and serves others with it. */
void wait_look_slow(void)
{
	irqflags_t flags = port_lock_irqsave(&wait.lock);
	struct mem_waiter *waiter;

	list_for_each_entry(waiter, &wait.queue, link)
		if (!READ_ONCE(waiter->should_look)) {
			__atomic_store_n(&waiter->should_look, true, __ATOMIC_SEQ_CST);
			port_unpark(waiter->thread);
			break;
		}
	port_unlock_irqrestore(&wait.lock, flags);
}

void wait_raise(struct mem_waiter *waiter)
{
	irqflags_t flags = port_lock_irqsave(&wait.lock);

	ASSERT(!port_in_interrupt() && waiter->thread == port_current());
	if (!waiter->is_served && wait_wants_pages(waiter) &&
	    waiter->row % NR_ROWS < ROW_OF(DEPTH_RAISED, 0)) {
		remove_from_row_locked(waiter);
		add_to_row_locked(waiter, DEPTH_RAISED);
	}
	waiter->gfp |= __GFP_HIGH;
	port_unlock_irqrestore(&wait.lock, flags);
}

/* It is in no list any more: nobody else writes to it. */
static void log_wait(const struct mem_waiter *waiter)
{
	struct wait_record record = {.gfp = waiter->gfp,
				     .order = waiter->order,
				     .was_served = waiter->is_served,
				     .has_slept = waiter->has_slept,
				     .since_ms = waiter->since_ms,
				     .until_ms = port_now_ms()};
	irqflags_t flags;

	copy_name(record.woken_by, waiter->woken_by.text);
	copy_name(record.task, port_task_name());
	flags = port_lock_irqsave(&wait.lock);
	wait.log[wait.nr_logged++ % WAIT_LOG] = record;
	port_unlock_irqrestore(&wait.lock, flags);
}

bool wait_leave(struct mem_waiter *waiter)
{
	irqflags_t flags = port_lock_irqsave(&wait.lock);

	ASSERT(!port_in_interrupt() && waiter->thread == port_current());
	ASSERT(waiter->is_served == (waiter->page || waiter->object)); /* W4 */
	if (!waiter->is_served)
		unqueue_locked(waiter);
	port_unlock_irqrestore(&wait.lock, flags);
	log_wait(waiter);
	serve_all_beside(waiter);
	open_lists();
	if (!waiter->is_served)
		mm_event_add(EVENT_GAVE_UP, 1);
	return waiter->is_served;
}

/* --- what is seen from outside --- */

void wait_for_each(void (*fn)(const struct mem_waiter *waiter))
{
	const struct mem_waiter *waiter;

	list_for_each_entry(waiter, &wait.queue, link)
		fn(waiter);
}

/* W1. Each list in order, each waiter for pages in one of them. */
const char *wait_check(void)
{
	const struct mem_waiter *waiter;
	size_t nr_queued = 0, nr_listed = 0, nr;

	list_for_each_entry(waiter, &wait.queue, link)
		nr_queued += wait_wants_pages(waiter);
	for (unsigned int row = 0; row < nr_rows(); row++)
		for (uint32_t orders = row_at(row)->orders; orders; orders &= orders - 1) {
			nr = check_list(row, bit_lowest(orders));
			if (nr == SIZE_MAX)
				return "W1 a list of those who want pages is out of order";
			nr_listed += nr;
		}
	return nr_listed == nr_queued ? NULL : "W1 a waiter is in no list of what it wants";
}

bool wait_read_log(unsigned int n, struct wait_record *record)
{
	irqflags_t flags = port_lock_irqsave(&wait.lock);
	bool is_there = n < WAIT_LOG && n < wait.nr_logged;

	if (is_there)
		*record = wait.log[(wait.nr_logged - 1 - n) % WAIT_LOG];
	port_unlock_irqrestore(&wait.lock, flags);
	return is_there;
}
