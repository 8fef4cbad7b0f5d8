/* SPDX-License-Identifier: MIT */
/* Locks that are slept for. A mutex is handed from its owner straight to who waits longest: nobody overtakes.
 * Taken twice by one thread or released by another: a panic that names it. Context: threads; may sleep. */
#pragma once

#include <kernel/core/spinlock.h>
#include <kernel/lib/list.h>
#include <kernel/lib/types.h>

struct thread;

struct mutex {
	struct thread *owner;	  /* NULL: free. (L) */
	struct list_head waiters; /* by arrival. (L) */
	struct spinlock lock;
};

#define MUTEX_INIT(name)                                                                                     \
	{                                                                                                    \
		.waiters = LIST_HEAD_INIT((name).waiters), .lock = SPINLOCK_INIT(#name)                      \
	}
#define DEFINE_MUTEX(name) struct mutex name = MUTEX_INIT(name)

void mutex_init_named(struct mutex *mutex, const char *name);
#define mutex_init(mutex) mutex_init_named(mutex, #mutex)

void mutex_lock(struct mutex *mutex);

/* 1 when it was free and is the caller's now. Does not sleep. */
int mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

static inline bool mutex_is_locked(const struct mutex *mutex)
{
	return READ_ONCE(mutex->owner) != NULL;
}
