/* SPDX-License-Identifier: MIT */
/* The 8254's first channel as a rate generator. No state: the tick counter is kernel/core/timer.h's. */
#include <drivers/pit.h>

#include <kernel/arch/io.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/timer.h>

#define PIT_HZ	       1193182u
#define PIT_IRQ	       0
#define CHANNEL_0      0x40
#define CONTROL	       0x43
#define RATE_CHANNEL_0 0x34 /* low byte then high byte, reloads by itself */

static irqreturn_t pit_tick(int irq, void *dev)
{
	(void)irq;
	(void)dev;
	timer_tick();
	return IRQ_HANDLED;
}

void pit_init(void)
{
	const uint32_t divisor = (PIT_HZ + HZ / 2) / HZ;

	outb(CONTROL, RATE_CHANNEL_0);
	outb(CHANNEL_0, divisor & 0xff);
	outb(CHANNEL_0, divisor >> 8);
	if (request_irq(PIT_IRQ, pit_tick, IRQF_SHARED, "timer", NULL) != 0)
		panic("somebody took the timer's interrupt");
}
