/* SPDX-License-Identifier: MIT */
/* Nobody ever sleeps: every request is GFP_ATOMIC's, whatever its flags; with no_threads.c. */
#pragma once

#include <kernel/lib/types.h>

static inline bool port_is_atomic(void)
{
	return true;
}

static inline bool port_in_interrupt(void)
{
	return false;
}

static inline void port_preempt_disable(void)
{
}

static inline void port_preempt_enable(void)
{
}
