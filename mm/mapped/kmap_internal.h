/* SPDX-License-Identifier: MIT */
/* The permanent windows as kmap.c keeps them: for the validator and for tests.
 *
 *   never mapped --kmap--> in use --kunmap--> stale --flush--> as good as never mapped
 *                            ^------kmap of the same page-------'
 *
 * H2 A window is mapped exactly while its count is not 0; then it is on no list, else on `clean` or `stale`.
 * H3 The CPU remembers no translation of a window on `clean`: only from there a window goes to another page.
 *    A window on `stale` may be remembered, for the page it showed last, and for that one it may be used
 * again. H4 Somebody waits only while no window is on a list. H5 A window that ever showed a page is in the
 * chain of that page's number, and no page has two. */
#pragma once

#include <mm/mapped/kmap.h>

#define KMAP_NO_PFN    ((pfn_t)-1)
#define KMAP_NO_WINDOW 0xffffu

struct kmap_window {
	struct list_head links; /* (L) */
	pfn_t pfn;		/* (L) of the page shown, or shown last; KMAP_NO_PFN: none so far */
	uint32_t count;		/* (L) kmap() not yet taken back */
	uint32_t epoch;		/* (L) the pool's when it was given back; 0: never */
	uint16_t next;		/* (L) in the chain of page numbers; KMAP_NO_WINDOW: the last */
};

/* (C) constant after kmap_init()  (L) lock */
struct kmap_pool {
	struct port_lock lock;
	struct list_head clean, stale; /* (L) the longest unused first */
	struct list_head waiters;      /* (L) first come first served */
	struct kmap_window *window;    /* (C) of nr */
	uint16_t *chain;	       /* (L) of nr: by the low bits of the page number */
	unsigned int nr;	       /* (C) a power of 2; 0: no high memory */
	unsigned int nr_in_use;	       /* (L) */
	unsigned int nr_stale;	       /* (L) on `stale` */
	uint32_t epoch;		       /* (L) counts the flushes, from 1 on */
	bool is_strict;		       /* flush at each kunmap: a stale address faults; of debug builds */
};

extern struct kmap_pool kmap_pool;
