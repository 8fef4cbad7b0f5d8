/* SPDX-License-Identifier: MIT */
/* The scheduler. One run queue, first come first served; the running thread is not on it, nor is the idle
 * thread.
 *
 * TH4 Only schedule_away_locked() changes threads. Interrupts are off there, and each thread goes on with its own
 *     flag and its own preempt_count.
 * TH5 A thread that is preempted stays ready whatever its state says: it was on its way to sleep and has
 *     yet to look whether it should (TH2).
 * TH6 The next thread buries a dead one: nobody else can know that its stack is no longer in use.
 *
 * TH8 The lock is held across a switch: nobody finds a thread that is to run and still on its stack.
 *
 * Lock: threads.lock, for run queue, lists and all threads' states; a thread sets its own state without, to sleep or to sleep
 * no more. Innermost: nobody is woken under it but by wake_locked(). */
#include <kernel/core/thread.h>

#include <kernel/arch/context.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/trap.h>
#include <kernel/core/backtrace.h>
#include <kernel/core/context_internal.h>
#include <kernel/core/handler.h>
#include <kernel/core/panic.h>
#include <kernel/core/softirq.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

static struct thread boot_thread = {
	.state = TASK_RUNNING,
	.is_ready = true,
	.slice = THREAD_SLICE,
	.name = "boot",
	.nr_refs = ATOMIC_INIT(1),
};

DEFINE_PERCPU(struct thread *, current_thread) = &boot_thread;
DEFINE_PERCPU(uint32_t, need_resched);

static struct {
	struct spinlock lock;
	struct list_head ready; /* by run_link */
	struct list_head all;	/* by all_link, oldest first */
	struct list_head dead;	/* by run_link: for the reaper */
	struct wait_queue reaper_queue;
	struct thread *idle;
	unsigned int nr_created;
	const struct thread_source *source;
	struct {
		void (*out)(struct thread *), (*in)(struct thread *);
	} hooks[THREAD_SWITCH_HOOKS];
	unsigned int nr_hooks;
} threads = {
	.lock = SPINLOCK_INIT("threads"),
	.ready = LIST_HEAD_INIT(threads.ready),
	.all = LIST_HEAD_INIT(threads.all),
	.dead = LIST_HEAD_INIT(threads.dead),
	.reaper_queue = WAIT_QUEUE_INIT(threads.reaper_queue),
};

/* --- switching --- */

static struct thread *next_take(void)
{
	struct thread *next = threads.idle;

	if (!list_is_empty(&threads.ready)) {
		next = list_first_entry(&threads.ready, struct thread, run_link);
		list_del(&next->run_link);
		ASSERT(next->is_ready && next->state != TASK_DEAD && next != threads.idle); /* TH1 */
	}
	return next;
}

/* TH6. The lock is let go meanwhile. Waking may want the CPU, but not before the switch is over: interrupts are off. A thread that
 * somebody else's memory holds is gone as soon as it is known to be. */
static void bury_locked(struct thread *thread)
{
	bool is_ours = thread->source != NULL;

	ASSERT(thread->state == TASK_DEAD && thread != current); /* TH6 */
	list_del(&thread->all_link);
	raw_spin_unlock(&threads.lock);
	complete(&thread->exited);
	if (is_ours && atomic_dec_and_test(&thread->nr_refs)) {
		raw_spin_lock(&threads.lock);
		list_add_tail(&thread->run_link, &threads.dead);
		raw_spin_unlock(&threads.lock);
		wake_up(&threads.reaper_queue);
	}
	raw_spin_lock(&threads.lock);
}

/* On the new thread's stack. */
static void switch_finish(struct thread *from)
{
	struct thread *to = current;

	if (to->slice == 0)
		to->slice = THREAD_SLICE;
	to->nr_switches++;
	for (unsigned int i = 0; i < threads.nr_hooks; i++)
		if (threads.hooks[i].in)
			threads.hooks[i].in(to);
	if (from->state == TASK_DEAD)
		bury_locked(from);
}

static void switch_to(struct thread *from, struct thread *to)
{
	for (unsigned int i = 0; i < threads.nr_hooks; i++)
		if (threads.hooks[i].out)
			threads.hooks[i].out(from);
	from->preempt_count = preempt_count();
	this_cpu_write(preempt_count, to->preempt_count);
	this_cpu_write(current_thread, to);
	switch_finish(context_switch(&from->sp, to->sp, from));
}

static void schedule_away_locked(bool is_preempted)
{
	struct thread *from = current, *to;

	ASSERT(spin_is_held(&threads.lock) && irqs_disabled() && from->is_ready); /* TH8, TH4, TH1 */
	this_cpu_write(need_resched, 0u);
	if (from == threads.idle || is_preempted || from->state == TASK_RUNNING) {
		if (from != threads.idle)
			list_add_tail(&from->run_link, &threads.ready);
	} else {
		from->is_ready = false;
	}
	to = next_take();
	if (to != from)
		switch_to(from, to);
}

static void check_may_switch(void)
{
	if (unlikely(in_atomic()))
		panic("scheduling while atomic (%s), task %s", context_name(), current->name);
	if (unlikely(!threads.idle))
		panic("schedule() before there are threads");
}

void schedule(void)
{
	irqflags_t flags = irq_save();

	check_may_switch();
	raw_spin_lock(&threads.lock);
	schedule_away_locked(false);
	raw_spin_unlock_irqrestore(&threads.lock, flags);
}

void yield(void)
{
	set_current_state(TASK_RUNNING);
	schedule();
}

void preempt_check(void)
{
	if (irqs_disabled() || in_atomic() || !threads.idle)
		return;
	irq_disable();
	if (this_cpu_read(need_resched))
		thread_preempt_irq();
	irq_enable();
}

void thread_preempt_irq(void)
{
	if (!threads.idle)
		return;
	raw_spin_lock(&threads.lock);
	schedule_away_locked(true);
	raw_spin_unlock(&threads.lock);
}

void **thread_trap_word(void)
{
	return &current->trap_word;
}

void thread_tick(void)
{
	struct thread *thread = current;

	thread->nr_ticks++;
	if (thread == threads.idle || (thread->slice && --thread->slice))
		return;
	if (!list_is_empty(&threads.ready))
		this_cpu_write(need_resched, 1u);
	else
		thread->slice = THREAD_SLICE;
}

void thread_add_switch_hook(void (*out)(struct thread *), void (*in)(struct thread *))
{
	BUG_ON(threads.nr_hooks == THREAD_SWITCH_HOOKS);
	threads.hooks[threads.nr_hooks].out = out;
	threads.hooks[threads.nr_hooks++].in = in;
}

/* --- sleep and wake-up --- */

static bool wake_locked(struct thread *thread, bool is_unpark)
{
	uint32_t state = READ_ONCE(thread->state);
	bool sleeps = is_unpark ? state == TASK_PARKED
				: state == TASK_INTERRUPTIBLE || state == TASK_UNINTERRUPTIBLE;

	ASSERT(state <= TASK_DEAD);
	if (sleeps) {
		thread->state = TASK_RUNNING;
		if (!thread->is_ready) {
			thread->is_ready = true;
			list_add_tail(&thread->run_link, &threads.ready);
		}
		if (current == threads.idle)
			this_cpu_write(need_resched, 1u);
	}
	return sleeps;
}

static bool wake(struct thread *thread, bool is_unpark)
{
	irqflags_t flags = raw_spin_lock_irqsave(&threads.lock);
	bool slept = wake_locked(thread, is_unpark);

	raw_spin_unlock_irqrestore(&threads.lock, flags);
	return slept;
}

bool wake_up_process(struct thread *thread)
{
	return wake(thread, false);
}

/* From running, or from a sleep of the books' kind that has not begun. */
static void park_locked(struct thread *thread)
{
	ASSERT(thread->state < TASK_PARKED);
	thread->state = TASK_PARKED;
	check_may_switch();
	schedule_away_locked(false);
}

void thread_park(void)
{
	struct thread *thread = current;
	irqflags_t flags;

	might_sleep();
	flags = raw_spin_lock_irqsave(&threads.lock);
	while (!thread->is_unparked)
		park_locked(thread);
	thread->is_unparked = false;
	raw_spin_unlock_irqrestore(&threads.lock, flags);
}

static void unpark_locked(struct thread *thread)
{
	thread->is_unparked = true;
	(void)wake_locked(thread, true);
}

void thread_unpark(struct thread *thread)
{
	irqflags_t flags = raw_spin_lock_irqsave(&threads.lock);

	unpark_locked(thread);
	raw_spin_unlock_irqrestore(&threads.lock, flags);
}

static void park_over(unsigned long data)
{
	(void)wake((struct thread *)data, true);
}

void thread_park_timeout(long ticks)
{
	struct thread *thread = current;
	struct timer_list timer;
	irqflags_t flags;

	might_sleep();
	setup_timer(&timer, park_over, (unsigned long)thread);
	(void)mod_timer(&timer, jiffies + (unsigned long)ticks);
	flags = raw_spin_lock_irqsave(&threads.lock);
	if (!thread->is_unparked && timer_pending(&timer))
		park_locked(thread);
	thread->is_unparked = false;
	raw_spin_unlock_irqrestore(&threads.lock, flags);
	(void)del_timer_sync(&timer);
}

static void timeout_over(unsigned long data)
{
	wake_up_process((struct thread *)data);
}

long schedule_timeout(long ticks)
{
	struct timer_list timer;
	unsigned long end = jiffies + (unsigned long)ticks;

	if (ticks == MAX_SCHEDULE_TIMEOUT) {
		schedule();
		return ticks;
	}
	if (ticks <= 0) {
		set_current_state(TASK_RUNNING);
		return 0;
	}
	setup_timer(&timer, timeout_over, (unsigned long)current);
	(void)mod_timer(&timer, end);
	schedule();
	(void)del_timer_sync(&timer);
	return time_before(jiffies, end) ? (long)(end - jiffies) : 0;
}

long schedule_timeout_uninterruptible(long ticks)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	return schedule_timeout(ticks);
}

void msleep(unsigned int ms)
{
	long left = (long)msecs_to_jiffies(ms) + 1; /* the running tick is not a whole one */

	might_sleep();
	while (left > 0)
		left = schedule_timeout_uninterruptible(left);
}

/* --- how much of a stack was used --- */

#define STACK_PAINT 0x57ac57acu
#define STACK_NEAR  512u /* below the running frame: calls that it may make meanwhile */

static struct thread_info deepest;

static void stack_paint(uint32_t *from, const uint32_t *end)
{
	while (from < end)
		*from++ = STACK_PAINT;
}

/* TH7 */
static size_t stack_most(const struct thread *thread)
{
	const uint32_t *at = thread->stack, *end = at + thread->stack_bytes / sizeof(*at);

	while (at < end && *at == STACK_PAINT)
		at++;
	return (size_t)(end - at) * sizeof(*at);
}

size_t thread_stack_left(void)
{
	return current->stack ? (uintptr_t)__builtin_frame_address(0) - (uintptr_t)current->stack : 0;
}

void thread_forget_depth(void)
{
	stack_paint(current->stack, (uint32_t *)((uintptr_t)__builtin_frame_address(0) - STACK_NEAR));
}

static void note_depth(const struct thread *thread)
{
	size_t most = stack_most(thread);
	irqflags_t flags = raw_spin_lock_irqsave(&threads.lock);

	if (most > deepest.stack_most) {
		deepest.stack_most = most;
		deepest.stack_bytes = thread->stack_bytes;
		memcpy(deepest.name, thread->name, sizeof(deepest.name));
	}
	raw_spin_unlock_irqrestore(&threads.lock, flags);
}

void thread_deepest(struct thread_info *info)
{
	irqflags_t flags = raw_spin_lock_irqsave(&threads.lock);

	*info = deepest;
	raw_spin_unlock_irqrestore(&threads.lock, flags);
}

/* --- beginning and end --- */

void thread_init(struct thread *thread, void *stack, size_t stack_bytes, int (*function)(void *), void *arg,
		 const char *name)
{
	irqflags_t flags;

	memset(thread, 0, sizeof(*thread));
	(void)snprintf(thread->name, sizeof(thread->name), "%s", name);
	thread->state = TASK_UNINTERRUPTIBLE;
	thread->slice = THREAD_SLICE;
	thread->stack = stack;
	thread->stack_bytes = stack_bytes;
	stack_paint(stack, (uint32_t *)((char *)stack + stack_bytes));
	thread->sp = context_create(stack, stack_bytes);
	thread->function = function;
	thread->arg = arg;
	atomic_set(&thread->nr_refs, 1);
	init_completion(&thread->exited);
	flags = raw_spin_lock_irqsave(&threads.lock);
	thread->id = ++threads.nr_created;
	list_add_tail(&thread->all_link, &threads.all);
	raw_spin_unlock_irqrestore(&threads.lock, flags);
}

void thread_begin(struct thread *from)
{
	struct thread *thread = current;

	switch_finish(from);
	raw_spin_unlock(&threads.lock);
	irq_enable();
	do_exit(thread->should_stop && !thread->is_program ? -EINTR : thread->function(thread->arg));
}

void do_exit(int code)
{
	struct thread *thread = current;
	struct handler_mark mark = {kmap_start(), 0, preempt_count()};

	might_sleep();
	handler_end(&mark, "thread", (uintptr_t)thread->function);
	irq_disable();
	check_may_switch();
	raw_spin_lock(&threads.lock);
	thread->exit_code = code;
	ASSERT(thread != threads.idle && thread->state < TASK_PARKED);
	thread->state = TASK_DEAD; /* where nobody who came late makes it run again */
	schedule_away_locked(false);
	panic("dead thread %s runs", thread->name);
}

void thread_set_source(const struct thread_source *source)
{
	threads.source = source;
}

struct thread *kthread_create(int (*function)(void *arg), void *arg, const char *fmt, ...)
{
	char name[THREAD_NAME_MAX];
	struct thread *thread;
	size_t stack_bytes;
	va_list args;
	void *stack;

	might_sleep();
	thread = threads.source ? threads.source->alloc(&stack, &stack_bytes) : NULL;
	if (!thread)
		return ERR_PTR(-ENOMEM);
	va_start(args, fmt);
	(void)vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	thread_init(thread, stack, stack_bytes, function, arg, name);
	thread->source = threads.source;
	return thread;
}

int kthread_stop(struct thread *thread)
{
	int code;

	thread_get(thread);
	WRITE_ONCE(thread->should_stop, true);
	wake_up_process(thread);
	wait_for_completion(&thread->exited);
	code = thread->exit_code;
	thread_put(thread);
	return code;
}

bool kthread_should_stop(void)
{
	return READ_ONCE(current->should_stop);
}

static void thread_release(struct thread *thread)
{
	note_depth(thread);
	thread->source->free(thread);
}

void thread_get(struct thread *thread)
{
	atomic_inc(&thread->nr_refs);
}

void thread_put(struct thread *thread)
{
	ASSERT(atomic_read(&thread->nr_refs) > 0); /* TH3 */
	if (atomic_dec_and_test(&thread->nr_refs) && thread->source)
		thread_release(thread);
}

/* --- victims --- */

void thread_set_expendable(size_t (*held_pages)(void *arg), void *arg)
{
	irqflags_t flags = raw_spin_lock_irqsave(&threads.lock);

	current->held_pages = held_pages;
	current->held_arg = arg;
	raw_spin_unlock_irqrestore(&threads.lock, flags);
}

static void kill_locked(struct thread *thread)
{
	WRITE_ONCE(thread->is_killed, true);
	WRITE_ONCE(thread->should_stop, true);
	(void)wake_locked(thread, false);
	unpark_locked(thread);
}

void thread_kill(struct thread *thread)
{
	irqflags_t flags = raw_spin_lock_irqsave(&threads.lock);

	kill_locked(thread);
	raw_spin_unlock_irqrestore(&threads.lock, flags);
}

/* The expendable thread of that kind that holds most, NULL: none. *is_dying: one is about to end. */
static struct thread *largest_expendable_locked(bool is_program, size_t *nr_pages, bool *is_dying)
{
	struct thread *thread, *largest = NULL;

	*nr_pages = 0;
	list_for_each_entry(thread, &threads.all, all_link) {
		size_t nr = thread->held_pages ? thread->held_pages(thread->held_arg) : 0;

		*is_dying |= thread->is_killed && thread->held_pages;
		if (!thread->is_killed && thread->is_program == is_program && nr > *nr_pages) {
			*nr_pages = nr;
			largest = thread;
		}
	}
	return largest;
}

enum thread_victim thread_kill_largest(bool is_overdue, char *name, size_t *nr_pages)
{
	irqflags_t flags = raw_spin_lock_irqsave(&threads.lock);
	bool is_dying = false;
	struct thread *thread = largest_expendable_locked(true, nr_pages, &is_dying);

	if (!thread)
		thread = largest_expendable_locked(false, nr_pages, &is_dying);
	if (is_dying && !is_overdue)
		thread = NULL;
	if (thread) {
		memcpy(name, thread->name, THREAD_NAME_MAX);
		kill_locked(thread);
	}
	raw_spin_unlock_irqrestore(&threads.lock, flags);
	if (thread)
		return THREAD_KILLED;
	return is_dying ? THREAD_DYING : THREAD_NO_VICTIM;
}

static struct thread *dead_take(void)
{
	irqflags_t flags = raw_spin_lock_irqsave(&threads.lock);
	struct thread *thread = NULL;

	if (!list_is_empty(&threads.dead)) {
		thread = list_first_entry(&threads.dead, struct thread, run_link);
		list_del(&thread->run_link);
	}
	raw_spin_unlock_irqrestore(&threads.lock, flags);
	return thread;
}

/* Frees the threads that nobody waited for. */
static int reaper_run(void *unused)
{
	struct thread *thread;

	(void)unused;
	for (;;) {
		wait_event(threads.reaper_queue, (thread = dead_take()) != NULL);
		thread_release(thread);
	}
	return 0;
}

static int idle_run(void *unused)
{
	(void)unused;
	for (;;) {
		irq_disable();
		if (list_is_empty(&threads.ready))
			context_wait_for_interrupt();
		else
			schedule();
		irq_enable();
	}
	return 0;
}

static struct thread *system_thread(int (*function)(void *), const char *name)
{
	struct thread *thread = kthread_create(function, NULL, "%s", name);

	if (IS_ERR(thread))
		refuse_to_start("no memory for the first threads");
	return thread;
}

void thread_system_init(void)
{
	struct thread *idle;

	init_completion(&boot_thread.exited);
	list_add_tail(&boot_thread.all_link, &threads.all);
	idle = system_thread(idle_run, "idle");
	idle->state = TASK_RUNNING;
	idle->is_ready = true;
	threads.idle = idle;
	wake_up_process(system_thread(reaper_run, "reaper"));
	context_threads_run();
}

/* So far nothing but calls of other CPUs and what those raised runs there. */
NORETURN void thread_idle(void)
{
	for (;;) {
		irq_disable();
		if (!softirq_run_pending())
			context_wait_for_interrupt();
	}
}

static int never_run(void *unused)
{
	(void)unused;
	panic("the idle thread of another CPU was scheduled");
}

struct thread *thread_make_idle(unsigned int cpu)
{
	struct thread *thread = kthread_create(never_run, NULL, "idle/%u", cpu);

	if (IS_ERR(thread))
		return NULL;
	thread->state = TASK_RUNNING;
	thread->is_ready = true;
	return thread;
}

/* --- to be seen --- */

static void thread_describe(const struct thread *thread, struct thread_info *info)
{
	uintptr_t sp = thread == current ? (uintptr_t)__builtin_frame_address(0) : thread->sp;

	*info = (struct thread_info){
		.id = thread->id,
		.state = (enum thread_state)thread->state,
		.is_ready = thread->is_ready,
		.nr_ticks = thread->nr_ticks,
		.nr_switches = thread->nr_switches,
		.stack = (uintptr_t)thread->stack,
		.stack_bytes = thread->stack_bytes,
		.stack_left = sp - (uintptr_t)thread->stack < thread->stack_bytes
				      ? sp - (uintptr_t)thread->stack
				      : 0,
	};
	memcpy(info->name, thread->name, sizeof(info->name));
}

static const struct thread *thread_of_id_locked(unsigned int id)
{
	const struct thread *thread;

	list_for_each_entry(thread, &threads.all, all_link)
		if (thread->id == id)
			return thread;
	return NULL;
}

bool thread_backtrace(unsigned int id)
{
	const struct thread *thread;
	irqflags_t flags = raw_spin_lock_irqsave(&threads.lock);
	uintptr_t ip, frame;

	thread = thread_of_id_locked(id);
	if (thread == current) {
		backtrace_here();
	} else if (thread) {
		context_saved(thread->sp, &ip, &frame);
		backtrace_print(ip, frame);
	}
	raw_spin_unlock_irqrestore(&threads.lock, flags);
	return thread != NULL;
}

/* One after the other: to look through a stack takes some microseconds. */
static void measure_depth(struct thread_info *info)
{
	irqflags_t flags = raw_spin_lock_irqsave(&threads.lock);
	const struct thread *thread = thread_of_id_locked(info->id);

	info->stack_most = thread ? stack_most(thread) : 0;
	raw_spin_unlock_irqrestore(&threads.lock, flags);
}

unsigned int threads_snapshot(struct thread_info *rows, unsigned int max)
{
	irqflags_t flags = raw_spin_lock_irqsave(&threads.lock);
	const struct thread *thread;
	unsigned int nr = 0;

	list_for_each_entry(thread, &threads.all, all_link) {
		if (nr < max)
			thread_describe(thread, &rows[nr]);
		nr++;
	}
	raw_spin_unlock_irqrestore(&threads.lock, flags);
	for (unsigned int i = 0; i < MIN(nr, max); i++)
		measure_depth(&rows[i]);
	return nr;
}

static const char *const state_names[] = {"running", "interruptible", "sleeping", "parked", "dead"};

const char *thread_state_name(enum thread_state state)
{
	return state_names[state];
}

const char *thread_or_context_name(void)
{
	return in_irq() || in_serving_softirq() ? context_name() : current->name;
}
