/* SPDX-License-Identifier: MIT */
/* Data of which each CPU has its own copy, reached through the per-CPU segment. The linker gathers the
 * variables in section .percpu and puts them where CPU 0 sees its copy, at MMU_PERCPU_START; that of CPU n lies
 * n times MMU_PERCPU_UNIT above, and this is its segment's base: 0 for CPU 0. So a symbol's address is its offset
 * in the segment, each access is one instruction, and the same for all CPUs.
 *
 * PC1 The kernel runs with the per-CPU segment loaded from cpu_init() on; entry code loads it.
 * PC2 The symbol of variable x is percpu_x: assembly reads it as [fs:percpu_x]. Using it without a macro of
 *     this file is wrong.
 * PC3 this_cpu_read, _write, _add … are for variables of 4 bytes; each is one instruction, so an interrupt
 *     sees it done or not begun.
 *
 * Inline, from <arch/percpu.h>: this_cpu_read(name) this_cpu_write(name, value) this_cpu_add(name, n)
 * this_cpu_or(name, bits) this_cpu_and(name, bits) this_cpu_add_is_zero(name, n) this_cpu_exchange(name,
 * value) this_cpu_fetch_add(name, n). Context: any. */
#pragma once

#include <arch/percpu.h>
#include <kernel/arch/mmu.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

/* DEFINE_PERCPU(uint32_t, nr_things) = 5; may be static. */
#define DEFINE_PERCPU(type, name)  SECTION(".percpu") __typeof__(type) percpu_##name
#define DECLARE_PERCPU(type, name) extern __typeof__(type) percpu_##name

struct thread;

DECLARE_PERCPU(uintptr_t, cpu_base); /* the segment's base */
DECLARE_PERCPU(uint32_t, cpu_number);
DECLARE_PERCPU(uint32_t, cpu_lock_id);		 /* the number + 1: what locks know it by */
DECLARE_PERCPU(uint32_t, preempt_count);	 /* see kernel/core/preempt.h */
DECLARE_PERCPU(struct thread *, current_thread); /* never NULL once the scheduler is up */
DECLARE_PERCPU(uint32_t, rseq_rewinds);		 /* see kernel/arch/rseq.h */

/* This CPU's copy, of any type. Stays on this CPU only while preemption is off. */
#define this_cpu_ptr(name) per_cpu_at(name, this_cpu_read(cpu_base))

/* The copy of CPU n, and of the CPU whose segment base is `base`. */
#define per_cpu_ptr_of(name, n) per_cpu_at(name, (uintptr_t)(n)*MMU_PERCPU_UNIT)
#define per_cpu_at(name, base)                                                                               \
	((__typeof__(percpu_##name) *)(void *)((char *)(void *)&percpu_##name + (uintptr_t)(base)))
