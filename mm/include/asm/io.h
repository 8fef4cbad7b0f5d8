/* SPDX-License-Identifier: MIT */
/* Memory of devices, and where memory lies for them, under the name the books use; with the ports and accesses of
 * <asm/ports.h>. A device on a PC's bus sees physical addresses. */
#pragma once

#include <asm/page.h>
#include <asm/ports.h>
#include <mm/mapped/vmalloc.h>

#define ioremap_nocache(paddr, size) ioremap(paddr, size)
#define ioremap_wc(paddr, size)	     ioremap(paddr, size) /* slower, and as correct */

#define phys_to_virt(paddr)	     __va(paddr)
#define virt_to_bus(addr)	     ((unsigned long)virt_to_phys(addr))
#define bus_to_virt(bus)	     __va(bus)
