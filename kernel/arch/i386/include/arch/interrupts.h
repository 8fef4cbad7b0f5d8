/* SPDX-License-Identifier: MIT */
/* Shared by the files that take interrupts from the CPU: trap.c, pic.c, apic.c, cpu.c. Not for anybody else. */
#pragma once

#include <kernel/arch/irq.h>
#include <kernel/lib/types.h>

#define VECTOR_SPURIOUS 0xffu /* the APIC's; its low bits are fixed to 1 on old CPUs */

/* The interrupt table, and the local APIC, of a CPU that joins. */
void trap_join(void);
void apic_join(void);

/* Tells the 8259s that line irq is being served. Result: false when they never raised it. */
bool pic_acknowledge(unsigned int irq);
