/* SPDX-License-Identifier: MIT */
/* The registers of a serial port (8250 to 16550), for the drivers of the first and the second one; nobody else includes
 * it. */
#pragma once

#include <kernel/arch/io.h>
#include <kernel/lib/types.h>

#define COM1 0x3f8u
#define COM2 0x2f8u

enum uart_register {
	REG_DATA = 0, /* divisor, low byte, while LCR_DIVISOR is set */
	REG_IRQ = 1,  /* divisor, high byte */
	REG_FIFO = 2, /* written: FCR; read: IIR */
	REG_LINE = 3,
	REG_MODEM = 4,
	REG_STATUS = 5,
	REG_SCRATCH = 7,
};

#define LCR_8N1		 0x03
#define LCR_DIVISOR	 0x80
#define FCR_ON_CLEARED	 0xc7 /* on, both queues emptied, threshold 14 bytes */
#define IIR_NOTHING	 0x01
#define IIR_HAS_FIFO	 0xc0
#define IER_RECEIVED	 0x01
#define IER_SEND_EMPTY	 0x02
#define IER_ERROR	 0x04
#define MCR_DTR_RTS_OUT2 0x0b /* OUT2 lets the interrupt out of the chip */
#define MCR_DTR_OUT2	 0x09
#define MCR_LOOPBACK	 0x1e
#define LSR_RECEIVED	 0x01
#define LSR_OVERRUN	 0x02
#define LSR_SEND_EMPTY	 0x20
#define LSR_ALL_SENT	 0x40
#define DIVISOR_115200	 1

#define UART_WAIT_READS	 100000u

static inline void uart_write(uint16_t port, enum uart_register reg, uint8_t value)
{
	outb((uint16_t)(port + reg), value);
}

static inline uint8_t uart_read(uint16_t port, enum uart_register reg)
{
	return inb((uint16_t)(port + reg));
}

/* Until the status has one of the bits, or UART_WAIT_READS looks at it were in vain. */
static inline bool uart_wait(uint16_t port, uint8_t bits)
{
	for (unsigned int i = 0; i < UART_WAIT_READS; i++) {
		if (uart_read(port, REG_STATUS) & bits)
			return true;
	}
	return false;
}

/* Where no port is, nothing is kept. */
static inline bool uart_keeps(uint16_t port, uint8_t pattern)
{
	uart_write(port, REG_SCRATCH, pattern);
	return uart_read(port, REG_SCRATCH) == pattern;
}

/* 115200 8N1, no interrupts. */
static inline void uart_set_line(uint16_t port)
{
	uart_write(port, REG_IRQ, 0);
	uart_write(port, REG_LINE, LCR_DIVISOR);
	uart_write(port, REG_DATA, DIVISOR_115200);
	uart_write(port, REG_IRQ, 0);
	uart_write(port, REG_LINE, LCR_8N1);
}
