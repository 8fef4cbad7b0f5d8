/* SPDX-License-Identifier: MIT */
/* Softirqs and tasklets. What is raised is a bit in a word per CPU.
 *
 * F3 Only softirq_run_pending() runs softirqs, and not while one runs or while they are off: the count says
 *    so. So no softirq is ever interrupted by another one on this CPU, nor by a thread.
 * F4 A tasklet is on the queue, or running, or neither; is_scheduled means "is to run (again)".
 *
 * Lock: interrupts off for the queue. */
#include <kernel/core/softirq.h>

#include <kernel/arch/irqflags.h>
#include <kernel/core/context_internal.h>
#include <kernel/core/handler.h>
#include <kernel/core/ksym.h>
#include <kernel/core/panic.h>
#include <kernel/core/preempt.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>

#define MAX_ROUNDS 8 /* before what keeps coming is left to ksoftirqd; */
#define MAX_TICKS  1 /* or when they take so long */

static DEFINE_PERCPU(uint32_t, softirq_pending);

static struct {
	struct {
		const char *name;
		void (*handler)(void);
		uint32_t nr_runs;
	} table[NR_SOFTIRQS];
	struct thread *daemon; /* NULL before softirq_init() */
	bool is_left;	       /* what is pending is the daemon's: it came for too long */
	struct wait_queue daemon_queue;
	struct list_head tasklets;
	const char *work_kind; /* NULL: a softirq's own */
	uintptr_t work_function;
	unsigned int running; /* enum softirq */
} softirq = {
	.daemon_queue = WAIT_QUEUE_INIT(softirq.daemon_queue),
	.tasklets = LIST_HEAD_INIT(softirq.tasklets),
};

void softirq_set_handler(enum softirq nr, const char *name, void (*handler)(void))
{
	softirq.table[nr].name = name;
	softirq.table[nr].handler = handler;
}

uint32_t softirq_nr_runs(enum softirq nr)
{
	return softirq.table[nr].nr_runs;
}

const char *softirq_name(enum softirq nr)
{
	return softirq.table[nr].name;
}

void softirq_set_work(const char *kind, uintptr_t function)
{
	softirq.work_kind = kind;
	softirq.work_function = function;
}

const char *softirq_work_kind(void)
{
	return softirq.work_kind ? softirq.work_kind : "softirq";
}

const char *softirq_work_name(void)
{
	const char *name;
	uint32_t offset;

	if (!softirq.work_kind)
		return softirq.table[softirq.running].name;
	return ksym_lookup(softirq.work_function, &name, &offset) ? name : NULL;
}

/* --- running --- */

static void round_run(uint32_t pending)
{
	for (unsigned int nr = 0; nr < NR_SOFTIRQS; nr++) {
		struct handler_mark mark = handler_begin();

		if (!(pending >> nr & 1) || !softirq.table[nr].handler)
			continue;
		softirq.running = nr;
		softirq.table[nr].nr_runs++;
		softirq.table[nr].handler();
		handler_end(&mark, "softirq", (uintptr_t)softirq.table[nr].handler);
		softirq_set_work(NULL, 0);
	}
}

static void rounds_run(unsigned int max_rounds)
{
	unsigned long begin = jiffies;
	uint32_t pending;

	this_cpu_add(preempt_count, SOFTIRQ_OFFSET);
	while (max_rounds-- && jiffies - begin <= MAX_TICKS &&
	       (pending = this_cpu_exchange(softirq_pending, 0u)) != 0) {
		irq_enable();
		round_run(pending);
		irq_disable();
	}
	this_cpu_add(preempt_count, -SOFTIRQ_OFFSET);
}

void softirq_run_pending(void)
{
	if (!this_cpu_read(softirq_pending) || in_interrupt() || softirq.is_left)
		return;
	rounds_run(MAX_ROUNDS);
	if (this_cpu_read(softirq_pending) && softirq.daemon) {
		softirq.is_left = true;
		wake_up(&softirq.daemon_queue);
	}
}

/* One round a turn, with a chance for others in between. */
static int daemon_run(void *unused)
{
	(void)unused;
	for (;;) {
		wait_event(softirq.daemon_queue, this_cpu_read(softirq_pending) != 0);
		irq_disable();
		rounds_run(1);
		softirq.is_left = this_cpu_read(softirq_pending) != 0;
		irq_enable();
		yield();
	}
	return 0;
}

/* Raised by a thread, it runs after the next interrupt at the latest; the daemon is usually sooner. */
void raise_softirq(enum softirq nr)
{
	this_cpu_or(softirq_pending, 1u << nr);
	if (!in_interrupt() && softirq.daemon)
		wake_up(&softirq.daemon_queue);
}

void local_bh_disable(void)
{
	this_cpu_add(preempt_count, SOFTIRQ_DISABLED);
}

void local_bh_enable(void)
{
	this_cpu_add(preempt_count, -SOFTIRQ_DISABLED);
	if (this_cpu_read(softirq_pending) && !in_interrupt() && !irqs_disabled()) {
		irq_disable();
		softirq_run_pending();
		irq_enable();
	}
	if (!in_atomic() && this_cpu_read(need_resched))
		preempt_check();
}

/* --- tasklets --- */

/* Interrupts off. */
static void tasklet_queue(struct tasklet_struct *tasklet)
{
	tasklet->is_queued = true;
	list_add_tail(&tasklet->link, &softirq.tasklets);
	raise_softirq(SOFTIRQ_TASKLET);
}

static bool tasklet_is_runnable(const struct tasklet_struct *tasklet)
{
	return tasklet->is_scheduled && !tasklet->is_queued && !tasklet->is_running &&
	       atomic_read(&tasklet->count) == 0;
}

/* Next tasklet to run, marked so, or NULL. */
static struct tasklet_struct *tasklet_take(struct list_head *list)
{
	irqflags_t flags = irq_save();
	struct tasklet_struct *tasklet = NULL;

	while (!tasklet && !list_is_empty(list)) {
		tasklet = list_first_entry(list, struct tasklet_struct, link);
		list_del(&tasklet->link);
		tasklet->is_queued = false;
		if (atomic_read(&tasklet->count) != 0)
			tasklet = NULL; /* stays scheduled: tasklet_enable() queues it */
	}
	if (tasklet) {
		tasklet->is_scheduled = false;
		tasklet->is_running = true;
	}
	irq_restore(flags);
	return tasklet;
}

static void tasklet_end(struct tasklet_struct *tasklet)
{
	irqflags_t flags = irq_save();

	tasklet->is_running = false;
	if (tasklet_is_runnable(tasklet))
		tasklet_queue(tasklet);
	irq_restore(flags);
}

/* One that schedules itself is queued behind, for the next round: only those that are here now run. */
static void tasklets_run(void)
{
	struct list_head batch;
	struct tasklet_struct *tasklet;
	irqflags_t flags = irq_save();

	list_init(&batch);
	if (!list_is_empty(&softirq.tasklets)) {
		batch = softirq.tasklets;
		batch.next->prev = batch.prev->next = &batch;
		list_init(&softirq.tasklets);
	}
	irq_restore(flags);
	while ((tasklet = tasklet_take(&batch)) != NULL) {
		struct handler_mark mark = handler_begin();
		uintptr_t function = (uintptr_t)tasklet->func;

		softirq_set_work("tasklet", function);
		tasklet->func(tasklet->data);
		handler_end(&mark, "tasklet", function);
		tasklet_end(tasklet);
	}
}

void tasklet_init(struct tasklet_struct *tasklet, void (*func)(unsigned long), unsigned long data)
{
	*tasklet = (struct tasklet_struct)TASKLET_INIT(func, data, 0);
}

void tasklet_schedule(struct tasklet_struct *tasklet)
{
	irqflags_t flags = irq_save();

	tasklet->is_scheduled = true;
	if (tasklet_is_runnable(tasklet))
		tasklet_queue(tasklet);
	irq_restore(flags);
}

/* A thread never finds one running on its own CPU (F3). */
void tasklet_disable(struct tasklet_struct *tasklet)
{
	atomic_inc(&tasklet->count);
}

void tasklet_enable(struct tasklet_struct *tasklet)
{
	irqflags_t flags = irq_save();

	if (WARN_ON(atomic_read(&tasklet->count) <= 0))
		atomic_set(&tasklet->count, 1);
	atomic_dec(&tasklet->count);
	if (tasklet_is_runnable(tasklet))
		tasklet_queue(tasklet);
	irq_restore(flags);
}

void tasklet_kill(struct tasklet_struct *tasklet)
{
	irqflags_t flags;

	might_sleep();
	flags = irq_save();
	if (tasklet->is_queued)
		list_del(&tasklet->link);
	tasklet->is_queued = tasklet->is_scheduled = false;
	WARN_ON(tasklet->is_running);
	irq_restore(flags);
}

void softirq_init(void)
{
	struct thread *daemon;

	softirq_set_handler(SOFTIRQ_TASKLET, "tasklets", tasklets_run);
	daemon = kthread_run(daemon_run, NULL, "ksoftirqd");
	if (!IS_ERR(daemon))
		softirq.daemon = daemon;
}
