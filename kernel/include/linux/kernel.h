/* SPDX-License-Identifier: MIT */
/* Messages and small macros under the name the books use. */
#pragma once

#include <kernel/core/preempt.h>
#include <kernel/lib/round.h>
#include <linux/bug.h>
#include <linux/printk.h>

#define min(a, b)		COMPARE_ONCE(a, <, b, __UNIQUE(one), __UNIQUE(other))
#define max(a, b)		COMPARE_ONCE(a, >, b, __UNIQUE(one), __UNIQUE(other))
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define clamp(value, low, high) min(max(value, low), high)

#define swap(a, b)                                                                                           \
	do {                                                                                                 \
		__typeof__(a) swap_ = (a);                                                                   \
		(a) = (b);                                                                                   \
		(b) = swap_;                                                                                 \
	} while (0)
