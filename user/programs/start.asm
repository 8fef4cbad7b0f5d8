; SPDX-License-Identifier: MIT
; Where a program begins: argc at the stack pointer, argv behind it; registers are 0.

extern main
global _start

section .text
_start:
	mov	eax, esp
	lea	edx, [eax + 4]
	and	esp, -16
	sub	esp, 8
	push	edx
	push	dword [eax]
	call	main
	mov	ebx, eax
	xor	eax, eax                ; CALL_EXIT
	int	0x80
	ud2
