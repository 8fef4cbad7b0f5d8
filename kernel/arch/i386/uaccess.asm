; SPDX-License-Identifier: MIT
; The instructions that touch a program's memory, each with the place where it goes on when that is not there (UA2). Words
; first; when one of them faults its bytes are tried again, one by one, so that the count is exact.

global user_copy, user_clear

%include "kernel/arch/i386/cfi.inc"

; survives PLACE, GOES_ON
%macro survives 2
[section uaccess progbits alloc noexec nowrite align=4]
	dd	%1, %2
__SECT__
%endmacro

section .text

; size_t user_copy(void *to, const void *from, size_t size_bytes)
;                        eax              edx         ecx
user_copy:
	cfi_begin 4
	push	edi
	cfi_stack 8
	cfi_saved EDI, 8
	push	esi
	cfi_stack 12
	cfi_saved ESI, 12
	mov	edi, eax
	mov	esi, edx
	mov	edx, ecx
	and	edx, 3
	shr	ecx, 2
.words:
	rep	movsd
.rest:
	lea	ecx, [ecx * 4 + edx]
.bytes:
	rep	movsb
.end:
	mov	eax, ecx
	pop	esi
	cfi_stack 8
	cfi_kept ESI
	pop	edi
	cfi_stack 4
	cfi_kept EDI
	ret
	cfi_end

	survives .words, .rest
	survives .bytes, .end

; size_t user_clear(void *to, size_t size_bytes)
;                         eax        edx
user_clear:
	cfi_begin 4
	push	edi
	cfi_stack 8
	cfi_saved EDI, 8
	mov	edi, eax
	mov	ecx, edx
	xor	eax, eax
	and	edx, 3
	shr	ecx, 2
.words:
	rep	stosd
.rest:
	lea	ecx, [ecx * 4 + edx]
.bytes:
	rep	stosb
.end:
	mov	eax, ecx
	pop	edi
	cfi_stack 4
	cfi_kept EDI
	ret
	cfi_end

	survives .words, .rest
	survives .bytes, .end
