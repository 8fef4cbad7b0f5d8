/* SPDX-License-Identifier: MIT */
/* The policy of page allocation: which zones, down to which floor, what is refused, and what is checked when
 * pages come back. The algorithm is buddy's.
 *
 * A1 the head of an allocated block has state ALLOCATED, its order, its zone, and refcount >= 1.
 * A2 no page inside an allocated block has a state, so that every wrong free is seen by comparing one word.
 *
 * A3 whoever makes pages of a zone free serves the waiters afterwards (wait_serve_zone()), zone->lock not held.
 *
 * A4 references are counted on one page, counting_page() of page_ref.c: of a block on its head, of an exact or large
 * allocation on its first; the owner's is one of them. Who drops the last frees the whole, whoever it is. An
 * owner that went before leaves PAGE_PINNED, so that nobody can give it back a second time.
 *
 * A5 a page of programs has a state of its own, which the fast paths do not take: so whoever drops its last
 * reference comes by here and uncounts it (U1).
 *
 * A6 the last reference to a page of a file is its mapping's, which takes the state away before it drops it. Flags
 * that holders set on the way out are cleared with the last of theirs.
 *
 * Lock: zone->lock around each buddy call; nothing sleeps or prints under it. */
#include <mm/pages/page_alloc.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>
#include <kernel/lib/format.h>
#include <mm/pages/above.h>
#include <mm/pages/buddy.h>
#include <mm/pages/user_page.h>

/* --- refusals and reports --- */

static COLD struct page *refuse(gfp_t gfp, unsigned int order, const void *caller, const char *why)
{
	static struct ratelimit limit;
	char flags[96], code[64], orders[32] = "";

	if (order > MAX_PAGE_ORDER)
		(void)snprintf(orders, sizeof(orders), "; orders are 0 to %d", MAX_PAGE_ORDER);
	if (ratelimit_ok(&limit))
		port_print(PORT_WARN, "%s: impossible page request by %s: %s (order:%u, mode:%#x(%s))%s",
			   port_task_name(), port_code_name(caller, code, sizeof(code)), why, order,
			   (__force unsigned int)gfp, gfp_names(gfp, flags, sizeof(flags)), orders);
	return NULL;
}

COLD void page_alloc_print_failure(gfp_t gfp, unsigned int order)
{
	static struct ratelimit limit;
	char flags[96], node[16] = "";
	struct zone *zone;

	if (!ratelimit_ok(&limit))
		return;
	port_print(PORT_WARN, "%s: page allocation failure: order:%u, mode:%#x(%s)", port_task_name(), order,
		   (__force unsigned int)gfp, gfp_names(gfp, flags, sizeof(flags)));
	for_each_zone(zone) {
		if (!zone_has_memory(zone))
			continue;
		if (node_map.nr_nodes > 1)
			(void)snprintf(node, sizeof(node), "node %u ", zone->node);
		port_print(PORT_INFO,
			   "%s%s free:%zukB min:%zukB low:%zukB high:%zukB managed:%zukB largest order:%d",
			   node, zone->name, zone->nr_free * 4, zone->wmark[WMARK_MIN] * 4,
			   zone->wmark[WMARK_LOW] * 4, zone->wmark[WMARK_HIGH] * 4, zone->managed * 4,
			   zone->nr_free ? (int)bit_highest(zone->lists[0].nonempty |
							    zone->lists[1].nonempty | zone->lists[2].nonempty)
					 : -1);
	}
}

COLD void page_alloc_print_owner(const struct page *page)
{
	char line[PAGE_OWNER_LINE_MAX];

	if (mm_watch & WATCH_OWNER)
		for (unsigned int n = 0; page_owner_line(page, n, line, sizeof(line)); n++)
			port_print(PORT_ERR, "  %s", line);
}

static COLD void report_bad_free(const struct page *page, unsigned int order, const void *caller)
{
	irqflags_t flags = irq_save(); /* so that nobody prints in between */
	char state[96], code[64];

	port_print(PORT_ERR,
		   "BUG: bad page free by %s: pfn %#x order %u: page is %s; expected the head of an "
		   "allocated block of order %u; nothing changed",
		   port_code_name(caller, code, sizeof(code)), page_to_pfn(page), order,
		   page_describe(page, state, sizeof(state)), order);
	page_alloc_print_owner(page);
	irq_restore(flags);
}

COLD void page_alloc_report_wild(const void *page, const void *caller)
{
	char code[64];

	port_print(PORT_ERR, "BUG: bad page free by %s: %#lx is no page descriptor; nothing changed",
		   port_code_name(caller, code, sizeof(code)), (unsigned long)page);
}

/* --- allocation --- */

/* A zone is left, or found, with less than `low`. */
static NOINLINE void note_short(struct zone *zone)
{
	if (!zone->slow)
		pcp_check_mode(zone);
	vmscan_wake();
}

/* A block from this zone that leaves `floor` pages free, or NULL. A zone with too little is passed by without
 * its lock: what is freed at this moment comes too late for this request, and finds the waiters. */
static inline struct page *zone_alloc(struct zone *zone, unsigned int order, enum mobility mobility,
				      size_t floor)
{
	size_t wanted = floor + ((size_t)1 << order);
	struct page *page = NULL;

	if (likely(READ_ONCE(zone->nr_free) >= wanted)) {
		irqflags_t flags = port_lock_irqsave(&zone->lock);

		if (likely(zone->nr_free >= wanted))
			page = order < PCP_ORDERS ? pcp_refill_locked(zone, order, mobility, floor)
						  : buddy_alloc_locked(zone, order, mobility);
		port_unlock_irqrestore(&zone->lock, flags);
	}
	ASSERT(!page || (page_is_owned(page, order) && page_zone(page) == zone)); /* A1 */
	if (unlikely(READ_ONCE(zone->nr_free) < zone->wmark[WMARK_LOW]))
		note_short(zone);
	return page;
}

struct page *page_alloc_try(gfp_t gfp, unsigned int order)
{
	enum zone_id highest = gfp_zone(gfp);
	struct zone *const *zone = gfp_zones(gfp);

	ASSERT(order <= MAX_PAGE_ORDER && !gfp_is_impossible(gfp));
	for (; *zone; zone++) {
		size_t floor = gfp_may_empty(gfp) ? 0 : zone_floor(*zone, highest);
		struct page *page = zone_alloc(*zone, order, gfp_mobility(gfp), floor);

		if (page)
			return page;
	}
	return NULL;
}

/* What is parked may be what is missing: pages of another mobility or order, or a buddy of a free block
 * (PCP-03). */
static bool drain_zones(gfp_t gfp)
{
	struct zone *const *zone = gfp_zones(gfp);
	size_t pages = 0;

	for (; *zone; zone++)
		if (!(*zone)->slow) /* C3: nothing is parked of one that is */
			pages += pcp_drain_zone(*zone);
	return pages != 0;
}

/* Low pages lie side by side in the direct map; high ones are reached one by one. */
static void clear_pages(const struct page *page, size_t nr_pages)
{
	ASSERT(nr_pages && page_to_pfn(page) + nr_pages <= mem_map_pages);
	if (!page_is_highmem(page)) {
		port_clear(low_page_address(page), nr_pages << PAGE_SHIFT);
		return;
	}
	for (; nr_pages; nr_pages--, page++)
		clear_highpage(page);
}

unsigned int mm_watch = WATCH_EARLY;

void page_alloc_set_init_on(bool alloc, bool free)
{
	mm_watch_set(WATCH_INIT_ALLOC, alloc);
	mm_watch_set(WATCH_INIT_FREE, free);
	pcp_close(SLOW_INIT_ON, alloc || free);
}

/* What the caller asked for beyond the pages themselves. */
static void prepare(struct page *page, gfp_t gfp, unsigned int order)
{
	ASSERT(page_is_owned(page, order)); /* A1 */
	if (gfp_has(gfp, __GFP_COMP) && order)
		page_set_state(page, PAGE_ALLOCATED, PAGE_COMPOUND);
	if (gfp_has(gfp, __GFP_ZERO))
		clear_pages(page, (size_t)1 << order);
}

/* What is there without waiting for anybody. */
static struct page *take_at_once(gfp_t gfp, unsigned int order)
{
	struct page *page = page_alloc_try(gfp, order);

	if (unlikely(!page) && drain_zones(gfp))
		page = page_alloc_try(gfp, order);
	return page;
}

static inline struct page *take_or_wait(gfp_t gfp, unsigned int order)
{
	struct page *page = NULL;

	if (likely(!retry_must_queue(gfp)))
		page = take_at_once(gfp, order);
	if (unlikely(!page) && gfp_has(gfp, __GFP_WAIT))
		page = retry_pages(gfp, order);
	return page;
}

/* Pages go to their owner: whoever watches sees them first. */
NOINLINE void page_alloc_show_taken(struct page *page, gfp_t gfp, unsigned int order, const void *caller)
{
	size_t nr_pages = (size_t)1 << order;

	ASSERT(page_is_head(page, PAGE_ALLOCATED, order)); /* A1 */
	if (mm_watch & WATCH_POISON)
		poison_check_pages(page, nr_pages, caller);
	if (mm_watch & WATCH_OWNER)
		page_owner_taken(page, order, gfp);
	if (mm_watch & WATCH_INIT_ALLOC && !gfp_has(gfp, __GFP_ZERO))
		clear_pages(page, nr_pages);
	if (mm_watch & WATCH_NODES)
		node_count(page_zone(page), gfp);
	pages_note(page, nr_pages, caller);
}

/* They come back: poison hides their contents as well as zeros do. */
static NOINLINE void show_freed(struct page *page, size_t nr_pages)
{
	if (mm_watch & WATCH_OWNER)
		page_owner_freed(page, nr_pages);
	if (mm_watch & WATCH_POISON)
		poison_fill_pages(page, nr_pages);
	else if (mm_watch & WATCH_INIT_FREE)
		clear_pages(page, nr_pages);
	pages_forget(page);
}

/* Past the per-CPU lists. */
static NOINLINE struct page *alloc_slow(gfp_t gfp, unsigned int order, const void *caller)
{
	struct page *page = NULL;

	if (unlikely(order > MAX_PAGE_ORDER))
		return refuse(gfp, order, caller, "no block is that large");
	if (unlikely(gfp_is_impossible(gfp)))
		return refuse(gfp, order, caller, gfp_why_impossible(gfp));
	gfp = gfp_check_context(gfp);
	if (!pages_must_fail(gfp, order, caller))
		page = take_or_wait(gfp, order);
	slow_path_done();
	if (unlikely(!page)) {
		page_alloc_report_failure(gfp, order);
		return NULL;
	}
	if (unlikely(mm_watch & WATCH_TAKEN))
		page_alloc_show_taken(page, gfp, order, caller);
	return page;
}

/* What only makes a difference to the page itself, once it is there. */
#define GFP_AFTERWARDS (__GFP_COMP | __GFP_ZERO)

/* From this CPU's lists, then from the zones. */
static inline struct page *pop_or_alloc(gfp_t gfp, unsigned int order)
{
	struct pcpu_stack *stack = pcp_stack_for(gfp, order);

	if (gfp_has(gfp, __GFP_WAIT) && port_debug_irqs_off())
		return page_pop_invalid(stack, gfp);
	return gfp_has(gfp, __GFP_WAIT) ? page_pop_wait(stack, gfp) : page_pop(stack, gfp);
}

/* The stack in front of the zone that the request tries first; NULL: it may try none. */
static struct pcpu_stack *stack_asked_for(gfp_t gfp, unsigned int order)
{
	const struct zone *first;

	if (likely(!gfp_has(gfp, GFP_NODE_BITS | __GFP_THISNODE)))
		return pcp_stack_for(gfp, order);
	first = *gfp_zones(gfp);
	return first ? pcp_of_block[order][ZONE_WHERE(first, gfp_mobility(gfp))] : NULL;
}

/* The same for flags that the fast path does not know: from the cold end, if that is asked for. */
static struct page *take_parked(gfp_t gfp, unsigned int order)
{
	struct pcpu_stack *stack;
	struct page *page;
	irqflags_t flags;

	if (order >= PCP_ORDERS || gfp_is_impossible(gfp) || !stack_asked_for(gfp, order))
		return NULL;
	flags = irq_save();
	stack = pcpu_stack_here(stack_asked_for(gfp, order));
	page = gfp_has(gfp, __GFP_COLD) ? pcp_take_cold(stack) : pcp_take_hot(stack);
	irq_restore(flags);
	return page;
}

static NOINLINE struct page *alloc_unusual(gfp_t gfp, unsigned int order, const void *caller)
{
	struct page *page;

	gfp = gfp_check_atomic(gfp);
	page = take_parked(gfp, order);
	return page ? page : alloc_slow(gfp, order, caller);
}

struct page *page_alloc_for(gfp_t gfp, unsigned int order, const void *caller)
{
	gfp_t plain = gfp & ~GFP_AFTERWARDS;
	struct page *page;

	page = likely(order < PCP_ORDERS && gfp_is_plain(plain) && !gfp_names_two(plain))
		       ? pop_or_alloc(plain, order)
		       : alloc_unusual(gfp, order, caller);
	if (page && gfp_has(gfp, GFP_AFTERWARDS))
		prepare(page, gfp, order);
	return page;
}

PCPU_CALL struct page *page_pop_slow(struct pcpu_stack *stack, gfp_t gfp)
{
	return alloc_slow(gfp, stack->order, RETURN_ADDRESS());
}

PCPU_CALL struct page *page_pop_invalid(struct pcpu_stack *stack, gfp_t gfp)
{
	if (!gfp_has(gfp, __GFP_WAIT) || port_check_may_sleep(__FILE__, __LINE__))
		return page_pop(stack, gfp);
	return page_pop(stack, gfp & ~GFP_PATIENCE);
}

struct page *alloc_pages_any(gfp_t gfp, unsigned int order)
{
	if (unlikely(!gfp_is_plain(gfp) || order >= PCP_ORDERS))
		return page_alloc_for(gfp, order, RETURN_ADDRESS());
	return pop_or_alloc(gfp, order);
}

gfp_t page_want_address(gfp_t gfp, const void *caller)
{
	static struct ratelimit limit;
	char code[64];

	if (likely(gfp_zone_bits(gfp) != gfp_zone_bits(__GFP_HIGHMEM)))
		return gfp;
	if (ratelimit_ok(&limit))
		port_print(PORT_WARN,
			   "__GFP_HIGHMEM by %s: high memory has no address; served from low memory",
			   port_code_name(caller, code, sizeof(code)));
	return gfp & ~__GFP_HIGHMEM;
}

static NOINLINE unsigned long get_unusual(gfp_t gfp, unsigned int order, const void *caller)
{
	struct page *page = page_alloc_for(page_want_address(gfp, caller), order, caller);

	return page ? (unsigned long)low_page_address(page) : 0;
}

/* Does the fast path serve it, from low memory? Of two mobilities only one gets there: a refusal names our
 * caller (K7). */
static inline bool is_plain_low(gfp_t gfp, unsigned int order)
{
	gfp_t other = ~GFP_PLAIN_BITS | __GFP_HIGHMEM | __GFP_RECLAIMABLE;

	return likely(!gfp_has(gfp, other) && order < PCP_ORDERS);
}

unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
	struct page *page;

	if (!is_plain_low(gfp, order))
		return get_unusual(gfp, order, RETURN_ADDRESS());
	page = pop_or_alloc(gfp, order);
	return page ? (unsigned long)low_page_address(page) : 0;
}

unsigned long get_zeroed_page(gfp_t gfp)
{
	struct page *page;
	void *addr;

	if (!is_plain_low(gfp, 0))
		return get_unusual(gfp | __GFP_ZERO, 0, RETURN_ADDRESS());
	page = pop_or_alloc(gfp, 0);
	if (unlikely(!page))
		return 0;
	addr = low_page_address(page);
	port_clear(addr, PAGE_SIZE);
	return (unsigned long)addr;
}

/* --- freeing --- */

/* To the zone, past the per-CPU lists. */
static void free_to_zone(struct page *page, unsigned int order)
{
	struct zone *zone = page_zone(page);
	irqflags_t flags;
	bool check_mode;

	/* A push that was sent back to its start may have left PERCPU behind. */
	ASSERT(page->state >= PAGE_PERCPU && page->order == order && page->refcount == 1);
	if (unlikely(mm_watch & WATCH_FREED))
		show_freed(page, (size_t)1 << order);
	flags = port_lock_irqsave(&zone->lock);
	buddy_free_locked(zone, page, order);
	check_mode = zone->slow && zone->nr_free >= zone->wmark[WMARK_HIGH];
	port_unlock_irqrestore(&zone->lock, flags);
	if (unlikely(check_mode))
		pcp_check_mode(zone);
	wait_serve_zone(zone);
	slow_path_done();
}

/* The list is full, or closed. */
void page_push_slow(struct page *page, struct pcpu_stack *stack)
{
	if (READ_ONCE(stack->limit))
		pcp_make_room(stack);
	free_to_zone(page, stack->order);
}

static inline void free_block(struct page *page, unsigned int order)
{
	if (order < PCP_ORDERS)
		page_push(page, pcp_of_block[order][page->where]);
	else
		free_to_zone(page, order);
}

/* The blocks of an exact allocation: those that the bits of its size name, the largest first. */
static void free_pieces(struct page *page)
{
	size_t nr_pages = page->private;

	while (nr_pages) {
		unsigned int order = page->order;
		struct page *next = page + (1u << order);

		ASSERT(page_to_pfn(page) % (1u << order) == 0); /* B1 */
		ASSERT(page->state >= PAGE_LARGE && order == bit_highest((uint32_t)nr_pages));
		ASSERT(page->refcount == 1); /* A4 */
		free_block(page, order);
		page = next;
		nr_pages -= (size_t)1 << order;
	}
}

/* A4: what the last reference held. */
static void free_whole(struct page *head)
{
	ASSERT(head->state >= PAGE_ALLOCATED && head->state != PAGE_SLAB && head->state != PAGE_PIECE);
	head->refcount = 1; /* C1, A1: at no time is it 0 */
	head->flags = 0;    /* A6 */
	if (unlikely(head->state == PAGE_PINNED)) {
		free_pieces(head);
		return;
	}
	if (head->state == PAGE_USER)
		user_page_uncount(head); /* A5 */
	free_block(head, head->order);
}

/* Of a single reference nobody else can take or drop another. */
void page_drop_reference(struct page *head)
{
	ASSERT(READ_ONCE(head->refcount) >= 1); /* A1 */
	if (__atomic_load_n(&head->refcount, __ATOMIC_ACQUIRE) == 1 ||
	    __atomic_sub_fetch(&head->refcount, 1, __ATOMIC_ACQ_REL) == 0)
		free_whole(head);
}

static inline bool may_be_freed(const struct page *page, unsigned int order)
{
	return page_is_head(page, PAGE_ALLOCATED, order) || page_is_head(page, PAGE_COMPOUND, order) ||
	       page_is_head(page, PAGE_USER, order);
}

static NOINLINE void free_pages_for(struct page *page, unsigned int order, const void *caller)
{
	if (unlikely(!page_is_descriptor(page)))
		page_alloc_report_wild(page, caller);
	else if (unlikely(order > MAX_PAGE_ORDER || !may_be_freed(page, order)))
		report_bad_free(page, order, caller);
	else
		page_drop_reference(page);
}

void free_pages_any(struct page *page, unsigned int order)
{
	free_pages_for(page, order, RETURN_ADDRESS());
}

void free_page_0(struct page *page)
{
	if (likely(page_is_descriptor(page) && page_is_owned(page, 0)))
		page_push(page, pcp_of_block[0][page->where]);
	else
		free_pages_any(page, 0);
}

void free_pages_small(struct page *page, unsigned int order)
{
	if (likely(page_is_descriptor(page) && page_is_owned(page, order)))
		page_push(page, pcp_of_block[order][page->where]);
	else
		free_pages_any(page, order);
}

static COLD NOINLINE void report_no_page_address(const void *addr, const void *caller)
{
	char code[64];

	port_print(
		PORT_ERR,
		"BUG: bad page free by %s: %#lx is not the address of a page of low memory; nothing changed",
		port_code_name(caller, code, sizeof(code)), (unsigned long)addr);
}

static inline bool is_page_address(const void *addr)
{
	return virt_is_direct(addr) && IS_ALIGNED((uintptr_t)addr, PAGE_SIZE);
}

/* All ways out are tail jumps: who is named in a report is our caller. */
static ALWAYS_INLINE void free_at(const void *start, unsigned int order)
{
	struct page *page;

	if (unlikely(!is_page_address(start))) {
		if (start)
			report_no_page_address(start, RETURN_ADDRESS());
		return;
	}
	page = virt_to_page(start);
	if (likely(order < PCP_ORDERS && page_is_owned(page, order)))
		page_push(page, pcp_of_block[order][page->where]);
	else
		free_pages_any(page, order);
}

void free_page_at(unsigned long addr)
{
	free_at((const void *)addr, 0);
}

void free_pages_at(unsigned long addr, unsigned int order)
{
	free_at((const void *)addr, order);
}

#define RANGE_BLOCKS 3u /* freed under one lock */

/* --- exact sizes ---
 * n pages of a block of order k are the blocks that the bits of n name, largest first, each aligned to its
 * own size. The first of them carries the owner's flag and n. */

unsigned int get_order(unsigned long size_bytes)
{
	size_t pages = (size_bytes >> PAGE_SHIFT) + ((size_bytes & ~PAGE_MASK) != 0);

	return log2_ceil((uint32_t)MIN(pages, (size_t)1 << 31));
}

/* Make heads of the pieces of the first nr pages. */
static void mark_pieces(struct page *first, size_t nr_pages)
{
	struct page *page = first;
	uint8_t where = page->where;
	enum page_state state = PAGE_ALLOCATED;

	while (nr_pages) {
		unsigned int order = bit_highest((uint32_t)nr_pages);

		ASSERT(page == first || page->head == PAGE_INTERIOR); /* A2 */
		page->head = PAGE_HEAD(state, order, where);
		state = PAGE_PIECE;
		page->refcount = 1;
		page->private = (uintptr_t)first;
		page += 1u << order;
		nr_pages -= (size_t)1 << order;
	}
}

/* Pages [start, end) of the zone, heads or not and nobody's, come free. */
static void free_range(struct zone *zone, pfn_t start, pfn_t end)
{
	ASSERT(start >= zone->start_pfn && start <= end && end <= zone->end_pfn); /* B4 */
	while (start < end) {
		irqflags_t flags = port_lock_irqsave(&zone->lock);

		for (unsigned int n = 0; n < RANGE_BLOCKS && start < end; n++)
			start = buddy_free_first_locked(zone, start, end);
		port_unlock_irqrestore(&zone->lock, flags);
	}
	wait_serve_zone(zone);
}

/* The block stays one for everybody else until its rest is free: nobody looks inside. */
static NOINLINE void trim_block(struct page *page, size_t nr_pages, unsigned int order)
{
	pfn_t pfn = page_to_pfn(page);

	ASSERT(page_is_owned(page, order) && nr_pages < (size_t)1 << order);
	mark_pieces(page, nr_pages);
	if (unlikely(mm_watch & WATCH_FREED))
		show_freed(page + nr_pages, ((size_t)1 << order) - nr_pages);
	free_range(page_zone(page), pfn + (pfn_t)nr_pages, pfn + (1u << order));
}

struct page *page_alloc_exact(size_t nr_pages, gfp_t gfp, enum page_state state, const void *caller)
{
	unsigned int order = log2_ceil((uint32_t)nr_pages);
	struct page *page = page_alloc_for(gfp & ~(__GFP_COMP | __GFP_ZERO), order, caller);

	if (!page)
		return NULL;
	if (nr_pages != (size_t)1 << order) {
		trim_block(page, nr_pages, order);
		pages_note(page, nr_pages, caller);
	}
	ASSERT(page_is_owned(page, bit_highest((uint32_t)nr_pages)));
	page_set_state(page, PAGE_ALLOCATED, state);
	page->private = nr_pages;
	if (gfp_has(gfp, __GFP_ZERO))
		clear_pages(page, nr_pages);
	return page;
}

/* The only reference is the caller's, and who holds none can add none: no atomic decrement. */
void page_free_exact(struct page *page)
{
	ASSERT((page->state == PAGE_LARGE || page->state == PAGE_EXACT) && page->private); /* A4 */
	if (likely(READ_ONCE(page->refcount) == 1)) {
		free_pieces(page);
		return;
	}
	page->state = PAGE_PINNED;
	page_drop_reference(page);
}

void *alloc_pages_exact(size_t size_bytes, gfp_t gfp)
{
	const void *caller = RETURN_ADDRESS();
	struct page *page;

	gfp = page_want_address(gfp, caller);
	if (size_bytes == 0 || get_order(size_bytes) > MAX_PAGE_ORDER)
		return refuse(gfp, get_order(size_bytes), caller,
			      size_bytes ? "no block is that large" : "0 bytes");
	page = page_alloc_exact(DIV_ROUND_UP(size_bytes, PAGE_SIZE), gfp, PAGE_EXACT, caller);
	return page ? low_page_address(page) : NULL;
}

void free_pages_exact(void *addr, size_t size_bytes)
{
	const void *caller = RETURN_ADDRESS();
	struct page *page;

	if (!addr)
		return;
	if (!is_page_address(addr)) {
		report_no_page_address(addr, caller);
		return;
	}
	page = virt_to_page(addr);
	if (page->state != PAGE_EXACT || page->private != DIV_ROUND_UP(size_bytes, PAGE_SIZE))
		report_bad_free(page, get_order(size_bytes), caller);
	else
		page_free_exact(page);
}

void split_page(struct page *page, unsigned int order)
{
	if (!page_is_head(page, PAGE_ALLOCATED, order)) {
		report_bad_free(page, order, RETURN_ADDRESS());
		return;
	}
	page->order = 0; /* first: at no time are there heads inside a block (A2) */
	pages_note(page, 1, RETURN_ADDRESS());
	for (pfn_t i = 1; i < 1u << order; i++) {
		ASSERT(page[i].head == PAGE_INTERIOR); /* A2 */
		page[i].refcount = 1;
		page[i].head = PAGE_HEAD(PAGE_ALLOCATED, 0, page->where);
		pages_note(&page[i], 1, RETURN_ADDRESS());
	}
}

/* --- counting and adding --- */

size_t nr_free_pages_below(enum zone_id highest)
{
	struct zone *zone;
	size_t nr = 0;

	for_each_zone(zone)
		if (zone->id <= highest)
			nr += zone->nr_free + pcp_parked_pages(zone);
	return nr;
}

void drain_all_pages(void)
{
	struct zone *zone;

	for_each_zone(zone)
		if (zone_has_memory(zone))
			pcp_drain_zone(zone);
}

size_t nr_free_pages(void)
{
	return nr_free_pages_below(ZONE_HIGHMEM);
}

uint64_t page_alloc_add_range(pfn_t start, pfn_t end)
{
	struct zone *zone;
	uint64_t added = 0;

	for (pfn_t to; start < end && (zone = zone_of_pfn(start)) != NULL; start = to) {
		irqflags_t flags = port_lock_irqsave(&zone->lock);

		to = node_run_end(node_map_find(start), MIN(end, zone->end_pfn));
		zone->managed += to - start;
		ASSERT(zone->managed <= zone->present); /* Z1 */
		port_unlock_irqrestore(&zone->lock, flags);
		free_range(zone, start, to);
		added += to - start;
	}
	return added;
}
