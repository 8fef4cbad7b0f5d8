/* SPDX-License-Identifier: MIT */
/* Pages, their addresses and references under the name the books use. */
#pragma once

#include <asm/page.h>
#include <asm/pgtable.h>
#include <linux/gfp.h>
#include <linux/numa.h>
#include <linux/oldnames.h>
#include <mm/mapped/vmalloc.h>
#include <mm/pages/page.h>

#define offset_in_page(addr)	  ((unsigned long)(addr) & ~PAGE_MASK)
#define virt_to_head_page(addr)	  compound_head(virt_to_page(addr))
#define lowmem_page_address(page) low_page_address(page)
#define PageHighMem(page)	  page_is_highmem(page)
