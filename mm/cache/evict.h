/* SPDX-License-Identifier: MIT */
/* What reclaim does with a page of a file or of a program: how the page is found, and what the request may start, decide. Serves
 * CONTRACT G4, G5, G11, R2, R3, R5.
 *
 *                 nothing    IO     FS alone    IO and FS
 *   gone          let go     let go  let go     let go       it has left its owner meanwhile
 *   held          pass       pass    pass       pass         somebody else has a reference
 *   busy          pass       pass    pass       pass         somebody else has it locked: reclaim only tries
 *   used          pass       pass    pass       pass         by a program since it was looked at: its second chance
 *   written       pass       wait    pass       wait         it is on its way to the disk
 *   dirty         pass       pass    pass       write        if enough of the stack is left
 *   failed        pass       pass    pass       pass         dirty, and the last writing failed: the flusher tries again
 *   clean         drop       drop    drop       drop         or of a program, and the same as its slot
 *   anonymous     pass       swap    pass       swap         of a program, and nowhere else; if enough of the stack is left
 *
 * A page of a file that programs see is taken from them first. What a pass leaves dirty although it wants more it asks the flushers
 * for. IO alone writes to swap and to nothing else: a file's writepage may be a file system's. FS alone starts no I/O, which is what
 * such a writepage does. A pass waits once, for one page, when it has found too few that it may drop, for EVICT_WAIT_MS at
 * most; so whoever reclaims waits for the disk or for time, and holds no lock. What it had swapped out it drops then.
 *
 * How many pages of each kind a pass looks at is swap_swappiness()'s to say.
 *
 * A pass writes only with EVICT_STACK bytes of its thread's stack left, for what lies under writepage is deep; else it
 * wakes the background, which has all of its own. */
#pragma once

#include <mm/cache/mapping.h>

enum evict_state {
	EVICT_GONE,
	EVICT_HELD,
	EVICT_BUSY,
	EVICT_USED,
	EVICT_WRITTEN,
	EVICT_DIRTY,
	EVICT_FAILED,
	EVICT_CLEAN,
	EVICT_ANON,
	NR_EVICT_STATES
};

enum evict_action { EVICT_LET_GO, EVICT_PASS, EVICT_WAIT, EVICT_WRITE, EVICT_SWAP, EVICT_DROP };

#define EVICT_WAIT_MS	 100u
#define EVICT_STACK	 4096u
#define EVICT_MAX_WRITES 32u /* that one pass begins */

/* The table. Context: any. */
enum evict_action evict_decide(enum evict_state state, gfp_t gfp);

/* How the page is found by a caller who has one of two references; then, if it is not GONE, HELD or BUSY, it is locked.
 * Context: any. */
enum evict_state evict_look(struct page *page);
