/* SPDX-License-Identifier: MIT */
/* Long output a screen at a time, where a person reads it: Space goes on by a screen, Enter by a line, after q or ^C
 * the rest of the command's output is not shown. Where nobody is there nothing is held up. Context of all: the
 * monitor's thread, or the prompt after a panic. */
#pragma once

/* What say() writes from now on is paged, until the end. */
void pager_begin(void);
void pager_end(void);
