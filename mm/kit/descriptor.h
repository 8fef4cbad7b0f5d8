/* SPDX-License-Identifier: MIT */
/* Descriptors by address: mm's own for the direct map, one of zeros for every other address. */
#pragma once

#include <kernel/lib/types.h>

#define PORT_DESCRIPTOR_BYTES (sizeof(void *) == 4 ? 32u : 56u)

struct kit_descriptors {
	const char *first;
	uintptr_t nr;
};

extern struct kit_descriptors kit_descriptors; /* constant after port_map_descriptors() */
extern const char kit_no_descriptor[64];

static inline bool port_has_descriptor(const void *addr)
{
	return (uintptr_t)addr >= (uintptr_t)port_direct_map();
}

static inline const void *port_descriptor(const void *addr)
{
	uintptr_t number = ((uintptr_t)addr - (uintptr_t)port_direct_map()) >> PAGE_SHIFT;

	return number < kit_descriptors.nr ? kit_descriptors.first + number * PORT_DESCRIPTOR_BYTES
					   : kit_no_descriptor;
}
