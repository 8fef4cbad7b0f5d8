/* SPDX-License-Identifier: MIT */
/* Wait queues and completions. An entry belongs to its queue's lock; whoever wakes takes it off the list. */
#include <kernel/core/wait.h>

#include <kernel/core/thread.h>

STATIC_ASSERT(TASK_UNINTERRUPTIBLE == 2, "wait.h knows this number");

void wait_queue_init(struct wait_queue *queue)
{
	spin_lock_init(&queue->lock, "wait queue");
	list_init(&queue->waiters);
}

static void entry_remove(struct wait_entry *entry)
{
	list_del(&entry->link);
	entry->is_queued = false;
}

/* The lock is held. */
static void wake_locked(struct wait_queue *queue, unsigned int nr_exclusive)
{
	struct wait_entry *entry, *tmp;

	list_for_each_entry_safe(entry, tmp, &queue->waiters, link) {
		bool counts = entry->is_exclusive;

		entry_remove(entry);
		if (wake_up_process(entry->thread) && counts && --nr_exclusive == 0)
			break;
	}
}

void wait_queue_wake(struct wait_queue *queue, unsigned int nr)
{
	irqflags_t flags = spin_lock_irqsave(&queue->lock);

	wake_locked(queue, nr);
	spin_unlock_irqrestore(&queue->lock, flags);
}

bool waitqueue_active(struct wait_queue *queue)
{
	return !list_is_empty(&queue->waiters);
}

static void prepare(struct wait_queue *queue, struct wait_entry *entry, int state, bool is_exclusive)
{
	irqflags_t flags = spin_lock_irqsave(&queue->lock);

	if (!entry->is_queued) {
		entry->thread = current;
		entry->is_exclusive = is_exclusive;
		entry->is_queued = true;
		if (is_exclusive)
			list_add_tail(&entry->link, &queue->waiters);
		else
			list_add(&entry->link, &queue->waiters);
	}
	set_current_state((uint32_t)state);
	spin_unlock_irqrestore(&queue->lock, flags);
}

void prepare_to_wait(struct wait_queue *queue, struct wait_entry *entry, int state)
{
	prepare(queue, entry, state, false);
}

void prepare_to_wait_exclusive(struct wait_queue *queue, struct wait_entry *entry, int state)
{
	prepare(queue, entry, state, true);
}

void finish_wait(struct wait_queue *queue, struct wait_entry *entry)
{
	irqflags_t flags = spin_lock_irqsave(&queue->lock);

	set_current_state(TASK_RUNNING);
	if (entry->is_queued)
		entry_remove(entry);
	spin_unlock_irqrestore(&queue->lock, flags);
}

/* --- completion --- */

void init_completion(struct completion *completion)
{
	completion->done = 0;
	wait_queue_init(&completion->queue);
}

void complete(struct completion *completion)
{
	irqflags_t flags = spin_lock_irqsave(&completion->queue.lock);

	if (completion->done != UINT32_MAX)
		completion->done++;
	wake_locked(&completion->queue, 1);
	spin_unlock_irqrestore(&completion->queue.lock, flags);
}

void complete_all(struct completion *completion)
{
	irqflags_t flags = spin_lock_irqsave(&completion->queue.lock);

	completion->done = UINT32_MAX;
	wake_locked(&completion->queue, 0);
	spin_unlock_irqrestore(&completion->queue.lock, flags);
}

static bool completion_take(struct completion *completion)
{
	irqflags_t flags = spin_lock_irqsave(&completion->queue.lock);
	bool done = completion->done != 0;

	if (done && completion->done != UINT32_MAX)
		completion->done--;
	spin_unlock_irqrestore(&completion->queue.lock, flags);
	return done;
}

/* Who passed may have been woken for another complete() before it had left the queue: then the next is. */
static void completion_pass_on(struct completion *completion)
{
	irqflags_t flags = spin_lock_irqsave(&completion->queue.lock);

	if (completion->done)
		wake_locked(&completion->queue, 1);
	spin_unlock_irqrestore(&completion->queue.lock, flags);
}

void wait_for_completion(struct completion *completion)
{
	wait_event_exclusive(completion->queue, completion_take(completion));
	completion_pass_on(completion);
}

long wait_for_completion_timeout(struct completion *completion, long ticks)
{
	return wait_event_timeout(completion->queue, completion_take(completion), ticks);
}

bool completion_done(struct completion *completion)
{
	return READ_ONCE(completion->done) != 0;
}
