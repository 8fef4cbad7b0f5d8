/* SPDX-License-Identifier: MIT */
/* The line editor, fed byte by byte as from a terminal, and the words of a command. The screen is a small
 * terminal that understands what the editor sends. Host and guest. */
#include <monitor/line.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/random.h>
#include <kernel/lib/string.h>
#include <monitor/parse.h>
#include <tests/kernel/test_util.h>

#define PROMPT	 "$ "
#define UP	 "\033[A"
#define DOWN	 "\033[B"
#define RIGHT	 "\033[C"
#define LEFT	 "\033[D"
#define NR_CELLS 512u

struct terminal {
	struct line_editor line;
	struct sink sink;
	char cell[NR_CELLS]; /* the terminal's row, blanks where nothing was written */
	unsigned int column, nr_bells, nr_lines;
	bool is_confused; /* the editor sent something a terminal would not take */
	char ready[LINE_SIZE], problem[64];
	unsigned int nr_ready;
};

static struct terminal *t;

static void terminal_put(char c)
{
	switch (c) {
	case '\a':
		t->nr_bells++;
		return;
	case '\b':
		t->is_confused |= t->column == 0;
		t->column -= t->column > 0;
		return;
	case '\n':
		t->nr_lines++;
		t->column = 0;
		memset(t->cell, ' ', NR_CELLS);
		return;
	}
	t->is_confused |= c < ' ' || c > '~' || t->column >= NR_CELLS;
	if (t->column < NR_CELLS)
		t->cell[t->column++] = c;
}

static void terminal_write(struct sink *sink, const char *text, size_t len)
{
	static const char clear[] = "\033[H\033[2J";

	(void)sink;
	if (len == sizeof(clear) - 1 && memcmp(text, clear, len) == 0) {
		t->column = 0;
		memset(t->cell, ' ', NR_CELLS);
		return;
	}
	for (size_t i = 0; i < len; i++)
		terminal_put(text[i]);
}

static void begin(void)
{
	memset(t, 0, sizeof(*t));
	memset(t->cell, ' ', NR_CELLS);
	t->sink.write = terminal_write;
	line_init(&t->line, PROMPT, &t->sink);
	line_begin(&t->line);
}

static void feed_bytes(const char *bytes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (!line_feed(&t->line, (uint8_t)bytes[i]))
			continue;
		t->nr_ready++;
		(void)snprintf(t->ready, sizeof(t->ready), "%s", t->line.text);
		(void)snprintf(t->problem, sizeof(t->problem), "%s", t->line.problem ? t->line.problem : "");
		line_begin(&t->line);
	}
}

static void feed(const char *text)
{
	feed_bytes(text, strlen(text));
}

static void feed_many(char c, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		feed_bytes(&c, 1);
}

/* L3: prompt and text, nothing behind them, and the cursor where it belongs. */
static bool screen_is_true(void)
{
	unsigned int start = sizeof(PROMPT) - 1, end = start + t->line.len;
	bool ok = !t->is_confused && memcmp(t->cell, PROMPT, start) == 0 &&
		  memcmp(t->cell + start, t->line.text, t->line.len) == 0 &&
		  t->column == start + t->line.cursor;

	for (unsigned int i = end; i < NR_CELLS; i++)
		ok = ok && t->cell[i] == ' ';
	return ok;
}

/* The line now, and the screen that shows it. */
static bool line_is(const char *text, unsigned int cursor)
{
	bool ok = t->line.len == strlen(text) && memcmp(t->line.text, text, t->line.len) == 0 &&
		  t->line.cursor == cursor && screen_is_true();

	if (!ok)
		ktest_note("line \"%.*s\" cursor %u, screen \"%.40s\" column %u; expected \"%s\" cursor %u",
			   (int)t->line.len, t->line.text, t->line.cursor, t->cell, t->column, text, cursor);
	return ok;
}

static bool ready_is(const char *text)
{
	return strcmp(t->ready, text) == 0 && t->problem[0] == '\0';
}

KTEST(monitor, a_line_ends_at_return_newline_or_both, "USR-01")
{
	BORROW(t);
	begin();
	feed("one\rtwo\nthree\r\nfour\n");
	EXPECT_EQ(t->nr_ready, 4);
	EXPECT_EQ(t->nr_lines, 4);
	EXPECT(ready_is("four"));
	feed("\r\r");
	EXPECT_EQ(t->nr_ready, 6);
	EXPECT(ready_is(""));
}

KTEST(monitor, keys_edit_the_line_and_the_screen_shows_it, "USR-01")
{
	BORROW(t);
	begin();
	feed("help mem");
	EXPECT(line_is("help mem", 8));
	feed("\b\x7f");
	EXPECT(line_is("help m", 6));
	feed(LEFT LEFT "X");
	EXPECT(line_is("helpX m", 5));
	feed("\x01"
	     "Y"
	     "\x06"
	     "\x06"
	     "Z");
	EXPECT(line_is("YheZlpX m", 4));
	feed("\x05!"
	     "\x02\x02"
	     "\x04");
	EXPECT(line_is("YheZlpX !", 8));
	feed("\033[H\033[3~");
	EXPECT(line_is("heZlpX !", 0));
	feed("\033[F?\033[1~<\033[4~>\033OH\033OF\033[7~\033[8~");
	EXPECT(line_is("<heZlpX !?>", 11));
	feed(LEFT LEFT "\x0b");
	EXPECT(line_is("<heZlpX !", 9));
	feed("\x17");
	EXPECT(line_is("<heZlpX ", 8));
	feed("\x17");
	EXPECT(line_is("", 0));
	feed("abc def" LEFT LEFT "\x15");
	EXPECT(line_is("ef", 0));
	feed("\x0c");
	EXPECT(line_is("ef", 0));
	feed("gh\x03");
	EXPECT(line_is("", 0));
	EXPECT_EQ(t->nr_ready, 0);
	EXPECT_EQ(t->nr_bells, 0);
}

KTEST(monitor, a_key_that_can_do_nothing_rings, "USR-01")
{
	BORROW(t);
	begin();
	feed("\b\x7f\x04\x02\x06\x15\x0b\x17" UP DOWN LEFT RIGHT "\033[3~");
	EXPECT_EQ(t->nr_bells, 13);
	EXPECT(line_is("", 0));
	feed("\033[99~\033[5;3R\033Q\033[2~");
	EXPECT(line_is("", 0));
	EXPECT_EQ(t->nr_bells, 13);
}

KTEST(monitor, the_arrows_walk_through_the_last_16_lines, "USR-01")
{
	BORROW(t);
	char text[16];

	begin();
	for (unsigned int i = 0; i < 20; i++) {
		(void)snprintf(text, sizeof(text), "line %u\r\r", i);
		feed(text);
	}
	feed("line 19\r");
	feed("unfinished" UP);
	EXPECT(line_is("line 19", 7));
	for (unsigned int i = 0; i < 15; i++)
		feed(UP);
	EXPECT(line_is("line 4", 6));
	EXPECT_EQ(t->nr_bells, 0);
	feed(UP);
	EXPECT_EQ(t->nr_bells, 1);
	EXPECT(line_is("line 4", 6));
	feed(DOWN "!\r");
	EXPECT(ready_is("line 5!"));
	feed("new" UP UP DOWN DOWN);
	EXPECT(line_is("new", 3));
	feed(DOWN);
	EXPECT_EQ(t->nr_bells, 2);
}

KTEST(monitor, a_line_too_long_rings_and_is_refused_whole, "USR-02")
{
	BORROW(t);
	begin();
	feed_many('a', LINE_SIZE - 1);
	EXPECT_EQ(t->nr_bells, 0);
	feed("\r");
	EXPECT_EQ(strlen(t->ready), LINE_SIZE - 1);
	EXPECT_EQ(t->problem[0], '\0');
	feed_many('b', 100000);
	EXPECT_EQ(t->nr_bells, 100000 - (LINE_SIZE - 1));
	EXPECT_EQ(t->line.len, LINE_SIZE - 1);
	EXPECT(screen_is_true());
	feed("\r");
	EXPECT(strstr(t->problem, "too long: expected at most 255") != NULL);
	feed("ok\r");
	EXPECT(ready_is("ok"));
	feed_many('c', LINE_SIZE + 5);
	feed(UP DOWN "\r");
	EXPECT(strstr(t->problem, "too long") != NULL);
	feed_many('c', LINE_SIZE + 5);
	feed(UP "\r");
	EXPECT(ready_is("ok"));
	feed_many('c', LINE_SIZE + 5);
	feed("\bX\r");
	EXPECT_EQ(t->problem[0], '\0');
	EXPECT_EQ(strlen(t->ready), LINE_SIZE - 1);
}

KTEST(monitor, bytes_that_are_no_text_never_reach_a_command, "USR-02")
{
	BORROW(t);
	begin();
	feed_bytes("he\0l\0p\r", 7);
	EXPECT(ready_is("help"));
	feed("a\tb\r");
	EXPECT(ready_is("a b"));
	feed("fr\xff"
	     "ee\r");
	EXPECT(strstr(t->problem, "no text: expected printable ASCII") != NULL);
	EXPECT_EQ(t->nr_bells, 1);
	feed("\xc3\xa4 1" UP DOWN "\r");
	EXPECT(strstr(t->problem, "no text") != NULL);
	EXPECT_EQ(t->nr_bells, 3);
	feed("ok\x07\x1d\r");
	EXPECT(ready_is("ok"));
	EXPECT_EQ(t->nr_bells, 5);
}

KTEST(monitor, any_bytes_leave_line_and_screen_true, "USR-02")
{
	BORROW(t);
	struct random random = {.state = 0x11e5};
	unsigned int nr_false = 0;

	begin();
	for (unsigned int i = 0; i < 10000; i++) {
		static const char keys[] = "\x01\x02\x04\x05\x06\x08\x0b\x0c\x15\x17\x7f\r  ab\033[ABCD~3";
		uint32_t r = random_next(&random);
		char byte = r & 0x100 ? keys[(r & 0xff) % (sizeof(keys) - 1)] : (char)(r & 0xff);

		feed_bytes(&byte, 1);
		nr_false += !screen_is_true() || t->line.len >= LINE_SIZE || t->line.cursor > t->line.len;
	}
	EXPECT_EQ(nr_false, 0);
	EXPECT(t->nr_ready > 30);
}

KTEST(monitor, words_are_what_lies_between_blanks, "USR-01")
{
	char text[] = "  alloc  3 dma|kernel ", none[] = "   ",
	     many[] = "1 2 3 4 5 6 7 8 9 a b c d e f g h i";
	char *word[WORDS_MAX];

	EXPECT_EQ(parse_words(text, word), 3);
	EXPECT(strcmp(word[0], "alloc") == 0 && strcmp(word[1], "3") == 0 &&
	       strcmp(word[2], "dma|kernel") == 0);
	EXPECT_EQ(parse_words(none, word), 0);
	EXPECT_EQ(parse_words(many, word), 18);
	EXPECT(strcmp(word[WORDS_MAX - 1], "g") == 0);
}

KTEST(monitor, numbers_are_whole_words_below_2_to_the_64, "USR-01")
{
	static const char *const bad[] = {"",
					  "-1",
					  "+1",
					  "abc",
					  "0x",
					  "1k",
					  "\"\"",
					  "1.5",
					  "0xg",
					  "#1",
					  "18446744073709551616",
					  "99999999999999999999",
					  "0x10000000000000000"};
	uint64_t value = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT(!parse_number(bad[i], &value));
	EXPECT(parse_number("18446744073709551615", &value));
	EXPECT_EQ(value, UINT64_MAX);
	EXPECT(parse_number("0xFFFFffffFFFFffff", &value));
	EXPECT_EQ(value, UINT64_MAX);
	EXPECT(parse_number("1000000000000", &value));
	EXPECT_EQ(value, 1000000000000ull);
}

KTEST(monitor, a_size_may_end_in_k_m_or_g_and_fits_64_bits, "USR-01")
{
	static const char *const bad[] = {
		"", "k", "1kb", "1k1", "0x", "-1k", "1t", "17179869184g", "18446744073709551616"};
	uint64_t value = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT(!parse_size(bad[i], &value));
	EXPECT(parse_size("17", &value));
	EXPECT_EQ(value, 17);
	EXPECT(parse_size("0x10K", &value));
	EXPECT_EQ(value, 16384);
	EXPECT(parse_size("5m", &value));
	EXPECT_EQ(value, 5u << 20);
	EXPECT(parse_size("17179869183G", &value));
	EXPECT_EQ(value, 17179869183ull << 30);
}

KTEST(monitor, a_handle_is_a_number_from_1_behind_a_hash, "USR-01")
{
	static const char *const bad[] = {"",	"#",   "#0",  "1",    "#-1",
					  "#x", "#1x", "# 1", "#0x1", "#4294967296"};
	unsigned int number = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT(!parse_handle(bad[i], &number));
	EXPECT(parse_handle("#4294967295", &number));
	EXPECT_EQ(number, UINT32_MAX);
	EXPECT(parse_handle("#12", &number));
	EXPECT_EQ(number, 12);
}

static bool flags_are(const char *word, gfp_t expected)
{
	const char *where;
	size_t len;
	gfp_t gfp;

	return !parse_flags(word, &gfp, &where, &len) && gfp == expected;
}

static bool flags_fail_at(const char *word, const char *part)
{
	const char *where;
	size_t len;
	gfp_t gfp;

	return parse_flags(word, &gfp, &where, &len) && len == strlen(part) && memcmp(where, part, len) == 0;
}

KTEST(monitor, flags_have_their_names_with_or_without_prefix, "USR-01 C6")
{
	EXPECT(flags_are("GFP_KERNEL", GFP_KERNEL));
	EXPECT(flags_are("kernel", GFP_KERNEL));
	EXPECT(flags_are("atomic|DMA", GFP_ATOMIC | GFP_DMA));
	EXPECT(flags_are("__GFP_ZERO|gfp_dma|kernel", __GFP_ZERO | GFP_DMA | GFP_KERNEL));
	EXPECT(flags_are("nowait", GFP_NOWAIT));
	EXPECT(flags_fail_at("dma|frob|kernel", "frob"));
	EXPECT(flags_fail_at("", ""));
	EXPECT(flags_fail_at("dma|", ""));
	EXPECT(flags_fail_at("GFP_", "GFP_"));
	EXPECT(flags_fail_at("kern", "kern"));
	EXPECT(flags_fail_at("kernels", "kernels"));
	EXPECT(flags_are("nofail", __GFP_NOFAIL));
	EXPECT(flags_are("dma|highmem", __GFP_DMA | __GFP_HIGHMEM)); /* refused by the kernel, not here */
}

KTEST(monitor, words_of_flags_are_joined_and_cut, "USR-01")
{
	char dma[] = "dma", bar[] = "|", atomic[] = "atomic", zero[] = "zero", text[32], small[6];
	char *word[] = {dma, bar, atomic, zero};

	parse_join(text, sizeof(text), 3, word);
	EXPECT(strcmp(text, "dma|atomic") == 0);
	parse_join(small, sizeof(small), 3, word);
	EXPECT(strcmp(small, "dma|a") == 0);
	parse_join(text, sizeof(text), 4, word);
	EXPECT(strcmp(text, "dma|atomic|zero") == 0); /* a blank alone joins, too */
	parse_join(text, sizeof(text), 0, word);
	EXPECT_EQ(text[0], '\0');
}

static const char *complete_from_list(const char *before, unsigned int n)
{
	static const char *const words[] = {"alloc", "alloc_exact", "free", NULL};

	(void)before;
	return words[n];
}

KTEST(monitor, tab_inserts_what_all_candidates_share, "USR-01")
{
	BORROW(t);
	begin();
	t->line.complete = complete_from_list;
	feed("fr\t");
	EXPECT(line_is("free ", 5));
	feed("\x15"
	     "a\t");
	EXPECT(line_is("alloc", 5));
	feed("\x15"
	     "x\t");
	EXPECT(line_is("x", 1));
	EXPECT_EQ(t->nr_bells, 1);
}

KTEST(monitor, tab_lists_candidates_that_share_no_more, "USR-01")
{
	BORROW(t);
	begin();
	t->line.complete = complete_from_list;
	feed("alloc\t");
	EXPECT_EQ(t->nr_lines, 2);
	EXPECT(line_is("alloc", 5));
}

KTEST(monitor, control_r_finds_the_last_line_with_the_text_then_older_ones, "USR-01")
{
	BORROW(t);
	begin();
	feed("free #1\rkmalloc 8\rfree #2\rps\r");
	feed("free\x12");
	EXPECT(line_is("free #2", 7));
	feed("\x12");
	EXPECT(line_is("free #1", 7));
	feed("\x12");
	EXPECT(line_is("free #1", 7));
}
