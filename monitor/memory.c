/* SPDX-License-Identifier: MIT */
/* Commands that allocate and free. What they get is kept under a handle (handles.h).
 * Context: the monitor's thread alone. */
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <mm/pages/zone.h>
#include <mm/report/locate.h>
#include <monitor/handles.h>
#include <monitor/parse.h>
#include <monitor/tables.h>

/* No second word: GFP_KERNEL. */
static bool flags_of(const char *command, unsigned int nr, char *word[], gfp_t *gfp)
{
	const char *what, *where;
	char wrong[SHOWN_MAX + 8];
	size_t len;

	*gfp = GFP_KERNEL;
	what = nr > 1 ? parse_flags(word[1], gfp, &where, &len) : NULL;
	if (!what)
		return true;
	(void)snprintf(wrong, sizeof(wrong), "%.*s", (int)MIN(len, sizeof(wrong)), where);
	return expected(command, what, wrong);
}

static bool number_of(const char *command, const char *word, const char *what, uint64_t max, uint64_t *value)
{
	return (parse_number(word, value) && *value <= max) || expected(command, what, word);
}

static void print_pages(const struct held *held)
{
	say("#%u: %u page%s from 0x%x on, zone %s", held->number, 1u << held->order, held->order ? "s" : "",
	    page_to_pfn(held->page), page_zone(held->page)->name);
	if (held->object)
		say(", address 0x%08lx", (unsigned long)(uintptr_t)held->object);
	say("\n");
}

static void run_alloc(unsigned int nr, char *word[])
{
	struct held *held;
	uint64_t order;
	char names[96];
	gfp_t gfp;

	if (!number_of("alloc", word[0], "an order from 0 to 10", MAX_ORDER, &order) ||
	    !flags_of("alloc", nr, word, &gfp))
		return;
	held = held_new("alloc");
	if (!held)
		return;
	held->order = (unsigned int)order;
	held->page = alloc_pages(gfp | __GFP_NOWARN, held->order);
	if (!held->page) {
		held_cancel(held);
		say("alloc: no free block of order %u for %s, see buddyinfo\n", (unsigned int)order,
		    gfp_names(gfp, names, sizeof(names)));
		return;
	}
	held->object = page_address(held->page);
	print_pages(held);
}

static void run_kmalloc(unsigned int nr, char *word[])
{
	char names[96];
	struct held *held;
	void *object;
	uint64_t size;
	gfp_t gfp;

	if (!number_of("kmalloc", word[0], "a size from 1 to 4194304", KMALLOC_MAX_SIZE, &size) ||
	    !flags_of("kmalloc", nr, word, &gfp))
		return;
	if (size == 0 || gfp_has(gfp, __GFP_HIGHMEM)) {
		(void)expected("kmalloc", size ? "flags without HIGHMEM" : "a size from 1 to 4194304",
			       word[size ? 1 : 0]);
		return;
	}
	held = held_new("kmalloc");
	if (!held)
		return;
	object = kmalloc_any((size_t)size, gfp | __GFP_NOWARN);
	held->object = object; /* kept by its handle: not a leak */
	if (!object) {
		held_cancel(held);
		say("kmalloc: no memory for %llu bytes with %s, see buddyinfo\n", (unsigned long long)size,
		    gfp_names(gfp, names, sizeof(names)));
		return;
	}
	say("#%u: address 0x%08lx, %zu bytes usable\n", held->number, (unsigned long)(uintptr_t)object,
	    ksize(object));
}

static void run_free(unsigned int nr, char *word[])
{
	struct held *held = held_find("free", word[0]);

	(void)nr;
	if (!held)
		return;
	if (!held->page) {
		say("free: #%u came from kmalloc, expected kfree\n", held->number);
		return;
	}
	__free_pages(held->page, held->order);
	say("freed #%u\n", held->number);
	held_forget(held);
}

static void run_kfree(unsigned int nr, char *word[])
{
	struct held *held = held_find("kfree", word[0]);

	(void)nr;
	if (!held)
		return;
	if (held->page) {
		say("kfree: #%u came from alloc, expected free\n", held->number);
		return;
	}
	kfree(held->object);
	say("freed #%u\n", held->number);
	held_forget(held);
}

static size_t free_pages_now(void)
{
	const struct zone *zone;
	size_t nr = 0;

	for_each_zone(zone)
		nr += zone->nr_free;
	return nr;
}

static void run_drain(unsigned int nr, char *word[])
{
	size_t before = free_pages_now();

	(void)nr;
	(void)word;
	drain_all_pages();
	say("drain: %zu pages went back to their zones\n", free_pages_now() - before);
}

static void run_handles(unsigned int nr, char *word[])
{
	unsigned int nr_held = 0;

	(void)nr;
	(void)word;
	for (unsigned int i = 0; i < NR_HANDLES; i++) {
		const struct held *held = held_at(i);

		nr_held += held->number != 0;
		if (held->number && held->page)
			print_pages(held);
		else if (held->number)
			say("#%u: address 0x%08lx, %zu bytes usable\n", held->number,
			    (unsigned long)(uintptr_t)held->object, ksize(held->object));
	}
	say("%u of %u handles in use\n", nr_held, NR_HANDLES);
}

const struct command memory_commands[] = {
	{"alloc", "ORDER [FLAGS]", 1, 2, "2^ORDER pages, under a handle", run_alloc},
	{"free", "HANDLE|ADDRESS", 1, 1, "gives them back", run_free},
	{"kmalloc", "SIZE [FLAGS]", 1, 2, "SIZE bytes, under a handle", run_kmalloc},
	{"kfree", "HANDLE|ADDRESS", 1, 1, "gives them back", run_kfree},
	{"handles", "", 0, 0, "what is not given back", run_handles},
	{"drain", "", 0, 0, "empties the per-CPU lists of pages", run_drain},
	{.name = NULL},
};
