/* SPDX-License-Identifier: MIT */
/* What descriptor.h looks at. */
#include <mm/port.h>

struct kit_descriptors kit_descriptors;
const char kit_no_descriptor[64] __aligned(8);

STATIC_ASSERT(sizeof(kit_no_descriptor) >= PORT_DESCRIPTOR_BYTES, "a descriptor of zeros is a whole one");

void port_map_descriptors(const void *first, size_t size_bytes)
{
	kit_descriptors.first = first;
	kit_descriptors.nr = size_bytes / PORT_DESCRIPTOR_BYTES;
}
