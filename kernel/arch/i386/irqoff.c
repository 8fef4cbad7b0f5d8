/* SPDX-License-Identifier: MIT */
/* The longest stretch with interrupts off, in ticks of the time stamp counter, in a kernel built with
 * IRQOFF=1; in any other this file is empty. A stretch lasts from irq_save() that switched them off, or from
 * the entry of an interrupt, to whoever switches them on. Context: interrupts off. */
#include <kernel/arch/irqflags.h>

#ifdef MEASURE_IRQOFF
struct irqoff irqoff;

void irqoff_end(void)
{
	uint32_t ticks = irqoff_ticks() - irqoff.start;

	if (!irqoff.is_off)
		return;
	irqoff.is_off = false;
	if (irqoff.is_hard) {
		irqoff.max_hard = ticks > irqoff.max_hard ? ticks : irqoff.max_hard;
	} else if (ticks > irqoff.max_task) {
		irqoff.max_task = ticks;
		irqoff.where = __builtin_return_address(0);
	}
}
#endif
