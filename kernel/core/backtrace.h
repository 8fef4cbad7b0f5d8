/* SPDX-License-Identifier: MIT */
/* Who called whom, from the chain of frame pointers. Leaf functions have none and are missing from the
 * picture. Never faults: the chain is followed only while it is aligned, ascends and lies in mapped kernel
 * memory. Context: any. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define BACKTRACE_MAX 24 /* frames */

/* eip: where it happened (0: unknown); ebp: the frame pointer at that moment. */
void backtrace_print(uintptr_t eip, uintptr_t ebp);

/* The return addresses of the frame at ebp and of those that called it, the innermost first; at the beginning those in
 * [without, end) are left out. Result: how many were written, up to max. */
unsigned int backtrace_save(uintptr_t ebp, const void **address, unsigned int max, uintptr_t without,
			    uintptr_t end);

/* From the caller on. */
void backtrace_here(void);
