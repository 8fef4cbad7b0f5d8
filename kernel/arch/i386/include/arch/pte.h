/* SPDX-License-Identifier: MIT */
/* i386 part of <kernel/arch/pte.h>; include that one. A PAE entry is two words: it becomes valid and invalid
 * with the low one. Entries are never executable where the CPU has NX. */
#pragma once

#include <kernel/arch/mmu.h>
#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

#define PTE_KERNEL    0x163u /* present, writable, accessed, dirty, global */
#define PTE_KERNEL_RO 0x161u
#define PTE_KERNEL_IO 0x17bu /* not cached */

extern uint64_t mmu_kernel_pd[];
extern uint32_t mmu_nx_high; /* the no-execute bit in the high half of an entry, or 0 */

static inline uint64_t *pte_of(uintptr_t addr)
{
	uint32_t pde = (uint32_t)mmu_kernel_pd[(addr - MMU_DIRECT_MAP_BASE) / MMU_TABLE_SPAN];

	if ((pde & 0x81u) != 0x01u) /* present, and no large page */
		return NULL;
	return (uint64_t *)(MMU_DIRECT_MAP_BASE + (pde & PAGE_MASK)) + addr / PAGE_SIZE % 512;
}

static inline void pte_set(uint64_t *pte, pfn_t pfn, uint32_t prot)
{
	volatile uint32_t *half = (volatile uint32_t *)pte;

	half[1] = pfn >> (32 - PAGE_SHIFT) | mmu_nx_high;
	half[0] = pfn << PAGE_SHIFT | prot;
}

static inline bool pte_is_mapped(const uint64_t *pte)
{
	return *(const volatile uint32_t *)pte & 1u;
}

static inline pfn_t pte_pfn(const uint64_t *pte)
{
	const volatile uint32_t *half = (const volatile uint32_t *)pte;

	return half[0] >> PAGE_SHIFT | half[1] << (32 - PAGE_SHIFT);
}

static inline pfn_t pte_clear(uint64_t *pte)
{
	pfn_t pfn = pte_pfn(pte);

	*(volatile uint32_t *)pte = 0;
	return pfn;
}
