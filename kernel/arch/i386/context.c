/* SPDX-License-Identifier: MIT */
/* The stack of a thread that has not run, as switch.asm expects to find it. No state. */
#include <kernel/arch/context.h>

#include <kernel/lib/align.h>

#define STACK_ALIGN 16u

void context_first(void);

struct first_frame {
	uint32_t ebx, esi, edi, ebp;
	uintptr_t return_address;
	uint32_t end_of_backtrace[3];
};

uintptr_t context_create(void *stack, size_t size_bytes)
{
	uintptr_t top = ALIGN_DOWN((uintptr_t)stack + size_bytes, STACK_ALIGN);
	struct first_frame *frame = (struct first_frame *)(top - sizeof(*frame));

	*frame = (struct first_frame){.return_address = (uintptr_t)context_first};
	return (uintptr_t)frame;
}

void context_saved(uintptr_t sp, uintptr_t *ip, uintptr_t *frame)
{
	const uintptr_t *saved = (const uintptr_t *)sp; /* as switch.asm pushes them */

	*frame = saved[3];
	*ip = saved[4];
}
