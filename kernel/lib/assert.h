/* SPDX-License-Identifier: MIT */
/* Invariants, cheapest first. BUG_ON is always compiled in; ASSERT from DEBUG=1 on; ASSERT_SLOW (list walks,
 * whole structures) from DEBUG=2 on. STATIC_ASSERT is in compiler.h. assert_failed() is supplied by whoever
 * links us: the kernel panics, a host test aborts. */
#pragma once

#include <kernel/lib/compiler.h>

#ifndef DEBUG
#define DEBUG 0
#endif

NORETURN void assert_failed(const char *expr, const char *file, int line);

#define BUG_ON(cond)                                                                                         \
	do {                                                                                                 \
		if (unlikely(cond))                                                                          \
			assert_failed("BUG_ON(" #cond ")", __FILE__, __LINE__);                              \
	} while (0)

#define ASSERT_AT(level, cond)                                                                               \
	do {                                                                                                 \
		if (DEBUG >= (level) && unlikely(!(cond)))                                                   \
			assert_failed(#cond, __FILE__, __LINE__);                                            \
	} while (0)

#define ASSERT(cond)	  ASSERT_AT(1, cond)
#define ASSERT_SLOW(cond) ASSERT_AT(2, cond)
