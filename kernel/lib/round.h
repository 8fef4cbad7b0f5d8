/* SPDX-License-Identifier: MIT */
/* Rounding, to powers of two and others; `a` is always a power of two of the type of `x` or narrower. Each argument is
 * evaluated once. CONST_IS_POWER_OF_2 is for outside functions: a constant expression. */
#pragma once

#include <kernel/lib/types.h>

#define ALIGN_DOWN(x, a)       ((x) & ~((__typeof__(x))(a)-1))
#define IS_ALIGNED(x, a)       (((x) & ((__typeof__(x))(a)-1)) == 0)

#define CONST_IS_POWER_OF_2(x) ((x) != 0 && ((x) & ((x)-1)) == 0)

/* The work is done on copies, whose names are new each time: these macros stand inside one another. */
#define __PASTE(a, b)	     a##b
#define __PASTE_VALUES(a, b) __PASTE(a, b)
#define __UNIQUE(name)	     __PASTE_VALUES(name##_, __COUNTER__)

#define ALIGN_UP(x, a)	     ALIGN_UP_ONCE(x, a, __UNIQUE(less))
#define IS_POWER_OF_2(x)     IS_POWER_OF_2_ONCE(x, __UNIQUE(value))
#define DIV_ROUND_UP(n, d)   DIV_ROUND_UP_ONCE(n, d, __UNIQUE(divisor))

#define ALIGN_UP_ONCE(x, a, less)                                                                            \
	({                                                                                                   \
		const __typeof__(x) less = (__typeof__(x))(a)-1;                                             \
		((x) + less) & ~less;                                                                        \
	})

#define IS_POWER_OF_2_ONCE(x, value)                                                                         \
	({                                                                                                   \
		const __typeof__(x) value = (x);                                                             \
		value != 0 && (value & (value - 1)) == 0;                                                    \
	})

#define DIV_ROUND_UP_ONCE(n, d, divisor)                                                                     \
	({                                                                                                   \
		const __typeof__(d) divisor = (d);                                                           \
		((n) + divisor - 1) / divisor;                                                               \
	})

#define COMPARE_ONCE(a, better, b, one, other)                                                               \
	({                                                                                                   \
		const __typeof__(a) one = (a);                                                               \
		const __typeof__(b) other = (b);                                                             \
		one better other ? one : other;                                                              \
	})
