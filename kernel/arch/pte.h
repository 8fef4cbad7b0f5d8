/* SPDX-License-Identifier: MIT */
/* Entries of the kernel's page tables one after the other: for whoever maps and unmaps many pages in one go.
 * Entries of neighbouring pages are neighbours as far as one page table reaches (MMU_TABLE_SPAN).
 *
 * Inline, from <arch/pte.h>:
 *   pte_of(addr)             the entry for addr; NULL where there is no page table
 *   pte_set(pte, pfn, prot)  maps a page, with one of PTE_KERNEL, PTE_KERNEL_RO, PTE_KERNEL_IO; it was empty
 *   pte_clear(pte)           unmaps it, without a flush; result: its page number
 *   pte_is_mapped(pte), pte_pfn(pte)
 * Context: any; an entry belongs to who owns the address. */
#pragma once

#include <arch/pte.h>
