/* SPDX-License-Identifier: MIT */
/* Objects between unmapped pages. Serves CONTRACT S5. `guard_sample=N` on the kernel's command line: one in N objects of
 * kmalloc and of caches gets a page of its own, with nothing mapped before and behind it, and lies by turns at its end
 * and at its start. So an overrun, or an underrun, faults at the very instruction, and the fault report names the
 * object, its cache, who allocated it and the distance. Once it is freed its page is unmapped: a use after free
 * faults, too, and is told as that, with who freed it.
 *
 *   | nothing | slot 0 | nothing | slot 1 | nothing | ...     the pages and one page table are there for good
 *             ^        ^ object at the end: behind it, to the next page, no more than its alignment leaves
 *
 * There are GUARD_SLOTS of them, used again the one freed longest ago first; while all are in use objects come from their
 * slabs. The bytes of the page that are not the object's hold a pattern and are looked at when it is freed.
 *
 * They do not lie in the direct map: virt_to_phys() refuses them; dma_map_single() knows where they are. Left alone:
 * objects of the DMA zone; those asked for with __GFP_NO_GROW, which only a slab may give; those larger than a page;
 * caches with SLAB_NO_USER_FLAGS or SLAB_DIRECT_MAP; the layers' own caches. While memory is short all objects come from
 * their slabs, and to free a guarded one wakes nobody who waits for memory.
 *
 * GS1 a slot's page is mapped exactly while its object is handed out, or on its way.
 * GS2 a slot that is not in use is in the queue once.
 */
#pragma once

#include <mm/objects/above.h>

#define GUARD_SLOTS 64u

/* Takes addresses, pages and a page table, and begins: one object in `sample`. 0: off, nothing is taken. Result: false:
 * there is no memory for them. Context: boot, when kmalloc and vmalloc are up. */
bool guard_init(unsigned int sample);

/* One in so many from now on; 0: none. Only where guard_init() took what is needed. Context: process. */
void guard_set_sample(unsigned int sample);
unsigned int guard_get_sample(void);

/* A phrase about an address in the slots or between them. As locate_describe(). */
bool guard_describe(uintptr_t addr, char *buf, size_t size);

/* Does GS1, GS2 hold? Result: the first slot of which it does not, or GUARD_SLOTS. Context: any. */
unsigned int guard_find_wrong(void);
