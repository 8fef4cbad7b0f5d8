/* SPDX-License-Identifier: MIT */
/* i386 part of <kernel/arch/user.h>; include that one. */
#pragma once

#include <arch/trap_frame.h>
#include <kernel/arch/mmu.h>
#include <kernel/lib/types.h>

#define USER_START     0x00010000u /* NULL pointers and their offsets lie below */
#define USER_END       MMU_DIRECT_MAP_BASE
#define USER_CALL_ARGS 4u

/* What CR3 points to: four entries, of which the CPU reads all when it is loaded. It lies in the direct map. */
struct user_space {
	__aligned(32) uint64_t top[4]; /* first: who has it loaded knows the space by it */
	uint32_t cpus;		       /* bit n: CPU n may remember something of it (US7) */
};

/* The entry of one page in its table. */
typedef uint64_t user_entry_t;

static inline uint32_t user_call_number(const struct trap_frame *frame)
{
	return frame->eax;
}

static inline uint32_t user_call_arg(const struct trap_frame *frame, unsigned int n)
{
	switch (n) {
	case 0:
		return frame->ebx;
	case 1:
		return frame->ecx;
	case 2:
		return frame->edx;
	default:
		return frame->esi;
	}
}

static inline void user_call_set_result(struct trap_frame *frame, long result)
{
	frame->eax = (uint32_t)result;
}
