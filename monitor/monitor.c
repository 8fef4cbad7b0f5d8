/* SPDX-License-Identifier: MIT */
/* Reads lines, finds the command in the tables, checks the number of its arguments, runs it. What a command
 * checks itself it says with expected(): one line, and the prompt is back.
 *
 * M1 Bytes come from the serial line's ring, one by one, in the monitor's thread; what is typed while a
 * command runs waits there, and when the ring is full the port is no longer read, so the sender waits. */
#include <monitor/monitor.h>

#include <drivers/serial.h>
#include <kernel/arch/trap.h>
#include <kernel/core/cmdline.h>
#include <kernel/core/console.h>
#include <kernel/core/ksym.h>
#include <kernel/core/panic.h>
#include <kernel/core/preempt.h>
#include <kernel/core/printk.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <monitor/command.h>
#include <monitor/demo.h>
#include <monitor/handles.h>
#include <monitor/keys.h>
#include <monitor/line.h>
#include <monitor/pager.h>
#include <monitor/parse.h>
#include <monitor/say.h>
#include <monitor/tables.h>
#include <monitor/threads.h>

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
	{"files", file_commands, "ls /docs"},
	{"run", run_commands, "test slab kmalloc"},
	{"programs", program_commands, "run hog 64 &"},
	{"system", system_commands, "bt monitor"},
	{"prompt", own_commands, "watch 1 buddyinfo"},
};

static struct {
	struct line_editor line;
	bool is_repeating;
	bool is_told; /* by monitor_command(): nobody reads along */
} monitor;

/* Commands that read, change nothing and never sleep; all but the last three may be long. */
static const char *const readers[] = {
	"help",	    "meminfo", "zoneinfo", "numastat",	  "zones", "buddyinfo", "blocks", "pagetypeinfo",
	"slabinfo", "vmstat",  "map",	   "vmallocinfo", "page",  "whatis",	"x",	  "handles",
	"ps",	    "bt",      "irqs",	   "cpus",	  "dmesg", "time",	"echo",	  "reboot",
	"poweroff",
};
#define NR_LONG (ARRAY_SIZE(readers) - 3)

static bool is_reader(const struct command *c, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (strcmp(c->name, readers[i]) == 0)
			return true;
	return false;
}

/* M2 After a panic only readers are there, to be found, listed and completed. */
static bool is_offered(const struct command *c)
{
	return !panic_is_at_prompt() || is_reader(c, ARRAY_SIZE(readers));
}

static bool has_commands(size_t t)
{
	const struct command *c = tables[t].commands;

	while (c->name && !is_offered(c))
		c++;
	return c->name != NULL;
}

static const struct command *find(const char *name)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct command *c = tables[t].commands; c->name; c++)
			if (is_offered(c) && strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

static void help_line(const struct command *c)
{
	char usage[64];

	(void)snprintf(usage, sizeof(usage), "%s %s", c->name, c->arguments);
	say_row(28, usage, c->help);
}

/* The names of a group, folded. */
static void help_names(size_t t)
{
	unsigned int column = 11;

	say("  %-9s", tables[t].title);
	for (const struct command *c = tables[t].commands; c->name; c++) {
		unsigned int len = (unsigned int)strlen(c->name) + 1;

		if (!is_offered(c))
			continue;
		if (column + len > 78) {
			say("\n%11s", "");
			column = 11;
		}
		say(" %s", c->name);
		column += len;
	}
	say("\n");
	if (!panic_is_at_prompt())
		say("%12se.g. %s\n", "", tables[t].example);
}

static void help_all(void)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		if (has_commands(t))
			say("%s:\n", tables[t].title);
		for (const struct command *c = tables[t].commands; c->name; c++)
			if (is_offered(c))
				help_line(c);
	}
}

static void help_overview(void)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		if (has_commands(t))
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

static void run_command(const struct command *c, unsigned int nr, char *word[])
{
	bool pages = is_reader(c, NR_LONG) && !monitor.is_repeating && !monitor.is_told;

	if (pages)
		pager_begin();
	c->run(nr, word);
	if (pages)
		pager_end();
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
		run_command(c, nr - 1, word + 1);
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
			if (is_offered(c) && n-- == 0)
				return c->name;
	return NULL;
}

/* A handle, thread or symbol; the text is good until the next call. */
static const char *handle_name(unsigned int n)
{
	static char name[16];
	const struct held *held = held_at(n);

	if (held)
		(void)snprintf(name, sizeof(name), "#%u", held->number);
	return held ? name : NULL;
}

static const char *thread_name(unsigned int n)
{
	static char name[THREAD_NAME_MAX];
	const struct thread_info *rows;

	if (n >= prompt_threads(&rows))
		return NULL;
	memcpy(name, rows[n].name, sizeof(name));
	return name;
}

static const char *handle_or_symbol_name(unsigned int n)
{
	unsigned int nr_handles = 0;

	while (n > nr_handles && held_at(nr_handles))
		nr_handles++;
	return held_at(nr_handles) ? handle_name(n) : ksym_name(n - nr_handles);
}

static const char *give_back_name(unsigned int n)
{
	return n == 0 ? "all" : handle_name(n - 1);
}

static bool types_capitals; /* the word that is completed */

/* As they are typed: "atomic" or "ATOMIC". */
static const char *flag_name(unsigned int n)
{
	static char lower[24];
	const char *name = parse_flag_name(n);
	size_t i = 0;

	if (!name || types_capitals)
		return name;
	for (; name[i] && i + 1 < sizeof(lower); i++)
		lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 'a' - 'A') : name[i];
	lower[i] = '\0';
	return lower;
}

static const struct {
	const char *command;
	const char *(*candidate)(unsigned int n);
} completions[] = {
	{"help", command_name},	      {"alloc", flag_name},
	{"kmalloc", flag_name},	      {"try", rule_name},
	{"wrong", mistake_name},      {"test", suite_name},
	{"demo", demo_name},	      {"whatis", handle_or_symbol_name},
	{"x", handle_or_symbol_name}, {"page", handle_name},
	{"free", give_back_name},     {"kfree", handle_name},
	{"vfree", handle_name},	      {"iounmap", handle_name},
	{"kunmap", handle_name},      {"bt", thread_name},
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
	len = strlen(before);
	types_capitals = before[len - 1] >= 'A' && before[len - 1] <= 'Z';
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
	if (console_saw_break() && !panic_is_at_prompt())
		drop_typed();
}

void monitor_command(char *line, struct sink *out)
{
	char *word[WORDS_MAX];
	unsigned int nr = parse_words(line, word);

	say_to(out);
	monitor.is_told = true;
	if (nr)
		run_words(nr, word);
	monitor.is_told = false;
	say_to(NULL);
}

static void read_and_run(const char *prompt)
{
	int byte;

	line_init(&monitor.line, prompt, monitor_out());
	monitor.line.complete = complete_word;
	line_begin(&monitor.line);
	while ((byte = keys_getchar()) >= 0) {
		if (!line_feed(&monitor.line, (uint8_t)byte))
			continue;
		run_line();
		line_begin(&monitor.line);
	}
}

static int monitor_thread(void *unused)
{
	(void)unused;
	if (!keys_are_present()) /* a person has the hints of the first screen */
		say("Ashlar's monitor: `help` lists the commands\n");
	read_and_run("ashlar> ");
	return 0;
}

/* --- after a panic --- */

static void read_after_panic(void *unused)
{
	(void)unused;
	read_and_run("panic> ");
}

/* Whatever a command meets - a page that is not there, a lock that the crashed code holds, a wish to sleep - ends that
 * command and nothing else. */
static void prompt_after_panic(void)
{
	struct trap_info info;

	preempt_disable(); /* who wants to sleep panics, and nobody else ever runs */
	keys_set_polled();
	while (serial_getchar_poll() >= 0)
		; /* typed for somebody else */
	consoles_recover();
	say_to(NULL);
	say("What reads still works here: help lists it.\n"
	    "reboot or poweroff leaves; Ctrl-A x ends QEMU.\n");
	while (trap_expect(read_after_panic, NULL, &info)) {
		consoles_recover();
		say_to(NULL);
		monitor.is_repeating = false;
		if (info.vector == TRAP_PANIC)
			say("\nthe command came no further: %s\n", info.panic_text);
		else
			say("\nthe command met exception %u at 0x%08lx\n", info.vector,
			    (unsigned long)info.ip);
	}
}

void monitor_wait_for_panic(void)
{
	panic_set_prompt(prompt_after_panic);
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
