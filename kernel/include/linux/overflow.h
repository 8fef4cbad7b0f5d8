/* SPDX-License-Identifier: MIT */
/* Sizes that are computed, under the names the books use: what does not fit is SIZE_MAX, which no allocator has. */
#pragma once

#include <kernel/lib/types.h>

#define check_add_overflow(a, b, sum)	     __builtin_add_overflow(a, b, sum)
#define check_sub_overflow(a, b, difference) __builtin_sub_overflow(a, b, difference)
#define check_mul_overflow(a, b, product)    __builtin_mul_overflow(a, b, product)

static inline size_t size_mul(size_t a, size_t b)
{
	size_t product;

	return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

static inline size_t size_add(size_t a, size_t b)
{
	size_t sum;

	return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

#define array_size(n, size)	      size_mul(n, size)
#define array3_size(n, m, size)	      size_mul(size_mul(n, m), size)
#define flex_array_size(p, member, n) size_mul(n, sizeof(*(p)->member))
#define struct_size(p, member, n)     size_add(sizeof(*(p)), flex_array_size(p, member, n))
