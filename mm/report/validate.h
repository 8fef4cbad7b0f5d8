/* SPDX-License-Identifier: MIT */
/* Checks the numbered invariants of mm/README.md over all of memory. */
#pragma once

#include <kernel/lib/types.h>

struct sink;

/* Walks every zone, page descriptor and cache; a line on `out` for each violation (at most 20; NULL: none),
 * naming the invariant, what was expected and what was found. Bounded whatever is corrupt. Result: number of
 * violations. Context: nobody else allocates meanwhile: interrupts are off for the whole walk. For tests and
 * `mm check`. */
unsigned int mm_validate(struct sink *out);

/* From now on each n-th slow path (of pages, objects and areas) is followed by mm_validate(); 0: none is. What it finds
 * is printed, as a BUG, and then n is 0. Counted is everywhere; the check waits for the first slow path that ends
 * where its thread may sleep: in interrupts, with locks held, interrupts or preemption off others are in the middle
 * of something. W2, which holds at rest only, is left out. Result: false: this build, below DEBUG=2, does not.
 * Context: process. */
bool mm_validate_every(unsigned int n);

/* The same for the permanent windows alone, H2 to H5, which is soon done. */
unsigned int mm_validate_windows(struct sink *out);
