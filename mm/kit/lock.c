/* SPDX-License-Identifier: MIT */
/* What lock.h keeps, and its last words. */
#include <mm/port.h>

struct kit_cpu kit_cpu[KIT_CPUS];

void kit_lock_misused(const struct port_lock *lock, const char *what)
{
	port_panic("lock %s %s (owner %u)", lock->name ? lock->name : "without a name", what, lock->owner);
}
