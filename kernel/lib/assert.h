/* SPDX-License-Identifier: MIT */
/* Invariants, cheapest first. BUG_ON is always compiled in; ASSERT from DEBUG=1 on; ASSERT_SLOW (list walks, whole
 * structures) from DEBUG=2 on. STATIC_ASSERT is in compiler.h. Drivers have an ASSERT of their own: headers that the
 * books' headers bring include bug.h, never this file. */
#pragma once

#include <kernel/lib/bug.h>

#define ASSERT(cond)	  ASSERT_AT(1, cond)
#define ASSERT_SLOW(cond) ASSERT_AT(2, cond)
