; SPDX-License-Identifier: MIT
; From one thread's stack to another's. What a function may not change lies on the stack of a thread that does not run:
;
;   sp -> | ebx | esi | edi | ebp | return address |
;
; Interrupts are off; each thread restores its own flag afterwards.

extern thread_begin
global context_switch, context_first, context_wait_for_interrupt

section .text

; struct thread *context_switch(uintptr_t *save, uintptr_t load, struct thread *from)
;                               eax              edx             ecx
context_switch:
	push	ebp
	push	edi
	push	esi
	push	ebx
	mov	[eax], esp
	mov	esp, edx
	pop	ebx
	pop	esi
	pop	edi
	pop	ebp
	mov	eax, ecx
	ret

; Where a thread that never ran returns to; eax = the thread before. The zeros above end every backtrace.
context_first:
	xor	ebp, ebp
	call	thread_begin
	ud2

; The instruction after sti runs before any interrupt: none comes between it and hlt.
context_wait_for_interrupt:
	sti
	hlt
	ret
