/* SPDX-License-Identifier: MIT */
/* Write-back: what is dirty reaches its disk, though nobody waits for it. Serves CONTRACT R2, R3, R6, R7.
 *
 * A flusher is a thread and the mappings that lie on one disk. In each turn it goes once through those that have dirty pages
 * and writes the ones that are due:
 *
 *   age     their first page became dirty WRITEBACK_AGE_MS ago, or it was that long ago that they were written
 *   share   more than dirty_background_ratio percent of what could be are dirty: until it is less
 *   need    reclaim found dirty pages that it may not write, or too many: until so many are on their way
 *   sync    writeback_sync() asks for all
 *
 * Pages go by index, so that the disk's queue merges neighbours. One that somebody has locked, or that is on its way, is passed
 * by; sync alone waits for it.
 *
 * WB1 a mapping with a flusher and dirty pages is in the flusher's list; it leaves when the flusher finds it clean, or as it is
 *     destroyed. The flusher looks at one at a time, and that one does not go meanwhile.
 * WB2 a flusher asks for no memory: the blocks of what it writes exist (MA4), and requests come out of a reserve (R3).
 * WB3 whoever is slowed down holds no lock, and looks again by time; whoever writes to a disk that has failed, and would have to
 *     wait, is told instead.
 * WB4 a page whose writing failed stays dirty; the flusher tries it again WRITEBACK_TRIES times, WRITEBACK_RETRY_MS apart, and
 *     leaves it to whoever syncs then.
 * WB5 what was dirty when writeback_sync() was called has been written, or has failed, or its flusher has ended, when it returns.
 *
 * Lock: writeback's own (W), under a mapping's; interrupts off. */
#pragma once

#include <mm/cache/pagecache.h>

#define WRITEBACK_AGE_MS    30000u
#define WRITEBACK_PERIOD_MS 1000u /* of turns while anything is dirty */
#define WRITEBACK_RETRY_MS  1000u
#define WRITEBACK_TRIES	    5u
#define WRITEBACK_PAUSE_MS  20u /* of whoever is slowed down */
#define WRITEBACK_CHUNK	    16u /* pages that may be written between two calls of writeback_throttle() */

/* All 0 at first. (C) constant after flusher_start()  (W) writeback's lock  (F) the flusher's thread alone */
struct flusher {
	const char *name;			   /* (C) of the thread */
	struct port_thread *thread;		   /* (W) NULL: has not begun yet */
	struct list_head all;			   /* (W) every flusher */
	struct list_head mappings;		   /* (W) WB1 */
	size_t nr_mappings;			   /* (W) */
	struct mapping *busy;			   /* (W) where it is: WB1 */
	struct port_thread *leaver;		   /* (W) who destroys that one, and waits */
	size_t nr_needed;			   /* (W) pages, of reclaim; 0 once it has begun with them */
	uint32_t nr_synced;			   /* (W) WB5: up to which call of writeback_sync() */
	bool is_kicked;				   /* (W) woken since its last turn began */
	bool should_end, has_ended;		   /* (W) */
	struct port_thread *stopper;		   /* (W) */
	size_t nr_written, nr_turns, nr_passed_by; /* (F) pages begun, turns, pages passed by */
};

/* Its thread begins; mapping->flusher may point to it from now on. Result: was there memory? Context: process, may sleep. */
bool flusher_start(struct flusher *flusher, const char *name) MUST_CHECK;

/* Ends the thread, and waits for that. None of its mappings is there any more. Context: process, may sleep. */
void flusher_stop(struct flusher *flusher);

/* Waits until writers may go on: called before each WRITEBACK_CHUNK pages are written to the mapping. Result: 0; -EIO: there is
 * too much that is dirty, and writing this mapping has failed; -EINTR: the thread was killed. Context: process, may sleep; no
 * lock at all (WB3). */
int writeback_throttle(struct mapping *mapping) MUST_CHECK;

/* WB5. Errors are told by pagecache_sync(). Context: process, may sleep, no page locked. */
void writeback_sync(void);

/* Reclaim wants so many pages clean. Context: any. */
void writeback_need(size_t nr_pages);

/* How many dirty pages, of a hundred that are free or hold files, wake the flushers, and slow writers down. Kept in 1 to 100, the
 * first below the second. */
void writeback_set_ratios(unsigned int background, unsigned int dirty);

struct writeback_limits {
	size_t background, dirty; /* pages, as of now */
};
struct writeback_limits writeback_limits(void);

/* --- for mapping.c and tests --- */

/* The mapping has its first dirty page. Context: its lock held. */
void flusher_add_locked(struct mapping *mapping);

/* The mapping has no pages any more, and goes; waits while its flusher is at it. Context: process, may sleep. */
void flusher_forget(struct mapping *mapping);

/* A turn, the flusher's thread's own. Result: are there mappings left in the list? */
bool flusher_turn(struct flusher *flusher);

/* Its life; and what comes before and after it, for a flusher without a thread. */
int flusher_life(void *flusher);
void flusher_enter(struct flusher *flusher, const char *name);
void flusher_leave(struct flusher *flusher);

/* Context: boot. */
void writeback_init(void);
