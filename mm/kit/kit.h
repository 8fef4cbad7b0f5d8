/* SPDX-License-Identifier: MIT */
/* What the kernel supplies to the .c files of the kit; which of them are linked, the linker sees. */
#pragma once

#include <mm/port.h>

/* print.c: len bytes of text for whoever reads messages; a message is one call, and ends with a newline. Context: any, also
 * under mm's locks. kit_stop: no way on. */
void kit_write(const char *text, size_t len);
NORETURN void kit_stop(void);

/* threads.c: lies in the kernel's own thread, or beside it; all zero at first. */
struct kit_thread {
	struct kit_thread *next_noted;
	bool is_noted;
	bool is_unparked; /* the kernel's to read, in kit_sleep() */
	uint32_t scope;
};

struct kit_thread *kit_current(void);

/* Sleeps unless `me` is unparked, or until kit_wake(), or for timeout_ms (0: for good); may return early. is_unparked must
 * be looked at where no kit_wake() can come between the look and the sleep. Interrupts are off, as at the return. */
void kit_sleep(struct kit_thread *me, unsigned int timeout_ms);

/* No lock of mm is held. Interrupts are off. */
void kit_wake(struct kit_thread *thread);
