/* SPDX-License-Identifier: MIT */
#include <tests/kernel/fault.h>

#include <kernel/arch/trap.h>

#define VECTOR_PAGE 14

static void read_byte(void *addr)
{
	(void)*(const volatile char *)addr;
}

static void write_byte(void *addr)
{
	*(volatile char *)addr = 1;
}

static bool faults(void (*touch)(void *), void *addr)
{
	struct trap_info info;

	return trap_expect(touch, addr, &info) && info.vector == VECTOR_PAGE &&
	       info.fault_address == (uintptr_t)addr;
}

bool read_faults(const void *addr)
{
	return faults(read_byte, (void *)addr);
}

bool write_faults(void *addr)
{
	return faults(write_byte, addr);
}
