/* SPDX-License-Identifier: MIT */
/* Mutexes. Unlocking makes the first waiter the owner before it wakes it: the lock is never free while
 * somebody waits (M1). */
#include <kernel/core/mutex.h>

#include <kernel/core/panic.h>
#include <kernel/core/thread.h>

struct mutex_waiter {
	struct thread *thread;
	struct list_head link;
};

void mutex_init_named(struct mutex *mutex, const char *name)
{
	mutex->owner = NULL;
	list_init(&mutex->waiters);
	spin_lock_init(&mutex->lock, name);
}

COLD NORETURN static void mutex_misused(const struct mutex *mutex, const char *what)
{
	panic("mutex %s: %s %s (owner: %s)", mutex->lock.name, what, current->name,
	      mutex->owner ? mutex->owner->name : "none");
}

/* Waits until unlock has made the running thread the owner. The lock is held, and on return. */
static irqflags_t mutex_wait(struct mutex *mutex, irqflags_t flags)
{
	struct mutex_waiter waiter = {.thread = current};

	list_add_tail(&waiter.link, &mutex->waiters);
	while (mutex->owner != waiter.thread) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		spin_unlock_irqrestore(&mutex->lock, flags);
		schedule();
		flags = spin_lock_irqsave(&mutex->lock);
	}
	return flags;
}

void mutex_lock(struct mutex *mutex)
{
	irqflags_t flags;

	might_sleep();
	flags = spin_lock_irqsave(&mutex->lock);
	if (!mutex->owner)
		mutex->owner = current;
	else if (mutex->owner == current)
		mutex_misused(mutex, "taken twice by");
	else
		flags = mutex_wait(mutex, flags);
	spin_unlock_irqrestore(&mutex->lock, flags);
}

int mutex_trylock(struct mutex *mutex)
{
	irqflags_t flags = spin_lock_irqsave(&mutex->lock);
	bool taken = !mutex->owner;

	if (taken)
		mutex->owner = current;
	spin_unlock_irqrestore(&mutex->lock, flags);
	return taken;
}

void mutex_unlock(struct mutex *mutex)
{
	irqflags_t flags = spin_lock_irqsave(&mutex->lock);
	struct mutex_waiter *waiter;

	if (mutex->owner != current)
		mutex_misused(mutex, "released by");
	mutex->owner = NULL;
	if (!list_is_empty(&mutex->waiters)) {
		waiter = list_first_entry(&mutex->waiters, struct mutex_waiter, link);
		list_del(&waiter->link);
		mutex->owner = waiter->thread;
		wake_up_process(waiter->thread);
	}
	spin_unlock_irqrestore(&mutex->lock, flags);
}
