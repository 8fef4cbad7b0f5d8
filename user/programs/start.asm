; SPDX-License-Identifier: MIT
; Where a program begins: argc at the stack pointer, argv behind it; registers are 0. What it
; found is kept below argc, for who looks.

extern main
global _start

section .text
_start:
	pusha
	push	fs
	push	gs
	pushf
	lea	eax, [esp + 44]
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
