/* SPDX-License-Identifier: MIT */
/* Slate's use of mm, which needs no port: what any kernel writes who has an allocator. */
#include <tests/port/kernel/slate.h>

#include <mm/kit/mm_names.h>

#include <mm/kit/smoke.h>
#include <mm/objects/kmalloc.h>

const char *memory_test(void)
{
	return mm_smoke_test();
}

void *memory_get(u32 bytes, int may_sleep)
{
	if (may_sleep == 2)
		return kmalloc(bytes, GFP_KERNEL | __GFP_NOFAIL);
	return kmalloc(bytes, (may_sleep ? GFP_KERNEL : GFP_ATOMIC) | __GFP_NOWARN);
}

void memory_give(void *object)
{
	kfree(object);
}
