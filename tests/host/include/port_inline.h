/* SPDX-License-Identifier: MIT */
/* The inline half of mm/port.h on the host: the interrupt flag is a bool, a lock is a name with an owner, the
 * direct map is wherever the fake machine put its memory. Misuse aborts the test program with one line.
 * Context: one thread. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

struct host_cpu {
	char *direct_map;	 /* where physical 0 of the fake machine is */
	const char *descriptors; /* of the pages there */
	size_t descriptor_bytes;
	bool irqs_off, in_interrupt;
	bool flushes_late; /* as without debugging: vfree frees pages that the CPU may remember */
	unsigned int nr_locks_held;
	unsigned int cpu, nr_more_cpus; /* which one runs; others there may be */
};

extern struct host_cpu host_cpu;

NORETURN void host_abort(const char *what, const char *name);

typedef struct {
	bool were_off;
} irqflags_t;

struct port_lock {
	const char *name;
	bool held;
};

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

/* Descriptors by address: mm's own for the direct map, else an empty one. */
#define PORT_DESCRIPTOR_BYTES (sizeof(void *) == 4 ? 32u : 56u)

static inline bool port_has_descriptor(const void *addr)
{
	return (uintptr_t)addr >= (uintptr_t)host_cpu.direct_map;
}

const void *port_descriptor(const void *addr);

static inline irqflags_t irq_save(void)
{
	irqflags_t flags = {host_cpu.irqs_off};

	host_cpu.irqs_off = true;
	return flags;
}

static inline void irq_restore(irqflags_t flags)
{
	host_cpu.irqs_off = flags.were_off;
	host_point("irq");
}

static inline bool irqs_disabled(void)
{
	return host_cpu.irqs_off;
}

static inline void port_lock_init(struct port_lock *lock, const char *name)
{
	lock->name = name;
	lock->held = false;
}

static inline bool port_lock_is_held(const struct port_lock *lock)
{
	return lock->held;
}

static inline irqflags_t port_lock_irqsave(struct port_lock *lock)
{
	irqflags_t flags;

	host_point(lock->name);
	flags = irq_save();
	if (lock->held)
		host_abort("taken twice: lock", lock->name);
	lock->held = true;
	host_cpu.nr_locks_held++;
	return flags;
}

static inline void port_unlock_irqrestore(struct port_lock *lock, irqflags_t flags)
{
	if (!lock->held)
		host_abort("released but not held: lock", lock->name);
	if (!host_cpu.irqs_off)
		host_abort("released with interrupts on: lock", lock->name);
	lock->held = false;
	host_cpu.nr_locks_held--;
	host_cpu.irqs_off = flags.were_off;
	host_point(lock->name);
}

/* One thread: the same without the interrupt flag, and nobody may sleep meanwhile. */
void port_preempt_disable(void);
void port_preempt_enable(void);

static inline void port_lock_thread(struct port_lock *lock)
{
	if (lock->held)
		host_abort("taken twice: lock", lock->name);
	lock->held = true;
	host_cpu.nr_locks_held++;
	port_preempt_disable();
}

static inline void port_unlock_thread(struct port_lock *lock)
{
	if (!lock->held)
		host_abort("released but not held: lock", lock->name);
	lock->held = false;
	host_cpu.nr_locks_held--;
	port_preempt_enable();
}

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

#include <mm/kit/stack.h>
#include <mm/kit/words.h>
