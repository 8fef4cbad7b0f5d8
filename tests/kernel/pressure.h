/* SPDX-License-Identifier: MIT */
/* For tests of a machine that is short of memory. Guest only. */
#pragma once

#include <kernel/lib/types.h>

/* Takes all there is, for a moment. Result: pages. Context: may sleep. */
size_t swallow_memory(void);

/* As a person at the prompt sees it. Result: is `expected` in what the command says, and that in time? */
bool monitor_answers(const char *command, const char *expected, unsigned int within_ms);
