/* SPDX-License-Identifier: MIT */
/* Consoles: where text leaves the kernel. A driver fills in one struct console and registers it; printk and
 * console_sink() write to every registered one. Nothing allocates; a console is never taken away again. */
#pragma once

#include <kernel/arch/irqflags.h>
#include <kernel/lib/format.h>
#include <kernel/lib/types.h>

struct console {
	const char *name;
	/* Called with consoles_lock() held, perhaps from an exception inside an earlier call. Must end in bounded
	 * time. */
	void (*write)(struct console *con, const char *text, size_t len);
	/* Brings out what write() queued, and queues nothing from then on. NULL: there is no queue. */
	void (*flush)(struct console *con);
	struct console *next; /* for printk.c */
};

/* From now on `con` gets all that is printed; the lines of the log that it missed come first. Context: any.
 */
void console_register(struct console *con);

/* What drivers of consoles share with their write(), and with their interrupts: one lock for all, the log's too. The CPU that
 * holds it may take it again. Interrupts are off. Nothing is printed under it, and nobody woken. */
irqflags_t consoles_lock(void);
void consoles_unlock(irqflags_t flags);

/* The end is near: all that is queued goes out, and what comes is written at once. Context: any, interrupts
 * off. */
void consoles_flush(void);

/* What was left in the middle of a call to a console, and never goes on, no longer counts. After a panic. */
void consoles_recover(void);

/* Somebody typed ^C, and whatever takes long should end. The console's driver notes it; who runs a command
 * forgets it before, and asks meanwhile. Context: any. */
void console_note_break(void);
bool console_saw_break(void);
void console_forget_break(void);

/* Raw text to all consoles: no time stamps, not kept in the log. For KTAP, tables and the prompt. Context:
 * any. */
struct sink *console_sink(void);
