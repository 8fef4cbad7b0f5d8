/* SPDX-License-Identifier: MIT */
/* The ways out of a PC. None returns. Context: any. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

/* What each of them calls first, interrupts off: brings out what is still queued. */
void machine_set_last_words(void (*fn)(void));

/* Leaves QEMU through its isa-debug-exit device at port 0xf4; where there is none, halts. */
enum machine_result {
	MACHINE_PASSED = 0, /* writes 0x10, QEMU's status is 33 */
	MACHINE_FAILED = 1, /* writes 0x11, status 35 */
	MACHINE_REFUSED =
		2, /* writes 0x12, status 37: this machine cannot run us; also written by entry.asm */
};

NORETURN void machine_exit(enum machine_result result);

/* Off, by the ports of QEMU, Bochs and v86; where none answers, halts. */
NORETURN void machine_power_off(void);

/* Resets through the keyboard controller, else by a triple fault. */
NORETURN void machine_reboot(void);
