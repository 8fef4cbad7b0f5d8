/* SPDX-License-Identifier: MIT */
/* Work that an interrupt leaves for the moment after it: softirqs (a fixed few) and tasklets (any number, on
 * top of one softirq). They run when the last hard interrupt has returned, with interrupts on, never two at
 * once on a CPU, and may not sleep. What keeps coming is handed to a thread, ksoftirqd, so that others get
 * the CPU too.
 *
 * F1 Raised while it runs, a softirq runs once more; raised twice before it runs, it runs once. So do
 *    tasklets.
 * F2 A tasklet never runs while it is disabled; scheduled meanwhile, it runs when it is enabled.
 *
 * Context: any, unless said otherwise. */
#pragma once

#include <kernel/core/atomic.h>
#include <kernel/lib/list.h>
#include <kernel/lib/types.h>

enum softirq { SOFTIRQ_TIMER, SOFTIRQ_TASKLET, SOFTIRQ_TEST, NR_SOFTIRQS };

/* Boot. `name` is kept. */
void softirq_set_handler(enum softirq nr, const char *name, void (*handler)(void));

void raise_softirq(enum softirq nr);

/* Softirqs off and on again; nests. Context: not with interrupts off. */
void local_bh_disable(void);
void local_bh_enable(void);

/* Runs what is raised, unless they are off or run already. Result: more came than was run, and nobody else is to run it. Interrupts
 * off. */
bool softirq_run_pending(void);

/* Starts ksoftirqd. Boot. */
void softirq_init(void);

/* Each CPU as it comes, the first by softirq_init(). Interrupts off. */
void softirq_join(void);

uint32_t softirq_nr_runs(enum softirq nr);
const char *softirq_name(enum softirq nr);

/* Says that a softirq is now at this function's work: for messages about context. `kind` is "timer" or
 * "tasklet". Called by whoever runs such functions. */
void softirq_set_work(const char *kind, uintptr_t function);

/* --- tasklets --- */

struct tasklet_struct {
	struct list_head link; /* on the queue of the CPU it was scheduled on, while queued */
	bool is_scheduled, is_queued;
	uint32_t running_on; /* number of the CPU + 1, or 0 */
	atomic_t count;	     /* 0: enabled */
	void (*func)(unsigned long);
	unsigned long data;
};

#define TASKLET_INIT(func_, data_, count_)                                                                   \
	{                                                                                                    \
		.count = ATOMIC_INIT(count_), .func = (func_), .data = (data_)                               \
	}
#define DECLARE_TASKLET(name, func, data)	   struct tasklet_struct name = TASKLET_INIT(func, data, 0)
#define DECLARE_TASKLET_DISABLED(name, func, data) struct tasklet_struct name = TASKLET_INIT(func, data, 1)

void tasklet_init(struct tasklet_struct *tasklet, void (*func)(unsigned long), unsigned long data);
void tasklet_schedule(struct tasklet_struct *tasklet);
void tasklet_disable(struct tasklet_struct *tasklet);
void tasklet_enable(struct tasklet_struct *tasklet);

/* Afterwards it is neither scheduled nor running. Context: may sleep. */
void tasklet_kill(struct tasklet_struct *tasklet);
