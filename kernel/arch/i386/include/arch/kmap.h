/* SPDX-License-Identifier: MIT */
/* i386 part of <kernel/arch/kmap.h>; include that one. Slots are every second page of the fixmap. A PAE entry
 * is written high half first: it becomes valid with the low one. */
#pragma once

#include <kernel/arch/mmu.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define KMAP_SLOTS	 16u
#define KMAP_SLOT_SHIFT	 (PAGE_SHIFT + 1)
#define KMAP_ENTRY_FLAGS 0x063u /* present, writable, accessed, dirty */
#define KMAP_PRESENT	 0x001u

extern uint64_t mmu_fixmap_table[];
extern uint32_t mmu_nx_high; /* the no-execute bit in the high half of an entry, or 0 */

static inline volatile uint32_t *kmap_slot_pte(unsigned int slot)
{
	return (volatile uint32_t
			*)&mmu_fixmap_table[((MMU_FIXMAP_KMAP - MMU_FIXMAP_START) >> PAGE_SHIFT) + 2 * slot];
}

static inline void *kmap_slot_address(unsigned int slot)
{
	return (void *)(MMU_FIXMAP_KMAP + (slot << KMAP_SLOT_SHIFT));
}

static inline unsigned int kmap_slot_of(const void *addr)
{
	uintptr_t offset = (uintptr_t)addr - MMU_FIXMAP_KMAP;

	return offset >> KMAP_SLOT_SHIFT < KMAP_SLOTS ? (unsigned int)(offset >> KMAP_SLOT_SHIFT)
						      : KMAP_SLOTS;
}

static inline void kmap_slot_set(unsigned int slot, pfn_t pfn)
{
	volatile uint32_t *pte = kmap_slot_pte(slot);

	pte[1] = pfn >> (32 - PAGE_SHIFT) | mmu_nx_high;
	pte[0] = pfn << PAGE_SHIFT | KMAP_ENTRY_FLAGS;
}

static inline void kmap_slot_clear(unsigned int slot)
{
	__asm__ volatile("andl %1, %0\n\tinvlpg (%2)"
			 : "+m"(*kmap_slot_pte(slot))
			 : "i"(~KMAP_PRESENT), "r"(kmap_slot_address(slot))
			 : "cc", "memory");
}

static inline uint64_t kmap_slot_entry(unsigned int slot)
{
	volatile uint32_t *pte = kmap_slot_pte(slot);
	uint32_t low = pte[0];

	return (uint64_t)pte[1] << 32 | low;
}

static inline void kmap_slot_restore(unsigned int slot, uint64_t entry)
{
	volatile uint32_t *pte = kmap_slot_pte(slot);

	pte[1] = (uint32_t)(entry >> 32);
	pte[0] = (uint32_t)entry;
}
