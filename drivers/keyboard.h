/* SPDX-License-Identifier: MIT */
/* The PC's keyboard (PS/2, scan code set 1 by way of an i8042). What is typed joins what comes over the serial line: bytes
 * as a terminal sends them, an arrow as ESC [ A. A machine without one is served in silence. */
#pragma once

#include <kernel/lib/types.h>

/* Looks for the controller, and takes interrupt 1. Result: is it there. Context: may sleep; once. */
bool keyboard_start(void);

/* Takes what was typed without an interrupt: after a panic. Context: interrupts off. */
void keyboard_poll(void);

/* --- scan codes --- */

struct keyboard_keys {
	bool left_shift, right_shift, control, caps;
	bool is_extended; /* the last byte was 0xe0 */
};

#define KEYBOARD_BYTES 4u

/* What the next byte of scan codes adds to what was typed, as a string; "": nothing. Pure. */
const char *keyboard_decode(struct keyboard_keys *keys, uint8_t code, char out[KEYBOARD_BYTES + 1]);
