/* SPDX-License-Identifier: MIT */
/* The size of a page, orders, and addresses of low memory, under the name the books use. PAGE_SHIFT,
 * PAGE_SIZE and PAGE_MASK come with kernel/lib, get_order() with the page allocator. */
#pragma once

#include <kernel/lib/round.h>
#include <kernel/lib/string.h>
#include <kernel/lib/types.h>
#include <mm/pages/page_alloc.h>

#define PAGE_ALIGN(addr) ALIGN_UP(addr, (unsigned long)PAGE_SIZE)

/* Between an address of the direct map and the physical one: plain arithmetic, also for the end of the map.
 * virt_to_phys() is what refuses others. */
#define __pa(addr)	      ((unsigned long)(addr) - (unsigned long)port_direct_map())
#define __va(paddr)	      ((void *)(port_direct_map() + (unsigned long)(paddr)))
#define high_memory	      ((void *)(port_direct_map() + lowmem_bytes)) /* end of the direct map */
#define virt_addr_valid(addr) virt_is_direct((const void *)(addr))
#define virt_to_page(addr)    (virt_to_page)((const void *)(addr)) /* the books pass an unsigned long, too */
#define pfn_valid(pfn)	      ((pfn_t)(pfn) < mem_map_pages)	   /* has it a descriptor? */

/* Of pages that have an address. */
#define clear_page(addr)    ((void)memset(addr, 0, PAGE_SIZE))
#define copy_page(to, from) ((void)memcpy(to, from, PAGE_SIZE))
