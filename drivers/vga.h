/* SPDX-License-Identifier: MIT */
/* The PC's text screen, 80 columns by 25 lines at physical 0xb8000, seen through the direct map. */
#pragma once

#include <kernel/lib/types.h>

/* Looks for a screen in text mode, clears it and registers it as a console. Needs the direct map.
 * Result: is it there. Context: boot. */
bool vga_init(void);
