/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <user/programs/lib.h>

long call(enum user_call_number call_number, long a, long b, long c, long d)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(call_number), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory");
	return result;
}

void *mmap(size_t size, int prot, long file, long offset)
{
	unsigned long result = (unsigned long)call(CALL_MMAP, (long)size, prot, file, offset);

	return result >= (unsigned long)-4095 ? NULL : (void *)result;
}

size_t strlen(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	return len;
}

bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

void *memcpy(void *to, const void *from, size_t size)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size)::"memory");
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(byte) : "memory");
	return to;
}

unsigned long number(const char *text)
{
	unsigned long value = 0, base = text[0] == '0' && text[1] == 'x' ? 16 : 10;

	for (text += base == 16 ? 2 : 0; *text; text++) {
		unsigned long digit = (unsigned long)(*text >= 'a' ? *text - 'a' + 10 : *text - '0');

		if (digit >= base)
			return 0;
		value = value * base + digit;
	}
	return value;
}

#define NR_NUMBERS 8u

static const char *digits(unsigned long value, unsigned long base)
{
	static char text[NR_NUMBERS][12];
	static unsigned int next;
	char *at = &text[next++ % NR_NUMBERS][11];

	*at = '\0';
	do {
		*--at = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	return at;
}

const char *decimal(unsigned long value)
{
	return digits(value, 10);
}

const char *hex(unsigned long value)
{
	return digits(value, 16);
}

void say(const char *first, ...)
{
	char line[200];
	size_t used = 0;
	va_list pieces;

	va_start(pieces, first);
	for (const char *piece = first; piece; piece = va_arg(pieces, const char *))
		for (; *piece && used < sizeof(line) - 1; piece++)
			line[used++] = *piece;
	va_end(pieces);
	line[used++] = '\n';
	(void)write(1, line, used);
}

void fail(const char *what, long error)
{
	say(what, ": error ", decimal((unsigned long)-error), NULL);
	exit(1);
}
