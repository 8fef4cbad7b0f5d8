/* SPDX-License-Identifier: MIT */
/* A polled 16550. The port is believed to be there when its scratch register keeps two patterns and a byte
 * sent in loop-back mode comes back; otherwise nothing is registered and nothing is ever written.
 *
 * S1 Every wait is bounded by WAIT_READS reads of the status (about a microsecond each on hardware; a byte
 * takes 87 us). S2 A transmitter that stayed busy that long is given up for the rest of the call: a dead port
 * costs one wait a line. Lock: none; printk calls with interrupts off. */
#include <drivers/serial.h>

#include <kernel/arch/io.h>
#include <kernel/core/console.h>

#define COM1	   0x3f8u
#define WAIT_READS 20000u

enum serial_register {
	REG_DATA = 0, /* divisor, low byte, while LCR_DIVISOR is set */
	REG_IRQ = 1,  /* divisor, high byte */
	REG_FIFO = 2,
	REG_LINE = 3,
	REG_MODEM = 4,
	REG_STATUS = 5,
	REG_SCRATCH = 7,
};

#define LCR_8N1		 0x03
#define LCR_DIVISOR	 0x80
#define FCR_ON_CLEARED	 0xc7 /* on, both queues emptied, threshold 14 bytes */
#define MCR_DTR_RTS_OUT2 0x0b
#define MCR_LOOPBACK	 0x1e
#define LSR_RECEIVED	 0x01
#define LSR_SEND_EMPTY	 0x20
#define DIVISOR_115200	 1

static struct {
	bool present;
	struct console console;
} serial;

static void reg_write(enum serial_register reg, uint8_t value)
{
	outb((uint16_t)(COM1 + reg), value);
}

static uint8_t reg_read(enum serial_register reg)
{
	return inb((uint16_t)(COM1 + reg));
}

static bool status_wait(uint8_t bit)
{
	for (unsigned int i = 0; i < WAIT_READS; i++) {
		if (reg_read(REG_STATUS) & bit)
			return true;
	}
	return false;
}

static bool scratch_keeps(uint8_t pattern)
{
	reg_write(REG_SCRATCH, pattern);
	return reg_read(REG_SCRATCH) == pattern;
}

static bool loopback_returns(uint8_t byte)
{
	reg_write(REG_MODEM, MCR_LOOPBACK);
	reg_write(REG_DATA, byte);
	return status_wait(LSR_RECEIVED) && reg_read(REG_DATA) == byte;
}

static void port_setup(void)
{
	reg_write(REG_IRQ, 0);
	reg_write(REG_LINE, LCR_DIVISOR);
	reg_write(REG_DATA, DIVISOR_115200);
	reg_write(REG_IRQ, 0);
	reg_write(REG_LINE, LCR_8N1);
	reg_write(REG_FIFO, FCR_ON_CLEARED);
}

static bool byte_send(char c)
{
	if (!status_wait(LSR_SEND_EMPTY))
		return false;
	reg_write(REG_DATA, (uint8_t)c);
	return true;
}

static void serial_write(struct console *con, const char *text, size_t len)
{
	bool alive = true;

	(void)con;
	for (size_t i = 0; i < len && alive; i++)
		alive = (text[i] != '\n' || byte_send('\r')) && byte_send(text[i]);
}

bool serial_init(void)
{
	if (serial.present)
		return true;
	if (!scratch_keeps(0x55) || !scratch_keeps(0xaa))
		return false;
	port_setup();
	serial.present = loopback_returns(0xae);
	reg_write(REG_MODEM, MCR_DTR_RTS_OUT2);
	if (!serial.present)
		return false;
	serial.console = (struct console){.name = "serial", .write = serial_write};
	console_register(&serial.console);
	return true;
}

int serial_getchar_poll(void)
{
	if (!serial.present || !(reg_read(REG_STATUS) & LSR_RECEIVED))
		return -1;
	return reg_read(REG_DATA);
}
