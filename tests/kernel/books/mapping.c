/* SPDX-License-Identifier: MIT */
/* From addresses to the pages behind them, as what maps a driver's memory for a program does. */
#include <asm/pgtable.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include <tests/kernel/books/books.h>

/* The page that a fault at `offset` of an area of vmalloc's would get, with a reference for whoever maps it. */
static struct page *vma_nopage(char *area, unsigned long offset)
{
	struct page *page = vmalloc_to_page(area + offset);

	if (page)
		get_page(page);
	return page;
}

static int pages_of_vmalloc(char *area)
{
	struct page *page = vma_nopage(area, 2 * PAGE_SIZE + 5);
	char *text;

	AS_THE_BOOK_SAYS(page && pfn_valid(page_to_pfn(page)) && page_count(page) == 2);
	text = kmap(page);
	AS_THE_BOOK_SAYS(text && strcmp(text + offset_in_page(area + 5), "fifth") == 0);
	kunmap(page);
	page_cache_release(page);
	AS_THE_BOOK_SAYS(page_count(page) == 1);
	return 0;
}

static int reserved_pages(unsigned long addr)
{
	struct page *page;

	for (page = virt_to_page(addr); page < virt_to_page(addr + 2 * PAGE_SIZE); page++)
		SetPageReserved(page);
	for (page = virt_to_page(addr); page < virt_to_page(addr + 2 * PAGE_SIZE); page++)
		ClearPageReserved(page);
	AS_THE_BOOK_SAYS(!PageReserved(virt_to_page(addr)) && PageReserved(virt_to_page(__va(0))));
	AS_THE_BOOK_SAYS(virt_addr_valid(addr) && addr < (unsigned long)high_memory);
	AS_THE_BOOK_SAYS(virt_to_head_page((void *)addr) == virt_to_page(addr));
	return 0;
}

int mapping_try(void)
{
	char *area = vmalloc(4 * PAGE_SIZE);
	unsigned long addr = __get_free_pages(GFP_USER, 1);
	int line = __LINE__;

	if (area && addr) {
		memcpy(area + 2 * PAGE_SIZE + 5, "fifth", 6);
		line = pages_of_vmalloc(area);
		copy_page((void *)addr, area + 2 * PAGE_SIZE);
		if (!line && strcmp((char *)addr + 5, "fifth"))
			line = __LINE__;
		clear_page((void *)addr);
		if (!line && ((char *)addr)[5])
			line = __LINE__;
		if (!line)
			line = reserved_pages(addr);
	}
	free_pages(addr, 1);
	vfree(area);
	return line;
}
