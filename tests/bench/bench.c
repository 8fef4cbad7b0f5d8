/* SPDX-License-Identifier: MIT */
/* The frame of the bench: chooses benches by name, runs the passes of each, prints the figures.
 *
 * F1 All memory the frame needs (histograms, the workloads' scratch) is taken before the first bench and
 *    given back after the last, so it moves no figure.
 * F2 No floating point and no 64-bit division by the compiler: bench_ratio() divides bit by bit. */
#include <tests/bench/bench.h>

#include <kernel/arch/cpu.h>
#include <kernel/arch/irq.h>
#include <kernel/arch/irqflags.h>
#include <kernel/core/console.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <mm/objects/slab_internal.h>
#include <tests/bench/measure.h>

#define HISTOGRAM_BYTES (BENCH_HISTOGRAM * sizeof(uint32_t))

struct bench_measure measure;

static struct {
	void *scratch;
	uint32_t *histograms; /* two: allocs, frees */
	const void *trace;
	size_t trace_bytes;
	unsigned int nr_run;
} bench;

static const struct bench bench_irqoff[];
static const struct bench *const tables[] = {bench_replay,  bench_objects, bench_w7,	   bench_pools,
					     bench_dma,	    bench_pages,   bench_mapped,   bench_memory,
					     bench_windows, bench_crowd,   bench_cache,	   bench_swap,
					     bench_disk,    bench_files,   bench_programs, bench_irqoff};

/* --- figures as text --- */

static uint64_t divide(uint64_t n, uint32_t d)
{
	uint64_t quotient = 0, rest = 0;

	for (int i = 63; i >= 0; i--) {
		rest = rest << 1 | (n >> i & 1);
		quotient <<= 1;
		if (rest >= d) {
			rest -= d;
			quotient |= 1;
		}
	}
	return quotient;
}

const char *bench_ratio(uint64_t sum, uint32_t nr, char buf[24])
{
	uint64_t hundredths = divide(sum * 100 + nr / 2, MAX(nr, 1u));
	uint64_t whole = divide(hundredths, 100);

	snprintf(buf, 24, "%llu.%02u", whole, (unsigned int)(hundredths - whole * 100));
	return buf;
}

static uint32_t lower(const struct op_stats *a, const struct op_stats *b)
{
	if (!b || b->nr == 0)
		return a->min;
	return a->nr == 0 ? b->min : MIN(a->min, b->min);
}

void bench_print_op(const char *name, uint32_t ops, const char *mean, const struct op_stats *a,
		    const struct op_stats *b)
{
	sink_printf(console_sink(), "bench\t%s\t%u\t%s\t%u\t%u\n", name, ops, mean, lower(a, b),
		    MAX(a->max, b ? b->max : 0));
}

void bench_print_extra(const char *name, const char *key, const char *value)
{
	sink_printf(console_sink(), "benchx\t%s\t%s\t%s\n", name, key, value);
}

void bench_print_number(const char *name, const char *key, uint32_t value)
{
	sink_printf(console_sink(), "benchx\t%s\t%s\t%u\n", name, key, value);
}

/* --- statistics of single calls --- */

void bench_note_op(struct op_stats *stats, uint32_t ticks)
{
	uint32_t cost = ticks - MIN(ticks, stats->tick_cost);

	stats->nr++;
	stats->sum += cost;
	stats->min = MIN(stats->min, cost);
	stats->max = MAX(stats->max, cost);
	stats->histogram[MIN(cost, BENCH_HISTOGRAM - 1)]++;
}

static void reset_stats(struct op_stats *stats, uint32_t *histogram)
{
	*stats = (struct op_stats){.min = UINT32_MAX, .histogram = histogram, .tick_cost = stats->tick_cost};
	memset(histogram, 0, HISTOGRAM_BYTES);
}

void bench_measure_reset(void)
{
	reset_stats(&measure.alloc, bench.histograms);
	reset_stats(&measure.free, bench.histograms + BENCH_HISTOGRAM);
	measure.nr_failed = 0;
	measure.live_bytes = measure.peak_live_bytes = 0;
	measure.peak_pages = 0;
	measure.free_at_start = nr_free_pages();
	measure.slab_at_start = slab_pages();
}

/* The cost that 99 of 100 calls do not exceed; beyond the histogram, the maximum. */
static uint32_t percentile99(const struct op_stats *stats)
{
	uint32_t seen = 0, wanted = stats->nr - stats->nr / 100;

	for (uint32_t cost = 0; cost < BENCH_HISTOGRAM - 1; cost++) {
		seen += stats->histogram[cost];
		if (seen >= wanted)
			return cost;
	}
	return stats->max;
}

/* --- space: what was taken from the page allocator, whatever for --- */

void bench_note_pages(void)
{
	measure.peak_pages = MAX(measure.peak_pages, measure.free_at_start - nr_free_pages());
}

/* Every byte is written, and the first word remembers how many were asked for: no object is smaller than 8.
 */
void bench_note_object(void *object, size_t size_bytes)
{
	memset(object, 0xa5, size_bytes);
	*(uint32_t *)object = (uint32_t)size_bytes;
	measure.live_bytes += (uint32_t)size_bytes;
	measure.peak_live_bytes = MAX(measure.peak_live_bytes, measure.live_bytes);
	bench_note_pages();
}

void bench_note_object_freed(const void *object)
{
	measure.live_bytes -= *(const uint32_t *)object;
}

/* Slabs kept for a next burst would be used again without being taken. Nobody else changes the list. */
void bench_shrink(void)
{
	struct kmem_cache *cache;

	list_for_each_entry(cache, slab_caches(), caches)
		kmem_cache_shrink(cache);
	drain_all_pages();
}

void bench_print_over_demand(const char *name, size_t pages, size_t demand)
{
	char text[24];

	bench_print_number(name, "demanded_pages", (uint32_t)demand);
	bench_print_number(name, "peak_pages", (uint32_t)pages);
	bench_print_extra(name, "over_demand_percent",
			  pages < demand
				  ? "<0"
				  : bench_ratio((uint64_t)(pages - demand) * 100, (uint32_t)demand, text));
}

static void measure_space(const struct bench *b)
{
	char text[24];

	bench_shrink();
	bench_measure_reset();
	b->run(PASS_SPACE);
	bench_print_extra(
		b->name, "space",
		bench_ratio((uint64_t)measure.peak_pages * PAGE_SIZE, measure.peak_live_bytes, text));
	bench_print_number(b->name, "space_peak_pages", (uint32_t)measure.peak_pages);
	bench_print_number(b->name, "space_pages_before", (uint32_t)measure.slab_at_start);
	bench_print_number(b->name, "space_peak_bytes", measure.peak_live_bytes);
}

/* --- running --- */

/* The tick and the serial line are masked: a bench counts what it calls and nothing else. The output of a
 * bench waits for the next pause. */
static void quiet(bool on)
{
	irqflags_t flags = irq_save();

	if (on) {
		irq_line_mask(0);
		irq_line_mask(4);
	} else {
		irq_line_unmask(4);
		irq_line_unmask(0);
	}
	irq_restore(flags);
}

static bool run_pass(const struct bench *b, enum bench_pass pass, uint64_t *ticks)
{
	bool fits = !b->setup || b->setup();
	uint64_t start;

	bench_measure_reset();
	quiet(true);
	start = cpu_cycles();
	if (fits)
		b->run(pass);
	*ticks = cpu_cycles() - start;
	quiet(false);
	if (b->teardown)
		b->teardown();
	return fits;
}

void bench_print_halves(const char *name)
{
	char text[24];

	bench_print_extra(name, "alloc", bench_ratio(measure.alloc.sum, measure.alloc.nr, text));
	bench_print_extra(name, "free", bench_ratio(measure.free.sum, measure.free.nr, text));
	bench_print_number(name, "alloc_p99", percentile99(&measure.alloc));
	bench_print_number(name, "free_p99", percentile99(&measure.free));
	bench_print_number(name, "alloc_max", measure.alloc.max);
	bench_print_number(name, "free_max", measure.free.max);
	if (measure.nr_failed)
		bench_print_number(name, "failed", measure.nr_failed);
}

/* M1: an empty alloc counted one instruction. */
static void run_passes(const struct bench *b)
{
	uint64_t counted, empty, timed;
	uint32_t nr;
	char mean[24];

	if (!run_pass(b, PASS_COUNT, &counted) || !run_pass(b, PASS_EMPTY, &empty) ||
	    !run_pass(b, PASS_TIMED, &timed)) {
		sink_printf(console_sink(), "# %s: skipped: not enough memory, expected 512M\n", b->name);
		return;
	}
	nr = measure.alloc.nr + (b->is_per_operation ? measure.free.nr : 0);
	bench_ratio(counted - empty + measure.alloc.nr, nr, mean);
	bench_print_op(b->name, nr, mean, &measure.alloc, &measure.free);
	bench_print_halves(b->name);
	if (b->alias)
		bench_print_op(b->alias, measure.alloc.nr, mean, &measure.alloc, &measure.free);
	if (b->has_space)
		measure_space(b);
}

static void run_one(const struct bench *b)
{
	if (b->special) {
		quiet(true);
		b->special(b);
		quiet(false);
	} else {
		run_passes(b);
	}
	bench.nr_run++;
}

void bench_note_atomic(const char *workload, const struct op_stats *alloc)
{
	static uint32_t worst, nr_calls, nr_workloads;

	worst = MAX(worst, alloc->max);
	nr_calls += alloc->nr;
	bench_print_number("atomic_max", workload, alloc->max);
	if (++nr_workloads < NR_ATOMIC_WORKLOADS)
		return;
	sink_printf(console_sink(), "bench\tatomic_max\t%u\t%u\t%u\t%u\n", nr_calls, worst, worst, worst);
	worst = nr_calls = nr_workloads = 0;
}

/* --- interrupts off: W4, W5 and W6m70 in a kernel built for that, the tick on --- */

#ifdef MEASURE_IRQOFF
/* Of the workloads that PERFORMANCE names: present in some table. */
static const struct bench *find_bench(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct bench *b = tables[i]; b->name; b++)
			if (strcmp(b->name, name) == 0)
				return b;
	return NULL;
}

/* From here on; what takes an arena away and gives it back is no part of a workload. */
static struct irqoff run_counting_irqoff(const struct bench *b)
{
	struct irqoff result;
	irqflags_t flags = irq_save();

	irqoff.max_task = irqoff.max_hard = 0;
	irq_restore(flags);
	b->run(PASS_COUNT);
	flags = irq_save();
	result = irqoff;
	irq_restore(flags);
	return result;
}

/* What drains the serial line and the like is not what is measured: the first tick starts it. */
static void irqoff_of(const struct bench *b, const char *name, struct irqoff *worst)
{
	struct irqoff one = {0};
	char code[64];

	if (!b->setup || b->setup()) {
		quiet(false);
		one = run_counting_irqoff(b);
		quiet(true);
	}
	if (b->teardown)
		b->teardown();
	bench_print_number(name, b->name, one.max_task);
	bench_print_extra(name, "ended_at", port_code_name(one.where, code, sizeof(code)));
	worst->max_hard = MAX(worst->max_hard, one.max_hard);
	worst->max_task = MAX(worst->max_task, one.max_task);
}

static void irqoff_max(const struct bench *self)
{
	static const char *const workloads[] = {"W4", "W5", "W6m70"};
	struct irqoff worst = {0};

	for (unsigned int i = 0; i < ARRAY_SIZE(workloads); i++)
		irqoff_of(find_bench(workloads[i]), self->name, &worst);
	sink_printf(console_sink(), "bench\t%s\t%u\t%u\t%u\t%u\n", self->name, 1u, worst.max_task,
		    worst.max_task, worst.max_task);
	bench_print_number(self->name, "hard_irq", worst.max_hard);
}

static const struct bench bench_irqoff[] = {{.name = "irqoff_max", .special = irqoff_max}, {.name = NULL}};
#else
static const struct bench bench_irqoff[] = {{.name = NULL}};
#endif

static bool word_is(const char *word, size_t len, const char *name)
{
	return name && strlen(name) == len && memcmp(word, name, len) == 0;
}

static bool run_named(const char *word, size_t len)
{
	bool all = word_is(word, len, "all"), found = false;

	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct bench *b = tables[i]; b->name && !console_saw_break(); b++)
			if ((all && !b->by_name) || word_is(word, len, b->name) ||
			    word_is(word, len, b->alias)) {
				run_one(b);
				found = true;
			}
	return found;
}

static void run_list(const char *list)
{
	while (*list && !console_saw_break()) {
		const char *comma = strchr(list, ',');
		size_t len = comma ? (size_t)(comma - list) : strlen(list);

		if (len && !run_named(list, len) && !console_saw_break())
			sink_printf(console_sink(),
				    "# bench=%.*s: no such bench; expected all, none or names as in "
				    "docs/bench-reference.tsv\n",
				    (int)len, list);
		list += len + (comma != NULL);
	}
}

/* --- calibration --- */

#define NOPS 1000

static NOINLINE uint32_t count_nothing(void)
{
	uint32_t start = bench_tick();

	return bench_tick() - start;
}

static NOINLINE uint32_t count_nops(void)
{
	uint32_t start = bench_tick();

	__asm__ volatile(".rept 1000\n\tnop\n\t.endr" ::: "memory");
	return bench_tick() - start;
}

/* What BENCH_ALLOC and BENCH_FREE see around a call that is nothing (M1). */
static NOINLINE uint32_t count_empty_alloc(void)
{
	uint32_t start = bench_tick(), end;
	void *result = bench_empty_alloc(__LINE__, 0);

	end = bench_tick();
	__asm__ volatile("" ::"r"(result));
	return end - start - 1;
}

static NOINLINE uint32_t count_empty_free(void)
{
	uint32_t start = bench_tick();

	bench_empty_free(__LINE__);
	return bench_tick() - start;
}

static void calibrate(void)
{
	uint32_t nops = count_nops() - count_nothing();

	measure.alloc.tick_cost = count_empty_alloc();
	measure.free.tick_cost = count_empty_free();
	bench_print_number("calibrate", "nops_1000", nops);
	bench_print_number("calibrate", "empty_alloc", measure.alloc.tick_cost);
	bench_print_number("calibrate", "empty_free", measure.free.tick_cost);
	if (nops != NOPS)
		sink_printf(console_sink(),
			    "# 1000 nops counted %u: the figures below are NOT instruction counts; "
			    "run QEMU with -icount shift=0,sleep=off\n",
			    nops);
}

/* --- the whole --- */

void *bench_scratch(void)
{
	return bench.scratch;
}

const void *bench_trace(size_t *bytes)
{
	*bytes = bench.trace_bytes;
	return bench.trace;
}

void bench_set_trace(const void *data, size_t bytes)
{
	bench.trace = data;
	bench.trace_bytes = bytes;
}

static void run_with_memory(const char *list)
{
	calibrate();
	run_list(list);
	bench_print_number("end", "benches", bench.nr_run);
}

void bench_run(const char *list)
{
	unsigned int scratch_order = get_order(BENCH_SCRATCH_BYTES);
	unsigned int histogram_order = get_order(2 * HISTOGRAM_BYTES);

	if (strcmp(list, "none") == 0)
		return;
	bench.scratch = (void *)__get_free_pages(GFP_KERNEL, scratch_order);
	bench.histograms = (uint32_t *)__get_free_pages(GFP_KERNEL, histogram_order);
	if (bench.scratch && bench.histograms)
		run_with_memory(list);
	else
		sink_printf(console_sink(), "# bench: no memory for its own arrays, expected 2 MiB free\n");
	free_pages((unsigned long)bench.histograms, histogram_order);
	free_pages((unsigned long)bench.scratch, scratch_order);
}
