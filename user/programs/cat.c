/* SPDX-License-Identifier: MIT */
/* cat FILE: says it. */
#include <user/programs/lib.h>

static uint8_t buffer[PAGE];

int main(int argc, char *argv[])
{
	long file = argc == 2 ? open(argv[1], O_READ, 0) : -22, nr;

	if (file < 0)
		fail("cat: cannot open", file);
	while ((nr = read(file, buffer, sizeof(buffer))) > 0)
		if (write(1, buffer, (size_t)nr) != nr)
			return 1;
	if (nr < 0)
		fail("cat: cannot read", nr);
	return 0;
}
