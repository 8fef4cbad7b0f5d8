/* SPDX-License-Identifier: MIT */
/* At a frame pointer lie the caller's frame pointer and the return address:
 *
 *     ebp -> | caller's ebp | return address |
 *
 * Each frame must lie above the one before it, word-aligned, in mapped kernel memory; the first that does not
 * ends the walk, as does the 0 that entry code leaves in ebp. No state. */
#include <kernel/core/backtrace.h>

#include <kernel/arch/mmu.h>
#include <kernel/core/ksym.h>
#include <kernel/core/printk.h>
#include <kernel/lib/align.h>

#define KERNEL_START ((uintptr_t)MMU_DIRECT_MAP_BASE)

struct frame {
	uintptr_t caller_ebp;
	uintptr_t return_address;
};

static bool frame_is_readable(uintptr_t ebp)
{
	return ebp >= KERNEL_START && IS_ALIGNED(ebp, sizeof(uintptr_t)) &&
	       ebp <= UINTPTR_MAX - sizeof(struct frame) && mmu_is_mapped(ebp) &&
	       mmu_is_mapped(ebp + sizeof(struct frame) - 1);
}

static void frame_print(uintptr_t eip)
{
	char name[KSYM_FORMAT_MAX];

	pr_err("  %08lx  %s", (unsigned long)eip, ksym_format(eip, name, sizeof(name)));
}

/* A return address lies behind the call, perhaps in the next function already: the byte before it decides. */
static void return_address_print(uintptr_t address)
{
	char name[KSYM_FORMAT_MAX];
	const char *symbol;
	uint32_t offset;

	if (ksym_lookup(address - 1, &symbol, &offset))
		(void)snprintf(name, sizeof(name), "%s+0x%x", symbol, offset + 1);
	else
		(void)ksym_format(address, name, sizeof(name));
	pr_err("  %08lx  %s", (unsigned long)address, name);
}

void backtrace_print(uintptr_t eip, uintptr_t ebp)
{
	uintptr_t last = 0;

	pr_err("backtrace:");
	if (eip != 0)
		frame_print(eip);
	for (unsigned int i = 0; i < BACKTRACE_MAX && ebp > last && frame_is_readable(ebp); i++) {
		const struct frame *frame = (const struct frame *)ebp;

		if (frame->return_address == 0)
			break;
		return_address_print(frame->return_address);
		last = ebp;
		ebp = frame->caller_ebp;
	}
}

unsigned int backtrace_save(uintptr_t ebp, const void **address, unsigned int max, uintptr_t without,
			    uintptr_t end)
{
	uintptr_t last = 0;
	unsigned int nr = 0;

	while (nr < max && ebp > last && frame_is_readable(ebp)) {
		const struct frame *frame = (const struct frame *)ebp;

		if (frame->return_address == 0)
			break;
		if (nr || frame->return_address - without >= end - without)
			address[nr++] = (const void *)frame->return_address;
		last = ebp;
		ebp = frame->caller_ebp;
	}
	return nr;
}

NOINLINE void backtrace_here(void)
{
	backtrace_print(0, (uintptr_t)__builtin_frame_address(0));
}
