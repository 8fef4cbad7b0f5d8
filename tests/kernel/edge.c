/* SPDX-License-Identifier: MIT */
/* See edge.h. The hog and the stock are changed by their own threads and by whoever reclaims: the stock under
 * its lock, the hog by the hog alone. */
#include <tests/kernel/edge.h>

#include <kernel/arch/clock.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/vmscan.h>
#include <mm/reclaim/wait.h>
#include <mm/report/validate.h>
#include <tests/ktest.h>

#define STOCK_PAGES	   48u
#define VICTIM_PAGES	   120u
#define VICTIM_EVERY_MS	   2000u /* so that killing stays rare */
#define HOG_STEP	   64u	 /* pages at a time */
#define REST_YIELDS	   12u
#define LONG_HOLD_MS	   700u /* of everything: until somebody is killed */
#define LONG_HOLDS_IN	   96u	/* one of so many phases */
#define VALIDATE_EVERY_NTH 16u	/* look */
#define MAX_THREADS	   40u

static struct {
	struct thread *hog_thread, *stock_thread, *watchdog, *victim;
	struct list_head hog, stock, victims_pages;
	size_t nr_hogged, nr_stock, nr_held;
	struct spinlock lock; /* of the stock */
	struct shrinker shrinker;
	struct random random;
	struct edge_ask *const *asks;
	struct edge_ask victims_ask;
	unsigned int nr_asks;
	volatile bool victim_ended;
	struct thread *looked_for; /* of the watchdog, as is_queued */
	bool is_queued;
	uint64_t next_victim_ms;
	struct edge_counts counts;
} edge;

/* --- what is asked for --- */

static void ask(struct edge_ask *ask, gfp_t gfp, unsigned int order, struct kmem_cache *cache)
{
	ask->thread = current;
	ask->gfp = gfp;
	ask->order = order;
	ask->cache = cache;
	ask->since_ms = clock_now_ms();
	barrier();
	ask->is_asking = true;
}

void edge_ask_pages(struct edge_ask *asked, gfp_t gfp, unsigned int order)
{
	ask(asked, gfp, order, NULL);
}

void edge_ask_cache(struct edge_ask *asked, gfp_t gfp, struct kmem_cache *cache)
{
	ask(asked, gfp, cache->order, cache);
}

void edge_ask_kmalloc(struct edge_ask *asked, gfp_t gfp, size_t size_bytes)
{
	if (size_bytes > KMALLOC_MAX_CACHE_SIZE)
		edge_ask_pages(asked, gfp, get_order(size_bytes));
	else
		edge_ask_cache(asked, gfp,
			       kmalloc_caches[gfp_has(gfp, __GFP_DMA)][kmalloc_class(size_bytes)]);
}

void edge_got(struct edge_ask *asked)
{
	asked->is_asking = false;
	asked->longest_ms = MAX(asked->longest_ms, clock_now_ms() - asked->since_ms);
}

/* --- the hog --- */

static struct zone *first_zone(void)
{
	return *near_zones[ZONE_NORMAL];
}

static void hog_down_to(size_t target)
{
	for (unsigned int i = 0; i < HOG_STEP && nr_free_pages_below(ZONE_NORMAL) > target; i++) {
		struct page *page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);

		if (!page)
			break;
		list_add(&page->links, &edge.hog);
		edge.nr_hogged++;
	}
	edge.counts.most_hogged = MAX(edge.counts.most_hogged, edge.nr_hogged);
	edge.counts.least_free = MIN(edge.counts.least_free, nr_free_pages_below(ZONE_NORMAL));
}

static void hog_up_to(size_t target)
{
	for (unsigned int i = 0; i < HOG_STEP && edge.nr_hogged; i++) {
		struct page *page = list_first_entry(&edge.hog, struct page, links);

		if (nr_free_pages_below(ZONE_NORMAL) >= target)
			break;
		list_del(&page->links);
		edge.nr_hogged--;
		__free_page(page);
	}
}

static size_t pick_target(void)
{
	const size_t *wmark = first_zone()->wmark;
	uint32_t dice = random_below(&edge.random, 16);

	if (dice == 0)
		return 0;
	if (dice < 11)
		return wmark[WMARK_MIN] - 8 + random_below(&edge.random, 16);
	return dice < 14 ? wmark[WMARK_LOW] : wmark[WMARK_HIGH] + random_below(&edge.random, 64);
}

static int hog_run(void *unused)
{
	(void)unused;
	while (!kthread_should_stop()) {
		bool is_long = random_below(&edge.random, LONG_HOLDS_IN) == 0;
		size_t target = is_long ? 0 : pick_target();
		uint64_t end = clock_now_ms() + (is_long ? LONG_HOLD_MS : 4 + random_below(&edge.random, 40));

		while (clock_now_ms() < end && !kthread_should_stop()) {
			hog_down_to(target);
			hog_up_to(target);
			msleep(1 + random_below(&edge.random, 6));
		}
	}
	hog_up_to(~(size_t)0);
	while (edge.nr_hogged)
		hog_up_to(~(size_t)0);
	return 0;
}

/* --- the stock --- */

static struct page *take_of_stock(void)
{
	struct page *page = NULL;
	irqflags_t flags;

	flags = spin_lock_irqsave(&edge.lock);
	if (edge.nr_stock) {
		page = list_first_entry(&edge.stock, struct page, links);
		list_del(&page->links);
		edge.nr_stock--;
	}
	spin_unlock_irqrestore(&edge.lock, flags);
	return page;
}

static size_t count_stock(struct shrinker *shrinker, gfp_t gfp)
{
	(void)shrinker;
	(void)gfp;
	return edge.nr_stock;
}

static size_t scan_stock(struct shrinker *shrinker, size_t nr, gfp_t gfp)
{
	struct page *page;
	size_t given = 0;

	(void)shrinker;
	page = alloc_page(gfp | __GFP_NOWARN); /* V3: of the last ones, or the reserve */
	if (page)
		__free_page(page);
	while (given < nr && (page = take_of_stock()) != NULL) {
		__free_page(page);
		given++;
	}
	edge.counts.nr_shrunk += given;
	return given;
}

static int stock_run(void *unused)
{
	(void)unused;
	while (!kthread_should_stop()) {
		struct page *page =
			edge.nr_stock < STOCK_PAGES ? alloc_page(GFP_NOWAIT | __GFP_NOWARN) : NULL;
		irqflags_t flags;

		if (!page) {
			msleep(8);
			continue;
		}
		flags = spin_lock_irqsave(&edge.lock);
		list_add(&page->links, &edge.stock);
		edge.nr_stock++;
		spin_unlock_irqrestore(&edge.lock, flags);
	}
	return 0;
}

/* --- who may be killed --- */

static size_t victim_holds(void *unused)
{
	(void)unused;
	return edge.nr_held;
}

static int victim_run(void *unused)
{
	struct page *page, *next;

	(void)unused;
	thread_set_expendable(victim_holds, NULL);
	while (!kthread_should_stop()) {
		edge_ask_pages(&edge.victims_ask, GFP_KERNEL, 0);
		page = edge.nr_held < VICTIM_PAGES ? alloc_page(GFP_KERNEL | __GFP_NOWARN) : NULL;
		edge_got(&edge.victims_ask);
		if (page) {
			list_add(&page->links, &edge.victims_pages);
			edge.nr_held++;
		}
		msleep(4);
	}
	list_for_each_entry_safe(page, next, &edge.victims_pages, links)
		__free_page(page);
	list_init(&edge.victims_pages);
	edge.nr_held = 0;
	thread_set_expendable(NULL, NULL);
	edge.victim_ended = true;
	return 0;
}

static bool victim_begin(void)
{
	struct thread *thread = kthread_create(victim_run, NULL, "edge-victim");

	if (IS_ERR(thread))
		return false;
	thread_get(thread);
	edge.victim_ended = false;
	edge.victim = thread;
	edge.counts.nr_victims++;
	wake_up_process(thread);
	return true;
}

static void victim_end(void)
{
	if (!edge.victim)
		return;
	(void)kthread_stop(edge.victim);
	thread_put(edge.victim);
	edge.victim = NULL;
}

void edge_tend(void)
{
	if (edge.victim && edge.victim_ended)
		victim_end();
	if (!edge.victim && clock_now_ms() >= edge.next_victim_ms && victim_begin())
		edge.next_victim_ms = clock_now_ms() + VICTIM_EVERY_MS;
}

/* --- the watchdog --- */

static bool zone_would_serve(const struct zone *zone, const struct edge_ask *asked)
{
	size_t floor = gfp_has(asked->gfp, __GFP_HIGH) ? 0 : zone_floor(zone, gfp_zone(asked->gfp));
	uint32_t nonempty = 0;

	for (unsigned int type = 0; type < NR_MOBILITY; type++)
		nonempty |= zone->lists[type].nonempty;
	return zone->nr_free >= floor + ((size_t)1 << asked->order) && nonempty >> asked->order;
}

static bool would_be_served(const struct edge_ask *asked)
{
	struct zone *const *zone = gfp_zones(asked->gfp);

	if (asked->cache && (asked->cache->stack.count || !list_is_empty(&asked->cache->partial)))
		return true;
	for (; *zone; zone++)
		if (zone_would_serve(*zone, asked))
			return true;
	return false;
}

static void compare_waiter(const struct mem_waiter *waiter)
{
	edge.is_queued |= waiter->thread == (struct port_thread *)edge.looked_for;
}

static bool is_queued(struct thread *thread)
{
	edge.looked_for = thread;
	edge.is_queued = false;
	wait_for_each(compare_waiter);
	return edge.is_queued;
}

static void look_at(const struct edge_ask *asked)
{
	bool queued;

	if (!asked->is_asking || READ_ONCE(asked->thread->state) != TASK_PARKED)
		return;
	edge.counts.nr_seen++;
	queued = is_queued(asked->thread);
	if ((!queued || would_be_served(asked)) && edge.counts.nr_forgotten++ < 3)
		ktest_note("%s sleeps for order %u of %s, is %s, %zu pages are free", asked->thread->name,
			   asked->order, asked->cache ? asked->cache->name : "the zones",
			   queued ? "queued" : "served", first_zone()->nr_free);
}

/* Interrupts off. */
static bool is_at_rest(void)
{
	struct thread_info rows[MAX_THREADS];
	unsigned int nr = MIN(threads_snapshot(rows, MAX_THREADS), MAX_THREADS), nr_ready = 0;

	for (unsigned int i = 0; i < nr; i++)
		nr_ready += rows[i].is_ready;
	return nr_ready <= 2; /* this one and idle */
}

static void note_violation(struct sink *sink, const char *text, size_t len)
{
	(void)sink;
	ktest_note("%.*s", (int)len, text);
}

static void validate(void)
{
	struct sink notes = {note_violation};

	edge.counts.nr_validations++;
	edge.counts.nr_violations += mm_validate(edge.counts.nr_violations ? NULL : &notes);
}

/* Result: was everybody asleep, so that it counts? */
static bool look(void)
{
	irqflags_t flags = irq_save();
	bool rests = is_at_rest();

	if (rests) {
		for (unsigned int i = 0; i < edge.nr_asks; i++)
			look_at(edge.asks[i]);
		look_at(&edge.victims_ask);
		if (edge.counts.nr_looks % VALIDATE_EVERY_NTH == 0)
			validate();
	}
	irq_restore(flags);
	return rests;
}

static int watch_run(void *unused)
{
	(void)unused;
	while (!kthread_should_stop()) {
		bool rests = look();

		for (unsigned int i = 0; i < REST_YIELDS && !rests; i++) {
			yield();
			rests = look();
		}
		edge.counts.nr_looks++;
		edge.counts.nr_rests += rests;
		msleep(1);
	}
	return 0;
}

/* --- the whole --- */

static struct thread *start(int (*run)(void *), const char *name)
{
	struct thread *thread = kthread_run(run, NULL, "%s", name);

	return IS_ERR(thread) ? NULL : thread;
}

bool edge_begin(struct edge_ask *const *asks, unsigned int nr)
{
	memset(&edge, 0, sizeof(edge));
	edge.asks = asks;
	edge.nr_asks = nr;
	edge.random.state = 815;
	edge.counts.least_free = ~(size_t)0;
	list_init(&edge.hog);
	list_init(&edge.stock);
	list_init(&edge.victims_pages);
	spin_lock_init(&edge.lock, "edge stock");
	edge.shrinker = (struct shrinker){.name = "edge-stock", .count = count_stock, .scan = scan_stock};
	register_shrinker(&edge.shrinker);
	edge.watchdog = start(watch_run, "edge-watchdog");
	edge.stock_thread = start(stock_run, "edge-stock");
	edge_tend();
	edge.hog_thread = start(hog_run, "edge-hog");
	return edge.watchdog && edge.stock_thread && edge.hog_thread && edge.victim;
}

void edge_end(void)
{
	struct thread *threads[] = {edge.hog_thread, edge.stock_thread, edge.watchdog};
	struct page *page;

	for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
		if (threads[i])
			(void)kthread_stop(threads[i]);
	victim_end();
	unregister_shrinker(&edge.shrinker);
	while ((page = take_of_stock()) != NULL)
		__free_page(page);
}

struct edge_counts edge_counts(void)
{
	return edge.counts;
}
