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

/* What happened, as far as a test wants to know. */
struct trap_info {
	unsigned int vector;
	uint32_t error_code;
	uintptr_t ip;		 /* the instruction that trapped */
	uintptr_t fault_address; /* of a page fault or stack overflow, else 0 */
	bool stack_overflow;
};

/* Runs fn(arg). Result: true when it trapped, with the circumstances in *info; fn is then abandoned where it
 * was, with whatever locks it held. Does not nest. Context: any thread. */
bool trap_expect(void (*fn)(void *arg), void *arg, struct trap_info *info) MUST_CHECK;

/* Prints registers, and for page faults the decoded error code. */
void trap_frame_print(const struct trap_frame *frame);
