/* SPDX-License-Identifier: MIT */
/* The contract of a disk: what its users ask, and what its driver does. Serves CONTRACT R3, R7.
 *
 * A request names a device, a direction, the first sector, pieces of pages, and who is to be told. Requests wait in the
 * device's queue, where neighbours are merged into commands; the driver, a thread of its own, takes one command after another
 * (blk_next()) and says how each ended (blk_command_done()). Errors are values: -EIO (the disk says so), -ETIMEDOUT (it does not
 * answer), -ENODEV (it is gone), -EROFS, -EINVAL (refused by blk_submit()).
 *
 * BD1 A request that was accepted is told its result exactly once.
 * BD2 Of two requests that overlap, one of them a write, the one that came first is done before the other is begun. A
 *     flush overlaps everything: it begins when all before it are done, and what comes after it waits for it.
 * BD3 The elevator goes one way, from low sectors to high ones and then back to the lowest; but who waits for BLK_AGE_TICKS
 *     is next.
 * BD4 A merged command that fails is done again in its parts: who asked for sound sectors gets them.
 * BD5 Nothing here allocates but blk_request_get(), which waits for an element of a reserve (GFP_NOIO) and, as at most
 *     BLK_QUEUE_MAX requests of a device are handed out, for room.
 * BD6 A thread inside blk_request_get() does not come in again: what it asks memory for starts no I/O (G4). A BUG in every
 *     build.
 *
 * Lock: blk_device.lock (L), alone, interrupts off; for one pass over the queue at most. No callback is called under it.
 */
#pragma once

#include <kernel/core/spinlock.h>
#include <kernel/core/timer.h>
#include <kernel/core/wait.h>
#include <kernel/lib/list.h>
#include <kernel/lib/types.h>

struct sink;

#define BLK_SECTOR    512u
#define BLK_NAME_MAX  8u
#define BLK_QUEUE_MAX 128u
#define BLK_AGE_TICKS (HZ / 2)
#define BLK_MAX_DISKS 8u

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, NR_BLK_OPS };

/* Part of one page: offset and length are multiples of BLK_SECTOR, the end is within the page. */
struct blk_segment {
	pfn_t pfn;
	uint16_t offset, length;
};

struct blk_device;

/* One or more requests, neighbours on the disk and all of one kind, that the driver does at once. (L) in the queue; then the
 * driver's. */
struct blk_command {
	struct list_head link;	   /* in the queue */
	struct list_head requests; /* by sector */
	enum blk_op op;
	uint64_t sector;
	uint32_t nr_sectors, nr_segments;
	uint32_t number; /* of its oldest request */
	bool is_single;	 /* BD4: nothing is merged with it */
};

/* (O) the owner's: set before blk_submit(), and all of it again from done() on  (L) */
struct blk_request {
	struct blk_device *dev;		   /* (O) */
	enum blk_op op;			   /* (O) */
	int error;			   /* the result: 0, or the negative of an error number */
	uint64_t sector;		   /* (O) the first */
	const struct blk_segment *segment; /* (O) nr_segments of them, there until done(); a flush has none */
	unsigned int nr_segments;
	struct blk_segment one; /* (O) for who needs one, to point at */
	/* Who is told. Context: the driver's thread, or that of blk_submit(); takes little time, may submit the next one, and
	 * may give the request back. */
	void (*done)(struct blk_request *request); /* (O) */
	/* NULL, or called before that in the interrupt in which the device answers, if it does and there is one. */
	void (*on_interrupt)(struct blk_request *request); /* (O) */
	void *owner;					   /* (O) */
	uint32_t note;					   /* (O) */
	struct list_head link;				   /* (L) in its command */
	struct blk_command command;			   /* (L) of which this is the first, or was */
	uint32_t nr_sectors;				   /* (L) */
	uint32_t number;				   /* (L) by arrival */
	unsigned long arrived;				   /* (L) tick */
};

struct blk_ops {
	/* There is a command to take. Context: any. */
	void (*wake)(struct blk_device *dev);
};

/* On whose behalf a request is submitted: nobody's, or that of a request for memory by the same thread, by what that may
 * start: nothing, I/O, I/O and calls of file systems. */
enum blk_behalf { BLK_FOR_NOBODY, BLK_FOR_NOIO, BLK_FOR_NOFS, BLK_FOR_KERNEL, NR_BLK_BEHALF };

struct blk_stat {
	uint32_t nr_for[NR_BLK_BEHALF]; /* requests submitted */
	uint32_t nr_ios[NR_BLK_OPS], nr_merged[NR_BLK_OPS], ticks[NR_BLK_OPS];
	uint64_t nr_sectors[NR_BLK_OPS];
	uint32_t nr_commands; /* that the driver was given */
	uint32_t nr_in_flight, io_ticks, weighted_ticks;
	uint32_t nr_errors, nr_overdue; /* requests that failed; that the age limit put first */
};

/* What the next commands are to suffer, for tests and people: the driver asks. */
enum blk_fault {
	BLK_FAULT_NONE,
	BLK_FAULT_ERROR, /* the n-th fails */
	BLK_FAULT_LOST,	 /* the n-th is never answered, however often it is tried */
	BLK_FAULT_LATE,	 /* the n-th is not answered the first time */
	BLK_FAULT_GONE,	 /* from the n-th on there is no disk */
	BLK_FAULT_SLOW,	 /* each takes n ms more */
};

/* (C) constant once registered  (L) lock */
struct blk_device {
	char name[BLK_NAME_MAX];	    /* (C) "ide0" */
	unsigned int major, minor;	    /* (C) for diskstats */
	uint64_t nr_sectors;		    /* (C) */
	bool is_read_only;		    /* (C) */
	uint32_t max_sectors, max_segments; /* (C) of a merged command; a single request may have more */
	const struct blk_ops *ops;	    /* (C) */
	struct spinlock lock;
	struct list_head queue;	       /* (L) commands, by arrival */
	struct blk_command *under_way; /* (L) the driver's; NULL: none */
	uint64_t position;	       /* (L) where the last command ended */
	uint32_t next_number;	       /* (L) */
	unsigned int nr_handed_out;    /* (L) requests of the pool */
	unsigned long stat_tick;       /* (L) up to which the statistics count */
	struct blk_stat stat;	       /* (L) */
	enum blk_fault fault;	       /* (L) */
	unsigned int fault_n;	       /* (L) */
	struct wait_queue room;
};

/* --- devices --- */

/* `dev` has what is (C), the rest zero, and stays. Result: 0; -ENOSPC: BLK_MAX_DISKS are there; -EEXIST: one has that name.
 * Context: boot, may sleep. */
int blk_register(struct blk_device *dev) MUST_CHECK;

/* Nothing is queued, and nobody knows it any more. */
void blk_unregister(struct blk_device *dev);

/* NULL: there is none. The n-th by registration. Context: any. */
struct blk_device *blk_find(const char *name);
struct blk_device *blk_device_at(unsigned int n);

/* --- requests --- */

/* Where requests come from: alloc may sleep and never fails; behalf says for whom the running thread asks. Result: the
 * source before, NULL at first. Boot, and tests. */
struct blk_source {
	struct blk_request *(*alloc)(void);
	void (*free)(struct blk_request *request);
	enum blk_behalf (*behalf)(void);
};
const struct blk_source *blk_set_source(const struct blk_source *source);

/* A cleared request for that device. Context: may sleep; not from done(). */
struct blk_request *blk_request_get(struct blk_device *dev);
void blk_request_put(struct blk_request *request);

/* Queues it. Result: 0: done() will be called, perhaps already was. -EINVAL, -EROFS: refused with one line, and done() is not
 * called. Context: any. */
int blk_submit(struct blk_request *request) MUST_CHECK;

/* The same, and waits. Result: 0, or the negative of an error number. Allocates nothing. Context: may sleep. */
int blk_do(struct blk_device *dev, enum blk_op op, uint64_t sector, const struct blk_segment *segment,
	   unsigned int nr_segments) MUST_CHECK;

/* --- for drivers --- */

/* The next command, or NULL. One at a time: the last one is done. Context: any. */
struct blk_command *blk_next(struct blk_device *dev);

/* How it ended. Context: any. */
void blk_command_done(struct blk_device *dev, struct blk_command *command, int error);

/* The device has answered; interrupt. */
void blk_command_on_interrupt(struct blk_command *command);

/* What the command that begins now is to suffer. Result: its kind; SLOW: *ms. Context: any. */
enum blk_fault blk_fault_hits(struct blk_device *dev, unsigned int *ms);
void blk_fault_set(struct blk_device *dev, enum blk_fault fault, unsigned int n);

/* --- to be seen --- */

/* All of them in the format of /proc/diskstats. */
void diskstats_print(struct sink *out);
void blk_stat(struct blk_device *dev, struct blk_stat *stat);
