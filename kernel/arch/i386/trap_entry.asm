; SPDX-License-Identifier: MIT
; Where the CPU enters the kernel. Each vector pushes a struct trap_frame and calls trap_handle(frame) for an exception and
; for what a program asks for, trap_interrupt(frame) for the rest; the double fault is a task of its own; trap_expect() is a setjmp that the handlers may
; jump back to.
;
; The entry of an interrupt, and nothing else, rewinds a restartable sequence it interrupted (kernel/arch/rseq.h).

extern trap_handle, trap_interrupt, double_fault_handle, percpu_rseq_rewinds, __rseq_start, __rseq_size
global trap_entries, double_fault_entry, trap_context_call, trap_context_abandon

KERNEL_DATA equ 0x10
PERCPU      equ 0x38
USER_CALL   equ 0x80                    ; the vector by which programs call
FRAME_EIP   equ 56                      ; offsets in struct trap_frame
FRAME_CS    equ 60
RSEQ_SLOT   equ 128
RSEQ_COMMIT equ 64

%include "kernel/arch/i386/cfi.inc"

section .text

; Vectors for which the CPU pushes an error code.
%define HAS_ERROR_CODE(v) ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)

trap_entry:
	cfi_begin_trap 12
%assign v 0
%rep 256
.vector_%+v:
%if !HAS_ERROR_CODE(v)
	cfi_stack 12
	push	dword 0
%endif
	cfi_stack 16
	push	dword v
	cfi_stack 20
%if v < 32 || v == USER_CALL
	jmp	trap_entry_common
%else
	jmp	interrupt_entry_common
%endif
%assign v v + 1
%endrep

	cfi_end

%macro frame_push 0
	pusha
	cfi_stack 52
	cfi_saved EAX, 24
	cfi_saved ECX, 28
	cfi_saved EDX, 32
	cfi_saved EBX, 36
	cfi_saved EBP, 44
	cfi_saved ESI, 48
	cfi_saved EDI, 52
	push	ds
	cfi_stack 56
	push	es
	cfi_stack 60
	push	fs
	cfi_stack 64
	push	gs
	cfi_stack 68
	mov	eax, KERNEL_DATA
	mov	ds, eax
	mov	es, eax
	mov	gs, eax
	mov	eax, PERCPU
	mov	fs, eax
	cld
	test	byte [esp + FRAME_CS], 3
	jz	%%kernel
	xor	ebp, ebp                ; a program's frames are not ours to walk
%%kernel:
%endmacro

interrupt_entry_common:
	cfi_begin_trap 20
	frame_push
	mov	eax, [esp + FRAME_EIP]
	sub	eax, __rseq_start
	cmp	eax, __rseq_size
	jb	.in_sequence
.rewound:
	mov	eax, esp                ; struct trap_frame *
	push	dword [eax + FRAME_EIP] ; a frame for backtraces: who was interrupted
	cfi_stack 72
	push	ebp
	cfi_stack 76
	mov	ebp, esp
	call	trap_interrupt
	add	esp, 8
	cfi_stack 68
	jmp	trap_return
.in_sequence:
	test	byte [esp + FRAME_CS], 3
	jnz	.rewound
	and	eax, RSEQ_SLOT - 1
	cmp	eax, RSEQ_COMMIT
	jae	.rewound
	and	dword [esp + FRAME_EIP], -RSEQ_SLOT
	inc	dword [fs:percpu_rseq_rewinds]
	jmp	.rewound
	cfi_end

trap_entry_common:
	cfi_begin_trap 20
	frame_push
	mov	eax, esp
	call	trap_handle
trap_return:
	pop	gs
	cfi_stack 64
	pop	fs
	cfi_stack 60
	pop	es
	cfi_stack 56
	pop	ds
	cfi_stack 52
	popa
	cfi_stack 20
	cfi_kept EAX
	cfi_kept ECX
	cfi_kept EDX
	cfi_kept EBX
	cfi_kept EBP
	cfi_kept ESI
	cfi_kept EDI
	add	esp, 8
	cfi_stack 12
	iret
	cfi_end

; The CPU comes here by a task switch, with an error code of 0 on our own stack. Going back is iret with NT set; the next
; double fault continues behind it. Debuggers find the interrupted state in the CPU's task segment (tools/gdb).
double_fault_entry:
	add	esp, 4
	call	double_fault_handle
	iret
	jmp	double_fault_entry

; bool trap_context_call(void (*fn)(void *), void *arg, struct trap_context *context)
;                        eax                 edx        ecx
; Context: esp, eip, ebx, esi, edi, ebp. Returns 0 when fn returned, 1 when somebody abandoned it.
trap_context_call:
	cfi_begin 4
	mov	[ecx], esp
	mov	dword [ecx + 4], .abandoned
	mov	[ecx + 8], ebx
	mov	[ecx + 12], esi
	mov	[ecx + 16], edi
	mov	[ecx + 20], ebp
	mov	ecx, eax
	mov	eax, edx
	call	ecx
	xor	eax, eax
	ret
.abandoned:
	mov	eax, 1
	ret

; NORETURN void trap_context_abandon(const struct trap_context *context)
trap_context_abandon:
	mov	esp, [eax]
	mov	ebx, [eax + 8]
	mov	esi, [eax + 12]
	mov	edi, [eax + 16]
	mov	ebp, [eax + 20]
	jmp	[eax + 4]
	cfi_end

section .init.data progbits alloc noexec write align=4

trap_entries:
%assign v 0
%rep 256
	dd	trap_entry.vector_%+v
%assign v v + 1
%endrep
