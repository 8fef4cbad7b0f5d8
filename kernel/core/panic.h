/* SPDX-License-Identifier: MIT */
/* The end of the road, and the warning before it. Implements assert_failed() of kernel/lib/assert.h.
 * Context: any. A panic inside a panic prints one line and stops. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

enum panic_action {
	PANIC_HALT, /* stand still, for a person or a debugger */
	PANIC_EXIT, /* leave the emulator with a failure status, for a script */
};

/* What panic() does in the end; PANIC_HALT until told otherwise (command line: panic=halt|exit). */
void panic_set_action(enum panic_action action);

/* What panic_stop() does before it stands still, when it is to: interrupts are off, whatever ran is never gone on with, and
 * its locks stay held. On a stack of its own. NULL: nothing. */
void panic_set_prompt(void (*prompt)(void));

/* Nothing but that prompt runs any more. And where what panicked was. */
bool panic_is_at_prompt(void);
void panic_backtrace(void);

/* For whoever reports at length before a panic: no other CPU runs any more, all consoles write at once from now on, and no test takes the
 * report away. */
void panic_begin(void);

/* Another CPU panics: this one has been told to stop. Context: any. */
bool panic_is_elsewhere(void);

/* This CPU's panic has stopped all others. Context: any. */
bool panic_is_here(void);

/* Says why, prints a backtrace, and never returns. */
NORETURN void panic(const char *fmt, ...) PRINTF(1, 2);

/* The same with the place to trace from: for exception handlers. `eip` and `ebp` are those of the frame at
 * fault. */
NORETURN void panic_at(uintptr_t eip, uintptr_t ebp, const char *fmt, ...) PRINTF(3, 4);
NORETURN void vpanic(uintptr_t eip, uintptr_t ebp, const char *fmt, va_list args) PRINTF(3, 0);

/* Where every panic ends, its report printed: failed assertions and exceptions too, but none that a test expected.
 * A place for a breakpoint. */
NORETURN void panic_stop(void);

/* One clear line, then nothing more: this machine or its loader cannot run us. Context: boot. */
NORETURN void refuse_to_start(const char *reason);

/* One line naming the place, and a backtrace; the kernel lives on. Result: cond, as a truth value. */
#define WARN_ON(cond) warn_on_check(!!(cond), #cond, __FILE__, __LINE__)

void warn_on_print(const char *expr, const char *file, int line);

static inline bool warn_on_check(bool hit, const char *expr, const char *file, int line)
{
	if (unlikely(hit))
		warn_on_print(expr, file, line);
	return hit;
}
