/* SPDX-License-Identifier: MIT */
/* Windows on high memory that stay until they are given back. Serves CONTRACT P9. <linux/highmem.h> is its
 * face.
 *
 * kmap gives a page an address that every thread may use, for as long as it likes, and sleep meanwhile. There
 * are KMAP_WINDOWS_MAX of them; who finds them all in use sleeps until one is given back, first come first
 * served. The same page mapped twice is one window, counted. For a few instructions, and where nobody may
 * sleep, kmap_local_page() (highmem.h) is the better choice. */
#pragma once

#include <mm/pages/page.h>

#define KMAP_WINDOWS_MAX 512u /* half of them where there are less than 64 MiB of low memory */

/* An address for the page, until kunmap() was called as often as kmap(). Of low memory: its own. Result:
 * never NULL where one may sleep, but to a thread that was killed while it waited. Elsewhere the call is reported (C1), and NULL when all windows are in use.
 * Context: may sleep. */
void *kmap(struct page *page);

/* Takes one kmap() back; the last one wakes who waits. Of a page of low memory: nothing happens. Of a page
 * that is not mapped: reported, nothing changed. The address faults from now on in debug builds, else
 * perhaps. Context: any. */
void kunmap(struct page *page);

/* The page at an address: of the direct map, of kmap(), or of kmap_local_page() on this CPU. NULL for any
 * other address. Context: any. */
struct page *kmap_to_page(const void *addr);

/* Forgets what stale addresses the CPU remembers: afterwards each of them faults. Result: windows concerned.
 * Context: any. */
unsigned int kmap_flush(void);

/* Makes the windows where there is high memory. Boot, before alloc_bootmem's memory is handed over. */
void kmap_init(void);

/* For locate_describe(): one phrase about an address among the windows. Context: any. */
bool kmap_describe(uintptr_t addr, char *buf, size_t size);
