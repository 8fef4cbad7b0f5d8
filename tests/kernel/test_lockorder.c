/* SPDX-License-Identifier: MIT */
/* The order of locks, as debug builds see it. Guest only. */
#include <tests/ktest.h>

#include <kernel/core/lockorder.h>
#include <kernel/core/spinlock.h>
#include <mm/port.h>

static struct spinlock first = SPINLOCK_INIT("first of three"), second = SPINLOCK_INIT("second of three"),
		       third = SPINLOCK_INIT("third of three");

static void take_both(struct spinlock *outer, struct spinlock *inner)
{
	spin_lock(outer);
	spin_lock(inner);
	spin_unlock(inner);
	spin_unlock(outer);
}

#define NEEDS_DEBUG()                                                                                        \
	do {                                                                                                 \
		if (!port_debug_level())                                                                     \
			SKIP("a build without checks");                                                      \
	} while (0)

/* Neither pair ever meets another: it is the three together that have no order. */
KTEST(lockorder, a_cycle_of_orders_is_reported_once_though_it_never_deadlocks, "C8 SMP-09")
{
	static bool was_said;

	NEEDS_DEBUG();
	if (was_said)
		SKIP("it is said once");
	was_said = true;
	reports_capture();
	take_both(&first, &second);
	take_both(&second, &third);
	EXPECT_EQ(reports_count(), 0);
	take_both(&third, &first);
	EXPECT_EQ(reports_count(), 1);
	EXPECT(reports_contain(
		"BUG: lock first of three taken inside third of three; elsewhere third of three"));
}

KTEST(lockorder, one_order_however_often_is_silent, "C8 SMP-09")
{
	NEEDS_DEBUG();
	reports_capture();
	for (unsigned int i = 0; i < 3; i++)
		take_both(&first, &second);
	spin_lock(&first);
	spin_lock(&second);
	spin_unlock(&first); /* not the last taken */
	spin_lock(&third);
	spin_unlock(&third);
	spin_unlock(&second);
	EXPECT_EQ(reports_count(), 0);
	EXPECT_EQ(this_cpu_read(lockorder_nr_held), 0);
}
