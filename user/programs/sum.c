/* SPDX-License-Identifier: MIT */
/* sum FILE [mapped]: a sum of its bytes that changes with their order; read, or seen in memory. */
#include <user/programs/lib.h>

static uint8_t buffer[2 * PAGE];

static uint32_t add(uint32_t sum, const uint8_t *bytes, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++)
		sum = (sum << 1 | sum >> 31) + bytes[i];
	return sum;
}

static uint32_t sum_read(long file)
{
	uint32_t sum = 0;
	long nr;

	while ((nr = read(file, buffer, sizeof(buffer))) > 0)
		sum = add(sum, buffer, (unsigned long)nr);
	if (nr < 0)
		fail("sum: cannot read", nr);
	return sum;
}

static uint32_t sum_mapped(long file)
{
	long size = lseek(file, 0, SEEK_FROM_END);
	const uint8_t *bytes;

	if (size <= 0)
		return 0;
	bytes = mmap((size_t)size, MAP_READ, file, 0);
	if (!bytes)
		fail("sum: cannot map", -12);
	return add(0, bytes, (unsigned long)size);
}

int main(int argc, char *argv[])
{
	long file = argc > 1 ? open(argv[1], O_READ, 0) : -2;

	if (file < 0)
		fail("sum: cannot open", file);
	say(hex(argc > 2 ? sum_mapped(file) : sum_read(file)), "  ", argv[1], NULL);
	return 0;
}
