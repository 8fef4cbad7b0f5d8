; SPDX-License-Identifier: MIT
; From one thread's stack to another's. What a function may not change lies on the stack of a thread that does not run:
;
;   sp -> | ebx | esi | edi | ebp | return address |
;
; Interrupts are off; each thread restores its own flag afterwards.

extern thread_begin
global context_switch, context_first, context_wait_for_interrupt

%include "kernel/arch/i386/cfi.inc"

section .text

; struct thread *context_switch(uintptr_t *save, uintptr_t load, struct thread *from)
;                               eax              edx             ecx
context_switch:
	cfi_begin 4
	push	ebp
	cfi_stack 8
	cfi_saved EBP, 8
	push	edi
	cfi_stack 12
	cfi_saved EDI, 12
	push	esi
	cfi_stack 16
	cfi_saved ESI, 16
	push	ebx
	cfi_stack 20
	cfi_saved EBX, 20
	mov	[eax], esp
	mov	esp, edx
.resume:
	pop	ebx
	cfi_stack 16
	cfi_kept EBX
	pop	esi
	cfi_stack 12
	cfi_kept ESI
	pop	edi
	cfi_stack 8
	cfi_kept EDI
	pop	ebp
	cfi_stack 4
	cfi_kept EBP
	mov	eax, ecx
	ret
	cfi_end

; Where a thread that never ran returns to; eax = the thread before. The zeros above end every backtrace.
	cfi_begin 4
	cfi_outermost
	nop                             ; a caller is looked up one byte before where it goes on
context_first:
	xor	ebp, ebp
	call	thread_begin
	ud2
	cfi_end

; The instruction after sti runs before any interrupt: none comes between it and hlt.
context_wait_for_interrupt:
	cfi_begin 4
	sti
	hlt
	ret
	cfi_end
