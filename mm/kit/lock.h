/* SPDX-License-Identifier: MIT */
/* mm's lock: interrupts off, and an owner. Misuse stops with the lock's name. All zero is a lock that nobody holds.
 * Where another CPU may hold it this one waits; KIT_CPUS, port_cpu() and irq_save() are the kernel's.
 *
 * A thread may be unparked under any lock of mm's. A kernel's own wake-up takes locks, maybe those under which it frees
 * memory: so wake-ups are noted, and handed over when this CPU has let go of the last lock of mm's (threads.c). */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

struct port_lock {
	uint32_t owner; /* 0: nobody; else number of the CPU + 1 */
	const char *name;
};

struct kit_thread;

/* Written by its CPU alone. A handler leaves nr_held as it was, so a thread may count with interrupts on. */
struct kit_cpu {
	unsigned int nr_held;	  /* locks */
	struct kit_thread *noted; /* to be woken, linked by next_noted; interrupts are off */
};

extern struct kit_cpu kit_cpu[KIT_CPUS];
void kit_hand_over(void);
NORETURN void kit_lock_misused(const struct port_lock *lock, const char *what);

static inline void port_lock_init(struct port_lock *lock, const char *name)
{
	lock->owner = 0;
	lock->name = name;
}

static inline bool port_lock_is_held(const struct port_lock *lock)
{
	return READ_ONCE(lock->owner) == port_cpu() + 1;
}

static inline void kit_lock(struct port_lock *lock)
{
	uint32_t nobody = 0;

	if (unlikely(port_lock_is_held(lock)))
		kit_lock_misused(lock, "is taken by the CPU that holds it");
	kit_cpu[port_cpu()].nr_held++; /* first: no handler in between sees a lock held and none counted */
	while (!__atomic_compare_exchange_n(&lock->owner, &nobody, port_cpu() + 1, true, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED))
		nobody = 0;
}

static inline void kit_unlock(struct port_lock *lock)
{
	struct kit_cpu *cpu = &kit_cpu[port_cpu()];

	if (unlikely(!port_lock_is_held(lock)))
		kit_lock_misused(lock, "is released by a CPU that does not hold it");
	__atomic_store_n(&lock->owner, 0, __ATOMIC_RELEASE);
	if (--cpu->nr_held == 0 && unlikely(cpu->noted))
		kit_hand_over();
}

static inline irqflags_t port_lock_irqsave(struct port_lock *lock)
{
	irqflags_t flags = irq_save();

	kit_lock(lock);
	return flags;
}

static inline void port_unlock_irqrestore(struct port_lock *lock, irqflags_t flags)
{
	kit_unlock(lock);
	irq_restore(flags);
}

/* The same for threads alone: interrupts stay on, preemption does not. */
static inline void port_lock_thread(struct port_lock *lock)
{
	port_preempt_disable();
	kit_lock(lock);
}

static inline void port_unlock_thread(struct port_lock *lock)
{
	kit_unlock(lock);
	port_preempt_enable();
}
