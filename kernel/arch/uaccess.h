/* SPDX-License-Identifier: MIT */
/* Memory of a program, read and written by the kernel for it: under the names the books use in <asm/uaccess.h>.
 *
 * UA1 an address is a program's only below USER_END, to the last byte that is asked for; any other is refused untouched.
 * UA2 there are few instructions that touch a program's memory, and each is in a table, with the place where it goes on
 *     when there is no page and none comes. A fault of the kernel anywhere else is the end.
 *
 * What a page holds may change while it is copied: copy once, then check. Context: the program's own thread, may sleep;
 * where it may not, what is not there yet is refused like what never is. */
#pragma once

#include <arch/user.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

/* Do all bytes lie where a program's may? */
static inline bool user_range_is_good(uintptr_t addr, size_t size_bytes)
{
	return size_bytes <= USER_END && addr <= USER_END - size_bytes;
}

/* Result: bytes that were not copied, or cleared: from the first that could not be. One side of user_copy() is the
 * kernel's; the ranges are good. */
size_t user_copy(void *to, const void *from, size_t size_bytes) MUST_CHECK;
size_t user_clear(void *to, size_t size_bytes) MUST_CHECK;

/* For trap.c: where a fault at ip goes on; 0: at no such place. Context: any. */
uintptr_t uaccess_goes_on(uintptr_t ip);
