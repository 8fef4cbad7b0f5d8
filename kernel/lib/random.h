/* SPDX-License-Identifier: MIT */
/* Random numbers that are the same in every run, on every machine: a test prints its seed and can be given it
 * back. */
#pragma once

#include <kernel/lib/types.h>

struct random {
	uint32_t state; /* not 0 */
};

static inline uint32_t random_next(struct random *random)
{
	uint32_t x = random->state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return random->state = x;
}

/* 0 … limit - 1; limit is not 0. */
static inline uint32_t random_below(struct random *random, uint32_t limit)
{
	return random_next(random) % limit;
}
