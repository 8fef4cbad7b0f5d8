/* SPDX-License-Identifier: MIT */
/* The host tests run on mm/kit: its locks, stacks, threads, messages. Where they must see or disturb what it does, the linker
 * puts a function of theirs around the kit's (HOST_WRAP of tests.mk): __wrap_NAME() is called instead, and calls
 * __real_NAME(), which is the kit's. This file: stacks. Messages are in fake_port.c, sleeping in fake_threads.c.
 * A context that may not sleep is one that host_set_atomic() declared. */
#include <mm/pages/page.h>
#include <mm/port.h>
#include <tests/host/host.h>
#include <tests/host/wrap.h>

static bool in_atomic;

void host_set_atomic(bool atomic)
{
	in_atomic = atomic;
}

bool port_is_atomic(void)
{
	return in_atomic;
}

/* What calls ask for is known while they are under way, as a kernel with a table of them knows. */
static size_t size_of_call;

void *__wrap_object_pop_sized(struct kmem_cache *cache, gfp_t gfp, size_t size)
{
	void *object;

	size_of_call = size;
	object = __real_object_pop_sized(cache, gfp, size);
	size_of_call = 0;
	return object;
}

size_t __wrap_port_size_of_call(const void *return_address)
{
	return size_of_call ? size_of_call : __real_port_size_of_call(return_address);
}

/* Free pages must be unknown to the fake CPU. */
void __wrap_page_push(struct page *page, struct pcpu_stack *stack)
{
	fake_vm_pages_are_freed(page_to_pfn(page), (pfn_t)1 << page->order);
	__real_page_push(page, stack);
}
