/* SPDX-License-Identifier: MIT */
/* Areas with pages of their own: they come one by one, from high memory first, and are mapped as they come.
 * What an area is, and what becomes of it afterwards, is in vmarea.h. No lock of its own. */
#include <mm/mapped/vmalloc.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <mm/mapped/vmarea.h>
#include <mm/objects/above.h>
#include <mm/objects/kmalloc.h>

/* --- refusals and reports --- */

COLD void *area_refuse(const char *call, size_t size_bytes, gfp_t gfp, const void *caller, const char *why)
{
	static struct ratelimit limit;
	char code[64];

	if (!gfp_has(gfp, __GFP_NOWARN) && ratelimit_ok(&limit))
		port_print(PORT_WARN, "%s: %s of %zu bytes by %s: %s", port_task_name(), call, size_bytes,
			   port_code_name(caller, code, sizeof(code)), why);
	return NULL;
}

COLD void area_report_wrong_free(const char *call, const void *addr, const void *caller, const char *wanted)
{
	char what[160], code[64];

	port_print(PORT_ERR, "BUG: %s of %#lx by %s: expected %s, found %s; nothing changed", call,
		   (unsigned long)addr, port_code_name(caller, code, sizeof(code)), wanted,
		   locate_phrase(addr, what, sizeof(what)));
}

static bool machine_has(size_t size_bytes)
{
	const struct zone *zone;
	uint64_t nr = 0;

	for_each_zone(zone)
		nr += zone->managed;
	return size_bytes >> PAGE_SHIFT < nr;
}

/* --- vmalloc --- */

/* Result: the end of what could be had and is mapped. */
static ALWAYS_INLINE uintptr_t map_new_pages(const struct vm_area *area, gfp_t gfp)
{
	uintptr_t addr = area->span.start, end = area_mapped_end(area);

	ASSERT(IS_ALIGNED(addr | end, PAGE_SIZE) && addr < end && end <= area->span.end); /* VM1 */
	while (addr < end) {
		port_pte_t *pte = port_pte_of(addr);

		for (uintptr_t stop = area_run_end(addr, end); addr < stop; addr += PAGE_SIZE, pte++) {
			struct page *page = alloc_page(gfp);

			if (unlikely(!page))
				return addr;
			ASSERT(!port_pte_is_mapped(pte)); /* VM4 */
			port_pte_set(pte, addr, page_to_pfn(page), PORT_PROT_KERNEL);
		}
	}
	return addr;
}

static COLD void *give_up(struct vm_area *area, uintptr_t end, gfp_t gfp, const void *caller)
{
	size_t size_bytes = area->size_bytes;

	ASSERT(area->state == AREA_GROWING && end >= area->span.start && end < area_mapped_end(area));
	area_unmap_and_free(area, end);
	area_abandon(area);
	return area_refuse("vmalloc", size_bytes, gfp, caller, "no memory for all of its pages");
}

static ALWAYS_INLINE void *alloc_area(size_t size_bytes, size_t align, gfp_t gfp, const void *caller)
{
	const char *why = area_why_impossible(size_bytes, align);
	struct vm_area *area;
	bool is_begun;
	uintptr_t end;

	if (unlikely(area_is_refused_here()))
		return NULL;
	if (unlikely(size_bytes > KMALLOC_MAX_SIZE) && !why && !machine_has(size_bytes))
		why = "more than the machine has";
	if (unlikely(why))
		return area_refuse("impossible vmalloc", size_bytes, GFP_NOWAIT, caller, why);
	area = area_get(size_bytes, align, AREA_VMALLOC, gfp, caller, &why);
	if (unlikely(!area))
		return area_refuse("vmalloc", size_bytes, gfp, caller, why);
	is_begun = area_parts_begin();
	ASSERT(area->state == AREA_GROWING && area->kind == AREA_VMALLOC);
	ASSERT(IS_ALIGNED(area->span.start, align) && area_mapped_end(area) - area->span.start >= size_bytes);
	end = map_new_pages(area, gfp | __GFP_NOWARN);
	area_parts_end(is_begun);
	if (unlikely(end != area_mapped_end(area)))
		return give_up(area, end, gfp, caller);
	vmalloc_to_page((void *)area->span.start)->private = (uintptr_t)area;
	area_make_live(area);
	ASSERT(area_find_live((const void *)area->span.start) == area); /* VM6 */
	return (void *)area->span.start;
}

void *vmalloc(size_t size_bytes)
{
	return alloc_area(size_bytes, PAGE_SIZE, GFP_KERNEL | __GFP_HIGHMEM, RETURN_ADDRESS());
}

/* The pages are cleared through the area, all at once. */
static NOINLINE void *alloc_with(size_t size_bytes, size_t align, gfp_t gfp, const void *caller)
{
	gfp_t for_pages = gfp & ~(__GFP_ZERO | __GFP_COMP | __GFP_COLD | __GFP_MOVABLE | __GFP_RECLAIMABLE);
	void *addr;

	if (gfp_is_impossible(gfp))
		return area_refuse("impossible vmalloc", size_bytes, GFP_NOWAIT, caller,
				   gfp_why_impossible(gfp));
	if (gfp_zone_bits(gfp) == 0)
		for_pages |= __GFP_HIGHMEM;
	addr = alloc_area(size_bytes, align, for_pages, caller);
	if (addr && gfp_has(gfp, __GFP_ZERO))
		port_clear(addr, ALIGN_UP(size_bytes, PAGE_SIZE));
	return addr;
}

void *vzalloc(size_t size_bytes)
{
	return alloc_with(size_bytes, PAGE_SIZE, GFP_KERNEL | __GFP_ZERO, RETURN_ADDRESS());
}

void *__vmalloc(size_t size_bytes, gfp_t gfp)
{
	return alloc_with(size_bytes, PAGE_SIZE, gfp, RETURN_ADDRESS());
}

void *vmalloc_aligned(size_t size_bytes, size_t align, gfp_t gfp)
{
	return alloc_with(size_bytes, align, gfp, RETURN_ADDRESS());
}

/* --- vfree --- */

static void free_for(const void *addr, const void *caller)
{
	struct vm_area *area;

	if (!addr)
		return;
	area = area_find_live(addr);
	if (unlikely(!area)) {
		area_report_wrong_free("vfree", addr, caller, "the start of an area of vmalloc");
	} else if (area_context_is_atomic()) {
		area_defer(area, caller);
	} else {
		ASSERT(port_may_sleep() && area->kind == AREA_VMALLOC);
		area_let_go(area, caller);
		area_unmap_and_free(area, area_mapped_end(area));
		area_retire(area);
	}
}

void vfree(const void *addr)
{
	free_for(addr, RETURN_ADDRESS());
}

/* --- the one or the other --- */

static void *kvmalloc_for(size_t size_bytes, gfp_t gfp, const void *caller)
{
	bool may_map = size_bytes > PAGE_SIZE && gfp_has(gfp, __GFP_WAIT) && gfp_zone_bits(gfp) == 0 &&
		       !gfp_is_impossible(gfp);
	gfp_t easily = may_map ? (gfp & ~(__GFP_NOFAIL | __GFP_REPEAT)) | __GFP_NORETRY | __GFP_NOWARN : gfp;
	void *object = NULL;

	if (!may_map || size_bytes <= KMALLOC_MAX_SIZE)
		object = kmalloc_slow(size_bytes, easily, caller);
	return object || !may_map ? object : alloc_with(size_bytes, PAGE_SIZE, gfp, caller);
}

void *kvmalloc(size_t size_bytes, gfp_t gfp)
{
	return kvmalloc_for(size_bytes, gfp, RETURN_ADDRESS());
}

void *kvzalloc(size_t size_bytes, gfp_t gfp)
{
	return kvmalloc_for(size_bytes, gfp | __GFP_ZERO, RETURN_ADDRESS());
}

void *kvmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t size_bytes;

	if (__builtin_mul_overflow(n, size, &size_bytes))
		return NULL;
	return kvmalloc_for(size_bytes, gfp, RETURN_ADDRESS());
}

void *kvcalloc(size_t n, size_t size, gfp_t gfp)
{
	size_t size_bytes;

	if (__builtin_mul_overflow(n, size, &size_bytes))
		return NULL;
	return kvmalloc_for(size_bytes, gfp | __GFP_ZERO, RETURN_ADDRESS());
}

void kvfree(const void *addr)
{
	if (is_vmalloc_addr(addr))
		free_for(addr, RETURN_ADDRESS());
	else
		kfree(addr);
}

/* --- pages --- */

struct page *vmalloc_to_page(const void *addr)
{
	const port_pte_t *pte = is_vmalloc_addr(addr) ? port_pte_of((uintptr_t)addr) : NULL;
	pfn_t pfn;

	if (unlikely(!pte || !port_pte_is_mapped(pte)))
		return NULL;
	pfn = port_pte_pfn(pte);
	return pfn < mem_map_pages ? pfn_to_page(pfn) : NULL;
}

pfn_t vmalloc_to_pfn(const void *addr)
{
	const struct page *page = vmalloc_to_page(addr);

	return page ? page_to_pfn(page) : 0;
}
