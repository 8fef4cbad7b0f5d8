/* SPDX-License-Identifier: MIT */
/* The size of a page, orders, and addresses of low memory, under the name the books use. PAGE_SHIFT,
 * PAGE_SIZE and PAGE_MASK come with kernel/lib, get_order() with the page allocator. */
#pragma once

#include <kernel/lib/align.h>
#include <kernel/lib/types.h>
#include <mm/pages/page_alloc.h>

#define PAGE_ALIGN(addr) ALIGN_UP(addr, (unsigned long)PAGE_SIZE)

/* Between an address of the direct map and the physical one. */
#define __pa(addr)	      ((unsigned long)virt_to_phys((const void *)(addr))) /* refused outside the direct map */
#define __va(paddr)	      ((void *)(port_direct_map() + (unsigned long)(paddr)))
#define virt_addr_valid(addr) virt_is_direct(addr)
