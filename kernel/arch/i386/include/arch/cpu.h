/* SPDX-License-Identifier: MIT */
/* i386 part of <kernel/arch/cpu.h>; include that one. */
#pragma once

#include <kernel/lib/types.h>

static inline void cpu_relax(void)
{
	__asm__ volatile("rep; nop" ::: "memory");
}

static inline uint64_t cpu_cycles(void)
{
	uint64_t cycles;

	__asm__ volatile("rdtsc" : "=A"(cycles)::"memory");
	return cycles;
}
