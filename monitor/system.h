/* SPDX-License-Identifier: MIT */
/* Threads and the way out, for the .c files here. */
#pragma once

#include <kernel/arch/machine.h>
#include <kernel/core/thread.h>

void system_set_exit(enum machine_result result, bool leaves_qemu);

/* The threads now, at most 64 of them; valid until the next call. Result: how many rows there are. */
unsigned int system_threads(const struct thread_info **rows);
