/* SPDX-License-Identifier: MIT */
/* Keys while a command runs. Context of all: the monitor's thread. */
#pragma once

#include <kernel/lib/types.h>

/* Somebody is there to press keys: set for a person's terminal. Otherwise nothing waits for a key. */
void keys_set_present(bool present);
bool keys_are_present(void);

/* Says it, and waits for Enter. Result: false: q or ^C instead. Where nobody is there: true at once. */
bool keys_continue(const char *prompt);

/* Sleeps that long, or until ^C. Result: false: it was ^C. */
bool keys_sleep(unsigned int ms);
