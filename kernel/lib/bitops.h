/* SPDX-License-Identifier: MIT */
/* Bit scans on 32-bit words. The argument must not be 0 where the comment says so. */
#pragma once

#include <kernel/lib/types.h>

/* Number of the lowest set bit; x != 0. */
static inline unsigned int bit_lowest(uint32_t x)
{
	return (unsigned int)__builtin_ctz(x);
}

/* Number of the highest set bit; x != 0. */
static inline unsigned int bit_highest(uint32_t x)
{
	return 31u - (unsigned int)__builtin_clz(x);
}

/* Smallest n with 2^n >= x; 0 for x <= 1. */
static inline unsigned int log2_ceil(uint32_t x)
{
	return x <= 1 ? 0 : bit_highest(x - 1) + 1;
}

static inline bool bitmap_test(const uint32_t *map, size_t bit)
{
	return map[bit / 32] >> (bit % 32) & 1u;
}

static inline void bitmap_set(uint32_t *map, size_t bit)
{
	map[bit / 32] |= 1u << (bit % 32);
}

static inline void bitmap_clear(uint32_t *map, size_t bit)
{
	map[bit / 32] &= ~(1u << (bit % 32));
}
