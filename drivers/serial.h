/* SPDX-License-Identifier: MIT */
/* The first serial port (16550 or older at 0x3f8): 115200 8N1, polled. A machine without one is served in
 * silence. */
#pragma once

#include <kernel/lib/types.h>

/* Looks for the port, sets it up and registers it as a console. Result: is it there. Context: boot. */
bool serial_init(void);

/* The next byte received (0..255), or -1 when there is none. Does not wait. */
int serial_getchar_poll(void);
