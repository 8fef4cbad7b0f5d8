; SPDX-License-Identifier: MIT
; From the boot loader to higher_half: Multiboot 1 and 2 headers, the check that this CPU can run us, PAE tables, the jump
; to where the rest is linked.
;
; 1. Until the CPU is known to be an i686 nothing newer than a 386 is executed, and no C.
; 2. Section .boot is linked where it is loaded, at 1 MiB; everything else at +0xC0000000. P(x) is the physical address of x.
; 3. Nothing of the loader's state is relied on but flat 32-bit segments: own GDT at once (some loaders leave none).
; 4. esi = loader's magic, edi = its information structure, from the first instruction to the last.
; 5. Identity map and higher half share one page directory; higher_half.asm drops the identity map.

bits 32

KERNEL_BASE   equ 0xC0000000
LOWMEM_MIB    equ 896
PERCPU_BASE   equ 0xFD000000            ; MMU_PERCPU_START
%define P(x)  ((x) - KERNEL_BASE)

extern higher_half, mmu_kernel_pdpt, mmu_kernel_pd, mmu_percpu_table, boot_stack_top, __bss_start, __bss_end
extern __percpu_image, __percpu_home, __percpu_words, __percpu_pages
global _start, boot_gdt

; --- headers ---
MB1_MAGIC     equ 0x1BADB002
MB1_FLAGS     equ 3                     ; modules on page borders, memory map wanted
MB2_MAGIC     equ 0xE85250D6

%include "kernel/arch/i386/cfi.inc"

section .boot progbits alloc exec nowrite align=4096

align 8
multiboot2_header:
	dd MB2_MAGIC, 0, .end - multiboot2_header
	dd -(MB2_MAGIC + (.end - multiboot2_header)) & 0xFFFFFFFF
align 8
	dw 4, 1                         ; console flags, optional: we write EGA text
	dd 12, 2
align 8
	dw 6, 1                         ; modules on page borders
	dd 8
align 8
	dw 0, 0
	dd 8
.end:

align 4
multiboot1_header:
	dd MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS) & 0xFFFFFFFF

; --- segments, memory ---
_start:
	cfi_begin 4
	cfi_outermost
	cli
	cld
	mov	esi, eax
	lgdt	[boot_gdtr]
	jmp	0x08:.flat
.flat:
	mov	eax, 0x10
	mov	ds, eax
	mov	es, eax
	mov	fs, eax
	mov	gs, eax
	mov	ss, eax
	mov	edi, P(__bss_start)     ; a loader should have cleared it
	mov	ecx, P(__bss_end)
	sub	ecx, edi
	shr	ecx, 2
	xor	eax, eax
	rep	stosd
	mov	ebp, esi
	mov	esi, P(__percpu_image)  ; CPU 0's copy of what each CPU's starts as
	mov	edi, P(__percpu_home)
	mov	ecx, __percpu_words
	rep	movsd
	mov	esi, ebp
	mov	edi, ebx
	mov	esp, P(boot_stack_top)
	push	eax                     ; EFLAGS = 0: no NT, no IOPL left over
	popfd

; --- can this CPU run us at all? ---
	call	cpu_features            ; edx = CPUID.1:EDX, 0 where there is no CPUID
	mov	ebp, edx
	not	edx
	and	edx, NEEDED
	jz	cpu_is_fine
	call	report_missing
	mov	al, 0x12                ; MACHINE_EXIT_REFUSE
	out	0xf4, al
.halt:
	hlt
	jmp	.halt

; --- paging ---
PTE_PRESENT   equ 0x001
PTE_TABLE     equ 0x003                 ; present, writable
PTE_RW        equ 0x103                 ; present, writable, global
PTE_LARGE_RW  equ 0x183                 ; the same of 2 MiB
CR0_BITS      equ 0x80010024            ; PG, WP, NE, EM: nobody saves the FPU's registers, so nobody has any
CR0_CLEAR     equ 0x6000000A            ; CD, NW, TS, MP
CR4_PSE       equ 0x10
CR4_PAE       equ 0x20
MSR_EFER      equ 0xC0000080
EFER_NXE      equ 0x800

cpu_is_fine:
	mov	ebx, P(mmu_kernel_pd)
	mov	eax, PTE_LARGE_RW
.next:
	mov	[ebx], eax              ; the high halves are 0 in .bss
	add	ebx, 8
	add	eax, 2 << 20
	cmp	eax, (LOWMEM_MIB << 20) | PTE_LARGE_RW
	jne	.next
	mov	ebx, P(mmu_percpu_table)
	mov	eax, P(__percpu_home) + PTE_RW
	mov	ecx, __percpu_pages
.next_percpu:
	mov	[ebx], eax
	add	ebx, 8
	add	eax, 4096
	loop	.next_percpu
	mov	dword [P(mmu_kernel_pd) + (PERCPU_BASE - KERNEL_BASE) / (2 << 20) * 8], P(mmu_percpu_table) + PTE_TABLE
	mov	eax, P(mmu_kernel_pd) + PTE_PRESENT
	mov	[P(mmu_kernel_pdpt)], eax
	mov	[P(mmu_kernel_pdpt) + 3 * 8], eax

	mov	eax, cr4
	or	eax, CR4_PAE            ; global pages come later: the identity map must not outlive its removal
	test	ebp, FEATURE_PSE
	jz	.no_pse
	or	eax, CR4_PSE            ; means nothing under PAE, but v86 knows no 2 MiB page without it
.no_pse:
	mov	cr4, eax
	mov	eax, P(mmu_kernel_pdpt)
	mov	cr3, eax
	call	enable_nx
	mov	eax, cr0
	and	eax, ~CR0_CLEAR
	or	eax, CR0_BITS
	mov	cr0, eax
	mov	eax, higher_half
	jmp	eax
	cfi_end

enable_nx:
	cfi_begin 4
	mov	eax, 0x80000000
	cpuid
	cmp	eax, 0x80000001
	jb	.done
	mov	eax, 0x80000001
	cpuid
	test	edx, 1 << 20
	jz	.done
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_NXE
	wrmsr
.done:
	ret
	cfi_end

; --- CPU features ---
FEATURE_PSE   equ 1 << 3
FEATURE_TSC   equ 1 << 4
FEATURE_PAE   equ 1 << 6
FEATURE_CX8   equ 1 << 8
FEATURE_CMOV  equ 1 << 15
NEEDED        equ FEATURE_TSC | FEATURE_PAE | FEATURE_CX8 | FEATURE_CMOV
EFLAGS_ID     equ 1 << 21

; CPUID exists where EFLAGS.ID can be flipped.
cpu_features:
	cfi_begin 4
	pushfd
	cfi_stack 8
	pop	eax
	cfi_stack 4
	mov	ecx, eax
	xor	eax, EFLAGS_ID
	push	eax
	cfi_stack 8
	popfd
	cfi_stack 4
	pushfd
	cfi_stack 8
	pop	eax
	cfi_stack 4
	xor	edx, edx
	xor	eax, ecx
	test	eax, EFLAGS_ID
	jz	.done
	xor	eax, eax
	cpuid
	xor	edx, edx
	test	eax, eax
	jz	.done
	mov	eax, 1
	cpuid
.done:
	ret
	cfi_end

; One line on the serial port and on the screen; edx = missing bits of NEEDED.
report_missing:
	cfi_begin 4
	mov	ebp, edx
	mov	edi, 0xB8000
	call	serial_start
	mov	ebx, text_needs
	call	put_text
	mov	esi, feature_names
.feature:
	lodsd
	test	eax, eax
	jz	.done
	mov	ebx, esi
	add	esi, 8
	test	ebp, eax
	jz	.feature
	call	put_text
	jmp	.feature
.done:
	mov	ebx, text_end
	; falls through

; ebx = text, ends with 0; edi = screen position
put_text:
	mov	al, [ebx]
	test	al, al
	jz	.done
	call	put_char
	inc	ebx
	jmp	put_text
.done:
	ret

put_char:
	mov	ah, 0x4F                ; white on red
	cmp	al, ' '
	jb	.serial
	mov	[edi], ax
	add	edi, 2
.serial:
	mov	ah, al
	mov	ecx, 100000             ; a machine without a serial port must not hang us
	mov	edx, COM1 + 5
.wait:
	in	al, dx
	test	al, 0x20
	loopz	.wait
	mov	al, ah
	mov	edx, COM1
	out	dx, al
	ret

COM1          equ 0x3F8

%macro outport 2
	mov	dx, %1
	mov	al, %2
	out	dx, al
%endmacro

serial_start:                           ; 115200 8N1
	outport COM1 + 1, 0x00
	outport COM1 + 3, 0x80
	outport COM1 + 0, 0x01
	outport COM1 + 1, 0x00
	outport COM1 + 3, 0x03
	outport COM1 + 2, 0x07
	outport COM1 + 4, 0x03
	ret
	cfi_end

text_needs:
	db "Ashlar needs a CPU with PAE, CMOV, CX8 and TSC (Pentium Pro or later); this CPU lacks", 0
text_end:
	db ".", 13, 10, 0

align 4
feature_names:                          ; bit, then 8 bytes of text
	dd FEATURE_PAE
	db " PAE", 0, 0, 0, 0
	dd FEATURE_CMOV
	db " CMOV", 0, 0, 0
	dd FEATURE_CX8
	db " CX8", 0, 0, 0, 0
	dd FEATURE_TSC
	db " TSC", 0, 0, 0, 0
	dd 0

align 8
boot_gdt:
	dq 0
	dq 0x00CF9B000000FFFF           ; 0x08 code, flat, marked accessed so that nobody writes here
	dq 0x00CF93000000FFFF           ; 0x10 data
boot_gdt_end:
	dw 0
boot_gdtr:
	dw boot_gdt_end - boot_gdt - 1
	dd boot_gdt
