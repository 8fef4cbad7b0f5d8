/* SPDX-License-Identifier: MIT */
/* The sweep: an interrupt at each instruction boundary of a path, see test_sweep.c. Other files add paths of
 * their own, with one line of SWEEP() each. Guest only; one path at a time.
 *
 * prepare() makes the state in which run() takes the path, finish() takes back what run() did: free pages and
 * live objects are then what they were, whatever the interrupt's handler did in between. From prepare() to
 * the end of finish() neither tick nor serial line interrupt, so that a thread runs until it sleeps. */
#pragma once

#include <kernel/lib/types.h>
#include <tests/kernel/rival.h>
#include <tests/ktest.h>

struct sweep_path {
	const char *name;
	bool (*enter)(void); /* once before all; false: this machine is too small. NULL: nothing */
	void (*leave)(void);
	void (*prepare)(void);
	void (*run)(void);
	void (*finish)(void);
	void (*also)(void); /* the handler does this first; NULL: nothing */
	const struct rival_use
		*rival; /* what a thread does that preempts it, beside allocating; NULL: no more */
};

void sweep_path(const struct sweep_path *path, bool full);

/* A violation, unless. */
void sweep_expect(bool ok);

void sweep_nothing(void);

/* --- a thread beside --- */

/* Result: was there memory? */
bool sweep_partner_start(void);
void sweep_partner_stop(void);
struct thread *sweep_partner(void);

/* It will do that once, when it gets the CPU; not before. Then it parks. */
void sweep_partner_will(void (*does)(void));

/* It gets the CPU until it sleeps. */
void sweep_partner_settle(void);

/* One test in the bounded suite `suite_`, which is sweep, and one in sweep_full. */
#define KTEST_SWEEP(suite_, name_, proves_, ...)                                                             \
	static const struct sweep_path path_##name_ = {#name_, __VA_ARGS__};                                 \
	KTEST_BY_NAME(suite_, name_, proves_)                                                                \
	{                                                                                                    \
		sweep_path(&path_##name_, false);                                                            \
	}                                                                                                    \
	KTEST_BY_NAME(suite_##_full, name_, proves_)                                                         \
	{                                                                                                    \
		sweep_path(&path_##name_, true);                                                             \
	}
