/* SPDX-License-Identifier: MIT */
/* Time in ticks, and functions to be called at one. The tick counter is 32 bits wide and starts five minutes
 * before it wraps, so that comparing by subtraction (time_after()) is tried in every run.
 *
 * Timers lie in a wheel of five levels; a tick looks at one list, and every 256th moves one list a level
 * down.
 *
 * W1 A timer runs once, in softirq context, never before its tick; timers run in the order of their ticks.
 * W2 After del_timer_sync() the function does not run, nor will it. */
#pragma once

#include <kernel/lib/list.h>
#include <kernel/lib/types.h>

#define HZ		 250u
#define INITIAL_JIFFIES	 ((unsigned long)(uint32_t)(-300 * (int)HZ))
#define MAX_JIFFY_OFFSET 0x3ffffffful

extern volatile unsigned long jiffies;

#define time_after(a, b)     ((long)((unsigned long)(b) - (unsigned long)(a)) < 0)
#define time_before(a, b)    time_after(b, a)
#define time_after_eq(a, b)  ((long)((unsigned long)(a) - (unsigned long)(b)) >= 0)
#define time_before_eq(a, b) time_after_eq(b, a)

/* Rounded up; cut at MAX_JIFFY_OFFSET. */
static inline unsigned long msecs_to_jiffies(unsigned int ms)
{
	unsigned long ticks = ms / 1000 * HZ + (ms % 1000 * HZ + 999) / 1000;

	return ms / 1000 >= MAX_JIFFY_OFFSET / HZ ? MAX_JIFFY_OFFSET : ticks;
}

/* Rounded down; wrong from 49 days on. */
static inline unsigned int jiffies_to_msecs(unsigned long ticks)
{
	return (unsigned int)(ticks * (1000 / HZ));
}

struct timer_list {
	struct list_head entry; /* entry.next NULL: not pending */
	unsigned long expires;	/* tick */
	void (*function)(unsigned long data);
	unsigned long data;
};

#define TIMER_INITIALIZER(function_, expires_, data_)                                                        \
	{                                                                                                    \
		.expires = (expires_), .function = (function_), .data = (data_)                              \
	}
#define DEFINE_TIMER(name, function, expires, data)                                                          \
	struct timer_list name = TIMER_INITIALIZER(function, expires, data)

void init_timer(struct timer_list *timer);
void setup_timer(struct timer_list *timer, void (*function)(unsigned long), unsigned long data);

static inline bool timer_pending(const struct timer_list *timer)
{
	return timer->entry.next != NULL;
}

/* The timer must not be pending. A tick that is past is the next one. Context: any. */
void add_timer(struct timer_list *timer);

/* Sets the tick anew, pending or not. Result: 1 when it was pending. Context: any. */
int mod_timer(struct timer_list *timer, unsigned long expires);

/* Result: 1 when it was pending. Context: any; the function may be running. */
int del_timer(struct timer_list *timer);

/* Also waits for a running function. Context: may sleep; not from the function itself. */
int del_timer_sync(struct timer_list *timer);

/* Boot; and from the tick's interrupt. */
void timer_init(void);
void timer_tick(void);
