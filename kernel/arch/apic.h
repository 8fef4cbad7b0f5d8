/* SPDX-License-Identifier: MIT */
/* The CPU's local APIC: here a timer that counts bus cycles. The 8259's interrupts pass through it unchanged.
 */
#pragma once

#include <kernel/lib/types.h>

#define APIC_TIMER_IRQ 16u /* the source the kernel uses for it; request_irq() */

/* Maps and switches it on. Result: false when the CPU has none. Boot, after mmu_init(). */
bool apic_init(void);

bool apic_is_on(void);

/* One interrupt at `vector` (IRQ_VECTOR(n), n from 16 to 31) in `ticks` bus cycles; under `-icount
 * shift=0,sleep=off` a bus cycle of QEMU is one instruction. A new call replaces the one before; 0 stops.
 * Context: any. */
void apic_timer_oneshot(uint32_t ticks, uint8_t vector);

/* Ticks left, 0 when it has fired or stands still. */
uint32_t apic_timer_left(void);

/* Acknowledges what runs. For the entry code. */
void apic_acknowledge(void);
