/* SPDX-License-Identifier: MIT */
/* Which object of which cache an address belongs to: for people, not for allocators. */
#pragma once

#include <kernel/lib/types.h>

enum slab_place_state {
	SLAB_PLACE_NEVER,      /* no owner had it yet */
	SLAB_PLACE_FREE,       /* given back to its slab */
	SLAB_PLACE_PARKED,     /* given back, kept per CPU for the next owner */
	SLAB_PLACE_HANDED_OUT, /* somebody's */
	SLAB_PLACE_REST,       /* behind the slab's last object: nobody's */
};

struct slab_place {
	char cache[32];
	uint32_t object_size, index; /* of the object in its slab */
	uint32_t offset;	     /* of the address in the object, or from the rest's start */
	const void *object;
	enum slab_place_state state;
};

/* Fills in `place`. Result: false when the address lies in no slab. Context: any; interrupts are off while
 * the slab's free list and the CPU's parked objects are looked through. */
bool slab_locate(const void *addr, struct slab_place *place);
