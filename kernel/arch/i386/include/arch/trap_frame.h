/* SPDX-License-Identifier: MIT */
/* i386 part of <kernel/arch/trap.h>; include that one. */
#pragma once

#include <kernel/lib/types.h>

/* What entry_common in trap_entry.asm leaves on the stack, lowest address first. */
struct trap_frame {
	uint32_t gs, fs, es, ds;
	uint32_t edi, esi, ebp, esp_of_pusha, ebx, edx, ecx, eax;
	uint32_t vector, error_code; /* error_code: 0 where the CPU pushes none */
	uint32_t eip, cs, eflags;
	uint32_t user_esp, user_ss; /* pushed only when coming from ring 3 */
};
