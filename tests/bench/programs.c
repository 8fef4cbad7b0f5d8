/* SPDX-License-Identifier: MIT */
/* What calls and faults cost a program in ring 3: the program `ticks` counts, and prints its line by itself. */
#include <tests/bench/measure.h>

#include <kernel/core/console.h>
#include <kernel/core/thread.h>
#include <user/program.h>

static void run_ticks(const struct bench *bench)
{
	char ticks[] = "ticks", name[16], *word[] = {ticks, name};
	int code = -1, id;

	(void)snprintf(name, sizeof(name), "%s", bench->name);
	id = program_spawn_words(2, word, current->id);
	if (id < 0 || program_wait((unsigned int)id, &code) != id || code)
		sink_printf(console_sink(), "# %s: skipped: the program ticks did not end well\n",
			    bench->name);
}

const struct bench bench_programs[] = {
	{.name = "syscall", .special = run_ticks},     {.name = "fault_anon", .special = run_ticks},
	{.name = "fault_file", .special = run_ticks},  {.name = "fault_cow", .special = run_ticks},
	{.name = "munmap_page", .special = run_ticks}, {.name = NULL},
};
