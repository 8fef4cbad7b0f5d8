/* SPDX-License-Identifier: MIT */
/* A recorded allocation trace in the form the guest reads: little-endian 32-bit words. Made by
 * `build/host/replay --pack IN OUT`, replayed by tests/bench/replay.c.
 *
 *   header, then nr_caches object sizes, then one or two words an operation:
 *   id << 8 | flags << 3 | op;  for TRACE_K its size in bytes, TRACE_S its cache, TRACE_P its order
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
	uint32_t nr_words;	   /* of operations */
	uint32_t peak_bytes;	   /* most bytes live at once: objects as requested and pages */
	uint32_t cache_size[TRACE_MAX_CACHES];
};

#define TRACE_OP(word)	  ((enum trace_op)((word)&7u))
#define TRACE_FLAGS(word) ((word) >> 3 & 31u)
#define TRACE_ID(word)	  ((word) >> 8)
