/* SPDX-License-Identifier: MIT */
/* Where interrupts come from. Sources 0-15 are the PC's lines at two 8259s; 16-31 belong to the local APIC,
 * where the CPU has one. Source n arrives at vector IRQ_VECTOR(n).
 *
 * I1 A source is acknowledged before its handlers run, interrupts being off; a handler that switches them on
 *    may be interrupted by any source, its own included.
 * Calls with interrupts off; "supplied above" is implemented by kernel/core and called by the entry code. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define IRQ_NR_LINES   16u
#define IRQ_NR_SOURCES 32u
#define IRQ_VECTOR(n)  (0x20u + (n))

/* The controllers, all lines masked. */
void irq_controllers_init(void);

/* Nothing happens for the APIC's own sources. Context: any. */
void irq_line_mask(unsigned int irq);
void irq_line_unmask(unsigned int irq);

/* Supplied above: runs the handlers of `irq`, then what the interrupt has made due. */
void irq_handle(unsigned int irq);

/* Supplied above: an 8259 or the APIC raised `irq` and took it back; a vector arrived that nobody asked for.
 */
void irq_note_spurious(unsigned int irq);
void irq_note_stray(unsigned int vector);
