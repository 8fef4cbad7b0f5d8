; SPDX-License-Identifier: MIT
; From an application processor's first instruction to C. Copied to a page below 1 MiB, which the CPU enters in real mode
; at its start; from where it is it makes all other addresses. Segments, paging with a directory that has the kernel both
; where it is loaded and where it runs, then to ap_start.entry(ap_start.number), on the stack at ap_start.sp.
;
; 1. One CPU at a time: the page's last words are its parameters (struct ap_start of smp.c).
; 2. No global pages before the identity map is gone.

global ap_code, ap_code_end, ap_start

%define AT(x) ((x) - ap_code)

MSR_EFER equ 0xC0000080
EFER_NXE equ 0x800

section .init.data progbits alloc noexec write align=32

ap_code:
bits 16
	cli
	cld
	mov	ax, cs
	mov	ds, ax
	movzx	ebx, ax
	shl	ebx, 4                  ; where we are
	lea	eax, [ebx + AT(gdt)]
	mov	[AT(gdtr.base)], eax
	lea	eax, [ebx + AT(flat)]
	mov	[AT(to_flat)], eax
	o32 lgdt [AT(gdtr)]
	mov	eax, cr0
	or	al, 1
	mov	cr0, eax
	jmp	dword far [AT(to_flat)]

bits 32
flat:
	mov	eax, 0x10
	mov	ds, eax
	mov	es, eax
	mov	fs, eax
	mov	gs, eax
	mov	ss, eax
	mov	eax, [ebx + AT(ap_start.cr4)]
	mov	cr4, eax
	lea	eax, [ebx + AT(ap_start.top)]
	mov	cr3, eax
	cmp	dword [ebx + AT(ap_start.has_nx)], 0
	je	.no_nx
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_NXE
	wrmsr
.no_nx:
	mov	eax, [ebx + AT(ap_start.cr0)]
	mov	cr0, eax
	mov	esp, [ebx + AT(ap_start.sp)]
	mov	eax, [ebx + AT(ap_start.number)]
	mov	edx, [ebx + AT(ap_start.entry)]
	xor	ebp, ebp                ; end of every backtrace
	push	ebp
	push	ebp
	jmp	edx

align 8
gdt:
	dq 0
	dq 0x00CF9B000000FFFF           ; 0x08 code, flat
	dq 0x00CF93000000FFFF           ; 0x10 data
.end:
gdtr:
	dw gdt.end - gdt - 1
.base:
	dd 0
align 4
to_flat:
	dd 0
	dw 0x08

align 32
ap_start:
.top:	times 4 dq 0
.cr0:	dd 0
.cr4:	dd 0
.has_nx: dd 0
.sp:	dd 0
.entry:	dd 0
.number: dd 0
ap_code_end:
