/* SPDX-License-Identifier: MIT */
/* libFuzzer target: the input is the command line. Whatever it says, the options keep their limits, and each
 * warning is one line of printable characters. */
#include <kernel/core/cmdline.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void check_warning(const char *fmt, ...)
{
	char text[512];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	require(len > 0 && (size_t)len < sizeof(text));
	for (const char *c = text; *c != '\0'; c++)
		require(*c >= ' ' && *c <= '~');
}

static void check_list(const char text[CMDLINE_LIST_MAX])
{
	require(strnlen(text, CMDLINE_LIST_MAX) < CMDLINE_LIST_MAX);
}

static void check_options(const struct cmdline_options *o)
{
	check_list(o->selftest);
	check_list(o->bench);
	check_list(o->demo);
	check_list(o->slab_debug);
	check_list(o->failslab);
	check_list(o->fail_page_alloc);
	require(o->mem_bytes == 0 || (o->mem_bytes >= 1u << 20 && o->mem_bytes <= 64ull << 30));
	require(o->lowmem_bytes == 0 || (o->lowmem_bytes >= 4u << 20 && o->lowmem_bytes <= 896u << 20));
	require(o->min_free_kbytes <= 1u << 20);
	require(o->exit <= CMDLINE_EXIT_QEMU && o->panic <= PANIC_EXIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmdline_options options;
	char *line = malloc(size + 1);

	require(line != NULL);
	memcpy(line, data, size);
	line[size] = '\0';
	cmdline_parse(&options, line, check_warning);
	check_options(&options);
	free(line);
	return 0;
}
