/* SPDX-License-Identifier: MIT */
/* Which context is this, in words; and the complaint of a sleeping function that was called where nobody may
 * sleep. The table of places keeps who was reported when, so that a loop cannot drown the console: the oldest
 * place makes room for a new one. Lock: context.lock. */
#include <kernel/core/preempt.h>

#include <kernel/arch/clock.h>
#include <kernel/core/backtrace.h>
#include <kernel/core/context_internal.h>
#include <kernel/core/ksym.h>
#include <kernel/core/printk.h>
#include <kernel/core/spinlock.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>

#define NR_PLACES   32
#define INTERVAL_MS 1000

struct place {
	const char *file;
	int line;
	unsigned int nr_left_out;
	uint64_t last_ms;
};

static struct {
	struct spinlock lock;
	struct place places[NR_PLACES]; /* (L) */
	unsigned int nr_reports;	/* (L) */
	bool threads_run;
} context = {.lock = SPINLOCK_INIT("places")};

void context_threads_run(void)
{
	context.threads_run = true;
}

const char *context_name(void)
{
	uint32_t count = preempt_count();

	if (count & HARDIRQ_MASK)
		return "hard irq";
	if (count & SOFTIRQ_OFFSET)
		return softirq_work_kind();
	if (count & SPIN_MASK)
		return "spinlock";
	if (count & SOFTIRQ_MASK)
		return "softirqs off";
	if (count & PREEMPT_MASK)
		return "preemption off";
	return irqs_disabled() ? "interrupts off" : "process";
}

const char *context_describe(char *buf, size_t size)
{
	const char *function = in_irq() || !in_serving_softirq() ? NULL : softirq_work_name();

	if (function)
		(void)snprintf(buf, size, "%s %s", context_name(), function);
	else
		(void)snprintf(buf, size, "%s", context_name());
	return buf;
}

bool context_may_sleep(void)
{
	return context.threads_run && !in_atomic() && !irqs_disabled();
}

static struct place *place_find(const char *file, int line)
{
	struct place *oldest = &context.places[0];

	for (unsigned int i = 0; i < NR_PLACES; i++) {
		struct place *place = &context.places[i];

		if (place->line == line && place->file && strcmp(place->file, file) == 0)
			return place;
		if (!place->file || place->last_ms < oldest->last_ms)
			oldest = place->file && !oldest->file ? oldest : place;
	}
	*oldest = (struct place){.file = file, .line = line};
	return oldest;
}

/* Is it this place's turn to be reported? *nr_left_out: how often it was not since the last time. */
static bool place_is_due(const char *file, int line, unsigned int *nr_left_out)
{
	uint64_t now = clock_now_ms();
	irqflags_t flags = raw_spin_lock_irqsave(&context.lock);
	struct place *place = place_find(file, line);
	bool due = place->last_ms == 0 || now - place->last_ms >= INTERVAL_MS;

	context.nr_reports++;
	*nr_left_out = place->nr_left_out;
	place->nr_left_out = due ? 0 : place->nr_left_out + 1;
	if (due)
		place->last_ms = MAX(now, (uint64_t)1);
	raw_spin_unlock_irqrestore(&context.lock, flags);
	return due;
}

static void report(const char *file, int line, unsigned int nr_left_out, uintptr_t ebp)
{
	char what[64];

	pr_err("BUG: sleeping function called from invalid context at %s:%d", file, line);
	pr_err("in_atomic(): %d, irqs_disabled(): %d, context: %s, task: %s", in_atomic(), irqs_disabled(),
	       context_describe(what, sizeof(what)), current->name);
	if (nr_left_out)
		pr_err("(%u more from here were left out)", nr_left_out);
	backtrace_print(0, ebp);
}

bool context_check_sleep(const char *file, int line)
{
	unsigned int nr_left_out;

	if (context_may_sleep())
		return true;
	if (context.threads_run && place_is_due(file, line, &nr_left_out))
		report(file, line, nr_left_out, (uintptr_t)__builtin_frame_address(0));
	return false;
}

unsigned int context_nr_reports(void)
{
	return context.nr_reports;
}

void context_forget_reports(void)
{
	irqflags_t flags = raw_spin_lock_irqsave(&context.lock);

	memset(context.places, 0, sizeof(context.places));
	raw_spin_unlock_irqrestore(&context.lock, flags);
}
