/* SPDX-License-Identifier: MIT */
/* Areas: a disk becomes one, and is none any more; what is seen of them. Lock: swap_state.lock, see swap.h. */
#include <mm/cache/swap_internal.h>

#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/mapped/highmem.h>
#include <mm/mapped/vmalloc.h>
#include <mm/pages/page_alloc.h>

#define DEFAULT_WEIGHT 60u
#define ALL_SECTORS    0xffu

struct swap_state swap_state;

void swap_init(void)
{
	port_lock_init(&swap_state.lock, "swap");
	memset(swap_state.area, 0, sizeof(swap_state.area));
	swap_state.stock = (struct radix_spare){.wanted = SWAP_STOCK_NODES};
	swap_state.nr_on = 0;
	swap_state.swappiness = DEFAULT_WEIGHT;
}

bool swap_slot_is_of(swap_slot_t slot, const struct swap_area *area)
{
	return slot && swap_area_of(slot) == area;
}

const char *swap_disk_of(const struct mapping *mapping)
{
	for (unsigned int i = 0; i < SWAP_MAX_AREAS; i++)
		if (mapping == &swap_state.area[i].mapping)
			return swap_state.area[i].name;
	return NULL;
}

const char *swap_describe(swap_slot_t slot, char *buf, size_t size)
{
	ASSERT(slot && swap_offset_of(slot) < swap_area_of(slot)->nr_pages);
	(void)snprintf(buf, size, "page %u of swap disk %s", swap_offset_of(slot), swap_area_of(slot)->name);
	return buf;
}

/* --- the signature --- */

#define SIGNATURE_AT	  (PAGE_SIZE - 10u)
#define HEADER_AT	  1024u
#define BAD_PAGES_AT	  1536u
#define MAX_BAD_PAGES	  ((SIGNATURE_AT - BAD_PAGES_AT) / 4u)
#define VERSION		  1u
#define VERSION_OF_OTHERS 0x01000000u

static uint32_t word_at(const void *page, uint32_t offset)
{
	uint32_t word;

	memcpy(&word, (const char *)page + offset, sizeof(word));
	return word;
}

const char *swap_signature_read(const void *page, uint64_t disk_pages, struct swap_signature *signature)
{
	uint32_t version = word_at(page, HEADER_AT), last_page = word_at(page, HEADER_AT + 4),
		 nr_bad = word_at(page, HEADER_AT + 8);

	if (memcmp((const char *)page + SIGNATURE_AT, "SWAP-SPACE", 10) == 0)
		return "of mkswap's version 0, expected 1";
	if (memcmp((const char *)page + SIGNATURE_AT, "SWAPSPACE2", 10) != 0)
		return "no swap disk: it has no signature of mkswap's";
	if (version == VERSION_OF_OTHERS)
		return "of the other byte order";
	if (version != VERSION)
		return "of an unknown version, expected 1";
	if (last_page >= disk_pages)
		return "smaller than its signature says";
	if (last_page < 1 || last_page > SWAP_OFFSET_MASK)
		return "of no size that can be: expected 1 to 268435455 pages";
	if (nr_bad > MAX_BAD_PAGES || nr_bad >= last_page)
		return "nothing but bad pages, or its signature lies";
	*signature = (struct swap_signature){last_page, nr_bad, NULL};
	signature->bad = (const uint32_t *)(const void *)((const char *)page + BAD_PAGES_AT);
	for (uint32_t i = 0; i < nr_bad; i++)
		if (signature->bad[i] < 1 || signature->bad[i] > last_page)
			return "said to have bad pages that it has not";
	return NULL;
}

/* --- areas: on --- */

static bool make_map(struct swap_area *area, const struct swap_signature *signature)
{
	area->nr_pages = signature->last_page + 1;
	area->map = kvzalloc(swap_map_bytes(area->nr_pages), GFP_KERNEL);
	if (!area->map)
		return false;
	area->map[0] = SLOT_BAD;
	for (uint32_t n = area->nr_pages; n < swap_map_bytes(area->nr_pages); n++)
		area->map[n] = SLOT_BAD;
	area->nr_bad = 0;
	for (uint32_t i = 0; i < signature->nr_bad; i++) { /* one may be named twice */
		area->nr_bad += area->map[signature->bad[i]] != SLOT_BAD;
		area->map[signature->bad[i]] = SLOT_BAD;
	}
	ASSERT(area->nr_bad < area->nr_pages); /* SW1 */
	area->nr_free = signature->last_page - area->nr_bad;
	return true;
}

/* Result: 0 or an error, and *problem what to say of it. */
static int read_area(struct swap_area *area, uint64_t disk_pages, const char **problem)
{
	struct swap_signature signature;
	struct page *page;
	void *bytes;
	int error = disk_pages ? pagecache_get(&area->mapping, 0, &page) : -EINVAL;

	*problem = error == -EIO ? "not to be read" : "empty";
	if (error)
		return error;
	bytes = kmap_local_page(page);
	*problem = swap_signature_read(bytes, disk_pages, &signature);
	if (*problem)
		error = -EINVAL;
	else if (!make_map(area, &signature))
		error = -ENOMEM;
	kunmap_local(bytes);
	put_page(page);
	return error;
}

/* A place for it, in nobody's way yet. NULL: there is none, or the name is there. */
static struct swap_area *area_claim(const char *name)
{
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);
	struct swap_area *free = NULL;
	bool is_there = false;

	for (unsigned int i = 0; i < SWAP_MAX_AREAS; i++) {
		struct swap_area *area = &swap_state.area[i];

		if (area->state == AREA_NONE)
			free = free ? free : area;
		else
			is_there |= strcmp(area->name, name) == 0;
	}
	if (is_there)
		free = NULL;
	ASSERT(!free || !free->map);
	if (free)
		free->state = AREA_BEGINS;
	port_unlock_irqrestore(&swap_state.lock, flags);
	return free;
}

static void area_set(struct swap_area *area, enum area_state state)
{
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);

	ASSERT(state != area->state && (area->state != AREA_ON || swap_state.nr_on));
	swap_state.nr_on += (state == AREA_ON) - (area->state == AREA_ON);
	area->state = state;
	port_unlock_irqrestore(&swap_state.lock, flags);
}

static bool has_areas_locked(void)
{
	bool has = false;

	ASSERT(port_lock_is_held(&swap_state.lock));
	for (unsigned int i = 0; i < SWAP_MAX_AREAS; i++)
		has |= swap_state.area[i].state != AREA_NONE;
	return has;
}

/* Nobody uses it any more. The stock goes with the last. */
static void area_end(struct swap_area *area)
{
	struct radix_spare stock = {0};
	irqflags_t flags;
	uint8_t *map;

	ASSERT(port_may_sleep() && area->state != AREA_NONE);
	mapping_destroy(&area->mapping);
	flags = port_lock_irqsave(&swap_state.lock);
	map = area->map;
	area->map = NULL;
	area->state = AREA_NONE;
	if (!has_areas_locked()) {
		stock = swap_state.stock;
		swap_state.stock = (struct radix_spare){.wanted = SWAP_STOCK_NODES};
	}
	port_unlock_irqrestore(&swap_state.lock, flags);
	radix_spare_free(&stock);
	kvfree(map);
}

static int fail_on(struct swap_area *area, const char *name, int error, const char *problem)
{
	if (area)
		area_end(area);
	if (problem)
		port_print(PORT_WARN, "swap: %s is %s", name, problem);
	return error;
}

int swap_on(const char *name, const struct mapping_ops *ops, void *host, uint64_t size_bytes)
{
	struct swap_area *area = area_claim(name);
	uint64_t disk_pages = MIN(size_bytes >> PAGE_SHIFT, (uint64_t)SWAP_OFFSET_MASK + 1);
	const char *problem;
	int error;

	ASSERT(port_may_sleep() && ops->readpage && ops->writepage);
	if (!area)
		return fail_on(NULL, name, -EBUSY, "in use already, or there are four others");
	(void)snprintf(area->name, sizeof(area->name), "%s", name);
	area->next = 0;
	area->map = NULL;
	area->has_failed = false;
	area->ops = (struct mapping_ops){
		.readpage = ops->readpage, .writepage = ops->writepage, .leave = swap_cache_page_left};
	mapping_init(&area->mapping, &area->ops, host, GFP_HIGHUSER, disk_pages << PAGE_SHIFT);
	error = read_area(area, disk_pages, &problem);
	if (error)
		return fail_on(area, name, error, error == -ENOMEM ? NULL : problem);
	mapping_remove_from(&area->mapping, 0); /* the signature */
	area->mapping.is_swap = true;
	if (!swap_stock())
		return fail_on(area, name, -ENOMEM, NULL);
	area_set(area, AREA_ON);
	return 0;
}

/* --- disks --- */

static int disk_readpage(struct mapping *mapping, struct page *page)
{
	return port_block_submit(mapping->host, page, ALL_SECTORS, false);
}

static int disk_writepage(struct mapping *mapping, struct page *page)
{
	return port_block_submit(mapping->host, page, ALL_SECTORS, true);
}

int swap_on_disk(const char *name, struct port_disk *disk)
{
	static const struct mapping_ops ops = {.readpage = disk_readpage, .writepage = disk_writepage};

	return swap_on(name, &ops, disk, port_disk_bytes(disk));
}

bool swap_uses_disk(const struct port_disk *disk)
{
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);
	bool uses = false;

	for (unsigned int i = 0; i < SWAP_MAX_AREAS; i++)
		uses |= swap_state.area[i].state != AREA_NONE && swap_state.area[i].mapping.host == disk;
	port_unlock_irqrestore(&swap_state.lock, flags);
	return uses;
}

/* --- areas: off --- */

struct swap_area *swap_close(const char *name)
{
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);
	struct swap_area *found = NULL;

	for (unsigned int i = 0; i < SWAP_MAX_AREAS; i++)
		if (swap_state.area[i].state == AREA_ON && strcmp(swap_state.area[i].name, name) == 0)
			found = &swap_state.area[i];
	if (found) {
		found->state = AREA_CLOSED;
		swap_state.nr_on--;
	}
	port_unlock_irqrestore(&swap_state.lock, flags);
	return found;
}

void swap_reopen(struct swap_area *area)
{
	area_set(area, AREA_ON);
}

static size_t nr_used_locked(const struct swap_area *area)
{
	size_t nr = 0;

	ASSERT(port_lock_is_held(&swap_state.lock));
	for (uint32_t n = 1; n < area->nr_pages; n++)
		nr += area->map[n] == SLOT_USED || area->map[n] == SLOT_KEPT;
	return nr;
}

bool swap_fits_elsewhere(const struct swap_area *area, size_t nr_free)
{
	struct swap_counts counts = swap_counts();
	size_t nr_used = area->nr_pages - 1 - area->nr_bad - area->nr_free;
	size_t nr_elsewhere = nr_free + cache_counts().nr_pages + counts.nr_free - area->nr_free;

	return nr_used <= nr_elsewhere;
}

int swap_end(struct swap_area *area)
{
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);
	size_t nr_used = nr_used_locked(area);

	port_unlock_irqrestore(&swap_state.lock, flags);
	if (nr_used)
		return -EBUSY;
	area_end(area);
	return 0;
}

/* --- policy --- */

void swap_set_swappiness(unsigned int swappiness)
{
	WRITE_ONCE(swap_state.swappiness, MIN(swappiness, 200u));
}

unsigned int swap_swappiness(void)
{
	return READ_ONCE(swap_state.swappiness);
}

bool swap_is_on(void)
{
	return READ_ONCE(swap_state.nr_on) != 0;
}

/* --- to be seen --- */

struct swap_counts swap_counts(void)
{
	irqflags_t flags = port_lock_irqsave(&swap_state.lock);
	struct swap_counts sum = {0};

	for (unsigned int i = 0; i < SWAP_MAX_AREAS; i++) {
		const struct swap_area *area = &swap_state.area[i];

		if (area->state < AREA_ON)
			continue;
		sum.nr_slots += area->nr_pages - 1 - area->nr_bad;
		sum.nr_free += area->nr_free;
		sum.nr_bad += area->nr_bad;
		sum.nr_cached += area->mapping.nr_pages;
	}
	port_unlock_irqrestore(&swap_state.lock, flags);
	return sum;
}

void swaps_print(struct sink *out)
{
	sink_printf(out, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	for (unsigned int i = 0; i < SWAP_MAX_AREAS; i++) {
		irqflags_t flags = port_lock_irqsave(&swap_state.lock);
		struct swap_area *area = &swap_state.area[i];
		bool is_on = area->state >= AREA_ON;
		size_t size = is_on ? area->nr_pages - 1 - area->nr_bad : 0,
		       used = size - (is_on ? area->nr_free : 0);

		port_unlock_irqrestore(&swap_state.lock, flags);
		if (is_on)
			sink_printf(out, "%-39s partition\t%zu\t\t%zu\t\t-2\n", area->name, size * 4,
				    used * 4);
	}
}
