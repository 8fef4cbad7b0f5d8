/* SPDX-License-Identifier: MIT */
/* The 8237's registers are written byte by byte, low one first, by a flip-flop that says which is next. */
#include <drivers/block/isadma.h>

#include <kernel/arch/io.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/spinlock.h>

#define REG_MASK	 0x0a
#define REG_MODE	 0x0b
#define REG_FLIP_FLOP	 0x0c
#define MASK_ON		 0x04
#define MODE_SINGLE	 0x40
#define MODE_TO_MEMORY	 0x04
#define MODE_FROM_MEMORY 0x08
#define SEGMENT_BYTES	 0x10000u

static const uint16_t page_port[ISADMA_NR_CHANNELS] = {0x87, 0x83, 0x81, 0x82};

static DEFINE_SPINLOCK(lock);

static void write_16_locked(uint16_t port, uint32_t value)
{
	(outb)(REG_FLIP_FLOP, 0);
	(outb)(port, (uint8_t)value);
	(outb)(port, (uint8_t)(value >> 8));
}

static bool can_make(unsigned int channel, uint64_t addr, size_t size)
{
	return channel < ISADMA_NR_CHANNELS && size && size <= SEGMENT_BYTES && addr < ISADMA_END &&
	       ((uint32_t)addr & (SEGMENT_BYTES - 1)) + size <= SEGMENT_BYTES;
}

int isadma_start(unsigned int channel, uint64_t addr, size_t size, bool to_memory)
{
	irqflags_t flags;

	if (!can_make(channel, addr, size))
		return -EINVAL;
	spin_lock_irqsave(&lock, flags);
	(outb)(REG_MASK, (uint8_t)(MASK_ON | channel));
	(outb)(REG_MODE, (uint8_t)(MODE_SINGLE | (to_memory ? MODE_TO_MEMORY : MODE_FROM_MEMORY) | channel));
	write_16_locked((uint16_t)(2 * channel), (uint32_t)addr);
	(outb)(page_port[channel], (uint8_t)(addr >> 16));
	write_16_locked((uint16_t)(2 * channel + 1), (uint32_t)size - 1);
	(outb)(REG_MASK, (uint8_t)channel);
	spin_unlock_irqrestore(&lock, flags);
	return 0;
}

/* It counts down through 0. */
size_t isadma_stop(unsigned int channel)
{
	uint16_t port = (uint16_t)(2 * channel + 1);
	irqflags_t flags;
	size_t left;

	spin_lock_irqsave(&lock, flags);
	(outb)(REG_MASK, (uint8_t)(MASK_ON | channel));
	(outb)(REG_FLIP_FLOP, 0);
	left = (inb)(port);
	left |= (size_t)(inb)(port) << 8;
	spin_unlock_irqrestore(&lock, flags);
	return (left + 1) & (SEGMENT_BYTES - 1);
}
