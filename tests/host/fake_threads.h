/* SPDX-License-Identifier: MIT */
/* Threads of the host: coroutines that can be tried in every order.
 *
 * A scene is two or three threads, and an interrupt. host_try_all() plays it again and again, each time with
 * other choices at its scheduling points, until all were had: depth first, without keeping states. A
 * scheduling point is where the kernel could be interrupted to some effect: before a lock is taken and after
 * it is given back with interrupts on, where interrupts or preemption are switched on again, in park and
 * unpark, where the clock is read; a scene names those that concern it. Each time something else than going
 * on is chosen there is a diversion (another thread, the interrupt, the clock jumps); a scene bounds their
 * number. When a thread sleeps or ends, all that are ready are tried, at no cost.
 *
 * F1 code between two scheduling points is atomic.
 * F2 setup brings the machine into the same state each time, and nothing else is random.
 *
 * Context: the test's own; no scene within a scene. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define HOST_THREADS_MAX 4

struct host_scene {
	const char *name;
	void (*setup)(void);
	void (*thread[HOST_THREADS_MAX])(void); /* as many as are not NULL */
	void (*interrupt)(void);   /* comes once, at any moment, and runs to its end; NULL: none */
	void (*at_rest)(void);	   /* whenever all threads sleep or have ended */
	void (*finish)(void);	   /* all have ended, and the interrupt has come */
	const char *const *points; /* scheduling points, see host_point(); ended by NULL */
	unsigned int max_diversions;
	unsigned int nr_clock_jumps; /* that many times, the clock may jump by clock_jump_ms at any moment */
	unsigned int clock_jump_ms;
};

/* Result: did each run pass? The first that does not is the last; it is noted, choice by choice. Notes how
 * many runs there were. */
bool host_try_all(const struct host_scene *scene);

/* This run has failed. Context: any of a scene. */
void host_scene_fail(const char *fmt, ...) PRINTF(1, 2);
#define FAIL_UNLESS(cond)                                                                                    \
	do {                                                                                                 \
		if (!(cond))                                                                                 \
			host_scene_fail("expected %s", #cond);                                               \
	} while (0)

/* Of the scene's n-th thread. */
void host_thread_kill(unsigned int n);
bool host_thread_sleeps(unsigned int n);
bool host_thread_has_ended(unsigned int n);

/* Name of the thread or interrupt that runs; "host" outside scenes. */
const char *host_thread_name(void);
