/* SPDX-License-Identifier: MIT */
/* ls [DIRECTORY]: the names in it, one a line. */
#include <user/programs/lib.h>

int main(int argc, char *argv[])
{
	long directory = open(argc > 1 ? argv[1] : "/", O_READ, 0), found;
	char name[256];

	if (directory < 0)
		fail("ls: cannot open", directory);
	while ((found = readdir(directory, name, sizeof(name))) > 0)
		say(name, NULL);
	if (found < 0)
		fail("ls: cannot read", found);
	return 0;
}
