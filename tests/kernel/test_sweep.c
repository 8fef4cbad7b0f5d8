/* SPDX-License-Identifier: MIT */
/* The sweep: an interrupt at each instruction boundary of each path of the allocators and of the scheduler,
 * by the APIC's timer under `-icount shift=0,sleep=off`. Its handler allocates and frees pages and objects, or
 * gives the CPU to a rival thread, which allocates as well, uses what the path uses (rival.h), and keeps it
 * until the path is over; afterwards everything must be as it was, and the validator find nothing.
 *
 * One path (sweep.h): single-stepping first counts the boundaries and those at which interrupts are on; then
 * each of these is tried anew, from the prepared state. The handler has four habits: all at each boundary
 * (suite sweep_full), or (suite sweep) three take their turns at every third boundary and the fourth, which
 * preempts, comes at each; of long paths at BOUNDED and BOUNDED_RIVAL that lie evenly. Neither suite belongs
 * to `all`.
 */
#include <tests/kernel/sweep.h>

#include <kernel/arch/cpu.h>
#include <kernel/arch/mmu.h>
#include <kernel/core/mutex.h>
#include <kernel/core/thread.h>
#include <kernel/core/wait.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <mm/mapped/highmem.h>
#include <mm/mapped/kmap_internal.h>
#include <mm/objects/slab_internal.h>
#include <mm/report/validate.h>
#include <tests/kernel/rival.h>
#include <tests/kernel/step.h>
#include <tests/kernel/test_util.h>

#define OBJECT_BYTES   64u
#define MAX_HELD       300u
#define LARGEST_SPLIT  9u
#define NR_SETTLE      4u /* runs before the path is measured: what is made once is made */
#define NR_TRIALS      4u
#define PERCENT_WANTED 95u
#define BOUNDED	       500u /* instructions of a long path that a habit tries, at least */
#define BOUNDED_RIVAL  150u /* the same of the one that preempts */

enum habit { TAKES, GIVES, TAKES_AND_GIVES, PREEMPTS, NR_HABITS };

/* What the handler holds of each kind it uses. */
struct things {
	struct page *page, *block;
	void *small, *large, *area;
};

static struct {
	/* of the path */
	struct page *page;
	void *object;
	unsigned int nr_held;
	struct kmem_cache *cache, *created;
	struct list_head hog;
	struct page *high;		/* mapped by path and handler; NULL: not in this path */
	struct page *others, *to_unmap; /* the partner's; what the handler gives back */
	bool preempts;			/* the handler: the partner runs next */
	bool gives_areas;		/* the handler frees one, and a thread is woken to do it */
	void (*also)(void);		/* the handler, of its path */
	const struct rival_use *rival;	/* what the rival does with the path's */
	/* of the handler */
	enum habit habit;
	struct things things, rivals;
	uint32_t nr_arrivals, nr_refused;
	/* what must stay */
	size_t free_pages, live_objects;
	/* of the thread beside */
	struct thread *main, *partner;
	void (*volatile partner_does)(void);
	struct mutex mutex;
	struct wait_queue queue;
	volatile bool condition, partner_sleeps;
} s;

/* Too large for the image. */
static struct {
	struct page *held[MAX_HELD];
	void *objects[MAX_HELD];
	uint8_t may_interrupt[STEP_MAX_BOUNDARIES / 8];
} * lists;

static struct {
	uint32_t open, hit, runs, violations; /* open: boundaries with interrupts on */
	uint32_t preempted, to_preempt; /* runs in which the rival ran before the path's end; should have */
} total;

void sweep_expect(bool ok)
{
	total.violations += !ok;
}

/* --- the handler --- */

static void take_things(struct things *things)
{
	things->page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
	things->block = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 2);
	things->small = kmalloc(OBJECT_BYTES, GFP_ATOMIC | __GFP_NOWARN);
	things->large = kmalloc(2048, GFP_ATOMIC | __GFP_NOWARN);
	s.nr_refused += !things->page + !things->block + !things->small + !things->large;
	if (things->page)
		memset(page_address(things->page), 0x11, 64);
	if (things->block)
		memset(page_address(things->block), 0x22, 64);
	if (things->small)
		memset(things->small, 0x33, OBJECT_BYTES);
	if (things->large)
		memset(things->large, 0x44, 2048);
}

/* Nobody else may have written there. Result: violations. */
static uint32_t give_things(struct things *things)
{
	uint32_t nr_wrong = 0;

	if (things->page) {
		nr_wrong += !memory_is(page_address(things->page), 0x11, 64);
		__free_page(things->page);
	}
	if (things->block) {
		nr_wrong += !memory_is(page_address(things->block), 0x22, 64);
		__free_pages(things->block, 2);
	}
	nr_wrong += things->small && !memory_is(things->small, 0x33, OBJECT_BYTES);
	nr_wrong += things->large && !memory_is(things->large, 0x44, 2048);
	kfree(things->small);
	kfree(things->large);
	vfree(things->area);
	*things = (struct things){0};
	return nr_wrong;
}

static void map_and_mark(struct page *page, unsigned int word)
{
	uint32_t *mapped = kmap_local_page(page);

	mapped[word] = 0x6b6b6b6bu + word;
	kunmap_local(mapped);
}

/* What the path is about, at once, while the CPU may remember the path's; then objects and pages as well. */
static void rival_takes(void)
{
	s.rival->take();
	take_things(&s.rivals);
}

static void rival_gives(void)
{
	total.violations += give_things(&s.rivals);
	s.rival->give();
}

static const struct rival_use rival_use = {rival_takes, rival_gives};

static irqreturn_t use_memory(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	s.nr_arrivals++;
	if (s.also)
		s.also();
	if (s.high)
		map_and_mark(s.high, 1);
	if (s.to_unmap) {
		kunmap(s.to_unmap);
		s.to_unmap = NULL;
	}
	if (s.preempts) {
		thread_unpark(s.partner);
		this_cpu_write(need_resched, 1u);
	}
	if (s.habit == PREEMPTS) {
		rival_call(&rival_use);
		return IRQ_HANDLED;
	}
	if (s.habit == GIVES) {
		total.violations += give_things(&s.things);
		return IRQ_HANDLED;
	}
	take_things(&s.things);
	if (s.habit == TAKES_AND_GIVES)
		total.violations += give_things(&s.things);
	return IRQ_HANDLED;
}

/* --- one boundary --- */

/* Caches are closed too, as they open by their use: so who closes all finds as many in each run. */
static void empty_lists(void)
{
	struct kmem_cache *cache;

	vmalloc_purge();
	slab_close_all(SLOW_ON_DEMAND, true);
	slab_close_all(SLOW_ON_DEMAND, false);
	list_for_each_entry(cache, slab_caches(), caches)
		if (cache->nr_slabs)
			kmem_cache_shrink(cache);
	drain_all_pages();
}

static void note_violation(struct sink *sink, const char *text, size_t len)
{
	(void)sink;
	ktest_note("%.*s", (int)len, text);
}

/* Result: violations. */
static uint32_t check_all(void)
{
	struct sink notes = {note_violation};
	uint32_t nr = mm_validate(total.violations < 3 ? &notes : NULL);

	empty_lists();
	if (nr_free_pages() != s.free_pages || nr_live_objects() != s.live_objects) {
		nr++;
		ktest_note("free pages %zu, before %zu; live objects %zu, before %zu", nr_free_pages(),
			   s.free_pages, nr_live_objects(), s.live_objects);
		s.free_pages = nr_free_pages();
		s.live_objects = nr_live_objects();
	}
	return nr;
}

static void prepare(const struct sweep_path *path)
{
	if (s.habit == GIVES)
		take_things(&s.things);
	if (s.habit == GIVES && s.gives_areas)
		s.things.area = vmalloc(PAGE_SIZE);
	step_quiet(true);
	path->prepare();
}

static void finish(const struct sweep_path *path)
{
	path->finish();
	step_quiet(false);
	sweep_expect(rival_settle());
	total.violations += give_things(&s.things);
}

/* Result: was it hit? */
static bool try_boundary(const struct sweep_path *path, enum habit habit, uint32_t boundary)
{
	uint32_t before = s.nr_arrivals, begun = rival_nr_begun(), wrong = rival_nr_wrong();
	bool came, began;

	s.habit = habit;
	prepare(path);
	came = step_oneshot(path->run, boundary);
	began = rival_nr_begun() != begun;
	finish(path);
	total.violations += rival_nr_wrong() - wrong;
	total.runs++;
	total.violations += check_all();
	came &= s.nr_arrivals == before + 1 && step_arrival.boundary == boundary;
	total.to_preempt += came && habit == PREEMPTS;
	total.preempted += came && began;
	return came;
}

/* --- one path --- */

static uint32_t trace_path(const struct sweep_path *path, enum habit habit)
{
	uint32_t nr = 0;

	s.habit = habit;
	for (unsigned int i = 0; i < NR_SETTLE; i++) {
		prepare(path);
		nr = step_trace(path->run, lists->may_interrupt);
		if (habit == PREEMPTS)
			rival_call(&rival_use);
		finish(path);
		empty_lists();
		s.free_pages = nr_free_pages();
		s.live_objects = nr_live_objects();
	}
	return MIN(nr, STEP_MAX_BOUNDARIES);
}

struct count {
	uint32_t instructions, open, hit, runs, violations, preempted, to_preempt;
};

/* Is it this habit's turn at boundary i of nr? */
static bool is_turn(enum habit habit, uint32_t i, uint32_t nr, bool full)
{
	uint32_t stride =
		habit == PREEMPTS ? MAX(1u, nr / BOUNDED_RIVAL) : MAX((uint32_t)PREEMPTS, nr / BOUNDED);
	uint32_t turn = habit == PREEMPTS ? stride / 2 : habit * stride / PREEMPTS;

	return full || i % stride == turn;
}

/* What lies where in the free lists varies from run to run, and with it the path a little: a boundary that
 * was missed is tried again. */
static void sweep_habit(const struct sweep_path *path, enum habit habit, bool full, struct count *count)
{
	uint32_t nr = trace_path(path, habit);

	count->instructions = MAX(count->instructions, nr);
	for (uint32_t i = 0; i < nr; i++) {
		bool hit = false;

		if (!step_bit(lists->may_interrupt, i) || !is_turn(habit, i, nr, full))
			continue;
		for (unsigned int trial = 0; trial < NR_TRIALS && !hit; trial++)
			hit = try_boundary(path, habit, i);
		count->open++;
		count->hit += hit;
	}
}

static void sweep_boundaries(const struct sweep_path *path, bool full)
{
	struct count count = {.runs = total.runs,
			      .violations = total.violations,
			      .preempted = total.preempted,
			      .to_preempt = total.to_preempt};

	for (enum habit habit = 0; habit < NR_HABITS; habit++)
		sweep_habit(path, habit, full, &count);
	total.open += count.open;
	total.hit += count.hit;
	ktest_note("%s: %u of %u boundaries hit, %u of %u preempted, %u instructions, %u runs, %u violations",
		   path->name, count.hit, count.open, total.preempted - count.preempted,
		   total.to_preempt - count.to_preempt, count.instructions, total.runs - count.runs,
		   total.violations - count.violations);
	ktest_note("so far in all: %u of %u boundaries hit, %u of %u preempted, %u runs, %u violations",
		   total.hit, total.open, total.preempted, total.to_preempt, total.runs, total.violations);
	EXPECT(count.instructions < STEP_MAX_BOUNDARIES);
	EXPECT(count.open > 0 && count.hit * 100 >= count.open * PERCENT_WANTED);
	EXPECT((total.preempted - count.preempted) * 100 >=
	       (total.to_preempt - count.to_preempt) * PERCENT_WANTED);
	EXPECT_EQ(total.violations - count.violations, 0);
}

/* Result: why not, or NULL. */
static const char *sweep_with_rival(const struct sweep_path *path, bool full)
{
	const char *why_not = NULL;

	if (!step_is_counting())
		return "no -icount shift=0,sleep=off";
	if (!rival_start())
		return "this machine's memory is too small";
	if (path->enter && !path->enter()) {
		why_not = "this machine's memory is too small or too large";
	} else {
		sweep_boundaries(path, full);
		if (path->leave)
			path->leave();
	}
	rival_stop();
	return why_not;
}

void sweep_path(const struct sweep_path *path, bool full)
{
	BORROW(lists);
	const char *why_not = step_begin(use_memory);

	if (why_not)
		SKIP(why_not);
	s.also = path->also;
	s.rival = path->rival ? path->rival : &rival_runs;
	why_not = sweep_with_rival(path, full);
	if (why_not)
		ktest_skip(why_not);
	step_end();
	empty_lists();
}

/* --- pages --- */

void sweep_nothing(void)
{
}

static bool enter_slow_mode(void)
{
	pcp_keep_closed(true);
	return true;
}

static void leave_slow_mode(void)
{
	pcp_keep_closed(false);
}

/* Only blocks of LARGEST_SPLIT and more are free: each smaller one is cut off, and merges back. Each is asked for as what
 * it is kept for: others would be served from larger ones, until there are none. */
static bool enter_split(void)
{
	static const gfp_t flag[NR_MOBILITY] = {
		[MOBILITY_MOVABLE] = __GFP_MOVABLE, [MOBILITY_RECLAIMABLE] = __GFP_RECLAIMABLE};
	const struct zone *zone = *near_zones[ZONE_NORMAL];

	pcp_keep_closed(true);
	list_init(&s.hog);
	for (unsigned int order = 0; order < LARGEST_SPLIT; order++)
		for (unsigned int mobility = 0; mobility < NR_MOBILITY; mobility++)
			while (zone->lists[mobility].nonempty >> order & 1) {
				struct page *page = alloc_pages_any(GFP_ATOMIC | flag[mobility], order);

				if (!page)
					break;
				list_add(&page->links, &s.hog);
			}
	return true;
}

static void leave_split(void)
{
	hog_release(&s.hog);
	pcp_keep_closed(false);
}

/* A free list of that order with something in it, and room. */
static void warm_pages(unsigned int order)
{
	struct page *page = alloc_pages_any(GFP_KERNEL, order);

	__free_pages(page, order);
}

#define PAGE_ALLOC_RUN(order)                                                                                \
	static void run_alloc_##order(void)                                                                  \
	{                                                                                                    \
		s.page = alloc_pages(GFP_KERNEL, order);                                                     \
		memset(page_address(s.page), 0x5a, 64);                                                      \
	}                                                                                                    \
	static void run_free_##order(void)                                                                   \
	{                                                                                                    \
		__free_pages(s.page, order);                                                                 \
	}                                                                                                    \
	static void take_##order(void)                                                                       \
	{                                                                                                    \
		s.page = alloc_pages(GFP_KERNEL, order);                                                     \
	}                                                                                                    \
	static void give_##order(void)                                                                       \
	{                                                                                                    \
		total.violations += !memory_is(page_address(s.page), 0x5a, 64);                              \
		__free_pages(s.page, order);                                                                 \
	}

PAGE_ALLOC_RUN(0)
PAGE_ALLOC_RUN(3)
PAGE_ALLOC_RUN(9)

static void warm_0(void)
{
	warm_pages(0);
}

static void warm_3(void)
{
	warm_pages(3);
}

static struct pcpu_stack *pages_stack(unsigned int order)
{
	return pcp_stack_for(GFP_NOWAIT, order);
}

static bool enter_drain(unsigned int order)
{
	uint32_t capacity = pages_stack(order)->capacity;

	return capacity > 0 && capacity < MAX_HELD;
}

static bool enter_drain_0(void)
{
	return enter_drain(0);
}

static bool enter_drain_3(void)
{
	return enter_drain(3);
}

/* The list full, and one more in s.page. */
static void fill_list(unsigned int order)
{
	struct pcpu_stack *stack = pages_stack(order);

	for (s.nr_held = 0; s.nr_held < stack->capacity; s.nr_held++)
		lists->held[s.nr_held] = alloc_pages_any(GFP_ATOMIC, order);
	s.page = alloc_pages_any(GFP_ATOMIC, order);
	while (stack->count < stack->limit && s.nr_held)
		__free_pages(lists->held[--s.nr_held], order);
}

static void release_held(unsigned int order)
{
	while (s.nr_held)
		__free_pages(lists->held[--s.nr_held], order);
}

static void fill_0(void)
{
	fill_list(0);
}

static void fill_3(void)
{
	fill_list(3);
}

static void release_0(void)
{
	release_held(0);
}

static void release_3(void)
{
	release_held(3);
}

static void fill_both(void)
{
	fill_list(0);
	__free_pages(s.page, 0);
	release_held(0);
	warm_pages(3);
}

static void take_2(void)
{
	s.page = alloc_pages(GFP_KERNEL, 2);
}

static void run_split_page(void)
{
	split_page(s.page, 2);
}

static void give_4_pages(void)
{
	for (unsigned int i = 0; i < 4; i++)
		__free_page(s.page + i);
}

static void run_alloc_exact(void)
{
	s.object = alloc_pages_exact(3 * PAGE_SIZE, GFP_KERNEL);
}

static void give_exact(void)
{
	free_pages_exact(s.object, 3 * PAGE_SIZE);
}

/* --- windows --- */

static void take_high(void)
{
	s.high = alloc_page(GFP_HIGHUSER | __GFP_ZERO);
}

static void run_kmap_local(void)
{
	const uint32_t *mapped;

	map_and_mark(s.high, 0);
	mapped = kmap_local_page(s.high);
	total.violations += mapped[0] != 0x6b6b6b6bu;
	kunmap_local(mapped);
}

/* Path and handler write its first two words. */
static void give_high(void)
{
	sweep_expect(rival_kept_off(s.high, 2));
	__free_page(s.high);
	s.high = NULL;
}

/* --- permanent windows --- */

static bool enter_kmap(void)
{
	return kmap_pool.nr != 0;
}

/* The handler gives one of two kmaps back. */
static void take_high_mapped(void)
{
	take_high();
	s.to_unmap = s.others = alloc_page(GFP_HIGHUSER);
	(void)kmap(s.others);
	(void)kmap(s.others);
}

static void run_kmap(void)
{
	uint32_t *mapped = kmap(s.high);

	mapped[0] = 0x6b6b6b6bu;
	kunmap(s.high);
}

static void give_high_mapped(void)
{
	if (s.to_unmap)
		kunmap(s.to_unmap);
	s.to_unmap = NULL;
	kunmap(s.others);
	__free_page(s.others);
	total.violations += mm_validate_windows(NULL);
	give_high();
}

/* All windows but `left` are in use. */
static bool fill_windows(unsigned int left)
{
	list_init(&s.hog);
	for (unsigned int i = left; i < kmap_pool.nr; i++) {
		struct page *page = alloc_page(GFP_HIGHUSER);

		if (!page || !page_is_highmem(page))
			return false;
		list_add(&page->links, &s.hog);
		(void)kmap(page);
	}
	return true;
}

static void empty_windows(void)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &s.hog, links) {
		kunmap(page);
		__free_page(page);
	}
}

static bool enter_kmap_wrap(void)
{
	return kmap_pool.nr && fill_windows(1);
}

/* The one window left shows another page, and is stale. */
static void prepare_kmap_wrap(void)
{
	struct page *page = alloc_page(GFP_HIGHUSER);

	take_high();
	(void)kmap(page);
	kunmap(page);
	__free_page(page);
}

/* --- objects --- */

static void run_kmalloc(void)
{
	s.object = kmalloc(OBJECT_BYTES, GFP_KERNEL);
	memset(s.object, 0x5a, OBJECT_BYTES);
}

static void run_kfree(void)
{
	kfree(s.object);
}

static void take_object(void)
{
	s.object = kmalloc(OBJECT_BYTES, GFP_KERNEL);
}

static void warm_objects(void)
{
	kfree(kmalloc(OBJECT_BYTES, GFP_KERNEL));
}

static void give_object(void)
{
	total.violations += !memory_is(s.object, 0x5a, OBJECT_BYTES);
	kfree(s.object);
}

static struct kmem_cache *cache_of_objects(void)
{
	return kmalloc_caches[0][kmalloc_class(OBJECT_BYTES)];
}

/* A slab that has room, and an empty stack. */
static void prepare_refill(void)
{
	lists->objects[0] = kmalloc(OBJECT_BYTES, GFP_KERNEL);
	kmem_cache_shrink(cache_of_objects());
}

static void give_object_and_first(void)
{
	give_object();
	kfree(lists->objects[0]);
}

static bool enter_object_drain(void)
{
	return cache_of_objects()->stack.capacity < MAX_HELD;
}

static void fill_objects(void)
{
	struct pcpu_stack *stack = &cache_of_objects()->stack;

	for (s.nr_held = 0; s.nr_held < stack->capacity; s.nr_held++)
		lists->objects[s.nr_held] = kmalloc(OBJECT_BYTES, GFP_KERNEL);
	s.object = kmalloc(OBJECT_BYTES, GFP_KERNEL);
	while (stack->count < stack->limit && s.nr_held)
		kfree(lists->objects[--s.nr_held]);
}

/* Full, and behind it there is room. */
static void fill_objects_with_depot(void)
{
	fill_objects();
	cache_of_objects()->depot.room = MAX_HELD;
}

/* Empty, and behind it lies what it held. */
static void fill_depot(void)
{
	fill_objects_with_depot();
	kfree(s.object);
	while (cache_of_objects()->stack.count && s.nr_held < MAX_HELD)
		lists->objects[s.nr_held++] = kmalloc(OBJECT_BYTES, GFP_KERNEL);
	sweep_expect(cache_of_objects()->depot.nr != 0);
}

/* That of the cache whose turn it is: the only one that is open. */
static void fill_idle_depot(void)
{
	fill_depot();
	cache_of_objects()->depot.touched -= lowmem_end_pfn;
}

#define OTHER_BYTES 1000u

static void run_kmalloc_other(void)
{
	s.object = kmalloc(OTHER_BYTES, GFP_KERNEL);
	memset(s.object, 0x5a, OBJECT_BYTES);
}

static void give_objects(void)
{
	while (s.nr_held)
		kfree(lists->objects[--s.nr_held]);
}

static void give_objects_and_look(void)
{
	sweep_expect(cache_of_objects()->depot.nr != 0 || s.nr_arrivals != 0);
	give_objects();
}

static void give_object_and_others(void)
{
	give_object();
	give_objects();
}

static bool enter_slow_objects(void)
{
	slab_keep_closed(cache_of_objects(), true);
	return true;
}

static void leave_slow_objects(void)
{
	slab_keep_closed(cache_of_objects(), false);
}

static void run_shrink(void)
{
	kmem_cache_shrink(cache_of_objects());
}

static void run_cache_create(void)
{
	s.created = kmem_cache_create("sweep-made", 100, 0, 0, NULL);
}

static void destroy_created(void)
{
	kmem_cache_destroy(s.created);
}

static void use_created(void)
{
	run_cache_create();
	kmem_cache_free(s.created, kmem_cache_alloc(s.created, GFP_KERNEL));
}

/* --- areas --- */

#define AREA_BYTES	 (3 * PAGE_SIZE - 5)
#define LARGE_AREA_BYTES (17 * PAGE_SIZE) /* goes when it is freed often enough */
#define NR_BEFORE_FLUSH	 31u

static bool enter_areas(void)
{
	s.gives_areas = true;
	return true;
}

static void leave_areas(void)
{
	s.gives_areas = false;
}

static void run_vmalloc(void)
{
	s.object = vmalloc(AREA_BYTES);
	memset(s.object, 0x5a, 64);
}

static void give_area(void)
{
	total.violations += !s.object || !memory_is(s.object, 0x5a, 64);
	vfree(s.object);
}

static void run_vfree(void)
{
	vfree(s.object);
}

/* The next vmalloc finds an area as it was. */
static void prepare_clean(void)
{
	for (unsigned int i = 0; i < 2 * NR_BEFORE_FLUSH + 2; i++)
		vfree(vmalloc(AREA_BYTES));
}

/* The next vfree flushes, and areas and their page table leave. */
static void prepare_flush(void)
{
	for (unsigned int i = 0; i < 2 * NR_BEFORE_FLUSH + 1; i++)
		vfree(vmalloc(LARGE_AREA_BYTES));
	s.object = vmalloc(LARGE_AREA_BYTES);
}

static void prepare_purge(void)
{
	vfree(vmalloc(AREA_BYTES));
	vfree(vmalloc(LARGE_AREA_BYTES));
}

static void run_vmap(void)
{
	s.object = vmap(&s.page, 1, VM_MAP, PAGE_KERNEL);
}

static void give_map(void)
{
	vunmap(s.object);
	__free_page(s.page);
}

/* --- threads --- */

/* The path that kills it revives it. */
static int partner(void *unused)
{
	(void)unused;
	while (!kthread_should_stop() || current->is_killed) {
		void (*does)(void) = s.partner_does;

		s.partner_does = NULL;
		if (does)
			does();
		else
			thread_park();
	}
	return 0;
}

bool sweep_partner_start(void)
{
	s.main = current;
	s.partner_does = NULL;
	mutex_init(&s.mutex);
	wait_queue_init(&s.queue);
	s.partner = kthread_run(partner, NULL, "sweep-partner");
	return !IS_ERR(s.partner);
}

void sweep_partner_stop(void)
{
	s.partner_does = NULL;
	thread_unpark(s.partner);
	kthread_stop(s.partner);
	msleep(20); /* its stack goes back */
}

struct thread *sweep_partner(void)
{
	return s.partner;
}

void sweep_partner_will(void (*does)(void))
{
	sweep_partner_settle();
	s.partner_does = does;
	thread_unpark(s.partner);
}

/* The partner parks, having done everything. */
void sweep_partner_settle(void)
{
	yield();
	yield();
	sweep_expect(rival_settle());
}

static void partner_wake(void)
{
	sweep_partner_settle();
	thread_unpark(s.partner);
}

static void partner_unparks_us(void)
{
	thread_unpark(s.main);
}

static void prepare_unpark_us(void)
{
	sweep_partner_settle();
	s.partner_does = partner_unparks_us;
}

static void run_unpark_and_park(void)
{
	thread_unpark(s.partner);
	thread_park();
}

static void partner_locks(void)
{
	mutex_lock(&s.mutex);
	mutex_unlock(&s.mutex);
}

static void prepare_mutex(void)
{
	sweep_partner_settle();
	mutex_lock(&s.mutex);
	s.partner_does = partner_locks;
	thread_unpark(s.partner);
	sweep_partner_settle();
}

static void run_mutex_handover(void)
{
	mutex_unlock(&s.mutex);
	mutex_lock(&s.mutex);
	mutex_unlock(&s.mutex);
}

static void partner_waits(void)
{
	wait_event(s.queue, s.condition);
}

static const struct rival_use rival_wants_mutex = {partner_locks, sweep_nothing};

static void prepare_wait(void)
{
	sweep_partner_settle();
	s.condition = false;
	s.partner_does = partner_waits;
	thread_unpark(s.partner);
	sweep_partner_settle();
}

static const struct rival_use rival_waits = {partner_waits, sweep_nothing};

static void run_wake(void)
{
	s.condition = true;
	wake_up(&s.queue);
	yield();
}

/* --- windows among threads --- */

static bool enter_windows_and_threads(void)
{
	s.others = kmap_pool.nr ? alloc_page(GFP_HIGHUSER) : NULL;
	return s.others && sweep_partner_start();
}

static void leave_windows_and_threads(void)
{
	sweep_partner_stop();
	__free_page(s.others);
}

static void partner_maps_local(void)
{
	uint32_t *one = kmap_local_page(s.others), *two = kmap_local_page(s.others);

	one[3] = 0x77777777u;
	total.violations += two[3] != 0x77777777u;
	kunmap_local(two);
	kunmap_local(one);
}

static void prepare_local_switch(void)
{
	sweep_partner_settle();
	take_high();
	s.partner_does = partner_maps_local;
	thread_unpark(s.partner);
}

static void prepare_local_preempted(void)
{
	sweep_partner_settle();
	take_high();
	s.partner_does = partner_maps_local;
	s.preempts = true;
}

static void check_window(uint32_t *window)
{
	struct mmu_mapping mapping;

	window[0] = 0x6b6b6b6bu;
	total.violations += !mmu_lookup((uintptr_t)window, &mapping) ||
			    mapping.paddr != page_to_phys(s.high) ||
			    (cpu_has_nx() && mapping.prot & MMU_EXEC);
}

/* Two live windows while the partner has the same ones. */
static void run_local_switch(void)
{
	uint32_t *one = kmap_local_page(s.high), *two = kmap_local_page(s.high);

	one[0] = 0x12345678u;
	yield();
	total.violations += two[0] != 0x12345678u;
	check_window(one);
	kunmap_local(two);
	kunmap_local(one);
}

static void run_local_preempted(void)
{
	uint32_t *one = kmap_local_page(s.high);

	check_window(one);
	kunmap_local(one);
}

static void finish_local(void)
{
	s.preempts = false;
	thread_unpark(s.partner);
	sweep_partner_settle();
	give_high();
}

static bool enter_kmap_wait(void)
{
	return enter_windows_and_threads() && fill_windows(0);
}

static void leave_kmap_wait(void)
{
	empty_windows();
	leave_windows_and_threads();
}

static void partner_maps(void)
{
	uint32_t *window = kmap(s.others);

	window[3] = 0x77777777u;
	kunmap(s.others);
}

static void prepare_kmap_wait(void)
{
	sweep_partner_settle();
	s.partner_does = partner_maps;
	thread_unpark(s.partner);
	sweep_partner_settle();
}

static void run_kmap_handover(void)
{
	kunmap(list_first_entry(&s.hog, struct page, links));
	yield();
}

static void finish_kmap_wait(void)
{
	sweep_partner_settle();
	(void)kmap(list_first_entry(&s.hog, struct page, links));
	total.violations += mm_validate_windows(NULL);
}

/* --- the table --- */

#define SWEEP(name, ...)	      KTEST_SWEEP(sweep, name, "C4 P7 BUD-13", __VA_ARGS__, NULL, NULL)
#define SWEEP_RIVAL(name, rival, ...) KTEST_SWEEP(sweep, name, "C4 P7 BUD-13", __VA_ARGS__, NULL, &rival)

SWEEP(page_alloc_0, NULL, NULL, warm_0, run_alloc_0, give_0)
SWEEP(page_alloc_0_refill, NULL, NULL, sweep_nothing, run_alloc_0, give_0)
SWEEP(page_alloc_0_slow_mode, enter_slow_mode, leave_slow_mode, sweep_nothing, run_alloc_0, give_0)
SWEEP(page_free_0, NULL, NULL, take_0, run_free_0, sweep_nothing)
SWEEP(page_free_0_drain, enter_drain_0, NULL, fill_0, run_free_0, release_0)
SWEEP(page_free_0_slow_mode, enter_slow_mode, leave_slow_mode, take_0, run_free_0, sweep_nothing)
SWEEP(page_alloc_3, NULL, NULL, warm_3, run_alloc_3, give_3)
SWEEP(page_alloc_3_refill, NULL, NULL, sweep_nothing, run_alloc_3, give_3)
SWEEP(page_free_3, NULL, NULL, take_3, run_free_3, sweep_nothing)
SWEEP(page_free_3_drain, enter_drain_3, NULL, fill_3, run_free_3, release_3)
SWEEP(page_alloc_9, NULL, NULL, sweep_nothing, run_alloc_9, give_9)
SWEEP(page_free_9, NULL, NULL, take_9, run_free_9, sweep_nothing)
SWEEP(split, enter_split, leave_split, sweep_nothing, run_alloc_0, give_0)
SWEEP(merge, enter_split, leave_split, take_0, run_free_0, sweep_nothing)
SWEEP(drain_all_pages, enter_drain_0, NULL, fill_both, drain_all_pages, sweep_nothing)
SWEEP(split_page, NULL, NULL, take_2, run_split_page, give_4_pages)
SWEEP(alloc_pages_exact, NULL, NULL, sweep_nothing, run_alloc_exact, give_exact)
SWEEP(free_pages_exact, NULL, NULL, run_alloc_exact, give_exact, sweep_nothing)
KTEST_SWEEP(sweep, kmap_local, "P9 C4 H1 H3 BUD-13", NULL, NULL, take_high, run_kmap_local, give_high, NULL,
	    &rival_maps_local)
KTEST_SWEEP(sweep, kmap, "P9 C4 H1 H3 BUD-13", enter_kmap, NULL, take_high_mapped, run_kmap, give_high_mapped,
	    NULL, &rival_maps)
KTEST_SWEEP(sweep, kmap_wrap, "P9 C4 H1 H3 BUD-13", enter_kmap_wrap, empty_windows, prepare_kmap_wrap,
	    run_kmap, give_high, NULL, &rival_maps_briefly)
SWEEP(object_alloc, NULL, NULL, warm_objects, run_kmalloc, give_object)
SWEEP(object_alloc_refill, NULL, NULL, prepare_refill, run_kmalloc, give_object_and_first)
SWEEP(object_alloc_new_slab, NULL, NULL, sweep_nothing, run_kmalloc, give_object)
SWEEP(object_alloc_slow_mode, enter_slow_objects, leave_slow_objects, sweep_nothing, run_kmalloc, give_object)
SWEEP(object_free, NULL, NULL, take_object, run_kfree, sweep_nothing)
SWEEP(object_free_drain, enter_object_drain, NULL, fill_objects, run_kfree, give_objects)
SWEEP(object_free_to_depot, enter_object_drain, NULL, fill_objects_with_depot, run_kfree,
      give_objects_and_look)
SWEEP(object_alloc_from_depot, enter_object_drain, NULL, fill_depot, run_kmalloc, give_object_and_others)
SWEEP(object_alloc_while_one_is_idle, enter_object_drain, NULL, fill_idle_depot, run_kmalloc_other,
      give_object_and_others)
SWEEP(object_free_slow_mode, enter_slow_objects, leave_slow_objects, take_object, run_kfree, sweep_nothing)
SWEEP(slab_release, NULL, NULL, warm_objects, run_shrink, sweep_nothing)
SWEEP_RIVAL(kmem_cache_create, rival_has_cache, NULL, NULL, sweep_nothing, run_cache_create, destroy_created)
SWEEP_RIVAL(kmem_cache_destroy, rival_has_cache, NULL, NULL, use_created, destroy_created, sweep_nothing)
SWEEP_RIVAL(vmalloc, rival_has_area, enter_areas, leave_areas, sweep_nothing, run_vmalloc, give_area)
SWEEP_RIVAL(vmalloc_again, rival_has_area, enter_areas, leave_areas, prepare_clean, run_vmalloc, give_area)
SWEEP_RIVAL(vfree, rival_has_area, enter_areas, leave_areas, run_vmalloc, run_vfree, sweep_nothing)
SWEEP_RIVAL(vfree_flush, rival_has_area, enter_areas, leave_areas, prepare_flush, run_vfree, sweep_nothing)
SWEEP_RIVAL(vmalloc_purge, rival_has_area, enter_areas, leave_areas, prepare_purge, vmalloc_purge,
	    sweep_nothing)
SWEEP_RIVAL(vmap, rival_has_area, enter_areas, leave_areas, take_0, run_vmap, give_map)
SWEEP(thread_switch, sweep_partner_start, sweep_partner_stop, partner_wake, yield, sweep_partner_settle)
KTEST_SWEEP(sweep, kmap_local_switch, "P9 C4 H1 H3 BUD-13", enter_windows_and_threads,
	    leave_windows_and_threads, prepare_local_switch, run_local_switch, finish_local, NULL,
	    &rival_maps_local)
KTEST_SWEEP(sweep, kmap_local_preempted, "P9 C4 H1 H3 BUD-13", enter_windows_and_threads,
	    leave_windows_and_threads, prepare_local_preempted, run_local_preempted, finish_local, NULL,
	    &rival_maps_local)
KTEST_SWEEP(sweep, kmap_handover, "P9 C4 H1 H3 BUD-13", enter_kmap_wait, leave_kmap_wait, prepare_kmap_wait,
	    run_kmap_handover, finish_kmap_wait, NULL, &rival_maps)
SWEEP(park_and_unpark, sweep_partner_start, sweep_partner_stop, prepare_unpark_us, run_unpark_and_park,
      sweep_partner_settle)
SWEEP_RIVAL(mutex_handover, rival_wants_mutex, sweep_partner_start, sweep_partner_stop, prepare_mutex,
	    run_mutex_handover, sweep_partner_settle)
SWEEP_RIVAL(wait_queue_handover, rival_waits, sweep_partner_start, sweep_partner_stop, prepare_wait, run_wake,
	    sweep_partner_settle)
