/* SPDX-License-Identifier: MIT */
/* Segment selectors and the task state segments of a CPU (segments.c). */
#pragma once

#include <kernel/lib/types.h>

#define SEG_KERNEL_CODE	 0x08
#define SEG_KERNEL_DATA	 0x10
#define SEG_USER_CODE	 0x1b
#define SEG_USER_DATA	 0x23
#define SEG_TSS		 0x28
#define SEG_DOUBLE_FAULT 0x30
#define SEG_PERCPU	 0x38

/* As the CPU defines it. */
struct tss {
	uint32_t link;
	uint32_t esp0, ss0, esp1, ss1, esp2, ss2;
	uint32_t cr3;
	uint32_t eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap, io_map;
};

/* This CPU's. The interrupted state lies here while the double-fault task runs. */
struct tss *segments_tss(void);

/* Fills and loads the tables of the CPU that calls, whose per-CPU data begins `base` above CPU 0's; what it has of the
 * stacks is their ends. Interrupts off. */
void segments_init(uintptr_t base, uintptr_t stack_top, uintptr_t double_fault_stack_top);
