/* SPDX-License-Identifier: MIT */
/* The PC's text screen, 80 columns by 25 lines at physical 0xb8000, seen through the direct map. */
#pragma once

#include <kernel/lib/types.h>

enum vga_colour {
	VGA_BLACK,
	VGA_BLUE,
	VGA_GREEN,
	VGA_CYAN,
	VGA_RED,
	VGA_MAGENTA,
	VGA_BROWN,
	VGA_GREY,
	VGA_BRIGHT, /* added to one of these */
};

#define VGA_COLUMNS 80u
#define VGA_ROWS    25u

/* Looks for a screen in text mode, clears it and registers it as a console. Needs the direct map.
 * Result: is it there. Context: boot. */
bool vga_init(void);

bool vga_is_present(void);

/* The uppermost rows, fewer than all, are for vga_draw() from now on, and cleared; the console goes on below them. 0: it
 * has the whole screen again. Context: any. */
void vga_set_picture(unsigned int nr_rows);

/* One cell of the picture; what lies outside is left alone. Code page 437. Context: any. */
void vga_draw(unsigned int row, unsigned int column, uint8_t glyph, unsigned int colour);
