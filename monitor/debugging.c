/* SPDX-License-Identifier: MIT */
/* Commands that look for misuse of memory, and choose how closely. */
#include <kernel/lib/string.h>
#include <mm/objects/slab_debug.h>
#include <monitor/command.h>
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

const struct command debugging_commands[] = {
	{"debug", "[CACHE [LETTERS]]", 0, 2,
	 "caches that are debugged; checks one; gives it letters of FZPUQ", run_debug},
	{.name = NULL},
};
