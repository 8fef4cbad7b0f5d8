/* SPDX-License-Identifier: MIT */
/* Reclaim. A pass goes once through the shrinkers, taking each from the head of the list and putting it at
 * its end, so that the next pass begins where this one stopped. Lock: vmscan.lock for list and counts; never
 * held while a shrinker runs. */
#include <mm/reclaim/vmscan.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/above.h>
#include <mm/reclaim/events.h>
#include <mm/reclaim/reserve.h>
#include <mm/reclaim/scope.h>

#define SHRINK_BATCH	  64u
#define CACHE_BATCH	  32u  /* pages of files, at least: others will want some */
#define BACKGROUND_PAGES  64u  /* wanted from one pass */
#define BACKGROUND_PASSES 16u  /* in a row, before others run */
#define HOPELESS_PASSES	  16u  /* that freed nothing, before it gives up */
#define REST_MS		  1u   /* then */
#define PAUSE_MS	  100u /* after one that freed nothing */
#define RESERVE_PAGES	  4u
#define TRY_EVERY	  64u /* passes, of one whose frees went elsewhere */

/* A thread that is inside a shrinker, on its stack. */
struct shrinker_call {
	struct port_thread *thread;
	struct list_head link; /* (L) of shrinker->calls */
};

static struct {
	struct port_lock lock;
	struct list_head shrinkers; /* (L) */
	unsigned int nr_shrinkers;  /* (L) */
	struct port_thread *thread; /* (C) in the background; NULL: there is none */
	struct reserve reserve;
} vmscan = {.lock = {.name = "vmscan"}, .shrinkers = LIST_HEAD_INIT(vmscan.shrinkers)};

bool vmscan_is_awake = true; /* until there is a thread */

/* --- shrinkers --- */

void register_shrinker(struct shrinker *shrinker)
{
	irqflags_t flags = port_lock_irqsave(&vmscan.lock);

	ASSERT(shrinker->count && shrinker->scan && !port_in_interrupt());
	list_init(&shrinker->calls);
	shrinker->leaving = NULL;
	shrinker->elsewhere = shrinker->nr_passed_by = 0;
	list_add(&shrinker->link, &vmscan.shrinkers);
	vmscan.nr_shrinkers++;
	port_unlock_irqrestore(&vmscan.lock, flags);
}

unsigned int vmscan_nr_shrinkers(void)
{
	return READ_ONCE(vmscan.nr_shrinkers);
}

static bool others_are_inside(const struct shrinker *shrinker)
{
	irqflags_t flags = port_lock_irqsave(&vmscan.lock);
	const struct shrinker_call *call;
	bool others = false;

	list_for_each_entry(call, &shrinker->calls, link)
		others |= call->thread != port_current();
	port_unlock_irqrestore(&vmscan.lock, flags);
	return others;
}

void unregister_shrinker(struct shrinker *shrinker)
{
	irqflags_t flags = port_lock_irqsave(&vmscan.lock);

	ASSERT(!port_in_interrupt());
	ASSERT(vmscan.nr_shrinkers && !shrinker->leaving); /* it was registered, once */
	list_del(&shrinker->link);
	vmscan.nr_shrinkers--;
	WRITE_ONCE(shrinker->leaving, port_current());
	port_unlock_irqrestore(&vmscan.lock, flags);
	while (others_are_inside(shrinker))
		port_park();
}

/* The next to be asked, with a hold on it; NULL: there is none. */
static struct shrinker *next_shrinker(struct shrinker_call *call)
{
	irqflags_t flags = port_lock_irqsave(&vmscan.lock);
	struct shrinker *shrinker = NULL;

	if (!list_is_empty(&vmscan.shrinkers)) {
		shrinker = list_first_entry(&vmscan.shrinkers, struct shrinker, link);
		ASSERT(vmscan.nr_shrinkers && !shrinker->leaving);
		list_del(&shrinker->link);
		list_add_tail(&shrinker->link, &vmscan.shrinkers);
		call->thread = port_current();
		list_add(&call->link, &shrinker->calls);
	}
	port_unlock_irqrestore(&vmscan.lock, flags);
	return shrinker;
}

/* Once it is let go, whoever unregisters it may free it. */
static void let_go(struct shrinker *shrinker, struct shrinker_call *call)
{
	irqflags_t flags = port_lock_irqsave(&vmscan.lock);
	struct port_thread *leaving = shrinker->leaving;

	ASSERT(call->thread == port_current() && !list_is_empty(&shrinker->calls));
	list_del(&call->link);
	if (leaving)
		port_unpark(leaving);
	port_unlock_irqrestore(&vmscan.lock, flags);
}

/* V4: what frees bring is seen in the zones themselves. */
struct growth {
	size_t inside, outside; /* free pages of the zones that are short, and of the others */
	size_t served;		/* waiters, who take what is freed before anybody can count it */
};

static struct growth growth_begin(uint32_t short_zones)
{
	struct growth now = {.served = READ_ONCE(mm_event_count[EVENT_SERVED])};
	const struct zone *zone;

	for_each_zone(zone)
		if (!zone_has_memory(zone))
			continue;
		else if (short_zones >> zone->index & 1)
			now.inside += READ_ONCE(zone->nr_free) + pcp_parked_pages(zone);
		else
			now.outside += READ_ONCE(zone->nr_free) + pcp_parked_pages(zone);
	return now;
}

/* Did what was freed since then go to the zones that are short, or at least to no others? */
static bool growth_helps(const struct growth *before, uint32_t short_zones)
{
	struct growth now = growth_begin(short_zones);

	return now.inside > before->inside || now.served != before->served || now.outside <= before->outside;
}

/* Its frees went elsewhere: it is tried again now and then, for what it holds changes. */
static bool is_left_alone(struct shrinker *shrinker, uint32_t short_zones)
{
	uint32_t elsewhere = READ_ONCE(shrinker->elsewhere);

	ASSERT(scope_is_reclaim()); /* V3 */
	return (short_zones & ~elsewhere) == 0 &&
	       __atomic_add_fetch(&shrinker->nr_passed_by, 1, __ATOMIC_RELAXED) % TRY_EVERY != 0;
}

/* V2: in batches, no more than it says it has, until one frees nothing or it was unregistered. */
static size_t shrink_one(struct shrinker *shrinker, gfp_t gfp, size_t wanted, uint32_t short_zones)
{
	size_t left, freed = 0;

	if (gfp_has(shrinker->needs, ~gfp) || is_left_alone(shrinker, short_zones))
		return 0;
	left = MIN(shrinker->count(shrinker, gfp), MAX(wanted, (size_t)SHRINK_BATCH));
	while (left && !READ_ONCE(shrinker->leaving)) {
		struct growth before = growth_begin(short_zones);
		size_t batch = MIN(left, (size_t)SHRINK_BATCH), some = shrinker->scan(shrinker, batch, gfp);

		ASSERT(scope_is_reclaim()); /* V3: it did not end ours */
		if (some == 0 || some == SHRINK_STOP)
			break;
		if (!growth_helps(&before, short_zones)) {
			__atomic_or_fetch(&shrinker->elsewhere, short_zones, __ATOMIC_RELAXED);
			break;
		}
		if ((short_zones & ~READ_ONCE(shrinker->elsewhere)) == 0) /* no longer */
			__atomic_and_fetch(&shrinker->elsewhere, ~short_zones, __ATOMIC_RELAXED);
		freed += some;
		left -= batch;
	}
	return freed;
}

static size_t shrink_all(gfp_t gfp, size_t wanted, uint32_t short_zones)
{
	size_t freed = 0;

	for (unsigned int left = READ_ONCE(vmscan.nr_shrinkers); left && freed < wanted; left--) {
		struct shrinker_call call;
		struct shrinker *shrinker = next_shrinker(&call);

		if (!shrinker)
			break;
		freed += shrink_one(shrinker, gfp, wanted - freed, short_zones);
		let_go(shrinker, &call);
	}
	return freed;
}

/* What the slab layer parks and keeps empty; counted only when it helps. */
static size_t reclaim_slabs(uint32_t short_zones)
{
	struct growth before = growth_begin(short_zones);
	size_t freed = slab_reclaim();

	return growth_helps(&before, short_zones) ? freed : 0;
}

static size_t reclaim(gfp_t gfp, size_t nr_pages, uint32_t short_zones)
{
	unsigned int before;
	size_t freed;

	ASSERT(!port_in_interrupt());
	if (scope_is_reclaim())
		return 0;
	before = scope_save(SCOPE_RECLAIM);
	ASSERT(!before); /* V3: nobody reclaims inside */
	freed = reclaim_slabs(short_zones);
	if (freed < nr_pages)
		freed += cache_reclaim(gfp, MAX(nr_pages - freed, (size_t)CACHE_BATCH), short_zones);
	if (freed < nr_pages)
		freed += shrink_all(gfp, nr_pages - freed, short_zones);
	freed += reclaim_slabs(short_zones); /* what shrinkers freed may have emptied slabs */
	(void)reserve_fill(&vmscan.reserve);
	scope_restore(SCOPE_RECLAIM, before);
	mm_event_add(EVENT_RECLAIM, 1);
	mm_event_add(EVENT_RECLAIMED, freed);
	return freed;
}

static enum reclaim_for kind_of(gfp_t gfp)
{
	return !gfp_has(gfp, __GFP_IO) ? FOR_NOIO : gfp_has(gfp, __GFP_FS) ? FOR_KERNEL : FOR_NOFS;
}

size_t vmscan_reclaim(gfp_t gfp, size_t nr_pages)
{
	unsigned int kind = (unsigned int)kind_of(gfp) << SCOPE_FOR_SHIFT, before;
	const struct zone *zone;
	uint32_t zones_of_gfp = 0;
	size_t freed;

	ASSERT(port_may_sleep() && nr_pages); /* V1 */
	for_each_zone(zone)
		if (zone->id <= gfp_zone(gfp) &&
		    (!gfp_has(gfp, __GFP_THISNODE) || zone->node == gfp_node(gfp)))
			zones_of_gfp |= 1u << zone->index;
	before = scope_save(kind);
	freed = reclaim(gfp, nr_pages, zones_of_gfp);
	scope_restore(kind, before);
	return freed;
}

struct page *vmscan_reserve_take(void)
{
	return reserve_take(&vmscan.reserve);
}

void vmscan_init(void)
{
	reserve_init(&vmscan.reserve, "reclaim", RESERVE_PAGES);
	(void)reserve_fill(&vmscan.reserve);
}

/* --- in the background --- */

void vmscan_wake_slow(void)
{
	if (__atomic_exchange_n(&vmscan_is_awake, true, __ATOMIC_ACQ_REL))
		return;
	ASSERT(vmscan.thread); /* without one it is awake for ever */
	mm_event_add(EVENT_BACKGROUND_WAKE, 1);
	port_unpark(vmscan.thread);
}

/* Result: a bit for the index of each. */
static uint32_t zones_below(enum watermark mark)
{
	const struct zone *zone;
	uint32_t below = 0;

	for_each_zone(zone)
		if (zone_has_memory(zone) && zone->nr_free + pcp_parked_pages(zone) < zone->wmark[mark])
			below |= 1u << zone->index;
	return below;
}

/* Up to `high` everywhere, the reserve full, however little each pass frees. When one frees nothing, nobody
 * is asked again for a while. Result: is it done? */
static bool balance(void)
{
	for (unsigned int pass = 1, nr_hopeless = 0; nr_hopeless < HOPELESS_PASSES; pass++) {
		uint32_t short_zones = zones_below(WMARK_HIGH);
		bool is_hopeless;

		if (!short_zones)
			return reserve_fill(&vmscan.reserve);
		is_hopeless = reclaim(GFP_KERNEL, BACKGROUND_PAGES, short_zones) == 0;
		nr_hopeless += is_hopeless;
		if (is_hopeless || pass % BACKGROUND_PASSES == 0)
			port_park_for(is_hopeless ? PAUSE_MS : REST_MS);
	}
	return false;
}

/* Asleep first, then the look: a wake-up in between is remembered by the park, and a request that came while
 * it was still awake is seen by the look. */
NORETURN void vmscan_background(void)
{
	bool is_done = true;

	ASSERT(port_may_sleep());
	vmscan.thread = port_current();
	for (;;) {
		WRITE_ONCE(vmscan_is_awake, false);
		if (!is_done || !zones_below(WMARK_LOW))
			port_park();
		WRITE_ONCE(vmscan_is_awake, true);
		is_done = balance();
	}
}
