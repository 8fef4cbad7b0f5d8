/* SPDX-License-Identifier: MIT */
/* The order in which locks are taken, in debug builds: what was ever taken inside what, and the first time that two orders
 * contradict each other, though the two never met.
 *
 * LO1 All locks of one name are a class. Two of one class are not judged.
 * LO2 inside[a] has b when b was taken while a was held, by anybody, ever.
 * LO3 A pair that closes a cycle of LO2 is reported once, with both names; it is kept out, so that the rest stays an order.
 * LO4 What a CPU holds is its own list, in the order of taking; it may be let go in any.
 *
 * Context: any; takes no lock but its own, which is in no class. */
#pragma once

#include <kernel/core/percpu.h>
#include <kernel/lib/bug.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

DECLARE_PERCPU(uint32_t, lockorder_nr_held); /* for trap_expect(), which abandons what is held */

void lockorder_note_take(const char *name);
void lockorder_note_release(const char *name);

/* Reports so far. */
unsigned int lockorder_nr_reports(void);

/* Before a lock is waited for, and before it is let go; interrupts or preemption are off. */
static ALWAYS_INLINE void lockorder_take(const char *name)
{
	if (DEBUG_LEVEL >= 1)
		lockorder_note_take(name);
}

static ALWAYS_INLINE void lockorder_release(const char *name)
{
	if (DEBUG_LEVEL >= 1)
		lockorder_note_release(name);
}
