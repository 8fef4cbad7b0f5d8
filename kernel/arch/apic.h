/* SPDX-License-Identifier: MIT */
/* The CPU's local APIC: a timer that counts bus cycles, and messages from one CPU to another. The 8259's interrupts pass
 * through that of CPU 0 unchanged. */
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

/* Its number, by which others reach it. */
uint32_t apic_id(void);

/* To the CPU with that number: an interrupt at `vector`; one that it cannot switch off; the two by which it is started, in a
 * page below 1 MiB. None waits for an answer. Context: any, once apic_is_on(). */
#define IPI_VECTOR 0xfdu
void apic_send(uint32_t id, uint8_t vector);
void apic_send_nmi(uint32_t id);
void apic_send_init(uint32_t id);
void apic_send_startup(uint32_t id, paddr_t page);

/* Supplied above: an interrupt has arrived at IPI_VECTOR. Interrupts off. */
void ipi_handle(void);

/* Acknowledges what runs. For the entry code. */
void apic_acknowledge(void);
