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

/* Runs the suites of the list (ktest_run(); "quick": those that take a moment) in a thread of its own, and waits for it: some tests name the
 * thread they run in. Result: how many failed; -1: no memory for the thread. Context: may sleep. */
int selftest_run(const char *list);

/* The name of the n-th suite; NULL behind the last. */
const char *selftest_suite(unsigned int n);
