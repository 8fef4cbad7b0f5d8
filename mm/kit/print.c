/* SPDX-License-Identifier: MIT */
/* What mm says, over kit_write() and kit_stop(). */
#include <kernel/lib/format.h>
#include <mm/kit/kit.h>

#define LINE_MAX_BYTES 256

static void say(const char *before, const char *fmt, va_list args) PRINTF(2, 0);
static void say(const char *before, const char *fmt, va_list args)
{
	char line[LINE_MAX_BYTES];
	size_t len = (size_t)scnprintf(line, sizeof(line) - 1, "%s", before);
	int more = vsnprintf(line + len, sizeof(line) - 1 - len, fmt, args);

	if (more > 0)
		len += (size_t)more;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	kit_write(line, len);
}

void port_print(enum port_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	say("mm: ", fmt, args);
	va_end(args);
}

void port_panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("mm: panic: ", fmt, args);
	va_end(args);
	kit_stop();
}

void port_refuse(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("mm: cannot start: ", fmt, args);
	va_end(args);
	kit_stop();
}

void assert_failed(const char *expr, const char *file, int line)
{
	port_panic("%s:%d: %s", file, line, expr);
}
