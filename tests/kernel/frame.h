/* SPDX-License-Identifier: MIT */
/* The test frame in the guest: the kernel calls it from main and from the monitor's commands, and knows nothing
 * else of the tests. */
#pragma once

/* From now on a test that runs is offered all messages. Context: boot. */
void selftest_init(void);

/* Runs the suites of the list (ktest_run()) in a thread of its own, and waits for it: some tests name the
 * thread they run in. Result: how many failed; -1: no memory for the thread. Context: may sleep. */
int selftest_run(const char *list);
