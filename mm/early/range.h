/* SPDX-License-Identifier: MIT */
/* Sets of physical addresses as sorted tables of disjoint ranges. Used by memmap (what the loader says) and
 * memblock (what is RAM, what is taken). No lock: one CPU, before interrupts are on. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define RANGE_SET_MAX 128

struct range {
	paddr_t start, end; /* [start, end), start < end */
};

/* Invariants:
 * R1 range[i].end < range[i + 1].start (touching ranges are merged).
 * R2 nr <= RANGE_SET_MAX. When a range more is needed than the table holds, a set made by addition loses
 *    the range that was to be added, and a set from which something is taken loses the smaller of the two
 *    halves as well: bytes are lost, never invented. nr_lost counts how often. */
struct range_set {
	unsigned int nr;
	unsigned int nr_lost;
	struct range range[RANGE_SET_MAX];
};

void range_set_init(struct range_set *set);

/* Adds [start, end); parts already there count once. An empty or inverted range changes nothing.
 * Result: false when the table was full and the range is not in the set. */
bool range_set_add(struct range_set *set, paddr_t start, paddr_t end);

/* Takes [start, end) out; afterwards no address of it is in the set, whatever the table held. */
void range_set_remove(struct range_set *set, paddr_t start, paddr_t end);

/* Cuts each range down to whole multiples of size_bytes (a power of two); one without any vanishes. */
void range_set_round_inwards(struct range_set *set, uint64_t size_bytes);

/* Index of the first range that ends above addr; nr when there is none. */
unsigned int range_set_find(const struct range_set *set, paddr_t addr);

/* Bytes in the set, or in its part inside [start, end). */
uint64_t range_set_bytes(const struct range_set *set);
uint64_t range_set_bytes_in(const struct range_set *set, paddr_t start, paddr_t end);
