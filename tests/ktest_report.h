/* SPDX-License-Identifier: MIT */
/* How results are told, for ktest.c: KTAP, in which each test is a line for machines; or, for a person, a line a
 * suite, failures in full, and a tally. Knows the counts; which tests run is ktest.c's. */
#pragma once

#include <tests/ktest.h>

void report_begin(unsigned int nr_suites);
void report_suite_begin(const char *suite, unsigned int nr_tests);
void report_suite_end(const char *suite, unsigned int number, bool ok);
void report_end(void);

/* The frame's own word about a name that is no suite. */
void report_unknown_suite(const char *name, size_t len, unsigned int number);

void report_test_begin(void);

/* A line about the test that runs. */
void report_note(const char *text);

enum report_result { REPORT_OK, REPORT_FAILED, REPORT_SKIPPED };
void report_test_end(const struct ktest *test, unsigned int number, enum report_result result,
		     const char *skip_reason);
