/* SPDX-License-Identifier: MIT */
/* i386 part of <kernel/arch/io.h>; include that one. */
#pragma once

#include <kernel/lib/types.h>

#define DEFINE_PORT_ACCESS(suffix, type)                                                                     \
	static inline type in##suffix(uint16_t port)                                                         \
	{                                                                                                    \
		type value;                                                                                  \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(value) : "Nd"(port) : "memory");              \
		return value;                                                                                \
	}                                                                                                    \
	static inline void out##suffix(uint16_t port, type value)                                            \
	{                                                                                                    \
		__asm__ volatile("out" #suffix " %0, %1" ::"a"(value), "Nd"(port) : "memory");               \
	}

DEFINE_PORT_ACCESS(b, uint8_t)
DEFINE_PORT_ACCESS(w, uint16_t)
DEFINE_PORT_ACCESS(l, uint32_t)
