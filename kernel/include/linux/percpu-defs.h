/* SPDX-License-Identifier: MIT */
/* Variables of which each CPU has its own, under the names the books use. `name` is the variable, not its
 * address. */
#pragma once

#include <kernel/arch/percpu.h>
#include <kernel/core/preempt.h>

#define DEFINE_PER_CPU(type, name)  DEFINE_PERCPU(type, name)
#define DECLARE_PER_CPU(type, name) DECLARE_PERCPU(type, name)

/* This CPU's, an lvalue; preemption is off until put_cpu_var(). */
#define get_cpu_var(name)                                                                                    \
	(*({                                                                                                 \
		preempt_disable();                                                                           \
		this_cpu_ptr(name);                                                                          \
	}))
#define put_cpu_var(name) preempt_enable()
