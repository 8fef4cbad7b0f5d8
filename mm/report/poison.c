/* SPDX-License-Identifier: MIT */
/* See poison.h. Pages belong to who fills them or looks at them: the caller, on the way to a zone or from it. No lock;
 * bits of neighbours share words, which are changed by atomic operations. */
#include <mm/report/poison.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/bitops.h>
#include <mm/early/bootmem.h>
#include <mm/mapped/highmem.h>
#include <mm/objects/slab_debug.h>
#include <mm/pages/page_alloc.h>

#define POISON_WORD (POISON_PAGE * 0x01010101u)

static uint32_t *filled; /* a bit for each page; NULL: off (C) */

bool poison_init(bool wanted)
{
	filled = wanted ? alloc_bootmem_nopanic(ALIGN_UP(mem_map_pages, 32u) / 8) : NULL;
	return filled != NULL;
}

static uint32_t bit_of(pfn_t pfn)
{
	return 1u << pfn % 32;
}

bool page_is_poisoned(const struct page *page)
{
	return filled && bitmap_test(filled, page_to_pfn(page));
}

void poison_fill_pages(struct page *page, size_t nr_pages)
{
	ASSERT(filled && page_to_pfn(page) + nr_pages <= mem_map_pages);
	for (; nr_pages; nr_pages--, page++) {
		pfn_t pfn = page_to_pfn(page);
		void *addr = kmap_local_page(page);

		port_fill(addr, PAGE_SIZE, POISON_WORD);
		kunmap_local(addr);
		__atomic_fetch_or(&filled[pfn / 32], bit_of(pfn), __ATOMIC_RELAXED);
	}
}

/* --- looking --- */

static bool is_one_bit(const uint8_t *at, const uint8_t *last)
{
	return at == last && IS_POWER_OF_2((uint32_t)(*at ^ POISON_PAGE));
}

/* The page's address is `start`, its first wrong byte `at`. */
static void print_page(const struct page *page, const uint8_t *start, const uint8_t *at, const void *caller)
{
	const uint8_t *last = start + PAGE_SIZE - 1;
	char code[64];

	ASSERT(at >= start && at <= last && *at != POISON_PAGE);
	while (*last == POISON_PAGE)
		last--;
	port_print(PORT_ERR, "BUG: page %#x was written to after it was freed, seen when allocated by %s%s",
		   page_to_pfn(page), port_code_name(caller, code, sizeof(code)),
		   is_one_bit(at, last) ? "; one bit is wrong: a stray write, or bad memory" : "");
	slab_debug_print_bytes((int)(at - start), at, last, POISON_PAGE);
}

static const uint8_t *first_wrong_byte(const uint8_t *start)
{
	const uint8_t *at = port_find_other_word(start, PAGE_SIZE, POISON_WORD), *end = start + PAGE_SIZE;

	while (at < end && *at == POISON_PAGE)
		at++;
	return at < end ? at : NULL;
}

/* Of a block: the first page that is wrong, and how many more are. */
static COLD void report(const struct page *page, unsigned int nr_more, const void *caller)
{
	irqflags_t flags = irq_save(); /* so that nobody prints in between */
	const uint8_t *start = kmap_local_page(page), *at = first_wrong_byte(start);

	if (at)
		print_page(page, start, at, caller);
	kunmap_local(start);
	if (nr_more)
		port_print(PORT_ERR, "  and so were %u further pages of the block", nr_more);
	page_alloc_print_owner(page);
	irq_restore(flags);
}

/* Was it filled? It is no longer: its next owner writes to it. */
static bool take_bit(pfn_t pfn)
{
	uint32_t bit = bit_of(pfn);

	return READ_ONCE(filled[pfn / 32]) & bit &&
	       __atomic_fetch_and(&filled[pfn / 32], ~bit, __ATOMIC_RELAXED) & bit;
}

static bool page_is_wrong(const struct page *page)
{
	const uint8_t *start;
	bool is_wrong;

	if (!take_bit(page_to_pfn(page)))
		return false;
	start = kmap_local_page(page);
	is_wrong = first_wrong_byte(start) != NULL;
	kunmap_local(start);
	return is_wrong;
}

void poison_check_pages(struct page *page, size_t nr_pages, const void *caller)
{
	const struct page *first = NULL, *end = page + nr_pages;
	unsigned int nr = 0;

	ASSERT(filled && page_is_descriptor(page) && page_to_pfn(page) + nr_pages <= mem_map_pages);
	for (; page < end; page++)
		if (unlikely(page_is_wrong(page))) {
			first = first ? first : page;
			nr++;
		}
	if (unlikely(first))
		report(first, nr - 1, caller);
}
