/* SPDX-License-Identifier: MIT */
/* Data of which each CPU has its own copy, made at run time. Serves CONTRACT S9. <linux/percpu.h> is its face;
 * variables that are there from the start are kernel/arch/percpu.h's.
 *
 * What alloc_percpu() gives names the copies and is none of them: using it as a pointer faults. Copies share no
 * cache line, so that what one CPU writes no other reads (C8).
 *
 *   struct counts *counts = alloc_percpu(struct counts);
 *   get_cpu_ptr(counts)->nr++;        this CPU's copy; preemption is off
 *   put_cpu_ptr(counts);              and on again
 *   per_cpu_ptr(counts, cpu)->nr      any CPU's copy
 */
#pragma once

#include <kernel/lib/bug.h>
#include <mm/pages/gfp.h>
#include <mm/port.h>

#define PERCPU_MAX_BYTES 32768u

/* Cleared copies of size_bytes for all CPUs; NULL: no memory; or no bytes or more than PERCPU_MAX_BYTES, align no
 * power of two or above a page, with one rate-limited warning. Context: as kmalloc. */
void free_percpu(const void *percpu);
void *percpu_alloc(size_t size_bytes, size_t align, gfp_t gfp) MUST_CHECK FREED_BY(free_percpu, 1);

#define alloc_percpu_gfp(type, gfp) ((type *)percpu_alloc(sizeof(type), __alignof__(type), gfp))
#define alloc_percpu(type)	    alloc_percpu_gfp(type, GFP_KERNEL)

/* Gives all copies back. NULL is ignored; what is nothing of alloc_percpu's is reported and left alone. Context:
 * any. */
void free_percpu(const void *percpu);

/* In the header for the inline look-up alone. */
struct percpu_copies {
	unsigned int nr; /* (C) */
	void *copy[];	 /* (C) by number of the CPU */
};

/* The complement of an address of the kernel is no address of it. */
static inline struct percpu_copies *percpu_copies(const void *percpu)
{
	return (struct percpu_copies *)~(uintptr_t)percpu;
}

static inline void *percpu_copy(const void *percpu, unsigned int cpu)
{
	ASSERT_AT(1, cpu < percpu_copies(percpu)->nr);
	return percpu_copies(percpu)->copy[cpu];
}

#define per_cpu_ptr(percpu, cpu) ((__typeof__(percpu))percpu_copy(percpu, cpu))

/* This CPU's copy, which stays this CPU's until put_cpu_ptr(): preemption is off. Interrupts may use it too. They
 * nest. Context: any. */
#define get_cpu_ptr(percpu)                                                                                  \
	({                                                                                                   \
		port_preempt_disable();                                                                      \
		per_cpu_ptr(percpu, port_cpu());                                                             \
	})
#define put_cpu_ptr(percpu)                                                                                  \
	do {                                                                                                 \
		(void)(percpu);                                                                              \
		port_preempt_enable();                                                                       \
	} while (0)
