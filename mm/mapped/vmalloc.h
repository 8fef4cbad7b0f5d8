/* SPDX-License-Identifier: MIT */
/* Memory that is contiguous for the CPU only. Serves CONTRACT V1, P5 (vmallocinfo). <linux/vmalloc.h> is its
 * face.
 *
 * An area is whole pages in the space above the direct map, with a guard page, never mapped, before and
 * behind it. Its pages come one by one, from high memory first: so it can be large where no block of that
 * order is free, costs a page table entry for each page, and is no use for a device: a physical address
 * exists for each page alone (vmalloc_to_page()), and virt_to_phys() of the address is refused.
 */
#pragma once

#include <mm/pages/gfp.h>
#include <mm/pages/page.h>

struct sink;

/* How vmap() maps. */
typedef unsigned int pgprot_t;

#define PAGE_KERNEL    PORT_PROT_KERNEL
#define PAGE_KERNEL_RO PORT_PROT_KERNEL_RO
#define VM_MAP	       0x4ul /* vmap()'s flag in the books; has no effect */

void vfree(const void *addr);
void vunmap(const void *addr);
void iounmap(volatile void *addr);
void kvfree(const void *addr);

/* At least size_bytes of memory, from a page's start; vzalloc: cleared. NULL: no memory, or no range of
 * addresses that large (one message, rate-limited). Nobody's for 0 bytes, more than the space or the machine
 * has: NULL at once with one message.
 * Context: process, may sleep, no lock held; elsewhere it is reported as C1 wants, and the result is NULL. */
void *vmalloc(size_t size_bytes) MUST_CHECK FREED_BY(vfree, 1);
void *vzalloc(size_t size_bytes) MUST_CHECK FREED_BY(vfree, 1);

/* The same with flags for its pages: zone flags replace "high memory first", without __GFP_WAIT nothing waits
 * for memory, __GFP_NOWARN spares the message, and __GFP_NOFAIL waits for memory and for addresses until there
 * are some (G15). The context is the same. */
void *__vmalloc(size_t size_bytes, gfp_t gfp) MUST_CHECK FREED_BY(vfree, 1);

/* At a multiple of `align`, a power of two. */
void *vmalloc_aligned(size_t size_bytes, size_t align, gfp_t gfp) MUST_CHECK FREED_BY(vfree, 1);

/* Gives an area back: access faults from then on, or, in builds without debugging, from the next TLB flush
 * on, before which nobody else gets its addresses. NULL is ignored. What is no start of an area of vmalloc's
 * is reported by name and nothing changes. Context: any; where it may not sleep a thread does it later. */
void vfree(const void *addr);

/* Maps nr pages, in that order, side by side. They stay the caller's. Not more than the space has; prot:
 * PAGE_KERNEL or PAGE_KERNEL_RO. Context and failure: as vmalloc. vunmap: as vfree, but in process context
 * only. */
void *vmap(struct page *const *pages, unsigned int nr, unsigned long flags, pgprot_t prot) MUST_CHECK;

/* Maps the registers of a device at physical paddr, not cached. RAM and addresses beyond those that the CPU has
 * are refused with a message. Context and failure: as vmalloc. iounmap: any address in the mapping's first page; as vunmap. */
void *ioremap(paddr_t paddr, size_t size_bytes) MUST_CHECK;

/* The page that an address of an area is mapped to; NULL: nothing is mapped there, or no page of memory.
 * Context: any; the area is the caller's. */
struct page *vmalloc_to_page(const void *addr);
pfn_t vmalloc_to_pfn(const void *addr);

/* Does the address lie in the space that areas are cut from? Context: any. */
static inline bool is_vmalloc_addr(const void *addr);

/* kmalloc where that is easily had, else vmalloc. kvfree gives either back. Flags that vmalloc's pages cannot
 * have (__GFP_DMA), or no __GFP_WAIT: kmalloc alone. Context: as kmalloc with these flags. */
void *kvmalloc(size_t size_bytes, gfp_t gfp) MUST_CHECK FREED_BY(kvfree, 1);
void *kvzalloc(size_t size_bytes, gfp_t gfp) MUST_CHECK FREED_BY(kvfree, 1);
void *kvmalloc_array(size_t n, size_t size, gfp_t gfp) MUST_CHECK
	FREED_BY(kvfree, 1); /* NULL when the product overflows */
void *kvcalloc(size_t n, size_t size, gfp_t gfp) MUST_CHECK FREED_BY(kvfree, 1);
void kvfree(const void *addr);

/* Areas in the format of /proc/vmallocinfo, those that wait for a flush included. Context: process. */
void vmallocinfo_print(struct sink *out);

/* What is mapped or not at an address of the space or in the page before it, "12 bytes past vmalloc area of
 * 65536 bytes by FUNC" and the like, written to buf. Result: false when the address lies elsewhere. Context:
 * any, also in the middle of a fault. */
bool vmalloc_describe(uintptr_t addr, char *buf, size_t size);

/* Finishes all that was put off: deferred vfree, flushes, addresses that rest, empty page tables. Context:
 * process. */
void vmalloc_purge(void);

/* Bytes of the space, and bytes in live areas with their guards. A snapshot. */
size_t vmalloc_total_bytes(void);
size_t vmalloc_used_bytes(void);

/* Which invariant does not hold, in words, or NULL. For mm_validate(). */
const char *vmalloc_check(void);

/* Brings the layer up; called once by mm_init_allocators() after kmalloc_init(). */
void vmalloc_init(void);

/* Takes that many bytes, a multiple of PORT_TABLE_SPAN, from the start of the space for good; nothing is mapped there.
 * Result: where they start. Context: boot, before the first area. */
uintptr_t vmalloc_give_up(size_t size_bytes);

/* [start, end) (C) */
extern struct vmalloc_space {
	uintptr_t start, end;
} vmalloc_space;

static inline bool is_vmalloc_addr(const void *addr)
{
	return (uintptr_t)addr - vmalloc_space.start < vmalloc_space.end - vmalloc_space.start;
}
