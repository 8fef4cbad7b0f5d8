/* SPDX-License-Identifier: MIT */
/* The kernel's gigabyte of virtual memory.
 *
 *   0xC0000000 + p   direct map of physical p < end of low memory, 2 MiB pages; the 2 MiB that hold the
 * kernel image are split: text R-X, read-only data R--, everything else RW- (no-execute when the CPU has NX)
 *   above            vmalloc and the like, from 8 MiB behind the direct map on (rounded up to 2 MiB)
 *   0xFD000000       per-CPU data, 1 MiB of addresses for each of MMU_PERCPU_UNITS CPUs, see percpu.h
 *   0xFE000000       16 MiB of thread stacks: each above a page that is never mapped
 *   0xFF000000       permanent windows for high memory
 *   0xFF600000       8 MiB: page descriptors by virtual address, read-only, see port_map_descriptors()
 *   0xFFE00000       fixmap: pages at addresses known at compile time, windows for high memory among them;
 * the last page of all stays unmapped
 *
 * One page directory covers it all and is shared by every address space. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define MMU_DIRECT_MAP_BASE 0xC0000000u
#define MMU_VMALLOC_HOLE    MIB(8u) /* never mapped, behind the direct map */
#define MMU_VMALLOC_END	    MMU_PERCPU_START
#define MMU_PERCPU_START    0xFD000000u
#define MMU_PERCPU_UNIT	    MIB(1u)
#define MMU_PERCPU_UNITS    16u
#define MMU_STACKS_START    0xFE000000u
#define MMU_STACKS_END	    0xFF000000u
#define MMU_WINDOWS_START   0xFF000000u
#define MMU_PAGES_START	    0xFF600000u
#define MMU_PAGES_END	    0xFFE00000u
#define MMU_FIXMAP_START    0xFFE00000u
#define MMU_FIXMAP_APIC	    (MMU_FIXMAP_START + PAGE_SIZE)
#define MMU_FIXMAP_FIRMWARE (MMU_FIXMAP_START + 2 * PAGE_SIZE)
#define MMU_FIXMAP_TABLES   (MMU_FIXMAP_START + 0x10000u) /* the page tables of per-CPU data, for kmap.h */
#define MMU_TABLE_SPAN	    0x200000u /* of virtual memory that one page table describes */

/* Zone borders, bytes: the most the direct map can hold, and the reach of the oldest DMA device. */
uint64_t mmu_lowmem_max_bytes(void);
paddr_t mmu_dma_end(void);

/* Gives up the direct map beyond lowmem_end (rounded up to 2 MiB), sets the permissions of the image and
 * takes the guard pages below the stacks away. Boot, once. */
void mmu_init(paddr_t lowmem_end);

/* The windows of the CPU of that number (kmap.h), which has its per-CPU data. Boot. */
void mmu_windows_init(unsigned int cpu);

/* What a CPU that is started loads before it reaches the kernel, which it then has at its physical address, too. ap.asm knows
 * the members. And the rest, on that CPU: the kernel's directory alone. Boot. */
struct mmu_start {
	uint64_t top[4]; /* must lie at a multiple of 32, below 4 GiB */
	uint32_t cr0, cr4, has_nx;
};
void mmu_start_fill(struct mmu_start *start);
void mmu_join(void);

/* After the last __init call: the pages of .init lose their execute permission and become plain memory.
 * Result: their physical range, for the allocator. */
void mmu_release_init(paddr_t *start, paddr_t *end);

/* Copies bytes that the direct map need not hold, a firmware's table, page by page through one window. They are
 * no device's registers: the caller knows. Result: false before mmu_init(). Context: boot. */
bool mmu_read_physical(paddr_t paddr, void *to, size_t size) MUST_CHECK;

/* The image in physical memory, .init included. */
void mmu_image_range(paddr_t *start, paddr_t *end);

/* The stack whose guard page holds addr ("boot stack"), or NULL. Context: any. */
const char *mmu_guard_name(uintptr_t addr);

/* Who knows the guard pages in the area of thread stacks; answers for any address there, in any context. */
void mmu_set_guard_namer(const char *(*namer)(uintptr_t addr));

/* For address_add_describer(): page 0, guard pages, parts of the image. Context: any. */
bool mmu_describe(uintptr_t addr, char *buf, size_t size);

enum mmu_prot {
	MMU_READ = 0, /* always */
	MMU_WRITE = 1,
	MMU_EXEC = 2,
	MMU_UNCACHED = 4,
};

struct mmu_mapping {
	paddr_t paddr; /* of the byte asked for */
	unsigned int prot;
	uint32_t page_size; /* bytes */
};

/* What kernel address `addr` maps to. Result: false when it is not mapped. Context: any. */
bool mmu_lookup(uintptr_t addr, struct mmu_mapping *mapping);

bool mmu_is_mapped(uintptr_t addr);

/* Is there a page table for addr, so that mmu_map_page() works? */
bool mmu_has_table(uintptr_t addr);

/* Physical address of that page table, or 0. What it says may be old a moment later. Context: any. */
paddr_t mmu_table(uintptr_t addr);

/* Makes the page at `table` the page table of the MMU_TABLE_SPAN around addr, which must have none. The page
 * lies in the direct map and holds zeros; it is the paging code's from now on. */
void mmu_set_table(uintptr_t addr, paddr_t table);

/* Takes the page table of the MMU_TABLE_SPAN around addr away, if there is one: nothing is mapped there. The
 * CPU may go on using it until mmu_flush_all(). Result: its physical address, or 0. */
paddr_t mmu_take_table(uintptr_t addr);

/* One 4 KiB page in a part of the kernel's gigabyte that has a page table. Result: false when it has none.
 * The caller owns the address; mapping over something else needs a flush, mmu_unmap_page() flushes itself. */
bool mmu_map_page(uintptr_t addr, paddr_t paddr, unsigned int prot) MUST_CHECK;
bool mmu_unmap_page(uintptr_t addr);

/* The same without the flush: the CPU may remember the page until one. */
bool mmu_clear_page(uintptr_t addr);

void mmu_flush_page(uintptr_t addr);
void mmu_flush_all(void);
