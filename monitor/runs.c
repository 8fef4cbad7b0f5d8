/* SPDX-License-Identifier: MIT */
/* Commands that run what the image brings along: self-tests, benches, demonstrations. */
#include <monitor/demo.h>
#include <monitor/map.h>
#include <monitor/parse.h>
#include <monitor/tables.h>
#include <tests/bench/bench.h>
#include <tests/kernel/frame.h>

#define LIST_SIZE 128u

/* The words as one list with commas. */
static bool join(const char *command, unsigned int nr, char *word[], char list[LIST_SIZE])
{
	int len = scnprintf(list, LIST_SIZE, "%s", nr ? word[0] : "all");

	for (unsigned int i = 1; i < nr; i++)
		len += scnprintf(list + len, LIST_SIZE - (unsigned int)len, ",%s", word[i]);
	if (len < (int)LIST_SIZE - 1)
		return true;
	say("%s: expected fewer than %u characters of names\n", command, LIST_SIZE - 1);
	return false;
}

static void run_test(unsigned int nr, char *word[])
{
	char list[LIST_SIZE];
	int nr_failed;

	if (!join("test", nr, word, list))
		return;
	nr_failed = selftest_run(list);
	if (nr_failed < 0) {
		say("test: no memory for the thread of the self-tests\n");
		return;
	}
	if (nr_failed)
		system_note_failure();
	say("test: %d failed\n", nr_failed);
}

static void run_bench(unsigned int nr, char *word[])
{
	char list[LIST_SIZE];

	if (!join("bench", nr, word, list))
		return;
	map_live_pause(true);
	bench_run(list);
	map_live_pause(false);
}

static void run_demo(unsigned int nr, char *word[])
{
	char list[LIST_SIZE];

	if (join("demo", nr, word, list))
		demo_run(list);
}

const char *suite_name(unsigned int n)
{
	return selftest_suite(n);
}

const struct command run_commands[] = {
	{"test", "[SUITE...]", 0, WORDS_MAX, "runs self-tests, all of them or these", run_test},
	{"bench", "[NAME...]", 0, WORDS_MAX, "runs benches, all of them or these", run_bench},
	{"demo", "[NAME...]", 0, WORDS_MAX, "shows contexts, dma, flags, fragmentation, nodes, swap, or all",
	 run_demo},
	{.name = NULL},
};
