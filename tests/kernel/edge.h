/* SPDX-License-Identifier: MIT */
/* Memory at its edge for as long as a soak lasts. A hog keeps the free pages of low memory around `min`,
 * sometimes at 0, sometimes above `low`; a shrinker has a stock of pages that it gives back when asked; a
 * thread that may be killed holds pages, and is followed by another when it was; and a watchdog looks each
 * tick whether anybody sleeps for memory although there is some.
 *
 * ED1 a waiter was forgotten when no thread is ready to run but the watchdog, so that every free that was
 * under way is over, and it sleeps although what is free would serve it, or although it was served. Guest
 * only; context: process. */
#pragma once

#include <mm/objects/slab.h>
#include <mm/pages/gfp.h>

/* What a thread asks for, kept for the watchdog. */
struct edge_ask {
	struct thread *thread;
	gfp_t gfp;
	unsigned int order;	  /* of the pages, or of a slab of the cache */
	struct kmem_cache *cache; /* NULL: pages are asked for */
	volatile bool is_asking;
	uint64_t since_ms, longest_ms;
};

/* Around a request that may sleep. size_bytes: cache is kmalloc's own, if it has one for that. */
void edge_ask_pages(struct edge_ask *ask, gfp_t gfp, unsigned int order);
void edge_ask_cache(struct edge_ask *ask, gfp_t gfp, struct kmem_cache *cache);
void edge_ask_kmalloc(struct edge_ask *ask, gfp_t gfp, size_t size_bytes);
void edge_got(struct edge_ask *ask);

/* Watches these, and brings memory to its edge. Result: was there memory for the threads? */
bool edge_begin(struct edge_ask *const *asks, unsigned int nr);

/* Now and then: a new expendable thread for one that was killed. */
void edge_tend(void);

/* Lets go and ends all of its threads. */
void edge_end(void);

struct edge_counts {
	unsigned int nr_looks, nr_rests;	    /* of the watchdog; while nobody else was ready */
	unsigned int nr_seen;			    /* sleeping waiters that it saw at rest */
	unsigned int nr_forgotten;		    /* ED1 */
	unsigned int nr_validations, nr_violations; /* at rest: waiters that could be served are one */
	unsigned int nr_victims, nr_shrunk;
	size_t least_free, most_hogged;
};
struct edge_counts edge_counts(void);
