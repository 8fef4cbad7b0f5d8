/* SPDX-License-Identifier: MIT */
/* The kernel command line. `cmdline_table` is the list of options: name, kind, where the value goes, and the
 * limits of a number. A word is first split at its '='; the reader of its kind then checks the value and only
 * stores it when it is right. Words are never copied but into their option, and never trusted to be text:
 * what a warning shows of them is escaped and at most SHOWN_MAX characters long.
 *
 * C1 Numbers are decimal or 0x-hexadecimal and are checked for overflow at every digit and at the suffix.
 * C2 Quotes around a word, or around its value, are not part of it; one that nothing closes is a letter like others.
 * C3 A list value that does not fit its option is refused, not cut.
 *
 * No state: all of it is in struct parser, on the caller's stack. */
#include <kernel/core/cmdline.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

#define SHOWN_MAX 40
#define NAMES_MAX 512 /* all names of the table */

enum kind { KIND_WORD, KIND_LINE, KIND_SIZE, KIND_NUMBER, KIND_BOOL, KIND_CHOICE };

struct option {
	const char *name;
	enum kind kind;
	uint16_t offset;      /* of the value in struct cmdline_options */
	uint64_t min, max;    /* of a number or size */
	const char *expected; /* for people; for a choice also its two words, "a|b" for 0 and 1 */
	const char *help;     /* what it does, on a line of its own */
};

#define AT(member) .offset = offsetof(struct cmdline_options, member)
#define NAMES	   .expected = "all, none or names with commas"
#define ON_OFF	   .expected = "on or off"

/* One row an option; `make help` and the lint of documents read it here, so a row is one statement. */
static const struct option cmdline_table[] = {
	{"selftest", KIND_WORD, AT(selftest), NAMES, .help = "self-tests to run; quick: the short suites"},
	{"bench", KIND_WORD, AT(bench), NAMES, .help = "benches to run"},
	{"demo", KIND_WORD, AT(demo), NAMES, .help = "demonstrations to show"},
	{"monitor", KIND_BOOL, AT(monitor), ON_OFF, .help = "the prompt, after all that"},
	{"map", KIND_BOOL, AT(map), ON_OFF, .help = "who has the pages, live on the text screen"},
	{"map_serial", KIND_BOOL, AT(map_serial), ON_OFF,
	 .help = "... as lines on the second serial port, each time it changed"},
	{"output", KIND_CHOICE, AT(output), .expected = "ktap|terminal",
	 .help = "for machines, or for a person: short, in colour"},
	{"exit", KIND_CHOICE, AT(exit), .expected = "never|qemu", .help = "qemu: leave through port 0xf4"},
	{"panic", KIND_CHOICE, AT(panic), .expected = "halt|exit", .help = "what follows a panic"},
	{"mem", KIND_SIZE, AT(mem_bytes), MIB(1ull), GIB(64), "a size from 1M to 64G",
	 .help = "ignore RAM above this address"},
	{"lowmem", KIND_SIZE, AT(lowmem_bytes), MIB(4ull), MIB(896ull), "a size from 4M to 896M",
	 .help = "end of low memory; above it is high memory"},
	{"cpus", KIND_NUMBER, AT(cpus), 1, 16, "a number from 1 to 16", .help = "use no more processors"},
	{"numa", KIND_BOOL, AT(numa), ON_OFF,
	 .help = "memory near the processor first; off: all memory is one node's"},
	{"min_free_kbytes", KIND_NUMBER, AT(min_free_kbytes), 0, 1u << 20, "a number from 0 to 1048576",
	 .help = "what ordinary requests leave; 0: chosen from the size of memory"},
	{"dirty_background_ratio", KIND_NUMBER, AT(dirty_background_ratio), 0, 99, "a number from 0 to 99",
	 .help = "of a hundred pages that are free or hold files: more dirty ones wake the flushers"},
	{"dirty_ratio", KIND_NUMBER, AT(dirty_ratio), 1, 100, "a number from 1 to 100",
	 .help = "... more slow down whoever writes"},
	{"slab_debug", KIND_WORD, AT(slab_debug),
	 .expected = "letters of FZPUQ, then commas and names of caches",
	 .help = "checks on objects: free lists, red zones, poison, users, quarantine"},
	{"failslab", KIND_WORD, AT(failslab), .expected = "interval,probability,space,times",
	 .help = "objects that are not to be had"},
	{"fail_page_alloc", KIND_WORD, AT(fail_page_alloc), .expected = "interval,probability,space,times",
	 .help = "pages that are not to be had"},
	{"fail_nth", KIND_NUMBER, AT(fail_nth), 0, 1u << 20, "a number from 0 to 1048576",
	 .help = "self-tests run with their 1st, 2nd ... N-th request failing, then with some"},
	{"init_on_alloc", KIND_BOOL, AT(init_on_alloc), .expected = "0 or 1",
	 .help = "clear pages and objects when they are handed out"},
	{"init_on_free", KIND_BOOL, AT(init_on_free), .expected = "0 or 1",
	 .help = "... when they come back"},
	{"guard_sample", KIND_NUMBER, AT(guard_sample), 0, 1u << 20, "a number from 0 to 1048576",
	 .help = "one object in so many lies between unmapped pages; 0: none"},
	{"page_poison", KIND_BOOL, AT(page_poison), .expected = "0 or 1",
	 .help = "free pages hold a pattern: what is written to them is found"},
	{"page_owner", KIND_BOOL, AT(page_owner), ON_OFF,
	 .help = "who took each page, and who freed it: in reports, whatis, page, owners"},
	{"root", KIND_WORD, AT(root), .expected = "the name of a disk, ide0 to ide3",
	 .help = "its files hang over /: ls, cat ... at the prompt"},
	{"run", KIND_LINE, AT(run), .expected = "a program and its arguments, in quotes",
	 .help = "what runs in ring 3 before the prompt; & at its end: behind it"},
	{"swap", KIND_WORD, AT(swap), .expected = "the name of a disk, ide0 to ide3",
	 .help = "made by mkswap: memory of programs goes there when it is short"},
	{"swappiness", KIND_NUMBER, AT(swappiness), 0, 200, "a number from 0 to 200",
	 .help = "which goes first, files (0) or memory of programs (200); 100: alike"},
	{"validate_every", KIND_NUMBER, AT(validate_every), 0, 1u << 30, "a number from 0 to 1073741824",
	 .help = "DEBUG=2: mm_validate after each so many slow paths; 0: never"},
};

static const struct cmdline_options cmdline_defaults = {
	.selftest = "all",
	.bench = "none",
	.demo = "none",
	.monitor = true,
	.cpus = 16,
	.numa = true,
	.dirty_background_ratio = 10,
	.dirty_ratio = 20,
	.swappiness = 60,
	.exit = CMDLINE_EXIT_NEVER,
	.panic = PANIC_HALT,
};

/* A piece of the line, not terminated. */
struct piece {
	const char *text;
	size_t len;
};

struct parser {
	struct cmdline_options *options;
	void (*warn)(const char *fmt, ...);
	uint32_t seen; /* a bit for each option that was set */
};

static bool piece_is(const struct piece *piece, const char *text)
{
	return strlen(text) == piece->len && memcmp(piece->text, text, piece->len) == 0;
}

/* The piece as a person may read it: printable ASCII, the rest as \xNN, cut at SHOWN_MAX characters. */
static const char *piece_show(const struct piece *piece, char shown[SHOWN_MAX + 4])
{
	size_t len = 0;

	for (size_t i = 0; i < piece->len; i++) {
		unsigned char c = (unsigned char)piece->text[i];
		bool plain = c > ' ' && c < 0x7f && c != '\\';

		if (len + (plain ? 1 : 4) > SHOWN_MAX) {
			memcpy(shown + len, "...", 4);
			return shown;
		}
		len += (size_t)scnprintf(shown + len, SHOWN_MAX + 4 - len, plain ? "%c" : "\\x%02x", c);
	}
	shown[len] = '\0';
	return shown;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* Takes the digits off the front of *piece. False when there are none or the number needs more than 64 bits.
 */
static bool number_take(struct piece *piece, uint64_t *value)
{
	bool hex = piece->len > 2 && piece->text[0] == '0' && (piece->text[1] | 0x20) == 'x';
	unsigned int base = hex ? 16 : 10;
	size_t i = hex ? 2 : 0, first = i;

	*value = 0;
	for (; i < piece->len && digit_of(piece->text[i]) < (int)base; i++) {
		if (__builtin_mul_overflow(*value, (uint64_t)base, value) ||
		    __builtin_add_overflow(*value, (uint64_t)digit_of(piece->text[i]), value))
			return false;
	}
	piece->text += i;
	piece->len -= i;
	return i > first;
}

static bool suffix_shift(const struct piece *suffix, unsigned int *shift)
{
	static const char letters[] = "KMG";
	const char *letter;

	*shift = 0;
	if (suffix->len == 0)
		return true;
	letter = memchr(letters, suffix->text[0] & ~0x20, sizeof(letters) - 1);
	if (suffix->len != 1 || letter == NULL)
		return false;
	*shift = 10 * (unsigned int)(letter - letters + 1);
	return true;
}

static bool size_read(struct piece value, uint64_t *size)
{
	unsigned int shift;

	if (!number_take(&value, size) || !suffix_shift(&value, &shift) || *size > UINT64_MAX >> shift)
		return false;
	*size <<= shift;
	return true;
}

static bool bool_read(const struct piece *value, bool *yes)
{
	*yes = piece_is(value, "1") || piece_is(value, "on");
	return *yes || piece_is(value, "0") || piece_is(value, "off");
}

static bool choice_read(const struct piece *value, const char *words, unsigned int *chosen)
{
	const char *bar = strchr(words, '|');
	struct piece first = {words, (size_t)(bar - words)};

	*chosen = piece_is(value, bar + 1);
	return *chosen != 0 || (value->len == first.len && memcmp(value->text, first.text, first.len) == 0);
}

static bool text_store(char *to, const struct piece *value, char lowest)
{
	if (value->len == 0 || value->len >= CMDLINE_LIST_MAX)
		return false;
	for (size_t i = 0; i < value->len; i++) {
		if (value->text[i] < lowest || value->text[i] > '~')
			return false;
	}
	memcpy(to, value->text, value->len);
	to[value->len] = '\0';
	return true;
}

static bool bool_store(bool *to, const struct piece *value)
{
	bool yes, ok = bool_read(value, &yes);

	if (ok)
		*to = yes;
	return ok;
}

static bool choice_store(unsigned int *to, const struct option *option, const struct piece *value)
{
	unsigned int chosen;
	bool ok = choice_read(value, option->expected, &chosen);

	if (ok)
		*to = chosen;
	return ok;
}

static bool number_store(void *to, const struct option *option, struct piece value)
{
	uint64_t number;

	if (option->kind == KIND_SIZE ? !size_read(value, &number)
				      : !number_take(&value, &number) || value.len != 0)
		return false;
	if (number < option->min || number > option->max)
		return false;
	if (option->kind == KIND_SIZE)
		*(uint64_t *)to = number;
	else
		*(uint32_t *)to = (uint32_t)number;
	return true;
}

/* Checks the value and stores it; false when it is not what the option expects. */
static bool option_store(const struct option *option, struct cmdline_options *options,
			 const struct piece *value)
{
	void *to = (char *)options + option->offset;

	switch (option->kind) {
	case KIND_WORD:
		return text_store(to, value, '!');
	case KIND_LINE:
		return text_store(to, value, ' ');
	case KIND_BOOL:
		return bool_store(to, value);
	case KIND_CHOICE:
		return choice_store(to, option, value);
	default:
		return number_store(to, option, *value);
	}
}

/* Index in the table, or -1. */
static int option_find(const struct piece *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(cmdline_table); i++) {
		if (piece_is(name, cmdline_table[i].name))
			return (int)i;
	}
	return -1;
}

/* Was the option given, and usable? */
static bool option_was_seen(const struct parser *parser, const char *name)
{
	struct piece piece = {name, strlen(name)};

	return parser->seen >> option_find(&piece) & 1u;
}

static struct piece word_name(const struct piece *word)
{
	const char *equals = memchr(word->text, '=', word->len);

	return (struct piece){word->text, equals != NULL ? (size_t)(equals - word->text) : word->len};
}

/* C2 */
static struct piece unquoted(struct piece piece)
{
	bool is_quoted = piece.len > 2 && piece.text[0] == '"' && piece.text[piece.len - 1] == '"';

	return is_quoted ? (struct piece){piece.text + 1, piece.len - 2} : piece;
}

/* What stands behind the '='; nothing when there is none. */
static struct piece word_value(const struct piece *word, const struct piece *name)
{
	size_t skipped = MIN(name->len + 1, word->len);

	return unquoted((struct piece){word->text + skipped, word->len - skipped});
}

static bool word_is_file_name(const struct piece *word)
{
	struct piece name = word_name(word);

	if (memchr(name.text, '/', name.len) != NULL)
		return true;
	if (word->len >= 4 && memcmp(word->text + word->len - 4, ".elf", 4) == 0)
		return true;
	return name.len == word->len && option_find(&name) < 0;
}

static void option_parse(struct parser *parser, unsigned int index, const struct piece *word,
			 struct piece value)
{
	const struct option *option = &cmdline_table[index];
	char shown[SHOWN_MAX + 4];

	if (!option_store(option, parser->options, &value)) {
		parser->warn("command line: %s: %s= expects %s", piece_show(word, shown), option->name,
			     option->expected);
		return;
	}
	if (parser->seen >> index & 1u)
		parser->warn("command line: %s: %s= is given more than once, expected once; this one counts",
			     piece_show(word, shown), option->name);
	parser->seen |= 1u << index;
}

/* " selftest bench ..." */
static const char *names_join(char names[NAMES_MAX])
{
	int len = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(cmdline_table); i++)
		len += scnprintf(names + len, NAMES_MAX - (size_t)len, " %s", cmdline_table[i].name);
	return names;
}

static void word_parse(struct parser *parser, const struct piece *word)
{
	struct piece name = word_name(word);
	char shown[SHOWN_MAX + 4], names[NAMES_MAX];
	int index = option_find(&name);

	if (index < 0)
		parser->warn("command line: %s: unknown option, expected%s", piece_show(word, shown),
			     names_join(names));
	else
		option_parse(parser, (unsigned int)index, word, word_value(word, &name));
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Behind the letter, or behind the quote that closes the one which is there. */
static const char *letter_end(const char *letter)
{
	const char *close = *letter == '"' ? strchr(letter + 1, '"') : NULL;

	return (close ? close : letter) + 1;
}

/* The next word at or behind *line, which moves behind it; an empty one at the end. */
static struct piece word_next(const char **line)
{
	const char *start;

	while (is_blank(**line))
		(*line)++;
	start = *line;
	while (**line != '\0' && !is_blank(**line))
		*line = letter_end(*line);
	return unquoted((struct piece){start, (size_t)(*line - start)});
}

void cmdline_parse(struct cmdline_options *options, const char *line, void (*warn)(const char *fmt, ...))
{
	struct parser parser = {.options = options, .warn = warn};
	struct piece word;

	*options = cmdline_defaults;
	word = word_next(&line);
	if (word.len != 0 && word_is_file_name(&word))
		word = word_next(&line);
	for (; word.len != 0; word = word_next(&line))
		word_parse(&parser, &word);
	if (options->exit == CMDLINE_EXIT_QEMU && !option_was_seen(&parser, "monitor"))
		options->monitor = false;
}

void cmdline_print_options(struct sink *out)
{
	for (const struct option *o = cmdline_table; o < cmdline_table + ARRAY_SIZE(cmdline_table); o++)
		sink_printf(out, "  %s=%s\n      %s\n", o->name, o->expected, o->help);
}
