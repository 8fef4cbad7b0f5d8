/* SPDX-License-Identifier: MIT */
/* Two 8259s, the slave at input 2 of the master, edge triggered.
 *
 * An 8259 whose request has gone before the CPU asks for its number answers with its last line, without
 * having one in service: spurious. The slave's must still be acknowledged at the master, which saw a real
 * request. State: the mask, a copy of what the chips hold. Lock: pic.lock, for it. */
#include <arch/interrupts.h>

#include <kernel/arch/apic.h>
#include <kernel/arch/io.h>
#include <kernel/core/spinlock.h>

#define MASTER	      0x20
#define SLAVE	      0xa0
#define EOI_SPECIFIC  0x60
#define READ_SERVICED 0x0b
#define CASCADE	      2u

static struct {
	struct spinlock lock;
	uint16_t mask; /* (L) a set bit: the line is off */
} pic = {.lock = SPINLOCK_INIT("8259"), .mask = 0xffff & ~(1u << CASCADE)};

static void mask_write(void)
{
	outb(MASTER + 1, (uint8_t)pic.mask);
	outb(SLAVE + 1, (uint8_t)(pic.mask >> 8));
}

void irq_controllers_init(void)
{
	outb(MASTER, 0x11); /* start, edge triggered, cascaded */
	outb(SLAVE, 0x11);
	outb(MASTER + 1, IRQ_VECTOR(0)); /* away from the exceptions */
	outb(SLAVE + 1, IRQ_VECTOR(8));
	outb(MASTER + 1, 1u << CASCADE);
	outb(SLAVE + 1, CASCADE);
	outb(MASTER + 1, 0x01); /* 8086 mode */
	outb(SLAVE + 1, 0x01);
	mask_write();
}

void irq_line_mask(unsigned int irq)
{
	irqflags_t flags = raw_spin_lock_irqsave(&pic.lock);

	if (irq < IRQ_NR_LINES) {
		pic.mask |= (uint16_t)(1u << irq);
		mask_write();
	}
	raw_spin_unlock_irqrestore(&pic.lock, flags);
}

void irq_line_unmask(unsigned int irq)
{
	irqflags_t flags = raw_spin_lock_irqsave(&pic.lock);

	if (irq < IRQ_NR_LINES) {
		pic.mask &= (uint16_t) ~(1u << irq);
		mask_write();
	}
	raw_spin_unlock_irqrestore(&pic.lock, flags);
}

static bool is_in_service(unsigned int irq)
{
	uint16_t port = irq < 8 ? MASTER : SLAVE;

	outb(port, READ_SERVICED);
	return inb(port) >> (irq & 7) & 1;
}

bool pic_acknowledge(unsigned int irq)
{
	bool real = (irq & 7) != 7 || is_in_service(irq);

	if (irq >= 8) {
		if (real)
			outb(SLAVE, (uint8_t)(EOI_SPECIFIC | (irq & 7)));
		outb(MASTER, EOI_SPECIFIC | CASCADE);
	} else if (real) {
		outb(MASTER, (uint8_t)(EOI_SPECIFIC | irq));
	}
	return real;
}
