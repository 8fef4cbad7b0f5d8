/* SPDX-License-Identifier: MIT */
/* Checks the numbered invariants of mm/README.md over all of memory. */
#pragma once

struct sink;

/* Walks every zone, page descriptor and cache; a line on `out` for each violation (at most 20; NULL: none),
 * naming the invariant, what was expected and what was found. Bounded whatever is corrupt. Result: number of
 * violations. Context: nobody else allocates meanwhile: interrupts are off for the whole walk. For tests and
 * `mm check`. */
unsigned int mm_validate(struct sink *out);

/* The same for the permanent windows alone, H2 to H5, which is soon done. */
unsigned int mm_validate_windows(struct sink *out);
