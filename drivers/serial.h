/* SPDX-License-Identifier: MIT */
/* The first serial port (16550 or older at 0x3f8): 115200 8N1. A machine without one is served in silence.
 * Polled until serial_start() and again once the kernel ends; by interrupts in between. */
#pragma once

#include <kernel/lib/types.h>

/* Looks for the port, sets it up and registers it as a console. Result: is it there. Context: boot. */
bool serial_init(void);
bool serial_is_present(void);

/* From now on output is queued and sent, and input received, by interrupts. Boot, when there are threads. */
void serial_start(void);

/* The next byte received (0..255), or -1 when there is none. Does not wait. */
int serial_getchar_poll(void);

/* The next byte received; sleeps until there is one. -1 when there is no port. Context: may sleep. */
int serial_getchar(void);

/* A byte that was typed elsewhere, as if it had come over the line. Context: any. */
void serial_type(uint8_t byte);

/* The port sends itself a byte, in loop-back mode: it comes in as if somebody had typed it, interrupt and
 * all, unless input is held back. Takes as long as a byte. Context: any. */
void serial_receive_own(uint8_t byte);

struct serial_stat {
	uint32_t nr_received, nr_sent;
	uint32_t nr_held_back; /* times nobody had read what came before, and the sender had to wait */
	uint32_t nr_dropped;   /* received before serial_start(), and there was no room */
	uint32_t nr_overruns;  /* lost in the port itself */
};
void serial_stat(struct serial_stat *stat);
