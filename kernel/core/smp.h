/* SPDX-License-Identifier: MIT */
/* Several CPUs: who runs, and asking one to do something. Numbers are dense, CPU 0 is the one that booted, and a number stays
 * a CPU's for good.
 *
 * SC1 Of each CPU at most one call is under way, in a slot of its own: no lock, nothing allocated.
 * SC2 Who waits for others serves them meanwhile, whatever its interrupt flag: two that ask each other both get on.
 * SC3 What is asked runs with interrupts off and in_irq() true; it neither sleeps nor takes a lock that its asker holds.
 * SC4 Nobody holds a spinlock while it waits for a call.
 *
 * Flushes of what CPUs remember of page tables are none of these: a CPU counts those that it is asked for and those behind which it
 * began one.
 *
 * FL1 Whoever waits, for a lock, a call or a flush, flushes when asked, whatever its interrupt flag; and takes no lock for it. So a
 *     flush may be waited for in any context, and with locks held. */
#pragma once

#include <kernel/arch/percpu.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define SMP_CPUS_MAX 16u

static inline unsigned int smp_cpu(void)
{
	return this_cpu_read(cpu_number);
}

/* Those that run: their numbers are below it. */
unsigned int smp_nr_cpus(void);

/* fn(arg) on that CPU; on all at once, the caller's included. Back when it is done everywhere. Context: threads, and what such a call
 * runs; on this CPU no other call is under way. */
void smp_call(unsigned int cpu, void (*fn)(void *arg), void *arg);
void smp_call_all(void (*fn)(void *arg), void *arg);

/* Entries of page tables that were changed before are remembered by none of these CPUs (bit n: CPU n), the caller's own apart: it
 * flushes itself. Back when it is so. Context: any. */
void smp_flush(uint32_t mask);

static inline void smp_flush_others(void)
{
	if (smp_nr_cpus() > 1)
		smp_flush((1u << smp_nr_cpus()) - 1);
}

/* In each turn of every loop that waits for another CPU (FL1). Context: any. */
void smp_serve_flush(void);

/* All others stand still for good, interrupts off or on. For a panic. */
void smp_stop_others(void);

struct smp_info {
	uint32_t apic_id;
	uint32_t nr_served; /* calls of others */
};

/* False when there is no such CPU. Context: any. */
bool smp_info(unsigned int cpu, struct smp_info *info);

/* Boot: the local APIC's number of CPU 0, and of the next that runs. */
void smp_set_first(uint32_t apic_id);
void smp_add(uint32_t apic_id);
