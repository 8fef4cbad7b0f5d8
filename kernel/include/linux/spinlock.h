/* SPDX-License-Identifier: MIT */
/* Spinlocks in the books' spelling: spin_lock_irqsave(lock, flags) is a macro that sets flags. */
#pragma once

#include <kernel/core/spinlock.h>

typedef struct spinlock spinlock_t;

#define SPIN_LOCK_UNLOCKED	       SPINLOCK_INIT("spinlock")
#define DEFINE_SPINLOCK(name)	       struct spinlock name = SPINLOCK_INIT(#name)

#define spin_lock_init(lock)	       (spin_lock_init)(lock, #lock)
#define spin_lock_irqsave(lock, flags) ((void)((flags) = (spin_lock_irqsave)(lock)))
#define spin_lock_irq(lock)	       (irq_disable(), spin_lock(lock))
#define spin_unlock_irq(lock)	       (raw_spin_unlock(lock), irq_enable(), spin_count_out())
#define local_irq_save(flags)	       ((void)((flags) = irq_save()))
#define local_irq_restore(flags)       irq_restore(flags)
#define local_irq_disable()	       irq_disable()
#define local_irq_enable()	       irq_enable()
