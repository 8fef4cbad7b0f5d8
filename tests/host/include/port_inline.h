/* SPDX-License-Identifier: MIT */
/* The inline half of mm/port.h on the host: the interrupt flag is a bool, the direct map is wherever the fake machine put
 * its memory, the rest is mm/kit's. Misuse aborts the test program with one line. Context: one thread. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

struct host_cpu {
	char *direct_map; /* where physical 0 of the fake machine is */
	bool irqs_off, in_interrupt;
	bool flushes_late; /* as without debugging: vfree frees pages that the CPU may remember */
	unsigned int cpu, nr_more_cpus; /* which one runs; others there may be */
	const char *given_back;		/* the lock that is being given back; NULL: none */
};

extern struct host_cpu host_cpu;

NORETURN void host_abort(const char *what, const char *name);

typedef struct {
	bool were_off;
} irqflags_t;

/* Something else may happen here, where interrupts are on: `name` is the lock about to be taken or just given
 * back, else "irq" (switched on again), "preempt", "park", "unpark", "clock". NULL while no scene is played,
 * see fake_threads.h. */
extern void (*host_on_point)(const char *name);

static inline void host_point(const char *name)
{
	if (__builtin_expect(host_on_point != NULL, 0) && !host_cpu.irqs_off)
		host_on_point(name);
}

static inline char *port_direct_map(void)
{
	return host_cpu.direct_map;
}

static inline irqflags_t irq_save(void)
{
	irqflags_t flags = {host_cpu.irqs_off};

	host_cpu.irqs_off = true;
	return flags;
}

static inline void irq_restore(irqflags_t flags)
{
	const char *name = host_cpu.given_back ? host_cpu.given_back : "irq";

	host_cpu.irqs_off = flags.were_off;
	if (flags.were_off)
		return;
	host_cpu.given_back = NULL;
	host_point(name);
}

static inline bool irqs_disabled(void)
{
	return host_cpu.irqs_off;
}

void port_preempt_disable(void);
void port_preempt_enable(void);

#define PORT_TABLE_SPAN	    0x200000u
#define PORT_PROT_KERNEL    0u
#define PORT_PROT_KERNEL_RO 1u
#define PORT_PROT_KERNEL_IO 2u
#define PORT_FLUSH_LATE	    (host_cpu.flushes_late)

typedef uint64_t port_pte_t;

port_pte_t *port_pte_of(uintptr_t addr);
void port_pte_set(port_pte_t *pte, uintptr_t addr, pfn_t pfn, unsigned int prot);
pfn_t port_pte_clear(port_pte_t *pte, uintptr_t addr);
bool port_pte_is_mapped(const port_pte_t *pte);
pfn_t port_pte_pfn(const port_pte_t *pte);

struct port_space {
	void *top[3];
};

typedef uint64_t port_entry_t;

static inline bool port_entry_is_empty(const port_entry_t *entry)
{
	return *entry == 0;
}

#define PORT_USER_START	  0x00010000u
#define PORT_USER_END	  0xC0000000u

#define PORT_KMAP_SLOTS	  16u
#define PORT_KMAP_NUMBERS 16u

void *kmap_local_overflow(void); /* in mm */
void *port_kmap_push(pfn_t pfn);
bool port_kmap_pop(const void *addr);
void *port_kmap_take(unsigned int number, pfn_t pfn);
bool port_kmap_give(const void *addr);
bool port_is_atomic(void);

static inline bool port_in_interrupt(void)
{
	return host_cpu.in_interrupt;
}

static inline unsigned int port_cpu(void)
{
	return host_cpu.cpu;
}

static inline unsigned int port_nr_cpus(void)
{
	return 1 + host_cpu.nr_more_cpus;
}

#define KIT_CPUS 8u /* port_nr_cpus() is no more */

/* The kit's locks, with something else before they are taken and after they are given back. */
#define port_lock_irqsave      kit_lock_irqsave
#define port_unlock_irqrestore kit_unlock_irqrestore
#include <mm/kit/common.h>
#undef port_lock_irqsave
#undef port_unlock_irqrestore

static inline irqflags_t port_lock_irqsave(struct port_lock *lock)
{
	host_point(lock->name);
	return kit_lock_irqsave(lock);
}

static inline void port_unlock_irqrestore(struct port_lock *lock, irqflags_t flags)
{
	if (!host_cpu.irqs_off)
		host_abort("released with interrupts on: lock", lock->name);
	host_cpu.given_back = lock->name;
	kit_unlock_irqrestore(lock, flags);
	host_cpu.given_back = NULL;
}
