/* SPDX-License-Identifier: MIT */
/* The sweep's paths where memory is short: waiting for pages and objects, serving who waits, giving up,
 * reclaim, the last page, reserves, closing all lists, waking the background reclaimer, killing.
 *
 * At the edge: ordinary requests get nothing, the handler still some, and a gift of 2^GIFT_ORDER pages lies
 * ready. Whoever waits is served when the handler, the thread beside or this one gives the gift. It is larger
 * than what the handler may keep, so that it always serves. While the reclaimer is held it sleeps, whoever
 * wakes it, so that only those run that the path is about. */
#include <tests/kernel/sweep.h>

#include <kernel/core/thread.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/oom.h>
#include <mm/reclaim/reserve.h>
#include <mm/reclaim/vmscan.h>
#include <mm/reclaim/wait.h>
#include <tests/kernel/step.h>
#include <tests/kernel/test_util.h>

#define GIFT_ORDER    4u
#define SPARE_PAGES   32u /* above `high`, so that the handler does not lead below it */
#define OBJECT_BYTES  700u
#define MAX_PER_SLAB  16u
#define RESERVE_PAGES 2u
#define MARK_BYTES    64u

static struct {
	struct list_head hog, short_hog;
	struct page *gift, *got;
	struct mem_waiter first, waiter;
	struct kmem_cache *cache;
	void *objects[MAX_PER_SLAB], *object; /* those of the one slab */
	struct shrinker shrinker;
	struct page *kept; /* by the shrinker */
	struct reserve reserve;
	unsigned int nr_scans;
	struct port_thread *main;
} slow;

/* --- the edge --- */

static struct zone *first_zone(void)
{
	return *near_zones[ZONE_NORMAL];
}

static bool reclaimer_sleeps(void)
{
	for (unsigned int i = 0; i < 300 && READ_ONCE(vmscan_is_awake); i++)
		msleep(10);
	return !READ_ONCE(vmscan_is_awake);
}

/* Asleep, it is held by calling it awake: nobody wakes it then. */
static bool hold_reclaimer(void)
{
	bool sleeps = reclaimer_sleeps();

	WRITE_ONCE(vmscan_is_awake, true);
	return sleeps;
}

static void let_reclaimer_go(void)
{
	WRITE_ONCE(vmscan_is_awake, false);
}

/* Once: by the handler, or the thread beside, or this one. */
static void give_gift(void)
{
	irqflags_t flags = irq_save();
	struct page *gift = slow.gift;

	slow.gift = NULL;
	irq_restore(flags);
	if (gift)
		__free_pages(gift, GIFT_ORDER);
}

static void retake_gift(void)
{
	if (!slow.gift)
		slow.gift = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, GIFT_ORDER);
	sweep_expect(slow.gift != NULL);
}

/* At the floor; what lies below it includes a block of the gift's order for the handler's needs, which must
 * not cut up the gift. */
static bool hog_to_edge(void)
{
	struct page *room = alloc_pages(GFP_ATOMIC, GIFT_ORDER), *page;

	slow.gift = alloc_pages(GFP_ATOMIC, GIFT_ORDER);
	list_init(&slow.hog);
	hog_to_floor(&slow.hog, ZONE_NORMAL);
	for (unsigned int i = 0; i < 1u << GIFT_ORDER; i++) {
		page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
		if (page)
			list_add(&page->links, &slow.hog);
	}
	if (room)
		__free_pages(room, GIFT_ORDER);
	return room && slow.gift && page;
}

static void leave_edge(void)
{
	give_gift();
	hog_release(&slow.hog);
	sweep_partner_stop();
	let_reclaimer_go();
}

static bool enter_edge(void)
{
	if (hold_reclaimer() && sweep_partner_start() && hog_to_edge())
		return true;
	leave_edge();
	return false;
}

static void mark(struct page *page)
{
	if (page)
		memset(page_address(page), 0x5a, MARK_BYTES);
}

static void free_marked(struct page *page)
{
	sweep_expect(page && memory_is(page_address(page), 0x5a, MARK_BYTES));
	if (page)
		__free_page(page);
}

/* --- waiting for pages --- */

static void partner_will_give(void)
{
	sweep_partner_will(give_gift);
}

static void ask_for_page(void)
{
	slow.got = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	mark(slow.got);
}

static void give_back_page(void)
{
	sweep_partner_settle();
	free_marked(slow.got);
	retake_gift();
}

/* One that asks and may be killed while it waits. */
static void partner_asks(void)
{
	ask_for_page();
	current->is_killed = false;
	current->should_stop = false;
}

static void partner_waits(void)
{
	sweep_partner_will(partner_asks);
	sweep_partner_settle();
}

static void give_and_yield(void)
{
	give_gift();
	yield();
}

/* W2: if the gift was given, the waiter has some of it. */
static void enter_and_look(void)
{
	irqflags_t flags;

	wait_init(&slow.waiter, GFP_KERNEL, 0);
	wait_enter(&slow.waiter);
	flags = irq_save();
	sweep_expect(slow.gift || wait_is_served(&slow.waiter));
	irq_restore(flags);
}

static void enter_and_leave(void)
{
	enter_and_look();
	(void)wait_leave(&slow.waiter);
}

/* W4: served or not, there is a page or none. */
static void finish_waiter(void)
{
	sweep_partner_settle();
	sweep_expect(slow.waiter.is_served == (slow.waiter.page != NULL));
	if (slow.waiter.page) {
		slow.waiter.page->refcount = 1;
		__free_page(slow.waiter.page);
	}
	retake_gift();
}

/* One who waits for what never comes: all lists are closed before anybody else comes and after he goes. */
static bool enter_behind(void)
{
	if (!enter_edge())
		return false;
	wait_init(&slow.first, GFP_KERNEL, MAX_PAGE_ORDER);
	wait_enter(&slow.first);
	return true;
}

static void leave_behind(void)
{
	sweep_expect(!wait_leave(&slow.first));
	leave_edge();
}

/* The end of its time looks like this to a waiter: somebody wakes it who did not serve it. */
static void partner_wakes_waiter(void)
{
	port_unpark(slow.main);
}

/* An unpark may be remembered from when the last waiter was served before it slept. */
static void partner_will_wake(void)
{
	current->is_unparked = false;
	slow.main = port_current();
	sweep_partner_will(partner_wakes_waiter);
}

static void enter_sleep_and_leave(void)
{
	enter_and_look();
	if (!wait_is_served(&slow.waiter))
		port_park();
	(void)wait_leave(&slow.waiter);
}

static void kill_waiter(void)
{
	thread_kill(sweep_partner());
	yield();
}

static void finish_killed(void)
{
	sweep_partner_settle();
	if (slow.got)
		free_marked(slow.got);
}

/* --- another waiter beside --- */

static struct mem_waiter rival_waiter;

static void rival_enters(void)
{
	wait_init(&rival_waiter, GFP_KERNEL, 0);
	wait_enter(&rival_waiter);
}

/* W4, as above. */
static void rival_leaves(void)
{
	bool is_served = wait_leave(&rival_waiter);

	sweep_expect(is_served == (rival_waiter.page != NULL));
	if (rival_waiter.page) {
		rival_waiter.page->refcount = 1;
		__free_page(rival_waiter.page);
	}
}

static const struct rival_use rival_queues = {rival_enters, rival_leaves};

/* --- waiting for objects --- */

/* One slab, all its objects in use, and the edge. */
static bool enter_objects(void)
{
	slow.cache = kmem_cache_create("sweep-waited", OBJECT_BYTES, 0, 0, NULL);
	if (!slow.cache || slow.cache->per_slab > MAX_PER_SLAB)
		return false;
	for (unsigned int i = 0; i < slow.cache->per_slab; i++)
		slow.objects[i] = kmem_cache_alloc(slow.cache, GFP_KERNEL);
	return enter_edge();
}

static void leave_objects(void)
{
	for (unsigned int i = 0; i < slow.cache->per_slab; i++)
		kmem_cache_free(slow.cache, slow.objects[i]);
	kmem_cache_destroy(slow.cache);
	leave_edge();
}

static void give_object(void)
{
	kmem_cache_free(slow.cache, slow.objects[0]);
}

static void partner_will_give_object(void)
{
	sweep_partner_will(give_object);
}

static void ask_for_object(void)
{
	slow.object = kmem_cache_alloc(slow.cache, GFP_KERNEL | __GFP_NOWARN);
	if (slow.object)
		memset(slow.object, 0x5a, MARK_BYTES);
}

static bool is_of_first_slab(const void *object)
{
	return virt_to_page(object)->slab == virt_to_page(slow.objects[1])->slab;
}

/* What was got may be of a new slab, and the object given still free: then that one is taken again. */
static void retake_object(void)
{
	void *others[MAX_PER_SLAB + 1];
	unsigned int nr = 0;

	sweep_partner_settle();
	sweep_expect(slow.object && memory_is(slow.object, 0x5a, MARK_BYTES));
	while (slow.object && !is_of_first_slab(slow.object) && nr <= MAX_PER_SLAB) {
		others[nr++] = slow.object;
		slow.object = kmem_cache_alloc(slow.cache, GFP_ATOMIC | __GFP_NOWARN);
	}
	slow.objects[0] = slow.object;
	while (nr)
		kmem_cache_free(slow.cache, others[--nr]);
}

static void partner_waits_for_object(void)
{
	sweep_partner_will(ask_for_object);
	sweep_partner_settle();
}

static void give_object_and_yield(void)
{
	give_object();
	yield();
}

/* --- reclaim --- */

static size_t count_kept(struct shrinker *shrinker, gfp_t gfp)
{
	(void)shrinker;
	(void)gfp;
	return slow.kept != NULL;
}

static size_t scan_kept(struct shrinker *shrinker, size_t nr, gfp_t gfp)
{
	(void)shrinker;
	(void)nr;
	(void)gfp;
	slow.nr_scans++;
	__free_page(slow.kept);
	slow.kept = NULL;
	return 1;
}

static bool enter_reclaim(void)
{
	slow.shrinker = (struct shrinker){.name = "sweep", .count = count_kept, .scan = scan_kept};
	return true;
}

/* There are empty slabs, and the reserve is not full. */
static void prepare_reclaim(void)
{
	struct page *page = vmscan_reserve_take();

	slow.nr_scans = 0;
	slow.kept = alloc_page(GFP_KERNEL);
	kfree(kmalloc(OBJECT_BYTES, GFP_KERNEL));
	if (page)
		__free_page(page);
}

static void run_reclaim(void)
{
	register_shrinker(&slow.shrinker);
	(void)vmscan_reclaim(GFP_KERNEL, 1u << MAX_PAGE_ORDER);
	unregister_shrinker(&slow.shrinker);
}

static void finish_reclaim(void)
{
	sweep_expect(slow.nr_scans == 1 && !slow.kept);
}

static void also_take_reclaims_page(void)
{
	struct page *page = vmscan_reserve_take();

	mark(page);
	if (page)
		free_marked(page);
}

/* The handler took from it after it was filled. */
static void refill_reclaims_pages(void)
{
	finish_reclaim();
	(void)vmscan_reclaim(GFP_KERNEL, 1);
}

static struct page *take_from_reserve(void)
{
	return reserve_take(&slow.reserve);
}

static bool enter_reserve(void)
{
	reserve_init(&slow.reserve, "sweep", RESERVE_PAGES);
	return reserve_fill(&slow.reserve);
}

static void leave_reserve(void)
{
	struct page *page;

	while ((page = take_from_reserve()) != NULL)
		__free_page(page);
	list_del(&slow.reserve.all);
}

static void run_reserve(void)
{
	slow.got = take_from_reserve();
	mark(slow.got);
	(void)reserve_fill(&slow.reserve);
}

/* The handler keeps what it took, nobody else may have it; and fills the reserve, which has room for no more.
 */
static void also_take_from_reserve(void)
{
	if (slow.kept)
		return;
	slow.kept = take_from_reserve();
	if (slow.kept)
		memset(page_address(slow.kept), 0x77, MARK_BYTES);
	(void)reserve_fill(&slow.reserve);
}

static void finish_reserve(void)
{
	if (slow.got)
		free_marked(slow.got);
	if (slow.kept) {
		sweep_expect(memory_is(page_address(slow.kept), 0x77, MARK_BYTES));
		__free_page(slow.kept);
	}
	slow.kept = NULL;
	sweep_expect(reserve_fill(&slow.reserve));
}

/* --- the last page --- */

static bool enter_last_page(void)
{
	struct page *last = alloc_page(GFP_ATOMIC);
	bool holds = hold_reclaimer();

	list_init(&slow.hog);
	hog_all(&slow.hog);
	if (last)
		__free_page(last);
	return holds && last;
}

static void leave_last_page(void)
{
	hog_release(&slow.hog);
	let_reclaimer_go();
}

static void take_last_page(void)
{
	slow.got = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
	mark(slow.got);
}

static void free_last_page(void)
{
	if (slow.got)
		free_marked(slow.got);
	slow.got = NULL;
}

static void take_last_object(void)
{
	slow.object = kmalloc(OBJECT_BYTES, GFP_ATOMIC | __GFP_NOWARN);
	if (slow.object)
		memset(slow.object, 0x5a, OBJECT_BYTES);
}

static void free_last_object(void)
{
	sweep_expect(!slow.object || memory_is(slow.object, 0x5a, OBJECT_BYTES));
	kfree(slow.object);
}

/* --- closing and opening --- */

static void park_some(void)
{
	for (unsigned int order = 0; order < 4; order += 3) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		__free_pages(page, order);
	}
	kfree(kmalloc(OBJECT_BYTES, GFP_KERNEL));
}

static void close_and_open(void)
{
	const struct kmem_cache *cache;

	pcp_close(SLOW_ON_DEMAND, true);
	slab_close_all(SLOW_ON_DEMAND, true);
	sweep_expect(pcp_parked_pages(first_zone()) == 0);
	list_for_each_entry(cache, slab_caches(), caches)
		sweep_expect(cache->stack.count == 0);
	slab_close_all(SLOW_ON_DEMAND, false);
	pcp_close(SLOW_ON_DEMAND, false);
}

static void expect_open(void)
{
	sweep_expect(!first_zone()->slow);
}

/* --- the background reclaimer --- */

static bool enter_background(void)
{
	struct zone *zone = first_zone();

	list_init(&slow.hog);
	list_init(&slow.short_hog);
	hog_zone(&slow.hog, zone, zone->wmark[WMARK_HIGH] + SPARE_PAGES);
	return reclaimer_sleeps();
}

static void leave_background(void)
{
	hog_release(&slow.hog);
}

static void hog_to_low(void)
{
	sweep_expect(!vmscan_is_awake);
	hog_zone(&slow.short_hog, first_zone(), first_zone()->wmark[WMARK_LOW]);
}

/* The reclaimer is woken, looks, finds that what is missing came back, and sleeps again. */
static void leave_low(void)
{
	slow.got = alloc_page(GFP_ATOMIC);
	hog_release(&slow.short_hog);
	mark(slow.got);
	yield();
}

/* Who looked while the rival held more than is to spare looks again in a while: that takes ticks. */
static void give_back_low(void)
{
	sweep_partner_settle();
	if (vmscan_is_awake)
		step_quiet(false);
	sweep_expect(reclaimer_sleeps());
	free_marked(slow.got);
}

/* --- out of memory --- */

static size_t hold_one(void *unused)
{
	(void)unused;
	return 1;
}

static void become_expendable(void)
{
	thread_set_expendable(hold_one, NULL);
}

static bool enter_oom(void)
{
	if (!sweep_partner_start())
		return false;
	sweep_partner_will(become_expendable);
	sweep_partner_settle();
	expect_reports();
	return true;
}

static void run_oom(void)
{
	sweep_expect(oom_kill(GFP_KERNEL, 0));
}

static void revive_victim(void)
{
	sweep_expect(sweep_partner()->is_killed);
	sweep_partner()->is_killed = false;
	sweep_partner()->should_stop = false;
	sweep_partner_settle();
}

/* --- the table --- */

KTEST_SWEEP(sweep, wait_for_page, "C3 C4 BUD-13", enter_edge, leave_edge, partner_will_give, ask_for_page,
	    give_back_page, NULL, &rival_queues)
KTEST_SWEEP(sweep, wait_for_page_of_handler, "C3 C4 BUD-13", enter_edge, leave_edge, partner_will_give,
	    ask_for_page, give_back_page, give_gift, &rival_queues)
KTEST_SWEEP(sweep, wait_and_leave, "C3 C4 BUD-13", enter_edge, leave_edge, sweep_nothing, enter_and_leave,
	    finish_waiter, NULL, &rival_queues)
KTEST_SWEEP(sweep, wait_sleep_and_leave, "C3 C4 BUD-13", enter_edge, leave_edge, partner_will_wake,
	    enter_sleep_and_leave, finish_waiter, NULL, &rival_queues)
KTEST_SWEEP(sweep, wait_behind_and_leave, "C3 C4 BUD-13", enter_behind, leave_behind, sweep_nothing,
	    enter_and_leave, finish_waiter, give_gift, &rival_queues)
KTEST_SWEEP(sweep, wait_behind_sleep_and_leave, "C3 C4 BUD-13", enter_behind, leave_behind, partner_will_wake,
	    enter_sleep_and_leave, finish_waiter, give_gift, &rival_queues)
KTEST_SWEEP(sweep, wait_killed, "C3 C4 BUD-13", enter_edge, leave_edge, partner_waits, kill_waiter,
	    finish_killed, NULL, &rival_queues)
KTEST_SWEEP(sweep, page_free_serves, "C3 C4 BUD-13", enter_edge, leave_edge, partner_waits, give_and_yield,
	    give_back_page, NULL, &rival_queues)
KTEST_SWEEP(sweep, page_free_serves_late, "C3 C4 BUD-13", enter_edge, leave_edge, partner_waits,
	    give_and_yield, give_back_page, give_gift, &rival_queues)
KTEST_SWEEP(sweep, wait_for_object, "C3 C4 BUD-13", enter_objects, leave_objects, partner_will_give_object,
	    ask_for_object, retake_object, NULL, &rival_queues)
KTEST_SWEEP(sweep, object_free_serves, "C3 C4 BUD-13", enter_objects, leave_objects, partner_waits_for_object,
	    give_object_and_yield, retake_object, NULL, &rival_queues)
KTEST_SWEEP(sweep, reclaim, "R1 R3 C4 BUD-13", enter_reclaim, NULL, prepare_reclaim, run_reclaim,
	    refill_reclaims_pages, also_take_reclaims_page, NULL)
KTEST_SWEEP(sweep, reserve, "R3 C4 BUD-13", enter_reserve, leave_reserve, sweep_nothing, run_reserve,
	    finish_reserve, also_take_from_reserve, NULL)
KTEST_SWEEP(sweep, last_page_alloc, "G2 C4 BUD-13", enter_last_page, leave_last_page, sweep_nothing,
	    take_last_page, free_last_page, NULL, NULL)
KTEST_SWEEP(sweep, last_page_free, "G2 C4 BUD-13", enter_last_page, leave_last_page, take_last_page,
	    free_last_page, sweep_nothing, NULL, NULL)
KTEST_SWEEP(sweep, last_page_object, "G2 C4 BUD-13", enter_last_page, leave_last_page, sweep_nothing,
	    take_last_object, free_last_object, NULL, NULL)
KTEST_SWEEP(sweep, close_and_open, "C3 C4 BUD-13", NULL, NULL, park_some, close_and_open, expect_open, NULL,
	    NULL)
KTEST_SWEEP(sweep, background_wake, "R1 C4 BUD-13", enter_background, leave_background, hog_to_low, leave_low,
	    give_back_low, NULL, NULL)
KTEST_SWEEP(sweep, oom_kill, "R4 C4 BUD-13", enter_oom, sweep_partner_stop, sweep_nothing, run_oom,
	    revive_victim, NULL, NULL)
