/* SPDX-License-Identifier: MIT */
/* Ports, and registers that lie in memory: the delay port, and the VGA's text screen, whose last character is written with
 * what was read there. */
#include <asm/io.h>
#include <asm/system.h>
#include <linux/io.h>
#include <linux/types.h>

#include <tests/kernel/books/books.h>

#define DELAY_PORT   0x80
#define SCREEN	     0xb8000
#define SCREEN_BYTES 0x1000

int registers_try(void)
{
	void __iomem *screen;
	u8 last, copy[2];
	u16 both;

	outb(0, DELAY_PORT);
	wmb();
	(void)inb(DELAY_PORT);
	rmb();
	screen = ioremap_nocache(SCREEN, SCREEN_BYTES);
	AS_THE_BOOK_SAYS(screen);
	last = ioread8((char *)screen + 3998);
	iowrite8(last, (char *)screen + 3998);
	mb();
	both = readw((char *)screen + 3998);
	memcpy_fromio(copy, (char *)screen + 3998, sizeof(copy));
	iounmap(screen);
	AS_THE_BOOK_SAYS((both & 0xff) == copy[0] && both >> 8 == copy[1]);
	AS_THE_BOOK_SAYS(phys_to_virt(virt_to_phys(&registers_try)) == (void *)&registers_try);
	AS_THE_BOOK_SAYS(bus_to_virt(virt_to_bus(&registers_try)) == (void *)&registers_try);
	return 0;
}
