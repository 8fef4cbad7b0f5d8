/* SPDX-License-Identifier: MIT */
/* The four operations of per-CPU stacks, as the kernel's assembly does them. A context that may not sleep is
 * one that host_set_atomic() declared. */
#include <mm/objects/slab_internal.h>
#include <mm/pages/page.h>
#include <mm/port.h>
#include <tests/host/host.h>

static bool in_atomic;

void host_set_atomic(bool atomic)
{
	in_atomic = atomic;
}

bool port_is_atomic(void)
{
	return in_atomic;
}

bool port_may_sleep(void)
{
	return !in_atomic && !irqs_disabled();
}

bool port_check_may_sleep(const char *file, int line)
{
	if (port_may_sleep())
		return true;
	port_print(PORT_ERR, "BUG: sleeping function called from invalid context at %s:%d", file, line);
	return false;
}

void *object_pop(struct kmem_cache *cache, gfp_t gfp)
{
	struct pcpu_stack *stack = &cache->stack;

	return stack->count ? stack->slot[--stack->count] : object_pop_slow(cache, gfp);
}

void *object_pop_wait(struct kmem_cache *cache, gfp_t gfp)
{
	return in_atomic ? object_pop_invalid(cache, gfp) : object_pop(cache, gfp);
}

void *object_pop_kernel(struct kmem_cache *cache)
{
	return object_pop_wait(cache, GFP_KERNEL);
}

void *object_pop_atomic(struct kmem_cache *cache)
{
	return object_pop(cache, GFP_ATOMIC);
}

static size_t size_of_call; /* of the one under way */

void *object_pop_sized(struct kmem_cache *cache, gfp_t gfp, size_t size)
{
	void *object;

	size_of_call = size;
	object = gfp_has(gfp, __GFP_WAIT) ? object_pop_wait(cache, gfp) : object_pop(cache, gfp);
	size_of_call = 0;
	return object;
}

size_t port_size_of_call(const void *return_address)
{
	(void)return_address;
	return size_of_call;
}

void port_index_sized_calls(void)
{
}

struct page *page_pop(struct pcpu_stack *stack, gfp_t gfp)
{
	struct page *page;

	if (stack->count == stack->bottom)
		return page_pop_slow(stack, gfp);
	page = stack->slot[--stack->count];
	page->state = PAGE_ALLOCATED;
	return page;
}

struct page *page_pop_wait(struct pcpu_stack *stack, gfp_t gfp)
{
	return in_atomic ? page_pop_invalid(stack, gfp) : page_pop(stack, gfp);
}

void object_push(void *object, struct kmem_cache *cache)
{
	struct pcpu_stack *stack = &cache->stack;

	if (stack->count >= stack->limit || (stack->count && stack->slot[stack->count - 1] == object))
		object_push_slow(object, cache);
	else
		stack->slot[stack->count++] = object;
}

void page_push(struct page *page, struct pcpu_stack *stack)
{
	fake_vm_pages_are_freed(page_to_pfn(page), (pfn_t)1 << page->order);
	if (stack->count >= stack->limit) {
		page_push_slow(page, stack);
		return;
	}
	page->state = PAGE_PERCPU;
	stack->slot[stack->count++] = page;
}
