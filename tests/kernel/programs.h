/* SPDX-License-Identifier: MIT */
/* For tests that run programs in ring 3. Guest only. */
#pragma once

#include <tests/kernel/test_util.h>
#include <user/program.h>

/* Starts what the line says. Result: its number, or an error. */
int program_start(const char *line, unsigned int parent);

/* Runs it. Result: its code; an error when it did not start. */
int program_run(const char *line);

/* Killed, with one line that has this in it. */
void program_expect_killed(const char *line, const char *says);

/* After what started threads, and pages of their stacks: when the test ends no program is left, and no page of theirs. */
#define PROGRAMS_LEAVE_NOTHING() size_t pages_before_ ENDS_WITH(programs_expect_all_back) = programs_note()

size_t programs_note(void);
void programs_expect_all_back(const size_t *before);

/* At a test's end: the device scull holds nothing. */
void scull_forget(int *unused);
#define SCULL_ENDS_EMPTY() int scull_ ENDS_WITH(scull_forget) = 0
