/* SPDX-License-Identifier: MIT */
/* Lines of the CPU's cache under the names the books use. */
#pragma once

#include <kernel/lib/round.h>
#include <mm/objects/slab.h>

#define L1_CACHE_SHIFT	      6
#define L1_CACHE_BYTES	      CACHE_LINE_BYTES
#define SMP_CACHE_BYTES	      L1_CACHE_BYTES
#define L1_CACHE_ALIGN(size)  ALIGN_UP(size, L1_CACHE_BYTES)
#define ____cacheline_aligned __aligned(L1_CACHE_BYTES)
#define __cacheline_aligned   __aligned(L1_CACHE_BYTES)
#define __read_mostly

STATIC_ASSERT(1u << L1_CACHE_SHIFT == L1_CACHE_BYTES, "a shift and its size");
