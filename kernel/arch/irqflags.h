/* SPDX-License-Identifier: MIT */
/* Interrupts of this CPU on and off, always saved and restored so that it nests. Inline, from
 * <arch/irqflags.h>: irqflags_t irq_save(void)      off; result: what was void irq_restore(irqflags_t)   as
 * it was bool irqs_disabled(void) void irq_enable(void), irq_disable(void)   for the few places that know:
 * boot, idle, the first instruction of a thread Each is a compiler barrier. */
#pragma once

#include <arch/irqflags.h>
