/* SPDX-License-Identifier: MIT */
/* The kernel command line: every option, every refusal, and what is said about it. */
#include <kernel/core/cmdline.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tests/ktest.h>

static struct {
	unsigned int count;
	char last[512];
} warnings;

static void collect(const char *fmt, ...) PRINTF(1, 2);

static void collect(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(warnings.last, sizeof(warnings.last), fmt, args);
	va_end(args);
	warnings.count++;
}

static struct cmdline_options parse(const char *line)
{
	struct cmdline_options options;

	warnings.count = 0;
	warnings.last[0] = '\0';
	cmdline_parse(&options, line, collect);
	return options;
}

static bool warned_once(const char *part)
{
	return warnings.count == 1 && strstr(warnings.last, part) != NULL;
}

static bool is_default(const struct cmdline_options *o)
{
	return strcmp(o->selftest, "all") == 0 && strcmp(o->bench, "none") == 0 &&
	       strcmp(o->demo, "none") == 0 && o->monitor && o->exit == CMDLINE_EXIT_NEVER &&
	       o->mem_bytes == 0 && o->lowmem_bytes == 0 && o->min_free_kbytes == 0 &&
	       o->validate_every == 0 && o->slab_debug[0] == '\0' && o->failslab[0] == '\0' &&
	       o->fail_page_alloc[0] == '\0' && !o->init_on_alloc && !o->init_on_free &&
	       o->panic == PANIC_HALT && o->output == CMDLINE_OUTPUT_KTAP;
}

KTEST(cmdline, empty_line_gives_the_defaults, "USR-05")
{
	static const char *const lines[] = {"",		  " ",	       " \t\n ", "/boot/ashlar.elf",
					    "ashlar.elf", "  kernel  "};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct cmdline_options o = parse(lines[i]);

		EXPECT(is_default(&o));
		EXPECT_EQ(warnings.count, 0);
	}
}

KTEST(cmdline, with_exit_qemu_the_monitor_must_be_asked_for, "USR-05")
{
	EXPECT(!parse("exit=qemu").monitor);
	EXPECT(!parse("exit=qemu monitor=maybe").monitor);
	EXPECT(parse("exit=qemu monitor=on").monitor);
	EXPECT(parse("monitor=on exit=qemu").monitor);
	EXPECT(parse("exit=never").monitor);
}

KTEST(cmdline, every_option_reaches_its_place, "USR-05")
{
	struct cmdline_options o =
		parse("build/ashlar.elf selftest=buddy,slab bench=all demo=irq monitor=off exit=qemu "
		      "mem=4M lowmem=512M min_free_kbytes=0x400 validate_every=500 "
		      "slab_debug=FZPU,kmalloc-64 failslab=1,100,0,-1 "
		      "fail_page_alloc=10,50,0,5 init_on_alloc=1 init_on_free=on panic=exit output=terminal");

	EXPECT_EQ(warnings.count, 0);
	EXPECT(strcmp(o.selftest, "buddy,slab") == 0 && strcmp(o.bench, "all") == 0 &&
	       strcmp(o.demo, "irq") == 0);
	EXPECT(!o.monitor && o.exit == CMDLINE_EXIT_QEMU && o.panic == PANIC_EXIT);
	EXPECT(o.init_on_alloc && o.init_on_free);
	EXPECT_EQ(o.mem_bytes, 4u << 20);
	EXPECT_EQ(o.lowmem_bytes, 512u << 20);
	EXPECT_EQ(o.min_free_kbytes, 1024);
	EXPECT_EQ(o.validate_every, 500);
	EXPECT(strcmp(o.slab_debug, "FZPU,kmalloc-64") == 0 && strcmp(o.failslab, "1,100,0,-1") == 0);
	EXPECT(strcmp(o.fail_page_alloc, "10,50,0,5") == 0);
}

KTEST(cmdline, sizes_have_suffixes_and_limits, "USR-05")
{
	EXPECT_EQ(parse("mem=8G").mem_bytes, 8ull << 30);
	EXPECT_EQ(parse("mem=65536K").mem_bytes, 64u << 20);
	EXPECT_EQ(parse("mem=0x1000000").mem_bytes, 16u << 20);
	EXPECT_EQ(parse("mem=64g").mem_bytes, 64ull << 30);
	EXPECT_EQ(parse("lowmem=896M").lowmem_bytes, 896u << 20);
	EXPECT_EQ(warnings.count, 0);
}

KTEST(cmdline, bad_value_changes_nothing_and_is_named_once, "USR-05")
{
	static const char *const words[] = {
		"mem=0",
		"mem=65G",
		"mem=",
		"mem",
		"mem=M",
		"mem=4MM",
		"mem=4T",
		"mem=-4M",
		"mem=0x",
		"mem=1.5G",
		"mem=18446744073709551616",
		"mem=18446744073709551615",
		"mem=99999999999999999999G",
		"mem=17179869192G",
		"mem=0x10000000000000000",
		"lowmem=897M",
		"lowmem=3M",
		"min_free_kbytes=1048577",
		"min_free_kbytes=4294967296",
		"min_free_kbytes=4K",
		"min_free_kbytes=x",
		"monitor=yes",
		"monitor",
		"exit=Qemu",
		"exit=never|qemu",
		"exit=",
		"panic=reboot",
		"init_on_alloc=2",
		"selftest=",
		"selftest=\x80",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		char name[32], line[64];
		struct cmdline_options o;

		(void)snprintf(line, sizeof(line), "k.elf %s", words[i]);
		o = parse(line);
		EXPECT(is_default(&o));
		(void)snprintf(name, sizeof(name), "%.*s= expects ", (int)strcspn(words[i], "="), words[i]);
		if (!warned_once(name))
			ktest_note("%s: %u warnings, the last: %s", words[i], warnings.count, warnings.last);
		EXPECT(warned_once(name));
	}
}

KTEST(cmdline, unknown_word_is_named_once_with_what_is_known, "USR-05")
{
	struct cmdline_options o = parse("k.elf zone_dma=99");

	EXPECT(is_default(&o) && warned_once("zone_dma=99: unknown option") &&
	       warned_once("min_free_kbytes"));
	o = parse("zone_dma=99");
	EXPECT(warned_once("zone_dma=99"));
	o = parse("k.elf quiet mem=8M");
	EXPECT(o.mem_bytes == 8u << 20 && warned_once("quiet"));
	o = parse("k.elf =");
	EXPECT(warned_once("unknown option"));
	o = parse("k.elf me=8M memm=8M");
	EXPECT_EQ(warnings.count, 2);
}

KTEST(cmdline, only_the_first_word_may_be_the_file_name, "USR-05")
{
	(void)parse("/a/b.elf /a/b.elf");
	EXPECT(warned_once("/a/b.elf"));
	EXPECT(parse("mem=8M").mem_bytes == 8u << 20 && warnings.count == 0);
	EXPECT(parse("/x=y/z mem=8M").mem_bytes == 8u << 20 && warnings.count == 0);
	(void)parse("slab_debug=a/b");
	EXPECT_EQ(warnings.count, 0);
	(void)parse("monitor");
	EXPECT(warned_once("monitor= expects"));
}

KTEST(cmdline, last_of_duplicates_wins_with_a_warning, "USR-05")
{
	EXPECT(parse("mem=4M mem=8M").mem_bytes == 8u << 20 && warned_once("more than once"));
	EXPECT(parse("mem=4M mem=junk").mem_bytes == 4u << 20 && warned_once("expects"));
	EXPECT(parse("mem=4M mem=8M mem=16M").mem_bytes == 16u << 20 && warnings.count == 2);
}

KTEST(cmdline, what_is_in_quotes_is_one_word, "USR-05 R8")
{
	static const char *const lines[] = {"k.elf run=\"hog 64 &\" mem=8M", "k.elf \"run=hog 64 &\" mem=8M",
					    "mem=8M run=\"hog 64 &\"", "\"run=hog 64 &\" \"mem=8M\""};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct cmdline_options o = parse(lines[i]);

		EXPECT(strcmp(o.run, "hog 64 &") == 0 && o.mem_bytes == 8u << 20 && warnings.count == 0);
	}
	EXPECT(strcmp(parse("run=peek").run, "peek") == 0 && warnings.count == 0);
	EXPECT(parse("").run[0] == '\0');
	EXPECT(parse("selftest=\"a b\" mem=8M").mem_bytes == 8u << 20 && warned_once("selftest= expects"));
	EXPECT(parse("mem=\"16M\"").mem_bytes == 16u << 20 && warnings.count == 0);
	EXPECT(parse("k.elf \"\" mem=8M").mem_bytes == 8u << 20 && warned_once("unknown option"));
}

KTEST(cmdline, a_quote_that_nothing_closes_is_a_letter, "USR-02")
{
	EXPECT(parse("k.elf run=\"hog mem=8M").mem_bytes == 8u << 20 && warnings.count == 0);
	EXPECT(strcmp(parse("run=\"hog mem=8M").run, "\"hog") == 0);
	EXPECT(parse("k.elf \" mem=8M").mem_bytes == 8u << 20 && warned_once("unknown option"));
	EXPECT(strcmp(parse("run=a\"b c\"").run, "a\"b c\"") == 0);
}

KTEST(cmdline, list_that_does_not_fit_is_refused, "USR-02")
{
	char line[400] = "selftest=";
	struct cmdline_options o;

	memset(line + 9, 'a', CMDLINE_LIST_MAX - 1);
	o = parse(line);
	EXPECT(warnings.count == 0 && strlen(o.selftest) == CMDLINE_LIST_MAX - 1);
	line[9 + CMDLINE_LIST_MAX - 1] = 'a';
	o = parse(line);
	EXPECT(is_default(&o) && warned_once("selftest= expects"));
}

KTEST(cmdline, binary_words_are_shown_printable_and_short, "USR-02")
{
	char line[300] = "k.elf ";

	for (int i = 1; i < 250; i++)
		line[5 + i] = (char)(i < 33 ? 0x80 + i : i == '=' ? 'e' : i);
	(void)parse(line);
	EXPECT_EQ(warnings.count, 1);
	for (const char *c = warnings.last; *c != '\0'; c++)
		EXPECT(*c >= ' ' && *c <= '~');
	EXPECT(strstr(warnings.last, "\\x81\\x82") != NULL && strstr(warnings.last, "...: unknown") != NULL);
	EXPECT((size_t)(strstr(warnings.last, ": unknown") - warnings.last) <=
	       strlen("command line: ") + 40 + 3);
	(void)parse("k.elf \x1b[2J");
	EXPECT(warned_once("\\x1b[2J: unknown"));
}

KTEST(cmdline, a_line_of_a_million_bytes_is_survived, "USR-02")
{
	size_t size = 1000000;
	char *line = malloc(size);
	struct cmdline_options o;

	REQUIRE(line != NULL);
	memset(line, 'x', size);
	line[size - 1] = '\0';
	line[1] = '=';
	o = parse(line);
	EXPECT(is_default(&o) && warned_once("unknown"));
	for (size_t i = 0; i + 1 < size; i += 2)
		memcpy(line + i, "= ", 2);
	line[size - 1] = '\0';
	o = parse(line);
	EXPECT(is_default(&o) && warnings.count == size / 2);
	free(line);
}
