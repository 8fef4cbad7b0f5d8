/* SPDX-License-Identifier: MIT */
/* What is typed, for the prompt and for commands that run. Context of all: the monitor's thread, or the prompt after a
 * panic. */
#pragma once

#include <kernel/lib/types.h>

/* Somebody is there to press keys: set for a person's terminal. Otherwise nothing waits for a key. */
void keys_set_present(bool present);
bool keys_are_present(void);

/* From now on bytes are waited for by looking, again and again: nobody else runs any more. */
void keys_set_polled(void);

/* The next byte typed; -1: there is nowhere to type. */
int keys_getchar(void);

/* Says it, and waits for Enter. Result: false: q or ^C instead. Where nobody is there: true at once. */
bool keys_continue(const char *prompt);

/* Sleeps that long, or until ^C. Result: false: it was ^C. */
bool keys_sleep(unsigned int ms);
