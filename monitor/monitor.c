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
#include <monitor/demo.h>
#include <monitor/keys.h>
#include <monitor/line.h>
#include <monitor/parse.h>
#include <monitor/say.h>
#include <monitor/tables.h>

#define CONTROL_C 3

static void run_help(unsigned int nr, char *word[]);
static void run_echo(unsigned int nr, char *word[]);
static void run_repeat(unsigned int nr, char *word[]);

static void run_sleep(unsigned int nr, char *word[]);
static void run_watch(unsigned int nr, char *word[]);

static const struct command own_commands[] = {
	{"help", "[COMMAND|all|gfp|boot]", 0, 1, "what can be typed here", run_help},
	{"echo", "[WORD...]", 0, WORDS_MAX, "says it", run_echo},
	{"repeat", "COUNT COMMAND...", 2, WORDS_MAX, "runs a command up to a million times", run_repeat},
	{"watch", "SECONDS COMMAND...", 2, WORDS_MAX, "runs it again and again, until ^C", run_watch},
	{"sleep", "SECONDS", 1, 1, "does nothing", run_sleep},
	{.name = NULL},
};

static const struct {
	const char *title;
	const struct command *commands;
	const char *example;
} tables[] = {
	{"look", show_commands, "whatis #1"},
	{"memory", memory_commands, "alloc 0 dma|atomic"},
	{"misuse", debugging_commands, "debug kmalloc-104 ZPU"},
	{"rules", teach_commands, "try last-page"},
	{"devices", device_commands, "scull hog"},
	{"run", run_commands, "test slab kmalloc"},
	{"system", system_commands, "bt monitor"},
	{"prompt", own_commands, "watch 1 buddyinfo"},
};

static struct {
	struct line_editor line;
	bool is_repeating;
} monitor;

static const struct command *find(const char *name)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct command *c = tables[t].commands; c->name; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

static void help_line(const struct command *c)
{
	char usage[40];

	(void)snprintf(usage, sizeof(usage), "%s %s", c->name, c->arguments);
	say("  %-28s %s\n", usage, c->help);
}

/* The names of a group, folded. */
static void help_names(size_t t)
{
	unsigned int column = 11;

	say("  %-9s", tables[t].title);
	for (const struct command *c = tables[t].commands; c->name; c++) {
		unsigned int len = (unsigned int)strlen(c->name) + 1;

		if (column + len > 78) {
			say("\n%11s", "");
			column = 11;
		}
		say(" %s", c->name);
		column += len;
	}
	say("\n%12se.g. %s\n", "", tables[t].example);
}

static void help_all(void)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		say("%s:\n", tables[t].title);
		for (const struct command *c = tables[t].commands; c->name; c++)
			help_line(c);
		if (t + 1 < ARRAY_SIZE(tables) && !keys_continue("Enter: more, q: enough"))
			return;
	}
}

static void help_overview(void)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		help_names(t);
	say("help COMMAND: its line; help all: all lines; help gfp: which flag when;\n"
	    "help boot: the words of the command line. Tab completes, ^R finds, ^C ends.\n");
}

static void help_boot(void)
{
	say("Words of the kernel's command line: APPEND=\"word word\" make run, or in GRUB's menu.\n");
	cmdline_print_options(monitor_out());
}

static const struct {
	const char *name;
	void (*print)(void);
} topics[] = {{"all", help_all}, {"gfp", flags_page_print}, {"boot", help_boot}};

static void run_help(unsigned int nr, char *word[])
{
	const struct command *c = nr ? find(word[0]) : NULL;

	if (nr == 0) {
		help_overview();
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(topics); i++)
		if (strcmp(word[0], topics[i].name) == 0) {
			topics[i].print();
			return;
		}
	if (c)
		help_line(c);
	else
		(void)expected("help", "a command, all, gfp or boot", word[0]);
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

static bool is_nested(const char *command)
{
	if (monitor.is_repeating)
		say("%s: expected another command, got %s\n", command, command);
	return monitor.is_repeating;
}

static void run_repeat(unsigned int nr, char *word[])
{
	uint64_t count;

	if (!parse_number(word[0], &count) || count < 1 || count > 1000000) {
		(void)expected("repeat", "a number from 1 to 1000000", word[0]);
		return;
	}
	if (is_nested("repeat"))
		return;
	monitor.is_repeating = true;
	for (; count && !console_saw_break(); count--)
		run_words(nr - 1, word + 1);
	monitor.is_repeating = false;
}

static bool seconds_of(const char *command, const char *word, uint64_t *seconds)
{
	return (parse_number(word, seconds) && *seconds >= 1 && *seconds <= 3600) ||
	       expected(command, "seconds, from 1 to 3600", word);
}

static void run_sleep(unsigned int nr, char *word[])
{
	uint64_t seconds;

	(void)nr;
	if (seconds_of("sleep", word[0], &seconds))
		(void)keys_sleep((unsigned int)seconds * 1000);
}

static void run_watch(unsigned int nr, char *word[])
{
	uint64_t seconds;

	if (!seconds_of("watch", word[0], &seconds) || is_nested("watch"))
		return;
	monitor.is_repeating = true;
	do
		run_words(nr - 1, word + 1);
	while (keys_sleep((unsigned int)seconds * 1000));
	monitor.is_repeating = false;
}

/* A semicolon between blanks or at a word's end parts commands; a '#' alone begins a comment. */
static void run_all_words(unsigned int nr, char *word[])
{
	unsigned int first = 0;

	for (unsigned int i = 0; i < nr && i < WORDS_MAX; i++) {
		size_t len = strlen(word[i]);
		bool parts = word[i][len - 1] == ';';

		if (strcmp(word[i], "#") == 0) {
			nr = i;
			break;
		}
		if (!parts)
			continue;
		word[i][len - 1] = '\0';
		if (i + (len > 1) > first && !console_saw_break())
			run_words(i + (len > 1) - first, word + first);
		first = i + 1;
	}
	if (nr > first && !console_saw_break())
		run_words(nr - first, word + first);
}

/* --- completion --- */

static const char *command_name(unsigned int n)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct command *c = tables[t].commands; c->name; c++)
			if (n-- == 0)
				return c->name;
	return NULL;
}

static const struct {
	const char *command;
	const char *(*candidate)(unsigned int n);
} completions[] = {
	{"help", command_name},	 {"alloc", parse_flag_name}, {"kmalloc", parse_flag_name}, {"try", rule_name},
	{"wrong", mistake_name}, {"test", suite_name},	     {"demo", demo_name},
};

static const char *complete_word(const char *before, unsigned int n)
{
	char first[SHOWN_MAX];
	size_t len = 0;

	while (before[len] && before[len] != ' ' && len + 1 < sizeof(first)) {
		first[len] = before[len];
		len++;
	}
	first[len] = '\0';
	if (!before[len])
		return command_name(n);
	for (size_t i = 0; i < ARRAY_SIZE(completions); i++)
		if (strcmp(completions[i].command, first) == 0)
			return completions[i].candidate(n);
	return NULL;
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
	run_all_words(nr, word);
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
	monitor.line.complete = complete_word;
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
