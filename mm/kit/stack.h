/* SPDX-License-Identifier: MIT */
/* Per-CPU stacks in C: interrupts are off while one is looked at, so a handler may use the same stack. What they are for
 * and how mm uses them: mm/port.h. One CPU; with more see docs/porting.md. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>
#include <mm/pages/gfp.h>

struct kmem_cache;
struct page;

struct pcpu_stack {
	uint32_t count, limit, bottom, capacity;
	void *owner;
	uint32_t order;
	void *slot[0]; /* of `capacity` */
};

#define PCPU_CALL

#define PCPU_OBJECTS offsetof(struct kmem_cache, stack) /* anywhere: no assembly knows it */

void *object_pop(struct kmem_cache *cache, gfp_t gfp);
void *object_pop_wait(struct kmem_cache *cache, gfp_t gfp);
void *object_pop_kernel(struct kmem_cache *cache);
void *object_pop_atomic(struct kmem_cache *cache);
void *object_pop_sized(struct kmem_cache *cache, gfp_t gfp, size_t size);
struct page *page_pop(struct pcpu_stack *stack, gfp_t gfp);
struct page *page_pop_wait(struct pcpu_stack *stack, gfp_t gfp);
void object_push(void *object, struct kmem_cache *cache);
void page_push(struct page *page, struct pcpu_stack *stack);

/* The slow paths, in mm. */
void *object_pop_slow(struct kmem_cache *cache, gfp_t gfp);
void *object_pop_invalid(struct kmem_cache *cache, gfp_t gfp);
void object_push_slow(void *object, struct kmem_cache *cache);
struct page *page_pop_slow(struct pcpu_stack *stack, gfp_t gfp);
struct page *page_pop_invalid(struct pcpu_stack *stack, gfp_t gfp);
void page_push_slow(struct page *page, struct pcpu_stack *stack);

static inline struct pcpu_stack *pcpu_stack_here(struct pcpu_stack *stack)
{
	return stack;
}
