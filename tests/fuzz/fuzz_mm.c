/* SPDX-License-Identifier: MIT */
/* libFuzzer target: the input picks a small machine, boots mm on it and calls pages, objects, areas of
 * vmalloc and windows of kmap in any order, rightly and wrongly. A dumb table of what is held is the model:
 *   - nothing held overlaps, contents stay, each request is aligned and in a zone it may use;
 *   - all addresses of a page, its own, in an area, in a window, show the same bytes; guard pages show none;
 *   - a request that may take the last page fails only when no block is left;
 *   - free pages + pages in slabs + page tables + pages held stay the same sum;
 *   - a right call reports no error, a wrong one exactly one error, and changes nothing;
 *   - mm_validate() finds nothing, every few calls and at the end, when all is given back and free blocks are
 *     what they were.
 * New calls and machines come at the end of their tables, so that kept inputs go on meaning what they did. */
#include <string.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <mm/mapped/highmem.h>
#include <mm/mapped/kmap_internal.h>
#include <mm/mapped/vmalloc.h>
#include <mm/objects/kmalloc.h>
#include <mm/objects/slab_internal.h>
#include <mm/pages/buddy.h>
#include <mm/pages/user_page.h>
#include <mm/report/validate.h>
#include <tests/fuzz/fuzz.h>
#include <tests/host/host.h>
#include <tests/ktest.h>

#define NR_SLOTS	24u
#define NR_CACHES	3u
#define CTOR_BYTES	16u
#define MAX_CALLS	400u
#define VALIDATE_EVERY	16u
#define MAX_SPLIT_ORDER 3u
#define MACHINE_PAGES	(MIB(12u) / PAGE_SIZE) /* the largest machine's */
#define NR_MAPS		32u
#define NR_VIEWS	12u
#define VIEW_PAGES	8u
#define NR_CODES	64u
#define NR_LOCAL	6u

/* DEFERRED: an area freed where nobody may sleep; the thread that frees it has not run yet. */
enum kind { EMPTY, PAGES, EXACT, KMALLOC, OBJECT, USER, AREA, DEFERRED };

static struct slot {
	enum kind kind;
	uint8_t order, cache, token;
	bool compound;
	paddr_t start; /* not of areas */
	size_t size_bytes;
	struct page *page; /* PAGES, USER */
	char *memory;	   /* NULL: high memory */
} slots[NR_SLOTS];

/* Pages of high memory that kmap() shows, and what vmap() shows. */
static struct mapping {
	const struct slot *of;
	struct page *page;
	char *addr;
	unsigned int count; /* 0: free */
} maps[NR_MAPS];

static struct view {
	const struct slot *of;
	char *addr; /* NULL: free */
	unsigned int nr_pages;
} views[NR_VIEWS];

static struct {
	struct input in;
	struct kmem_cache *caches[NR_CACHES];
	size_t pages_held, pages_in_all;
	unsigned int nr_errors; /* reports of PORT_ERR not yet expected */
	char last_error[256];
	uint8_t area_of[MACHINE_PAGES]; /* number of the slot whose area has this page, from 1 on */
} run;

/* --- the machines --- */

static const struct machine {
	uint32_t dma_end, lowmem_end;
	struct memmap_entry entries[4];
} machines[] = {
	{MIB(1u), MIB(4u), {{0, 0x9fc00, 1}, {MIB(1u), MIB(3u), 1}}},
	{MIB(2u), MIB(8u), {{0, 0x9fc00, 1}, {MIB(1u), MIB(7u) - 0x20000, 1}}},
	{MIB(2u), MIB(4u), {{0, 0x9fc00, 1}, {MIB(1u), MIB(5u), 1}, {MIB(7u), MIB(3u), 1}}}, /* high memory */
	{MIB(16u), MIB(8u), {{0, 0x9fc00, 1}, {MIB(1u), MIB(5u), 1}}},			     /* DMA alone */
	{MIB(1u) + 0x3000, MIB(4u), {{0x1000, 0x7f000, 1}, {0x103000, 0x1ed000, 1}, {0x301000, 0x7000, 1}}},
	{MIB(1u), MIB(2u), {{0, 0x9fc00, 1}, {MIB(1u), MIB(11u), 1}}}, /* mostly high memory */
};

/* Called by port_print of the fake machine: true, the message is taken. */
bool ktest_report(int level, const char *text)
{
	DEMAND(text[0] != '\0' && strchr(text, '\n') == NULL);
	if (level == PORT_ERR) {
		run.nr_errors++;
		snprintf(run.last_error, sizeof(run.last_error), "%s", text);
	}
	return true;
}

static void write_line(struct sink *sink, const char *text, size_t len)
{
	(void)sink;
	fwrite(text, 1, len, stderr);
}

static void validate(void)
{
	struct sink out = {write_line};

	DEMAND(mm_validate(&out) == 0);
	DEMAND(!host_cpu.irqs_off && kit_cpu[0].nr_held == 0);
}

static void expect_errors(unsigned int nr)
{
	if (run.nr_errors != nr)
		fprintf(stderr, "%u errors, expected %u; the last: %s\n", run.nr_errors, nr, run.last_error);
	DEMAND(run.nr_errors == nr);
	run.nr_errors = 0;
}

static void construct(void *object)
{
	memset(object, 0xc7, CTOR_BYTES);
}

static void boot(void)
{
	static const struct machine *booted;
	const struct machine *m = &machines[take_u8(&run.in) % ARRAY_SIZE(machines)];
	struct mm_params params = {.dma_end = m->dma_end, .lowmem_end = m->lowmem_end};

	memset(slots, 0, sizeof(slots));
	memset(maps, 0, sizeof(maps));
	memset(views, 0, sizeof(views));
	memset(run.area_of, 0, sizeof(run.area_of));
	run.pages_held = run.nr_errors = 0;
	ratelimit_reset_all();
	if (m == booted) /* making a machine takes longer than most inputs */
		fake_machine_reboot(params);
	else
		fake_machine_boot(m->entries, ARRAY_SIZE(m->entries), params);
	booted = m;
	run.caches[0] = kmem_cache_create("fuzz-ctor", 72, 0, 0, construct);
	run.caches[1] = kmem_cache_create("fuzz-large", 3000, 256, SLAB_RECLAIM_ACCOUNT, NULL);
	run.caches[2] = kmem_cache_create("fuzz-dma", 24, 0, SLAB_CACHE_DMA | SLAB_HWCACHE_ALIGN, NULL);
	DEMAND(run.caches[0] && run.caches[1] && run.caches[2]);
	run.pages_in_all = nr_free_pages() + slab_pages();
}

/* --- the model --- */

static bool is_all(const char *memory, int byte, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if ((uint8_t)memory[i] != (uint8_t)byte)
			return false;
	return true;
}

static void fill_piece(const struct slot *slot, size_t at, size_t nr, bool check)
{
	char *window = slot->memory ? NULL : kmap_local_page(slot->page + (at >> PAGE_SHIFT));
	char *memory = slot->memory ? slot->memory + at : window + at % PAGE_SIZE;

	if (check)
		DEMAND(is_all(memory, slot->token, nr));
	else
		memset(memory, slot->token, nr);
	if (window)
		kunmap_local(window);
}

/* Large blocks are filled at the start of each page and at their end: enough to see two owners. Of high
 * memory every eighth is enough: each costs a window. */
static void fill(const struct slot *slot, bool check)
{
	size_t size = slot->size_bytes, step = slot->memory ? PAGE_SIZE : MAX((size_t)PAGE_SIZE, size / 8);
	bool is_large = size > 2 * PAGE_SIZE || !slot->memory;

	if (!is_large) {
		fill_piece(slot, 0, size, check);
		return;
	}
	for (size_t at = 0; at < size; at += step)
		fill_piece(slot, at, MIN(size - at, (size_t)32), check);
	fill_piece(slot, size - 16, 16, check);
}

static bool is_area(const struct slot *slot)
{
	return slot->kind == AREA || slot->kind == DEFERRED;
}

/* Nobody else has these bytes. */
static void demand_alone(const struct slot *slot, paddr_t start, size_t size_bytes)
{
	for (const struct slot *other = slots; other < slots + NR_SLOTS; other++)
		DEMAND(other == slot || other->kind == EMPTY || is_area(other) ||
		       other->start + other->size_bytes <= start || start + size_bytes <= other->start);
	for (paddr_t at = ALIGN_DOWN(start, PAGE_SIZE); at < start + size_bytes; at += PAGE_SIZE)
		DEMAND(run.area_of[at >> PAGE_SHIFT] == 0);
}

static void note_area_pages(const struct slot *slot)
{
	for (size_t at = 0; at < slot->size_bytes; at += PAGE_SIZE) {
		pfn_t pfn = vmalloc_to_pfn(slot->memory + at);

		demand_alone(slot, (paddr_t)pfn << PAGE_SHIFT, PAGE_SIZE);
		run.area_of[pfn] = (uint8_t)(slot - slots + 1);
	}
}

static void forget_area_pages(const struct slot *slot)
{
	for (pfn_t pfn = 0; pfn < MACHINE_PAGES; pfn++)
		if (run.area_of[pfn] == (uint8_t)(slot - slots + 1))
			run.area_of[pfn] = 0;
}

static void note_held(struct slot *slot, enum kind kind)
{
	slot->kind = kind;
	if (kind == AREA)
		note_area_pages(slot);
	else
		demand_alone(slot, slot->start, slot->size_bytes);
	slot->token = take_u8(&run.in);
	fill(slot, false);
}

static struct slot *empty_slot(void)
{
	for (struct slot *slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->kind == EMPTY)
			return slot;
	return NULL;
}

/* A slot in use from the one that the input names on; NULL: none is. */
static struct slot *used_slot(void)
{
	unsigned int first = take_u8(&run.in);

	for (unsigned int i = 0; i < NR_SLOTS; i++)
		if (slots[(first + i) % NR_SLOTS].kind != EMPTY &&
		    slots[(first + i) % NR_SLOTS].kind != DEFERRED)
			return &slots[(first + i) % NR_SLOTS];
	return NULL;
}

static size_t area_pages(const struct slot *slot)
{
	return DIV_ROUND_UP(slot->size_bytes, PAGE_SIZE);
}

static size_t page_tables(void)
{
	size_t nr = 0;

	for (uintptr_t addr = vmalloc_space.start; addr < vmalloc_space.end; addr += PORT_TABLE_SPAN)
		nr += port_has_table(addr);
	return nr;
}

/* Live areas and their guards. */
static size_t bytes_mapped(void)
{
	size_t nr = 0;

	for (const struct slot *slot = slots; slot < slots + NR_SLOTS; slot++)
		nr += is_area(slot) ? area_pages(slot) + 1 : 0;
	for (const struct view *view = views; view < views + NR_VIEWS; view++)
		nr += view->addr ? view->nr_pages + 1 : 0;
	return nr << PAGE_SHIFT;
}

/* What was deferred is done, all of it at once. */
static void note_deferred_freed(void)
{
	for (struct slot *slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->kind == DEFERRED) {
			run.pages_held -= area_pages(slot);
			forget_area_pages(slot);
			slot->kind = EMPTY;
		}
}

/* A request that finds no addresses does it too. */
static void look_at_deferred(void)
{
	for (const struct slot *slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->kind == DEFERRED && !vmalloc_to_page(slot->memory)) {
			note_deferred_freed();
			return;
		}
}

static void check_sum(void)
{
	look_at_deferred();
	DEMAND(nr_free_pages() + slab_pages() + page_tables() + run.pages_held == run.pages_in_all);
	DEMAND(vmalloc_used_bytes() == bytes_mapped());
}

/* Any flags; one input in four may be impossible. __GFP_NOFAIL waits for memory that nobody here gives back.
 */
static gfp_t take_gfp(void)
{
	uint32_t bits = take_u16(&run.in), more = take_u8(&run.in);
	gfp_t gfp = (__force gfp_t)(bits | (more & 1) << 16 | (uint32_t)((more & 0xc0) == 0xc0) << 20);

	if (more & 2)
		gfp &= ~(__GFP_DMA | __GFP_HIGHMEM | __GFP_MOVABLE);
	if (more & 4)
		gfp = more & 8 ? GFP_KERNEL : GFP_ATOMIC;
	return gfp & ~__GFP_NOFAIL;
}

static size_t blocks_within(struct zone *zone, unsigned int order)
{
	irqflags_t flags = port_lock_irqsave(&zone->lock);
	size_t nr = 0;

	for (unsigned int larger = order; larger <= MAX_PAGE_ORDER; larger++)
		for (unsigned int type = 0; type < NR_MOBILITY; type++)
			nr += buddy_count_locked(zone, (enum mobility)type, larger);
	port_unlock_irqrestore(&zone->lock, flags);
	return nr;
}

static void check_refusal(gfp_t gfp, unsigned int order)
{
	if (gfp_is_impossible(gfp) || order > MAX_PAGE_ORDER || !gfp_has(gfp, __GFP_HIGH))
		return;
	for (unsigned int id = 0; id <= gfp_zone(gfp); id++)
		DEMAND(blocks_within(&zones[id], order) == 0);
}

/* --- right calls --- */

static void call_alloc_pages(void)
{
	gfp_t gfp = take_gfp();
	unsigned int order = take_u8(&run.in) % (MAX_PAGE_ORDER + 3);
	struct slot *slot = empty_slot();
	struct page *page;

	if (!slot)
		return;
	page = alloc_pages(gfp, order);
	if (!page) {
		check_refusal(gfp, order);
		return;
	}
	DEMAND(!gfp_is_impossible(gfp) && order <= MAX_PAGE_ORDER);
	*slot = (struct slot){.order = (uint8_t)order,
			      .page = page,
			      .compound = gfp_has(gfp, __GFP_COMP) && order,
			      .start = page_to_phys(page),
			      .size_bytes = (size_t)PAGE_SIZE << order,
			      .memory = page_address(page)};
	DEMAND(IS_ALIGNED(slot->start, slot->size_bytes) && page_zone(page)->id <= gfp_zone(gfp));
	DEMAND(page_count(page) == 1 && PageCompound(page) == slot->compound && page->order == order);
	DEMAND(slot->start + slot->size_bytes <= (paddr_t)page_zone(page)->end_pfn << PAGE_SHIFT);
	DEMAND(slot->start >= (paddr_t)page_zone(page)->start_pfn << PAGE_SHIFT);
	if (gfp_has(gfp, __GFP_ZERO) && slot->memory)
		DEMAND(is_all(slot->memory, 0, slot->size_bytes));
	run.pages_held += (size_t)1 << order;
	note_held(slot, PAGES);
}

static void hold_memory(struct slot *slot, enum kind kind, void *memory, size_t size_bytes, gfp_t gfp)
{
	DEMAND(!gfp_is_impossible(gfp) && virt_is_direct(memory));
	*slot = (struct slot){.memory = memory,
			      .size_bytes = size_bytes,
			      .start = (paddr_t)((char *)memory - port_direct_map())};
	DEMAND(slot->start + size_bytes <= lowmem_bytes);
	DEMAND(!gfp_has(gfp, __GFP_DMA) || virt_to_page(memory) < pfn_to_page(zones[ZONE_DMA].end_pfn));
	if (gfp_has(gfp, __GFP_ZERO))
		DEMAND(is_all(memory, 0, size_bytes));
	note_held(slot, kind);
}

/* Small sizes, all sizes, sizes that no block has. */
static size_t take_size(void)
{
	uint8_t how = take_u8(&run.in);
	size_t fine = take_u8(&run.in);

	if (how == 0xff)
		return (size_t)take_u64(&run.in);
	return ((fine | 0x100) << (how % 16) >> 8) + (how >> 6) - 1 + (how % 16 > 8 ? fine : 0);
}

static void call_alloc_exact(void)
{
	gfp_t gfp = take_gfp();
	size_t size = take_size();
	struct slot *slot = empty_slot();
	void *memory = slot ? alloc_pages_exact(size, gfp) : NULL;

	if (!memory)
		return;
	DEMAND(IS_ALIGNED((uintptr_t)memory - (uintptr_t)port_direct_map(), PAGE_SIZE));
	run.pages_held += DIV_ROUND_UP(size, PAGE_SIZE);
	hold_memory(slot, EXACT, memory, size, gfp);
}

static size_t large_pages(size_t size)
{
	return size > KMALLOC_MAX_CACHE_SIZE ? DIV_ROUND_UP(size, PAGE_SIZE) : 0;
}

static void check_kmalloc(const char *memory, size_t size)
{
	size_t align = IS_POWER_OF_2(size) ? MIN(MAX(size, (size_t)8), (size_t)PAGE_SIZE) : 8;

	DEMAND(ksize(memory) == kmalloc_size_roundup(size));
	DEMAND(IS_ALIGNED((size_t)(memory - port_direct_map()), align));
}

static void call_kmalloc(void)
{
	gfp_t gfp = take_gfp();
	size_t size = take_size();
	struct slot *slot = empty_slot();
	void *memory = slot ? kmalloc(size, gfp) : NULL;

	if (ZERO_OR_NULL_PTR(memory)) {
		DEMAND(!memory || size == 0);
		return;
	}
	check_kmalloc(memory, size);
	run.pages_held += large_pages(size);
	hold_memory(slot, KMALLOC, memory, size, gfp);
}

static void call_krealloc(void)
{
	struct slot *slot = used_slot();
	size_t size = take_size(), old;
	gfp_t gfp = take_gfp() & ~__GFP_DMA;
	char *moved;

	if (!slot || slot->kind != KMALLOC)
		return;
	fill(slot, true);
	old = slot->size_bytes;
	moved = krealloc(slot->memory, size, gfp);
	if (!moved)
		return;
	run.pages_held += large_pages(size) - large_pages(old);
	slot->kind = EMPTY;
	if (moved == ZERO_SIZE_PTR)
		return;
	check_kmalloc(moved, size);
	DEMAND(is_all(moved, slot->token, MIN(MIN(old, size), old > 2 * PAGE_SIZE ? 32 : old)));
	gfp &= ~__GFP_ZERO; /* what was kept is not zero */
	hold_memory(slot, KMALLOC, moved, size, moved == slot->memory ? GFP_NOWAIT : gfp);
}

static void call_cache_alloc(void)
{
	gfp_t gfp = take_gfp();
	uint8_t which = take_u8(&run.in) % NR_CACHES;
	struct kmem_cache *cache = run.caches[which];
	size_t skip = which == 0 ? CTOR_BYTES : 0;
	struct slot *slot = empty_slot();
	char *object = slot ? kmem_cache_alloc(cache, gfp) : NULL;

	if (!object)
		return;
	DEMAND(is_all(object, 0xc7, skip) && (!skip || !gfp_has(gfp, __GFP_ZERO)));
	DEMAND(which == 2 || !gfp_has(gfp, __GFP_DMA));
	hold_memory(slot, OBJECT, object + skip, kmem_cache_size(cache) - skip, gfp);
	slot->cache = which;
}

static char *object_of(const struct slot *slot)
{
	return slot->memory - (slot->kind == OBJECT && slot->cache == 0 ? CTOR_BYTES : 0);
}

/* Before the pages go. */
static void drop_aliases(const struct slot *slot)
{
	for (struct mapping *map = maps; map < maps + NR_MAPS; map++)
		for (; map->of == slot && map->count; map->count--)
			kunmap(map->page);
	for (struct view *view = views; view < views + NR_VIEWS; view++)
		if (view->of == slot && view->addr) {
			vunmap(view->addr);
			view->addr = NULL;
		}
}

static void give(struct slot *slot)
{
	fill(slot, true);
	drop_aliases(slot);
	if (slot->kind == PAGES) {
		run.pages_held -= (size_t)1 << slot->order;
		__free_pages(slot->page, slot->order);
	} else if (slot->kind == EXACT) {
		run.pages_held -= DIV_ROUND_UP(slot->size_bytes, PAGE_SIZE);
		free_pages_exact(slot->memory, slot->size_bytes);
	} else if (slot->kind == KMALLOC) {
		run.pages_held -= large_pages(slot->size_bytes);
		kfree(slot->memory);
	} else if (slot->kind == USER) {
		run.pages_held--;
		free_user_page(slot->page);
	} else if (slot->kind == AREA) {
		run.pages_held -= area_pages(slot);
		forget_area_pages(slot);
		vfree(slot->memory);
		DEMAND(!vmalloc_to_page(slot->memory));
	} else {
		kmem_cache_free(run.caches[slot->cache], object_of(slot));
	}
	slot->kind = EMPTY;
}

static void call_free(void)
{
	struct slot *slot = used_slot();

	if (slot)
		give(slot);
}

/* The single pages of a small block take its place in the table, as far as there is room. */
static void call_split(void)
{
	struct slot *slot = used_slot(), whole;

	if (!slot || slot->kind != PAGES || slot->compound || !slot->order || slot->order > MAX_SPLIT_ORDER)
		return;
	fill(slot, true);
	drop_aliases(slot);
	whole = *slot;
	slot->kind = EMPTY;
	split_page(whole.page, whole.order);
	for (unsigned int i = 0; i < 1u << whole.order; i++) {
		struct slot *single = empty_slot();

		if (!single) {
			__free_page(whole.page + i);
			run.pages_held--;
			continue;
		}
		*single = (struct slot){.page = whole.page + i,
					.start = page_to_phys(whole.page + i),
					.size_bytes = PAGE_SIZE,
					.memory = page_address(whole.page + i)};
		note_held(single, PAGES);
	}
}

static void call_references(void)
{
	struct slot *slot = used_slot();
	uint8_t which = take_u8(&run.in);
	struct page *page;

	if (!slot || slot->kind != PAGES)
		return;
	page = slot->page + (slot->compound ? which % (1u << slot->order) : 0);
	get_page(page);
	DEMAND(page_count(page) == 2 && compound_head(page) == slot->page);
	if (which & 0x80)
		__free_pages(slot->page, slot->order);
	else
		put_page(page);
	DEMAND(page_count(page) == 1);
}

static void call_drain(void)
{
	struct zone *zone;

	drain_all_pages();
	for_each_zone(zone)
		DEMAND(!zone_has_memory(zone) || pcp_parked_pages(zone) == 0);
}

static void call_shrink(void)
{
	kmem_cache_shrink(run.caches[take_u8(&run.in) % NR_CACHES]);
}

static void call_close(void)
{
	uint8_t how = take_u8(&run.in);

	if (how & 0x80)
		pcp_keep_closed(how & 1);
	else
		slab_keep_closed(run.caches[how / 2 % NR_CACHES], how & 1);
}

/* --- areas of vmalloc --- */

/* No two areas share an address or a guard page. */
static void demand_apart(const char *addr, size_t nr_pages)
{
	const char *end = addr + (nr_pages + 1) * PAGE_SIZE;

	DEMAND(is_vmalloc_addr(addr) && IS_ALIGNED((uintptr_t)addr, PAGE_SIZE));
	DEMAND(!vmalloc_to_page(addr - PAGE_SIZE) && !vmalloc_to_page(end - PAGE_SIZE));
	for (const struct slot *slot = slots; slot < slots + NR_SLOTS; slot++)
		DEMAND(!is_area(slot) || end <= slot->memory ||
		       slot->memory + (area_pages(slot) + 1) * PAGE_SIZE <= addr);
	for (const struct view *view = views; view < views + NR_VIEWS; view++)
		DEMAND(!view->addr || end <= view->addr ||
		       view->addr + (view->nr_pages + 1) * PAGE_SIZE <= addr);
}

/* Addresses of what was deferred are had only once all of that is done. */
static void look_at_deferred_below(const char *addr, size_t nr_pages)
{
	for (const struct slot *slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->kind == DEFERRED && slot->memory < addr + (nr_pages + 1) * PAGE_SIZE &&
		    addr < slot->memory + (area_pages(slot) + 1) * PAGE_SIZE) {
			note_deferred_freed();
			return;
		}
}

static void hold_area(struct slot *slot, char *memory, size_t size_bytes, gfp_t gfp)
{
	struct slot area = {.memory = memory, .size_bytes = size_bytes};

	look_at_deferred();
	look_at_deferred_below(memory, area_pages(&area));
	demand_apart(memory, area_pages(&area));
	DEMAND(size_bytes && !gfp_is_impossible(gfp));
	for (size_t at = 0; at < size_bytes; at += PAGE_SIZE) {
		struct page *page = vmalloc_to_page(memory + at);

		DEMAND(page && page_count(page) == 1 && page_zone(page)->id <= gfp_zone(gfp));
	}
	if (gfp_has(gfp, __GFP_ZERO))
		DEMAND(is_all(memory, 0, size_bytes));
	run.pages_held += area_pages(&area);
	*slot = area;
	note_held(slot, AREA);
}

static gfp_t high_first(gfp_t gfp)
{
	return gfp_zone_bits(gfp) ? gfp : gfp | __GFP_HIGHMEM;
}

static void call_vmalloc(void)
{
	uint8_t how = take_u8(&run.in);
	gfp_t gfp = how & 4 ? take_gfp() : GFP_KERNEL;
	size_t size = take_size() << (how >> 6), align = (size_t)1 << (how >> 3 & 7) << (how & 1 ? 12 : 0);
	struct slot *slot = empty_slot();
	char *memory;

	if (!slot)
		return;
	if (how & 4)
		memory = how & 2 ? vmalloc_aligned(size, align, gfp) : __vmalloc(size, gfp);
	else
		memory = how & 2 ? vzalloc(size) : vmalloc(size);
	if (!memory)
		return;
	DEMAND((how & 6) != 6 || IS_ALIGNED((uintptr_t)memory, align));
	hold_area(slot, memory, size, high_first((how & 6) == 2 ? gfp | __GFP_ZERO : gfp));
}

static void call_kvmalloc(void)
{
	uint8_t how = take_u8(&run.in);
	gfp_t gfp = how & 4 ? take_gfp() : GFP_KERNEL;
	size_t size = take_size() << (how >> 6);
	struct slot *slot = empty_slot();
	char *memory = !slot ? NULL : how & 1 ? kvzalloc(size, gfp) : kvmalloc(size, gfp);

	if (ZERO_OR_NULL_PTR(memory)) {
		DEMAND(!memory || size == 0);
		return;
	}
	if (how & 1)
		gfp |= __GFP_ZERO;
	if (is_vmalloc_addr(memory)) {
		DEMAND(gfp_zone_bits(gfp) == 0 && gfp_has(gfp, __GFP_WAIT) && size > PAGE_SIZE);
		hold_area(slot, memory, size, high_first(gfp));
		return;
	}
	check_kmalloc(memory, size);
	run.pages_held += large_pages(size);
	hold_memory(slot, KMALLOC, memory, size, gfp);
}

static void call_kvfree(void)
{
	struct slot *slot = used_slot();

	if (!slot || (slot->kind != KMALLOC && slot->kind != AREA))
		return;
	fill(slot, true);
	drop_aliases(slot);
	run.pages_held -= slot->kind == AREA ? area_pages(slot) : large_pages(slot->size_bytes);
	forget_area_pages(slot);
	kvfree(slot->memory);
	slot->kind = EMPTY;
}

static void call_vfree_in_interrupt(void)
{
	struct slot *slot = used_slot();
	uint8_t how = take_u8(&run.in);

	if (!slot || slot->kind != AREA)
		return;
	fill(slot, true);
	drop_aliases(slot);
	host_set_atomic(true);
	vfree(slot->memory);
	host_set_atomic(false);
	slot->kind = DEFERRED;
	if (how & 1) {
		vfree(slot->memory); /* twice */
		expect_errors(1);
	}
}

static void call_run_work(void)
{
	if (take_u8(&run.in) & 1)
		vmalloc_purge();
	else
		host_run_work();
	note_deferred_freed();
	DEMAND(bytes_mapped() || vmalloc_used_bytes() == 0);
}

/* --- other addresses of pages --- */

/* A byte changed at one address is seen at the other. */
static void demand_same(volatile char *one, volatile char *other)
{
	char was = *one;

	DEMAND(*other == was);
	*one = (char)~was;
	DEMAND(*other == (char)~was);
	*other = was;
	DEMAND(*one == was);
}

static void demand_shows(char *addr, const struct page *page)
{
	char *window = kmap_local_page(page);

	demand_same(addr, window);
	demand_same(addr + PAGE_SIZE - 1, window + PAGE_SIZE - 1);
	kunmap_local(window);
}

/* A page of what is held; NULL: it is not held by pages. */
static struct page *take_page(const struct slot *slot)
{
	size_t which = take_u16(&run.in);

	if (slot && slot->kind == PAGES)
		return slot->page + (which & ((1u << slot->order) - 1));
	if (slot && slot->kind == USER)
		return slot->page;
	if (slot && slot->kind == EXACT)
		return virt_to_page(slot->memory) + which % area_pages(slot);
	if (slot && slot->kind == AREA)
		return vmalloc_to_page(slot->memory + which % area_pages(slot) * PAGE_SIZE);
	return NULL;
}

static void call_user_page(void)
{
	struct slot *slot = empty_slot();
	struct page *page = slot ? alloc_user_page() : NULL;

	if (!page)
		return;
	DEMAND(page_is_user(page) && page_count(page) == 1);
	*slot = (struct slot){.page = page,
			      .start = page_to_phys(page),
			      .size_bytes = PAGE_SIZE,
			      .memory = page_address(page),
			      .token = 0};
	for (size_t at = 0; at < PAGE_SIZE; at += 512)
		fill_piece(slot, at, 512, true);
	run.pages_held++;
	note_held(slot, USER);
}

/* Of low memory the only address; of high memory a window that all who want this page share. */
static void call_kmap(void)
{
	const struct slot *slot = used_slot();
	struct page *page = take_page(slot);
	struct mapping *map = NULL;
	char *addr;

	for (struct mapping *at = maps; page && at < maps + NR_MAPS; at++)
		if (at->count ? at->page == page : !map || !map->count)
			map = at;
	if (!map || (map->count && map->page != page))
		return;
	addr = kmap(page);
	DEMAND(addr && kmap_to_page(addr) == page && kmap_to_page(addr + PAGE_SIZE - 1) == page);
	DEMAND(map->count == 0 || map->addr == addr);
	demand_shows(addr, page);
	if (!page_is_highmem(page)) {
		DEMAND(addr == page_address(page));
		kunmap(page);
		return;
	}
	for (const struct mapping *other = maps; other < maps + NR_MAPS; other++)
		DEMAND(other == map || !other->count || other->addr != addr);
	*map = (struct mapping){slot, page, addr, map->count + 1};
}

static void call_kunmap(void)
{
	struct mapping *map = &maps[take_u8(&run.in) % NR_MAPS];

	if (!map->count)
		return;
	demand_shows(map->addr, map->page);
	kunmap(map->page);
	DEMAND(kmap_to_page(map->addr) == (--map->count ? map->page : NULL));
}

static unsigned int nr_mapped(void)
{
	unsigned int nr = 0;

	for (const struct mapping *map = maps; map < maps + NR_MAPS; map++)
		nr += map->count != 0;
	return nr;
}

static bool is_mapped(const struct page *page)
{
	for (const struct mapping *map = maps; map < maps + NR_MAPS; map++)
		if (map->count && map->page == page)
			return true;
	return false;
}

/* All pages of a block at once; when the windows are all in use, who may not sleep gets none. */
static void call_kmap_block(void)
{
	const struct slot *slot = used_slot();
	unsigned int nr = 0, in_use = nr_mapped();

	if (!slot || slot->kind != PAGES || !page_is_highmem(slot->page))
		return;
	for (; nr < 1u << slot->order; nr++) {
		struct page *page = slot->page + nr;

		if (!is_mapped(page) && in_use++ == kmap_pool.nr) {
			host_set_atomic(true);
			DEMAND(kmap(page) == NULL);
			host_set_atomic(false);
			expect_errors(1);
			break;
		}
		DEMAND(kmap_to_page(kmap(page)) == page);
	}
	DEMAND(kmap_pool.nr_in_use >= nr);
	while (nr--)
		kunmap(slot->page + nr);
	DEMAND(kmap_pool.nr_in_use == nr_mapped());
}

/* Is each address forgotten at once, as debug builds do, or all of them together? */
static void call_kmap_laziness(void)
{
	uint8_t how = take_u8(&run.in);

	kmap_pool.is_strict = how & 1;
	if (how & 2) {
		(void)kmap_flush();
		DEMAND(kmap_flush() == 0);
	}
}

static void pop_local(char *addr, const struct page *page, bool twice)
{
	kunmap_local(addr);
	if (!page_is_highmem(page))
		return;
	DEMAND(kmap_to_page(addr) == NULL);
	if (twice) {
		kunmap_local(addr);
		expect_errors(1);
	}
}

/* Windows within windows, and ended in the wrong order. */
static void call_kmap_local(void)
{
	uint8_t how = take_u8(&run.in);
	unsigned int nr = 0;
	struct {
		struct page *page;
		char *addr;
	} window[NR_LOCAL];

	for (; nr < 1 + how % NR_LOCAL; nr++) {
		window[nr].page = take_page(used_slot());
		if (!window[nr].page)
			break;
		window[nr].addr = kmap_local_page(window[nr].page);
		DEMAND(kmap_to_page(window[nr].addr) == window[nr].page);
		demand_shows(window[nr].addr, window[nr].page);
	}
	if (how & 0x80 && nr >= 2 && page_is_highmem(window[nr - 1].page) &&
	    page_is_highmem(window[nr - 2].page)) {
		kunmap_local(window[nr - 2].addr);
		expect_errors(1);
	}
	while (nr--)
		pop_local(window[nr].addr, window[nr].page, how & 0x40);
}

static struct view *empty_view(void)
{
	for (struct view *view = views; view < views + NR_VIEWS; view++)
		if (!view->addr)
			return view;
	return NULL;
}

/* Any pages of a slot side by side, some of them twice. */
static void call_vmap(void)
{
	const struct slot *slot = used_slot();
	uint8_t how = take_u8(&run.in);
	struct page *pages[VIEW_PAGES];
	unsigned int nr = how % (VIEW_PAGES + 1);
	pgprot_t prot = how & 0x80 ? PAGE_KERNEL_RO : PAGE_KERNEL;
	struct view *view = empty_view();
	char *addr;

	for (unsigned int i = 0; i < nr; i++)
		if (!(pages[i] = take_page(slot)))
			return;
	if (!view || !slot)
		return;
	if ((how & 0x60) == 0x60 && nr) {
		pages[nr - 1] = (struct page *)((char *)pages[nr - 1] + 1);
		DEMAND(!vmap(pages, nr, VM_MAP, prot));
		return;
	}
	addr = vmap(pages, nr, VM_MAP, prot);
	if (!addr)
		return;
	look_at_deferred();
	look_at_deferred_below(addr, nr);
	demand_apart(addr, nr);
	for (unsigned int i = 0; i < nr; i++) {
		DEMAND(vmalloc_to_page(addr + i * PAGE_SIZE) == pages[i]);
		if (prot == PAGE_KERNEL)
			demand_shows(addr + i * PAGE_SIZE, pages[i]);
	}
	DEMAND(nr);
	*view = (struct view){slot, addr, nr};
}

/* Rightly, or with what is not vmap's, too early or too late. */
static void call_vunmap(void)
{
	uint8_t which = take_u8(&run.in);
	struct view *view = &views[(which & 15) % NR_VIEWS];

	if (!view->addr)
		return;
	if (which & 0x80)
		vfree(view->addr);
	else if (which & 0x40)
		vunmap(view->addr + PAGE_SIZE);
	else
		vunmap(view->addr);
	expect_errors((which & 0xc0) != 0);
	if (which & 0xc0)
		return;
	DEMAND(!vmalloc_to_page(view->addr));
	if (which & 0x20) {
		vunmap(view->addr);
		expect_errors(1);
	}
	view->addr = NULL;
}

/* --- wrong calls: one report each, and nothing changes --- */

static void wrong_page_free(struct slot *slot, unsigned int how)
{
	unsigned int order = (slot->order + 1 + how) % (MAX_PAGE_ORDER + 2);

	if (how & 0x40)
		__free_pages(slot->page + 1, how % 12);
	else if (how & 0x20)
		__free_pages((struct page *)((char *)slot->page + 1 + how % 30), slot->order);
	else if (how & 0x10)
		free_pages((unsigned long)port_direct_map() + (unsigned long)slot->start % lowmem_bytes + 1 +
				   how,
			   slot->order);
	else if (order != slot->order)
		__free_pages(slot->page, order);
	else
		kfree(port_direct_map() + lowmem_bytes + how);
	expect_errors(1);
}

static void call_wrong_free(void)
{
	struct slot *slot = used_slot();
	unsigned int how = take_u8(&run.in);

	if (!slot || slot->kind == USER || slot->kind == AREA)
		return; /* see call_wrong_area_free() */
	if (slot->kind == PAGES) {
		if (how & 0x40 && slot->order == 0)
			return; /* the next page may be anybody's */
		wrong_page_free(slot, how);
		return;
	}
	if (how & 1)
		free_page((unsigned long)(slot->memory - (size_t)slot->start % PAGE_SIZE));
	else if (slot->kind == EXACT)
		free_pages_exact(slot->memory, slot->size_bytes + PAGE_SIZE);
	else if (how & 2)
		kmem_cache_free(run.caches[(slot->cache + 1u) % NR_CACHES], object_of(slot));
	else if (slot->size_bytes > 8)
		kfree(object_of(slot) + 1 + how % 7);
	else
		free_pages_exact(object_of(slot), slot->size_bytes);
	expect_errors(1);
}

/* At once after the right one. The slab layer finds what was freed last. */
static void call_double_free(void)
{
	struct slot *slot = used_slot(), gone;

	if (!slot)
		return;
	gone = *slot;
	give(slot);
	expect_errors(0);
	if (gone.kind == PAGES)
		__free_pages(gone.page, gone.order);
	else if (gone.kind == EXACT)
		free_pages_exact(gone.memory, gone.size_bytes);
	else if (gone.kind == KMALLOC)
		kfree(gone.memory);
	else if (gone.kind == USER)
		free_user_page(gone.page);
	else if (gone.kind == AREA)
		vfree(gone.memory);
	else
		kmem_cache_free(run.caches[gone.cache], object_of(&gone));
	expect_errors(1);
}

static void call_destroy_live(void)
{
	uint8_t which = take_u8(&run.in) % NR_CACHES;

	for (const struct slot *slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->kind == OBJECT && slot->cache == which) {
			kmem_cache_destroy(run.caches[which]);
			DEMAND(run.nr_errors >= 1);
			run.nr_errors = 0;
			return;
		}
}

static void call_sleep_in_interrupt(void)
{
	struct slot *slot = empty_slot();
	void *memory;

	if (!slot)
		return;
	host_set_atomic(true);
	memory = kmalloc(64, GFP_KERNEL);
	host_set_atomic(false);
	expect_errors(1);
	if (memory)
		hold_memory(slot, KMALLOC, memory, 64, GFP_KERNEL);
}

static void wrong_area_free(const struct slot *slot, unsigned int how)
{
	char *inside = slot->memory + 1 + how * PAGE_SIZE / 16 % slot->size_bytes;

	if (how % 8 == 0)
		kfree(slot->memory);
	else if (how % 8 == 1)
		vunmap(slot->memory);
	else if (how % 8 == 2)
		free_page((unsigned long)slot->memory);
	else if (how % 8 == 3)
		free_pages_exact(slot->memory, slot->size_bytes);
	else if (how % 8 == 4)
		free_user_page(vmalloc_to_page(slot->memory));
	else if (how % 8 == 5)
		kvfree(inside);
	else if (how % 8 == 6)
		iounmap(slot->memory);
	else
		vfree(inside);
}

/* What is vmalloc's to others, and what others gave to vfree() and its like. */
static void call_wrong_area_free(void)
{
	const struct slot *slot = used_slot();
	unsigned int how = take_u8(&run.in);
	const void *foreign; /* an address in low memory */

	if (!slot)
		return;
	foreign = slot->memory ? slot->memory : (char *)slot->page;
	if (slot->kind == AREA)
		wrong_area_free(slot, how);
	else if (slot->kind == USER && how & 1)
		__free_pages(slot->page, 1 + how % MAX_PAGE_ORDER);
	else if (slot->kind == PAGES && how & 1)
		free_user_page(slot->page);
	else if (how & 2)
		vunmap(foreign);
	else
		vfree(foreign);
	expect_errors(1);
}

static void call_wrong_kunmap(void)
{
	uint8_t how = take_u8(&run.in);
	const struct mapping *map = &maps[how % NR_MAPS];
	struct page *page = take_page(used_slot());

	if (how & 0x80 && page && page_is_highmem(page) && !is_mapped(page))
		kunmap(page);
	else if (how & 0x40 && map->count)
		kfree(map->addr);
	else if (map->count)
		vfree(map->addr);
	else
		return;
	expect_errors(1);
}

static void call_vmalloc_in_interrupt(void)
{
	host_set_atomic(true);
	DEMAND(!vmalloc(1 + take_u16(&run.in)));
	host_set_atomic(false);
	expect_errors(1);
}

static void (*const calls[])(void) = {
	call_alloc_pages,  call_free,
	call_kmalloc,	   call_free,
	call_cache_alloc,  call_free,
	call_alloc_exact,  call_krealloc,
	call_split,	   call_references,
	call_drain,	   call_shrink,
	call_close,	   call_wrong_free,
	call_double_free,  call_destroy_live,
	call_alloc_pages,  call_cache_alloc,
	call_kmalloc,	   call_sleep_in_interrupt,
	call_vmalloc,	   call_kvmalloc,
	call_kvfree,	   call_vfree_in_interrupt,
	call_run_work,	   call_user_page,
	call_kmap,	   call_kunmap,
	call_kmap_block,   call_kmap_laziness,
	call_kmap_local,   call_vmap,
	call_vunmap,	   call_wrong_area_free,
	call_wrong_kunmap, call_vmalloc_in_interrupt,
	call_vmalloc,	   call_free,
};

/* Codes that mean nothing yet free something, which is wanted most. */
static void call(unsigned int code)
{
	if (code < ARRAY_SIZE(calls))
		calls[code]();
	else
		call_free();
}

static void end(void)
{
	pcp_keep_closed(false);
	for (unsigned int i = 0; i < NR_CACHES; i++)
		slab_keep_closed(run.caches[i], false);
	for (struct slot *slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->kind != EMPTY && slot->kind != DEFERRED)
			give(slot);
	validate();
	check_sum();
	vmalloc_purge();
	note_deferred_freed();
	check_sum();
	DEMAND(page_tables() == 0 && kmap_pool.nr_in_use == 0 && nr_user_pages() == 0);
	for (unsigned int i = 0; i < NR_CACHES; i++)
		kmem_cache_destroy(run.caches[i]);
	drain_all_pages();
	expect_errors(0);
	validate();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run.in = (struct input){data, data + size};
	boot();
	for (unsigned int n = 1; n <= MAX_CALLS && run.in.at < run.in.end; n++) {
		call(take_u8(&run.in) % NR_CODES);
		expect_errors(0);
		check_sum();
		if (n % VALIDATE_EVERY == 0)
			validate();
	}
	end();
	return 0;
}
