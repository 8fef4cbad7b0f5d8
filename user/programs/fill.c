/* SPDX-License-Identifier: MIT */
/* fill FILE KIB [check]: writes so much of a pattern to it and reads it back; check: reads only. Ends with 4 when there
 * is no more room, or memory. */
#include <user/programs/lib.h>

#define WORDS (PAGE / 4)

static uint32_t page[WORDS];

static void fill(long file, unsigned long nr_pages)
{
	for (uint32_t n = 0; n < nr_pages; n++) {
		long nr;

		for (uint32_t i = 0; i < WORDS; i++)
			page[i] = pattern(n, i);
		nr = write(file, page, PAGE);
		if (nr != (long)PAGE) {
			say("fill: ", decimal(n), " pages were written, then: error ",
			    decimal(nr < 0 ? (unsigned long)-nr : 0), NULL);
			exit(4);
		}
	}
}

static void check(long file, unsigned long nr_pages)
{
	if (lseek(file, 0, SEEK_FROM_START) != 0)
		fail("fill: cannot go back", -22);
	for (uint32_t n = 0; n < nr_pages; n++) {
		long nr = read(file, page, PAGE);

		if (nr != (long)PAGE)
			fail("fill: cannot read", nr);
		for (uint32_t i = 0; i < WORDS; i++)
			if (page[i] != pattern(n, i)) {
				say("fill: page ", decimal(n), ", word ", decimal(i), " is ", hex(page[i]),
				    NULL);
				exit(2);
			}
	}
}

int main(int argc, char *argv[])
{
	unsigned long nr_pages = argc > 2 ? (number(argv[2]) + 3) / 4 : 0;
	long file = argc > 2 ? open(argv[1], O_BOTH | O_CREATE, 0644) : -22;

	if (file < 0)
		fail("fill: cannot open", file);
	if (argc < 4)
		fill(file, nr_pages);
	check(file, nr_pages);
	return 0;
}
