/* SPDX-License-Identifier: MIT */
/* Counters that any context may change: each operation is one (locked) instruction. Those that return a value
 * order all memory accesses around them; the others order nothing. */
#pragma once

#include <kernel/lib/types.h>

typedef struct {
	int counter;
} atomic_t;

#define ATOMIC_INIT(value)                                                                                   \
	{                                                                                                    \
		(value)                                                                                      \
	}

static inline int atomic_read(const atomic_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}

static inline void atomic_set(atomic_t *v, int value)
{
	__atomic_store_n(&v->counter, value, __ATOMIC_RELAXED);
}

static inline void atomic_add(int n, atomic_t *v)
{
	(void)__atomic_fetch_add(&v->counter, n, __ATOMIC_RELAXED);
}

static inline void atomic_sub(int n, atomic_t *v)
{
	(void)__atomic_fetch_sub(&v->counter, n, __ATOMIC_RELAXED);
}

static inline void atomic_inc(atomic_t *v)
{
	atomic_add(1, v);
}

static inline void atomic_dec(atomic_t *v)
{
	atomic_sub(1, v);
}

static inline int atomic_inc_return(atomic_t *v)
{
	return __atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);
}

/* True for the one that brings it to 0. */
static inline bool atomic_dec_and_test(atomic_t *v)
{
	return __atomic_sub_fetch(&v->counter, 1, __ATOMIC_SEQ_CST) == 0;
}
