/* SPDX-License-Identifier: MIT */
/* The prompt. */
#pragma once

#include <kernel/arch/machine.h>

/* Starts the monitor in a thread of its own and lives in it until it powers the machine off. `result` is that
 * of the self-tests so far; `leaves_qemu`: power-off is machine_exit() with the result. Result: false when
 * there is no serial line to talk over, or no memory for the thread. Context: may sleep; once. */
bool monitor_run(enum machine_result result, bool leaves_qemu);
