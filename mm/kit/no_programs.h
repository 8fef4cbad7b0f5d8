/* SPDX-License-Identifier: MIT */
/* No programs with page tables of their own. */
#pragma once

struct port_space {
	char nothing;
};

typedef char port_entry_t;

#define PORT_USER_START 0u
#define PORT_USER_END	0u
