/* SPDX-License-Identifier: MIT */
/* The play "fragmentation": a block of order 10 can be had after boot; then all pages are taken one by one
 * and given back but for every 16th, and no block of more than eight is left, although nearly everything is
 * free. What alloc_bootmem gave at boot lies outside all that and stays in one piece (V2).
 *
 * Low memory only: blocks that need no address are taken from high memory where there is any. */
#include <monitor/demo.h>

#include <kernel/lib/list.h>
#include <kernel/lib/string.h>
#include <linux/bootmem.h>
#include <linux/mm.h>
#include <mm/init.h>
#include <mm/pages/page_alloc.h>
#include <mm/report/stats.h>
#include <monitor/map.h>
#include <monitor/say.h>

#define ROOM_BEHIND 8u /* times the block: less low memory than that does without it */

static struct {
	uint32_t *block;
	size_t nr_bytes; /* 0: there is no block */
} bootmem_block;

/* --- the block of boot's --- */

__init void demo_bootmem_take(const char *list)
{
	if (!demo_is_wanted(list, "fragmentation") || lowmem_bytes < DEMO_BOOTMEM_BYTES * ROOM_BEHIND)
		return;
	bootmem_block.block = alloc_bootmem_pages_nopanic(DEMO_BOOTMEM_BYTES);
	bootmem_block.nr_bytes = bootmem_block.block ? DEMO_BOOTMEM_BYTES : 0;
}

size_t demo_bootmem_bytes(void)
{
	return bootmem_block.nr_bytes;
}

/* Each word its own number, so that no other page can stand in for one. */
void demo_bootmem_fill(void)
{
	for (uint32_t i = 0; i < bootmem_block.nr_bytes / sizeof(uint32_t); i++)
		bootmem_block.block[i] = ~i;
}

bool demo_bootmem_is_whole(void)
{
	for (uint32_t i = 0; i < bootmem_block.nr_bytes / sizeof(uint32_t); i++)
		if (bootmem_block.block[i] != ~i)
			return false;
	return true;
}

void demo_bootmem_give_back(void)
{
	paddr_t start = page_to_phys(virt_to_page(bootmem_block.block));

	mm_free_reserved(start, start + bootmem_block.nr_bytes);
	bootmem_block.nr_bytes = 0;
}

/* --- the load --- */

/* Of a block's pages only every 16th is kept. */
static size_t thin_out(struct page *block, unsigned int order, struct list_head *kept)
{
	size_t nr_kept = 0;

	split_page(block, order);
	for (struct page *page = block; page < block + (1u << order); page++) {
		if (page_to_pfn(page) % DEMO_FRAGMENT_STEP) {
			__free_page(page);
		} else {
			list_add(&page->links, kept);
			nr_kept++;
		}
	}
	return nr_kept;
}

size_t demo_fragment(struct list_head *kept)
{
	struct list_head taken = LIST_HEAD_INIT(taken);
	struct page *page, *next;
	size_t nr_kept = 0;

	(void)demo_take_all(&taken, GFP_ATOMIC);
	list_for_each_entry_safe(page, next, &taken, links)
		nr_kept += thin_out(page, page->order, kept);
	return nr_kept;
}

/* --- what is said --- */

static bool try_order_10(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER);

	if (page)
		say("alloc_pages(GFP_KERNEL, 10): 4 MiB from page 0x%x on\n", page_to_pfn(page));
	else
		say("alloc_pages(GFP_KERNEL, 10): NULL, with %zu of %zu kB of low memory free\n",
		    demo_low_free() * 4, lowmem_bytes / 1024);
	if (page)
		__free_pages(page, MAX_PAGE_ORDER);
	return page != NULL;
}

#define MAP_ROWS 6u

/* As numbers, and as a picture: `map` says what the letters mean. */
static void show_blocks(void)
{
	drain_all_pages();
	buddyinfo_print(monitor_out());
	map_print(MAP_ROWS, false);
}

static void show_bootmem(void)
{
	size_t nr_bytes = bootmem_block.nr_bytes;

	if (!nr_bytes) {
		say("No block of alloc_bootmem's is left to be shown: demo=fragmentation at boot takes "
		    "one.\n");
		return;
	}
	say("The %zu MiB in one piece that alloc_bootmem gave at boot, twice the largest order: %s.\n",
	    nr_bytes >> 20, demo_bootmem_is_whole() ? "whole, to the last word" : "DAMAGED");
}

void demo_fragmentation(void)
{
	struct list_head kept = LIST_HEAD_INIT(kept);

	demo_bootmem_fill();
	show_blocks();
	if (!try_order_10())
		say("(this machine never had a block that large)\n");
	say("Now every page is taken, and all are given back but one in %u (%zu pages):\n",
	    DEMO_FRAGMENT_STEP, demo_fragment(&kept));
	show_blocks();
	(void)try_order_10();
	show_bootmem();
	demo_give_all(&kept);
	if (bootmem_block.nr_bytes) {
		demo_bootmem_give_back();
		say("It goes to the page allocator now.\n");
	}
	say("All is given back:\n");
	show_blocks();
	(void)try_order_10();
}
