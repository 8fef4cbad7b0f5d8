/* SPDX-License-Identifier: MIT */
/* The chain of describers: written at boot, read in any context, perhaps in the middle of a fault. The number
 * grows after its entry is there. */
#include <kernel/core/address.h>

#include <kernel/lib/assert.h>

static struct {
	address_describer_t describer[ADDRESS_MAX_DESCRIBERS];
	unsigned int nr;
} address;

void address_add_describer(address_describer_t describe)
{
	BUG_ON(address.nr == ADDRESS_MAX_DESCRIBERS);
	address.describer[address.nr] = describe;
	WRITE_ONCE(address.nr, address.nr + 1);
}

bool address_describe(uintptr_t addr, char *buf, size_t size)
{
	buf[0] = '\0';
	for (unsigned int i = 0; i < READ_ONCE(address.nr); i++)
		if (address.describer[i](addr, buf, size))
			return true;
	return false;
}
