/* SPDX-License-Identifier: MIT */
/* Threads that do the same at once. Guest only. */
#pragma once

/* That many threads, at most CROWD_MAX, call work(their number), and have ended when this is back. Result: the sum of what
 * they returned; -1: there was no memory for one of them. Context: a test's thread. */
#define CROWD_MAX 8u
int crowd_works(unsigned int nr, int (*work)(void *number));
