/* SPDX-License-Identifier: MIT */
/* Commands that look and change nothing: the tables of mm, a page, an address. What they say is true of the
 * moment they looked. */
#include <kernel/arch/mmu.h>
#include <kernel/core/address.h>
#include <kernel/core/thread.h>
#include <kernel/lib/align.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <mm/mapped/vmalloc.h>
#include <mm/pages/zone.h>
#include <mm/reclaim/events.h>
#include <mm/report/locate.h>
#include <mm/report/stats.h>
#include <mm/report/validate.h>
#include <monitor/handles.h>
#include <monitor/parse.h>
#include <monitor/tables.h>
#include <monitor/threads.h>

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
	say(", zone %s: %s", zone ? zone->name : "none", page_describe(page, text, sizeof(text)));
	if (head && head->state == PAGE_SLAB && slab_locate(page_address(page), &place))
		say(", cache %s", place.cache);
	say("\n");
}

/* The page that a word names by number, address or handle; else NULL, after a message. */
static struct page *word_to_page(const char *word)
{
	unsigned int number;
	uintptr_t addr;
	uint64_t value;
	char what[96];

	if (parse_handle(word, &number))
		return handle_to_address("page", number, &addr) ? virt_to_page((void *)addr) : NULL;
	if (parse_number(word, &value)) {
		if (value < mem_map_pages)
			return pfn_to_page((pfn_t)value);
		if (value <= UINTPTR_MAX && virt_is_direct((void *)(uintptr_t)value))
			return virt_to_page((void *)(uintptr_t)value);
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
	static const char *const states[] = {"never handed out", "free", "free (parked per CPU)",
					     "handed out", "behind the last object"};
	struct page *page = virt_to_page((void *)addr);
	struct slab_place place;
	char text[96];

	if (!slab_locate((void *)addr, &place))
		say("direct map, page 0x%x + 0x%lx: %s\n", page_to_pfn(page),
		    (unsigned long)(addr & (PAGE_SIZE - 1)), page_describe(page, text, sizeof(text)));
	else if (place.state == SLAB_PLACE_REST)
		say("slab of cache %s, behind its last object\n", place.cache);
	else
		say("object %u of a slab of cache %s (%u bytes), at offset %u: %s\n", place.index,
		    place.cache, place.object_size, place.offset, states[place.state]);
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

static void whatis_print(uintptr_t addr)
{
	char phrase[ADDRESS_PHRASE_MAX];

	say("0x%08lx: ", (unsigned long)addr);
	if (address_describe(addr, phrase, sizeof(phrase)))
		say("%s\n", phrase);
	else if (addr < MMU_DIRECT_MAP_BASE)
		say("nothing, below the kernel\n");
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
PRINTER(buddyinfo)
PRINTER(slabinfo)
PRINTER(pagetypeinfo)
PRINTER(vmstat)
PRINTER(vmallocinfo)

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
	{"buddyinfo", "", 0, 0, "free blocks of each order", run_buddyinfo},
	{"pagetypeinfo", "", 0, 0, "the same by mobility", run_pagetypeinfo},
	{"slabinfo", "", 0, 0, "each cache of objects", run_slabinfo},
	{"vmstat", "", 0, 0, "what waits, reclaim and kills happened", run_vmstat},
	{"vmallocinfo", "", 0, 0, "each area of vmalloc, vmap and ioremap", run_vmallocinfo},
	{"page", "PFN|ADDRESS|HANDLE", 1, 1, "what a page is", run_page},
	{"whatis", "ADDRESS|HANDLE", 1, 1, "what lies at an address", run_whatis},
	{"validate", "", 0, 0, "checks all invariants of the memory manager", run_validate},
	{.name = NULL},
};
