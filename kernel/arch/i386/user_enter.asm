; SPDX-License-Identifier: MIT
; To ring 3, where a program begins (US2): it sees where it is, its stack pointer, and zeros. What lies on the stack of its
; thread is given up; the CPU comes back at its top (US3).

global user_enter

USER_CODE   equ 0x1B
USER_DATA   equ 0x23
EFLAGS      equ 0x202                   ; interrupts on; no input and output

%include "kernel/arch/i386/cfi.inc"

section .text

; NORETURN void user_enter(uintptr_t ip, uintptr_t sp)
;                                    eax           edx
	cfi_begin 4
	cfi_outermost
user_enter:
	cli
	push	dword USER_DATA
	push	edx
	push	dword EFLAGS
	push	dword USER_CODE
	push	eax
	mov	eax, USER_DATA
	mov	ds, eax
	mov	es, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	mov	ebx, eax
	mov	ecx, eax
	mov	edx, eax
	mov	esi, eax
	mov	edi, eax
	mov	ebp, eax
	iret
	cfi_end
