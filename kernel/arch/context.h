/* SPDX-License-Identifier: MIT */
/* Changing from one thread's stack to another's. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

struct thread;

/* Saves the running state on its stack and the stack pointer in *save, then goes on with the state at `load`.
 * Result, in the thread that goes on: `from` of the call that left to it. Interrupts off. */
struct thread *context_switch(uintptr_t *save, uintptr_t load, struct thread *from);

/* The state of a thread that has not run: it starts in thread_begin(from) with interrupts off. Result: what
 * context_switch() wants to load. */
uintptr_t context_create(void *stack, size_t size_bytes);

/* Where a thread that does not run will go on, and the frame pointer it will have: for backtraces. */
void context_saved(uintptr_t sp, uintptr_t *ip, uintptr_t *frame);

/* Supplied above: the first code of every thread. */
NORETURN void thread_begin(struct thread *from);

/* Waits for an interrupt; they are on when it returns. Interrupts off: none is missed in between. */
void context_wait_for_interrupt(void);
