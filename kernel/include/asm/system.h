/* SPDX-License-Identifier: MIT */
/* Barriers, under the name the books use. Accesses of this CPU to a device are never reordered by an x86; the compiler is
 * kept from it. */
#pragma once

#include <kernel/lib/compiler.h>

#define mb()	  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb()	  mb()
#define wmb()	  barrier()
#define smp_mb()  mb()
#define smp_rmb() barrier()
#define smp_wmb() barrier()
