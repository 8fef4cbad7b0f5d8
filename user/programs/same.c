/* SPDX-License-Identifier: MIT */
/* same FILE [write]: is what read() gives what mmap shows, in one piece and from each page on, and 0 behind it? What is written
 * to a private page stays there. write: the file is written from its own pages, and read into them. */
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

/* Both ways: the call takes its bytes from, and puts them into, a page that is the very page it works on. */
static void through_itself(long file, size_t nr, size_t size)
{
	const uint8_t *shown = mmap(size, MAP_READ, file, 0);
	uint8_t *own = mmap(size, MAP_WRITE, file, 0);

	if (!shown || !own)
		fail("same: cannot map", -12);
	if (lseek(file, 0, SEEK_FROM_START) || write(file, shown, nr) != (long)nr)
		fail("same: cannot write from its own pages", -5);
	expect_same("written from itself", shown, bytes, size);
	if (lseek(file, 0, SEEK_FROM_START) || read(file, own, nr) != (long)nr)
		fail("same: cannot read into its own pages", -5);
	expect_same("read into itself", own, bytes, size);
	own[0]++;
	if (lseek(file, 0, SEEK_FROM_START) || write(file, own, 1) != 1 || shown[0] != own[0])
		fail("same: what was written is not shown", -5);
	own[0]--;
	if (lseek(file, 0, SEEK_FROM_START) || write(file, own, 1) != 1)
		fail("same: cannot write it back", -5);
}

int main(int argc, char *argv[])
{
	long file = argc > 1 ? open(argv[1], argc > 2 ? O_BOTH : O_READ, 0) : -22;
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
	if (argc > 2)
		through_itself(file, (size_t)nr, size);
	mapped = mmap(size, MAP_READ, file, 0);
	close(file);
	expect_same("after writing to another", mapped, bytes, size);
	return 0;
}
