/* SPDX-License-Identifier: MIT */
/* The kernel command line: words with blanks between them, each `name=value`; what is in double quotes is of one word,
 * "name=a value" or name="a value", as loaders write it. See the table in cmdline.c.
 *
 * L1 The first word is the file's own name, and skipped, when it has a '/' before any '=', ends in ".elf", or
 *    has no '=' and is not an option's name.
 * L2 A word that cannot be used changes nothing and is named in exactly one warning with what was expected.
 * L3 Of duplicates the last usable one wins, with a warning.
 * Any length and any bytes are survived; nothing allocates. Context: boot, or the host. */
#pragma once

#include <kernel/core/panic.h>
#include <kernel/lib/types.h>

#define CMDLINE_LIST_MAX 128 /* bytes of a list value with its NUL */

enum cmdline_exit { CMDLINE_EXIT_NEVER, CMDLINE_EXIT_QEMU };
enum cmdline_output { CMDLINE_OUTPUT_KTAP, CMDLINE_OUTPUT_TERMINAL };

struct cmdline_options {
	char selftest[CMDLINE_LIST_MAX]; /* "all", "none" or names with commas */
	char bench[CMDLINE_LIST_MAX];
	char demo[CMDLINE_LIST_MAX];
	bool monitor; /* default: on, but off with exit=qemu, where nobody is there to talk */
	bool map;     /* draw it on the text screen */
	bool map_serial;
	enum cmdline_output output;
	enum cmdline_exit exit;
	uint64_t mem_bytes;    /* RAM above this is ignored; 0: no limit */
	bool numa;	       /* look for nodes */
	uint64_t lowmem_bytes; /* end of the direct map; 0: as much as fits */
	uint32_t cpus;	       /* the most that run */
	uint32_t dirty_background_ratio, dirty_ratio;
	uint32_t min_free_kbytes; /* 0: chosen from the size of memory */
	char slab_debug[CMDLINE_LIST_MAX];
	char failslab[CMDLINE_LIST_MAX];
	char fail_page_alloc[CMDLINE_LIST_MAX];
	uint32_t fail_nth; /* 0: no self-test's requests fail */
	bool init_on_alloc, init_on_free;
	bool page_poison, page_owner;
	uint32_t guard_sample;	 /* one object in so many; 0: none */
	uint32_t validate_every; /* slow paths; 0: never */
	uint32_t swappiness;
	char swap[CMDLINE_LIST_MAX]; /* the disk that memory goes to when it is short; empty: none */
	char root[CMDLINE_LIST_MAX]; /* the disk whose files hang over "/"; empty: none */
	char run[CMDLINE_LIST_MAX];  /* a program and its arguments; empty: none */
	enum panic_action panic;
};

/* Fills in the defaults, then what `line` says. `warn` prints one line a call; it may be pr_warn. */
void cmdline_parse(struct cmdline_options *options, const char *line, void (*warn)(const char *fmt, ...));

/* Every option: two lines, what is expected and what it does. */
struct sink;
void cmdline_print_options(struct sink *out);
