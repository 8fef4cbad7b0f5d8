/* SPDX-License-Identifier: MIT */
/* The rules of the books, each a few lines of C that run here and now: `try` and `tour`. Each leaves memory as it
 * found it. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

struct rule {
	const char *name;
	const char *call; /* as C */
	const char *book; /* where it is taught, and what it says in short */
	/* Does it, saying what came of it. Result: as the book says? Context: process, may sleep. */
	bool (*run)(void);
};

/* The n-th rule, in the order of the tour; NULL behind the last. */
const struct rule *rule_at(unsigned int n);

/* Says the call, does it, says the book. Result: that of run(). */
bool rule_try(const struct rule *rule);
