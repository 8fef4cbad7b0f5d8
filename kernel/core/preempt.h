/* SPDX-License-Identifier: MIT */
/* What the running code may do, in one word per CPU. In Linux's layout, and a field of ours at the top:
 *
 *   bits  0-7   preemption switched off this often; a spinlock counts here too
 *   bits  8-15  bit 8: a softirq, tasklet or timer runs; from bit 9: softirqs switched off this often
 *   bits 16-19  hard interrupt handlers, nested
 *   bits 24-31  spinlocks held
 *
 * P1 The word is 0 exactly when the running code may be preempted and, interrupts being on, may sleep.
 *    Interrupts switched off by hand are a matter of their own: irqs_disabled().
 * P2 It belongs to the thread: the scheduler saves and loads it. An interrupt leaves it as it found it.
 * P3 preempt_enable() that brings it to 0 gives the CPU away when somebody waits for it.
 *
 * Context: any. */
#pragma once

#include <kernel/arch/irqflags.h>
#include <kernel/arch/percpu.h>
#include <kernel/lib/compiler.h>

#define PREEMPT_OFFSET	 0x00000001u
#define SOFTIRQ_OFFSET	 0x00000100u /* one runs */
#define SOFTIRQ_DISABLED 0x00000200u /* switched off once */
#define HARDIRQ_OFFSET	 0x00010000u
#define SPIN_OFFSET	 0x01000000u
#define PREEMPT_MASK	 0x000000ffu
#define SOFTIRQ_MASK	 0x0000ff00u
#define HARDIRQ_MASK	 0x000f0000u
#define SPIN_MASK	 0xff000000u

DECLARE_PERCPU(uint32_t, need_resched); /* 1: the scheduler wants the CPU at the next chance */

/* Gives the CPU away when it may: the slow half of preempt_enable(). */
void preempt_check(void);

static inline uint32_t preempt_count(void)
{
	return this_cpu_read(preempt_count);
}

static inline bool in_irq(void)
{
	return preempt_count() & HARDIRQ_MASK;
}

/* In a softirq, tasklet or timer, or where those are switched off. */
static inline bool in_softirq(void)
{
	return preempt_count() & SOFTIRQ_MASK;
}

static inline bool in_serving_softirq(void)
{
	return preempt_count() & SOFTIRQ_OFFSET;
}

static inline bool in_interrupt(void)
{
	return preempt_count() & (HARDIRQ_MASK | SOFTIRQ_MASK);
}

static inline bool in_atomic(void)
{
	return preempt_count() != 0;
}

static inline void preempt_disable(void)
{
	this_cpu_add(preempt_count, PREEMPT_OFFSET);
}

static inline void preempt_enable_no_resched(void)
{
	this_cpu_add(preempt_count, -PREEMPT_OFFSET);
}

static inline void preempt_enable(void)
{
	if (this_cpu_add_is_zero(preempt_count, -PREEMPT_OFFSET) && unlikely(this_cpu_read(need_resched)))
		preempt_check();
}

/* --- names, complaints --- */

/* "hard irq" "softirq" "timer" "tasklet" "spinlock" "softirqs off" "preemption off" "interrupts off"
 * "process": the first that fits. */
const char *context_name(void);

/* The same with the tasklet's, timer's or softirq's name, cut to size: "tasklet rx_work". Result: buf. */
const char *context_describe(char *buf, size_t size);

/* May the caller sleep? Silent. Before the first thread runs nobody may. */
bool context_may_sleep(void);

/* The same; when not, says "BUG: sleeping function called from invalid context at FILE:LINE" with context,
 * task and backtrace. A place is reported at once, then at most once a second with the number left out.
 * Before the first thread runs: false, silently. */
bool context_check_sleep(const char *file, int line);

/* Reports asked for so far, printed or left out; and forgetting when which place was reported, for tests. */
unsigned int context_nr_reports(void);
void context_forget_reports(void);

/* At the top of what may sleep. Result: may it? */
#define might_sleep()                                                                                        \
	((void)((unlikely(in_atomic() || irqs_disabled())) && !context_check_sleep(__FILE__, __LINE__)))
