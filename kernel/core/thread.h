/* SPDX-License-Identifier: MIT */
/* Kernel threads on one run queue: preemptive round robin, THREAD_SLICE ticks each. A thread that becomes
 * ready goes to the queue's end; the idle thread runs when the queue is empty.
 *
 * TH1 A thread is in exactly one place: running, on the run queue, or neither (it sleeps and somebody knows
 *     it).
 * TH2 Going to sleep is three steps: set_current_state(); look whether to sleep at all; schedule(). A
 *     wake-up after the first step is not lost, whatever comes in between, preemption included.
 * TH3 A thread's stack and struct live until its last reference is dropped; the thread itself holds one
 *     until it is off its stack for good.
 *
 * TH7 A stack is painted before its thread begins: what is no longer painted was used.
 *
 * One lock for run queue and states, held for a few instructions. */
#pragma once

#include <kernel/core/atomic.h>
#include <kernel/core/err.h>
#include <kernel/core/preempt.h>
#include <kernel/core/wait.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/list.h>
#include <kernel/lib/types.h>

#define THREAD_NAME_MAX	    24
#define THREAD_SLICE	    5 /* ticks */
#define THREAD_KMAP_SLOTS   16
#define THREAD_SWITCH_HOOKS 4

enum thread_state {
	TASK_RUNNING,	      /* or ready */
	TASK_INTERRUPTIBLE,   /* sleeps; wake_up_process() ends it */
	TASK_UNINTERRUPTIBLE, /* the same; the books' other name */
	TASK_PARKED,	      /* sleeps; thread_unpark() ends it, nothing else */
	TASK_DEAD,
};

struct thread_source;
struct user_space;
struct program;

struct thread {
	uintptr_t sp;		/* while it does not run */
	uint32_t preempt_count; /* the same */
	uint32_t state;		/* enum thread_state */
	bool is_ready;		/* runs or is on the run queue */
	bool is_unparked;	/* an unpark came before the park */
	bool should_stop;
	bool is_in_blk; /* blkdev's: it gets a request */
	bool is_program; /* the first to be killed; begins whatever it was told before: it has things to give back */
	bool is_killed; /* it is to end, and gets no more memory that it would have to wait for */
	bool is_in_fs;	/* vfs.h, V4 */
	uint32_t slice; /* ticks left */
	union {
		char name[THREAD_NAME_MAX];
		char comm[THREAD_NAME_MAX]; /* in the books */
	};
	union {
		unsigned int id;
		int pid; /* in the books */
	};
	uint32_t nr_ticks, nr_switches;
	struct list_head run_link, all_link;
	void *stack;
	size_t stack_bytes;
	int (*function)(void *arg);
	void *arg;
	int exit_code;
	atomic_t nr_refs;
	struct completion exited;
	const struct thread_source *source; /* who gets struct and stack back; NULL: nobody */
	void *trap_word;		    /* see kernel/arch/trap.h */

	/* For switch hooks and for mm, which alone know what these mean; 0 in a new thread: the live
	 * kmap_local slots that follow the thread, and the allocation scopes it is in. */
	uint64_t kmap_slots[THREAD_KMAP_SLOTS];
	uint32_t nr_kmap_slots;
	uint32_t mm_scope;
	const struct user_space *space;	 /* what it sees below the kernel; NULL: nothing */
	struct program *program;	 /* that runs in it, or NULL */
	size_t (*held_pages)(void *arg); /* NULL: nobody may kill it */
	void *held_arg;
};

#define current this_cpu_read(current_thread)

/* --- scheduling --- */

/* Makes the running code the first thread, named "boot"; creates the idle thread. Boot, after a source is
 * registered. */
void thread_system_init(void);

/* An idle thread for the CPU of that number, which enters it by thread_idle(), on its stack. Result: NULL, no memory. Boot. */
struct thread *thread_make_idle(unsigned int cpu);
NORETURN void thread_idle(void);

/* The CPU to another thread; back when it is this one's turn. Context: may sleep; with interrupts off they
 * are on while others run. */
void schedule(void);
void yield(void);

/* Seen by all CPUs before this one looks whether to sleep at all (TH2). */
#define set_current_state(state_)                                                                            \
	do {                                                                                                 \
		__atomic_store_n(&current->state, (state_), __ATOMIC_SEQ_CST);                               \
	} while (0)
#define __set_current_state(state_) set_current_state(state_)

/* Ends a sleep. Result: did it sleep? Context: any. */
bool wake_up_process(struct thread *thread);

/* Sleeps in the state set before, for at most that many ticks. Result: ticks left, 0 when they are over. */
#define MAX_SCHEDULE_TIMEOUT 0x7fffffffl
long schedule_timeout(long ticks);
long schedule_timeout_uninterruptible(long ticks);

/* At least that long. */
void msleep(unsigned int ms);

/* Sleeps until unparked; an unpark that came before is remembered, once, and then it does not sleep. */
void thread_park(void);
void thread_unpark(struct thread *thread);

/* The same for at most that many ticks. */
void thread_park_timeout(long ticks);

/* From the tick's interrupt; and after an interrupt that may change threads, interrupts off. */
void thread_tick(void);
void thread_preempt_irq(void);

/* Called with the thread that leaves the CPU and with the one that gets it, interrupts off. At most
 * THREAD_SWITCH_HOOKS; either may be NULL. Boot. */
void thread_add_switch_hook(void (*out)(struct thread *), void (*in)(struct thread *));

/* --- threads --- */

/* A thread on a stack of the caller's; it sleeps until wake_up_process(). `thread` and stack stay the
 * caller's and must live until thread->exited. Context: any. */
void thread_init(struct thread *thread, void *stack, size_t stack_bytes, int (*function)(void *), void *arg,
		 const char *name);

/* Where struct and stack of kthread_create()'s threads come from. alloc: NULL when there is no memory. Both
 * may sleep. */
struct thread_source {
	struct thread *(*alloc)(void **stack, size_t *stack_bytes);
	void (*free)(struct thread *thread);
};
void thread_set_source(const struct thread_source *source);

/* Runs function(arg) in a new thread that sleeps until wake_up_process() (kthread_run(): at once). Result:
 * the thread, or ERR_PTR(-ENOMEM). Context: may sleep. */
struct thread *kthread_create(int (*function)(void *arg), void *arg, const char *fmt, ...)
	PRINTF(3, 4) MUST_CHECK;
#define kthread_run(function, arg, ...)                                                                      \
	({                                                                                                   \
		struct thread *kthread_ = kthread_create(function, arg, __VA_ARGS__);                        \
		if (!IS_ERR(kthread_))                                                                       \
			wake_up_process(kthread_);                                                           \
		kthread_;                                                                                    \
	})

/* Asks it to end, wakes it and waits until its function has returned. Result: what that returned, -EINTR when
 * it never began. The thread must not have ended before, unless the caller has a reference. Context: may
 * sleep. */
int kthread_stop(struct thread *thread);
bool kthread_should_stop(void);

/* Ends the running thread. */
NORETURN void do_exit(int code);

/* The running thread may be killed when memory is out; it holds held_pages(arg) pages, which it gives back as
 * it ends. held_pages: called with interrupts off. NULL: no more. Serves R4. */
void thread_set_expendable(size_t (*held_pages)(void *arg), void *arg);

/* Kills the expendable thread that holds most, programs before others, unless one that was killed has yet to end. Result:
 * THREAD_KILLED, its name (THREAD_NAME_MAX bytes) and pages; THREAD_DYING; THREAD_NO_VICTIM. Context: any. */
enum thread_victim { THREAD_NO_VICTIM, THREAD_DYING, THREAD_KILLED };
enum thread_victim thread_kill_largest(bool is_overdue, char *name, size_t *nr_pages);

/* It is told to stop and woken wherever it sleeps. Its function sees kthread_should_stop(). Context: any. */
void thread_kill(struct thread *thread);

/* A reference keeps struct and stack. thread_put: context may sleep. */
void thread_get(struct thread *thread);
void thread_put(struct thread *thread);

/* --- to be seen --- */

struct thread_info {
	unsigned int id;
	enum thread_state state;
	bool is_ready;
	char name[THREAD_NAME_MAX];
	uint32_t nr_ticks, nr_switches;
	uintptr_t stack; /* its lowest address; 0: not known, the stack that the kernel booted on */
	size_t stack_bytes, stack_left;
	size_t stack_most; /* of stack_bytes, ever */
};

/* Copies at most max rows, oldest first. Result: how many threads there are. Context: any. */
unsigned int threads_snapshot(struct thread_info *rows, unsigned int max);
const char *thread_state_name(enum thread_state state);

/* Of the running thread's, 0 on the stack that the kernel booted on. */
size_t thread_stack_left(void);

/* Of those that have ended and were freed, who used most of its stack: name and sizes are set. Context: any. */
void thread_deepest(struct thread_info *info);

/* For who went deep on purpose: the running thread's stack is as if it had never been deeper than it is now. */
void thread_forget_depth(void);

/* Prints where the thread is, which does not run meanwhile. Result: false when there is none with that number.
 * Context: any. */
bool thread_backtrace(unsigned int id);

/* The thread's name, or in interrupts what runs there ("hard irq"). Context: any. */
const char *thread_or_context_name(void);
