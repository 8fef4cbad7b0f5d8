/* SPDX-License-Identifier: MIT */
/* No thread may be killed for its memory. */
#include <mm/port.h>

enum port_victim port_kill_victim(bool is_overdue, char *name, size_t *nr_pages)
{
	(void)is_overdue;
	(void)name;
	(void)nr_pages;
	return PORT_NO_VICTIM;
}

bool port_is_killed(void)
{
	return false;
}
