/* SPDX-License-Identifier: MIT */
/* Waiting for a lock, and the complaint of a misused one; everything else is inline. */
#include <kernel/core/spinlock.h>

#include <kernel/arch/clock.h>
#include <kernel/arch/cpu.h>
#include <kernel/core/panic.h>
#include <kernel/core/printk.h>
#include <kernel/core/smp.h>

#define PATIENCE_MS 1000u

COLD void spin_misused(const struct spinlock *lock, const char *what)
{
	const char *name = lock->name != NULL ? lock->name : "(no name)";
	uint32_t owner = lock->owner & LOCK_OWNER;

	if (!owner)
		panic("spinlock %s: %s (owner: none)", name, what);
	panic("spinlock %s: %s (owner: cpu %u)", name, what, owner - 1);
}

NOINLINE void spin_wait(struct spinlock *lock)
{
	if (spin_is_held(lock))
		spin_misused(lock, "taken by a CPU that holds it");
	lock_word_wait(&lock->owner, lock->name ? lock->name : "(no name)");
}

/* LW2. Is it this ticket's turn, and could it be had? The last to wait leaves the word as one without waiters. */
static bool word_take(uint32_t *word, uint16_t ticket)
{
	uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED), new = old - LOCK_WAITER + LOCK_SERVED;

	if (old & LOCK_OWNER || (uint16_t)(old / LOCK_SERVED) != ticket)
		return false;
	if ((old / LOCK_WAITER & 0xff) == 1)
		new = 0;
	return __atomic_compare_exchange_n(word, &old, new | this_cpu_read(cpu_lock_id), false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static COLD void say_late(const uint32_t *word, const char *name)
{
	pr_warn("lock %s: CPU %u waits for CPU %d, which has held it for %u s", name, smp_cpu(),
		(int)(READ_ONCE(*word) & LOCK_OWNER) - 1, PATIENCE_MS / 1000);
}

/* Is it one second that the same CPU has it? *start begins anew with each. */
static bool is_held_long(const uint32_t *word, uint32_t *seen, uint64_t *start)
{
	uint32_t now = READ_ONCE(*word) & (LOCK_OWNER | ~(LOCK_SERVED - 1));

	if (now != *seen || !(now & LOCK_OWNER)) {
		*seen = now;
		*start = clock_now_ms();
	}
	return clock_now_ms() - *start > PATIENCE_MS;
}

NOINLINE void lock_word_wait(uint32_t *word, const char *name)
{
	uint32_t old = __atomic_fetch_add(word, LOCK_WAITER, __ATOMIC_RELAXED), seen = 0;
	uint16_t ticket = (uint16_t)(old / LOCK_SERVED + (old / LOCK_WAITER & 0xff));
	uint64_t start = 0;

	while (!word_take(word, ticket)) {
		if (panic_is_here()) {
			WRITE_ONCE(*word, this_cpu_read(cpu_lock_id));
			return;
		}
		smp_serve_flush(); /* FL1 */
		cpu_relax();
		if (name && is_held_long(word, &seen, &start)) {
			say_late(word, name);
			name = NULL;
		}
	}
}
