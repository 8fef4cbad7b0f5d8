/* SPDX-License-Identifier: MIT */
/* hog N [ROUNDS]: fills N MiB with a pattern that only it knows and checks it for ever, or so many times. */
#include <user/programs/lib.h>

#define WORDS(mib) ((mib) << 18)

static void fill(uint32_t *words, uint32_t nr, uint32_t seed)
{
	for (uint32_t i = 0; i < nr; i++)
		words[i] = pattern(seed, i);
}

static void check(const uint32_t *words, uint32_t nr, uint32_t seed)
{
	for (uint32_t i = 0; i < nr; i++)
		if (words[i] != pattern(seed, i)) {
			say("hog: word ", decimal(i), " is ", hex(words[i]), ", expected ",
			    hex(pattern(seed, i)), NULL);
			exit(2);
		}
}

int main(int argc, char *argv[])
{
	uint32_t mib = argc > 1 ? (uint32_t)number(argv[1]) : 0, seed = (uint32_t)self() + 7;
	unsigned long rounds = argc > 2 ? number(argv[2]) : 0;
	uint32_t *words;

	if (mib < 1 || mib > 2000) {
		say("hog: expected MiB, from 1 to 2000", NULL);
		return 1;
	}
	words = mmap(mib << 20, MAP_WRITE, -1, 0);
	if (!words)
		fail("hog: no addresses", -12);
	fill(words, WORDS(mib), seed);
	for (unsigned long n = 0; !rounds || n < rounds; n++)
		check(words, WORDS(mib), seed);
	return 0;
}
