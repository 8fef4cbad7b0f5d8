/* SPDX-License-Identifier: MIT */
/* same FILE: is what read() gives what mmap shows, in one piece and from each page on, and 0 behind it? What is written
 * to a private page stays there. */
#include <user/programs/lib.h>

static uint8_t bytes[16 * PAGE];

static void expect_same(const char *what, const uint8_t *found, const uint8_t *wanted, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (found[i] != wanted[i]) {
			say("same: ", what, ": byte ", decimal(i), " is ", hex(found[i]), ", expected ",
			    hex(wanted[i]), NULL);
			exit(2);
		}
}

int main(int argc, char *argv[])
{
	long file = argc > 1 ? open(argv[1], O_READ, 0) : -22;
	long nr = file < 0 ? file : read(file, bytes, sizeof(bytes));
	size_t size = ((size_t)nr + PAGE - 1) & ~(size_t)(PAGE - 1);
	uint8_t *mapped;

	if (nr <= 0)
		fail("same: cannot read", nr);
	for (size_t from = 0; from < size; from += PAGE) {
		mapped = mmap(size - from, MAP_WRITE, file, (long)from);
		if (!mapped)
			fail("same: cannot map", -12);
		expect_same("mapped", mapped, bytes + from, size - from); /* bytes is 0 behind the file */
		for (size_t at = 0; at < size - from; at += PAGE)
			mapped[at]++;
	}
	if (lseek(file, 0, SEEK_FROM_START) || read(file, bytes, 1) != 1)
		fail("same: cannot read again", -5);
	mapped = mmap(size, MAP_READ, file, 0);
	close(file);
	expect_same("after writing to another", mapped, bytes, size);
	return 0;
}
