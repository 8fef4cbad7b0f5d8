/* SPDX-License-Identifier: MIT */
/* Powers of two, under the names the books use. The argument is not 0. */
#pragma once

#include <kernel/lib/bitops.h>
#include <kernel/lib/round.h>

#define ilog2(n)		((int)bit_highest(n))
#define order_base_2(n)		log2_ceil(n)
#define is_power_of_2(n)	IS_POWER_OF_2(n)
#define roundup_pow_of_two(n)	(1ul << log2_ceil(n))
#define rounddown_pow_of_two(n) (1ul << bit_highest(n))
