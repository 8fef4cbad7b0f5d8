/* SPDX-License-Identifier: MIT */
/* A recorded allocation trace in the form the guest reads: little-endian 32-bit words. Made by
 * `build/host/replay --pack IN OUT`, replayed by tests/bench/replay.c.
 *
 *   header, then two words an operation:
 *   id << 8 | flags << 3 | op, and what: bytes (K), index of the cache (S, G), order (P, Q), 0 (F)
 *
 * T1 every id is below nr_ids; it is dead before a K, S or P and live before an F, G or Q of its kind. */
#pragma once

#include <kernel/lib/types.h>

#define TRACE_MAGIC	 0x31525441u /* "ATR1" */
#define TRACE_MAX_CACHES 64u

enum trace_op {
	TRACE_K, /* kmalloc */
	TRACE_S, /* object of a cache of its own */
	TRACE_P, /* pages */
	TRACE_F, /* free what K gave */
	TRACE_G, /* free what S gave */
	TRACE_Q, /* free what P gave */
	TRACE_NR_OPS,
};

enum trace_flag {
	TRACE_ATOMIC = 1 << 0,
	TRACE_HIGHMEM = 1 << 1,
	TRACE_DMA = 1 << 2,
	TRACE_NR_FLAGS = 1 << 3, /* combinations */
};

struct trace_header {
	uint32_t magic;
	uint32_t nr_ops, nr_ids, nr_caches;
	uint32_t peak_bytes; /* most bytes live at once: objects as requested, and pages */
	uint32_t cache_size[TRACE_MAX_CACHES];
};

struct trace_word {
	uint32_t head, what;
};

#define TRACE_HEAD(id, flags, op) ((uint32_t)(id) << 8 | (uint32_t)(flags) << 3 | (uint32_t)(op))
#define TRACE_OP(head)		  ((head)&7u)
#define TRACE_FLAGS(head)	  ((head) >> 3 & 31u)
#define TRACE_ID(head)		  ((head) >> 8)
