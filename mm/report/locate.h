/* SPDX-License-Identifier: MIT */
/* What an address of mm's belongs to: for people and fault reports, not for allocators. */
#pragma once

#include <kernel/lib/types.h>
#include <mm/objects/above.h>

enum slab_place_state {
	SLAB_PLACE_NEVER,      /* no owner had it yet */
	SLAB_PLACE_FREE,       /* given back to its slab */
	SLAB_PLACE_PARKED,     /* given back, kept per CPU for the next owner */
	SLAB_PLACE_IN_DEPOT,   /* given back, kept behind the CPUs' stacks */
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

/* One phrase about an address of mm's that should not be used: "4 bytes past the end of the direct map of 64
 * MiB". Written to buf, cut to size. Result: false when there is none. Takes no lock and touches no memory
 * but mm's tables. Context: any, also in the middle of a fault. */
bool locate_describe(uintptr_t addr, char *buf, size_t size);
