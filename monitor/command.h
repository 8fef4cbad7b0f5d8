/* SPDX-License-Identifier: MIT */
/* A command of the monitor, for the .c files here. */
#pragma once

#include <monitor/say.h>

struct command {
	const char *name;
	const char *arguments; /* "ORDER [FLAGS]", "" */
	unsigned int nr_min, nr_max;
	const char *help;
	void (*run)(unsigned int nr, char *word[]); /* nr words after the name */
};
