/* SPDX-License-Identifier: MIT */
/* Threads and sleeping, under the names the books use. */
#pragma once

#include <kernel/core/thread.h>
#include <kernel/core/timer.h>

#define task_struct   thread
#define TASK_COMM_LEN THREAD_NAME_MAX

/* There are no signals. */
#define signal_pending(task) ((void)(task), 0)

/* Lets others run when it is their turn. Result: did they? Context: may sleep. */
static inline int cond_resched(void)
{
	might_sleep();
	if (!this_cpu_read(need_resched))
		return 0;
	schedule();
	return 1;
}
