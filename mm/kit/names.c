/* SPDX-License-Identifier: MIT */
/* A kernel without a symbol table, and without names for what is its own. */
#include <kernel/lib/format.h>
#include <mm/port.h>

const char *port_code_name(const void *ip, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%#lx", (unsigned long)(uintptr_t)ip);
	return buf;
}

bool port_describe_address(uintptr_t addr, char *buf, size_t size)
{
	(void)addr;
	(void)buf;
	(void)size;
	return false;
}

unsigned int port_backtrace(const void **frame, unsigned int max)
{
	(void)frame;
	(void)max;
	return 0;
}

const char *port_task_name(void)
{
	return "kernel";
}

unsigned int port_debug_level(void)
{
	return DEBUG_LEVEL;
}
