/* SPDX-License-Identifier: MIT */
/* Passing time without sleeping. Context: any. */
#pragma once

#include <kernel/arch/clock.h>
#include <kernel/arch/cpu.h>

static inline void udelay(unsigned long us)
{
	uint64_t end = clock_now_us() + us;

	while (clock_now_us() < end)
		cpu_relax();
}

static inline void mdelay(unsigned long ms)
{
	udelay(ms * 1000);
}
