/* SPDX-License-Identifier: MIT */
/* The kernel's half of mm/port.h that is inline: found through -Iboot/port. */
#pragma once

#include <kernel/arch/irqflags.h>
#include <kernel/arch/kmap.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/percpu.h>
#include <kernel/arch/pte.h>
#include <kernel/arch/user.h>
#include <kernel/core/lockorder.h>
#include <kernel/core/lockword.h>
#include <kernel/core/preempt.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

static inline char *port_direct_map(void)
{
	return (char *)MMU_DIRECT_MAP_BASE;
}

/* The descriptor of an address, if it may have one. Those of the kernel's gigabyte are mapped at a place
 * known at compile time, empty ones where there is no low memory: nothing to load, one bound to compare with.
 */
#define PORT_DESCRIPTOR_BYTES 32u

static inline bool port_has_descriptor(const void *addr)
{
	return (uintptr_t)addr >= MMU_DIRECT_MAP_BASE;
}

static inline const void *port_descriptor(const void *addr)
{
	uintptr_t first = MMU_PAGES_START - (MMU_DIRECT_MAP_BASE >> PAGE_SHIFT) * PORT_DESCRIPTOR_BYTES;

	return (const void *)(first + ((uintptr_t)addr >> PAGE_SHIFT) * PORT_DESCRIPTOR_BYTES);
}

STATIC_ASSERT(MMU_PAGES_END - MMU_PAGES_START ==
		      ((0u - MMU_DIRECT_MAP_BASE) >> PAGE_SHIFT) * PORT_DESCRIPTOR_BYTES,
	      "the window holds the descriptors of the kernel's gigabyte");

/* The smallest lock that is one: interrupts off and an owner. Zones and caches take it on every slow path, so
 * it is not kernel/core's spinlock, which also counts preemption. */
struct port_lock {
	uint32_t owner; /* see lockword.h */
	const char *name;
};

NORETURN void port_lock_misused(const struct port_lock *lock, const char *what);
void port_lock_wait(struct port_lock *lock); /* it is not free */

static inline void port_lock_init(struct port_lock *lock, const char *name)
{
	lock->owner = 0;
	lock->name = name;
}

static inline bool port_lock_is_held(const struct port_lock *lock)
{
	return lock_word_is_mine(&lock->owner);
}

static inline irqflags_t port_lock_irqsave(struct port_lock *lock)
{
	irqflags_t flags = irq_save();

	lockorder_take(lock->name);
	if (unlikely(!lock_word_try(&lock->owner)))
		port_lock_wait(lock);
	barrier();
	return flags;
}

static inline void port_unlock_irqrestore(struct port_lock *lock, irqflags_t flags)
{
	if (unlikely(!port_lock_is_held(lock)))
		port_lock_misused(lock, "released by a CPU that does not hold it");
	lockorder_release(lock->name);
	lock_word_release(&lock->owner);
	irq_restore(flags);
}

/* The same for threads alone. */
static inline void port_lock_thread(struct port_lock *lock)
{
	preempt_disable();
	lockorder_take(lock->name);
	if (unlikely(!lock_word_try(&lock->owner)))
		port_lock_wait(lock);
	barrier();
}

static inline void port_unlock_thread(struct port_lock *lock)
{
	if (unlikely(!port_lock_is_held(lock)))
		port_lock_misused(lock, "released by a CPU that does not hold it");
	lockorder_release(lock->name);
	lock_word_release(&lock->owner);
	preempt_enable();
}

/* --- page tables of vmalloc's space --- */

#define PORT_TABLE_SPAN	    MMU_TABLE_SPAN
#define PORT_PROT_KERNEL    PTE_KERNEL
#define PORT_PROT_KERNEL_RO PTE_KERNEL_RO
#define PORT_PROT_KERNEL_IO PTE_KERNEL_IO
#define PORT_FLUSH_LATE	    (DEBUG_LEVEL < 1)

typedef uint64_t port_pte_t;

static inline port_pte_t *port_pte_of(uintptr_t addr)
{
	return pte_of(addr);
}

static inline void port_pte_set(port_pte_t *pte, uintptr_t addr, pfn_t pfn, unsigned int prot)
{
	(void)addr;
	pte_set(pte, pfn, prot);
}

static inline pfn_t port_pte_clear(port_pte_t *pte, uintptr_t addr)
{
	(void)addr;
	return pte_clear(pte);
}

static inline bool port_pte_is_mapped(const port_pte_t *pte)
{
	return pte_is_mapped(pte);
}

static inline pfn_t port_pte_pfn(const port_pte_t *pte)
{
	return pte_pfn(pte);
}

/* --- windows on high memory: those below kmap_top are taken --- */

struct port_space {
	struct user_space tables;
};

typedef user_entry_t port_entry_t;

static inline bool port_entry_is_empty(const port_entry_t *entry)
{
	return *entry == 0;
}

#define PORT_USER_START	  USER_START
#define PORT_USER_END	  USER_END

#define PORT_KMAP_SLOTS	  KMAP_SLOTS
#define PORT_KMAP_NUMBERS KMAP_NUMBERS

void *kmap_local_overflow(void); /* in mm */

static inline void *port_kmap_push(pfn_t pfn)
{
	uintptr_t window = this_cpu_fetch_add(kmap_top, KMAP_STEP);

	if (unlikely(window & KMAP_FULL_BIT))
		return kmap_local_overflow();
	kmap_window_map(window, pfn);
	return (void *)window;
}

/* With no window taken, the page below the first is looked at, which is never mapped. */
static inline bool port_kmap_pop(const void *addr)
{
	uintptr_t window = this_cpu_read(kmap_top) - KMAP_STEP;

	if (unlikely((uintptr_t)addr - window >= PAGE_SIZE || !kmap_window_clear(window, addr)))
		return false;
	this_cpu_write(kmap_top, window);
	return true;
}

/* Who stops us between the look and the mark has given the window back when we go on. */
static inline void *port_kmap_take(unsigned int number, pfn_t pfn)
{
	uintptr_t window = kmap_numbered(number);

	if (this_cpu_read(kmap_numbers) >> number & 1)
		return NULL;
	this_cpu_or(kmap_numbers, 1u << number);
	kmap_window_map(window, pfn);
	return (void *)window;
}

static inline bool port_kmap_give(const void *addr)
{
	uintptr_t offset = (uintptr_t)addr - kmap_numbered(0);
	unsigned int number = (unsigned int)(offset / KMAP_STEP);

	if (number >= KMAP_NUMBERS || offset % KMAP_STEP >= PAGE_SIZE ||
	    !kmap_window_clear(kmap_numbered(number), addr))
		return false;
	this_cpu_and(kmap_numbers, ~(1u << number));
	return true;
}

static inline bool port_is_atomic(void)
{
	return in_atomic();
}

static inline void port_preempt_disable(void)
{
	preempt_disable();
}

static inline void port_preempt_enable(void)
{
	preempt_enable();
}

static inline bool port_in_interrupt(void)
{
	return in_irq() || in_serving_softirq();
}

/* One CPU; a second changes these two. */
static inline unsigned int port_cpu(void)
{
	return 0;
}

static inline unsigned int port_nr_cpus(void)
{
	return 1;
}

/* size_bytes is a multiple of 4, and so is the address. */
static inline void port_clear(void *start, size_t size_bytes)
{
	size_t words = size_bytes / 4;

	__asm__ volatile("rep stosl" : "+D"(start), "+c"(words) : "a"(0) : "memory");
}

/* Words first: the CPU moves them as fast as it can, and the bench counts each. */
static inline void port_copy(void *to, const void *from, size_t size_bytes)
{
	size_t words = size_bytes / 4, bytes = size_bytes % 4;

	__asm__ volatile("rep movsl\n\tmovl %3, %%ecx\n\trep movsb"
			 : "+D"(to), "+S"(from), "+c"(words)
			 : "r"(bytes)
			 : "memory");
}

static inline void port_fill(void *start, size_t size_bytes, uint32_t word)
{
	size_t words = size_bytes / 4;

	__asm__ volatile("rep stosl" : "+D"(start), "+c"(words) : "a"(word) : "memory");
}

static inline const uint8_t *port_find_other_word(const void *start, size_t size_bytes, uint32_t word)
{
	const uint32_t *at = start;
	size_t words = size_bytes / 4;
	bool differs;

	/* Of no words the flags are those of the comparison before it, which finds them equal. */
	__asm__ volatile("cmpl %%eax, %%eax; repe scasl"
			 : "+D"(at), "+c"(words), "=@ccne"(differs)
			 : "a"(word)
			 : "memory");
	return (const uint8_t *)(differs ? at - 1 : at);
}

static inline void port_copy_words(void *to, const void *from, size_t nr)
{
	__asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(nr)::"memory");
}

#include <pcpu_stack.h>
