/* SPDX-License-Identifier: MIT */
/* Windows of one page each, through which a CPU reads and writes memory that the direct map does not reach.
 * Who uses which is not known here. A hole lies behind every window, so that running off its end faults. A
 * window is named by its address: KMAP_START, KMAP_START + KMAP_STEP … below KMAP_END, KMAP_SLOTS of them;
 * KMAP_NUMBERS more follow, from KMAP_END on. These are CPU 0's; each CPU has its own, MMU_PERCPU_UNIT apart, and shows in them
 * what it likes: no other CPU uses or remembers them.
 *
 * Inline, from <arch/kmap.h>:
 *   kmap_window_map(window, pfn)       map a page; nothing is mapped there
 *   kmap_window_clear(window, inside)  unmap, and flush by an address inside; false: nothing was mapped. The
 *                                      entry keeps the page's number, without KMAP_PRESENT
 *   kmap_window_drop(window)           unmap and flush, whatever was there
 *   kmap_window_entry(window)          its entry, mapped or not; the low half is 0: nothing ever was
 *   kmap_window_restore(window, e)     put such an entry back
 *
 * Clearing and flushing are two steps. Between them a window is unmapped and yet remembered by the CPU, so it
 * stays its owner's until the flush; who takes the CPU away there flushes for the owner.
 * Context: any; a window belongs to the CPU and context that took it. */
#pragma once

#include <arch/kmap.h>
#include <kernel/arch/percpu.h>

DECLARE_PERCPU(uintptr_t, kmap_top);	/* windows are taken in order: the one to be taken next */
DECLARE_PERCPU(uint32_t, kmap_numbers); /* bit i: window i from KMAP_END on is taken */

/* This CPU's. Preemption is off, or the caller is done before it matters. */
static inline uintptr_t kmap_start(void)
{
	return KMAP_START + this_cpu_read(cpu_base);
}

static inline uintptr_t kmap_numbered(unsigned int number)
{
	return KMAP_END + this_cpu_read(cpu_base) + number * KMAP_STEP;
}
