/* SPDX-License-Identifier: MIT */
/* Who wants to see every page and object. Slow paths ask one word; while it is 0 nothing else is looked at, and
 * fast paths never ask: who wants to see a call closes the lists in front of it, so that it takes a slow path. */
#pragma once

#include <kernel/lib/types.h>

enum mm_watch {
	WATCH_EARLY = 1,      /* kmalloc is not up yet */
	WATCH_INIT_ALLOC = 2, /* what is handed out is cleared (K4), */
	WATCH_INIT_FREE = 4,  /* what is given back is cleared */
	WATCH_FAULT = 16,     /* requests fail on purpose (mm/report/fault.h) */
	WATCH_OBJECTS = 8,    /* some caches are debugged (mm/objects/slab_debug.h) */
	WATCH_POISON = 32,    /* free pages hold a pattern (mm/report/poison.h) */
	WATCH_OWNER = 64,     /* who took each page, and who freed it (mm/report/owner.h) */
	WATCH_VALIDATE = 256, /* all is checked now and then (mm/report/validate.h); builds with DEBUG=2 */
	WATCH_GUARD = 512,    /* some objects lie between unmapped pages (mm/report/guard.h) */
	WATCH_NODES = 1024,   /* which node each page came from, where there are several (mm/pages/zone.h) */
	WATCH_LEAK = 128,     /* what is handed out is written down (mm/report/leak.h) */
};

/* Who is asked about pages on their way to an owner, on their way back, and about objects. */
#define WATCH_TAKEN (WATCH_INIT_ALLOC | WATCH_POISON | WATCH_OWNER | WATCH_LEAK | WATCH_NODES)
#define WATCH_FREED (WATCH_INIT_FREE | WATCH_POISON | WATCH_OWNER | WATCH_LEAK)
#define WATCH_OBJECT                                                                                         \
	(WATCH_EARLY | WATCH_INIT_ALLOC | WATCH_INIT_FREE | WATCH_FAULT | WATCH_OBJECTS | WATCH_LEAK |       \
	 WATCH_GUARD)

/* (C) but where a person changes it at run time: one writer, whole bits. */
extern unsigned int mm_watch;

static inline void mm_watch_set(enum mm_watch bit, bool on)
{
	if (on)
		__atomic_fetch_or(&mm_watch, (unsigned int)bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&mm_watch, ~(unsigned int)bit, __ATOMIC_RELAXED);
}
