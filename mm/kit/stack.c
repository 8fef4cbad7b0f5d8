/* SPDX-License-Identifier: MIT */
/* The operations of per-CPU stacks. Each is whole with interrupts off; the slow paths come after they are as they were. */
#include <mm/objects/slab_internal.h>
#include <mm/pages/page.h>
#include <mm/port.h>

void *object_pop(struct kmem_cache *cache, gfp_t gfp)
{
	struct pcpu_stack *stack = &cache->stack;
	irqflags_t flags = irq_save();
	void *object = stack->count ? stack->slot[--stack->count] : NULL;

	irq_restore(flags);
	return likely(object) ? object : object_pop_slow(cache, gfp);
}

void *object_pop_wait(struct kmem_cache *cache, gfp_t gfp)
{
	return unlikely(port_is_atomic()) ? object_pop_invalid(cache, gfp) : object_pop(cache, gfp);
}

void *object_pop_kernel(struct kmem_cache *cache)
{
	return object_pop_wait(cache, GFP_KERNEL);
}

void *object_pop_atomic(struct kmem_cache *cache)
{
	return object_pop(cache, GFP_ATOMIC);
}

struct page *page_pop(struct pcpu_stack *stack, gfp_t gfp)
{
	irqflags_t flags = irq_save();
	struct page *page = stack->count != stack->bottom ? stack->slot[--stack->count] : NULL;

	if (likely(page))
		page->state = PAGE_ALLOCATED;
	irq_restore(flags);
	return likely(page) ? page : page_pop_slow(stack, gfp);
}

struct page *page_pop_wait(struct pcpu_stack *stack, gfp_t gfp)
{
	return unlikely(port_is_atomic()) ? page_pop_invalid(stack, gfp) : page_pop(stack, gfp);
}

void object_push(void *object, struct kmem_cache *cache)
{
	struct pcpu_stack *stack = &cache->stack;
	irqflags_t flags = irq_save();
	bool is_top = stack->count && stack->slot[stack->count - 1] == object; /* a double free */
	bool fits = stack->count < stack->limit && !is_top;

	if (likely(fits))
		stack->slot[stack->count++] = object;
	irq_restore(flags);
	if (unlikely(!fits))
		object_push_slow(object, cache);
}

void page_push(struct page *page, struct pcpu_stack *stack)
{
	irqflags_t flags = irq_save();
	bool fits = stack->count < stack->limit;

	if (likely(fits)) {
		page->state = PAGE_PERCPU;
		stack->slot[stack->count++] = page;
	}
	irq_restore(flags);
	if (unlikely(!fits))
		page_push_slow(page, stack);
}
