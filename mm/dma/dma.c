/* SPDX-License-Identifier: MIT */
/* Masks, coherent memory, and the mappings that are not decided in place: those that are bounced, and those refused. */
#include <mm/dma/dma.h>

#include <kernel/lib/align.h>
#include <kernel/lib/assert.h>
#include <kernel/lib/errno.h>
#include <kernel/lib/string.h>
#include <mm/objects/above.h>
#include <mm/pages/page_alloc.h>

#define COHERENT_MAX_BYTES (PAGE_SIZE << MAX_PAGE_ORDER)

struct dma_reach dma_reach;

void dma_init(paddr_t dma_end, paddr_t image_end, size_t bounce_bytes)
{
	dma_reach.dma_end = dma_end;
	dma_reach.first = MIN((uintptr_t)ALIGN_UP(image_end, PAGE_SIZE), lowmem_bytes);
	dma_reach.bytes = lowmem_bytes - dma_reach.first;
	ASSERT(dma_end && dma_reach.first <= lowmem_bytes);
	dma_bounce_init(bounce_bytes);
}

/* --- masks --- */

static bool mask_is_usable(uint64_t mask)
{
	return mask >= dma_reach.dma_end - 1;
}

int dma_set_mask(struct device *dev, uint64_t mask)
{
	if (!mask_is_usable(mask))
		return -EIO;
	dev->dma_mask = mask;
	return 0;
}

int dma_set_coherent_mask(struct device *dev, uint64_t mask)
{
	if (!mask_is_usable(mask))
		return -EIO;
	dev->coherent_dma_mask = mask;
	return 0;
}

int dma_set_mask_and_coherent(struct device *dev, uint64_t mask)
{
	int error = dma_set_mask(dev, mask);

	return error ? error : dma_set_coherent_mask(dev, mask);
}

/* --- coherent memory --- */

static COLD void *refuse_coherent(const struct device *dev, size_t size, const void *caller)
{
	static struct ratelimit limit;
	char code[64];

	if (ratelimit_ok(&limit))
		port_print(
			PORT_WARN,
			"dma_alloc_coherent of %zu bytes for %s (mask %#llx) by %s: expected 1 to %lu, and a "
			"mask that reaches %#llx",
			size, dev->name, (unsigned long long)dev->coherent_dma_mask,
			port_code_name(caller, code, sizeof(code)), COHERENT_MAX_BYTES,
			(unsigned long long)dma_reach.dma_end - 1);
	return NULL;
}

static void *take(size_t size, gfp_t gfp)
{
	return size <= PAGE_SIZE ? (void *)__get_free_page(gfp) : alloc_pages_exact(size, gfp);
}

static void give(void *addr, size_t size)
{
	if (size <= PAGE_SIZE)
		free_page((unsigned long)addr);
	else
		free_pages_exact(addr, size);
}

/* Wherever it lies when the mask reaches all of low memory; else a try, and then the DMA zone. */
static void *take_within(uint64_t mask, size_t size, gfp_t gfp)
{
	bool reaches_all = mask >= lowmem_bytes - 1;
	void *addr = NULL;

	ASSERT(size && mask_is_usable(mask));
	if (reaches_all)
		return take(size, gfp);
	if (mask >= dma_reach.dma_end)
		addr = take(size, (gfp & ~GFP_PATIENCE) | __GFP_NOWARN);
	if (addr && virt_to_phys(addr) + size - 1 <= mask)
		return addr;
	if (addr)
		give(addr, size);
	return take(size, gfp | __GFP_DMA);
}

void *dma_alloc_coherent(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	void *addr;

	if (unlikely(size - 1 >= COHERENT_MAX_BYTES || !mask_is_usable(dev->coherent_dma_mask)))
		return refuse_coherent(dev, size, RETURN_ADDRESS());
	addr = take_within(dev->coherent_dma_mask, size, gfp & ~(__GFP_DMA | __GFP_HIGHMEM | __GFP_ZERO));
	if (!addr)
		return NULL;
	port_clear(addr, ALIGN_UP(size, PAGE_SIZE));
	*handle = virt_to_phys(addr);
	ASSERT(*handle + size - 1 <= dev->coherent_dma_mask && IS_ALIGNED(*handle, PAGE_SIZE)); /* DM1 */
	return addr;
}

void dma_free_coherent(struct device *dev, size_t size, void *addr, dma_addr_t handle)
{
	char code[64];

	if (!addr)
		return;
	if (unlikely(virt_to_phys(addr) != handle)) {
		port_print(
			PORT_ERR,
			"BUG: dma_free_coherent of %#lx for %s by %s: expected the handle %#llx, got %#llx",
			(unsigned long)addr, dev->name, port_code_name(RETURN_ADDRESS(), code, sizeof(code)),
			(unsigned long long)((uintptr_t)addr - (uintptr_t)port_direct_map()),
			(unsigned long long)handle);
		return;
	}
	ASSERT(size - 1 < COHERENT_MAX_BYTES && IS_ALIGNED(handle, PAGE_SIZE));
	give(addr, size);
}

/* --- streaming --- */

static COLD dma_addr_t refuse_address(const char *call, const struct device *dev, const void *ptr,
				      const void *caller)
{
	char what[160], code[64];

	if (!port_describe_address((uintptr_t)ptr, what, sizeof(what)) || virt_is_direct(ptr))
		(void)locate_phrase(ptr, what, sizeof(what));
	port_print(PORT_ERR,
		   "BUG: %s of %#lx for %s by %s: expected memory of the direct map that was handed out, "
		   "found %s",
		   call, (unsigned long)ptr, dev->name, port_code_name(caller, code, sizeof(code)), what);
	return DMA_MAPPING_ERROR;
}

static COLD dma_addr_t refuse_request(const char *call, const struct device *dev, size_t size,
				      unsigned int direction, const void *caller)
{
	char code[64];

	port_print(PORT_ERR,
		   "BUG: %s of %zu bytes, direction %u, for %s with mask %#llx by %s: expected a size, a "
		   "direction "
		   "and a mask that reaches %#llx",
		   call, size, direction, dev->name, (unsigned long long)dev->dma_mask,
		   port_code_name(caller, code, sizeof(code)), (unsigned long long)dma_reach.dma_end - 1);
	return DMA_MAPPING_ERROR;
}

static bool request_is_good(const struct device *dev, size_t size, unsigned int direction)
{
	return size && direction < DMA_NONE && mask_is_usable(dev->dma_mask);
}

/* DM1 */
static dma_addr_t map_physical(const struct device *dev, paddr_t from, size_t size,
			       enum dma_data_direction direction, const void *caller)
{
	dma_addr_t to;

	ASSERT(size && direction < DMA_NONE && mask_is_usable(dev->dma_mask));
	if (from + size - 1 <= dev->dma_mask)
		return from;
	to = dma_bounce_map(dev, from, size, direction, caller);
	ASSERT(to == DMA_MAPPING_ERROR || to + size - 1 <= dev->dma_mask); /* DM1 */
	return to;
}

/* Below the end of the kernel's image only what the allocator handed out is anybody's. */
static bool is_handed_out(const void *ptr)
{
	const struct page *head;

	ASSERT(virt_is_direct(ptr));
	if ((uintptr_t)ptr - (uintptr_t)port_direct_map() >= dma_reach.first)
		return true;
	head = page_find_head(virt_to_page(ptr));
	return head && head->state >= PAGE_ALLOCATED;
}

NOINLINE dma_addr_t dma_map_single_any(struct device *dev, const void *ptr, size_t size,
				       enum dma_data_direction direction)
{
	const void *caller = RETURN_ADDRESS();
	const char *last = (const char *)ptr + size - 1;
	paddr_t phys;

	if (!request_is_good(dev, size, direction))
		return refuse_request("dma_map_single", dev, size, direction, caller);
	if (is_guarded(ptr) && guard_phys(ptr, size, &phys))
		return map_physical(dev, phys, size, direction, caller);
	if (!virt_is_direct(ptr) || !is_handed_out(ptr))
		return refuse_address("dma_map_single", dev, ptr, caller);
	if (last < (const char *)ptr || !virt_is_direct(last))
		return refuse_address("dma_map_single", dev, last, caller);
	return map_physical(dev, (uintptr_t)ptr - (uintptr_t)port_direct_map(), size, direction, caller);
}

dma_addr_t dma_map_page(struct device *dev, const struct page *page, size_t offset, size_t size,
			enum dma_data_direction direction)
{
	const void *caller = RETURN_ADDRESS();

	if (!request_is_good(dev, size, direction))
		return refuse_request("dma_map_page", dev, size, direction, caller);
	if (!page_is_descriptor(page))
		return refuse_address("dma_map_page", dev, page, caller);
	return map_physical(dev, page_to_phys(page) + offset, size, direction, caller);
}

static bool is_bounced(dma_addr_t addr)
{
	return addr - dma_bounce.start < dma_bounce.bytes;
}

/* Also what was never mapped: DMA_MAPPING_ERROR. Addresses above 4 GiB are their own. */
NOINLINE void dma_unmap_any(struct device *dev, dma_addr_t addr, size_t size,
			    enum dma_data_direction direction)
{
	if (addr == DMA_MAPPING_ERROR)
		(void)refuse_request("dma_unmap of a mapping error", dev, size, direction, RETURN_ADDRESS());
	else if (is_bounced(addr))
		dma_bounce_unmap(dev, addr, size, direction, RETURN_ADDRESS());
}

void dma_sync_single_for_cpu(struct device *dev, dma_addr_t addr, size_t size,
			     enum dma_data_direction direction)
{
	if (is_bounced(addr))
		dma_bounce_sync(dev, addr, size, direction, true, RETURN_ADDRESS());
}

void dma_sync_single_for_device(struct device *dev, dma_addr_t addr, size_t size,
				enum dma_data_direction direction)
{
	if (is_bounced(addr))
		dma_bounce_sync(dev, addr, size, direction, false, RETURN_ADDRESS());
}

/* --- scatter lists --- */

void dma_unmap_sg(struct device *dev, struct scatterlist *sg, int nr, enum dma_data_direction direction)
{
	ASSERT(nr >= 0 && direction < DMA_NONE);
	while (nr-- > 0)
		dma_unmap_page(dev, sg[nr].dma_address, sg[nr].dma_length, direction);
}

int dma_map_sg(struct device *dev, struct scatterlist *sg, int nr, enum dma_data_direction direction)
{
	ASSERT(nr >= 0);
	for (int i = 0; i < nr; i++) {
		sg[i].dma_address = dma_map_page(dev, sg[i].page, sg[i].offset, sg[i].length, direction);
		sg[i].dma_length = sg[i].length;
		if (dma_mapping_error(dev, sg[i].dma_address)) {
			dma_unmap_sg(dev, sg, i, direction);
			return 0;
		}
	}
	return nr;
}
