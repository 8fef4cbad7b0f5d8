/* SPDX-License-Identifier: MIT */
/* What a crowd costs others: 2000 caches, 1000 waiters. How long a free and a creation take beside it, and in
 * a kernel built with IRQOFF=1 the longest stretch with interrupts off in whatever mm can be asked to do.
 * Waiters need no threads: one thread queues them all, and nobody wakes.
 *
 * Left out: reports of misuse, which print, and mm_validate, which stops the machine on purpose. */
#include <tests/bench/measure.h>

#include <kernel/arch/irqflags.h>
#include <kernel/core/console.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <mm/init.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/zone.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/vmscan.h>
#include <mm/reclaim/wait.h>
#include <mm/report/stats.h>
#include <tests/bench/held.h>

#define NR_CACHES  2000u
#define NR_WAITERS 1000u
#define NR_OBJECTS 256u

struct crowd {
	struct kmem_cache *cache[NR_CACHES];
	struct mem_waiter waiter[NR_WAITERS];
	void *object[NR_OBJECTS];
	struct page *page[NR_OBJECTS];
	unsigned int nr_caches, nr_waiters;
	struct held *held;
};

STATIC_ASSERT(sizeof(struct crowd) <= BENCH_SCRATCH_BYTES, "a crowd fits in the bench's scratch");

static struct crowd *crowd;

/* --- caches --- */

static struct kmem_cache *create_number(unsigned int n)
{
	char name[CACHE_NAME_MAX];

	snprintf(name, sizeof(name), "crowd-%u", n);
	return kmem_cache_create(name, 32 + n % 500, 0, 0, NULL);
}

/* Each open: it has parked an object. */
static bool create_caches(void)
{
	while (crowd->nr_caches < NR_CACHES) {
		struct kmem_cache *cache = create_number(crowd->nr_caches);

		if (!cache)
			return false;
		crowd->cache[crowd->nr_caches++] = cache;
		kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	}
	return true;
}

static void destroy_caches(void)
{
	while (crowd->nr_caches)
		kmem_cache_destroy(crowd->cache[--crowd->nr_caches]);
}

static void create_and_destroy(void)
{
	kmem_cache_destroy(create_number(NR_CACHES));
}

/* --- waiters --- */

static bool take_nothing(struct mem_waiter *waiter)
{
	(void)waiter;
	return false;
}

/* Of every kind: all zones and depths, orders that a single page does not serve, one in four an object. One in
 * ten wants a single page and is what frees serve. */
static void enter_number(unsigned int n)
{
	static const gfp_t zone[] = {GFP_NOWAIT, __GFP_DMA, __GFP_HIGHMEM};
	struct mem_waiter *waiter = &crowd->waiter[n];
	bool wants_one = n % 10 == 0, goes_deep = wants_one ? n % 20 : n % 2;
	gfp_t gfp = GFP_KERNEL | zone[n % 3] | (goes_deep ? __GFP_HIGH : GFP_NOWAIT);

	wait_init(waiter, gfp, wants_one ? 0 : 4 + n % (NR_ORDERS - 4));
	if (n % 4 == 3) {
		waiter->gfp |= __GFP_NO_GROW;
		waiter->take = take_nothing;
		waiter->objects = &crowd->cache[n % MAX(crowd->nr_caches, 1u)]->waiters;
	}
	wait_enter(waiter);
}

static void leave_all(void)
{
	while (crowd->nr_waiters) {
		struct mem_waiter *waiter = &crowd->waiter[--crowd->nr_waiters];

		if (wait_leave(waiter))
			__free_pages(waiter->page, waiter->order);
	}
}

/* Nothing is free but what the test holds in pages of its own. */
static void fill_up(void)
{
	for (unsigned int n = 0; n < NR_OBJECTS; n++) {
		struct page *pair = alloc_pages(GFP_ATOMIC, 1);

		if (pair)
			split_page(pair, 1);
		crowd->page[n] = pair;
		crowd->object[n] = pair ? pair + 1 : NULL; /* stays taken: a free page merges with nothing */
	}
	while (hold_largest(&crowd->held, GFP_ATOMIC | __GFP_NOWARN))
		continue;
	while (crowd->nr_waiters < NR_WAITERS)
		enter_number(crowd->nr_waiters++);
}

static void release(void)
{
	leave_all();
	release_held(&crowd->held);
	for (unsigned int n = 0; n < NR_OBJECTS; n++) {
		if (crowd->page[n])
			__free_page(crowd->page[n]);
		if (crowd->object[n])
			__free_page((struct page *)crowd->object[n]);
		crowd->page[n] = crowd->object[n] = NULL;
	}
}

static void free_one(void)
{
	for (unsigned int n = 0; n < NR_OBJECTS; n++)
		if (crowd->page[n]) {
			__free_page(crowd->page[n]);
			crowd->page[n] = NULL;
			return;
		}
}

static void crowd_begin(void)
{
	crowd = bench_scratch();
	memset(crowd, 0, sizeof(*crowd));
}

/* --- instructions --- */

static void free_among_waiters(const struct bench *bench)
{
	char mean[24];

	crowd_begin();
	if (!create_caches()) {
		destroy_caches();
		return;
	}
	bench_measure_reset();
	for (unsigned int n = 0; n < 100; n++) {
		uint32_t start = bench_tick();

		create_and_destroy();
		bench_note_op(&measure.alloc, bench_tick() - start);
	}
	fill_up();
	for (unsigned int n = 0; n < 100; n++) {
		uint32_t start = bench_tick();

		free_one();
		bench_note_op(&measure.free, bench_tick() - start);
	}
	release();
	destroy_caches();
	bench_print_op(bench->name, measure.free.nr, bench_ratio(measure.free.sum, measure.free.nr, mean),
		       &measure.free, NULL);
	bench_print_number(bench->name, "create_2000", measure.alloc.max);
}

/* --- interrupts off --- */

#ifdef MEASURE_IRQOFF
static void write_nothing(struct sink *sink, const char *text, size_t len)
{
	(void)sink, (void)text, (void)len;
}

static struct sink nowhere = {write_nothing};

static void reports(void)
{
	slabinfo_print(&nowhere);
	buddyinfo_print(&nowhere);
	pagetypeinfo_print(&nowhere);
	zoneinfo_print(&nowhere);
	meminfo_print(&nowhere);
	vmstat_print(&nowhere);
}

static void areas(void)
{
	static void *area[NR_OBJECTS];

	for (unsigned int n = 0; n < NR_OBJECTS; n++)
		area[n] = vmalloc(PAGE_SIZE * (1 + n % 40));
	vmallocinfo_print(&nowhere);
	for (unsigned int n = 0; n < NR_OBJECTS; n += 2)
		vfree(area[n]);
	for (unsigned int n = 1; n < NR_OBJECTS; n += 2)
		vfree(area[n]);
	vfree(vmalloc(MIB(8u)));
	vmalloc_purge();
}

static void sizes(void)
{
	for (size_t size = 8; size <= MIB(3u); size += size / 3) {
		void *object = kmalloc(size, GFP_KERNEL);

		object = krealloc(object, size + size / 4, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN) ?: object;
		kfree(object);
	}
}

static void orders(void)
{
	for (unsigned int order = 0; order < NR_ORDERS; order++) {
		struct page *page = alloc_pages(GFP_HIGHUSER | __GFP_ZERO, order);

		if (page)
			__free_pages(page, order);
		page = alloc_pages(GFP_KERNEL, order);
		if (page)
			split_page(page, order);
		for (unsigned int n = 0; page && n < 1u << order; n++)
			__free_page(page + n);
	}
}

static void exact_sizes(void)
{
	for (size_t pages = 1; pages <= 1u << MAX_PAGE_ORDER; pages += 1 + pages / 4)
		free_pages_exact(alloc_pages_exact(pages * PAGE_SIZE, GFP_KERNEL), pages * PAGE_SIZE);
}

static void burst(struct kmem_cache *cache)
{
	for (unsigned int n = 0; n < NR_OBJECTS; n++)
		crowd->object[n] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (unsigned int n = 0; n < NR_OBJECTS; n++) {
		kmem_cache_free(cache, crowd->object[(n * 37) % NR_OBJECTS]);
		crowd->object[(n * 37) % NR_OBJECTS] = NULL;
	}
}

/* The depot is used from the second burst on. */
static void many_objects(void)
{
	for (unsigned int n = 0; n < 3; n++)
		burst(crowd->cache[1]);
	(void)kmem_cache_shrink(crowd->cache[1]);
}

static void reclaim(void)
{
	drain_all_pages();
	(void)vmscan_reclaim(GFP_KERNEL, 1000);
}

static void init_on_and_off(void)
{
	mm_init_on(true, true);
	mm_init_on(false, false);
}

static void enter_and_leave(void)
{
	crowd->nr_waiters = 1;
	enter_number(0);
	leave_all();
}

static void frees_among_waiters(void)
{
	for (unsigned int n = 0; n < 100; n++)
		free_one();
}

static void failures_among_waiters(void)
{
	for (unsigned int order = 0; order < NR_ORDERS; order++)
		if (alloc_pages(GFP_ATOMIC | __GFP_NOWARN, order))
			return;
	if (kmem_cache_alloc(crowd->cache[2], GFP_ATOMIC | __GFP_NOWARN))
		return;
	if (alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN))
		return;
}

static uint32_t worst;

static void look_at(const struct bench *bench, const char *what, void (*work)(void))
{
	irqflags_t flags = irq_save();
	struct irqoff found;
	char key[40], code[64];

	irqoff.max_task = 0;
	irq_restore(flags);
	work();
	flags = irq_save();
	found = irqoff;
	irq_restore(flags);
	bench_print_number(bench->name, what, found.max_task);
	snprintf(key, sizeof(key), "%s.ended_at", what);
	bench_print_extra(bench->name, key, port_code_name(found.where, code, sizeof(code)));
	worst = MAX(worst, found.max_task);
}

static void irqoff_crowd(const struct bench *bench)
{
	crowd_begin();
	worst = 0;
	if (create_caches()) {
		look_at(bench, "create", create_and_destroy);
		look_at(bench, "reports", reports);
		look_at(bench, "areas", areas);
		look_at(bench, "sizes", sizes);
		look_at(bench, "orders", orders);
		look_at(bench, "exact", exact_sizes);
		look_at(bench, "objects", many_objects);
		look_at(bench, "reclaim", reclaim);
		look_at(bench, "init_on", init_on_and_off);
		look_at(bench, "one_waiter", enter_and_leave);
		look_at(bench, "waiters", fill_up);
		look_at(bench, "frees", frees_among_waiters);
		look_at(bench, "failures", failures_among_waiters);
		look_at(bench, "reports_again", reports);
		look_at(bench, "leave", release);
	}
	look_at(bench, "destroy", destroy_caches);
	sink_printf(console_sink(), "bench\t%s\t%u\t%u\t%u\t%u\n", bench->name, 1u, worst, worst, worst);
}
#endif

const struct bench bench_crowd[] = {
	{.name = "free_1000", .special = free_among_waiters},
#ifdef MEASURE_IRQOFF
	{.name = "irqoff_crowd", .special = irqoff_crowd, .by_name = true},
#endif
	{.name = NULL},
};
