/* SPDX-License-Identifier: MIT */
/* The tables of commands, above the files that hold them: for monitor.c, and for each of those to agree with.
 * Each ends with a command without name. */
#pragma once

#include <kernel/arch/machine.h>
#include <monitor/command.h>

extern const struct command show_commands[], memory_commands[], teach_commands[], debugging_commands[],
	device_commands[], file_commands[], run_commands[], program_commands[], system_commands[];

/* show.c: the page "which flag when", which `help gfp` prints. */
void flags_page_print(void);

/* system.c: with which result `poweroff` leaves, and whether it leaves QEMU. */
void system_set_exit(enum machine_result result, bool leaves_qemu);
void system_note_failure(void);

/* devices.c: `fault disk NAME …`, the words from the name on. */
void devices_fault_disk(unsigned int nr, char *word[]);

/* programs.c: a table of those that run; nothing, when none does. */
void programs_print(void);

/* Words for Tab: the n-th, NULL behind the last. teach.c, runs.c. */
const char *rule_name(unsigned int n);
const char *mistake_name(unsigned int n);
const char *suite_name(unsigned int n);
