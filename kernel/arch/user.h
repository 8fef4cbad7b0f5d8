/* SPDX-License-Identifier: MIT */
/* Ring 3: the lower three gigabytes as a program sees them, how it gets there and how it comes back.
 *
 * A user_space is the page tables of [USER_START, USER_END); the kernel's gigabyte is the same directory in each. The
 * tables are pages of the direct map that the caller brings and gets back; who changes them is kept from others by the
 * caller's lock.
 *
 * US1 in ring 3 the CPU runs with the space of the thread that runs; a thread without one runs with none: what it
 *     touches below the kernel faults.
 * US2 a program enters ring 3 with every register cleared that user_enter() is not given, and without the FPU, whose
 *     registers nobody saves: its instructions are exceptions.
 * US3 the stack on which the CPU comes back is the thread's, and empty.
 *
 * Inline, from <arch/user.h>, of the frame of a call (int 0x80):
 *   user_call_number(frame), user_call_arg(frame, 0 to 3), user_call_set_result(frame, result) */
#pragma once

#include <arch/user.h>
#include <kernel/arch/trap.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

enum user_access { USER_READ, USER_WRITE, USER_EXEC };

enum user_prot { USER_PROT_READ = 0, USER_PROT_WRITE = 1, USER_PROT_EXEC = 2 };

/* Without a table. */
void user_space_init(struct user_space *space);

/* The entry of 4 KiB for addr, which stays where it is until its table is taken; NULL until there is every table that
 * leads to it. Then the next one that is missing: a cleared page of the direct map. */
user_entry_t *user_space_entry(const struct user_space *space, uintptr_t addr);
void user_space_add_table(struct user_space *space, uintptr_t addr, void *table);

/* One of the space's tables, none of whose entries is a page or a table any more, out of it; NULL: there is none left.
 * The space is loaded nowhere. */
void *user_space_take_table(struct user_space *space);

/* Maps a page; over another page, or with fewer permissions, it wants a flush. Result: was there a page, and *before
 * which. find: false when nothing is mapped there; prot may be NULL. unmap: the same, and it is mapped no more, but the
 * CPU may remember it until the flush. */
bool user_entry_map(user_entry_t *entry, pfn_t pfn, unsigned int prot, pfn_t *before);
bool user_entry_find(const user_entry_t *entry, pfn_t *pfn, unsigned int *prot);
bool user_entry_unmap(user_entry_t *entry, pfn_t *pfn);

/* Of a page that is mapped: was it used since this was asked before, which it wants a flush to know for sure; was it
 * written to since it was mapped, before an unmap of it says so for good. */
bool user_entry_was_used(user_entry_t *entry);
bool user_entry_is_dirty(const user_entry_t *entry);

/* A number in an entry where no page is. 0: none. */
void user_entry_set_note(user_entry_t *entry, uint32_t note);
uint32_t user_entry_note(const user_entry_t *entry);

/* No CPU remembers what was mapped in those pages. */
void user_space_flush(const struct user_space *space, uintptr_t addr, size_t nr_pages);

/* CPUs that have it loaded, bit n: CPU n; they flush by themselves what was changed before. Context: any. */
uint32_t user_space_cpus(const struct user_space *space);

/* US1. NULL: none. Context: interrupts off, or the thread whose space it is. */
void user_space_load(const struct user_space *space);

/* US3, at each switch: the end of the stack that the thread in question has. Context: interrupts off. */
void user_set_kernel_stack(uintptr_t top);

/* To ring 3, for good; the stack of the running thread begins anew. Context: thread. */
NORETURN void user_enter(uintptr_t ip, uintptr_t sp);

/* --- supplied above; each called on the thread's own stack, interrupts on; it may sleep --- */

/* int 0x80. */
void user_call(struct trap_frame *frame);

/* A page fault in ring 3, or in the kernel at one of the places that survive it (asm/uaccess.h): once more, from ring
 * 3 also when the program is to end. Result of the kernel's: is there a page now? */
void user_page_fault(struct trap_frame *frame, uintptr_t address, enum user_access access);
bool user_page_fault_in_kernel(uintptr_t address, enum user_access access);

/* Any other exception of ring 3. */
NORETURN void user_exception(const struct trap_frame *frame, const char *name);

/* An interrupt came in ring 3, where it is about to go on. */
void user_interrupted(void);
