/* SPDX-License-Identifier: MIT */
/* The bench: exact instruction counts of the allocators, on sequences that every run repeats. Serves CONTRACT
 * F1, F3. Under QEMU's `-icount shift=0,sleep=off` one tick of the time stamp counter is one instruction;
 * bench_run() tries that first and says so when it does not hold.
 *
 * Output, tab-separated:
 *   bench   NAME  OPS  MEAN  MIN  MAX      mean of one alloc + free pair, MIN and MAX of a single call
 *   benchx  NAME  KEY  VALUE               p99, means of the halves, space, shares
 * and as the last line `benchx end benches N`: without it the run was cut short.
 * Context: boot, one CPU, no timer, nobody else allocates. */
#pragma once

#include <kernel/lib/types.h>

/* Runs the benches of `list` ("all", "none" or names with commas; an unknown name is said). */
void bench_run(const char *list);

/* The packed trace (tests/bench/trace.h) for `replay`, if the loader brought one. Must stay where it is. */
void bench_set_trace(const void *data, size_t bytes);
