/* SPDX-License-Identifier: MIT */
/* The prompt. */
#pragma once

#include <kernel/arch/machine.h>

struct sink;

/* Starts the monitor in a thread of its own and lives in it until it powers the machine off. `result` is that
 * of the self-tests so far; `leaves_qemu`: power-off is machine_exit() with the result. Result: false when
 * there is no serial line to talk over, or no memory for the thread. Context: may sleep; once. */
bool monitor_run(enum machine_result result, bool leaves_qemu);

/* From now on a panic that stands still ends at a prompt of its own, for commands that read. For a person: nothing that waits
 * for the end of the machine may be at the other end. Context: any. */
void monitor_wait_for_panic(void);

/* Runs one line as if somebody had typed it; the answer goes to `out`. Cuts the line into words. For tests:
 * nobody may be at the prompt, unless it is they who run the test. Context: may sleep. */
void monitor_command(char *line, struct sink *out);
