/* SPDX-License-Identifier: MIT */
/* What this room asks of the one above it: pages of programs are reclaim's, but who sees them is written in their page tables
 * (aspace/anon.c). Each page is locked, held by the caller, and in no list of lru. Context: process. */
#pragma once

#include <mm/cache/evict.h>

/* GONE, USED, CLEAN or ANON. */
enum evict_state anon_look(struct page *page);

/* As CLEAN: its slot has it. Result: is it given up? */
bool anon_drop(struct page *page);

/* As ANON: it becomes a dirty page of the swap cache. Result: false: it did not, for there is no slot, or it was used. */
bool anon_swap_out(struct page *page);
