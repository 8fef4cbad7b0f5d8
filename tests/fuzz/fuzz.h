/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: an input read byte by byte, zeros behind its end, and a demand that says what
 * did not hold before it aborts. Context: one thread. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

struct input {
	const uint8_t *at, *end;
};

static inline uint8_t take_u8(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline uint16_t take_u16(struct input *in)
{
	uint16_t low = take_u8(in);

	return (uint16_t)(low | take_u8(in) << 8);
}

static inline uint64_t take_u64(struct input *in)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < 8; i++)
		value |= (uint64_t)take_u8(in) << (8 * i);
	return value;
}

#define DEMAND(cond)                                                                                         \
	do {                                                                                                 \
		if (!(cond)) {                                                                               \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);            \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
