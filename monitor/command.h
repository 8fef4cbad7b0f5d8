/* SPDX-License-Identifier: MIT */
/* A command of the monitor, for the .c files here. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/format.h>
#include <kernel/lib/types.h>

struct command {
	const char *name;
	const char *arguments; /* "ORDER [FLAGS]", "" */
	unsigned int nr_min, nr_max;
	const char *help;
	void (*run)(unsigned int nr, char *word[]); /* nr words after the name */
};

/* Each table ends with a command without name. */
extern const struct command show_commands[], memory_commands[], device_commands[], system_commands[];

/* Where answers go. */
void say(const char *fmt, ...) PRINTF(1, 2);
struct sink *monitor_out(void);

/* "page: expected WHAT, got 'word'", the word cut where it is too long. Result: false. */
bool expected(const char *command, const char *what, const char *word);

/* An address of the 32-bit address space, or the one behind a handle; else a message. */
bool word_to_address(const char *command, const char *word, uintptr_t *addr);

/* The address that a handle in use stands for; else a message. memory.c. */
bool handle_to_address(const char *command, unsigned int number, uintptr_t *addr);

/* The page "which flag when". */
void flags_page_print(void);

/* show.c: one line about an address. */
void whatis_print(uintptr_t addr);
