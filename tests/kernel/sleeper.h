/* SPDX-License-Identifier: MIT */
/* Threads that ask for memory and sleep until they get it, for the suites about waiting. Guest only.
 *
 * A test fills in what is asked for, creates its sleepers while there is memory (a thread needs some), brings
 * the machine to its edge, and then lets them ask. Context: the test's thread. */
#pragma once

#include <kernel/core/thread.h>
#include <mm/objects/slab.h>
#include <mm/pages/gfp.h>
#include <mm/pages/page_alloc.h>

#define SLEEPER_MS 30000u /* for anything to happen: then a test has failed */

struct sleeper {
	/* what it asks for: an object of the cache, else `size` bytes, else 2^order pages */
	gfp_t gfp;
	struct kmem_cache *cache;
	size_t size;
	unsigned int order;

	/* what it got */
	struct page *page;
	void *object;
	volatile bool is_done;
	unsigned int turn; /* 1 for the one that was done first */

	struct thread *thread;
};

/* A thread for each, ready to begin. Result: was there memory? */
bool sleepers_create(struct sleeper *sleepers, unsigned int nr);

/* It asks now. Back when it sleeps or is done. Result: does it sleep? */
bool sleeper_asks(struct sleeper *sleeper);

bool sleeper_sleeps(const struct sleeper *sleeper);

/* Lets others run until it is done, without waiting for a tick. Result: is it? */
bool sleeper_is_woken(struct sleeper *sleeper);

/* Waits until it is done. Result: is it? */
bool sleeper_ends(struct sleeper *sleeper);

/* Gives back what they got, and the threads. Those that still sleep are killed. */
void sleepers_release(struct sleeper *sleepers, unsigned int nr);

/* The same for those of a local variable, by whatever return: ENDS_WITH(sleepers_end_2) struct sleeper sleepers[2]. */
static inline void sleepers_end_1(struct sleeper *sleeper)
{
	sleepers_release(sleeper, 1);
}

static inline void sleepers_end_2(struct sleeper (*sleepers)[2])
{
	sleepers_release(*sleepers, 2);
}

static inline void sleepers_end_3(struct sleeper (*sleepers)[3])
{
	sleepers_release(*sleepers, 3);
}
