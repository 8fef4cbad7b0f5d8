/* SPDX-License-Identifier: MIT */
/* A thread that is given the CPU at an instruction of our choosing, and uses what the code it stopped uses.
 *
 * An interrupt calls it: it runs next, takes, and sleeps with what it took in its hands, so that the thread it
 * stopped goes on beside it. When that one is done the rival is told to go on too: it looks whether all is as
 * it left it, and gives back. It may sleep in either half, when it must wait for what it takes.
 *
 * RV1 A use that was begun ends before the next begins. Context: guest only; one rival at a time. */
#pragma once

#include <kernel/lib/types.h>
#include <mm/pages/page.h>

struct rival_use {
	void (*take)(void);
	void (*give)(void); /* and looks */
};

/* Result: was there memory? */
bool rival_start(void);
void rival_stop(void);

/* The rival runs as soon as the CPU may change threads. Context: interrupt. */
void rival_call(const struct rival_use *use);

/* Uses begun so far. */
uint32_t rival_nr_begun(void);

/* Gives it the CPU until it has given back; at once when it was not called. Result: has it? Context: process. */
bool rival_settle(void);

/* Nothing but the CPU. */
extern const struct rival_use rival_runs;

/* Two windows of its CPU, live while the other thread runs; a permanent one, and one given back before the
 * other thread needs it; an area; a cache. Each looks whether it finds its own, and no other's. */
extern const struct rival_use rival_maps_local, rival_maps, rival_maps_briefly, rival_has_area,
	rival_has_cache;

/* What the looks found wrong, since rival_start(). */
uint32_t rival_nr_wrong(void);

/* Of the page of high memory that another thread wrote only `word` words of, from the first: the rest must be
 * zero, for nobody else may have written there. Result: is it? */
bool rival_kept_off(struct page *page, unsigned int words);
