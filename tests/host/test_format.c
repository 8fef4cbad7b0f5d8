/* SPDX-License-Identifier: MIT */
/* kernel/lib/format.c and string.c against libc: both are included here under k_ names, so that neither takes
 * libc's place. Every format is tried with every value and with buffers of several sizes; text, terminator,
 * length and the bytes behind the buffer must agree. */
#define vsnprintf	 k_vsnprintf
#define snprintf	 k_snprintf
#define scnprintf	 k_scnprintf
#define sink_printf	 k_sink_printf
#define sink_buffer_init k_sink_buffer_init
#define memset		 k_memset
#define memcpy		 k_memcpy
#define memmove		 k_memmove
#define memcmp		 k_memcmp
#define memchr		 k_memchr
#define strlen		 k_strlen
#define strnlen		 k_strnlen
#define strcmp		 k_strcmp
#define strncmp		 k_strncmp
#define strchr		 k_strchr
#define strstr		 k_strstr
#include <kernel/lib/format.c>
#include <kernel/lib/string.c>
#undef vsnprintf
#undef snprintf
#undef memset
#undef memcpy
#undef memmove
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strstr

#include <stdio.h>
#include <string.h>
#include <tests/ktest.h>

#define GUARD 0x5a

static const char *const flag_sets[] = {"",   "-",  "0",  "+",	" ",  "#",  "-0",
					"+0", "#0", "-#", "+ ", " 0", "-+", "-+#0 "};
static const char *const widths[] = {"", "1", "5", "12", "30"};
static const char *const precisions[] = {"", ".", ".0", ".1", ".7", ".25"};
static const size_t buffer_sizes[] = {0, 1, 2, 7, 64};

/* Prints with both and compares everything that can be seen. */
static bool same(const char *fmt, ...)
{
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(buffer_sizes); i++) {
		char ours[80], theirs[80];
		int our_len, their_len;
		va_list args;

		memset(ours, GUARD, sizeof(ours));
		memset(theirs, GUARD, sizeof(theirs));
		va_start(args, fmt);
		our_len = k_vsnprintf(ours, buffer_sizes[i], fmt, args);
		va_end(args);
		va_start(args, fmt);
		their_len = vsnprintf(theirs, buffer_sizes[i], fmt, args);
		va_end(args);
		/* What lies behind the NUL is free inside the buffer, and untouched outside. */
		ok = ok && our_len == their_len && (buffer_sizes[i] == 0 || strcmp(ours, theirs) == 0);
		for (size_t at = buffer_sizes[i]; at < sizeof(ours); at++)
			ok = ok && ours[at] == GUARD;
	}
	if (!ok)
		ktest_note("format \"%s\" differs from libc's", fmt);
	return ok;
}

static const uint64_t values[] = {
	0,	    1,		7,	    8,		 9,	      10,	  99,
	127,	    128,	255,	    256,	 32767,	      32768,	  65535,
	65536,	    99999,	1000000000, 2147483647,	 2147483648u, 4294967295, 4294967296,
	0xdeadbeef, 1ull << 63, ~0ull,	    ~0ull - 127, ~0ull / 10,  ~0ull / 3,  9999999999999999999ull};

static bool integers_agree(const char *fmt, const char *length)
{
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		if (strcmp(length, "ll") == 0)
			ok = same(fmt, (unsigned long long)values[i]) && ok;
		else if (strcmp(length, "l") == 0)
			ok = same(fmt, (unsigned long)values[i]) && ok;
		else if (strcmp(length, "z") == 0 || strcmp(length, "t") == 0)
			ok = same(fmt, (size_t)values[i]) && ok;
		else
			ok = same(fmt, (unsigned int)values[i]) && ok;
	}
	return ok;
}

static bool conversion_agrees(const char *length, char conversion)
{
	bool ok = true;
	char fmt[40];

	for (size_t f = 0; f < ARRAY_SIZE(flag_sets); f++) {
		for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
			for (size_t p = 0; p < ARRAY_SIZE(precisions); p++) {
				(void)snprintf(fmt, sizeof(fmt), "<%%%s%s%s%s%c>", flag_sets[f], widths[w],
					       precisions[p], length, conversion);
				ok = integers_agree(fmt, length) && ok;
			}
		}
	}
	return ok;
}

KTEST(format, integers_print_as_libc_prints_them, "G20")
{
	static const char *const lengths[] = {"hh", "h", "", "l", "ll", "z", "t"};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (const char *conversion = "diuxXo"; *conversion != '\0'; conversion++)
			EXPECT(conversion_agrees(lengths[i], *conversion));
	}
}

KTEST(format, strings_and_characters_print_as_libc_prints_them, "G20")
{
	EXPECT(same("%s", "") && same("%s|%5s|%-5s|", "a", "bc", "def") &&
	       same("%.2s|%.0s|%9.4s|", "abcdef", "x", "memory"));
	EXPECT(same("%c%c|%4c|%-4c|", 'a', '%', 'b', 'c'));
	EXPECT(same("100%%") && same("%%%d%%", 5) && same("no conversion at all"));
	EXPECT(same("%*d|%-*d|%.*d|%*.*d", 7, 42, 6, 43, 4, 44, 9, 3, 45));
	EXPECT(same("%*d|%.*d", -7, 42, -3, 43) && same("%.*s", 2, "abc"));
	EXPECT(same("%p", (void *)0xc0100000u));
	EXPECT(same("%30s and %-30s and a text that is longer than all", "left", "right"));
}

KTEST(format, string_with_precision_needs_no_terminator, "G20")
{
	char text[3] = {'a', 'b', 'c'}, out[8];

	EXPECT_EQ(k_snprintf(out, sizeof(out), "%.3s", text), 3);
	EXPECT(strcmp(out, "abc") == 0);
}

/* Without the compiler's check of the format, which would object to what is tried here. */
static int print_wild(char *out, size_t size, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = k_vsnprintf(out, size, fmt, args);
	va_end(args);
	return len;
}

KTEST(format, what_libc_leaves_open_is_defined, "G20")
{
	char out[32];

	(void)print_wild(out, sizeof(out), "%s %p", (char *)NULL, NULL);
	EXPECT(strcmp(out, "(null) 0x0") == 0);
	(void)print_wild(out, sizeof(out), "%5y %-l", 1);
	EXPECT(strcmp(out, "%5y %-l") == 0);
	EXPECT_EQ(print_wild(out, sizeof(out), "%"), 1);
	EXPECT(strcmp(out, "%") == 0);
	EXPECT(print_wild(out, sizeof(out), "%99999999999999999999d%2147483647.2147483647d", 1, 2) > 0);
	EXPECT_EQ(strlen(out), sizeof(out) - 1);
	EXPECT(print_wild(NULL, 0, "%2147483647s%2147483647s%2147483647s%2147483647s%2147483647s", "", "", "",
			  "", "") > 0);
}

KTEST(format, scnprintf_returns_what_was_written, "G20")
{
	char out[8];

	EXPECT_EQ(k_scnprintf(out, sizeof(out), "%d", 123), 3);
	EXPECT_EQ(k_scnprintf(out, sizeof(out), "%s", "much too long"), 7);
	EXPECT_EQ(k_scnprintf(out, 0, "%s", "x"), 0);
}

KTEST(format, sink_buffer_keeps_what_fits_and_counts_all, "P5")
{
	struct sink_buffer sb;
	char text[6];

	k_sink_buffer_init(&sb, text, sizeof(text));
	EXPECT_EQ(text[0], '\0');
	k_sink_printf(&sb.sink, "%s", "abc");
	k_sink_printf(&sb.sink, "%s", "defg");
	k_sink_printf(&sb.sink, "%s", "h");
	EXPECT(strcmp(text, "abcde") == 0);
	EXPECT_EQ(sb.len, 8);
	k_sink_buffer_init(&sb, NULL, 0);
	k_sink_printf(&sb.sink, "%300s", "x");
	EXPECT_EQ(sb.len, 255);
}

/* Each copy of `size` bytes inside a buffer of 64, against libc's. */
static bool moves_agree(size_t to, size_t from, size_t size)
{
	unsigned char ours[64], theirs[64];

	for (size_t i = 0; i < sizeof(ours); i++)
		ours[i] = theirs[i] = (unsigned char)(i * 7 + 1);
	if (k_memmove(ours + to, ours + from, size) != ours + to)
		return false;
	memmove(theirs + to, theirs + from, size);
	return memcmp(ours, theirs, sizeof(ours)) == 0;
}

KTEST(string, memmove_agrees_with_libc_for_every_overlap, "D7")
{
	bool ok = true;

	for (size_t to = 0; to < 24; to++)
		for (size_t from = 0; from < 24; from++)
			for (size_t size = 0; size <= 40; size++)
				ok = moves_agree(to, from, size) && ok;
	EXPECT(ok);
}

static bool fill_and_copy_agree(size_t offset, size_t size)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	unsigned char ours[64], theirs[64];

	memset(ours, GUARD, sizeof(ours));
	memset(theirs, GUARD, sizeof(theirs));
	k_memset(ours + offset, 0x1c3, size);
	memset(theirs + offset, 0x1c3, size);
	k_memcpy(ours, &digits[offset], MIN(size, 20));
	memcpy(theirs, &digits[offset], MIN(size, 20));
	return memcmp(ours, theirs, sizeof(ours)) == 0;
}

KTEST(string, memset_and_memcpy_agree_with_libc, "D7")
{
	bool ok = true;

	for (size_t offset = 0; offset < 16; offset++)
		for (size_t size = 0; size <= 48; size++)
			ok = fill_and_copy_agree(offset, size) && ok;
	EXPECT(ok);
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static bool comparisons_agree(const char *a, const char *b)
{
	bool ok = sign(k_strcmp(a, b)) == sign(strcmp(a, b)) && k_strstr(a, b) == strstr(a, b);

	for (size_t n = 0; n < 8; n++)
		ok = ok && sign(k_strncmp(a, b, n)) == sign(strncmp(a, b, n)) &&
		     k_strnlen(a, n) == strnlen(a, n);
	return ok && k_strlen(a) == strlen(a) && k_strchr(a, *b) == strchr(a, *b);
}

KTEST(string, searches_and_comparisons_agree_with_libc, "D7")
{
	static const char *const texts[] = {"",	      "a",   "b",    "ab",    "aab", "abc",
					    "abcabd", "abd", "\xff", "a\xff", "cab"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t j = 0; j < ARRAY_SIZE(texts); j++)
			EXPECT(comparisons_agree(texts[i], texts[j]));
	EXPECT(k_memchr("abc", 'c', 2) == NULL && k_memchr("", 0, 0) == NULL);
	EXPECT(k_memchr(texts[9], 0xff, 2) == texts[9] + 1);
}

KTEST(string, memcmp_agrees_with_libc_wherever_the_difference_is, "D7")
{
	char a[20] = "same same same same", b[20];

	for (size_t at = 0; at < sizeof(b); at++) {
		for (int change = -128; change < 128; change += 17) {
			memcpy(b, a, sizeof(b));
			b[at] = (char)(b[at] + change);
			for (size_t n = 0; n <= sizeof(b); n++)
				EXPECT_EQ(sign(k_memcmp(a, b, n)), sign(memcmp(a, b, n)));
		}
	}
}
