/* SPDX-License-Identifier: MIT */
/* Threads that wait for memory. Serves CONTRACT C3.
 *
 * A waiter says what it wants and how to take it. Whoever frees memory serves: of those whom what was freed
 * can serve the longest waiting takes, and has it on the spot: nobody can come in between, and who wakes up
 * has its memory. Who cannot be served is not asked, however many there are. Requests that may not sleep do
 * not queue; requests that may, and find somebody waiting, queue behind.
 *
 * W1 a waiter is in the queue, and in the lists of what it wants, from wait_enter() until it is served or leaves.
 * W2 at rest no waiter in the queue could be served by what is free. A free serves WAIT_SERVED_AT_ONCE at most, so
 *    that it is never slow; whoever leaves serves all that are left: only while nobody is about to leave is there rest.
 * W3 while anybody is in the queue, per-CPU lists of pages and objects are closed and empty, so that each free is
 *    seen here.
 * W4 what was taken for a waiter is the waiter's, even if it was about to leave.
 *
 * What is no memory yet, but would be after a pass of reclaim, nobody serves: then one of those who wait is told to look
 * (wait_look()). */
#pragma once

#include <kernel/lib/list.h>
#include <mm/pages/above.h>
#include <mm/pages/zone.h>

#define WAIT_SERVED_AT_ONCE 2u

/* As a structure, a few words to copy. */
struct wait_name {
	char text[PORT_NAME_MAX];
};

struct mem_waiter {
	gfp_t gfp;	    /* (L) what is asked for */
	unsigned int order; /* (C) */
	/* (C) Take it if it is there: sets page or object. Called with the queue's lock held, or, where a
	 * thread reclaims, before it queues. Sleeps not, wakes no waiter. */
	bool (*take)(struct mem_waiter *waiter);
	struct list_head *objects; /* (C) who waits for an object of that cache; NULL: it wants pages alone */
	struct page *page;	   /* (L) what it got: either, or neither */
	void *object;		   /* (L) */
	bool is_served;		   /* (L) */
	bool has_slept;		   /* its thread's */
	bool should_look;	   /* set (L), cleared by its thread: reclaim may find something */
	uint64_t since_ms;	   /* (C) */
	struct port_thread *thread;
	uint32_t number;			     /* (L) of its arrival */
	uint8_t row;				     /* (L) of the table of those who want pages */
	struct list_head link, of_pages, of_objects; /* (L) in the queue; in the lists of what it wants */
	struct wait_name woken_by;		     /* (L) who freed what it got */
};

/* Makes room for who waits for one node's memory. Context: boot, before the hand-over. */
void wait_init_nodes(void);

/* A waiter for 2^order pages. */
void wait_init(struct mem_waiter *waiter, gfp_t gfp, unsigned int order);

/* Does it want a page, or, with __GFP_NO_GROW, an object and nothing else? */
static inline bool wait_wants_pages(const struct mem_waiter *waiter)
{
	return !waiter->objects || !gfp_has(waiter->gfp, __GFP_NO_GROW);
}

/* Queue up, at the end; then everybody in the queue may try. wait_leave() must follow. Context: process, may
 * sleep. */
void wait_enter(struct mem_waiter *waiter);

/* Sleep until served, killed, told to look, or end_ms has come. Result: was it served? Context: process, may sleep. */
bool wait_sleep(struct mem_waiter *waiter, uint64_t end_ms);

/* It looks: what comes from now on it is told of again. Context: its thread. */
void wait_begin_look(struct mem_waiter *waiter);

/* A pass of reclaim would find more than before: one who was not told yet is. Context: any, no lock of mm held. */
void wait_look_slow(void);

static inline void wait_look(void)
{
	if (unlikely(wait_somebody()))
		wait_look_slow();
}

/* Then others may try. Result: was it served? Then page or object are the caller's. Context: process. */
bool wait_leave(struct mem_waiter *waiter);

bool wait_is_served(struct mem_waiter *waiter);

/* Was its thread killed, so that it should give up? Context: process. */
bool wait_is_hopeless(const struct mem_waiter *waiter);

/* From now on it may have the last pages. Its place in the queue stays. Context: its thread. */
void wait_raise(struct mem_waiter *waiter);

/* Whoever wants pages and can have them gets them. Context: process. */
void wait_serve_all(void);

/* Objects of the cache whose waiters these are came back. Context: any, no lock of mm held. */
void wait_serve_objects_slow(struct list_head *objects);

static inline void wait_serve_objects(struct list_head *objects)
{
	if (unlikely(!list_is_empty(objects)))
		wait_serve_objects_slow(objects);
}

/* Calls fn for each waiter in the queue, in order, the queue's lock not held. Context: as the validator's. */
void wait_for_each(void (*fn)(const struct mem_waiter *waiter));

/* What is wrong with the lists of those who wait, or NULL. Context: as the validator's. */
const char *wait_check(void);

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
