/* SPDX-License-Identifier: MIT */
/* Restrictions that hold for whatever a thread allocates between save and restore, also in functions that it
 * calls and that know nothing of them. Read where a request has to wait, never on a fast path. They nest:
 * each restore puts back what its save found. Context: process. Serves G4, G5. */
#pragma once

#include <mm/pages/gfp.h>
#include <mm/port.h>

#define SCOPE_NOIO    1u /* no I/O, and so no file system */
#define SCOPE_NOFS    2u /* no file system */
#define SCOPE_RECLAIM 4u /* reclaims: what it allocates comes from anywhere, and reclaims nothing in turn */
#define SCOPE_PART    8u /* what it allocates is part of what is written down as a whole (mm/report/leak.h) */
#define SCOPE_FS                                                                                             \
	16u /* is inside a file system, to move a page: a request for memory must not enter one (G5) */
#define SCOPE_NTH 32u /* counts down to a request that fails on purpose (mm/report/fault.h) */

/* Bits 8 and 9: on whose behalf it reclaims, which the disk counts: nobody's, its own request's by what that may start. */
enum reclaim_for { FOR_NOBODY, FOR_NOIO, FOR_NOFS, FOR_KERNEL };
#define SCOPE_FOR_SHIFT 8u
#define SCOPE_FOR_MASK	(3u << SCOPE_FOR_SHIFT)

/* Above them: the rest of the countdown. */
#define SCOPE_NTH_SHIFT 10u

static inline unsigned int scope_save(unsigned int bit)
{
	uint32_t *scope = port_scope();
	unsigned int before = *scope & bit;

	ASSERT_AT(1, !port_in_interrupt());
	*scope |= bit;
	return before;
}

static inline void scope_restore(unsigned int bit, unsigned int before)
{
	uint32_t *scope = port_scope();

	*scope = (*scope & ~bit) | before;
}

static inline unsigned int memalloc_noio_save(void)
{
	return scope_save(SCOPE_NOIO);
}

static inline void memalloc_noio_restore(unsigned int before)
{
	scope_restore(SCOPE_NOIO, before);
}

static inline unsigned int memalloc_nofs_save(void)
{
	return scope_save(SCOPE_NOFS);
}

static inline void memalloc_nofs_restore(unsigned int before)
{
	scope_restore(SCOPE_NOFS, before);
}

static inline bool scope_is_reclaim(void)
{
	return *port_scope() & SCOPE_RECLAIM;
}

static inline bool scope_is_fs(void)
{
	return *port_scope() & SCOPE_FS;
}

static inline enum reclaim_for scope_reclaims_for(void)
{
	return (enum reclaim_for)((*port_scope() & SCOPE_FOR_MASK) >> SCOPE_FOR_SHIFT);
}

/* What is left of gfp's permissions. */
static inline gfp_t scope_limit(gfp_t gfp)
{
	uint32_t scope = *port_scope();

	if (scope & SCOPE_NOIO)
		gfp &= ~(__GFP_IO | __GFP_FS);
	if (scope & SCOPE_NOFS)
		gfp &= ~__GFP_FS;
	return gfp;
}
