/* SPDX-License-Identifier: MIT */
/* A 16550. The port is believed to be there when its scratch register keeps two patterns and a byte sent in
 * loop-back mode comes back; otherwise nothing is registered and nothing is ever written.
 *
 * Output goes through a ring: writing fills it, the interrupt for an empty transmitter drains it. When the
 * ring is full, and when it has to be empty (the end is near), the writer sends the oldest bytes itself,
 * polling. So the order of output is that of the calls, whatever the context.
 *
 * S1 Every wait is bounded by UART_WAIT_READS reads of the status (about a microsecond each on hardware, a few
 *    nanoseconds where CPUs are faster than ports; a byte takes 87 us, a full queue 1.4 ms).
 * S2 A transmitter that stayed busy that long is given up for the rest of the call: a dead port costs one
 *    wait a line.
 * S3 The interrupt for an empty transmitter is on exactly while the ring holds something.
 * S4 Input is never thrown away: while its ring is full the port is not read and RTS is off, so that the
 *    sender waits (QEMU does when the port's queue is full); reading the ring half empty ends that.
 *
 * Lock: consoles_lock(); printk calls so. */
#include <drivers/serial.h>

#include <drivers/uart.h>
#include <kernel/core/console.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/wait.h>

#define SERIAL_IRQ  4
#define QUIET_READS 2000u /* 2 ms: twenty bytes' time */
#define OUT_SIZE    4096u /* powers of two */
#define IN_SIZE	    512u
#define FIFO_SIZE   16u
#define CONTROL_C   3
#define MAX_TURNS   256 /* of the interrupt handler */

static struct {
	bool present, is_queued;
	bool sends_by_irq; /* S3 */
	bool holds_back;   /* S4 */
	unsigned int fifo_size;
	struct serial_stat stat;
	uint32_t out_first, out_last; /* positions only grow; the index is position mod size */
	uint32_t in_first, in_last;
	struct wait_queue readers;
	struct console console;
	char out[OUT_SIZE];
	uint8_t in[IN_SIZE];
} serial = {.readers = WAIT_QUEUE_INIT(serial.readers)};

static void reg_write(enum uart_register reg, uint8_t value)
{
	uart_write(COM1, reg, value);
}

static uint8_t reg_read(enum uart_register reg)
{
	return uart_read(COM1, reg);
}

/* Which interrupts the state asks for: S3, S4. */
static void interrupts_choose(void)
{
	reg_write(REG_IRQ, (uint8_t)((serial.holds_back ? 0 : IER_RECEIVED | IER_ERROR) |
				     (serial.sends_by_irq ? IER_SEND_EMPTY : 0)));
}

static bool status_wait(uint8_t bit)
{
	return uart_wait(COM1, bit);
}

/* --- output --- */

static bool byte_send(char c)
{
	if (!status_wait(LSR_SEND_EMPTY))
		return false;
	reg_write(REG_DATA, (uint8_t)c);
	serial.stat.nr_sent++;
	return true;
}

/* The oldest byte of the ring, polling. */
static bool out_send_one(void)
{
	bool sent = byte_send(serial.out[serial.out_first % OUT_SIZE]);

	serial.out_first++;
	return sent;
}

static bool out_put(char c)
{
	bool alive = true;

	if (serial.out_last - serial.out_first == OUT_SIZE)
		alive = out_send_one();
	serial.out[serial.out_last % OUT_SIZE] = c;
	serial.out_last++;
	return alive;
}

/* As much as the port takes at once. */
static void out_send_some(void)
{
	bool wanted;

	if (reg_read(REG_STATUS) & LSR_SEND_EMPTY) {
		for (unsigned int i = 0; i < serial.fifo_size && serial.out_first != serial.out_last; i++) {
			reg_write(REG_DATA, (uint8_t)serial.out[serial.out_first % OUT_SIZE]);
			serial.out_first++;
			serial.stat.nr_sent++;
		}
	}
	wanted = serial.out_first != serial.out_last;
	if (wanted != serial.sends_by_irq) {
		serial.sends_by_irq = wanted;
		interrupts_choose();
	}
}

static void serial_write(struct console *con, const char *text, size_t len)
{
	bool (*put)(char c) = serial.is_queued ? out_put : byte_send;
	bool alive = true;

	(void)con;
	for (size_t i = 0; i < len && alive; i++)
		alive = (text[i] != '\n' || put('\r')) && put(text[i]);
	if (serial.is_queued && !serial.sends_by_irq)
		out_send_some();
}

static void serial_flush(struct console *con)
{
	bool alive = true;

	(void)con;
	if (serial.is_queued) {
		serial.is_queued = false;
		reg_write(REG_IRQ, 0);
		while (serial.out_first != serial.out_last && alive)
			alive = out_send_one();
	}
	if (alive)
		(void)status_wait(LSR_ALL_SENT); /* who cuts the power next cuts no text off */
}

/* --- input --- */

static uint8_t modem_choose(void)
{
	return serial.holds_back ? MCR_DTR_OUT2 : MCR_DTR_RTS_OUT2;
}

static void in_put(uint8_t byte)
{
	serial.stat.nr_received++;
	if (byte == CONTROL_C)
		console_note_break();
	if (serial.in_last - serial.in_first == IN_SIZE) {
		serial.stat.nr_dropped++;
		return;
	}
	serial.in[serial.in_last % IN_SIZE] = byte;
	serial.in_last++;
}

static bool in_is_full(void)
{
	return serial.in_last - serial.in_first == IN_SIZE;
}

static void hold_back(bool holds)
{
	if (holds == serial.holds_back)
		return;
	serial.holds_back = holds;
	serial.stat.nr_held_back += holds;
	reg_write(REG_MODEM, modem_choose());
	interrupts_choose();
}

static bool in_receive(void)
{
	uint8_t status;
	bool any = false;

	for (unsigned int i = 0;
	     i < 2 * FIFO_SIZE && !in_is_full() && (status = reg_read(REG_STATUS)) & LSR_RECEIVED; i++) {
		if (status & LSR_OVERRUN)
			serial.stat.nr_overruns++;
		in_put(reg_read(REG_DATA));
		any = true;
	}
	hold_back(in_is_full());
	return any;
}

static int in_take(void)
{
	irqflags_t flags = consoles_lock();
	int byte = -1;

	if (serial.in_first != serial.in_last)
		byte = serial.in[serial.in_first++ % IN_SIZE];
	if (serial.holds_back && serial.in_last - serial.in_first < IN_SIZE / 2)
		(void)in_receive();
	consoles_unlock(flags);
	return byte;
}

int serial_getchar_poll(void)
{
	if (serial.is_queued || serial.in_first != serial.in_last)
		return in_take();
	if (!serial.present || !(reg_read(REG_STATUS) & LSR_RECEIVED))
		return -1;
	return reg_read(REG_DATA);
}

int serial_getchar(void)
{
	int byte;

	if (!serial.present)
		return -1;
	wait_event(serial.readers, (byte = serial_getchar_poll()) >= 0);
	return byte;
}

void serial_receive_own(uint8_t byte)
{
	irqflags_t flags = consoles_lock();

	if (serial.present && status_wait(LSR_ALL_SENT)) {
		(void)in_receive(); /* without queues our byte would take the place of one that waits: S4 */
		reg_write(REG_MODEM, MCR_LOOPBACK);
		reg_write(REG_DATA, byte);
		(void)status_wait(LSR_RECEIVED);
		reg_write(REG_MODEM, modem_choose());
	}
	consoles_unlock(flags);
}

void serial_type(uint8_t byte)
{
	irqflags_t flags = consoles_lock();

	in_put(byte);
	consoles_unlock(flags);
	wake_up(&serial.readers);
}

void serial_stat(struct serial_stat *stat)
{
	*stat = serial.stat;
}

/* --- set-up --- */

/* The request line rises only when it was low: go on until the port asks for nothing. */
static irqreturn_t serial_interrupt(int irq, void *dev)
{
	irqreturn_t result = IRQ_NONE;
	bool received = false;

	(void)irq;
	(void)dev;
	for (unsigned int i = 0; i < MAX_TURNS && !(reg_read(REG_FIFO) & IIR_NOTHING); i++) {
		irqflags_t flags = consoles_lock();

		result = IRQ_HANDLED;
		received |= in_receive();
		out_send_some();
		consoles_unlock(flags);
	}
	if (received)
		wake_up(&serial.readers);
	return result;
}

void serial_start(void)
{
	irqflags_t flags;

	if (!serial.present)
		return;
	if (request_irq(SERIAL_IRQ, serial_interrupt, IRQF_SHARED, "serial", NULL) != 0) {
		pr_warn("serial: irq %u is taken, polling goes on", SERIAL_IRQ);
		return;
	}
	flags = consoles_lock();
	serial.fifo_size = (reg_read(REG_FIFO) & IIR_HAS_FIFO) == IIR_HAS_FIFO ? FIFO_SIZE : 1;
	reg_write(REG_IRQ, IER_RECEIVED | IER_ERROR);
	serial.is_queued = true;
	consoles_unlock(flags);
}

/* Somebody may be typing already: what comes in between is input. */
static bool loopback_returns(uint8_t byte)
{
	uint8_t got = (uint8_t)~byte;

	reg_write(REG_MODEM, MCR_LOOPBACK);
	reg_write(REG_DATA, byte);
	for (unsigned int i = 0; i <= FIFO_SIZE && got != byte && status_wait(LSR_RECEIVED); i++) {
		got = reg_read(REG_DATA);
		if (got != byte)
			in_put(got);
	}
	return got == byte;
}

/* Takes what somebody is typing already, until nothing has come for a while or the ring is full. */
static void line_take(void)
{
	for (unsigned int idle = 0; idle < QUIET_READS && !in_is_full(); idle++) {
		if (reg_read(REG_STATUS) & LSR_RECEIVED) {
			in_put(reg_read(REG_DATA));
			idle = 0;
		}
	}
}

static bool in_is_empty(void)
{
	return serial.in_first == serial.in_last;
}

/* Switching the port's queues on throws away what comes just then: where somebody sends already they stay off (S4). */
static void port_setup(void)
{
	uart_set_line(COM1);
	line_take();
	if (in_is_empty())
		reg_write(REG_FIFO, FCR_ON_CLEARED);
}

bool serial_is_present(void)
{
	return serial.present;
}

bool serial_init(void)
{
	if (serial.present)
		return true;
	if (!uart_keeps(COM1, 0x55) || !uart_keeps(COM1, 0xaa))
		return false;
	port_setup();
	serial.present = !in_is_empty() || loopback_returns(0xae); /* whoever sends is there */
	reg_write(REG_MODEM, MCR_DTR_RTS_OUT2);
	if (!serial.present)
		return false;
	serial.console = (struct console){.name = "serial", .write = serial_write, .flush = serial_flush};
	console_register(&serial.console);
	return true;
}
