/* SPDX-License-Identifier: MIT */
/* Exceptions: each is reported with all registers and a symbolised backtrace, then the kernel panics, unless
 * somebody expected it. Stack overflow included: it arrives as a double fault, on a stack of its own. */
#pragma once

#include <arch/trap_frame.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

/* All vectors get a handler, the interrupt controllers are moved out of the way and masked. After cpu_init().
 */
void trap_init(void);

#define TRAP_PANIC 256 /* vector of a panic that somebody expected */

/* What happened, as far as a test wants to know. */
struct trap_info {
	unsigned int vector;
	uint32_t error_code;
	uintptr_t ip;		 /* the instruction that trapped */
	uintptr_t fault_address; /* of a page fault or stack overflow, else 0 */
	bool stack_overflow;
	const char *panic_text; /* `text`, of a panic (TRAP_PANIC), else NULL */
	char text[160];
};

/* Supplied by kernel/core: a word of the running thread, NULL at first, for trap_expect(). */
void **thread_trap_word(void);

/* Runs fn(arg). Result: true when it trapped or panicked, with the circumstances in *info; fn is then
 * abandoned where it was, with whatever locks it held; preempt_count is as before. What happens in other
 * threads and in interrupt handlers meanwhile is not expected. Does not nest. Context: any thread. */
bool trap_expect(void (*fn)(void *arg), void *arg, struct trap_info *info) MUST_CHECK;

/* Leaves what runs for good and calls fn(), which does not return, on another stack. Interrupts stay as they are. */
NORETURN void trap_continue_on(void *stack, size_t stack_bytes, void (*fn)(void));

/* For panic(): does not return when the running code is expected to trap. */
void trap_panicked(const char *text);

/* The line that reports a page fault: who did what where and why it faulted, and what lies there, as far as
 * anybody knows (kernel/core/address.h). Context: any. */
void trap_describe_page_fault(uint32_t error_code, uintptr_t address, char *buf, size_t size);

/* Prints registers, and for page faults the decoded error code. */
void trap_frame_print(const struct trap_frame *frame);
