; SPDX-License-Identifier: MIT
; The restartable sequences of the allocators' fast paths: object pop and push, page pop and push.
;
; Each occupies one aligned slot of RSEQ_SLOT bytes in section .rseq, and its last store, the commit, ends at offset
; RSEQ_COMMIT of the slot. Before the commit nothing that others see has changed and the arguments are as they came, so the entry
; of a maskable interrupt from kernel code may send it back to the start of the slot: padding that leads to the entry. At
; and behind the commit it is left alone. Exceptions and NMI neither send back nor allocate.
;
; page pop:    ecx the stack, relative to the per-CPU segment fs; edx the flags; eax the result
; object pop:  ecx the cache, whose stack is relative to fs as well; edx the flags; eax the result
;   _kernel, _atomic: edx the cache, the flags are GFP_KERNEL or GFP_ATOMIC; ecx is lost; eax the result
; push:        eax what is given; edx the stack or the cache; ecx is lost
; Nothing else is used. Names and arguments are those of pcpu_stack.h.

extern percpu_preempt_count
extern object_pop_slow, object_pop_invalid, object_push_slow
extern page_pop_slow, page_pop_invalid, page_push_slow
global object_pop, object_pop_wait, object_pop_kernel_sequence, object_pop_atomic_sequence, object_push
global page_pop, page_pop_wait, page_push

RSEQ_SLOT   equ 128
RSEQ_COMMIT equ 64

COUNT  equ 0
LIMIT  equ 4
BOTTOM equ 8
SLOTS  equ 24

OBJECTS equ 196 ; of the stack in struct kmem_cache, mm/objects/slab_internal.h

PAGE_STATE     equ 0 ; of struct page, mm/pages/page.h
PAGE_PERCPU    equ 2
PAGE_ALLOCATED equ 3

GFP_ATOMIC equ 0x20 ; mm/pages/gfp.h
GFP_KERNEL equ 0xd0

%include "kernel/arch/i386/cfi.inc"

section .rseq progbits alloc exec nowrite align=RSEQ_SLOT
	cfi_begin 4

; Pad so that what follows, `%2` bytes long, ends at RSEQ_COMMIT. Whoever was sent back stands at %1.again.
%macro sequence 2
	align	RSEQ_SLOT, nop
%1.again:
	times	RSEQ_COMMIT - (%2) nop
%endmacro

%macro pop_sequence 4 ; name, offset of the stack, slow path, path of requests that may sleep where nobody may
	sequence %1, %%commit - %%start
%%start:
%1_wait:
	cmp	dword [fs:percpu_preempt_count], 0
	jne	near %4
%1:
	mov	eax, [fs:ecx + %2 + COUNT]
	cmp	eax, [fs:ecx + %2 + BOTTOM]
	je	near %3
	mov	eax, [fs:ecx + eax * 4 + %2 + SLOTS - 4]
	sub	dword [fs:ecx + %2 + COUNT], 1
%%commit:
%endmacro

	pop_sequence object_pop, OBJECTS, object_pop_slow, object_pop_invalid
	ret

	pop_sequence page_pop, 0, page_pop_slow, page_pop_invalid
	mov	byte [eax + PAGE_STATE], PAGE_ALLOCATED
	ret

; Object stacks have no cold end: empty is a count of 0. The flags need no register until there is nothing.
%macro pop_objects 1 ; where to go when there are none
	mov	ecx, [fs:edx + OBJECTS + COUNT]
	jecxz	%1
	mov	eax, [fs:edx + ecx * 4 + OBJECTS + SLOTS - 4]
	sub	dword [fs:edx + OBJECTS + COUNT], 1
%endmacro

%macro go_with_flags 2 ; flags, where to
	mov	ecx, edx
	mov	edx, %1
	jmp	near %2
%endmacro

	sequence object_pop_kernel_sequence, object_pop_kernel_sequence.commit - object_pop_kernel_sequence
object_pop_kernel_sequence:
	cmp	dword [fs:percpu_preempt_count], 0
	jne	near .invalid
	pop_objects .slow
.commit:
	ret
.slow:
	go_with_flags GFP_KERNEL, object_pop_slow
.invalid:
	go_with_flags GFP_KERNEL, object_pop_invalid

	sequence object_pop_atomic_sequence, object_pop_atomic_sequence.commit - object_pop_atomic_sequence
object_pop_atomic_sequence:
	pop_objects .slow
.commit:
	ret
.slow:
	go_with_flags GFP_ATOMIC, object_pop_slow

; The slot above the top may be written before the commit: nobody looks there.
	sequence object_push, object_push.commit - object_push
object_push:
	mov	ecx, [fs:edx + OBJECTS + COUNT]
	cmp	ecx, [fs:edx + OBJECTS + LIMIT]
	jae	near object_push_slow
	cmp	[fs:edx + ecx * 4 + OBJECTS + SLOTS - 4], eax
	je	near object_push_slow   ; a double free, if this is the top (the word below slot 0 is no address)
	mov	[fs:edx + ecx * 4 + OBJECTS + SLOTS], eax
	add	dword [fs:edx + OBJECTS + COUNT], 1
.commit:
	ret

	sequence page_push, page_push.commit - page_push
page_push:
	mov	ecx, [fs:edx + COUNT]
	cmp	ecx, [fs:edx + LIMIT]
	jae	near page_push_slow
	mov	byte [eax + PAGE_STATE], PAGE_PERCPU
	mov	[fs:edx + ecx * 4 + SLOTS], eax
	add	dword [fs:edx + COUNT], 1
.commit:
	ret
	align	RSEQ_SLOT, nop
	cfi_end
