/* SPDX-License-Identifier: MIT */
/* Threads that wait for memory. Serves CONTRACT C3.
 *
 * A waiter says how to take what it wants. Whoever frees memory calls wait_serve() (pages/above.h), which lets the waiters
 * try, the longest waiting first, and gives what one took to it on the spot: nobody can come in between, and
 * who wakes up has its memory. Requests that may not sleep do not queue; requests that may, and find somebody
 * waiting, queue behind.
 *
 * W1 a waiter is in the queue from wait_enter() until it is served or leaves.
 * W2 at rest no waiter in the queue could be served by what is free: it is let try when it enters, and
 *    again after each free that comes later.
 * W3 while anybody waits, per-CPU lists of pages and objects are closed, so that each free is seen here.
 * W4 what was taken for a waiter is the waiter's, even if it was about to leave. */
#pragma once

#include <kernel/lib/list.h>
#include <mm/pages/above.h>
#include <mm/pages/zone.h>

struct mem_waiter {
	gfp_t gfp;	    /* (C) what is asked for; __GFP_HIGH is added by its own thread */
	unsigned int order; /* (C) */
	/* (C) Take it if it is there: sets page or object. Called with the queue's lock held, or, where a
	 * thread reclaims, before it queues. Sleeps not, wakes no waiter. */
	bool (*take)(struct mem_waiter *waiter);
	struct page *page; /* (L) what it got: either, or neither */
	void *object;	   /* (L) */
	bool is_served;	   /* (L) */
	bool has_slept;	   /* its thread's */
	uint64_t since_ms; /* (C) */
	struct port_thread *thread;
	struct list_head link;	      /* (L) */
	char woken_by[PORT_NAME_MAX]; /* (L) who freed what it got */
};

/* A waiter for 2^order pages. */
void wait_init(struct mem_waiter *waiter, gfp_t gfp, unsigned int order);

/* Queue up, at the end; then everybody in the queue may try. wait_leave() must follow. Context: process, may
 * sleep. */
void wait_enter(struct mem_waiter *waiter);

/* Sleep until served, killed, or timeout_ms are over. Result: was it served? Context: process, may sleep. */
bool wait_sleep(struct mem_waiter *waiter, unsigned int timeout_ms);

/* Result: was it served? Then page or object are the caller's. Context: process. */
bool wait_leave(struct mem_waiter *waiter);

bool wait_is_served(struct mem_waiter *waiter);

/* Was its thread killed, so that it should give up? Context: process. */
bool wait_is_hopeless(const struct mem_waiter *waiter);

/* Calls fn for each waiter in the queue, in order, the queue's lock not held. Context: as the validator's. */
void wait_for_each(void (*fn)(const struct mem_waiter *waiter));

/* The last waits, for reports. */
#define WAIT_LOG 16

struct wait_record {
	char task[PORT_NAME_MAX], woken_by[PORT_NAME_MAX];
	gfp_t gfp;
	unsigned int order;
	bool was_served, has_slept;
	uint64_t since_ms, until_ms;
};

/* The n-th last wait, 0 the last. Result: is there one? Context: any. */
bool wait_read_log(unsigned int n, struct wait_record *record);
