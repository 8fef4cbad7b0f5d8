/* SPDX-License-Identifier: MIT */
/* Locks held for a short time. They save and restore the interrupt flag, know their owner, and panic when
 * misused: taken twice by one CPU, released by a CPU that does not hold them. The kernel runs on one CPU
 * today, so nobody ever has to wait and the owner is that CPU or nobody; a second CPU adds the waiting in
 * spin_lock() and changes no caller. Not recursive; nothing may sleep under one. Context: any. */
#pragma once

#include <kernel/arch/irqflags.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define SPIN_FREE 0u
#define SPIN_CPU  1u /* this CPU's number + 1 */

struct spinlock {
	uint32_t owner; /* SPIN_FREE, or number of the CPU + 1 */
	const char *name;
};

#define SPINLOCK_INIT(name_)                                                                                 \
	{                                                                                                    \
		.owner = SPIN_FREE, .name = (name_)                                                          \
	}

NORETURN void spin_misused(const struct spinlock *lock, const char *what);

static inline void spin_lock_init(struct spinlock *lock, const char *name)
{
	lock->owner = SPIN_FREE;
	lock->name = name;
}

static inline bool spin_is_held(const struct spinlock *lock)
{
	return READ_ONCE(lock->owner) == SPIN_CPU;
}

/* Interrupts are off already, or no interrupt handler ever takes this lock. */
static inline void spin_lock(struct spinlock *lock)
{
	if (unlikely(READ_ONCE(lock->owner) != SPIN_FREE))
		spin_misused(lock, "taken by a CPU that holds it");
	WRITE_ONCE(lock->owner, SPIN_CPU);
	barrier();
}

static inline void spin_unlock(struct spinlock *lock)
{
	barrier();
	if (unlikely(!spin_is_held(lock)))
		spin_misused(lock, "released by a CPU that does not hold it");
	WRITE_ONCE(lock->owner, SPIN_FREE);
}

/* Interrupts off and the lock taken; the result goes to spin_unlock_irqrestore(), so that sections nest. */
static inline irqflags_t spin_lock_irqsave(struct spinlock *lock)
{
	irqflags_t flags = irq_save();

	spin_lock(lock);
	return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *lock, irqflags_t flags)
{
	if (unlikely(!irqs_disabled()))
		spin_misused(lock, "released with interrupts on");
	spin_unlock(lock);
	irq_restore(flags);
}
