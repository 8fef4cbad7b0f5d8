/* SPDX-License-Identifier: MIT */
/* Commands that look for misuse of memory, and choose how closely. */
#include <kernel/lib/string.h>
#include <mm/objects/slab_debug.h>
#include <mm/report/fault.h>
#include <mm/report/leak.h>
#include <mm/report/owner.h>
#include <monitor/command.h>
#include <monitor/parse.h>
#include <monitor/tables.h>

static void list_debugged(void)
{
	char letters[SLAB_DEBUG_LETTERS_MAX];
	struct kmem_cache *cache;
	unsigned int nr = 0;

	slab_for_each(cache)
	{
		if (!cache_is_debugged(cache))
			continue;
		say("%-31s %s\n", cache->name, slab_debug_letters(cache->flags, letters));
		nr++;
	}
	say("%u caches are debugged\n", nr);
}

static void check(struct kmem_cache *cache)
{
	if (cache_is_debugged(cache))
		say("debug: %u objects of %s were damaged\n", slab_debug_check(cache), cache->name);
	else
		say("debug: %s has no letters, nothing to check\n", cache->name);
}

static void run_debug(unsigned int nr, char *word[])
{
	struct kmem_cache *cache = nr ? kmem_cache_find(word[0]) : NULL;
	slab_flags_t flags;
	const char *wrong;

	if (nr == 0) {
		list_debugged();
	} else if (!cache) {
		(void)expected("debug", "the name of a cache, see slabinfo", word[0]);
	} else if (nr == 1) {
		check(cache);
	} else if (!slab_debug_parse(word[1], strlen(word[1]), &flags)) {
		(void)expected("debug", "letters of FZPUQ, or -", word[1]);
	} else {
		wrong = slab_debug_change(cache, flags);
		say("debug: %s %s%s\n", cache->name, wrong ? "stays as it is: " : "has its letters",
		    wrong ? wrong : "");
	}
}

/* --- requests that fail on purpose --- */

static void say_faults(const char *name, enum fault_kind kind)
{
	unsigned int nr_asked, nr_failed;

	fault_counts(kind, &nr_asked, &nr_failed);
	say("%s: %u requests concerned, %u failed\n", name, nr_asked, nr_failed);
}

static void run_fault(unsigned int nr, char *word[])
{
	bool is_objects = nr && strcmp(word[0], "objects") == 0;
	const char *wrong;

	if (nr == 0) {
		say_faults("objects", FAULT_OBJECTS);
		say_faults("pages", FAULT_PAGES);
		return;
	}
	if (strcmp(word[0], "disk") == 0) {
		devices_fault_disk(nr - 1, word + 1);
		return;
	}
	if (nr != 2 || (!is_objects && strcmp(word[0], "pages") != 0)) {
		(void)expected("fault", "objects or pages, and a setting or off; or disk", word[0]);
		return;
	}
	wrong = fault_set(is_objects ? FAULT_OBJECTS : FAULT_PAGES, word[1]);
	if (wrong)
		(void)expected("fault", wrong, word[1]);
}

/* --- what does not come back --- */

static void run_leak(unsigned int nr, char *word[])
{
	const char *wrong;

	(void)nr;
	if (strcmp(word[0], "report") == 0) {
		leak_report(monitor_out());
	} else if (strcmp(word[0], "off") == 0) {
		leak_stop();
	} else if (strcmp(word[0], "mark") != 0) {
		(void)expected("leak", "mark, report or off", word[0]);
	} else {
		wrong = leak_mark();
		say("leak: %s\n", wrong ? wrong : "marked; what is handed out from now on is written down");
	}
}

/* --- memory by who asked for it --- */

#define OWNERS_SHOWN 20u

static void run_owners(unsigned int nr, char *word[])
{
	const struct page_owner_caller *line;
	unsigned int nr_callers;
	uint64_t shown = OWNERS_SHOWN;
	char code[64];

	if (nr && (!parse_number(word[0], &shown) || !shown)) {
		(void)expected("owners", "how many lines to show", word[0]);
		return;
	}
	line = page_owner_callers(&nr_callers);
	if (!line) {
		say("owners: nobody notes who takes pages; page_owner=on on the kernel's command line "
		    "does\n");
		return;
	}
	say("   pages       bytes  blocks  taken by\n");
	for (unsigned int i = 0; i < nr_callers && i < shown; i++)
		say("%8u %11llu %7u  %s\n", line[i].nr_pages,
		    (unsigned long long)line[i].nr_pages << PAGE_SHIFT, line[i].nr_blocks,
		    line[i].caller ? port_code_name(line[i].caller, code, sizeof(code))
				   : "calls that are not known");
	if (nr_callers > shown)
		say("and %u more\n", nr_callers - (unsigned int)shown);
}

const struct command debugging_commands[] = {
	{"debug", "[CACHE [LETTERS]]", 0, 2,
	 "caches that are debugged; checks one; gives it letters of FZPUQ", run_debug},
	{"fault", "[objects|pages SETTING|off]", 0, 4,
	 "requests fail as failslab= says; disk NAME error|lost|late|gone|slow N|off", run_fault},
	{"leak", "mark|report|off", 1, 1,
	 "what was allocated since the mark and did not come back, by caller", run_leak},
	{"owners", "[LINES]", 0, 1, "memory by who asked for it, the most first (page_owner=on)", run_owners},
	{.name = NULL},
};
