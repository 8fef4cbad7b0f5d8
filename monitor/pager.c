/* SPDX-License-Identifier: MIT */
/* A sink before the console's that counts rows as a terminal of 80 by 24 would show them. */
#include <monitor/pager.h>

#include <kernel/core/console.h>
#include <kernel/core/preempt.h>
#include <kernel/lib/string.h>
#include <monitor/keys.h>
#include <monitor/say.h>

#define COLUMNS	  80u
#define ROWS	  23u /* and one for the question */
#define CONTROL_C 3
#define ESC	  '\033'

static struct {
	struct sink sink;
	unsigned int row, column;
	bool is_in_escape; /* a colour: until its 'm' */
	bool is_over;	   /* q: nothing more is shown */
} pager;

static void show(const char *text, size_t len)
{
	console_sink()->write(console_sink(), text, len);
}

/* From the key: how many rows more. */
static void ask(void)
{
	static const char question[] = "-- more: Space, Enter, q --",
			  gone[] = "\r                           \r";
	int key;

	show(question, sizeof(question) - 1);
	do
		key = keys_getchar();
	while (key >= 0 && key != ' ' && key != '\r' && key != '\n' && key != 'q' && key != CONTROL_C);
	show(gone, sizeof(gone) - 1);
	pager.is_over = key == 'q' || key == CONTROL_C || key < 0;
	pager.row -= key == ' ' ? ROWS : 1;
}

/* Result: does the byte end a row? */
static bool ends_row(char c)
{
	if (pager.is_in_escape || c == ESC) {
		pager.is_in_escape = c != 'm';
		return false;
	}
	if (c == '\n') {
		pager.column = 0;
		return true;
	}
	if (++pager.column <= COLUMNS)
		return false;
	pager.column = 1;
	return true;
}

/* Rows are asked for before the first byte of the one too many. */
static void pager_write(struct sink *sink, const char *text, size_t len)
{
	size_t done = 0;

	(void)sink;
	for (size_t i = 0; i < len && !pager.is_over; i++) {
		if (pager.row >= ROWS) {
			show(text + done, i - done);
			done = i;
			ask();
		}
		pager.row += ends_row(text[i]);
	}
	if (!pager.is_over)
		show(text + done, len - done);
}

void pager_begin(void)
{
	if (!keys_are_present())
		return;
	memset(&pager, 0, sizeof(pager));
	pager.sink.write = pager_write;
	say_to(&pager.sink);
}

void pager_end(void)
{
	if (pager.sink.write)
		say_to(NULL);
	pager.sink.write = NULL;
}
