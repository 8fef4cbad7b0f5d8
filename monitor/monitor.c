/* SPDX-License-Identifier: MIT */
/* Reads lines, finds the command in the tables, checks the number of its arguments, runs it. What a command
 * checks itself it says with expected(): one line, and the prompt is back.
 *
 * M1 Bytes come from the serial line's ring, one by one, in the monitor's thread; what is typed while a
 * command runs waits there, and when the ring is full the port is no longer read, so the sender waits. */
#include <monitor/monitor.h>

#include <drivers/serial.h>
#include <kernel/core/cmdline.h>
#include <kernel/core/console.h>
#include <kernel/core/printk.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <monitor/command.h>
#include <monitor/line.h>
#include <monitor/parse.h>
#include <monitor/say.h>
#include <monitor/tables.h>

#define CONTROL_C 3

static void run_help(unsigned int nr, char *word[]);
static void run_echo(unsigned int nr, char *word[]);
static void run_repeat(unsigned int nr, char *word[]);

static const struct command own_commands[] = {
	{"help", "[COMMAND]", 0, 1, "this list; a command's line; `gfp`: which flag when; `boot`: words",
	 run_help},
	{"echo", "[WORD...]", 0, WORDS_MAX, "says it", run_echo},
	{"repeat", "COUNT COMMAND...", 2, WORDS_MAX, "runs a command up to a million times", run_repeat},
	{.name = NULL},
};

static const struct command *const tables[] = {own_commands,	show_commands, memory_commands,
					       device_commands, run_commands,  system_commands};

static struct {
	struct line_editor line;
	bool is_repeating;
} monitor;

static const struct command *find(const char *name)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct command *c = tables[t]; c->name; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

static void help_line(const struct command *c)
{
	char usage[40];

	(void)snprintf(usage, sizeof(usage), "%s %s", c->name, c->arguments);
	say("  %-26s %s\n", usage, c->help);
}

static void run_help(unsigned int nr, char *word[])
{
	const struct command *c;

	if (nr && strcmp(word[0], "gfp") == 0) {
		flags_page_print();
		return;
	}
	if (nr && strcmp(word[0], "boot") == 0) {
		say("Words of the kernel's command line: APPEND=\"word word\" make run, or in GRUB's "
		    "menu.\n");
		cmdline_print_options(monitor_out());
		return;
	}
	c = nr ? find(word[0]) : NULL;
	if (c)
		help_line(c);
	else if (nr)
		(void)expected("help", "a command, gfp or boot", word[0]);
	for (size_t t = 0; t < ARRAY_SIZE(tables) && !nr; t++)
		for (c = tables[t]; c->name; c++)
			help_line(c);
}

static void run_echo(unsigned int nr, char *word[])
{
	for (unsigned int i = 0; i < nr; i++)
		sink_printf(monitor_out(), i ? " %s" : "%s", word[i]);
	say("\n");
}

static void run_words(unsigned int nr, char *word[])
{
	const struct command *c = find(word[0]);

	if (!c)
		(void)expected("monitor", "a command that `help` lists", word[0]);
	else if (nr > WORDS_MAX)
		say("%s: expected at most %u words, got %u\n", c->name, WORDS_MAX, nr);
	else if (nr - 1 < c->nr_min || nr - 1 > c->nr_max)
		say("%s: expected %s, got %u argument%s\n", c->name, c->nr_max ? c->arguments : "no argument",
		    nr - 1, nr == 2 ? "" : "s");
	else
		c->run(nr - 1, word + 1);
}

static void run_repeat(unsigned int nr, char *word[])
{
	uint64_t count;

	if (!parse_number(word[0], &count) || count < 1 || count > 1000000) {
		(void)expected("repeat", "a number from 1 to 1000000", word[0]);
		return;
	}
	if (monitor.is_repeating) {
		say("repeat: expected another command, got repeat\n");
		return;
	}
	monitor.is_repeating = true;
	for (; count && !console_saw_break(); count--)
		run_words(nr - 1, word + 1);
	monitor.is_repeating = false;
}

/* What was typed up to the ^C that ended a command goes with it. */
static void drop_typed(void)
{
	int byte;

	do
		byte = serial_getchar_poll();
	while (byte >= 0 && byte != CONTROL_C);
	say("^C\n");
}

static void run_line(void)
{
	char *word[WORDS_MAX];
	unsigned int nr;

	if (monitor.line.problem) {
		say("monitor: %s\n", monitor.line.problem);
		return;
	}
	console_forget_break();
	nr = parse_words(monitor.line.text, word);
	if (nr)
		run_words(nr, word);
	if (console_saw_break())
		drop_typed();
}

void monitor_command(char *line, struct sink *out)
{
	char *word[WORDS_MAX];
	unsigned int nr = parse_words(line, word);

	say_to(out);
	if (nr)
		run_words(nr, word);
	say_to(NULL);
}

static int monitor_thread(void *unused)
{
	int byte;

	(void)unused;
	line_init(&monitor.line, "ashlar> ", monitor_out());
	say("Ashlar's monitor: `help` lists the commands\n");
	line_begin(&monitor.line);
	while ((byte = serial_getchar()) >= 0) {
		if (!line_feed(&monitor.line, (uint8_t)byte))
			continue;
		run_line();
		line_begin(&monitor.line);
	}
	return 0;
}

bool monitor_run(enum machine_result result, bool leaves_qemu)
{
	struct thread *thread;

	if (!serial_is_present())
		return false;
	system_set_exit(result, leaves_qemu);
	thread = kthread_create(monitor_thread, NULL, "monitor");
	if (IS_ERR(thread)) {
		pr_err("no memory for the thread of the monitor");
		return false;
	}
	thread_get(thread);
	wake_up_process(thread);
	wait_for_completion(&thread->exited);
	thread_put(thread);
	return true;
}
