/* SPDX-License-Identifier: MIT */
/* Sleeping, over kit_current(), kit_sleep() and kit_wake() of the kernel: see lock.h for why wake-ups are noted.
 *
 * T1 a thread is in the list of one CPU exactly while is_noted.
 * T2 it is handed over before interrupts come on again: with one CPU it has not run, so it is still there. With more,
 *    memory of a thread that has ended must stay a thread's until the others have passed through kit_unlock(). */
#include <mm/kit/kit.h>

struct port_thread *port_current(void)
{
	return (struct port_thread *)kit_current();
}

bool port_may_sleep(void)
{
	return !port_is_atomic() && !irqs_disabled();
}

bool port_check_may_sleep(const char *file, int line)
{
	if (port_may_sleep())
		return true;
	port_print(PORT_ERR, "BUG: sleeping function called from invalid context at %s:%d", file, line);
	return false;
}

uint32_t *port_scope(void)
{
	return &kit_current()->scope;
}

static void park(unsigned int timeout_ms)
{
	struct kit_thread *me = kit_current();
	irqflags_t flags = irq_save();

	if (!READ_ONCE(me->is_unparked))
		kit_sleep(me, timeout_ms);
	WRITE_ONCE(me->is_unparked, false);
	irq_restore(flags);
}

void port_park(void)
{
	park(0);
}

void port_park_for(unsigned int timeout_ms)
{
	park(timeout_ms ? timeout_ms : 1);
}

/* A handler may note others at any moment but here. */
void kit_hand_over(void)
{
	irqflags_t flags = irq_save();
	struct kit_cpu *cpu = &kit_cpu[port_cpu()];

	while (cpu->noted) {
		struct kit_thread *thread = cpu->noted;

		cpu->noted = thread->next_noted;
		__atomic_store_n(&thread->is_noted, false, __ATOMIC_RELEASE);
		kit_wake(thread);
	}
	irq_restore(flags);
}

void port_unpark(struct port_thread *thread)
{
	struct kit_thread *sleeper = (struct kit_thread *)thread;
	irqflags_t flags = irq_save();
	struct kit_cpu *cpu = &kit_cpu[port_cpu()];

	WRITE_ONCE(sleeper->is_unparked, true);
	if (!__atomic_exchange_n(&sleeper->is_noted, true, __ATOMIC_ACQUIRE)) {
		sleeper->next_noted = cpu->noted;
		cpu->noted = sleeper;
	}
	if (cpu->nr_held == 0)
		kit_hand_over();
	irq_restore(flags);
}
