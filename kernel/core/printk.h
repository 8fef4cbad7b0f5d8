/* SPDX-License-Identifier: MIT */
/* Kernel messages: stamped lines that go to every console (kernel/core/console.h) and into a log of 16 KiB.
 *
 * P1 A call is one message; a newline at its end may be left out, one inside starts a new stamped line.
 * P2 A message is cut at PRINTK_MAX - 1 bytes, and then ends in "...".
 * P3 Debug messages go to the log only, and remarks do while printk is quiet.
 *
 * Context: any, exceptions too: a fault inside printk reaches the consoles, not the log. Nothing allocates.
 */
#pragma once

#include <kernel/core/percpu.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/format.h>

#define PRINTK_MAX 320 /* bytes of one message with its NUL */

enum printk_level { PRINTK_ERR, PRINTK_WARN, PRINTK_INFO, PRINTK_DEBUG };

void printk(enum printk_level level, const char *fmt, ...) PRINTF(2, 3);
void vprintk(enum printk_level level, const char *fmt, va_list args) PRINTF(2, 0);

/* The books' spelling: the level is a tag "<0>" to "<7>" before the format (<linux/kernel.h>); none is
 * PRINTK_INFO. */
void printk_tagged(const char *fmt, ...) PRINTF(1, 2);

/* Functions, so that they can be handed on as callbacks. */
void pr_err(const char *fmt, ...) PRINTF(1, 2);
void pr_warn(const char *fmt, ...) PRINTF(1, 2);
void pr_info(const char *fmt, ...) PRINTF(1, 2);
void pr_debug(const char *fmt, ...) PRINTF(1, 2);

/* Who says how many microseconds have passed since boot; until then the stamp is 0. Must work in any context.
 */
void printk_set_clock(uint64_t (*now_us)(void));

/* Who is offered each message above PRINTK_INFO before it is printed, and may take it (true): the test frame.
 * Not asked once the kernel panics. Must work in any context. */
void printk_set_filter(bool (*filter)(enum printk_level level, const char *text));

/* The same as vprintk(), offered whatever its level: for a floor whose words the filter wants to see all of. */
void vprintk_offered(enum printk_level level, const char *fmt, va_list args) PRINTF(2, 0);

/* Buffers of messages that are in use. */
DECLARE_PERCPU(uint32_t, printk_nr_texts);

/* Remarks (PRINTK_INFO) go to the log only, until it is false again. */
void printk_set_quiet(bool quiet);

/* The log, oldest line first. */
void dmesg_print(struct sink *out);
