; SPDX-License-Identifier: MIT
; The two stacks that exist from the start, each above a page that mmu_init() takes away: [guard][stack] [guard][stack].

section .bss.stacks nobits alloc noexec write align=4096

global boot_stack_guard, boot_stack_top, double_fault_stack_guard, double_fault_stack_top

boot_stack_guard:
	resb 4096
	resb 8192
boot_stack_top:
double_fault_stack_guard:
	resb 4096
	resb 4096
double_fault_stack_top:
