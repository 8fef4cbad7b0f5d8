/* SPDX-License-Identifier: MIT */
/* Clearing, copying, filling: in C. A kernel whose compiler makes library calls of these has memset and memcpy. */
#pragma once

#include <kernel/lib/types.h>

static inline void port_clear(void *start, size_t size_bytes)
{
	__builtin_memset(start, 0, size_bytes);
}

static inline void port_copy(void *to, const void *from, size_t size_bytes)
{
	__builtin_memcpy(to, from, size_bytes);
}

static inline void port_fill(void *start, size_t size_bytes, uint32_t word)
{
	for (size_t i = 0; i < size_bytes / 4; i++)
		((uint32_t *)start)[i] = word;
}

static inline const uint8_t *port_find_other_word(const void *start, size_t size_bytes, uint32_t word)
{
	const uint32_t *at = start, *end = at + size_bytes / 4;

	while (at < end && *at == word)
		at++;
	return (const uint8_t *)at;
}

static inline void port_copy_words(void *to, const void *from, size_t nr)
{
	__builtin_memcpy(to, from, nr * sizeof(void *));
}
