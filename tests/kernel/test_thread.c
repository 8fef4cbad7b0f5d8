/* SPDX-License-Identifier: MIT */
/* Threads: preemption, sleep and wake-up, mutexes, beginning and end. */
#include <tests/ktest.h>

#include <kernel/arch/clock.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/mmu.h>
#include <kernel/arch/trap.h>
#include <kernel/core/mutex.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <mm/port.h>

#define NR_THREADS 5

static struct {
	struct thread *thread[NR_THREADS];
	volatile unsigned int nr[NR_THREADS];
	volatile unsigned int total, order[16];
	struct wait_queue queue;
	volatile bool go;
	struct mutex mutex;
	struct completion completion;
} t;

static void reset(void)
{
	memset(&t, 0, sizeof(t));
	wait_queue_init(&t.queue);
	mutex_init(&t.mutex);
	init_completion(&t.completion);
}

static bool start(unsigned int i, int (*fn)(void *))
{
	t.thread[i] = kthread_run(fn, (void *)(uintptr_t)i, "test%u", i);
	return !IS_ERR(t.thread[i]);
}

/* --- scheduling --- */

static int busy(void *arg)
{
	while (!kthread_should_stop())
		t.nr[(uintptr_t)arg]++;
	return 17;
}

KTEST(thread, busy_loops_are_preempted_and_share_the_cpu, "C5")
{
	uint32_t ticks[3], least, most;

	reset();
	for (unsigned int i = 0; i < 3; i++)
		REQUIRE(start(i, busy));
	msleep(400);
	for (unsigned int i = 0; i < 3; i++)
		ticks[i] = t.thread[i]->nr_ticks;
	for (unsigned int i = 0; i < 3; i++) {
		EXPECT(t.nr[i] > 0);
		EXPECT_EQ(kthread_stop(t.thread[i]), 17);
	}
	least = MIN(ticks[0], MIN(ticks[1], ticks[2]));
	most = MAX(ticks[0], MAX(ticks[1], ticks[2]));
	ktest_note("ticks: %u %u %u", ticks[0], ticks[1], ticks[2]);
	EXPECT(least > 0 && most - least <= 2 * THREAD_SLICE);
}

KTEST(thread, with_preemption_off_nobody_else_runs, "C1")
{
	unsigned int before;

	reset();
	REQUIRE(start(0, busy));
	msleep(30);
	preempt_disable();
	before = t.nr[0];
	for (unsigned long tick = jiffies; jiffies - tick < 2 * THREAD_SLICE;)
		;
	EXPECT_EQ(t.nr[0], before);
	preempt_enable();
	kthread_stop(t.thread[0]);
	EXPECT(t.nr[0] > before);
}

static int note_order(void *arg)
{
	t.order[t.total++] = (unsigned int)(uintptr_t)arg;
	return 0;
}

KTEST(thread, ready_threads_run_first_come_first_served, "C5")
{
	reset();
	for (unsigned int i = 0; i < NR_THREADS; i++)
		REQUIRE(start(i, note_order));
	msleep(40);
	EXPECT_EQ(t.total, NR_THREADS);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		EXPECT_EQ(t.order[i], i);
}

/* Registers that a function must keep, and the flags, survive other threads. */
static int keep_registers(void *arg)
{
	uint32_t seed = 0x1000u + (uint32_t)(uintptr_t)arg, bad = 0;

	while (!kthread_should_stop()) {
		uint32_t b = seed, c = seed * 3, d = seed * 5;

		__asm__ volatile("movl $200000, %%ecx\n"
				 "1: decl %%ecx\n\t"
				 "jnz 1b"
				 : "+b"(b), "+S"(c), "+D"(d)
				 :
				 : "ecx", "cc");
		bad += b != seed || c != seed * 3 || d != seed * 5;
	}
	return (int)bad;
}

KTEST(thread, registers_survive_preemption, "C4")
{
	reset();
	for (unsigned int i = 0; i < 3; i++)
		REQUIRE(start(i, keep_registers));
	msleep(200);
	for (unsigned int i = 0; i < 3; i++)
		EXPECT_EQ(kthread_stop(t.thread[i]), 0);
}

/* --- sleep, wake-up --- */

static int yield_with_registers(void *arg)
{
	uint32_t seed = 0x2000u + (uint32_t)(uintptr_t)arg, bad = 0;

	while (!kthread_should_stop()) {
		uint32_t b = seed, c = seed * 3, d = seed * 5;

		__asm__ volatile("call yield"
				 : "+b"(b), "+S"(c), "+D"(d)
				 :
				 : "eax", "ecx", "edx", "cc", "memory");
		bad += b != seed || c != seed * 3 || d != seed * 5;
	}
	return (int)bad;
}

KTEST(thread, registers_that_a_function_keeps_survive_a_voluntary_switch, "C4")
{
	reset();
	for (unsigned int i = 0; i < 3; i++)
		REQUIRE(start(i, yield_with_registers));
	msleep(40);
	for (unsigned int i = 0; i < 3; i++)
		EXPECT_EQ(kthread_stop(t.thread[i]), 0);
}

static int park_twice(void *arg)
{
	t.nr[(uintptr_t)arg] = 1;
	port_park();
	t.nr[(uintptr_t)arg] = 2;
	port_park();
	t.nr[(uintptr_t)arg] = 3;
	return 0;
}

KTEST(thread, an_unpark_before_the_park_is_remembered_once, "C3 GFP-09")
{
	struct port_thread *thread;

	reset();
	t.thread[0] = kthread_create(park_twice, NULL, "parker");
	REQUIRE(!IS_ERR(t.thread[0]));
	thread = (struct port_thread *)t.thread[0];
	thread_get(t.thread[0]);
	port_unpark(thread);
	port_unpark(thread); /* two before the first park count as one */
	wake_up_process(t.thread[0]);
	msleep(20);
	EXPECT_EQ(t.nr[0], 2);
	EXPECT_EQ(t.thread[0]->state, TASK_PARKED);
	EXPECT(!wake_up_process(t.thread[0])); /* an ordinary wake-up is not meant */
	msleep(20);
	EXPECT_EQ(t.nr[0], 2);
	port_unpark(thread);
	msleep(20);
	EXPECT_EQ(t.nr[0], 3);
	thread_put(t.thread[0]);
}

static void unpark_later(unsigned long thread)
{
	port_unpark((struct port_thread *)thread);
}

KTEST(thread, a_timer_unparks_the_running_test, "C3")
{
	struct timer_list timer = TIMER_INITIALIZER(unpark_later, 0, (unsigned long)port_current());

	port_unpark(port_current()); /* who was handed memory before it slept remembers an unpark */
	port_park();
	for (unsigned int i = 0; i < 20; i++) {
		mod_timer(&timer, jiffies + 1 + i % 3);
		port_park();
		EXPECT(!timer_pending(&timer));
	}
}

KTEST(thread, a_wake_up_between_looking_and_sleeping_is_not_lost, "C3 GFP-09")
{
	reset();
	REQUIRE(start(0, busy));
	set_current_state(TASK_UNINTERRUPTIBLE);
	for (unsigned long tick = jiffies; jiffies - tick < 3 * THREAD_SLICE;)
		; /* preempted here, it must stay ready */
	wake_up_process(current);
	schedule();
	EXPECT_EQ(current->state, TASK_RUNNING);
	EXPECT_EQ(kthread_stop(t.thread[0]), 17);
}

static int wait_for_go(void *arg)
{
	wait_event(t.queue, t.go);
	return note_order(arg);
}

static int wait_exclusive(void *arg)
{
	struct wait_entry entry = WAIT_ENTRY;

	prepare_to_wait_exclusive(&t.queue, &entry, TASK_UNINTERRUPTIBLE);
	schedule();
	finish_wait(&t.queue, &entry);
	return note_order(arg);
}

KTEST(thread, wake_up_wakes_all_plain_waiters, "C3")
{
	reset();
	for (unsigned int i = 0; i < NR_THREADS; i++)
		REQUIRE(start(i, wait_for_go));
	msleep(20);
	EXPECT_EQ(t.total, 0);
	wake_up(&t.queue); /* the condition is false: all sleep again */
	msleep(20);
	EXPECT_EQ(t.total, 0);
	t.go = true;
	wake_up(&t.queue);
	msleep(20);
	EXPECT_EQ(t.total, NR_THREADS);
	EXPECT(!waitqueue_active(&t.queue));
}

KTEST(thread, wake_up_wakes_one_exclusive_waiter_the_longest_waiting, "C3")
{
	reset();
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		REQUIRE(start(i, wait_exclusive));
		msleep(8);
	}
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		wake_up(&t.queue);
		msleep(8);
		EXPECT_EQ(t.total, i + 1);
		EXPECT_EQ(t.order[i], i);
	}
}

KTEST(thread, a_wait_with_timeout_tells_how_it_ended, "GFP-11")
{
	unsigned long start_tick = jiffies;
	long left;

	reset();
	EXPECT_EQ(wait_event_timeout(t.queue, t.go, 5), 0);
	EXPECT(time_after_eq(jiffies, start_tick + 5));
	EXPECT(!waitqueue_active(&t.queue));
	t.go = true;
	left = wait_event_timeout(t.queue, t.go, 5);
	EXPECT_EQ(left, 5);
	EXPECT_EQ(wait_event_timeout(t.queue, t.go, 0), 1);
}

static int set_go_later(void *arg)
{
	(void)arg;
	msleep(20);
	t.go = true;
	wake_up(&t.queue);
	return 0;
}

KTEST(thread, a_wait_with_timeout_ends_early_when_woken, "GFP-11")
{
	long left;

	reset();
	REQUIRE(start(0, set_go_later));
	left = wait_event_timeout(t.queue, t.go, 500);
	EXPECT(left > 300 && left < 500);
}

static int complete_it(void *arg)
{
	(void)arg;
	complete(&t.completion);
	return 0;
}

KTEST(thread, a_completion_lets_one_pass_for_each_time, "C3")
{
	reset();
	REQUIRE(start(0, complete_it));
	wait_for_completion(&t.completion);
	EXPECT_EQ(wait_for_completion_timeout(&t.completion, 3), 0);
	complete(&t.completion);
	complete(&t.completion);
	EXPECT(completion_done(&t.completion));
	wait_for_completion(&t.completion);
	wait_for_completion(&t.completion);
	EXPECT(!completion_done(&t.completion));
	complete_all(&t.completion);
	for (int i = 0; i < 10; i++)
		wait_for_completion(&t.completion);
}

/* --- mutexes --- */

static int lock_and_note(void *arg)
{
	mutex_lock(&t.mutex);
	note_order(arg);
	msleep(4);
	mutex_unlock(&t.mutex);
	return 0;
}

KTEST(thread, a_mutex_is_handed_on_in_the_order_of_arrival, "C3")
{
	reset();
	mutex_lock(&t.mutex);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		REQUIRE(start(i, lock_and_note));
		msleep(8);
	}
	EXPECT_EQ(t.total, 0);
	EXPECT_EQ(mutex_trylock(&t.mutex), 0);
	mutex_unlock(&t.mutex);
	EXPECT(t.mutex.owner == t.thread[0]); /* nobody overtakes: it is the first waiter's already */
	mutex_lock(&t.mutex);		      /* behind all of them */
	EXPECT_EQ(t.total, NR_THREADS);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		EXPECT_EQ(t.order[i], i);
	mutex_unlock(&t.mutex);
	EXPECT(!mutex_is_locked(&t.mutex));
}

static void mutex_twice(void *unused)
{
	(void)unused;
	mutex_lock(&t.mutex);
	mutex_lock(&t.mutex);
}

static void mutex_foreign(void *unused)
{
	(void)unused;
	mutex_unlock(&t.mutex);
}

KTEST(thread, a_misused_mutex_panics_with_names, "C3")
{
	struct trap_info info;

	reset();
	EXPECT(trap_expect(mutex_twice, NULL, &info));
	EXPECT_EQ(info.vector, TRAP_PANIC);
	EXPECT(info.panic_text && strstr(info.panic_text, "taken twice by selftest"));
	reset();
	EXPECT(trap_expect(mutex_foreign, NULL, &info));
	EXPECT(info.panic_text && strstr(info.panic_text, "released by selftest (owner: none)"));
	EXPECT_EQ(preempt_count(), 0);
}

static void schedule_atomically(void *unused)
{
	(void)unused;
	preempt_disable();
	schedule();
}

KTEST(thread, scheduling_while_atomic_panics, "C1")
{
	struct trap_info info;

	EXPECT(trap_expect(schedule_atomically, NULL, &info));
	EXPECT(info.panic_text &&
	       strstr(info.panic_text, "scheduling while atomic (preemption off), task selftest"));
	EXPECT_EQ(preempt_count(), 0);
}

/* --- beginning and end --- */

static int sleep_until_stopped(void *arg)
{
	(void)arg;
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		set_current_state(TASK_RUNNING);
	}
	return 23;
}

KTEST(thread, kthread_stop_wakes_waits_and_returns_the_result, "C5")
{
	reset();
	REQUIRE(start(0, sleep_until_stopped));
	msleep(8);
	EXPECT_EQ(kthread_stop(t.thread[0]), 23);
	t.thread[1] = kthread_create(sleep_until_stopped, NULL, "unborn");
	REQUIRE(!IS_ERR(t.thread[1]));
	EXPECT_EQ(kthread_stop(t.thread[1]), -EINTR);
}

static int end_at_once(void *arg)
{
	return (int)(uintptr_t)arg;
}

static unsigned int nr_threads(void)
{
	return threads_snapshot(NULL, 0);
}

KTEST(thread, a_thousand_threads_leave_no_page_behind, "C5")
{
	unsigned int nr_before;
	size_t nr_free;

	reset();
	msleep(20);
	nr_before = nr_threads();
	REQUIRE(start(0, sleep_until_stopped)); /* what comes once and stays: page tables */
	kthread_stop(t.thread[0]);
	nr_free = nr_free_pages();
	for (unsigned int i = 0; i < 500; i++) {
		REQUIRE(start(0, sleep_until_stopped)); /* waited for */
		kthread_stop(t.thread[0]);
		REQUIRE(start(1, end_at_once)); /* left to the reaper */
		if (i % 16 == 0)
			msleep(4);
	}
	for (unsigned int i = 0; i < 100 && nr_threads() > nr_before; i++)
		msleep(4);
	msleep(20);
	EXPECT_EQ(nr_threads(), nr_before);
	EXPECT_EQ(nr_free_pages(), nr_free);
}

static NOINLINE unsigned int recurse(volatile unsigned int *depth)
{
	volatile char frame[256];

	frame[0] = (char)*depth;
	if (++*depth == 1000000)
		return 0;
	return recurse(depth) + (unsigned int)frame[0];
}

static void overflow_stack(void *depth)
{
	recurse(depth);
}

static struct trap_info overflow_info;
static char overflow_name[48];

static int overflow(void *arg)
{
	unsigned int depth = 0;
	const char *name;

	(void)arg;
	if (trap_expect(overflow_stack, &depth, &overflow_info)) {
		name = mmu_guard_name(overflow_info.fault_address);
		if (name)
			(void)snprintf(overflow_name, sizeof(overflow_name), "%s", name);
	}
	thread_forget_depth();
	complete(&t.completion);
	return (int)depth;
}

KTEST(thread, a_stack_that_overflows_is_reported_by_its_threads_name, "C5 D1")
{
	reset();
	t.thread[0] = kthread_run(overflow, NULL, "deep");
	REQUIRE(!IS_ERR(t.thread[0]));
	wait_for_completion(&t.completion);
	EXPECT_EQ(overflow_info.vector, 8);
	EXPECT(overflow_info.stack_overflow);
	EXPECT(strcmp(overflow_name, "stack of thread deep") == 0);
}

#define DEEP_BYTES 5000u

static NOINLINE void go_deep(void)
{
	volatile char eaten[DEEP_BYTES];

	eaten[0] = 1;
	(void)eaten[0];
}

/* Whom nobody keeps from being deep again: `arg` is how deep it was seen. */
static int deep_and_seen(void *arg)
{
	struct thread_info rows[32];
	unsigned int nr = MIN(threads_snapshot(rows, ARRAY_SIZE(rows)), ARRAY_SIZE(rows));
	size_t *seen = arg;

	for (unsigned int i = 0; i < nr; i++)
		if (rows[i].id == current->id)
			*seen = rows[i].stack_most;
	return 0;
}

static int deep_thread(void *arg)
{
	size_t *seen = arg;

	go_deep();
	deep_and_seen(&seen[0]);
	thread_forget_depth();
	deep_and_seen(&seen[1]);
	return 0;
}

KTEST(thread, how_deep_a_stack_ever_was_is_seen_and_can_be_forgotten, "C5")
{
	size_t seen[2] = {0, 0};

	reset();
	t.thread[0] = kthread_create(deep_thread, seen, "deep");
	REQUIRE(!IS_ERR(t.thread[0]));
	thread_get(t.thread[0]);
	wake_up_process(t.thread[0]);
	wait_for_completion(&t.thread[0]->exited);
	EXPECT(seen[0] >= DEEP_BYTES && seen[0] < DEEP_BYTES + 4096u);
	EXPECT(seen[1] && seen[1] < DEEP_BYTES);
	thread_put(t.thread[0]);
}

KTEST(thread, what_is_left_of_a_stack_is_known_to_mm, "C5 R3")
{
	size_t left = port_stack_left();

	EXPECT(left > 4096 && left < current->stack_bytes);
	EXPECT(current->stack_bytes > 11 * 1024u && current->stack_bytes < 12 * 1024u);
}

static __aligned(16) char own_stack[2048];
static struct thread own_thread;

KTEST(thread, a_thread_on_a_given_stack_needs_no_memory, "C5")
{
	size_t nr_free;

	reset();
	msleep(20); /* earlier tests' threads are freed by then */
	nr_free = nr_free_pages();
	thread_init(&own_thread, own_stack, sizeof(own_stack), end_at_once, (void *)7, "own");
	wake_up_process(&own_thread);
	wait_for_completion(&own_thread.exited);
	EXPECT_EQ(own_thread.exit_code, 7);
	EXPECT_EQ(nr_free_pages(), nr_free);
}

static unsigned int nr_out, nr_in;
static struct thread *watched;

static void count_out(struct thread *thread)
{
	nr_out += thread == watched;
}

static void count_in(struct thread *thread)
{
	nr_in += thread == watched;
}

KTEST(thread, switch_hooks_see_a_thread_leave_and_come_back, "P9")
{
	static bool added;

	watched = current;
	if (!added)
		thread_add_switch_hook(count_out, count_in);
	added = true;
	nr_out = nr_in = 0;
	msleep(12);
	watched = NULL;
	EXPECT(nr_out >= 1);
	EXPECT_EQ(nr_in, nr_out);
}

KTEST(thread, a_snapshot_lists_all_threads, "C5")
{
	struct thread_info rows[16];
	unsigned int nr = threads_snapshot(rows, ARRAY_SIZE(rows));
	bool self = false, idle = false;

	for (unsigned int i = 0; i < MIN(nr, ARRAY_SIZE(rows)); i++) {
		self |= strcmp(rows[i].name, current->name) == 0 && rows[i].state == TASK_RUNNING;
		idle |= strcmp(rows[i].name, "idle") == 0;
	}
	EXPECT(nr >= 4);
	EXPECT(self && idle);
}

/* --- a completion and a preemption at the worst moment --- */

static struct thread *preempted; /* as soon as it runs again and gives back a lock */

static void preempt_soon(struct thread *thread)
{
	if (thread != preempted)
		return;
	preempted = NULL;
	this_cpu_write(need_resched, 1u);
}

static int pass_and_tell(void *unused)
{
	(void)unused;
	wait_for_completion(&t.completion);
	t.go = true;
	return 0;
}

static int complete_once_more(void *unused)
{
	(void)unused;
	(void)start(1, pass_and_tell);
	yield(); /* the test goes on: it passes, and is preempted before it has left the queue */
	complete(&t.completion);
	return 0;
}

KTEST(thread, who_has_passed_does_not_swallow_the_next_completion, "C3")
{
	static bool is_hooked;

	reset();
	if (!is_hooked)
		thread_add_switch_hook(NULL, preempt_soon);
	is_hooked = true;
	complete(&t.completion);
	REQUIRE(start(0, complete_once_more));
	preempted = current;
	this_cpu_write(need_resched, 1u);
	wait_for_completion(&t.completion);
	msleep(50);
	EXPECT(t.go);
	if (!t.go)
		complete(&t.completion);
	msleep(20);
}
