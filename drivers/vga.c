/* SPDX-License-Identifier: MIT */
/* VGA text mode. The screen is an array of cells, character and colour, at a fixed address in the direct map;
 * the hardware cursor follows once a call. The screen counts as present when a cell keeps two patterns and
 * the CRT controller's cursor register answers; without one nothing is registered.
 *
 * V1 row < ROWS and column <= COLUMNS; a line break is due when column == COLUMNS and another character
 *    comes.
 * V2 Cells are read and written as whole 16-bit volatile words.
 *
 * Lock: none; printk calls with interrupts off. */
#include <drivers/vga.h>

#include <kernel/arch/io.h>
#include <kernel/arch/mmu.h>
#include <kernel/core/console.h>

#define SCREEN	     ((volatile uint16_t *)(MMU_DIRECT_MAP_BASE + 0xB8000u))
#define COLUMNS	     80u
#define ROWS	     25u
#define TAB	     8u
#define GREY	     0x0700u
#define CRT_INDEX    0x3d4
#define CRT_DATA     0x3d5
#define CURSOR_START 0x0a
#define CURSOR_HIGH  0x0e
#define CURSOR_LOW   0x0f

static struct {
	unsigned int row, column;
	bool present;
	struct console console;
} vga;

static void crt_write(uint8_t index, uint8_t value)
{
	outb(CRT_INDEX, index);
	outb(CRT_DATA, value);
}

static uint8_t crt_read(uint8_t index)
{
	outb(CRT_INDEX, index);
	return inb(CRT_DATA);
}

static bool cell_keeps(uint16_t pattern)
{
	SCREEN[0] = pattern;
	return SCREEN[0] == pattern;
}

static bool cursor_keeps(uint8_t pattern)
{
	crt_write(CURSOR_LOW, pattern);
	return crt_read(CURSOR_LOW) == pattern;
}

static void cells_clear(unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++)
		SCREEN[i] = GREY | ' ';
}

static void screen_scroll(void)
{
	for (unsigned int i = 0; i < (ROWS - 1) * COLUMNS; i++)
		SCREEN[i] = SCREEN[i + COLUMNS];
	cells_clear((ROWS - 1) * COLUMNS, ROWS * COLUMNS);
}

static void cursor_down(void)
{
	vga.column = 0;
	if (vga.row + 1 < ROWS)
		vga.row++;
	else
		screen_scroll();
}

static void cursor_show(void)
{
	unsigned int at = vga.row * COLUMNS + (vga.column < COLUMNS ? vga.column : COLUMNS - 1);

	crt_write(CURSOR_HIGH, (uint8_t)(at >> 8));
	crt_write(CURSOR_LOW, (uint8_t)at);
}

static void glyph_put(char c)
{
	if (vga.column == COLUMNS)
		cursor_down();
	SCREEN[vga.row * COLUMNS + vga.column++] = (uint16_t)(GREY | (unsigned char)c);
}

static void char_put(char c)
{
	switch (c) {
	case '\n':
		cursor_down();
		break;
	case '\r':
		vga.column = 0;
		break;
	case '\t':
		vga.column = (vga.column / TAB + 1) * TAB;
		if (vga.column > COLUMNS)
			vga.column = COLUMNS;
		break;
	case '\b':
		if (vga.column != 0)
			vga.column--;
		break;
	default:
		glyph_put(c);
	}
}

static void vga_write(struct console *con, const char *text, size_t len)
{
	(void)con;
	for (size_t i = 0; i < len; i++)
		char_put(text[i]);
	cursor_show();
}

bool vga_init(void)
{
	if (vga.present)
		return true;
	if (!cell_keeps(0x55aa) || !cell_keeps(0xaa55) || !cursor_keeps(0x35) || !cursor_keeps(0x4a))
		return false;
	vga.present = true;
	cells_clear(0, ROWS * COLUMNS);
	crt_write(CURSOR_START, 0x0e);
	cursor_show();
	vga.console = (struct console){.name = "vga", .write = vga_write};
	console_register(&vga.console);
	return true;
}
