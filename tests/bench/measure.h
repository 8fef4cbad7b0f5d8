/* SPDX-License-Identifier: MIT */
/* How a workload is measured. It is written once, as an always-inline template over a pass, and run as
 *
 *   PASS_COUNT  as it is, between two readings of the counter
 *   PASS_EMPTY  with each call replaced by nothing: what the sequence itself costs, to be subtracted
 *   PASS_TIMED  with each call timed by itself: min, max, p99
 *   PASS_SPACE  with every byte written, and the page allocator watched (only workloads that have it)
 *
 * M1 An empty alloc is exactly one instruction and an empty free none; both clobber what a call clobbers. So
 *    COUNT - EMPTY + number of allocs is the instructions of the calls with their arguments, and no more.
 * M2 No two empty calls are the same text, so the compiler keeps them apart, and with them the sequence's
 *    choice between them; and an empty alloc wants the size, so that working it out stays in the sequence. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

enum bench_pass { PASS_COUNT, PASS_EMPTY, PASS_TIMED, PASS_SPACE };

#define BENCH_HISTOGRAM 4096u /* costs counted exactly; the last bucket is for all above */

struct op_stats {
	uint32_t nr, min, max;
	uint32_t tick_cost; /* of timing nothing */
	uint64_t sum;
	uint32_t *histogram;
};

extern struct bench_measure {
	struct op_stats alloc, free;
	uint32_t nr_failed;
	uint32_t live_bytes, peak_live_bytes;
	size_t free_at_start, slab_at_start; /* pages */
	size_t peak_pages;
} measure;

struct bench {
	const char *name;
	const char *alias; /* the same sequence's other name, or NULL */
	void (*run)(enum bench_pass pass);
	bool (*setup)(void); /* before each pass, or NULL; false: this machine cannot, and teardown follows */
	void (*teardown)(void);
	bool has_space;
	bool is_per_operation;			    /* the mean is of allocs and frees, not of pairs */
	bool by_name;				    /* not part of "all" */
	void (*special)(const struct bench *bench); /* instead of all that: measures and prints by itself */
};

/* One table a file, each ended by a row without name. */
extern const struct bench bench_objects[], bench_pages[], bench_mapped[], bench_memory[], bench_windows[],
	bench_replay[], bench_pools[], bench_crowd[], bench_dma[], bench_cache[], bench_swap[], bench_disk[],
	bench_files[], bench_programs[], bench_w7[];

/* Memory for the workloads' own arrays; the same for all, one at a time. */
#define BENCH_SCRATCH_BYTES MIB(1u)
void *bench_scratch(void);

/* A trace for replay, or NULL. */
const void *bench_trace(size_t *bytes);

void bench_note_op(struct op_stats *stats, uint32_t ticks);
void bench_note_object(void *object, size_t size_bytes);
void bench_note_object_freed(const void *object);
void bench_note_pages(void);

/* Empty slabs and parked objects of all caches, and parked pages, back: what follows takes all it needs anew. */
void bench_shrink(void);

/* Pages taken beyond those demanded, in percent. */
void bench_print_over_demand(const char *name, size_t pages, size_t demand);

/* Starts statistics anew: for passes and for specials. */
void bench_measure_reset(void);

/* sum / nr with two decimals, as text for a line. */
const char *bench_ratio(uint64_t sum, uint32_t nr, char buf[24]);
void bench_print_op(const char *name, uint32_t ops, const char *mean, const struct op_stats *a,
		    const struct op_stats *b);
void bench_print_extra(const char *name, const char *key, const char *value);
void bench_print_number(const char *name, const char *key, uint32_t value);

/* The worst GFP_ATOMIC allocation of one of the workloads, and with the last the worst of all. */
#define NR_ATOMIC_WORKLOADS 3u
void bench_note_atomic(const char *workload, const struct op_stats *alloc);

/* Means, p99 and maxima of allocs and of frees apart. */
void bench_print_halves(const char *name);

static ALWAYS_INLINE uint32_t bench_tick(void)
{
	uint32_t low;

	__asm__ volatile("rdtsc" : "=a"(low)::"edx", "memory");
	return low;
}

static ALWAYS_INLINE void *bench_empty_alloc(int line, size_t size_bytes)
{
	void *result;

	__asm__ volatile("movl $1, %0 # line %c1"
			 : "=a"(result)
			 : "i"(line), "g"(size_bytes)
			 : "ecx", "edx", "memory");
	return result;
}

static ALWAYS_INLINE void bench_empty_free(int line)
{
	__asm__ volatile("# line %c0" ::"i"(line) : "eax", "ecx", "edx", "memory");
}

/* `call` is any expression with a pointer's value; `size_bytes` is its size, or 0 where none is worked out.
 */
#define BENCH_ALLOC(pass, size_bytes, call)                                                                  \
	({                                                                                                   \
		void *bench_result;                                                                          \
		uint32_t bench_start;                                                                        \
		if ((pass) == PASS_EMPTY) {                                                                  \
			bench_result = bench_empty_alloc(__LINE__, size_bytes);                              \
		} else if ((pass) == PASS_TIMED) {                                                           \
			bench_start = bench_tick();                                                          \
			bench_result = (call);                                                               \
			bench_note_op(&measure.alloc, bench_tick() - bench_start);                           \
		} else {                                                                                     \
			bench_result = (call);                                                               \
		}                                                                                            \
		if (unlikely(!bench_result))                                                                 \
			measure.nr_failed++;                                                                 \
		else if ((pass) == PASS_SPACE)                                                               \
			bench_note_object(bench_result, size_bytes);                                         \
		bench_result;                                                                                \
	})

#define BENCH_FREE(pass, object, call)                                                                       \
	do {                                                                                                 \
		uint32_t bench_start;                                                                        \
		if ((pass) == PASS_EMPTY) {                                                                  \
			bench_empty_free(__LINE__);                                                          \
		} else if ((pass) == PASS_TIMED) {                                                           \
			bench_start = bench_tick();                                                          \
			call;                                                                                \
			bench_note_op(&measure.free, bench_tick() - bench_start);                            \
		} else {                                                                                     \
			if ((pass) == PASS_SPACE)                                                            \
				bench_note_object_freed(object);                                             \
			call;                                                                                \
		}                                                                                            \
	} while (0)

/* The function of a bench from its template; further arguments go to the template. */
#define DEFINE_BENCH(name, template, ...)                                                                    \
	static void name(enum bench_pass pass)                                                               \
	{                                                                                                    \
		if (pass == PASS_COUNT)                                                                      \
			template(PASS_COUNT, ##__VA_ARGS__);                                                 \
		else if (pass == PASS_EMPTY)                                                                 \
			template(PASS_EMPTY, ##__VA_ARGS__);                                                 \
		else if (pass == PASS_TIMED)                                                                 \
			template(PASS_TIMED, ##__VA_ARGS__);                                                 \
	}

/* With PASS_SPACE as well. */
#define DEFINE_BENCH_SPACE(name, template, ...)                                                              \
	DEFINE_BENCH(name##_calls, template, ##__VA_ARGS__)                                                  \
	static void name(enum bench_pass pass)                                                               \
	{                                                                                                    \
		if (pass == PASS_SPACE)                                                                      \
			template(PASS_SPACE, ##__VA_ARGS__);                                                 \
		else                                                                                         \
			name##_calls(pass);                                                                  \
	}
