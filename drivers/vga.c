/* SPDX-License-Identifier: MIT */
/* VGA text mode. The screen is an array of cells, character and colour, at a fixed address in the direct map;
 * the hardware cursor follows once a call. The screen counts as present when a cell keeps two patterns and
 * the CRT controller's cursor register answers; without one nothing is registered.
 *
 * V1 top <= row < VGA_ROWS and column <= VGA_COLUMNS; a line break is due when column == VGA_COLUMNS and another
 *    character comes.
 * V2 Cells are read and written as whole 16-bit volatile words.
 * V3 Rows below `top` belong to vga_draw(), the others to the console.
 *
 * Lock: consoles_lock(); printk calls so. */
#include <drivers/vga.h>

#include <kernel/arch/io.h>
#include <kernel/arch/irqflags.h>
#include <kernel/arch/mmu.h>
#include <kernel/core/console.h>

#define SCREEN	     ((volatile uint16_t *)(MMU_DIRECT_MAP_BASE + 0xB8000u))
#define TAB	     8u
#define GREY	     0x0700u
#define CRT_INDEX    0x3d4
#define CRT_DATA     0x3d5
#define CURSOR_START 0x0a
#define CURSOR_HIGH  0x0e
#define CURSOR_LOW   0x0f

static struct {
	unsigned int row, column;
	unsigned int top; /* rows of the picture: V3 */
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
	for (unsigned int i = vga.top * VGA_COLUMNS; i < (VGA_ROWS - 1) * VGA_COLUMNS; i++)
		SCREEN[i] = SCREEN[i + VGA_COLUMNS];
	cells_clear((VGA_ROWS - 1) * VGA_COLUMNS, VGA_ROWS * VGA_COLUMNS);
}

static void cursor_down(void)
{
	vga.column = 0;
	if (vga.row + 1 < VGA_ROWS)
		vga.row++;
	else
		screen_scroll();
}

static void cursor_show(void)
{
	unsigned int at = vga.row * VGA_COLUMNS + (vga.column < VGA_COLUMNS ? vga.column : VGA_COLUMNS - 1);

	crt_write(CURSOR_HIGH, (uint8_t)(at >> 8));
	crt_write(CURSOR_LOW, (uint8_t)at);
}

static void glyph_put(char c)
{
	if (vga.column == VGA_COLUMNS)
		cursor_down();
	SCREEN[vga.row * VGA_COLUMNS + vga.column++] = (uint16_t)(GREY | (unsigned char)c);
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
		if (vga.column > VGA_COLUMNS)
			vga.column = VGA_COLUMNS;
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
	cells_clear(0, VGA_ROWS * VGA_COLUMNS);
	crt_write(CURSOR_START, 0x0e);
	cursor_show();
	vga.console = (struct console){.name = "vga", .write = vga_write};
	console_register(&vga.console);
	return true;
}

bool vga_is_present(void)
{
	return vga.present;
}

void vga_set_picture(unsigned int nr_rows)
{
	irqflags_t flags = consoles_lock();

	if (vga.present && nr_rows < VGA_ROWS) {
		cells_clear(0, (nr_rows > vga.top ? nr_rows : vga.top) * VGA_COLUMNS);
		vga.top = nr_rows;
		if (vga.row < nr_rows) {
			vga.row = nr_rows;
			vga.column = 0;
		}
		cursor_show();
	}
	consoles_unlock(flags);
}

void vga_draw(unsigned int row, unsigned int column, uint8_t glyph, unsigned int colour)
{
	irqflags_t flags = consoles_lock();

	if (row < vga.top && column < VGA_COLUMNS)
		SCREEN[row * VGA_COLUMNS + column] = (uint16_t)(colour << 8 | glyph);
	consoles_unlock(flags);
}
