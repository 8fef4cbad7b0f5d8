/* SPDX-License-Identifier: MIT */
/* Reaching pages of high memory for a while. Serves CONTRACT P9, G17. <linux/highmem.h> is its face.
 *
 * kmap_local_page gives an address for a page: of low memory its own, of high memory a window of this CPU.
 * Windows are taken and given back last in, first out; an interrupt takes the next ones and has given them
 * back when it returns; a thread's live windows follow it when it is preempted. So the address is good for
 * whoever got it, and for nobody else. Windows with a number are beside these, for code that wants to give them
 * back in another order; preemption is off meanwhile.
 *
 * H1 the windows [0, depth) of a CPU belong to what runs there, all others are unmapped.
 */
#pragma once

#include <mm/pages/above.h>
#include <mm/pages/page.h>

/* An address for the page, until kunmap_local(). Never sleeps, never fails; more than PORT_KMAP_SLOTS at once
 * on a CPU panics. Context: any. */
void *kmap_local_page(const struct page *page);

/* Ends what kmap_local_page gave, any address inside it. For a page of low memory nothing happens. Not the
 * window taken last, or no window at all: reported, nothing changed. Context: the one that mapped. */
void kunmap_local(const void *addr);

/* The same with preemption off in between, as the books use it: what runs meanwhile may not sleep (C1). */
void *kmap_atomic(const struct page *page);
void kunmap_atomic(const void *addr);

/* The same through the window of that number, below PORT_KMAP_NUMBERS: those may be given back in any order,
 * by kunmap_atomic(). Where it is taken, by whom this context interrupted, the next one serves as above. */
void *kmap_atomic_numbered(const struct page *page, unsigned int number);

/* Copy between a page, wherever it lies, and memory; offset + size_bytes is at most a page. Context: any. */
void memcpy_to_page(const struct page *page, size_t offset, const void *src, size_t size_bytes);
void memcpy_from_page(void *dst, const struct page *page, size_t offset, size_t size_bytes);
void copy_highpage(const struct page *to, const struct page *from);
