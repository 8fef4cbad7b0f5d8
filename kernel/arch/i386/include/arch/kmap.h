/* SPDX-License-Identifier: MIT */
/* i386 part of <kernel/arch/kmap.h>; include that one. Windows are every second page of the middle of a CPU's
 * per-CPU memory. A PAE
 * entry is written high half first: it becomes valid with the low one. Of the high half only the lowest byte
 * differs from page to page, mmu_init() wrote the rest. */
#pragma once

#include <kernel/arch/mmu.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define KMAP_SLOTS	 16u
#define KMAP_STEP	 (2 * PAGE_SIZE)	       /* from window to window */
#define KMAP_START	 (MMU_PERCPU_START + 0x80000u) /* CPU 0's */
#define KMAP_END	 (KMAP_START + KMAP_SLOTS * KMAP_STEP)
#define KMAP_FULL_BIT	 (KMAP_SLOTS * KMAP_STEP) /* of an address: set in KMAP_END, in no window before it */
#define KMAP_NUMBERS	 16u			  /* windows behind those, for whoever wants a certain one */
#define KMAP_ALL_END	 (KMAP_END + KMAP_NUMBERS * KMAP_STEP)
#define KMAP_ENTRY_FLAGS 0x063u /* present, writable, accessed, dirty */
#define KMAP_PRESENT	 0x001u

STATIC_ASSERT(!(KMAP_START & (2 * KMAP_FULL_BIT - 1)), "the bit says whether all are taken");

/* The two halves of the entry of the page at addr: tables of neighbours are neighbours there. */
static inline volatile uint32_t *kmap_entry_halves(uintptr_t addr)
{
	return (volatile uint32_t *)(MMU_FIXMAP_TABLES - (MMU_PERCPU_START >> 9) + (addr >> 9));
}

static inline void kmap_window_map(uintptr_t addr, pfn_t pfn)
{
	volatile uint32_t *half = kmap_entry_halves(addr);
	uint32_t turned = pfn << PAGE_SHIFT | pfn >> (32 - PAGE_SHIFT); /* the high half comes out below */

	*(volatile uint8_t *)&half[1] = (uint8_t)turned;
	half[0] = (turned & ~0xffu) | KMAP_ENTRY_FLAGS;
}

static inline bool kmap_window_clear(uintptr_t addr, const void *inside)
{
	bool was_present;

	__asm__ volatile("btrl $0, %1" : "=@ccc"(was_present), "+m"(*kmap_entry_halves(addr)));
	if (was_present)
		__asm__ volatile("invlpg (%0)" : : "r"(inside) : "memory");
	return was_present;
}

/* Flushed even when nothing was mapped: who cleared it may have been stopped before its flush. */
static inline void kmap_window_drop(uintptr_t addr)
{
	*kmap_entry_halves(addr) &= ~KMAP_PRESENT;
	mmu_flush_page(addr);
}

static inline uint64_t kmap_window_entry(uintptr_t addr)
{
	volatile uint32_t *half = kmap_entry_halves(addr);
	uint32_t low = half[0];

	return (uint64_t)half[1] << 32 | low;
}

static inline void kmap_window_restore(uintptr_t addr, uint64_t entry)
{
	volatile uint32_t *half = kmap_entry_halves(addr);

	half[1] = (uint32_t)(entry >> 32);
	half[0] = (uint32_t)entry;
}
