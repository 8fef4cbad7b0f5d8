/* SPDX-License-Identifier: MIT */
/* A recorded trace replayed on this kernel: the packed form (tests/bench/trace.h) comes as a module of the
 * boot loader. Objects of dedicated caches come from one cache per size, and in replay_kmalloc from kmalloc as all
 * others. All words are walked once before the first allocation, so a damaged file is refused, not believed. */
#include <tests/bench/measure.h>

#include <kernel/arch/cpu.h>
#include <kernel/core/console.h>
#include <kernel/lib/align.h>
#include <kernel/lib/bitops.h>
#include <kernel/lib/format.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <mm/pages/zone.h>
#include <tests/bench/trace.h>

static struct {
	const struct trace_header *header;
	const struct trace_word *op, *end;
	void **live; /* by id */
	struct kmem_cache *cache[TRACE_MAX_CACHES];
	size_t min_free; /* pages */
} replay;

enum objects { OWN_CACHES, BY_KMALLOC };

static const gfp_t gfp_of_flags[TRACE_NR_FLAGS] = {
	GFP_KERNEL,
	GFP_ATOMIC,
	GFP_KERNEL | __GFP_HIGHMEM,
	GFP_ATOMIC | __GFP_HIGHMEM,
	GFP_KERNEL | __GFP_DMA,
	GFP_ATOMIC | __GFP_DMA,
	GFP_KERNEL | __GFP_DMA,
	GFP_ATOMIC | __GFP_DMA,
};

/* --- is it a trace? --- */

static bool operation_is_sane(const struct trace_header *header, const struct trace_word *op)
{
	const uint32_t limit[TRACE_NR_OPS] = {
		[TRACE_K] = KMALLOC_MAX_SIZE + 1, [TRACE_F] = 1,	 [TRACE_S] = header->nr_caches,
		[TRACE_G] = header->nr_caches,	  [TRACE_P] = NR_ORDERS, [TRACE_Q] = NR_ORDERS,
	};

	return TRACE_OP(op->head) < TRACE_NR_OPS && TRACE_FLAGS(op->head) < TRACE_NR_FLAGS &&
	       TRACE_ID(op->head) < header->nr_ids && op->what < limit[TRACE_OP(op->head)];
}

static const char *why_bad_trace(const struct trace_header *header, size_t bytes)
{
	if (bytes < sizeof(*header) || header->magic != TRACE_MAGIC)
		return "the module is no packed trace; make one with build/host/replay --pack";
	if (header->nr_caches > TRACE_MAX_CACHES || header->nr_ids > BENCH_SCRATCH_BYTES / sizeof(void *))
		return "the trace has too many caches or ids";
	if (header->nr_ops != (bytes - sizeof(*header)) / sizeof(struct trace_word))
		return "the module is not as long as its header says";
	replay.op = (const struct trace_word *)(header + 1);
	replay.end = replay.op + header->nr_ops;
	for (const struct trace_word *op = replay.op; op < replay.end; op++)
		if (!operation_is_sane(header, op))
			return "the trace holds an operation that cannot be";
	return NULL;
}

/* --- the operations --- */

static ALWAYS_INLINE void *get_object(enum bench_pass pass, enum objects from, uint32_t what, gfp_t gfp)
{
	size_t size = from == BY_KMALLOC ? replay.header->cache_size[what] : 0;

	if (from == BY_KMALLOC)
		return BENCH_ALLOC(pass, size, kmalloc(size, gfp));
	return BENCH_ALLOC(pass, 0, kmem_cache_alloc(replay.cache[what], gfp));
}

static ALWAYS_INLINE void put_object(enum bench_pass pass, enum objects from, uint32_t what, void *object)
{
	if (from == BY_KMALLOC)
		BENCH_FREE(pass, object, kfree(object));
	else
		BENCH_FREE(pass, object, kmem_cache_free(replay.cache[what], object));
}

static ALWAYS_INLINE void play_alloc(enum bench_pass pass, enum objects from, uint32_t head, uint32_t what)
{
	gfp_t gfp = gfp_of_flags[TRACE_FLAGS(head)];
	void **slot = &replay.live[TRACE_ID(head)];

	if (TRACE_OP(head) == TRACE_K)
		*slot = BENCH_ALLOC(pass, 0, kmalloc(what, gfp));
	else if (TRACE_OP(head) == TRACE_S)
		*slot = get_object(pass, from, what, gfp);
	else
		*slot = BENCH_ALLOC(pass, 0, alloc_pages(gfp, what));
}

static ALWAYS_INLINE void play_free(enum bench_pass pass, enum objects from, uint32_t head, uint32_t what)
{
	void **slot = &replay.live[TRACE_ID(head)], *object = *slot;

	*slot = NULL;
	if (!object)
		return;
	if (TRACE_OP(head) == TRACE_F)
		BENCH_FREE(pass, object, kfree(object));
	else if (TRACE_OP(head) == TRACE_G)
		put_object(pass, from, what, object);
	else
		BENCH_FREE(pass, object, __free_pages(object, what));
}

static ALWAYS_INLINE void play(enum bench_pass pass, enum objects from, bool watch_pages)
{
	for (const struct trace_word *op = replay.op; op < replay.end; op++) {
		if (TRACE_OP(op->head) <= TRACE_P) {
			play_alloc(pass, from, op->head, op->what);
			if (watch_pages)
				replay.min_free = MIN(replay.min_free, nr_free_pages());
		} else {
			play_free(pass, from, op->head, op->what);
		}
	}
}

DEFINE_BENCH(play_own_caches, play, OWN_CACHES, false)
DEFINE_BENCH(play_by_kmalloc, play, BY_KMALLOC, false)

static void clear_live(void)
{
	for (uint32_t id = 0; id < replay.header->nr_ids; id++)
		replay.live[id] = NULL;
}

/* What the trace leaves behind is found by its last allocation: walked backwards, the first operation of an
 * id that is met is that one. */
static void free_rest(enum objects from)
{
	for (const struct trace_word *op = replay.end; op-- > replay.op;) {
		void *object = replay.live[TRACE_ID(op->head)];

		replay.live[TRACE_ID(op->head)] = NULL;
		if (!object)
			continue;
		if (TRACE_OP(op->head) == TRACE_K || (TRACE_OP(op->head) == TRACE_S && from == BY_KMALLOC))
			kfree(object);
		else if (TRACE_OP(op->head) == TRACE_S)
			kmem_cache_free(replay.cache[op->what], object);
		else
			__free_pages(object, op->what);
	}
}

/* --- measuring --- */

static uint32_t largest_free_order(void)
{
	const struct zone *zone;
	uint32_t orders = 1;

	for_each_zone(zone)
		for (unsigned int mobility = 0; mobility < NR_MOBILITY; mobility++)
			orders |= zone->lists[mobility].nonempty;
	return bit_highest(orders);
}

static uint64_t count_pass(enum objects from, enum bench_pass pass)
{
	uint64_t start, ticks;

	clear_live();
	bench_measure_reset();
	start = cpu_cycles();
	if (from == BY_KMALLOC)
		play_by_kmalloc(pass);
	else
		play_own_caches(pass);
	ticks = cpu_cycles() - start;
	if (pass != PASS_EMPTY)
		free_rest(from);
	return ticks;
}

/* First, while memory is as fresh as boot left it. */
static void watch_space(enum objects from, const char *name)
{
	size_t before = nr_free_pages();

	clear_live();
	replay.min_free = before;
	if (from == BY_KMALLOC)
		play(PASS_COUNT, BY_KMALLOC, true);
	else
		play(PASS_COUNT, OWN_CACHES, true);
	bench_print_number(name, "largest_order_left", largest_free_order());
	free_rest(from);
	bench_print_over_demand(name, before - replay.min_free,
				DIV_ROUND_UP(replay.header->peak_bytes, PAGE_SIZE));
}

static void measure_trace(enum objects from, const char *name)
{
	uint64_t counted, empty;
	char text[24];

	watch_space(from, name);
	counted = count_pass(from, PASS_COUNT);
	empty = count_pass(from, PASS_EMPTY);
	count_pass(from, PASS_TIMED);
	bench_ratio(counted - empty + measure.alloc.nr, replay.header->nr_ops, text);
	bench_print_op(name, replay.header->nr_ops, text, &measure.alloc, &measure.free);
	bench_print_halves(name);
}

static void make_caches(void)
{
	char name[32];

	for (uint32_t i = 0; i < replay.header->nr_caches; i++) {
		snprintf(name, sizeof(name), "replay-%u", replay.header->cache_size[i]);
		replay.cache[i] = kmem_cache_create(name, replay.header->cache_size[i], 0, SLAB_PANIC, NULL);
	}
}

static void destroy_caches(void)
{
	for (uint32_t i = 0; i < replay.header->nr_caches; i++)
		kmem_cache_destroy(replay.cache[i]);
}

/* Result: is there a trace, and is it one? */
static bool find_trace(const char *name)
{
	size_t bytes;
	const char *wrong = NULL;

	replay.header = bench_trace(&bytes);
	replay.live = bench_scratch();
	if (replay.header)
		wrong = why_bad_trace(replay.header, bytes);
	if (replay.header && !wrong)
		return true;
	sink_printf(console_sink(), "# %s: skipped: %s\n", name,
		    wrong ? wrong : "no trace; QEMU: -initrd build/trace.bin");
	return false;
}

static void replay_own_caches(const struct bench *bench)
{
	if (!find_trace(bench->name))
		return;
	make_caches();
	measure_trace(OWN_CACHES, bench->name);
	destroy_caches();
}

static void replay_by_kmalloc(const struct bench *bench)
{
	if (!find_trace(bench->name))
		return;
	bench_shrink();
	measure_trace(BY_KMALLOC, bench->name);
}

const struct bench bench_replay[] = {
	{.name = "replay", .special = replay_own_caches},
	{.name = "replay_kmalloc", .special = replay_by_kmalloc},
	{.name = NULL},
};
