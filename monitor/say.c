/* SPDX-License-Identifier: MIT */
/* Context: the monitor's thread, or a test that stands in for it; so no lock. */
#include <monitor/say.h>

#include <kernel/core/console.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <monitor/parse.h>

#define TEXT_COLUMNS 77u /* behind two blanks */

static struct sink *say_sink;

void say_to(struct sink *out)
{
	say_sink = out;
}

struct sink *monitor_out(void)
{
	return say_sink ? say_sink : console_sink();
}

void say(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	sink_printf(monitor_out(), "%s", text);
}

void say_row(unsigned int width, const char *name, const char *text)
{
	size_t len = MAX(strlen(name), (size_t)width);

	if (2 + len + 1 + strlen(text) <= 80)
		say("  %-*s %s\n", (int)width, name, text);
	else
		say("  %s\n      %s\n", name, text);
}

void say_text(const char *text)
{
	while (*text) {
		size_t len = strlen(text), cut = MIN(len, (size_t)TEXT_COLUMNS);

		while (cut && cut < len && text[cut] != ' ')
			cut--;
		cut = cut ? cut : MIN(len, (size_t)TEXT_COLUMNS);
		say("  %.*s\n", (int)cut, text);
		text += cut;
		while (*text == ' ')
			text++;
	}
}

bool expected(const char *command, const char *what, const char *word)
{
	size_t len = strnlen(word, SHOWN_MAX + 1);

	say("%s: expected %s, got '%.*s%s'\n", command, what, (int)MIN(len, SHOWN_MAX), word,
	    len > SHOWN_MAX ? "..." : "");
	return false;
}
