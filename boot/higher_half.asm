; SPDX-License-Identifier: MIT
; The last step to kernel_main(), the first instructions at addresses of the higher half: paging is on, esi and edi are
; the loader's magic and information structure. A file of its own: NASM describes one code section of each to debuggers.

%include "kernel/arch/i386/cfi.inc"

KERNEL_BASE equ 0xC0000000
GDT_BYTES   equ 24                      ; of boot_gdt, entry.asm

extern kernel_main, mmu_kernel_pdpt, boot_stack_top, boot_gdt
global higher_half

section .init.text progbits alloc exec nowrite align=16

higher_half:
	cfi_begin 4
	cfi_outermost
	xor	eax, eax
	mov	[mmu_kernel_pdpt], eax  ; drop the identity map; the CPU re-reads the table with CR3
	mov	eax, cr3
	mov	cr3, eax
	lgdt	[high_gdtr]
	mov	esp, boot_stack_top
	xor	ebp, ebp                ; end of every backtrace
	push	ebp
	push	ebp
	mov	eax, esi
	mov	edx, edi
	call	kernel_main
	ud2
	cfi_end

align 4
	dw 0
high_gdtr:
	dw GDT_BYTES - 1
	dd boot_gdt + KERNEL_BASE
