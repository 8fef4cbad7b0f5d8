/* SPDX-License-Identifier: MIT */
/* Softirqs and tasklets. What is raised is a bit in a word per CPU, and runs there.
 *
 * F3 Only softirq_run_pending() runs softirqs, and not while one runs or while they are off: the count says
 *    so. So no softirq is ever interrupted by another one on this CPU, nor by a thread.
 * F4 A tasklet is on one CPU's queue, or running on one, or neither; is_scheduled means "is to run (again)". One that is scheduled
 *    while it runs stays on that CPU.
 *
 * Lock: tasklets_lock for the queues and for tasklets; the rest is its CPU's alone. */
#include <kernel/core/softirq.h>

#include <kernel/arch/cpu.h>
#include <kernel/arch/irqflags.h>
#include <kernel/core/context_internal.h>
#include <kernel/core/handler.h>
#include <kernel/core/ksym.h>
#include <kernel/core/panic.h>
#include <kernel/core/preempt.h>
#include <kernel/core/smp.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>

#define MAX_ROUNDS 8 /* before what keeps coming is left to ksoftirqd; */
#define MAX_TICKS  1 /* or when they take so long */

static DEFINE_PERCPU(uint32_t, softirq_pending);
static DEFINE_PERCPU(uint32_t, softirq_running); /* enum softirq */

struct softirq_cpu {
	struct thread *daemon; /* NULL before softirq_init(), and on other CPUs */
	bool is_left;	       /* what is pending is the daemon's: it came for too long */
	struct wait_queue daemon_queue;
	struct list_head tasklets; /* under tasklets_lock */
	const char *work_kind;	   /* NULL: a softirq's own */
	uintptr_t work_function;
};

static DEFINE_PERCPU(struct softirq_cpu, softirq_cpu);

static struct {
	const char *name;
	void (*handler)(void);
	uint32_t nr_runs; /* on all CPUs */
} softirqs[NR_SOFTIRQS];

static struct spinlock tasklets_lock = SPINLOCK_INIT("tasklets");

/* Interrupts or preemption off. */
static struct softirq_cpu *here(void)
{
	return this_cpu_ptr(softirq_cpu);
}

void softirq_set_handler(enum softirq nr, const char *name, void (*handler)(void))
{
	softirqs[nr].name = name;
	softirqs[nr].handler = handler;
}

uint32_t softirq_nr_runs(enum softirq nr)
{
	return softirqs[nr].nr_runs;
}

const char *softirq_name(enum softirq nr)
{
	return softirqs[nr].name;
}

void softirq_set_work(const char *kind, uintptr_t function)
{
	here()->work_kind = kind;
	here()->work_function = function;
}

const char *softirq_work_kind(void)
{
	const char *kind = here()->work_kind;

	return kind ? kind : "softirq";
}

const char *softirq_work_name(void)
{
	const char *name;
	uint32_t offset;

	if (!here()->work_kind)
		return softirqs[this_cpu_read(softirq_running)].name;
	return ksym_lookup(here()->work_function, &name, &offset) ? name : NULL;
}

/* --- running --- */

static void round_run(uint32_t pending)
{
	for (unsigned int nr = 0; nr < NR_SOFTIRQS; nr++) {
		struct handler_mark mark = handler_begin();

		if (!(pending >> nr & 1) || !softirqs[nr].handler)
			continue;
		this_cpu_write(softirq_running, nr);
		__atomic_add_fetch(&softirqs[nr].nr_runs, 1, __ATOMIC_RELAXED);
		softirqs[nr].handler();
		handler_end(&mark, "softirq", (uintptr_t)softirqs[nr].handler);
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

bool softirq_run_pending(void)
{
	struct softirq_cpu *cpu = here();

	if (!this_cpu_read(softirq_pending) || in_interrupt() || cpu->is_left)
		return false;
	rounds_run(MAX_ROUNDS);
	if (!this_cpu_read(softirq_pending))
		return false;
	if (cpu->daemon) {
		cpu->is_left = true;
		wake_up(&cpu->daemon_queue);
	}
	return !cpu->daemon;
}

/* One round a turn, with a chance for others in between. */
static int daemon_run(void *arg)
{
	struct softirq_cpu *cpu = arg;

	for (;;) {
		wait_event(cpu->daemon_queue, this_cpu_read(softirq_pending) != 0);
		irq_disable();
		rounds_run(1);
		cpu->is_left = this_cpu_read(softirq_pending) != 0;
		irq_enable();
		yield();
	}
	return 0;
}

/* Raised by a thread, it runs after the next interrupt at the latest; the daemon is usually sooner. */
void raise_softirq(enum softirq nr)
{
	struct softirq_cpu *cpu;

	preempt_disable();
	cpu = here();
	this_cpu_or(softirq_pending, 1u << nr);
	if (!in_interrupt() && cpu->daemon)
		wake_up(&cpu->daemon_queue);
	preempt_enable();
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

/* From here on all is under tasklets_lock; this CPU's number + 1 is what `running_on` has. */
static void tasklet_queue(struct tasklet_struct *tasklet)
{
	tasklet->is_queued = true;
	list_add_tail(&tasklet->link, &here()->tasklets);
	raise_softirq(SOFTIRQ_TASKLET);
}

static bool tasklet_is_runnable(const struct tasklet_struct *tasklet)
{
	return tasklet->is_scheduled && !tasklet->is_queued && !tasklet->running_on &&
	       atomic_read(&tasklet->count) == 0;
}

/* Next tasklet to run, marked so, or NULL. */
static struct tasklet_struct *tasklet_take(struct list_head *list)
{
	irqflags_t flags = raw_spin_lock_irqsave(&tasklets_lock);
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
		tasklet->running_on = smp_cpu() + 1;
	}
	raw_spin_unlock_irqrestore(&tasklets_lock, flags);
	return tasklet;
}

static void tasklet_end(struct tasklet_struct *tasklet)
{
	irqflags_t flags = raw_spin_lock_irqsave(&tasklets_lock);

	tasklet->running_on = 0;
	if (tasklet_is_runnable(tasklet))
		tasklet_queue(tasklet);
	raw_spin_unlock_irqrestore(&tasklets_lock, flags);
}

/* One that schedules itself is queued behind, for the next round: only those that are here now run. */
static void tasklets_run(void)
{
	struct list_head batch;
	struct tasklet_struct *tasklet;
	irqflags_t flags = raw_spin_lock_irqsave(&tasklets_lock);
	struct list_head *queue = &here()->tasklets;

	list_init(&batch);
	if (!list_is_empty(queue)) {
		batch = *queue;
		batch.next->prev = batch.prev->next = &batch;
		list_init(queue);
	}
	raw_spin_unlock_irqrestore(&tasklets_lock, flags);
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
	irqflags_t flags = raw_spin_lock_irqsave(&tasklets_lock);

	tasklet->is_scheduled = true;
	if (tasklet_is_runnable(tasklet))
		tasklet_queue(tasklet);
	raw_spin_unlock_irqrestore(&tasklets_lock, flags);
}

/* On another CPU, that is: a thread never finds one running on its own (F3), and one that asks for itself is not waited for. */
static bool runs_elsewhere(const struct tasklet_struct *tasklet)
{
	uint32_t cpu = __atomic_load_n(&tasklet->running_on, __ATOMIC_ACQUIRE);

	return cpu && cpu != smp_cpu() + 1;
}

void tasklet_disable(struct tasklet_struct *tasklet)
{
	irqflags_t flags = raw_spin_lock_irqsave(&tasklets_lock);

	atomic_inc(&tasklet->count);
	raw_spin_unlock_irqrestore(&tasklets_lock, flags);
	while (runs_elsewhere(tasklet))
		cpu_relax();
}

void tasklet_enable(struct tasklet_struct *tasklet)
{
	irqflags_t flags = raw_spin_lock_irqsave(&tasklets_lock);

	if (WARN_ON(atomic_read(&tasklet->count) <= 0))
		atomic_set(&tasklet->count, 1);
	atomic_dec(&tasklet->count);
	if (tasklet_is_runnable(tasklet))
		tasklet_queue(tasklet);
	raw_spin_unlock_irqrestore(&tasklets_lock, flags);
}

/* Result: does it run elsewhere, and may have scheduled itself again by the time it has ended? */
static bool tasklet_remove(struct tasklet_struct *tasklet)
{
	irqflags_t flags = raw_spin_lock_irqsave(&tasklets_lock);
	bool is_running = runs_elsewhere(tasklet);

	if (tasklet->is_queued)
		list_del(&tasklet->link);
	tasklet->is_queued = tasklet->is_scheduled = false;
	WARN_ON(tasklet->running_on && !is_running);
	raw_spin_unlock_irqrestore(&tasklets_lock, flags);
	return is_running;
}

void tasklet_kill(struct tasklet_struct *tasklet)
{
	might_sleep();
	while (tasklet_remove(tasklet))
		cpu_relax();
}

void softirq_join(void)
{
	struct softirq_cpu *cpu = here();

	list_init(&cpu->tasklets);
	wait_queue_init(&cpu->daemon_queue);
}

void softirq_init(void)
{
	struct thread *daemon;

	softirq_join();
	softirq_set_handler(SOFTIRQ_TASKLET, "tasklets", tasklets_run);
	daemon = kthread_run(daemon_run, here(), "ksoftirqd");
	if (!IS_ERR(daemon))
		here()->daemon = daemon;
}
