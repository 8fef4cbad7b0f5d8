/* SPDX-License-Identifier: MIT */
/* Commands that look and change nothing: the tables of mm, a page, an address. What they say is true of the
 * moment they looked. */
#include <kernel/arch/mmu.h>
#include <kernel/core/address.h>
#include <kernel/core/blkdev.h>
#include <kernel/core/console.h>
#include <kernel/core/panic.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <mm/cache/cache_page.h>
#include <mm/cache/swap.h>
#include <mm/dma/bounce.h>
#include <mm/mapped/vmalloc.h>
#include <mm/pages/pcp.h>
#include <mm/pages/zone.h>
#include <mm/reclaim/events.h>
#include <mm/report/locate.h>
#include <mm/report/map.h>
#include <mm/report/owner.h>
#include <mm/report/poison.h>
#include <mm/report/stats.h>
#include <mm/report/validate.h>
#include <monitor/handles.h>
#include <monitor/map.h>
#include <monitor/parse.h>
#include <monitor/tables.h>
#include <monitor/threads.h>
#include <user/program.h>

void flags_page_print(void)
{
	static const char *const lines[] = {
		"which flag when:",
		"  in a process, and it may sleep              GFP_KERNEL",
		"  in a process, and it may not (a spinlock)   GFP_ATOMIC",
		"  in an interrupt handler                     GFP_ATOMIC",
		"  in a softirq, a timer or a tasklet          GFP_ATOMIC",
		"  for an ISA device, and it may sleep         GFP_DMA | GFP_KERNEL",
		"  for an ISA device, and it may not           GFP_DMA | GFP_ATOMIC",
		"refinements, joined by |:",
		"  NOIO NOFS             may sleep, but start no I/O, call no file system",
		"  NOWAIT                neither sleeps nor takes from the reserve",
		"  HIGHMEM HIGHUSER      pages that need no address in the kernel (not for kmalloc)",
		"  MOVABLE RECLAIMABLE   lie together with their like",
		"  ZERO COMP COLD        cleared; one block with references; not from the CPU's cache",
		"  NORETRY REPEAT        give up early; try hard, may still fail",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		say("%s\n", lines[i]);
}

/* --- pages --- */

/* Who took it, and who freed it last; nothing without page_owner=on. */
static void page_print_owner(const struct page *page)
{
	char line[PAGE_OWNER_LINE_MAX];

	for (unsigned int n = 0; page_owner_line(page, n, line, sizeof(line)); n++)
		say("  %s\n", line);
}

/* By bit of enum page_flag; GDB reads them, too. */
static const char *const page_flag_names[] = {"locked", "uptodate", "dirty",  "writeback",
					      "used",	"active",   "failed", "listed"};

/* Nothing, if it is of no file and not of swap. */
static void file_page_print(const struct page *page)
{
	const char *disk = page->state == PAGE_FILE ? swap_disk_of(page->mapping) : NULL;

	if (page->state != PAGE_FILE)
		return;
	if (disk)
		say(", page %u of swap disk %s:", page->index, disk);
	else
		say(", page %u of mapping 0x%08lx:", page->index, (unsigned long)(uintptr_t)page->mapping);
	for (unsigned int i = 0; i < ARRAY_SIZE(page_flag_names); i++)
		if (page_has(page, (enum page_flag)(1u << i)))
			say(" %s", page_flag_names[i]);
}

static void say_node(const struct page *page)
{
	if (node_map.nr_nodes > 1)
		say(", node %u", page_to_nid(page));
}

static void page_print(pfn_t pfn)
{
	struct page *page = pfn_to_page(pfn), *head = page_find_head(page);
	const struct zone *zone = zone_of_pfn(pfn);
	struct slab_place place;
	char text[96];

	say("page 0x%x at physical 0x%llx, ", pfn, (unsigned long long)page_to_phys(page));
	if (page_is_highmem(page))
		say("no address of its own");
	else
		say("address 0x%08lx", (unsigned long)(uintptr_t)page_address(page));
	say_node(page);
	say(", zone %s: %s", zone ? zone->name : "none", page_describe(page, text, sizeof(text)));
	if (head && head->state == PAGE_SLAB && slab_locate(page_address(page), &place))
		say(", cache %s", place.cache);
	file_page_print(page);
	say("%s\n", page_is_poisoned(page) ? ", poisoned" : "");
	page_print_owner(page);
}

/* The page that a word names by number, address or handle; else NULL, after a message. */
static struct page *word_to_page(const char *word)
{
	unsigned int number;
	const void *at;
	uintptr_t addr;
	uint64_t value;
	char what[96];

	if (parse_handle(word, &number))
		return handle_to_address("page", number, &addr) ? virt_to_page((void *)addr) : NULL;
	if (parse_number(word, &value)) {
		if (value < mem_map_pages)
			return pfn_to_page((pfn_t)value);
		at = (void *)(uintptr_t)value;
		if (value <= UINTPTR_MAX && virt_is_direct(at))
			return virt_to_page(at); /* cppcheck-suppress CastIntegerToAddressAtReturn */
	}
	(void)snprintf(what, sizeof(what),
		       "a handle, a page number below 0x%x or an address from 0x%x to 0x%lx", mem_map_pages,
		       MMU_DIRECT_MAP_BASE, (unsigned long)(MMU_DIRECT_MAP_BASE + (lowmem_bytes - 1)));
	(void)expected("page", what, word);
	return NULL;
}

static void run_page(unsigned int nr, char *word[])
{
	const struct page *page = word_to_page(word[0]);

	(void)nr;
	if (page)
		page_print(page_to_pfn(page));
}

/* --- addresses --- */

static bool whatis_stack(uintptr_t addr)
{
	const struct thread_info *rows;
	unsigned int nr = prompt_threads(&rows);

	for (unsigned int i = 0; i < nr; i++) {
		if (addr - rows[i].stack >= rows[i].stack_bytes)
			continue;
		say("stack of thread %u, %s, %lu bytes below its top\n", rows[i].id, rows[i].name,
		    (unsigned long)(rows[i].stack + rows[i].stack_bytes - addr));
		return true;
	}
	return false;
}

static void whatis_direct(uintptr_t addr)
{
	static const char *const states[] = {
		"never handed out",	      "free",	    "free (parked per CPU)",
		"free (parked in the depot)", "handed out", "behind the last object"};
	struct page *page = virt_to_page((void *)addr);
	struct slab_place place;
	char text[160];

	if (dma_bounce_describe((void *)addr, text, sizeof(text))) {
		say("%s", text);
	} else if (!slab_locate((void *)addr, &place)) {
		say("direct map, page 0x%x + 0x%lx: %s", page_to_pfn(page),
		    (unsigned long)(addr & (PAGE_SIZE - 1)), page_describe(page, text, sizeof(text)));
		file_page_print(page);
	} else if (place.state == SLAB_PLACE_REST) {
		say("slab of cache %s, behind its last object", place.cache);
	} else {
		say("object %u of a slab of cache %s (%u bytes), at offset %u: %s", place.index, place.cache,
		    place.object_size, place.offset, states[place.state]);
	}
	say_node(page);
	say("\n");
	page_print_owner(page);
}

static void whatis_elsewhere(uintptr_t addr)
{
	struct mmu_mapping mapping;

	if (!mmu_lookup(addr, &mapping))
		say("nothing, not mapped\n");
	else if ((addr & ~(PAGE_SIZE - 1)) == MMU_FIXMAP_APIC)
		say("fixmap, registers of the local APIC at physical 0x%llx\n",
		    (unsigned long long)mapping.paddr);
	else
		say("%s, mapped to physical 0x%llx\n",
		    addr >= MMU_FIXMAP_START   ? "fixmap"
		    : addr >= MMU_PAGES_START  ? "window on the page descriptors, read-only"
		    : addr >= MMU_STACKS_START ? "a thread's stack page, beside its stack"
					       : "nothing we know",
		    (unsigned long long)mapping.paddr);
}

/* Each program has its own there. After a panic nobody says what a program that runs was about to change. */
static void whatis_of_programs(uintptr_t addr)
{
	char text[160];
	unsigned int n = 0;

	while (!panic_is_at_prompt() && program_describe(n, addr, text, sizeof(text)))
		say("%s%s\n", n++ ? "            " : "", text);
	if (!n)
		say("nothing, below the kernel\n");
}

static void whatis_print(uintptr_t addr)
{
	char phrase[ADDRESS_PHRASE_MAX];

	say("0x%08lx: ", (unsigned long)addr);
	if (address_describe(addr, phrase, sizeof(phrase)))
		say("%s\n", phrase);
	else if (addr < MMU_DIRECT_MAP_BASE)
		whatis_of_programs(addr);
	else if (whatis_stack(addr))
		return;
	else if (virt_is_direct((void *)addr))
		whatis_direct(addr);
	else
		whatis_elsewhere(addr);
}

static void run_whatis(unsigned int nr, char *word[])
{
	uintptr_t addr;

	(void)nr;
	if (word_to_address("whatis", word[0], &addr))
		whatis_print(addr);
}

/* Words of memory, as long as they are mapped; what registers of a device lie in is not touched. */
static void run_x(unsigned int nr, char *word[])
{
	uint64_t count = 16;
	uintptr_t addr;

	if (!word_to_address("x", word[0], &addr))
		return;
	if (nr > 1 && (!parse_number(word[1], &count) || count < 1 || count > 4096)) {
		(void)expected("x", "a number of words from 1 to 4096", word[1]);
		return;
	}
	addr &= ~(uintptr_t)3;
	for (uint64_t i = 0; i < count && !console_saw_break(); i++, addr += 4) {
		if (addr < MMU_DIRECT_MAP_BASE || !mmu_is_mapped(addr) ||
		    (addr & ~(PAGE_SIZE - 1)) == MMU_FIXMAP_APIC) {
			say("%sx: nothing that may be read at 0x%08lx\n", i % 4 ? "\n" : "",
			    (unsigned long)addr);
			return;
		}
		if (i % 4 == 0)
			say("%s%08lx:", i ? "\n" : "", (unsigned long)addr);
		say(" %08x", READ_ONCE(*(const uint32_t *)addr));
	}
	say("\n");
}

/* --- tables --- */

#define PRINTER(name)                                                                                        \
	static void run_##name(unsigned int nr, char *word[])                                                \
	{                                                                                                    \
		(void)nr;                                                                                    \
		(void)word;                                                                                  \
		name##_print(monitor_out());                                                                 \
	}
PRINTER(meminfo)
PRINTER(zoneinfo)
PRINTER(numastat)
PRINTER(buddyinfo)
PRINTER(pagetypeinfo)
PRINTER(vmallocinfo)

/* In KiB, of all disks. */
static void run_vmstat(unsigned int nr, char *word[])
{
	uint64_t sectors[NR_BLK_OPS] = {0};
	struct blk_device *dev;
	struct blk_stat stat;

	(void)nr;
	(void)word;
	vmstat_print(monitor_out());
	for (unsigned int n = 0; (dev = blk_device_at(n)) != NULL; n++) {
		blk_stat(dev, &stat);
		for (unsigned int op = 0; op < NR_BLK_OPS; op++)
			sectors[op] += stat.nr_sectors[op];
	}
	say("pgpgin %llu\npgpgout %llu\n", (unsigned long long)sectors[BLK_READ] / 2,
	    (unsigned long long)sectors[BLK_WRITE] / 2);
}

static void run_pagecache(unsigned int nr, char *word[])
{
	struct blk_device *dev;
	struct blk_stat stat;

	(void)nr;
	(void)word;
	pagecache_print(monitor_out());
	for (unsigned int i = 0; (dev = blk_device_at(i)) != NULL; i++) {
		blk_stat(dev, &stat);
		say("%s was asked by requests for memory: %u times by GFP_KERNEL, %u GFP_NOFS, %u GFP_NOIO\n",
		    dev->name, stat.nr_for[BLK_FOR_KERNEL], stat.nr_for[BLK_FOR_NOFS],
		    stat.nr_for[BLK_FOR_NOIO]);
	}
}

/* --- the same in 80 columns --- */

/* Takes the tables of mm apart line by line, so that both say the same. */
struct narrow_sink {
	struct sink sink;
	void (*line)(unsigned int nr, char *word[]);
	size_t len;
	char text[160];
};

static void narrow_write(struct sink *sink, const char *text, size_t len)
{
	struct narrow_sink *narrow = container_of(sink, struct narrow_sink, sink);

	for (; len; len--, text++) {
		char *word[WORDS_MAX];

		if (*text != '\n') {
			if (narrow->len + 1 < sizeof(narrow->text))
				narrow->text[narrow->len++] = *text;
			continue;
		}
		narrow->text[narrow->len] = '\0';
		narrow->len = 0;
		narrow->line(MIN(parse_words(narrow->text, word), WORDS_MAX), word);
	}
}

static void narrow_print(void (*print)(struct sink *out), void (*line)(unsigned int nr, char *word[]))
{
	struct narrow_sink narrow = {.sink = {.write = narrow_write}, .line = line};

	print(&narrow.sink);
}

/* "Node 0, zone Normal n0 n1 ..." */
static void blocks_line(unsigned int nr, char *word[])
{
	say("%8s", word[3]);
	for (unsigned int i = 4; i < nr; i++)
		say(" %5s", word[i]);
	say("\n");
}

static void run_blocks(unsigned int nr, char *word[])
{
	(void)nr;
	(void)word;
	say("order:  ");
	for (unsigned int order = 0; order < NR_ORDERS; order++)
		say(" %5u", order);
	say("\n");
	narrow_print(buddyinfo_print, blocks_line);
}

static const char *wanted_cache; /* NULL: all */

/* "name active objects size per-slab pages : tunables l b s : slabdata active slabs shared" */
static void cache_line(unsigned int nr, char *word[])
{
	if (nr < WORDS_MAX || word[0][0] == '#' || (wanted_cache && strcmp(wanted_cache, word[0]) != 0))
		return;
	say("%-24s %7s %8s %8s %8s %9s\n", word[0], word[3], word[1], word[2], word[5], word[14]);
}

static void run_slabinfo(unsigned int nr, char *word[])
{
	if (nr == 0) {
		slabinfo_print(monitor_out());
		return;
	}
	wanted_cache = strcmp(word[0], "-u") == 0 ? NULL : word[0];
	say("%-24s %7s %8s %8s %8s %9s\n", "cache", "size", "in use", "objects", "pg/slab", "slabs");
	narrow_print(slabinfo_print, cache_line);
}

static void run_zones(unsigned int nr, char *word[])
{
	const struct zone *zone;
	char name[ZONE_LABEL_BYTES];

	(void)nr;
	(void)word;
	say("%-8s %10s %10s %8s %8s %8s %8s   in pages\n", "zone", "free", "managed", "parked", "min", "low",
	    "high");
	for_each_zone(zone)
		if (zone_has_memory(zone))
			say("%-8s %10zu %10zu %8zu %8zu %8zu %8zu\n", zone_label(zone, name), zone->nr_free,
			    zone->managed, pcp_parked_pages(zone), zone->wmark[WMARK_MIN],
			    zone->wmark[WMARK_LOW], zone->wmark[WMARK_HIGH]);
}

static void run_map(unsigned int nr, char *word[])
{
	bool on = nr && strcmp(word[0], "on") == 0;

	if (nr == 0)
		map_print(MAP_ROWS_USUAL, true);
	else if (strcmp(word[0], "--dump") == 0)
		map_dump();
	else if (!on && strcmp(word[0], "off") != 0)
		(void)expected("map", "nothing, on, off or --dump", word[0]);
	else if (!map_live_set(on))
		say("map: no text screen to draw on\n");
}

static void run_validate(unsigned int nr, char *word[])
{
	unsigned int nr_wrong = mm_validate(monitor_out());

	(void)nr;
	(void)word;
	say("validate: %u violations\n", nr_wrong);
}

const struct command show_commands[] = {
	{"meminfo", "", 0, 0, "memory in total", run_meminfo},
	{"zoneinfo", "", 0, 0, "each zone: pages, watermarks", run_zoneinfo},
	{"numastat", "", 0, 0, "each node: requests it served, for whom", run_numastat},
	{"zones", "", 0, 0, "what is free in each, and its marks", run_zones},
	{"buddyinfo", "", 0, 0, "free blocks of each order, as /proc has it", run_buddyinfo},
	{"blocks", "", 0, 0, "... in 80 columns", run_blocks},
	{"pagetypeinfo", "", 0, 0, "the same by mobility", run_pagetypeinfo},
	{"slabinfo", "[-u|CACHE]", 0, 1, "caches as /proc has it; -u: in 80 columns", run_slabinfo},
	{"vmstat", "", 0, 0, "what waits, reclaim and kills happened", run_vmstat},
	{"pagecache", "", 0, 0, "pages of files by state and age; who had them written", run_pagecache},
	{"vmallocinfo", "", 0, 0, "each area of vmalloc, vmap and ioremap", run_vmallocinfo},
	{"map", "[on|off|--dump]", 0, 1, "who has the pages; on: live on the screen", run_map},
	{"page", "PFN|ADDRESS|HANDLE", 1, 1, "what a page is", run_page},
	{"whatis", "ADDRESS|HANDLE|SYMBOL", 1, 1, "what lies there", run_whatis},
	{"x", "ADDRESS [WORDS]", 1, 2, "memory in hexadecimal", run_x},
	{"validate", "", 0, 0, "checks all invariants of the memory manager", run_validate},
	{.name = NULL},
};
