/* SPDX-License-Identifier: MIT */
/* Windows of one page each, through which a CPU reads and writes memory that the direct map does not reach.
 * Who uses which slot is not known here. A hole lies behind every window, so that running off its end faults.
 *
 * Inline, from <arch/kmap.h>:
 *   kmap_slot_address(slot)      its virtual address
 *   kmap_slot_of(addr)           the slot whose window holds addr; KMAP_SLOTS when none does
 *   kmap_slot_set(slot, pfn)     map a page; the slot is empty
 *   kmap_slot_clear(slot)        unmap and flush; the entry keeps the page's number, without KMAP_PRESENT
 *   kmap_slot_entry(slot)        its entry, whether something is mapped or not; 0: nothing was so far
 *   kmap_slot_restore(slot, e)   put such an entry back
 * Context: any; a slot belongs to the CPU and context that took it. */
#pragma once

#include <arch/kmap.h>
