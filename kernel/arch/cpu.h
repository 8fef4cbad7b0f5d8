/* SPDX-License-Identifier: MIT */
/* The CPU's own abilities and its smallest actions. Entry code has already refused a CPU without PAE, CMOV,
 * CMPXCHG8B and TSC. Context: any, after cpu_init(). */
#pragma once

#include <arch/cpu.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

/* Asks CPUID once, loads the kernel's own segment tables and task registers. First call of all. */
void cpu_init(void);

/* What cpu_init(), mmu_init(), trap_init() and apic_init() did for CPU 0, on the CPU of that number, whose per-CPU data is
 * filled: it has the kernel mapped, and then is like CPU 0, interrupts off. */
void cpu_join(unsigned int number);

/* Stops for good, interrupts off. */
NORETURN void cpu_halt(void);

bool cpu_has_nx(void);	/* pages can be made no-execute, and the paging code does so */
bool cpu_has_pge(void); /* global pages survive a reload of the page directory */
bool cpu_has_apic(void);
unsigned int cpu_physical_bits(void); /* width of a physical address: 36 unless the CPU says otherwise */
uint32_t cpu_apic_id(void); /* the number by which the firmware's tables know the CPU that runs now */
const char *cpu_name(void); /* brand string, or the vendor's name on CPUs that have none */

/* Inline, from <arch/cpu.h>:
 *   void cpu_relax(void)       one turn of a waiting loop
 *   uint64_t cpu_cycles(void)  the time stamp counter
 */
