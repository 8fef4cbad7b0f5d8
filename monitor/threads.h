/* SPDX-License-Identifier: MIT */
/* The threads as a command sees them. */
#pragma once

#include <kernel/core/thread.h>

/* The threads now, at most 64 of them; valid until the next call. Result: how many rows there are. Context:
 * the monitor's thread. */
unsigned int prompt_threads(const struct thread_info **rows);
