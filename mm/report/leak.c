/* SPDX-License-Identifier: MIT */
/* See leak.h. Entries hang in chains by the hash of their address; they never move, so a report walks the table
 * piece by piece with the lock given back in between, and what comes or goes meanwhile is seen or not.
 *
 * Lock: leak.lock, alone: who notes or forgets holds no other of mm. */
#include <mm/report/leak.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/vmalloc.h>
#include <mm/pages/above.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/scope.h>

#define MAX_TABLE_ORDER 8u
#define WALK_STEP	64u /* entries looked at under one lock */
#define NOBODY		0u

/* Indices are one more than a place in the table, so that 0 is none. */
struct leak_entry {
	const void *what; /* NULL: not in use */
	const void *caller;
	size_t bytes;
	uint32_t at_ms;
	uint32_t first; /* of the chain of all whose hash is this place */
	uint32_t next;	/* in its chain, or in that of those not in use */
};

static struct {
	struct port_lock lock;
	struct page *block;	  /* (L) the table's; NULL: no mark */
	unsigned int order;	  /* (L) */
	struct leak_entry *entry; /* (L) */
	uint32_t nr_places, unused;
	size_t nr_not_in_table;
	uint32_t since_ms;
} leak = {.lock = {.name = "leak"}};

/* --- the table --- */

static uint32_t *chain_of(const void *what)
{
	uint32_t hash = (uint32_t)((uintptr_t)what >> 3) * 0x9e3779b1u;

	ASSERT(port_lock_is_held(&leak.lock) && leak.entry && leak.nr_places);
	return &leak.entry[(uint64_t)hash * leak.nr_places >> 32].first;
}

static void remove_locked(const void *what)
{
	uint32_t *link = chain_of(what);

	ASSERT(port_lock_is_held(&leak.lock) && leak.block);
	while (*link != NOBODY) {
		struct leak_entry *entry = &leak.entry[*link - 1];
		uint32_t index = *link;

		ASSERT(index <= leak.nr_places && entry->what); /* only what is out hangs in a chain */
		if (entry->what != what) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		entry->what = NULL;
		entry->next = leak.unused;
		leak.unused = index;
		return;
	}
}

/* LK1 */
static void add_locked(const void *what, size_t bytes, const void *caller)
{
	uint32_t index = leak.unused, *chain = chain_of(what);
	struct leak_entry *entry;

	ASSERT(port_lock_is_held(&leak.lock) && what && index <= leak.nr_places);
	if (index == NOBODY) {
		leak.nr_not_in_table++;
		return;
	}
	entry = &leak.entry[index - 1];
	ASSERT(!entry->what);
	leak.unused = entry->next;
	entry->what = what;
	entry->caller = caller;
	entry->bytes = bytes;
	entry->at_ms = (uint32_t)port_now_ms();
	entry->next = *chain;
	*chain = index;
}

/* LK2 */
static bool is_part(void)
{
	return !port_in_interrupt() && *port_scope() & SCOPE_PART;
}

void leak_note(const void *what, size_t bytes, const void *caller)
{
	irqflags_t flags;

	if (is_part())
		return;
	flags = port_lock_irqsave(&leak.lock);
	if (leak.block) {
		remove_locked(what);
		add_locked(what, bytes, caller);
	}
	port_unlock_irqrestore(&leak.lock, flags);
}

void leak_forget(const void *what)
{
	irqflags_t flags = port_lock_irqsave(&leak.lock);

	if (leak.block)
		remove_locked(what);
	port_unlock_irqrestore(&leak.lock, flags);
}

/* --- the mark --- */

/* A 512th of low memory, if there is a block of that size. */
static struct page *alloc_table(unsigned int *order)
{
	struct page *block = NULL;

	*order = MIN(get_order(lowmem_bytes >> 9), MAX_TABLE_ORDER) + 1;
	while (!block && *order)
		block = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN | __GFP_ZERO, --*order);
	return block;
}

static void start_locked(struct page *block, unsigned int order)
{
	ASSERT(port_lock_is_held(&leak.lock) && !leak.block);
	leak.block = block;
	leak.order = order;
	leak.entry = low_page_address(block);
	leak.nr_places = (uint32_t)((PAGE_SIZE << order) / sizeof(struct leak_entry));
	leak.unused = 1;
	leak.nr_not_in_table = 0;
	leak.since_ms = (uint32_t)port_now_ms();
	for (uint32_t i = 1; i < leak.nr_places; i++)
		leak.entry[i - 1].next = i + 1;
}

static void watch(bool on)
{
	port_preempt_disable();
	mm_watch_set(WATCH_LEAK, on);
	pcp_close(SLOW_LEAK, on);
	slab_close_all(SLOW_LEAK, on);
	port_preempt_enable();
}

void leak_stop(void)
{
	irqflags_t flags = port_lock_irqsave(&leak.lock);
	struct page *block = leak.block;
	unsigned int order = leak.order;

	ASSERT(!port_in_interrupt());
	leak.block = NULL;
	port_unlock_irqrestore(&leak.lock, flags);
	if (!block)
		return;
	watch(false);
	__free_pages(block, order);
}

const char *leak_mark(void)
{
	unsigned int order;
	struct page *block;
	irqflags_t flags;

	ASSERT(!port_in_interrupt());
	leak_stop();
	block = alloc_table(&order);
	if (!block)
		return "no memory for its table";
	flags = port_lock_irqsave(&leak.lock);
	start_locked(block, order);
	port_unlock_irqrestore(&leak.lock, flags);
	watch(true);
	return NULL;
}

bool leak_is_on(void)
{
	return READ_ONCE(leak.block) != NULL;
}

bool leak_is_out(const void *what)
{
	irqflags_t flags = port_lock_irqsave(&leak.lock);
	uint32_t index = leak.block ? *chain_of(what) : NOBODY;

	while (index != NOBODY && leak.entry[index - 1].what != what)
		index = leak.entry[index - 1].next;
	port_unlock_irqrestore(&leak.lock, flags);
	return index != NOBODY;
}

const void *leak_next(uint32_t *at)
{
	const void *what = NULL;

	while (!what) {
		irqflags_t flags = port_lock_irqsave(&leak.lock);
		bool is_end = !leak.block || *at == leak.nr_places;

		if (!is_end)
			what = leak.entry[(*at)++].what;
		port_unlock_irqrestore(&leak.lock, flags);
		if (is_end)
			return NULL;
	}
	return what;
}

/* --- by caller --- */

/* The row of that caller, a new one, or the last, which is everybody else's. */
static struct leak_caller *row_of(struct leak_caller *rows, unsigned int *nr_rows, const void *caller)
{
	for (unsigned int i = 0; i < *nr_rows; i++)
		if (rows[i].caller == caller || i == LEAK_CALLERS)
			return &rows[i];
	rows[*nr_rows] = (struct leak_caller){.caller = *nr_rows < LEAK_CALLERS ? caller : NULL,
					      .first_ms = UINT32_MAX};
	return &rows[(*nr_rows)++];
}

static void add_to_row(struct leak_caller *row, const struct leak_entry *entry)
{
	row->nr++;
	row->bytes += entry->bytes;
	row->first_ms = MIN(row->first_ms, entry->at_ms);
	row->last_ms = MAX(row->last_ms, entry->at_ms);
}

/* LK4 */
static bool is_cached(const void *what)
{
	ASSERT(port_lock_is_held(&leak.lock));
	return page_is_descriptor(what) && READ_ONCE(((const struct page *)what)->state) == PAGE_FILE;
}

/* Up to WALK_STEP entries from `start` on. Result: where the next begin; 0: there are none. */
static uint32_t collect_some(uint32_t start, struct leak_caller *rows, unsigned int *nr_rows,
			     struct leak_sum *sum)
{
	irqflags_t flags = port_lock_irqsave(&leak.lock);
	uint32_t nr = leak.block ? leak.nr_places : 0, end = MIN(nr, start + WALK_STEP);

	ASSERT(*nr_rows <= LEAK_CALLERS + 1);
	for (; start < end; start++) {
		const struct leak_entry *entry = &leak.entry[start];

		if (!entry->what)
			continue;
		if (is_cached(entry->what)) {
			sum->nr_cached++;
			continue;
		}
		sum->nr++;
		sum->bytes += entry->bytes;
		add_to_row(row_of(rows, nr_rows, entry->caller), entry);
	}
	sum->nr_not_in_table = leak.nr_not_in_table;
	sum->since_ms = leak.since_ms;
	port_unlock_irqrestore(&leak.lock, flags);
	return end < nr ? end : 0;
}

static void sort_rows(struct leak_caller *rows, unsigned int nr)
{
	for (unsigned int i = 1; i < nr; i++) {
		struct leak_caller row = rows[i];
		unsigned int at = i;

		for (; at && rows[at - 1].bytes < row.bytes; at--)
			rows[at] = rows[at - 1];
		rows[at] = row;
	}
}

unsigned int leak_collect(struct leak_caller *rows, struct leak_sum *sum)
{
	unsigned int nr_rows = 0;
	uint32_t at = 0;

	ASSERT(!port_in_interrupt());
	*sum = (struct leak_sum){.nr = 0};
	vmalloc_purge();
	do
		at = collect_some(at, rows, &nr_rows, sum);
	while (at);
	sort_rows(rows, nr_rows);
	return nr_rows;
}

static void print_row(struct sink *out, const struct leak_caller *row)
{
	char code[64] = "(others)";

	if (row->caller)
		(void)port_code_name(row->caller, code, sizeof(code));
	sink_printf(out, "%10zu %7zu %6u.%03u %6u.%03u  %s\n", row->bytes, row->nr, row->first_ms / 1000,
		    row->first_ms % 1000, row->last_ms / 1000, row->last_ms % 1000, code);
}

void leak_report(struct sink *out)
{
	static struct leak_caller rows[LEAK_CALLERS + 1];
	struct leak_sum sum;
	unsigned int nr;

	if (!leak_is_on()) {
		sink_printf(out, "leak: no mark was set\n");
		return;
	}
	nr = leak_collect(rows, &sum);
	sink_printf(out, "leak: %zu allocations of %zu bytes since %u.%03u s did not come back\n", sum.nr,
		    sum.bytes, sum.since_ms / 1000, sum.since_ms % 1000);
	if (sum.nr_not_in_table)
		sink_printf(out, "leak: the table was full: up to %zu more are not in it\n",
			    sum.nr_not_in_table);
	if (sum.nr_cached)
		sink_printf(out, "leak: %zu pages of files are no leak: reclaim gives them back\n",
			    sum.nr_cached);
	if (nr)
		sink_printf(out, "     bytes   count    first s     last s  by\n");
	for (unsigned int i = 0; i < nr; i++)
		print_row(out, &rows[i]);
}
