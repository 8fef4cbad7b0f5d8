/* SPDX-License-Identifier: MIT */
/* The test frame in the guest: the kernel calls it from main and from the monitor's commands, and knows nothing
 * else of the tests. */
#pragma once

#include <kernel/lib/types.h>

/* From now on a test that runs is offered all messages. `terminal`: results are told to a person, see ktest.h.
 * Context: boot. */
void selftest_init(bool terminal);

/* For whoever is there: KTAP, or a person's short report. */
void selftest_set_terminal(bool terminal);

/* From now on each test runs with its 1st, 2nd ... request failing, too, all up to that one and some beyond it:
 * ktest_set_failures(). 0: no more. */
void selftest_starve(unsigned int all_up_to);

/* Runs the suites of the list (ktest_run(); "quick": those that take a moment) in a thread of its own, and waits for it: some tests name the
 * thread they run in. Result: how many failed; -1: no memory for the thread. Context: may sleep. */
int selftest_run(const char *list);

/* The name of the n-th suite; NULL behind the last. */
const char *selftest_suite(unsigned int n);
