/* SPDX-License-Identifier: MIT */
/* libFuzzer target: the input picks a small machine, boots mm on it and calls pages and objects in any order,
 * rightly and wrongly. A dumb table of what is held is the model:
 *   - nothing held overlaps, contents stay, each request is aligned and in a zone it may use;
 *   - a request that may take the last page fails only when no block is left;
 *   - free pages + pages in slabs + pages held stay the same sum;
 *   - a right call reports no error, a wrong one exactly one error, and changes nothing;
 *   - mm_validate() finds nothing, every few calls and at the end, when all is given back and free blocks are
 *     what they were. */
#include <string.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <mm/buddy.h>
#include <mm/kmalloc.h>
#include <mm/slab_internal.h>
#include <mm/validate.h>
#include <tests/fuzz/fuzz.h>
#include <tests/host/host.h>
#include <tests/ktest.h>

#define NR_SLOTS	24u
#define NR_CACHES	3u
#define CTOR_BYTES	16u
#define MAX_CALLS	400u
#define VALIDATE_EVERY	16u
#define MAX_SPLIT_ORDER 3u

enum kind { EMPTY, PAGES, EXACT, KMALLOC, OBJECT };

static struct slot {
	enum kind kind;
	uint8_t order, cache, token;
	bool compound;
	paddr_t start;
	size_t size_bytes;
	struct page *page; /* PAGES */
	char *memory;	   /* NULL: high memory */
} slots[NR_SLOTS];

static struct {
	struct input in;
	struct kmem_cache *caches[NR_CACHES];
	size_t pages_held, pages_in_all;
	unsigned int nr_errors; /* reports of PORT_ERR not yet expected */
	char last_error[256];
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
	DEMAND(!host_cpu.irqs_off && host_cpu.nr_locks_held == 0);
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

/* Large blocks are filled at the start of each page: enough to see two owners. */
static void fill(const struct slot *slot, bool check)
{
	size_t step = slot->size_bytes > 2 * PAGE_SIZE ? PAGE_SIZE : slot->size_bytes;

	for (size_t at = 0; slot->memory && at < slot->size_bytes; at += step) {
		size_t rest = slot->size_bytes - at, nr = step == PAGE_SIZE ? MIN(rest, (size_t)32) : rest;

		if (check)
			DEMAND(is_all(slot->memory + at, slot->token, nr));
		else
			memset(slot->memory + at, slot->token, nr);
	}
}

static void note_held(struct slot *slot, enum kind kind)
{
	slot->kind = kind;
	for (const struct slot *other = slots; other < slots + NR_SLOTS; other++)
		DEMAND(other == slot || other->kind == EMPTY ||
		       other->start + other->size_bytes <= slot->start ||
		       slot->start + slot->size_bytes <= other->start);
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
		if (slots[(first + i) % NR_SLOTS].kind != EMPTY)
			return &slots[(first + i) % NR_SLOTS];
	return NULL;
}

static void check_sum(void)
{
	DEMAND(nr_free_pages() + slab_pages() + run.pages_held == run.pages_in_all);
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

static size_t blocks_within(const struct zone *zone, unsigned int order)
{
	size_t nr = 0;

	for (unsigned int larger = order; larger <= MAX_ORDER; larger++)
		for (unsigned int type = 0; type < NR_MOBILITY; type++)
			nr += buddy_count_locked(zone, (enum mobility)type, larger);
	return nr;
}

static void check_refusal(gfp_t gfp, unsigned int order)
{
	if (gfp_is_impossible(gfp) || order > MAX_ORDER || !gfp_has(gfp, __GFP_HIGH))
		return;
	if (gfp_has(gfp, __GFP_ZERO))
		gfp &= ~__GFP_HIGHMEM;
	for (unsigned int id = 0; id <= gfp_zone(gfp); id++)
		DEMAND(blocks_within(&zones[id], order) == 0);
}

/* --- right calls --- */

static void call_alloc_pages(void)
{
	gfp_t gfp = take_gfp();
	unsigned int order = take_u8(&run.in) % (MAX_ORDER + 3);
	struct slot *slot = empty_slot();
	struct page *page;

	if (!slot)
		return;
	page = alloc_pages(gfp, order);
	if (!page) {
		check_refusal(gfp, order);
		return;
	}
	DEMAND(!gfp_is_impossible(gfp) && order <= MAX_ORDER);
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

static void give(struct slot *slot)
{
	fill(slot, true);
	if (slot->kind == PAGES) {
		run.pages_held -= (size_t)1 << slot->order;
		__free_pages(slot->page, slot->order);
	} else if (slot->kind == EXACT) {
		run.pages_held -= DIV_ROUND_UP(slot->size_bytes, PAGE_SIZE);
		free_pages_exact(slot->memory, slot->size_bytes);
	} else if (slot->kind == KMALLOC) {
		run.pages_held -= large_pages(slot->size_bytes);
		kfree(slot->memory);
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

/* --- wrong calls: one report each, and nothing changes --- */

static void wrong_page_free(struct slot *slot, unsigned int how)
{
	unsigned int order = (slot->order + 1 + how) % (MAX_ORDER + 2);

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

	if (!slot)
		return;
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

static void (*const calls[])(void) = {
	call_alloc_pages,  call_free,	     call_kmalloc,     call_free,	call_cache_alloc,
	call_free,	   call_alloc_exact, call_krealloc,    call_split,	call_references,
	call_drain,	   call_shrink,	     call_close,       call_wrong_free, call_double_free,
	call_destroy_live, call_alloc_pages, call_cache_alloc, call_kmalloc,	call_sleep_in_interrupt,
};

static void end(void)
{
	pcp_keep_closed(false);
	for (unsigned int i = 0; i < NR_CACHES; i++)
		slab_keep_closed(run.caches[i], false);
	for (struct slot *slot = slots; slot < slots + NR_SLOTS; slot++)
		if (slot->kind != EMPTY)
			give(slot);
	validate();
	check_sum();
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
		calls[take_u8(&run.in) % ARRAY_SIZE(calls)]();
		expect_errors(0);
		check_sum();
		if (n % VALIDATE_EVERY == 0)
			validate();
	}
	end();
	return 0;
}
