/* SPDX-License-Identifier: MIT */
/* Early allocation as the books spell it. State: the two borders, constant after bootmem_init(). */
#include <mm/early/bootmem.h>

#include <kernel/lib/assert.h>
#include <mm/port.h>

#define LINE_BYTES 64u

static struct {
	paddr_t dma_end, lowmem_end;
} bootmem;

void bootmem_init(paddr_t dma_end, paddr_t lowmem_end)
{
	ASSERT(dma_end % PAGE_SIZE == 0 && lowmem_end);
	bootmem.dma_end = dma_end;
	bootmem.lowmem_end = lowmem_end;
}

/* Above the DMA zone if there is room, else anywhere. */
static void *alloc_normal(uint64_t size_bytes, uint64_t align)
{
	void *mem = memblock_alloc(size_bytes, align, bootmem.dma_end, bootmem.lowmem_end);

	return mem ? mem : memblock_alloc(size_bytes, align, 0, bootmem.lowmem_end);
}

static void *must_have(void *mem, uint64_t size_bytes)
{
	if (!mem && memblock_is_handed_over())
		port_panic("alloc_bootmem: no %llu bytes, early memory was handed over",
			   (unsigned long long)size_bytes);
	if (!mem)
		port_refuse("alloc_bootmem: no %llu bytes in one piece left below %#llx",
			    (unsigned long long)size_bytes, (unsigned long long)bootmem.lowmem_end);
	return mem;
}

void *alloc_bootmem(uint64_t size_bytes)
{
	return must_have(alloc_normal(size_bytes, LINE_BYTES), size_bytes);
}

void *alloc_bootmem_pages(uint64_t size_bytes)
{
	return must_have(alloc_normal(size_bytes, PAGE_SIZE), size_bytes);
}

void *alloc_bootmem_low(uint64_t size_bytes)
{
	return must_have(memblock_alloc(size_bytes, LINE_BYTES, 0, bootmem.dma_end), size_bytes);
}

void *alloc_bootmem_low_pages(uint64_t size_bytes)
{
	return must_have(memblock_alloc(size_bytes, PAGE_SIZE, 0, bootmem.dma_end), size_bytes);
}

void *alloc_bootmem_nopanic(uint64_t size_bytes)
{
	return alloc_normal(size_bytes, LINE_BYTES);
}

void *alloc_bootmem_pages_nopanic(uint64_t size_bytes)
{
	return alloc_normal(size_bytes, PAGE_SIZE);
}

void free_bootmem(paddr_t start, uint64_t size_bytes)
{
	memblock_free(start, size_bytes);
}
