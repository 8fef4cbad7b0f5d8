/* SPDX-License-Identifier: MIT */
/* Memory and string functions of the C standard, in plain C. Copies and fills go four 32-bit words at a time,
 * then byte by byte; x86 does not mind where a word starts.
 *
 * S1 No byte outside the given ranges is read or written, except that a string is read up to its NUL.
 * S2 The compiler must not recognise a loop here as "this is memcpy" and call the function it is compiling:
 *    every loop that looks like one of these functions says KEEP_LOOP().
 * Context: any; no state. */
#include <kernel/lib/string.h>

#include <kernel/lib/compiler.h>

#define KEEP_LOOP() __asm__ volatile("")

/* A word anywhere, standing for whatever bytes are there. */
typedef uint32_t word_t __attribute__((may_alias, aligned(1)));

#define BLOCK_WORDS 4u
#define BLOCK_BYTES (BLOCK_WORDS * sizeof(word_t))

void *memset(void *dst, int byte, size_t size)
{
	unsigned char *to = dst;
	word_t word = (unsigned char)byte * 0x01010101u;

	for (; size >= BLOCK_BYTES; size -= BLOCK_BYTES, to += BLOCK_BYTES) {
		word_t *block = (word_t *)to;

		KEEP_LOOP();
		block[0] = word;
		block[1] = word;
		block[2] = word;
		block[3] = word;
	}
	for (; size != 0; size--) {
		KEEP_LOOP();
		*to++ = (unsigned char)byte;
	}
	return dst;
}

/* A block is read whole before it is written, so an overlapping target below the source is safe. */
static void copy_block(unsigned char *to, const unsigned char *from)
{
	const word_t *in = (const word_t *)from;
	word_t a = in[0], b = in[1], c = in[2], d = in[3];
	word_t *out = (word_t *)to;

	KEEP_LOOP();
	out[0] = a;
	out[1] = b;
	out[2] = c;
	out[3] = d;
}

static void copy_upwards(unsigned char *to, const unsigned char *from, size_t size)
{
	for (; size >= BLOCK_BYTES; size -= BLOCK_BYTES, to += BLOCK_BYTES, from += BLOCK_BYTES)
		copy_block(to, from);
	for (; size != 0; size--) {
		KEEP_LOOP();
		*to++ = *from++;
	}
}

static void copy_downwards(unsigned char *to, const unsigned char *from, size_t size)
{
	for (; size >= BLOCK_BYTES; size -= BLOCK_BYTES)
		copy_block(to + size - BLOCK_BYTES, from + size - BLOCK_BYTES);
	while (size != 0) {
		KEEP_LOOP();
		size--;
		to[size] = from[size];
	}
}

void *memcpy(void *dst, const void *src, size_t size)
{
	copy_upwards(dst, src, size);
	return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
	if ((uintptr_t)dst - (uintptr_t)src >= size)
		copy_upwards(dst, src, size);
	else
		copy_downwards(dst, src, size);
	return dst;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a, *y = b;

	for (; size >= sizeof(word_t) && *(const word_t *)x == *(const word_t *)y; size -= sizeof(word_t)) {
		x += sizeof(word_t);
		y += sizeof(word_t);
	}
	for (; size != 0; size--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

void *memchr(const void *s, int byte, size_t size)
{
	const unsigned char *p = s;

	for (; size != 0; size--, p++) {
		KEEP_LOOP();
		if (*p == (unsigned char)byte)
			return (void *)(uintptr_t)p;
	}
	return NULL;
}

size_t strnlen(const char *s, size_t max)
{
	size_t len = 0;

	while (len < max && s[len] != '\0') {
		KEEP_LOOP();
		len++;
	}
	return len;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n != 0; n--, a++, b++) {
		if (*a != *b || *a == '\0')
			return (unsigned char)*a - (unsigned char)*b;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		KEEP_LOOP();
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (*s == '\0')
			return NULL;
	}
}

char *strstr(const char *haystack, const char *needle)
{
	size_t len = strlen(needle);

	for (;; haystack++) {
		if (strncmp(haystack, needle, len) == 0)
			return (char *)(uintptr_t)haystack;
		if (*haystack == '\0')
			return NULL;
	}
}
