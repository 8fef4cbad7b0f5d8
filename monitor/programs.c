/* SPDX-License-Identifier: MIT */
/* Commands that run programs in ring 3: in front of the prompt, where ^C ends them, or, with a & at the end, behind it. */
#include <kernel/core/console.h>
#include <kernel/core/thread.h>
#include <kernel/core/timer.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <monitor/parse.h>
#include <monitor/programs.h>
#include <monitor/tables.h>
#include <user/call.h>
#include <user/program.h>

#define LOOK_TICKS (HZ / 20) /* for ^C */
#define ROWS_MAX   32u

static const char *why(int error)
{
	switch (-error) {
	case ENOENT:
		return "there is no such file";
	case EACCES:
		return "it is no program";
	case EAGAIN:
		return "there are too many already";
	case E2BIG:
		return "its arguments are too long";
	default:
		return "there is no memory";
	}
}

/* Until it ends; ^C ends it. */
static int wait_for(unsigned int id)
{
	int code = 0;

	while (program_wait_for(id, &code, LOOK_TICKS) == 0)
		if (console_saw_break())
			(void)program_kill(id, 0);
	return code;
}

bool programs_run(unsigned int nr, char *word[])
{
	bool is_behind = nr > 1 && strcmp(word[nr - 1], "&") == 0;
	int code, id = program_spawn_words(nr - is_behind, word, is_behind ? PROGRAM_NOBODY : current->id);

	if (id < 0) {
		say("run: %s: %s\n", word[0], why(id));
		return false;
	}
	if (is_behind) {
		say("%s is %d\n", word[0], id);
		return true;
	}
	code = wait_for((unsigned int)id);
	if (code == EXIT_KILLED)
		say("%s was killed\n", word[0]);
	else if (code)
		say("%s ended with %d\n", word[0], code);
	return code == 0;
}

static void run_run(unsigned int nr, char *word[])
{
	(void)programs_run(nr, word);
}

static void run_kill(unsigned int nr, char *word[])
{
	uint64_t id;

	(void)nr;
	if (!parse_number(word[0], &id) || id > UINT32_MAX || program_kill((unsigned int)id, 0))
		(void)expected("kill", "the number of a program, see ps", word[0]);
}

void programs_print(void)
{
	static struct program_info row[ROWS_MAX];
	unsigned int nr = programs_snapshot(row, ROWS_MAX);

	if (!nr)
		return;
	say("  id  resident kB  swapped kB  tables kB   faults    major  program\n");
	for (unsigned int i = 0; i < nr && i < ROWS_MAX; i++)
		say("%4u  %11zu  %10zu  %9zu  %7lu  %7lu  %s\n", row[i].id, row[i].nr_resident * 4,
		    row[i].nr_swapped * 4, row[i].nr_tables * 4, row[i].nr_faults, row[i].nr_major,
		    row[i].name);
	if (nr > ROWS_MAX)
		say("and %u more\n", nr - ROWS_MAX);
}

const struct command program_commands[] = {
	{"run", "PROGRAM [ARGUMENT...] [&]", 1, WORDS_MAX, "runs a program in ring 3; &: and goes on",
	 run_run},
	{"kill", "NUMBER", 1, 1, "ends a program", run_kill},
	{.name = NULL},
};
