/* SPDX-License-Identifier: MIT */
/* Rounding, and the smaller and the larger of two, each evaluated once. Drivers have macros of these short names of their
 * own: headers that the books' headers bring include round.h, never this file. */
#pragma once

#include <kernel/lib/round.h>

#define MIN(a, b) COMPARE_ONCE(a, <, b, __UNIQUE(one), __UNIQUE(other))
#define MAX(a, b) COMPARE_ONCE(a, >, b, __UNIQUE(one), __UNIQUE(other))
