/* SPDX-License-Identifier: MIT */
/* Per-CPU stacks of pointers: what lies in front of every allocator. Their operations are restartable
 * sequences, boot/port/pcpu_stack.asm: no lock, no cli; an interrupt that finds one half done sends it back
 * to its start, so a handler may use the same stack. Only the owning CPU touches a stack, and C code does so
 * with interrupts off.
 *
 * Each of them compares the count with a bound and with nothing else; when the comparison fails it jumps to
 * the slow path in mm, with the arguments as they are. So limit = 0 (and an empty stack) sends every call
 * there: slow mode. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>
#include <mm/pages/gfp.h>

struct kmem_cache;
struct page;

/* The offsets of count, limit, bottom and slot are known to the assembly. */
struct pcpu_stack {
	uint32_t count;	   /* slots below it hold something */
	uint32_t limit;	   /* a push at this count is refused: capacity, or 0 in slow mode */
	uint32_t bottom;   /* slots below it are empty: something was taken from the cold end */
	uint32_t capacity; /* slots there are */
	void *owner;	   /* of a page stack: its zone */
	uint32_t order;	   /* of a page stack: of its blocks */
	void *slot[0];	   /* of `capacity` */
};

STATIC_ASSERT(offsetof(struct pcpu_stack, limit) == 4 && offsetof(struct pcpu_stack, bottom) == 8 &&
		      offsetof(struct pcpu_stack, slot) == 24,
	      "pcpu_stack.asm knows these offsets");

#define PCPU_CALL                                                                                            \
	__attribute__((__fastcall__)) /* stack or cache in ecx, flags in edx: eax is for count and result */

/* Take the hottest; when there is none: the slow path's result. pop_wait is for requests that may sleep: in a
 * context that may not, it goes to the slow path too, which complains. Objects are asked of their cache,
 * whose stack lies at PCPU_OBJECTS in it: one pointer to load. */
#define PCPU_OBJECTS 196
PCPU_CALL void *object_pop(struct kmem_cache *cache, gfp_t gfp);
PCPU_CALL void *object_pop_wait(struct kmem_cache *cache, gfp_t gfp);
PCPU_CALL struct page *page_pop(struct pcpu_stack *stack, gfp_t gfp);
PCPU_CALL struct page *page_pop_wait(struct pcpu_stack *stack, gfp_t gfp);

/* The same with the flags that nearly all requests have, GFP_KERNEL and GFP_ATOMIC. Without flags to carry
 * there is a register more, and the count in ecx is tested and branched upon in one instruction; for that the
 * cache comes in edx, and ecx as it happens to be. */
PCPU_CALL void *object_pop_kernel_sequence(uint32_t any, struct kmem_cache *cache);
PCPU_CALL void *object_pop_atomic_sequence(uint32_t any, struct kmem_cache *cache);

static ALWAYS_INLINE uint32_t pcpu_any(void)
{
	uint32_t any;

	__asm__ volatile("" : "=c"(any)); /* or the compiler keeps one and copies it */
	return any;
}

static ALWAYS_INLINE void *object_pop_kernel(struct kmem_cache *cache)
{
	return object_pop_kernel_sequence(pcpu_any(), cache);
}

static ALWAYS_INLINE void *object_pop_atomic(struct kmem_cache *cache)
{
	return object_pop_atomic_sequence(pcpu_any(), cache);
}

/* The same for a size that the compiler knows, at the same cost: a table beside the code says what each call asks
 * for, by the address it returns to; so whoever looks on the slow path knows (port_size_of_call()). */
struct sized_call {
	const void *returns_to;
	uint32_t size;
};

register uintptr_t pcpu_stack_pointer __asm__("esp"); /* an operand of what calls: a frame is needed there */

#ifdef LINT_ANALYZER /* which looks at code before it knows what is constant */
#define PCPU_SIZED(entry) (object = object_pop(cache, gfp), (void)ecx, (void)edx, (void)size)
#else
#define PCPU_SIZED(entry)                                                                                    \
	__asm__ volatile("call %c[to]\n0:\n\t"                                                               \
			 ".pushsection sized_calls, \"aw\"\n\t.long 0b, %c[bytes]\n\t.popsection"            \
			 : "=a"(object), "+c"(ecx), "+d"(edx), "+r"(pcpu_stack_pointer)                      \
			 : [to] "i"(entry), [bytes] "i"(size)                                                \
			 : "memory", "cc")
#endif

static ALWAYS_INLINE void *object_pop_sized(struct kmem_cache *cache, gfp_t gfp, size_t size)
{
	bool is_usual = gfp == GFP_KERNEL || gfp == GFP_ATOMIC;
	uintptr_t ecx = is_usual ? pcpu_any() : (uintptr_t)cache;
	uintptr_t edx = is_usual ? (uintptr_t)cache : (__force uintptr_t)gfp;
	void *object;

	if (gfp == GFP_KERNEL)
		PCPU_SIZED(object_pop_kernel_sequence);
	else if (gfp == GFP_ATOMIC)
		PCPU_SIZED(object_pop_atomic_sequence);
	else if (gfp_has(gfp, __GFP_WAIT))
		PCPU_SIZED(object_pop_wait);
	else
		PCPU_SIZED(object_pop);
	return object;
}

/* Put on top; when there is no room, or the same object lies there already: the slow path. */
void object_push(void *object, struct kmem_cache *cache);
void page_push(struct page *page, struct pcpu_stack *stack);

/* The slow paths, in mm. _invalid: called with __GFP_WAIT where nobody may sleep, or without it in any
 * context. */
PCPU_CALL void *object_pop_slow(struct kmem_cache *cache, gfp_t gfp);
PCPU_CALL void *object_pop_invalid(struct kmem_cache *cache, gfp_t gfp);
void object_push_slow(void *object, struct kmem_cache *cache);
PCPU_CALL struct page *page_pop_slow(struct pcpu_stack *stack, gfp_t gfp);
PCPU_CALL struct page *page_pop_invalid(struct pcpu_stack *stack, gfp_t gfp);
void page_push_slow(struct page *page, struct pcpu_stack *stack);

/* The copy of a per-CPU stack that this CPU owns; interrupts off. */
static inline struct pcpu_stack *pcpu_stack_here(struct pcpu_stack *stack)
{
	return stack; /* CPU 0's per-CPU base is 0 */
}
