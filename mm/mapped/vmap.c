/* SPDX-License-Identifier: MIT */
/* Areas that show what others own: pages, side by side, and registers of devices. No lock of its own. */
#include <mm/mapped/vmalloc.h>

#include <kernel/lib/assert.h>
#include <mm/early/memblock.h>
#include <mm/early/memmap.h>
#include <mm/mapped/vmarea.h>

static void *map_area(struct vm_area *area)
{
	ASSERT(area->kind != AREA_VMALLOC && area->state == AREA_GROWING);
	ASSERT_SLOW(port_pte_is_mapped(port_pte_of(area_mapped_end(area) - PAGE_SIZE))); /* VM4 */
	area_make_live(area);
	return (void *)area->span.start;
}

/* Why these pages cannot be mapped, or NULL. */
static const char *why_unmappable(struct page *const *pages, size_t nr, pgprot_t prot)
{
	if (prot != PAGE_KERNEL && prot != PAGE_KERNEL_RO)
		return "expected PAGE_KERNEL or PAGE_KERNEL_RO";
	for (size_t i = 0; i < nr; i++)
		if (!page_is_descriptor(pages[i]))
			return "expected page descriptors, found something else";
	return NULL;
}

void *vmap(struct page *const *pages, unsigned int nr, unsigned long flags, pgprot_t prot)
{
	const void *caller = RETURN_ADDRESS();
	size_t size_bytes = nr <= vmalloc_total_bytes() >> PAGE_SHIFT ? (size_t)nr << PAGE_SHIFT : SIZE_MAX;
	const char *why = area_why_impossible(size_bytes, PAGE_SIZE);
	struct vm_area *area;

	(void)flags;
	if (area_is_refused_here())
		return NULL;
	if (!why)
		why = why_unmappable(pages, nr, prot);
	area = why ? NULL : area_get(size_bytes, PAGE_SIZE, AREA_VMAP, GFP_KERNEL, caller, &why);
	if (!area)
		return area_refuse("vmap", size_bytes, GFP_KERNEL, caller, why);
	ASSERT(area_nr_pages(area) == nr);
	for (uintptr_t addr = area->span.start; addr < area_mapped_end(area); addr += PAGE_SIZE) {
		ASSERT(!port_pte_is_mapped(port_pte_of(addr))); /* VM4 */
		port_pte_set(port_pte_of(addr), addr, page_to_pfn(*pages++), prot);
	}
	return map_area(area);
}

/* A page number holds 44 bits of an address; the last byte is looked at, so that the last page is one. */
static bool cpu_reaches(paddr_t paddr, size_t size_bytes)
{
	paddr_t last = paddr + size_bytes - 1;

	ASSERT(size_bytes && port_physical_bits() >= 32);
	return last >= paddr && last >> MIN(port_physical_bits(), 32u + PAGE_SHIFT) == 0;
}

/* Why [paddr, paddr + size_bytes) is nothing to map as a device, or NULL. */
static const char *why_no_device(paddr_t paddr, size_t size_bytes)
{
	pfn_t start = (pfn_t)(paddr >> PAGE_SHIFT);
	size_t offset = (size_t)paddr & (PAGE_SIZE - 1);

	if (size_bytes == 0 || size_bytes >= vmalloc_total_bytes() - offset)
		return area_why_impossible(size_bytes ? SIZE_MAX : 0, PAGE_SIZE);
	if (!cpu_reaches(paddr, size_bytes))
		return "expected physical addresses that this CPU has";
	if (memmap_pages_in(memblock_memory(), start,
			    start + (pfn_t)DIV_ROUND_UP(offset + size_bytes, PAGE_SIZE)))
		return "expected the registers of a device, found RAM";
	return NULL;
}

void *ioremap(paddr_t paddr, size_t size_bytes)
{
	const void *caller = RETURN_ADDRESS();
	const char *why = why_no_device(paddr, size_bytes);
	size_t offset = (size_t)paddr & (PAGE_SIZE - 1);
	pfn_t pfn = (pfn_t)(paddr >> PAGE_SHIFT);
	struct vm_area *area;

	if (area_is_refused_here())
		return NULL;
	area = why ? NULL : area_get(offset + size_bytes, PAGE_SIZE, AREA_IOREMAP, GFP_KERNEL, caller, &why);
	if (!area)
		return area_refuse("ioremap", size_bytes, GFP_KERNEL, caller, why);
	ASSERT(area->kind == AREA_IOREMAP && area->state == AREA_GROWING);
	area->paddr = paddr - offset;
	for (uintptr_t addr = area->span.start; addr < area_mapped_end(area); addr += PAGE_SIZE) {
		ASSERT(!port_pte_is_mapped(port_pte_of(addr))); /* VM4 */
		port_pte_set(port_pte_of(addr), addr, pfn++, PORT_PROT_KERNEL_IO);
	}
	return (char *)map_area(area) + offset;
}

static void unmap_for(const char *call, const void *addr, enum area_kind kind, const void *caller)
{
	struct vm_area *area;

	if (!addr || area_is_refused_here())
		return;
	area = area_find((uintptr_t)addr, kind);
	if (!area) {
		area_report_wrong_free(call, addr, caller,
				       kind == AREA_VMAP ? "what vmap gave" : "what ioremap gave");
		return;
	}
	ASSERT(area->kind == kind && area->state == AREA_LIVE);
	area_let_go(area, caller);
	area_unmap(area, area_mapped_end(area));
	area_retire(area);
}

void vunmap(const void *addr)
{
	unmap_for("vunmap", addr, AREA_VMAP, RETURN_ADDRESS());
}

void iounmap(volatile void *addr)
{
	unmap_for("iounmap", (const void *)((uintptr_t)addr & PAGE_MASK), AREA_IOREMAP, RETURN_ADDRESS());
}
