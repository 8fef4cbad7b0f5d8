/* SPDX-License-Identifier: MIT */
/* Commands that allocate and free, one for each call of the books. What they get is kept under a handle
 * (handles.h). Whatever size, order and flags are asked for reaches the kernel: what it says to nonsense is what
 * a driver would read.
 *
 * Context: the monitor's thread alone. */
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <linux/bootmem.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <mm/pages/user_page.h>
#include <mm/pages/watch.h>
#include <mm/pages/zone.h>
#include <mm/port.h>
#include <mm/reclaim/wait.h>
#include <monitor/handles.h>
#include <monitor/parse.h>
#include <monitor/tables.h>

#define FLAGS_SIZE 128u

/* What went wrong with the flags, and all there are. Result: false. */
static bool say_flags(const char *command, const char *what, const char *wrong)
{
	const char *name;

	(void)expected(command, what, wrong);
	say(" ");
	for (unsigned int i = 0; (name = parse_flag_name(i)) != NULL; i++)
		say("%s %s", i && i % 8 == 0 ? "\n " : "", name);
	say("\n");
	return false;
}

/* The words from the second on, blanks or not; none: GFP_KERNEL. */
static bool flags_of(const char *command, unsigned int nr, char *word[], gfp_t *gfp)
{
	char text[FLAGS_SIZE], wrong[SHOWN_MAX + 8];
	const char *what, *where;
	size_t len;

	*gfp = GFP_KERNEL;
	if (nr < 2)
		return true;
	parse_join(text, sizeof(text), nr - 1, word + 1);
	what = parse_flags(text, gfp, &where, &len);
	if (!what)
		return true;
	(void)snprintf(wrong, sizeof(wrong), "%.*s", (int)MIN(len, sizeof(wrong)), where);
	return say_flags(command, what, wrong);
}

static bool number_of(const char *command, const char *word, const char *what, uint64_t max, uint64_t *value)
{
	return (parse_number(word, value) && *value <= max) || expected(command, what, word);
}

static bool size_of(const char *command, const char *word, const char *what, uint64_t *bytes)
{
	return (parse_size(word, bytes) && *bytes <= UINT32_MAX) || expected(command, what, word);
}

/* --- what is said of a request --- */

/* Why each zone that the flags name refused: the mark, or the lack of a whole block. */
static void say_refusal(gfp_t gfp, unsigned int order)
{
	enum zone_id highest = gfp_zone(gfp);
	const struct zone *zone;

	if (mm_watch & WATCH_FAULT) {
		say("  requests fail on purpose, see `fault`\n");
		return;
	}
	for_each_zone(zone) {
		size_t floor = gfp_has(gfp, __GFP_HIGH) ? 0 : zone_floor(zone, highest);
		size_t wanted = (size_t)1 << order;

		if (zone->id > highest || !zone_has_memory(zone))
			continue;
		if (zone->nr_free < floor + wanted)
			say("  %-8s %zu pages free, of which this request must leave %zu\n", zone->name,
			    zone->nr_free, floor);
		else
			say("  %-8s %zu pages free, but no block of order %u\n", zone->name, zone->nr_free,
			    order);
	}
}

/* If the request that began then waited: how long, and what ended it. */
static void say_wait(uint64_t since_ms)
{
	struct wait_record record;

	if (!wait_read_log(0, &record) || record.since_ms < since_ms || !record.has_slept)
		return;
	if (record.was_served)
		say("  slept %u ms, woken by %s\n", (unsigned int)(record.until_ms - record.since_ms),
		    record.woken_by);
	else
		say("  slept %u ms in vain\n", (unsigned int)(record.until_ms - record.since_ms));
}

static void held_print(const struct held *held)
{
	char names[96];

	say("#%u: ", held->number);
	if (held->kind == HELD_PAGES || held->kind == HELD_USER)
		say("%u page%s from 0x%x on, zone %s", 1u << held->order, held->order ? "s" : "",
		    page_to_pfn(held->page), page_zone(held->page)->name);
	else if (held->kind == HELD_WINDOW)
		say("page 0x%x, zone %s", page_to_pfn(held->page), page_zone(held->page)->name);
	else
		say("address 0x%08lx", (unsigned long)(uintptr_t)held->object);
	if (held->kind == HELD_OBJECT)
		say(", %zu bytes usable", ksize(held->object));
	else if (held->kind == HELD_CACHED)
		say(", an object of %s", kmem_cache_name(held->cache));
	else if (held->object && held->page)
		say(", address 0x%08lx", (unsigned long)(uintptr_t)held->object);
	if (held->kind <= HELD_AREA)
		say(", %s", gfp_names(held->gfp, names, sizeof(names)));
	say("\n");
}

/* --- pages and objects --- */

static void run_alloc(unsigned int nr, char *word[])
{
	uint64_t order, since_ms = port_now_ms();
	struct held *held;
	gfp_t gfp;

	if (!number_of("alloc", word[0], "an order; 0 to 10 can be had", 1000, &order) ||
	    !flags_of("alloc", nr, word, &gfp))
		return;
	held = held_new("alloc", HELD_PAGES);
	if (!held)
		return;
	held->order = (unsigned int)order;
	held->gfp = gfp;
	held->page = alloc_pages(gfp, held->order);
	say_wait(since_ms);
	if (!held->page) {
		held_cancel(held);
		say("alloc: NULL\n");
		if (order <= MAX_PAGE_ORDER && !gfp_is_impossible(gfp))
			say_refusal(gfp, (unsigned int)order);
		return;
	}
	held->object = page_address(held->page);
	held_print(held);
}

static void run_kmalloc(unsigned int nr, char *word[])
{
	uint64_t size, since_ms = port_now_ms();
	struct held *held;
	void *object;
	gfp_t gfp;

	if (!size_of("kmalloc", word[0], "a size in bytes; up to 4M can be had", &size) ||
	    !flags_of("kmalloc", nr, word, &gfp))
		return;
	held = held_new("kmalloc", HELD_OBJECT);
	if (!held)
		return;
	object = kmalloc_any((size_t)size, gfp);
	held->object = object; /* kept by its handle: not a leak */
	held->gfp = gfp;
	say_wait(since_ms);
	if (!object) {
		held_cancel(held);
		say("kmalloc: NULL\n");
		if (size <= KMALLOC_MAX_SIZE && !gfp_is_impossible(gfp))
			say_refusal(gfp & ~__GFP_HIGHMEM, get_order((unsigned long)size));
		return;
	}
	held_print(held);
	if (size == 0)
		say("  nothing may be touched there; kfree takes it\n");
}

static void give_back(const char *command, const char *word, enum held_kind kind)
{
	struct held *held = held_find_kind(command, word, kind);

	if (!held)
		return;
	say("freed #%u\n", held->number);
	held_release(held);
}

static void free_all(void)
{
	unsigned int nr = 0;

	for (struct held *held; (held = held_at(0)) != NULL; nr++)
		held_release(held);
	say("freed %u handle%s\n", nr, nr == 1 ? "" : "s");
}

static void run_free(unsigned int nr, char *word[])
{
	(void)nr;
	if (strcmp(word[0], "all") == 0)
		free_all();
	else
		give_back("free", word[0], HELD_PAGES);
}

#define RUN_GIVE_BACK(name, kind)                                                                            \
	static void run_##name(unsigned int nr, char *word[])                                                \
	{                                                                                                    \
		(void)nr;                                                                                    \
		give_back(#name, word[0], kind);                                                             \
	}
RUN_GIVE_BACK(kfree, HELD_OBJECT)
RUN_GIVE_BACK(vfree, HELD_AREA)
RUN_GIVE_BACK(iounmap, HELD_DEVICE)
RUN_GIVE_BACK(kunmap, HELD_WINDOW)

/* --- mapped memory --- */

static void run_vmalloc(unsigned int nr, char *word[])
{
	struct held *held;
	uint64_t size;

	(void)nr;
	if (!size_of("vmalloc", word[0], "a size in bytes", &size))
		return;
	held = held_new("vmalloc", HELD_AREA);
	if (!held)
		return;
	held->gfp = GFP_KERNEL | __GFP_HIGHMEM;
	held->object = vmalloc((unsigned long)size);
	if (held->object) {
		held_print(held);
		return;
	}
	held_cancel(held);
	say("vmalloc: NULL\n");
}

static void run_ioremap(unsigned int nr, char *word[])
{
	uint64_t paddr, size = PAGE_SIZE;
	struct held *held;

	if (!number_of("ioremap", word[0], "a physical address", UINT64_MAX, &paddr) ||
	    (nr > 1 && !size_of("ioremap", word[1], "a size in bytes", &size)))
		return;
	held = held_new("ioremap", HELD_DEVICE);
	if (!held)
		return;
	held->object = (void *)(uintptr_t)ioremap(paddr, (size_t)size);
	if (held->object) {
		held_print(held);
		return;
	}
	held_cancel(held);
	say("ioremap: NULL\n");
}

/* A page of high memory, where there is some, behind a window that stays. */
static void run_kmap(unsigned int nr, char *word[])
{
	struct held *held = held_new("kmap", HELD_WINDOW);

	(void)nr;
	(void)word;
	if (!held)
		return;
	held->gfp = GFP_HIGHUSER;
	held->page = alloc_page(GFP_HIGHUSER);
	if (!held->page) {
		held_cancel(held);
		say("kmap: NULL, no page to show\n");
		return;
	}
	held->object = kmap(held->page);
	held_print(held);
	if (!page_is_highmem(held->page))
		say("  low memory has an address of its own: no window was needed\n");
}

static void user_take(void)
{
	struct held *held = held_new("user", HELD_USER);

	if (!held)
		return;
	held->gfp = GFP_HIGHUSER;
	held->page = alloc_user_page();
	if (!held->page) {
		held_cancel(held);
		say("user: NULL\n");
		return;
	}
	held_print(held);
	say("  cleared, as a program would get it; %zu such pages are out\n", nr_user_pages());
}

static void run_user(unsigned int nr, char *word[])
{
	if (nr == 0)
		user_take();
	else if (nr == 2 && strcmp(word[0], "free") == 0)
		give_back("user", word[1], HELD_USER);
	else
		(void)expected("user", "nothing, or free HANDLE", word[0]);
}

/* --- caches --- */

#define NR_CACHES 8u

static struct {
	struct kmem_cache *cache[NR_CACHES]; /* made here; NULL: a free place */
} caches;

static struct kmem_cache **cache_find(const char *name)
{
	for (unsigned int i = 0; i < NR_CACHES; i++)
		if (caches.cache[i] && strcmp(kmem_cache_name(caches.cache[i]), name) == 0)
			return &caches.cache[i];
	say("cache: no cache '%.*s' was made here, see cache create\n", (int)SHOWN_MAX, name);
	return NULL;
}

static void cache_create(unsigned int nr, char *word[])
{
	uint64_t size = 64;
	unsigned int place = 0;

	if (nr > 1 && !size_of("cache create", word[1], "a size in bytes", &size))
		return;
	while (place < NR_CACHES && caches.cache[place])
		place++;
	if (place == NR_CACHES) {
		say("cache create: all %u places are in use\n", NR_CACHES);
		return;
	}
	caches.cache[place] = kmem_cache_create(word[0], (size_t)size, 0, 0, NULL);
	say(caches.cache[place] ? "cache %s is there\n" : "cache create: NULL\n", word[0]);
}

static void cache_alloc(unsigned int nr, char *word[])
{
	struct kmem_cache **cache = cache_find(word[0]);
	struct held *held = cache ? held_new("cache alloc", HELD_CACHED) : NULL;

	(void)nr;
	if (!held)
		return;
	held->cache = *cache;
	held->object = kmem_cache_alloc(*cache, GFP_KERNEL);
	if (held->object) {
		held_print(held);
		return;
	}
	held_cancel(held);
	say("cache alloc: NULL\n");
}

static void cache_free(unsigned int nr, char *word[])
{
	(void)nr;
	give_back("cache free", word[0], HELD_CACHED);
}

/* With objects handed out the kernel refuses, and says which; so its word is asked for. */
static void cache_destroy(unsigned int nr, char *word[])
{
	struct kmem_cache **cache = cache_find(word[0]);
	bool is_used = cache && held_uses_cache(*cache);

	(void)nr;
	if (!cache)
		return;
	(void)kmem_cache_destroy(*cache);
	if (!is_used)
		*cache = NULL;
	say(is_used ? "cache %s is still there\n" : "cache %s is gone\n", word[0]);
}

static void run_cache(unsigned int nr, char *word[])
{
	static const struct {
		const char *name;
		void (*run)(unsigned int nr, char *word[]);
	} verbs[] = {
		{"create", cache_create},
		{"alloc", cache_alloc},
		{"free", cache_free},
		{"destroy", cache_destroy},
	};

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(word[0], verbs[i].name) == 0) {
			verbs[i].run(nr - 1, word + 1);
			return;
		}
	(void)expected("cache", "create NAME [SIZE], alloc NAME, free HANDLE or destroy NAME", word[0]);
}

/* --- what is held --- */

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
	const struct held *held;
	unsigned int n = 0;

	(void)nr;
	(void)word;
	for (; (held = held_at(n)) != NULL; n++)
		held_print(held);
	say("%u of %u handles in use\n", n, NR_HANDLES);
}

const struct command memory_commands[] = {
	{"alloc", "ORDER [FLAGS]", 1, WORDS_MAX, "2^ORDER pages: alloc_pages", run_alloc},
	{"free", "HANDLE|ADDRESS|all", 1, 1, "gives pages back; all: all that is held", run_free},
	{"kmalloc", "SIZE [FLAGS]", 1, WORDS_MAX, "SIZE bytes", run_kmalloc},
	{"kfree", "HANDLE|ADDRESS", 1, 1, "gives them back", run_kfree},
	{"vmalloc", "SIZE", 1, 1, "SIZE bytes, contiguous for the CPU only", run_vmalloc},
	{"vfree", "HANDLE|ADDRESS", 1, 1, "gives them back", run_vfree},
	{"ioremap", "PADDR [SIZE]", 1, 2, "a device's memory", run_ioremap},
	{"iounmap", "HANDLE|ADDRESS", 1, 1, "no longer", run_iounmap},
	{"kmap", "", 0, 0, "a high page, and a window on it that stays", run_kmap},
	{"kunmap", "HANDLE|ADDRESS", 1, 1, "gives both back", run_kunmap},
	{"cache", "create NAME [SIZE]|alloc NAME|...", 2, 3, "... free HANDLE, destroy NAME", run_cache},
	{"user", "[free HANDLE]", 0, 2, "a page as programs get it", run_user},
	{"handles", "", 0, 0, "what is not given back", run_handles},
	{"drain", "", 0, 0, "empties the per-CPU lists of pages", run_drain},
	{.name = NULL},
};
