/* SPDX-License-Identifier: MIT */
/* BUG_ON: a wrong call that costs one comparison to find, in every build. assert_failed() is supplied by whoever links us:
 * the kernel panics, a host test aborts. */
#pragma once

#include <kernel/lib/compiler.h>

#ifndef DEBUG_LEVEL /* DEBUG of the Makefile */
#define DEBUG_LEVEL 0
#endif

NORETURN void assert_failed(const char *expr, const char *file, int line);

#define BUG_ON(cond)                                                                                         \
	do {                                                                                                 \
		if (unlikely(cond))                                                                          \
			assert_failed("BUG_ON(" #cond ")", __FILE__, __LINE__);                              \
	} while (0)

/* For headers; elsewhere ASSERT and ASSERT_SLOW of assert.h, which mean levels 1 and 2. */
#define ASSERT_AT(level, cond)                                                                               \
	do {                                                                                                 \
		if (DEBUG_LEVEL >= (level) && unlikely(!(cond)))                                             \
			assert_failed(#cond, __FILE__, __LINE__);                                            \
	} while (0)
