/* SPDX-License-Identifier: MIT */
/* All memory lies in the direct map: no window is ever asked for. */
#pragma once

#include <kernel/lib/types.h>

#define PORT_KMAP_SLOTS	  1u
#define PORT_KMAP_NUMBERS 1u

static inline void *port_kmap_push(pfn_t pfn)
{
	(void)pfn;
	return NULL;
}

static inline bool port_kmap_pop(const void *addr)
{
	(void)addr;
	return false;
}

static inline void *port_kmap_take(unsigned int number, pfn_t pfn)
{
	(void)number;
	(void)pfn;
	return NULL;
}

static inline bool port_kmap_give(const void *addr)
{
	(void)addr;
	return false;
}
