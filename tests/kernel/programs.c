/* SPDX-License-Identifier: MIT */
/* See programs.h. */
#include <tests/kernel/programs.h>

#include <boot/stacks.h>
#include <kernel/core/timer.h>
#include <kernel/core/vfs.h>
#include <kernel/lib/align.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <mm/reclaim/vmscan.h>
#include <monitor/parse.h>
#include <tests/kernel/settle.h>
#include <user/call.h>

int program_start(const char *line, unsigned int parent)
{
	char text[96], *word[WORDS_MAX];

	(void)snprintf(text, sizeof(text), "%s", line);
	return program_spawn_words(parse_words(text, word), word, parent);
}

int program_run(const char *line)
{
	int code = 0, id = program_start(line, current->id);

	if (id < 0)
		return id;
	return program_wait((unsigned int)id, &code) == id ? code : -EINTR;
}

void program_expect_killed(const char *line, const char *says)
{
	expect_reports();
	EXPECT_EQ(program_run(line), EXIT_KILLED);
	EXPECT_EQ(reports_count(), 1);
	EXPECT(reports_contain(says));
	if (!reports_contain(says))
		ktest_note("%s: \"%s\", expected \"%s\"", line, report_at(0), says);
	reports_forget();
}

/* What is in memory of files, high memory too. */
static void drop_files(void)
{
	(void)vmscan_reclaim(GFP_HIGHUSER, SIZE_MAX);
}

size_t programs_note(void)
{
	settle_stacks();
	drop_files();
	return nr_free_pages() + stacks_kept_pages();
}

/* Those of a test that gave up half way. */
static void end_all(void)
{
	struct program_info row[4];
	int code;

	for (unsigned int n = MIN(programs_snapshot(row, ARRAY_SIZE(row)), ARRAY_SIZE(row)); n-- > 0;)
		(void)program_kill(row[n].id, 0);
	while (program_wait(0, &code) > 0)
		;
}

void programs_expect_all_back(const size_t *before)
{
	EXPECT_EQ(programs_snapshot(NULL, 0), 0);
	end_all();
	drop_files();
	EXPECT(settle_all_is_back(*before - stacks_kept_pages()));
}

void scull_forget(int *unused)
{
	struct file file;

	(void)unused;
	if (vfs_open(&file, "scull", O_WRONLY | O_TRUNC, 0) == 0)
		vfs_close(&file);
}
