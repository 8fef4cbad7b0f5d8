/* SPDX-License-Identifier: MIT */
/* The second serial port (16550 or older at 0x2f8), 115200 8N1: what a program outside reads goes out there, beside what
 * people read on the first. Only written to, by polling with interrupts as the caller has them. */
#pragma once

struct sink;

/* Looks for the port and sets it up, the first time. NULL: there is none. A port that stays busy costs one bounded wait a
 * write, and the rest of that write is lost. Context: one thread. */
struct sink *serial_second(void);
