/* SPDX-License-Identifier: MIT */
/* Locks held for a short time. They know their owner and panic when misused: taken twice by one CPU, released
 * by a CPU that does not hold them. Who finds one taken by another CPU waits its turn.
 *
 * S1 While one is held, preempt_count() is not 0: in_atomic() is true and nothing may sleep.
 * S2 A lock that interrupt handlers take is taken elsewhere with _irqsave; one that softirqs take, with
 *    _bh.
 * S3 raw_spin_… leave preempt_count() alone: for code that has interrupts off for as long as it holds the
 *    lock.
 *
 * Not recursive. Context: any. */
#pragma once

#include <kernel/arch/irqflags.h>
#include <kernel/core/lockorder.h>
#include <kernel/core/lockword.h>
#include <kernel/core/preempt.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

struct spinlock {
	uint32_t owner; /* see lockword.h */
	const char *name;
};

#define SPINLOCK_INIT(name_)                                                                                 \
	{                                                                                                    \
		.name = (name_)                                                                              \
	}

NORETURN void spin_misused(const struct spinlock *lock, const char *what);

/* The lock is not free. */
void spin_wait(struct spinlock *lock);

/* From softirq.h. */
void local_bh_disable(void);
void local_bh_enable(void);

static inline void spin_lock_init(struct spinlock *lock, const char *name)
{
	lock->owner = 0;
	lock->name = name;
}

static inline bool spin_is_held(const struct spinlock *lock)
{
	return lock_word_is_mine(&lock->owner);
}

static inline void raw_spin_lock(struct spinlock *lock)
{
	lockorder_take(lock->name);
	if (unlikely(!lock_word_try(&lock->owner)))
		spin_wait(lock);
	barrier(); /* and no jump to it: backtraces name the caller */
}

static inline void raw_spin_unlock(struct spinlock *lock)
{
	if (unlikely(!spin_is_held(lock)))
		spin_misused(lock, "released by a CPU that does not hold it");
	lockorder_release(lock->name);
	lock_word_release(&lock->owner);
}

static inline irqflags_t raw_spin_lock_irqsave(struct spinlock *lock)
{
	irqflags_t flags = irq_save();

	raw_spin_lock(lock);
	return flags;
}

static inline void raw_spin_unlock_irqrestore(struct spinlock *lock, irqflags_t flags)
{
	if (unlikely(!irqs_disabled()))
		spin_misused(lock, "released with interrupts on");
	raw_spin_unlock(lock);
	irq_restore(flags);
}

/* Counts the lock; _out may give the CPU away. */
static inline void spin_count_in(void)
{
	this_cpu_add(preempt_count, SPIN_OFFSET + PREEMPT_OFFSET);
}

static inline void spin_count_out(void)
{
	if (this_cpu_add_is_zero(preempt_count, -(SPIN_OFFSET + PREEMPT_OFFSET)) &&
	    unlikely(this_cpu_read(need_resched)))
		preempt_check();
}

/* Interrupts are off already, or no interrupt handler ever takes this lock. */
static inline void spin_lock(struct spinlock *lock)
{
	spin_count_in();
	raw_spin_lock(lock);
}

static inline void spin_unlock(struct spinlock *lock)
{
	raw_spin_unlock(lock);
	spin_count_out();
}

/* False when somebody holds it. */
static inline bool spin_trylock(struct spinlock *lock)
{
	spin_count_in();
	if (lock_word_try(&lock->owner)) {
		lockorder_take(lock->name);
		return true;
	}
	spin_count_out();
	return false;
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
	raw_spin_unlock_irqrestore(lock, flags);
	spin_count_out();
}

/* Softirqs off and the lock taken. */
static inline void spin_lock_bh(struct spinlock *lock)
{
	local_bh_disable();
	spin_lock(lock);
}

static inline void spin_unlock_bh(struct spinlock *lock)
{
	spin_unlock(lock);
	local_bh_enable();
}
