/* SPDX-License-Identifier: MIT */
/* cp FROM TO: and what was written is on the disk when it ends, where there is one. */
#include <user/programs/lib.h>

static uint8_t buffer[4 * PAGE];

int main(int argc, char *argv[])
{
	long from = argc == 3 ? open(argv[1], O_READ, 0) : -22, to, nr;

	if (from < 0)
		fail("cp: cannot open what to read", from);
	to = open(argv[2], O_WRITE | O_CREATE | O_TRUNCATE, 0644);
	if (to < 0)
		fail("cp: cannot open what to write", to);
	while ((nr = read(from, buffer, sizeof(buffer))) > 0) {
		long written = write(to, buffer, (size_t)nr);

		if (written != nr)
			fail("cp: cannot write", written < 0 ? written : -28);
	}
	if (nr < 0)
		fail("cp: cannot read", nr);
	nr = fsync(to);
	if (nr < 0 && nr != -22) /* a device has nothing to wait for */
		fail("cp: cannot bring it to the disk", nr);
	return 0;
}
