/* SPDX-License-Identifier: MIT */
/* Words, numbers, handles and flags. No state. */
#include <monitor/parse.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

struct flag_name {
	const char *name; /* upper case */
	gfp_t gfp;
};

static const struct flag_name flag_names[] = {
	{"KERNEL", GFP_KERNEL},
	{"ATOMIC", GFP_ATOMIC},
	{"DMA", GFP_DMA},
	{"NOWAIT", GFP_NOWAIT},
	{"NOIO", GFP_NOIO},
	{"NOFS", GFP_NOFS},
	{"USER", GFP_USER},
	{"HIGHUSER", GFP_HIGHUSER},
	{"HIGHMEM", __GFP_HIGHMEM},
	{"MOVABLE", __GFP_MOVABLE},
	{"RECLAIMABLE", __GFP_RECLAIMABLE},
	{"WAIT", __GFP_WAIT},
	{"RECLAIM", __GFP_RECLAIM},
	{"HIGH", __GFP_HIGH},
	{"IO", __GFP_IO},
	{"FS", __GFP_FS},
	{"COLD", __GFP_COLD},
	{"NOWARN", __GFP_NOWARN},
	{"REPEAT", __GFP_REPEAT},
	{"RETRY_MAYFAIL", __GFP_RETRY_MAYFAIL},
	{"NORETRY", __GFP_NORETRY},
	{"NOFAIL", __GFP_NOFAIL},
	{"ZERO", __GFP_ZERO},
	{"COMP", __GFP_COMP},
	{"NO_GROW", __GFP_NO_GROW},
	{"THISNODE", __GFP_THISNODE},
};

unsigned int parse_words(char *text, char *word[WORDS_MAX])
{
	unsigned int nr = 0;

	for (;;) {
		while (*text == ' ')
			*text++ = '\0';
		if (!*text)
			return nr;
		if (nr < WORDS_MAX)
			word[nr] = text;
		nr++;
		while (*text && *text != ' ')
			text++;
	}
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A' + 10);
	return 16;
}

/* The digits from word on. Result: behind the last, or NULL: there is none, or they are 2^64 or more. */
static const char *take_number(const char *word, uint64_t *value)
{
	unsigned int base = 10;
	const char *digits;

	if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) {
		base = 16;
		word += 2;
	}
	*value = 0;
	for (digits = word; digit_value(*word) < base; word++) {
		unsigned int digit = digit_value(*word);

		if (*value > UINT64_MAX / base || *value * base > UINT64_MAX - digit)
			return NULL;
		*value = *value * base + digit;
	}
	return word > digits ? word : NULL;
}

bool parse_number(const char *word, uint64_t *value)
{
	const char *end = take_number(word, value);

	return end && !*end;
}

bool parse_size(const char *word, uint64_t *bytes)
{
	static const char letters[] = "KMG";
	const char *end = take_number(word, bytes), *letter;
	unsigned int shift;

	if (!end || !*end)
		return end != NULL;
	letter = memchr(letters, upper(*end), sizeof(letters) - 1);
	if (!letter || end[1])
		return false;
	shift = 10 * (unsigned int)(letter - letters + 1);
	if (*bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

bool parse_handle(const char *word, unsigned int *number)
{
	uint64_t value;

	if (word[0] != '#' || word[1] < '1' || word[1] > '9' || !parse_number(word + 1, &value) ||
	    value > UINT32_MAX)
		return false;
	*number = (unsigned int)value;
	return true;
}

static bool starts_with(const char *text, size_t len, const char *name)
{
	size_t i = 0;

	while (i < len && name[i] && upper(text[i]) == name[i])
		i++;
	return !name[i];
}

static bool flag_find(const char *text, size_t len, gfp_t *gfp)
{
	size_t skip = starts_with(text, len, "__GFP_") ? 6 : starts_with(text, len, "GFP_") ? 4 : 0;

	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (len - skip == strlen(flag_names[i].name) &&
		    starts_with(text + skip, len - skip, flag_names[i].name)) {
			*gfp |= flag_names[i].gfp;
			return true;
		}
	}
	return false;
}

const char *parse_flags(const char *word, gfp_t *gfp, const char **where, size_t *len)
{
	const char *at = word;

	*gfp = GFP_NOWAIT;
	for (;;) {
		const char *bar = strchr(at, '|');

		*where = at;
		*len = bar ? (size_t)(bar - at) : strlen(at);
		if (!flag_find(at, *len, gfp))
			return "flags like kernel, atomic or dma|kernel";
		if (!bar)
			break;
		at = bar + 1;
	}
	return NULL;
}

const char *parse_flag_name(unsigned int n)
{
	return n < ARRAY_SIZE(flag_names) ? flag_names[n].name : NULL;
}

void parse_join(char *text, size_t size, unsigned int nr, char *word[])
{
	int len = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < nr; i++) {
		bool needs_bar = len && text[len - 1] != '|' && word[i][0] != '|';

		len += scnprintf(text + len, size - (size_t)len, "%s%s", needs_bar ? "|" : "", word[i]);
	}
}
