/* SPDX-License-Identifier: MIT */
/* Reclaim: whoever keeps memory that it could do without registers a shrinker, and is asked to give some back
 * when memory is short: by requests that may sleep (direct reclaim) and by a thread in the background, woken
 * by any request that leaves a zone below its mark `low`, and busy until all are at `high`. Serves R1, R3.
 *
 * V1 a shrinker is in the list from register_shrinker() to unregister_shrinker(), and no call into it is
 *    under way when that returns.
 * V2 one pass calls each shrinker a bounded number of times, whatever it answers.
 * V3 a thread that reclaims does not reclaim again inside (SCOPE_RECLAIM): what it allocates meanwhile
 *    comes from the last pages, then from the reserve.
 * V4 progress is what the zones that are short gain: a shrinker whose frees went to others alone is asked no
 *    more in that pass, and for those zones again in every 64th only. */
#pragma once

#include <kernel/lib/list.h>
#include <mm/pages/above.h>
#include <mm/pages/gfp.h>
#include <mm/port.h>

#define SHRINK_STOP ((size_t)-1) /* scan: no progress is possible now, do not ask again in this pass */

struct shrinker {
	const char *name;
	gfp_t needs; /* permissions it cannot work without: __GFP_IO, __GFP_FS, both or 0 (G4, G5) */

	/* How many objects could be given back. Any lock it takes must not be held by callers of the
	 * allocator. Context: as scan. */
	size_t (*count)(struct shrinker *shrinker, gfp_t gfp);

	/* Give back up to nr objects. Result: how many were, or SHRINK_STOP. May sleep; several threads may
	 * be in it at once. It may allocate, as a thread that reclaims. */
	size_t (*scan)(struct shrinker *shrinker, size_t nr, gfp_t gfp);

	/* vmscan's own */
	struct list_head link;
	struct list_head calls;	     /* those that are under way */
	uint32_t elsewhere;	     /* bit i: for zone i its frees were no help, V4 */
	uint32_t nr_passed_by;	     /* passes for such zones, in which it was left alone */
	struct port_thread *leaving; /* who unregisters it */
};

/* Context: any. The second removes it and waits until nobody is inside; may sleep, but also works from inside
 * its own scan, where it does not wait for itself: then the struct must outlive that scan. */
void register_shrinker(struct shrinker *shrinker);
void unregister_shrinker(struct shrinker *shrinker);

/* How many are registered. Context: any. */
unsigned int vmscan_nr_shrinkers(void);

/* One pass with the permissions of gfp, until about nr_pages were freed: object stacks, empty slabs,
 * pages of files, shrinkers. Result: objects and pages that were given back. Context: process, may sleep. */
size_t vmscan_reclaim(gfp_t gfp, size_t nr_pages);

/* Life of the background reclaimer's thread; never returns. */
NORETURN void vmscan_background(void);

/* A page for a thread that reclaims when there is no other; NULL when that is gone too. */
struct page *vmscan_reserve_take(void) MUST_CHECK;

/* Sets the reserve aside. Context: boot, when pages can be had. */
void vmscan_init(void);
