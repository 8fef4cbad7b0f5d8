/* SPDX-License-Identifier: MIT */
/* The soak: everything at once for many ticks, with memory at its edge (edge.h). Threads, a timer, a tasklet,
 * the timer of the APIC and the serial line as hard interrupts, and a thread that reads serial input, as far
 * as there is any, all allocate and free at random: pages of all orders and zones, objects of all sizes,
 * exact pages, zeroed ones, caches made and destroyed. Threads sleep for what they ask, handlers take the
 * last page. Whoever holds something has written into it and looks again before giving it back.
 *
 * Each worker has its own random numbers and its own things, so that nothing here needs a lock. Suites soak
 * (`make soak`: 60,000 ticks) and soak_short; neither belongs to `all`. */
#include <tests/ktest.h>

#include <drivers/serial.h>
#include <kernel/arch/apic.h>
#include <kernel/core/irq.h>
#include <kernel/core/mutex.h>
#include <kernel/core/softirq.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <mm/objects/slab_internal.h>
#include <mm/reclaim/events.h>
#include <tests/kernel/edge.h>
#include <tests/kernel/test_util.h>

#define SOAK_TICKS	 60000u
#define SOAK_SHORT_TICKS 1500u
#define NR_THREADS	 5u
#define NR_THINGS	 16u
#define MARKED_BYTES	 8u
#define SERIAL_IRQ	 4
#define VECTOR		 ((uint8_t)IRQ_VECTOR(APIC_TIMER_IRQ))

enum context {
	HARD_IRQ,
	SERIAL_IN_IRQ,
	TASKLET,
	TIMER,
	SERIAL,
	FIRST_THREAD,
	NR_CONTEXTS = FIRST_THREAD + NR_THREADS
};
enum kind { NOTHING, OBJECT, OF_CACHE, PAGES, HIGH_PAGE, EXACT };

struct thing {
	void *what;
	enum kind kind;
	uint32_t size; /* bytes, or order */
};

struct worker {
	struct random random;
	struct thing things[NR_THINGS];
	uint32_t nr_got, nr_refused;
	struct edge_ask ask;
};

static struct {
	struct thread *thread[NR_THREADS], *reader;
	struct kmem_cache *cache;
	struct mutex mutex;
	struct timer_list timer;
	struct tasklet_struct tasklet;
	uint32_t nr_caches, nr_damaged, nr_bytes;
	size_t events[NR_MM_EVENTS]; /* before */
	struct edge_ask *asks[NR_CONTEXTS - SERIAL];
	volatile bool stop;
} soak;

static struct worker *workers; /* NR_CONTEXTS */

static const char *const context_names[NR_CONTEXTS] = {"hard irq",	"serial irq", "tasklet",  "timer",
						       "serial reader", "thread 0",   "thread 1", "thread 2",
						       "thread 3",	"thread 4"};

/* --- things --- */

static gfp_t pick_flags(struct worker *worker, bool may_sleep)
{
	static const gfp_t sleeping[] = {GFP_KERNEL, GFP_KERNEL, GFP_NOIO, GFP_NOFS, GFP_KERNEL | __GFP_ZERO};
	static const gfp_t atomic[] = {GFP_ATOMIC, GFP_ATOMIC, GFP_NOWAIT, GFP_ATOMIC | __GFP_ZERO};
	gfp_t gfp = may_sleep ? sleeping[random_below(&worker->random, ARRAY_SIZE(sleeping))]
			      : atomic[random_below(&worker->random, ARRAY_SIZE(atomic))];

	if (may_sleep && random_below(&worker->random, 4))
		gfp |= random_below(&worker->random, 8) ? __GFP_NORETRY : __GFP_REPEAT;
	return gfp | __GFP_NOWARN | (random_below(&worker->random, 16) == 0 ? __GFP_DMA : GFP_NOWAIT);
}

static struct thing take(struct worker *worker, gfp_t gfp)
{
	static const enum kind kinds[] = {OBJECT, OBJECT, OBJECT, OF_CACHE, PAGES, PAGES, HIGH_PAGE, EXACT};
	struct thing thing = {.kind = kinds[random_below(&worker->random, ARRAY_SIZE(kinds))]};
	unsigned int largest = random_below(&worker->random, 64) ? 3u : 10u;
	struct edge_ask *ask = &worker->ask;

	if (thing.kind == OBJECT) {
		thing.size =
			8 + random_below(&worker->random, random_below(&worker->random, 8) ? 512 : 20000);
		edge_ask_kmalloc(ask, gfp, thing.size);
		thing.what = kmalloc(thing.size, gfp);
	} else if (thing.kind == OF_CACHE) {
		thing.size = 200;
		edge_ask_cache(ask, gfp & ~__GFP_DMA, soak.cache);
		thing.what = kmem_cache_alloc(soak.cache, gfp & ~__GFP_DMA);
	} else if (thing.kind == PAGES) {
		thing.size = random_below(&worker->random, largest);
		edge_ask_pages(ask, gfp, thing.size);
		thing.what = (void *)__get_free_pages(gfp, thing.size);
	} else if (thing.kind == HIGH_PAGE) {
		gfp = (gfp & ~(__GFP_DMA | __GFP_ZERO)) | __GFP_HIGHMEM | __GFP_MOVABLE;
		edge_ask_pages(ask, gfp, 0);
		thing.what = alloc_pages(gfp, 0);
	} else {
		thing.size = (1 + random_below(&worker->random, 12)) << PAGE_SHIFT;
		edge_ask_pages(ask, gfp, get_order(thing.size));
		thing.what = alloc_pages_exact(thing.size, gfp);
	}
	edge_got(ask);
	return thing;
}

static void give(struct worker *worker, struct thing *thing)
{
	uint8_t mark = (uint8_t)(uintptr_t)thing;

	(void)worker;
	if (thing->kind != HIGH_PAGE && !memory_is(thing->what, mark, MARKED_BYTES))
		soak.nr_damaged++;
	if (thing->kind == OBJECT)
		kfree(thing->what);
	else if (thing->kind == OF_CACHE)
		kmem_cache_free(soak.cache, thing->what);
	else if (thing->kind == PAGES)
		free_pages((unsigned long)thing->what, thing->size);
	else if (thing->kind == HIGH_PAGE)
		__free_page(thing->what);
	else
		free_pages_exact(thing->what, thing->size);
	*thing = (struct thing){0};
}

static void work(enum context context, bool may_sleep)
{
	struct worker *worker = &workers[context];
	struct thing *thing = &worker->things[random_below(&worker->random, NR_THINGS)];

	if (thing->what) {
		give(worker, thing);
		return;
	}
	*thing = take(worker, pick_flags(worker, may_sleep));
	if (!thing->what)
		worker->nr_refused++;
	else
		worker->nr_got++;
	if (thing->what && thing->kind != HIGH_PAGE)
		memset(thing->what, (uint8_t)(uintptr_t)thing, MARKED_BYTES);
}

static void give_all(enum context context)
{
	for (unsigned int i = 0; i < NR_THINGS; i++)
		if (workers[context].things[i].what)
			give(&workers[context], &workers[context].things[i]);
}

/* --- contexts --- */

static irqreturn_t work_in_irq(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	work(HARD_IRQ, false);
	if (!soak.stop)
		apic_timer_oneshot(20000 + random_below(&workers[HARD_IRQ].random, 2000000), VECTOR);
	return IRQ_HANDLED;
}

/* Beside the driver's own handler; the line is busy in both directions. */
static irqreturn_t work_in_serial_irq(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	work(SERIAL_IN_IRQ, false);
	return IRQ_HANDLED;
}

static void work_in_tasklet(unsigned long unused)
{
	(void)unused;
	for (unsigned int i = 0; i < 3; i++)
		work(TASKLET, false);
}

static void work_in_timer(unsigned long unused)
{
	(void)unused;
	work(TIMER, false);
	tasklet_schedule(&soak.tasklet);
	if (!soak.stop)
		mod_timer(&soak.timer, jiffies + 1 + random_below(&workers[TIMER].random, 3));
}

static int read_serial(void *unused)
{
	(void)unused;
	while (!kthread_should_stop()) {
		if (serial_getchar_poll() < 0) {
			msleep(8);
			continue;
		}
		soak.nr_bytes++;
		work(SERIAL, true);
	}
	return 0;
}

static void make_and_destroy_cache(struct worker *worker)
{
	struct kmem_cache *cache;
	void *object;

	cache = kmem_cache_create("soak-made", 8 + random_below(&worker->random, 4000), 0, 0, NULL);
	if (!cache)
		return;
	object = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOWARN);
	if (object)
		kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	soak.nr_caches++;
}

static void do_something_else(struct worker *worker, enum context context)
{
	switch (random_below(&worker->random, 64)) {
	case 0:
		msleep(1 + random_below(&worker->random, 12));
		break;
	case 1:
		yield();
		break;
	case 2:
		mutex_lock(&soak.mutex);
		if (random_below(&worker->random, 8) == 0)
			make_and_destroy_cache(worker);
		work(context, true);
		mutex_unlock(&soak.mutex);
		break;
	case 3:
		if (random_below(&worker->random, 64) == 0)
			drain_all_pages();
		break;
	}
}

static int work_in_thread(void *arg)
{
	enum context context = (enum context)(uintptr_t)arg;

	while (!kthread_should_stop()) {
		work(context, true);
		do_something_else(&workers[context], context);
	}
	return 0;
}

/* --- the whole --- */

static bool begin(void)
{
	memset(&soak, 0, sizeof(soak));
	memcpy(soak.events, mm_event_count, sizeof(soak.events));
	mutex_init(&soak.mutex);
	for (unsigned int i = 0; i < NR_CONTEXTS; i++)
		workers[i].random.state = 4711 + i;
	setup_timer(&soak.timer, work_in_timer, 0);
	tasklet_init(&soak.tasklet, work_in_tasklet, 0);
	soak.cache = kmem_cache_create("soak", 200, 0, 0, NULL);
	if (!soak.cache)
		return false;
	for (unsigned int i = 0; i < NR_THREADS; i++)
		soak.thread[i] =
			kthread_run(work_in_thread, (void *)(uintptr_t)(FIRST_THREAD + i), "soak%u", i);
	soak.reader = kthread_run(read_serial, NULL, "soak-serial");
	mod_timer(&soak.timer, jiffies + 1);
	if (apic_is_on() && request_irq(APIC_TIMER_IRQ, work_in_irq, 0, "soak", &soak) == 0)
		apic_timer_oneshot(20000, VECTOR);
	if (request_irq(SERIAL_IRQ, work_in_serial_irq, IRQF_SHARED, "soak", &soak) != 0)
		ktest_note("the serial interrupt cannot be shared");
	for (unsigned int i = 0; i < ARRAY_SIZE(soak.asks); i++)
		soak.asks[i] = &workers[SERIAL + i].ask;
	return edge_begin(soak.asks, ARRAY_SIZE(soak.asks));
}

static void end(void)
{
	soak.stop = true;
	edge_end();
	for (unsigned int i = 0; i < NR_THREADS; i++)
		if (!IS_ERR(soak.thread[i]))
			kthread_stop(soak.thread[i]);
	if (!IS_ERR(soak.reader))
		kthread_stop(soak.reader);
	if (apic_is_on()) {
		apic_timer_oneshot(0, VECTOR);
		free_irq(APIC_TIMER_IRQ, &soak);
	}
	free_irq(SERIAL_IRQ, &soak);
	del_timer_sync(&soak.timer);
	tasklet_kill(&soak.tasklet);
	for (unsigned int i = 0; i < NR_CONTEXTS; i++)
		give_all((enum context)i);
	kmem_cache_destroy(soak.cache);
	msleep(100); /* the threads' stacks go back */
}

static size_t nr_events(enum mm_event event)
{
	return mm_event_count[event] - soak.events[event];
}

static uint32_t nr_atomic_nulls(void)
{
	uint32_t nr = 0;

	for (enum context i = 0; i < SERIAL; i++)
		nr += workers[i].nr_refused;
	return nr;
}

static uint64_t longest_wait_ms(void)
{
	uint64_t longest = 0;

	for (unsigned int i = SERIAL; i < NR_CONTEXTS; i++)
		longest = MAX(longest, workers[i].ask.longest_ms);
	return longest;
}

static void print_pressure(void)
{
	struct edge_counts counts = edge_counts();

	ktest_note("threads: %zu sleeps, %zu hand-overs, %zu give-ups, longest wait %llu ms",
		   nr_events(EVENT_WAIT), nr_events(EVENT_SERVED), nr_events(EVENT_GAVE_UP),
		   (unsigned long long)longest_wait_ms());
	ktest_note("reclaim: %zu passes, %zu wake-ups in the background, %u pages of the shrinker; %zu of "
		   "reserves; %zu kills of %u victims",
		   nr_events(EVENT_RECLAIM), nr_events(EVENT_BACKGROUND_WAKE), counts.nr_shrunk,
		   nr_events(EVENT_RESERVE), nr_events(EVENT_OOM_KILL), counts.nr_victims);
	ktest_note("handlers: %u requests got NULL; least free pages %zu, most hogged %zu", nr_atomic_nulls(),
		   counts.least_free, counts.most_hogged);
	ktest_note("watchdog: %u looks, %u at rest, %u sleepers seen there, %u forgotten; %u validations, "
		   "%u violations",
		   counts.nr_looks, counts.nr_rests, counts.nr_seen, counts.nr_forgotten,
		   counts.nr_validations, counts.nr_violations);
}

static void print_counts(unsigned long ticks)
{
	ktest_note("%lu ticks, seed 4711; %u caches made, %u bytes of serial input", ticks, soak.nr_caches,
		   soak.nr_bytes);
	for (unsigned int i = 0; i < NR_CONTEXTS; i++)
		ktest_note("%-13s %8u allocations, %6u refused", context_names[i], workers[i].nr_got,
			   workers[i].nr_refused);
	print_pressure();
}

/* Was memory at its edge, and all that belongs to it happened? */
static void expect_pressure(void)
{
	struct edge_counts counts = edge_counts();

	EXPECT_EQ(counts.nr_forgotten, 0);
	EXPECT_EQ(counts.nr_violations, 0);
	EXPECT(counts.nr_validations > 0);
	EXPECT(counts.nr_rests > 0 && counts.nr_seen > 0);
	EXPECT_EQ(counts.least_free, 0);
	EXPECT(nr_events(EVENT_WAIT) > 0 && nr_events(EVENT_SERVED) > 0);
	EXPECT(nr_events(EVENT_BACKGROUND_WAKE) > 0 && counts.nr_shrunk > 0 && nr_atomic_nulls() > 0);
}

static void soak_for(uint32_t ticks)
{
	unsigned long start;
	size_t free_before, objects_before = nr_live_objects();

	drain_all_pages();
	free_before = nr_free_pages();
	start = jiffies;
	if (!begin())
		ktest_skip("too little memory for the threads");
	while (jiffies - start < ticks) {
		msleep(100);
		edge_tend();
	}
	end();
	print_counts(jiffies - start);
	EXPECT_EQ(soak.nr_damaged, 0);
	expect_pressure();
	EXPECT_EQ(reports_count_bugs(), 0);
	EXPECT(reports_count() >= nr_events(EVENT_OOM_KILL)); /* others: no memory for a cache or a stack */
	for (unsigned int i = 0; i < NR_CONTEXTS; i++)
		EXPECT(workers[i].nr_got > 0 || i == SERIAL || i == SERIAL_IN_IRQ ||
		       (i == HARD_IRQ && !apic_is_on()));
	expect_valid();
	shrink_all_caches();
	EXPECT_EQ(nr_live_objects(), objects_before);
	drain_all_pages();
	EXPECT_EQ(nr_free_pages(), free_before); /* maybe others: the reserve was used, and filled again */
}

static void soak_watched(uint32_t ticks)
{
	BORROW_MANY(workers, NR_CONTEXTS);

	machine_note();
	expect_reports();
	pcp_keep_closed(false);
	soak_for(ticks);
}

KTEST_BY_NAME(soak, everything_at_once_leaves_memory_as_it_was, "C3 C4 R1 R3 R4")
{
	soak_watched(SOAK_TICKS);
}

KTEST_BY_NAME(soak_short, everything_at_once_leaves_memory_as_it_was, "C3 C4 R1 R3 R4")
{
	soak_watched(SOAK_SHORT_TICKS);
}
