/* SPDX-License-Identifier: MIT */
/* One context that never sleeps: with no_threads.h. Whoever could sleep is told that it may not, in silence, and goes on
 * as GFP_ATOMIC does; so nobody waits and nobody is woken. */
#include <mm/port.h>

static uint32_t scope;

struct port_thread *port_current(void)
{
	return NULL;
}

void port_park(void)
{
	port_panic("port_park: expected nobody to sleep in a kernel without threads");
}

void port_park_for(unsigned int timeout_ms)
{
	(void)timeout_ms;
	port_park();
}

void port_unpark(struct port_thread *thread)
{
	(void)thread;
}

void kit_hand_over(void)
{
}

uint32_t *port_scope(void)
{
	return &scope;
}

bool port_may_sleep(void)
{
	return false;
}

bool port_check_may_sleep(const char *file, int line)
{
	(void)file;
	(void)line;
	return false;
}
