/* SPDX-License-Identifier: MIT */
/* spawn N [PROGRAM ARGS...]: starts N programs, one after the other, and waits for each; without one, itself with nothing
 * to start. Ends with the first code that is not 0. */
#include <user/programs/lib.h>

int main(int argc, char *argv[])
{
	char *own[] = {(char *)"spawn", (char *)"0", NULL};
	char **what = argc > 2 ? argv + 2 : own;
	unsigned long nr = argc > 1 ? number(argv[1]) : 0;

	for (unsigned long n = 0; n < nr; n++) {
		long id = spawn(what[0], what);
		int code = 1;

		if (id < 0)
			fail("spawn: cannot start", id);
		if (wait(id, &code) != id)
			fail("spawn: lost", id);
		if (code)
			return code;
	}
	return 0;
}
