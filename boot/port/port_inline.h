/* SPDX-License-Identifier: MIT */
/* The kernel's half of mm/port.h that is inline: found through -Iboot/port. Over kernel/core/spinlock.h: a
 * lock knows its owner, and taking it twice or releasing what is not held is a panic that names it. */
#pragma once

#include <kernel/arch/irqflags.h>
#include <kernel/arch/mmu.h>
#include <kernel/core/spinlock.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

static inline char *port_direct_map(void)
{
	return (char *)MMU_DIRECT_MAP_BASE;
}

struct port_lock {
	struct spinlock spin;
};

static inline void port_lock_init(struct port_lock *lock, const char *name)
{
	spin_lock_init(&lock->spin, name);
}

static inline irqflags_t port_lock_irqsave(struct port_lock *lock)
{
	return spin_lock_irqsave(&lock->spin);
}

static inline void port_unlock_irqrestore(struct port_lock *lock, irqflags_t flags)
{
	spin_unlock_irqrestore(&lock->spin, flags);
}

static inline bool port_lock_is_held(const struct port_lock *lock)
{
	return spin_is_held(&lock->spin);
}
