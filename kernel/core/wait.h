/* SPDX-License-Identifier: MIT */
/* Waiting until something is true, and for something to be done.
 *
 * A wait queue is a list of threads. wake_up() wakes every plain waiter and the one exclusive waiter that
 * waits longest. Who is woken leaves the queue at once, so that the next wake_up() meets the next. Lock: the
 * queue's own, interrupts off. Waking: any context. Waiting: may sleep. */
#pragma once

#include <kernel/core/preempt.h>
#include <kernel/core/spinlock.h>
#include <kernel/lib/list.h>
#include <kernel/lib/types.h>

struct thread;

struct wait_queue {
	struct spinlock lock;
	struct list_head waiters; /* plain ones in front, exclusive ones behind, each by arrival */
};

struct wait_entry {
	struct thread *thread;
	bool is_queued, is_exclusive;
	struct list_head link;
};

#define WAIT_QUEUE_INIT(name)                                                                                \
	{                                                                                                    \
		.lock = SPINLOCK_INIT(#name), .waiters = LIST_HEAD_INIT((name).waiters)                      \
	}

void wait_queue_init(struct wait_queue *queue);

/* nr exclusive waiters, 0: all. */
void wait_queue_wake(struct wait_queue *queue, unsigned int nr);
#define wake_up(queue)		     wait_queue_wake(queue, 1)
#define wake_up_nr(queue, nr)	     wait_queue_wake(queue, nr)
#define wake_up_all(queue)	     wait_queue_wake(queue, 0)
#define wake_up_interruptible(queue) wait_queue_wake(queue, 1)

bool waitqueue_active(struct wait_queue *queue);

/* Enters the queue, if it is not there, and sets the state; then look, schedule(), and again. `entry` starts
 * as WAIT_ENTRY. */
#define WAIT_ENTRY                                                                                           \
	{                                                                                                    \
		.thread = NULL                                                                               \
	}
void prepare_to_wait(struct wait_queue *queue, struct wait_entry *entry, int state);
void prepare_to_wait_exclusive(struct wait_queue *queue, struct wait_entry *entry, int state);
void finish_wait(struct wait_queue *queue, struct wait_entry *entry);

/* Supplied by thread.c; 2 is TASK_UNINTERRUPTIBLE, whose header needs this one. */
void schedule(void);
long schedule_timeout(long ticks);

#define WAIT_UNTIL(queue, condition, prepare)                                                                \
	do {                                                                                                 \
		struct wait_entry wait_entry_ = WAIT_ENTRY;                                                  \
		struct wait_queue *wait_queue_ = &(queue);                                                   \
		might_sleep();                                                                               \
		for (;;) {                                                                                   \
			prepare(wait_queue_, &wait_entry_, 2);                                               \
			if (condition)                                                                       \
				break;                                                                       \
			schedule();                                                                          \
		}                                                                                            \
		finish_wait(wait_queue_, &wait_entry_);                                                      \
	} while (0)

/* `queue` is the object, not its address, as in the books. */
#define wait_event(queue, condition)	       WAIT_UNTIL(queue, condition, prepare_to_wait)
#define wait_event_exclusive(queue, condition) WAIT_UNTIL(queue, condition, prepare_to_wait_exclusive)

/* There are no signals: never interrupted, always 0. */
#define wait_event_interruptible(queue, condition)                                                           \
	({                                                                                                   \
		wait_event(queue, condition);                                                                \
		0;                                                                                           \
	})

/* Result: 0 when the time is over and the condition false; else the ticks left, at least 1. */
#define wait_event_timeout(queue, condition, ticks)                                                          \
	({                                                                                                   \
		struct wait_entry wait_entry_ = WAIT_ENTRY;                                                  \
		struct wait_queue *wait_queue_ = &(queue);                                                   \
		long wait_left_ = (ticks);                                                                   \
		might_sleep();                                                                               \
		for (;;) {                                                                                   \
			prepare_to_wait(wait_queue_, &wait_entry_, 2);                                       \
			if (condition) {                                                                     \
				wait_left_ = wait_left_ > 0 ? wait_left_ : 1;                                \
				break;                                                                       \
			}                                                                                    \
			if (wait_left_ <= 0)                                                                 \
				break;                                                                       \
			wait_left_ = schedule_timeout(wait_left_);                                           \
		}                                                                                            \
		finish_wait(wait_queue_, &wait_entry_);                                                      \
		wait_left_;                                                                                  \
	})

/* --- completion --- */

struct completion {
	uint32_t done; /* how many may pass; UINT32_MAX: all */
	struct wait_queue queue;
};

#define COMPLETION_INIT(name)                                                                                \
	{                                                                                                    \
		.queue = WAIT_QUEUE_INIT((name).queue)                                                       \
	}
#define DECLARE_COMPLETION(name) struct completion name = COMPLETION_INIT(name)

void init_completion(struct completion *completion);

/* Lets one waiter pass, now or later; all of them, for good. Context: any. */
void complete(struct completion *completion);
void complete_all(struct completion *completion);

void wait_for_completion(struct completion *completion);

/* Result: as wait_event_timeout(). */
long wait_for_completion_timeout(struct completion *completion, long ticks);
bool completion_done(struct completion *completion);
