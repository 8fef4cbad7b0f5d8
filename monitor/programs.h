/* SPDX-License-Identifier: MIT */
/* Programs as words say them. Context: a thread that may sleep. */
#pragma once

#include <kernel/lib/types.h>

/* Runs it and says what became of it. Result: it ended with 0; or, with a & at the end, it was started. */
bool programs_run(unsigned int nr, char *word[]);
