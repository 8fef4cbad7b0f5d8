/* SPDX-License-Identifier: MIT */
/* The table of demonstrations, the search in it, and what several of them need: low memory taken to the last
 * page, and given back. */
#include <monitor/demo.h>

#include <kernel/lib/align.h>
#include <kernel/lib/list.h>
#include <kernel/lib/string.h>
#include <mm/pages/page_alloc.h>
#include <monitor/parse.h>
#include <monitor/say.h>

static const struct {
	const char *name;
	void (*run)(void);
} demos[] = {
	{"contexts", demo_contexts},	       {"dma", demo_dma},     {"flags", demo_flags},
	{"fragmentation", demo_fragmentation}, {"nodes", demo_nodes}, {"swap", demo_swap},
};

const char *demo_name(unsigned int n)
{
	return n < ARRAY_SIZE(demos) ? demos[n].name : NULL;
}

/* Length of the name at the front of a list "a,b,c". */
static size_t word_length(const char *list)
{
	const char *comma = strchr(list, ',');

	return comma ? (size_t)(comma - list) : strlen(list);
}

static const char *next_word(const char *list)
{
	list += word_length(list);
	return *list == ',' ? list + 1 : list;
}

static bool word_is(const char *list, const char *name)
{
	return strlen(name) == word_length(list) && strncmp(list, name, strlen(name)) == 0;
}

bool demo_is_wanted(const char *list, const char *name)
{
	for (; *list; list = next_word(list))
		if (word_is(list, "all") || word_is(list, name))
			return true;
	return false;
}

static bool word_is_known(const char *list)
{
	for (size_t i = 0; i < ARRAY_SIZE(demos); i++)
		if (word_is(list, demos[i].name))
			return true;
	return word_is(list, "all") || word_is(list, "none") || word_length(list) == 0;
}

void demo_run(const char *list)
{
	for (const char *word = list; *word; word = next_word(word))
		if (!word_is_known(word))
			say("demo: expected all, none, contexts, dma, flags, fragmentation, nodes or swap, "
			    "got "
			    "'%.*s'\n",
			    (int)MIN(word_length(word), (size_t)SHOWN_MAX), word);
	for (size_t i = 0; i < ARRAY_SIZE(demos); i++)
		if (demo_is_wanted(list, demos[i].name)) {
			say("\n--- demo %s ---\n", demos[i].name);
			demos[i].run();
		}
}

size_t demo_low_free(void)
{
	return nr_free_pages_below(ZONE_NORMAL);
}

size_t demo_low_kept(void)
{
	const struct zone *zone;
	size_t nr = 0;

	for_each_zone(zone)
		if (zone->id <= ZONE_NORMAL && zone_has_memory(zone))
			nr += zone_floor(zone, ZONE_NORMAL);
	return nr;
}

size_t demo_take_all(struct list_head *taken, gfp_t gfp)
{
	struct page *page;
	size_t nr = 0;

	for (unsigned int order = NR_ORDERS; order-- > 0;)
		while ((page = alloc_pages(gfp | __GFP_NOWARN, order))) {
			list_add(&page->links, taken);
			nr += (size_t)1 << order;
		}
	return nr;
}

void demo_give_all(struct list_head *taken)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, taken, links)
		__free_pages(page, page->order);
	list_init(taken);
}
