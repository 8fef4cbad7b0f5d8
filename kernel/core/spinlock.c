/* SPDX-License-Identifier: MIT */
/* The complaint of a misused lock; everything else is inline. */
#include <kernel/core/spinlock.h>

#include <kernel/core/panic.h>

COLD void spin_misused(const struct spinlock *lock, const char *what)
{
	const char *name = lock->name != NULL ? lock->name : "(no name)";

	if (lock->owner == SPIN_FREE)
		panic("spinlock %s: %s (owner: none)", name, what);
	panic("spinlock %s: %s (owner: cpu %u)", name, what, lock->owner - 1);
}
