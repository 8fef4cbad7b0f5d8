/* SPDX-License-Identifier: MIT */
/* The random numbers of the workloads. Every published figure was counted on these, so nothing may change. */
#pragma once

#include <kernel/lib/types.h>

struct bench_random {
	uint64_t s;
};

static inline struct bench_random bench_seed(uint32_t x)
{
	return (struct bench_random){x * 0x9E3779B97F4A7C15ull + 0x1234567u};
}

static inline uint32_t bench_next(struct bench_random *random)
{
	uint64_t s = random->s;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	random->s = s;
	return (uint32_t)(s >> 16);
}

/* 0 … n - 1 */
static inline uint32_t bench_below(struct bench_random *random, uint32_t n)
{
	return (uint32_t)((uint64_t)bench_next(random) * n >> 32);
}

/* A size of `octaves` doublings from `lowest`, each octave equally likely. */
static inline uint32_t bench_logu(struct bench_random *random, uint32_t octaves, uint32_t lowest)
{
	uint32_t base = lowest << bench_below(random, octaves);

	return base + bench_below(random, base);
}
