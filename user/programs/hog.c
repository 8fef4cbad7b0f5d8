/* SPDX-License-Identifier: MIT */
/* hog N [ROUNDS [random]]: fills N MiB with a pattern that only it knows and checks it for ever, or so many times; random: one word of
 * as many pages, here and there, and writes it again. */
#include <user/programs/lib.h>

#define WORDS(mib) ((mib) << 18)

static void fill(uint32_t *words, uint32_t nr, uint32_t seed)
{
	for (uint32_t i = 0; i < nr; i++)
		words[i] = pattern(seed, i);
}

static void check_word(const uint32_t *words, uint32_t i, uint32_t seed)
{
	if (words[i] == pattern(seed, i))
		return;
	say("hog: word ", decimal(i), " is ", hex(words[i]), ", expected ", hex(pattern(seed, i)), NULL);
	exit(2);
}

static void check(const uint32_t *words, uint32_t nr, uint32_t seed)
{
	for (uint32_t i = 0; i < nr; i++)
		check_word(words, i, seed);
}

static void check_random(uint32_t *words, uint32_t nr, uint32_t seed)
{
	static uint32_t state = 1;

	for (uint32_t n = 0; n < nr >> 10; n++) {
		uint32_t i;

		state = state * 1664525u + 1013904223u;
		i = (state >> 8) % nr;
		check_word(words, i, seed);
		words[i] = pattern(seed, i);
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
		if (argc > 3)
			check_random(words, WORDS(mib), seed);
		else
			check(words, WORDS(mib), seed);
	if (argc > 3)
		check(words, WORDS(mib), seed);
	return 0;
}
