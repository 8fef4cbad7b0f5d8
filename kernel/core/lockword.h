/* SPDX-License-Identifier: MIT */
/* The word that a lock is: fair, its owner known. spinlock.h and mm's locks are made of it.
 *
 *   bits 0-7    number of the CPU that holds it + 1, or 0
 *   bits 8-15   CPUs that wait
 *   bits 16-31  tickets served since somebody began to wait
 *
 * LW1 The word is 0 exactly when it is free and nobody waits; whoever finds it so has it by one exchange.
 * LW2 Who comes otherwise is counted in, with the next ticket, served + waiting: nobody who comes later, by LW1, is served
 *     before.
 * LW3 Only the owner writes its byte while it is not 0: so letting go is a store.
 * LW4 Nobody waits for another CPU in any other way while it holds one (smp.h).
 *
 * Context: the caller stays on this CPU meanwhile, and whoever may interrupt it does not take the lock. */
#pragma once

#include <kernel/arch/percpu.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define LOCK_OWNER  0x000000ffu
#define LOCK_WAITER 0x00000100u
#define LOCK_SERVED 0x00010000u

/* Result: it was free. */
static ALWAYS_INLINE bool lock_word_try(uint32_t *word)
{
	uint32_t nobody = 0;

	return __atomic_compare_exchange_n(word, &nobody, this_cpu_read(cpu_lock_id), false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static ALWAYS_INLINE bool lock_word_is_mine(const uint32_t *word)
{
	return *(const volatile uint8_t *)word == (uint8_t)this_cpu_read(cpu_lock_id);
}

static ALWAYS_INLINE void lock_word_release(uint32_t *word)
{
	barrier();
	*(volatile uint8_t *)word = 0;
}

/* Waits until it is this CPU's, which does not hold it. Where it is held for more than a second its name and owner are said, once;
 * after a panic, when its owner never runs again, it is taken. name: NULL, then nothing is said. */
void lock_word_wait(uint32_t *word, const char *name);
