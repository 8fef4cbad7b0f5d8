/* SPDX-License-Identifier: MIT */
/* Formatted text. A format is read one conversion at a time into a struct spec; numbers are turned into
 * digits from the right in a small buffer and then laid out as  spaces | sign or 0x | zeros | digits |
 * spaces.
 *
 * F1 At most size - 1 bytes and one NUL are written, whatever the format says; len counts the whole text
 *    and stays at INT32_MAX when it would grow beyond.
 * F2 An unknown conversion is printed as it stands and takes no argument. A NULL string prints as "(null)".
 * F3 %p is 0x and as many digits as needed.
 * F4 No 64-bit division: a 64-bit number is divided in four 16-bit steps.
 *
 * Context: any; no state, about 150 bytes of stack. */
#include <kernel/lib/format.h>

#include <kernel/lib/align.h>
#include <kernel/lib/string.h>

#define DIGITS_MAX 22 /* 2^64 - 1 in octal */

enum length { LEN_INT, LEN_CHAR, LEN_SHORT, LEN_LONG, LEN_LLONG, LEN_SIZE, LEN_PTRDIFF };

struct spec {
	bool left, zero, plus, space, alt;
	int width;
	int precision; /* -1: none given */
	enum length length;
};

struct out {
	char *buf;
	size_t size;
	size_t len;
};

static void out_advance(struct out *out, size_t n)
{
	out->len = n > (size_t)INT32_MAX - out->len ? (size_t)INT32_MAX : out->len + n;
}

/* How many of n more bytes have a place, the last byte being the NUL's. */
static size_t out_room(const struct out *out, size_t n)
{
	return out->len + 1 >= out->size ? 0 : MIN(n, out->size - 1 - out->len);
}

static void out_text(struct out *out, const char *text, size_t n)
{
	size_t room = out_room(out, n);

	if (room != 0)
		memcpy(out->buf + out->len, text, room);
	out_advance(out, n);
}

static void out_fill(struct out *out, char c, int n)
{
	size_t room;

	if (n <= 0)
		return;
	room = out_room(out, (size_t)n);
	if (room != 0)
		memset(out->buf + out->len, c, room);
	out_advance(out, (size_t)n);
}

static void out_padded(struct out *out, const struct spec *spec, const char *text, int n)
{
	if (!spec->left)
		out_fill(out, ' ', spec->width - n);
	out_text(out, text, (size_t)n);
	if (spec->left)
		out_fill(out, ' ', spec->width - n);
}

/* *n becomes *n / divisor; result: the remainder. divisor <= 65536. */
static uint32_t divide_in_place(uint64_t *n, uint32_t divisor)
{
	uint64_t quotient = 0;
	uint32_t rest = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		uint32_t part = rest << 16 | (uint32_t)(*n >> shift & 0xffff);

		quotient |= (uint64_t)(part / divisor) << shift;
		rest = part % divisor;
	}
	*n = quotient;
	return rest;
}

/* Writes the digits of value so that they end before `end`; none for 0. Result: where they start. */
static char *digits_decimal(char *end, uint64_t value)
{
	uint32_t low;

	while (value >> 32 != 0)
		*--end = (char)('0' + divide_in_place(&value, 10));
	for (low = (uint32_t)value; low != 0; low /= 10)
		*--end = (char)('0' + low % 10);
	return end;
}

static char *digits_power_of_2(char *end, uint64_t value, unsigned int bits, const char *alphabet)
{
	for (; value != 0; value >>= bits)
		*--end = alphabet[value & ((1u << bits) - 1)];
	return end;
}

static char *digits_of(char *end, uint64_t value, char conversion)
{
	switch (conversion) {
	case 'o':
		return digits_power_of_2(end, value, 3, "01234567");
	case 'x':
	case 'p':
		return digits_power_of_2(end, value, 4, "0123456789abcdef");
	case 'X':
		return digits_power_of_2(end, value, 4, "0123456789ABCDEF");
	default:
		return digits_decimal(end, value);
	}
}

static const char *prefix_of(const struct spec *spec, uint64_t value, char conversion)
{
	if (conversion == 'p' || (spec->alt && value != 0 && conversion == 'x'))
		return "0x";
	return spec->alt && value != 0 && conversion == 'X' ? "0X" : "";
}

static void out_number(struct out *out, const struct spec *spec, const char *prefix, uint64_t value,
		       char conversion)
{
	char digits[DIGITS_MAX];
	const char *start = digits_of(digits + DIGITS_MAX, value, conversion);
	int nr_digits = (int)(digits + DIGITS_MAX - start);
	int nr_prefix = (int)strlen(prefix);
	int nr_zeros = (spec->precision < 0 ? 1 : spec->precision) - nr_digits;
	int nr_spaces;

	if (conversion == 'o' && spec->alt && nr_zeros < 1 && (nr_digits == 0 || *start != '0'))
		nr_zeros = 1;
	if (spec->zero && !spec->left && spec->precision < 0)
		nr_zeros = MAX(nr_zeros, spec->width - nr_prefix - nr_digits);
	nr_zeros = MAX(nr_zeros, 0);
	nr_spaces = spec->width - nr_prefix - nr_digits - MIN(nr_zeros, spec->width);

	if (!spec->left)
		out_fill(out, ' ', nr_spaces);
	out_text(out, prefix, (size_t)nr_prefix);
	out_fill(out, '0', nr_zeros);
	out_text(out, start, (size_t)nr_digits);
	if (spec->left)
		out_fill(out, ' ', nr_spaces);
}

static int64_t read_signed(const struct spec *spec, va_list *args)
{
	switch (spec->length) {
	case LEN_CHAR:
		return (signed char)va_arg(*args, int);
	case LEN_SHORT:
		return (short)va_arg(*args, int);
	case LEN_LONG:
		return va_arg(*args, long);
	case LEN_LLONG:
		return va_arg(*args, long long);
	case LEN_SIZE:
	case LEN_PTRDIFF:
		return va_arg(*args, ptrdiff_t);
	default:
		return va_arg(*args, int);
	}
}

static uint64_t read_unsigned(const struct spec *spec, va_list *args)
{
	switch (spec->length) {
	case LEN_CHAR:
		return (unsigned char)va_arg(*args, unsigned int);
	case LEN_SHORT:
		return (unsigned short)va_arg(*args, unsigned int);
	case LEN_LONG:
		return va_arg(*args, unsigned long);
	case LEN_LLONG:
		return va_arg(*args, unsigned long long);
	case LEN_SIZE:
	case LEN_PTRDIFF:
		return va_arg(*args, size_t);
	default:
		return va_arg(*args, unsigned int);
	}
}

static void out_signed(struct out *out, const struct spec *spec, va_list *args)
{
	int64_t value = read_signed(spec, args);
	uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	out_number(out, spec, value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "", magnitude, 'd');
}

static void out_unsigned(struct out *out, const struct spec *spec, va_list *args, char conversion)
{
	uint64_t value = read_unsigned(spec, args);

	out_number(out, spec, prefix_of(spec, value, conversion), value, conversion);
}

static void out_string(struct out *out, const struct spec *spec, const char *text)
{
	size_t max = spec->precision < 0 ? (size_t)INT32_MAX : (size_t)spec->precision;

	if (text == NULL)
		text = "(null)";
	out_padded(out, spec, text, (int)strnlen(text, max));
}

static bool read_flag(struct spec *spec, char c)
{
	switch (c) {
	case '-':
		return spec->left = true;
	case '0':
		return spec->zero = true;
	case '+':
		return spec->plus = true;
	case ' ':
		return spec->space = true;
	case '#':
		return spec->alt = true;
	default:
		return false;
	}
}

/* A number of the format, or of the arguments for '*'. Too large a one stays at INT32_MAX / 4. */
static int read_count(const char **fmt, va_list *args)
{
	int n = 0;

	if (**fmt == '*') {
		(*fmt)++;
		n = va_arg(*args, int);
		return n < 0 ? MAX(n, -INT32_MAX / 4) : MIN(n, INT32_MAX / 4);
	}
	for (; **fmt >= '0' && **fmt <= '9'; (*fmt)++)
		n = MIN(n, INT32_MAX / 64) * 10 + (**fmt - '0');
	return MIN(n, INT32_MAX / 4);
}

static enum length read_length(const char **fmt)
{
	char c = **fmt;
	bool twice = c != '\0' && (*fmt)[1] == c;

	switch (c) {
	case 'h':
		*fmt += twice ? 2 : 1;
		return twice ? LEN_CHAR : LEN_SHORT;
	case 'l':
		*fmt += twice ? 2 : 1;
		return twice ? LEN_LLONG : LEN_LONG;
	case 'z':
		(*fmt)++;
		return LEN_SIZE;
	case 't':
		(*fmt)++;
		return LEN_PTRDIFF;
	default:
		return LEN_INT;
	}
}

static void read_spec(struct spec *spec, const char **fmt, va_list *args)
{
	*spec = (struct spec){.precision = -1};
	while (read_flag(spec, **fmt))
		(*fmt)++;
	spec->width = read_count(fmt, args);
	if (spec->width < 0) {
		spec->left = true;
		spec->width = -spec->width;
	}
	if (**fmt == '.') {
		(*fmt)++;
		spec->precision = read_count(fmt, args);
		if (spec->precision < 0)
			spec->precision = -1;
	}
	spec->length = read_length(fmt);
}

/* *fmt stands behind a '%'; afterwards behind the conversion. */
static void out_conversion(struct out *out, const char **fmt, va_list *args)
{
	const char *percent = *fmt - 1;
	struct spec spec;
	char c;

	read_spec(&spec, fmt, args);
	switch (**fmt) {
	case 'd':
	case 'i':
		out_signed(out, &spec, args);
		break;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		out_unsigned(out, &spec, args, **fmt);
		break;
	case 'p':
		out_number(out, &spec, "0x", (uintptr_t)va_arg(*args, void *), 'p');
		break;
	case 'c':
		c = (char)va_arg(*args, int);
		out_padded(out, &spec, &c, 1);
		break;
	case 's':
		out_string(out, &spec, va_arg(*args, const char *));
		break;
	case '%':
		out_text(out, "%", 1);
		break;
	case '\0':
		out_text(out, percent, (size_t)(*fmt - percent));
		return;
	default:
		out_text(out, percent, (size_t)(*fmt - percent) + 1);
		break;
	}
	(*fmt)++;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out out = {.buf = buf, .size = size};
	va_list rest;

	va_copy(rest, args);
	while (*fmt != '\0') {
		const char *text = fmt;

		while (*fmt != '\0' && *fmt != '%')
			fmt++;
		out_text(&out, text, (size_t)(fmt - text));
		if (*fmt == '%') {
			fmt++;
			out_conversion(&out, &fmt, &rest);
		}
	}
	va_end(rest);
	if (size != 0)
		buf[MIN(out.len, size - 1)] = '\0';
	return (int)out.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return len;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = (size_t)vsnprintf(buf, size, fmt, args);
	va_end(args);
	return size == 0 ? 0 : (int)MIN(len, size - 1);
}

void sink_printf(struct sink *sink, const char *fmt, ...)
{
	char text[256];
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = (size_t)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	sink->write(sink, text, MIN(len, sizeof(text) - 1));
}

static void sink_buffer_write(struct sink *sink, const char *text, size_t len)
{
	struct sink_buffer *sb = container_of(sink, struct sink_buffer, sink);

	if (sb->len + 1 < sb->size) {
		size_t room = MIN(len, sb->size - 1 - sb->len);

		memcpy(sb->text + sb->len, text, room);
		sb->text[sb->len + room] = '\0';
	}
	sb->len += len;
}

void sink_buffer_init(struct sink_buffer *sb, char *text, size_t size)
{
	*sb = (struct sink_buffer){.sink = {.write = sink_buffer_write}, .text = text, .size = size};
	if (size != 0)
		text[0] = '\0';
}
