/* SPDX-License-Identifier: MIT */
/* Requests that fail on purpose. Serves CONTRACT S7.
 *
 * Objects and pages have a setting each: of the requests that it concerns every interval-th fails with that
 * probability, once `space` bytes have been handed out, `times` times. Apart from that a thread may ask that its
 * n-th request from now on fails, objects and pages counted together: trying n = 1, 2, 3 … until one run sees no
 * failure takes every error path there is.
 *
 * FI1 a request with __GFP_NOFAIL never fails, and by a setting none for the cache of caches.
 * FI2 while anything is set all lists are closed, so that each request is asked about; else nobody asks.
 */
#pragma once

#include <mm/pages/gfp.h>

enum fault_kind { FAULT_OBJECTS, FAULT_PAGES, NR_FAULT_KINDS };

/* "interval,probability,space,times", as of failslab= and fail_page_alloc=: of every interval-th request
 * `probability` percent; times -1: without end. Behind them, each with a comma, what a request must be to be
 * concerned: cache=NAME task=NAME caller=FUNCTION order=N (at least) flags=BITS (all of them). "off": nothing
 * fails any more. Result: NULL, or what was expected; then nothing changed. Context: process. */
const char *fault_set(enum fault_kind kind, const char *text);

/* The n-th request of the thread that runs now fails; 0: none. Result: was one set before, and reached?
 * Context: process. */
bool fault_set_nth(unsigned int n);

/* Requests that were concerned, and those that failed, since the setting was made. Context: any. */
void fault_counts(enum fault_kind kind, unsigned int *nr_asked, unsigned int *nr_failed);
