/* SPDX-License-Identifier: MIT */
/* How everything here speaks: below all other files of the monitor. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/format.h>
#include <kernel/lib/types.h>

/* Where answers go: the console, or what monitor_command() named. */
struct sink *monitor_out(void);
void say_to(struct sink *out); /* NULL: the console again */

void say(const char *fmt, ...) PRINTF(1, 2);

/* "  name    text", the name in so many columns; the text on a line of its own where 80 columns are too few for both. */
void say_row(unsigned int width, const char *name, const char *text);

/* "  text", in lines that 80 columns have room for, cut at blanks. */
void say_text(const char *text);

/* "page: expected WHAT, got 'word'", the word cut where it is too long. Result: false. */
bool expected(const char *command, const char *what, const char *word);
