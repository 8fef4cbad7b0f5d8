/* SPDX-License-Identifier: MIT */
/* The line editor. An edit changes text, then repaints from the first changed column; going left is done with
 * backspaces, which every terminal knows. No state but the caller's struct. */
#include <monitor/line.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>

enum escape_state { ESCAPE_NONE, ESCAPE_STARTED, ESCAPE_CSI, ESCAPE_SS3 };

#define CTRL(letter) ((letter)&0x1f)
#define ESC	     0x1b
#define DEL	     0x7f

static void put(struct line_editor *line, const char *text, size_t len)
{
	if (len)
		line->echo->write(line->echo, text, len);
}

static void put_many(struct line_editor *line, char c, unsigned int nr)
{
	char run[32];

	memset(run, c, sizeof(run));
	for (; nr; nr -= MIN(nr, (unsigned int)sizeof(run)))
		put(line, run, MIN(nr, (unsigned int)sizeof(run)));
}

static void bell(struct line_editor *line)
{
	put(line, "\a", 1);
}

void line_init(struct line_editor *line, const char *prompt, struct sink *echo)
{
	memset(line, 0, sizeof(*line));
	line->prompt = prompt;
	line->echo = echo;
}

void line_begin(struct line_editor *line)
{
	line->len = line->cursor = line->back = 0;
	line->is_too_long = line->is_binary = false;
	line->problem = NULL;
	line->text[0] = '\0';
	put(line, line->prompt, strlen(line->prompt));
}

/* --- editing --- */

/* The screen from `from` on is stale, and `shown` columns of it are in use; its cursor is at `from`. */
static void repaint(struct line_editor *line, unsigned int from, unsigned int shown)
{
	unsigned int fresh = line->len - from, stale = shown > fresh ? shown - fresh : 0;

	put(line, line->text + from, fresh);
	put_many(line, ' ', stale);
	put_many(line, '\b', stale + line->len - line->cursor);
}

static void cursor_set(struct line_editor *line, unsigned int to)
{
	if (to < line->cursor)
		put_many(line, '\b', line->cursor - to);
	else
		put(line, line->text + line->cursor, to - line->cursor);
	line->cursor = to;
}

static void insert(struct line_editor *line, char c)
{
	if (line->len + 1 == LINE_SIZE) {
		line->is_too_long = true;
		bell(line);
		return;
	}
	memmove(line->text + line->cursor + 1, line->text + line->cursor, line->len - line->cursor);
	line->text[line->cursor] = c;
	line->len++;
	line->cursor++;
	repaint(line, line->cursor - 1, line->len - line->cursor);
}

/* Takes text[start, end) out. Who does that looks at the line: what was refused before is forgotten. */
static void take_out(struct line_editor *line, unsigned int start, unsigned int end)
{
	unsigned int shown = line->len - start;

	if (start == end) {
		bell(line);
		return;
	}
	cursor_set(line, start);
	memmove(line->text + start, line->text + end, line->len - end);
	line->len -= end - start;
	line->is_too_long = line->is_binary = false;
	repaint(line, start, shown);
}

static unsigned int word_start(const struct line_editor *line)
{
	unsigned int at = line->cursor;

	while (at && line->text[at - 1] == ' ')
		at--;
	while (at && line->text[at - 1] != ' ')
		at--;
	return at;
}

static void move_to(struct line_editor *line, bool possible, unsigned int to)
{
	if (possible)
		cursor_set(line, to);
	else
		bell(line);
}

static void clear_screen(struct line_editor *line)
{
	put(line, "\033[H\033[2J", 7);
	put(line, line->prompt, strlen(line->prompt));
	repaint(line, 0, 0);
}

/* --- history --- */

static char *kept_line(struct line_editor *line, unsigned int back)
{
	return line->kept[(line->nr_kept - back) % LINE_HISTORY];
}

static void keep(struct line_editor *line)
{
	if (line->len == 0 || (line->nr_kept && strcmp(kept_line(line, 1), line->text) == 0))
		return;
	memcpy(kept_line(line, 0), line->text, line->len + 1);
	line->nr_kept++;
}

static void show(struct line_editor *line, const char *text)
{
	unsigned int shown = line->len;

	cursor_set(line, 0);
	line->len = line->cursor = (unsigned int)strlen(text);
	memcpy(line->text, text, line->len);
	repaint(line, 0, shown);
}

static void history_go(struct line_editor *line, unsigned int back)
{
	if (back > MIN(line->nr_kept, LINE_HISTORY)) {
		bell(line);
		return;
	}
	if (line->back == 0) {
		line->was_too_long = line->is_too_long;
		line->was_binary = line->is_binary;
		memcpy(line->unfinished, line->text, line->len);
		line->unfinished[line->len] = '\0';
	}
	line->back = back;
	show(line, back ? kept_line(line, back) : line->unfinished);
	line->is_too_long = back == 0 && line->was_too_long;
	line->is_binary = back == 0 && line->was_binary;
}

static void history_newer(struct line_editor *line)
{
	if (line->back)
		history_go(line, line->back - 1);
	else
		bell(line);
}

/* The needle is the new line, kept in `unfinished` once an old one is shown. */
static void history_search(struct line_editor *line)
{
	unsigned int back = line->back + 1, nr = MIN(line->nr_kept, LINE_HISTORY);

	line->text[line->len] = '\0';
	while (back <= nr && !strstr(kept_line(line, back), line->back ? line->unfinished : line->text))
		back++;
	if (back <= nr)
		history_go(line, back);
	else
		bell(line);
}

/* --- completion --- */

static bool could_be(const struct line_editor *line, const char *word, unsigned int typed)
{
	return strncmp(word, line->text + line->cursor - typed, typed) == 0;
}

/* Where the word begins that is being completed: flags are joined by bars. */
static unsigned int completed_start(const struct line_editor *line)
{
	unsigned int at = line->cursor;

	while (at && line->text[at - 1] != ' ' && line->text[at - 1] != '|')
		at--;
	return at;
}

#define LISTED_MAX 120u

static void list_candidates(struct line_editor *line, const char *before, unsigned int typed)
{
	unsigned int column = 0, nr = 0;
	const char *word;

	put(line, "\n", 1);
	for (unsigned int n = 0; (word = line->complete(before, n)) != NULL; n++) {
		size_t len = strlen(word);

		if (!could_be(line, word, typed))
			continue;
		if (nr++ == LISTED_MAX) {
			put(line, "...", 3);
			break;
		}
		if (column + len > 76) {
			put(line, "\n", 1);
			column = 0;
		}
		put(line, word, len);
		put(line, "  ", 2);
		column += (unsigned int)len + 2;
	}
	put(line, "\n", 1);
	put(line, line->prompt, strlen(line->prompt));
	repaint(line, 0, 0);
}

/* What all candidates have in common is inserted; when that is nothing they are listed. */
static void key_tab(struct line_editor *line)
{
	unsigned int typed = line->cursor - completed_start(line), nr = 0;
	char before[LINE_SIZE], first[LINE_SIZE]; /* a candidate is good until the next is asked for */
	const char *word;
	size_t common = 0;

	if (!line->complete) {
		insert(line, ' ');
		return;
	}
	memcpy(before, line->text, line->cursor);
	before[line->cursor] = '\0';
	for (unsigned int n = 0; (word = line->complete(before, n)) != NULL; n++) {
		if (!could_be(line, word, typed))
			continue;
		if (nr++ == 0) {
			(void)snprintf(first, sizeof(first), "%s", word);
			common = strlen(first);
		}
		for (size_t i = 0; i < common; i++)
			if (word[i] != first[i])
				common = i;
	}
	if (nr == 0)
		bell(line);
	else if (common == typed && nr > 1)
		list_candidates(line, before, typed);
	for (size_t i = typed; i < common; i++)
		insert(line, first[i]);
	if (nr == 1)
		insert(line, ' ');
}

/* --- bytes --- */

static void key_delete(struct line_editor *line)
{
	take_out(line, line->cursor, MIN(line->cursor + 1, line->len));
}

static void escape_tilde(struct line_editor *line)
{
	switch (line->escape_number) {
	case 1:
	case 7:
		cursor_set(line, 0);
		break;
	case 3:
		key_delete(line);
		break;
	case 4:
	case 8:
		cursor_set(line, line->len);
		break;
	}
}

static void escape_final(struct line_editor *line, uint8_t byte)
{
	switch (byte) {
	case 'A':
		history_go(line, line->back + 1);
		break;
	case 'B':
		history_newer(line);
		break;
	case 'C':
		move_to(line, line->cursor < line->len, line->cursor + 1);
		break;
	case 'D':
		move_to(line, line->cursor > 0, line->cursor - 1);
		break;
	case 'H':
		cursor_set(line, 0);
		break;
	case 'F':
		cursor_set(line, line->len);
		break;
	case '~':
		escape_tilde(line);
		break;
	}
}

/* Result: was the byte part of a sequence? A sequence we do not know ends at its final byte, unheard. */
static bool escape_feed(struct line_editor *line, uint8_t byte)
{
	uint8_t state = line->escape;

	line->escape = ESCAPE_NONE;
	if (state == ESCAPE_NONE || byte < ' ' || byte >= DEL)
		return false;
	if (state == ESCAPE_STARTED) {
		line->escape_number = 0;
		line->escape = byte == '[' ? ESCAPE_CSI : byte == 'O' ? ESCAPE_SS3 : ESCAPE_NONE;
	} else if (state == ESCAPE_CSI && byte < '@') {
		line->escape = ESCAPE_CSI;
		if (byte >= '0' && byte <= '9')
			line->escape_number = (uint8_t)(line->escape_number * 10 + byte - '0');
	} else {
		escape_final(line, byte);
	}
	return true;
}

static void control_feed(struct line_editor *line, uint8_t byte)
{
	switch (byte) {
	case '\0':
		break;
	case '\t':
		key_tab(line);
		break;
	case CTRL('R'):
		history_search(line);
		break;
	case '\b':
	case DEL:
		take_out(line, line->cursor - (line->cursor > 0), line->cursor);
		break;
	case CTRL('A'):
		cursor_set(line, 0);
		break;
	case CTRL('B'):
		move_to(line, line->cursor > 0, line->cursor - 1);
		break;
	case CTRL('C'):
		put(line, "^C\n", 3);
		line_begin(line);
		break;
	case CTRL('D'):
		key_delete(line);
		break;
	case CTRL('E'):
		cursor_set(line, line->len);
		break;
	case CTRL('F'):
		move_to(line, line->cursor < line->len, line->cursor + 1);
		break;
	case CTRL('K'):
		take_out(line, line->cursor, line->len);
		break;
	case CTRL('L'):
		clear_screen(line);
		break;
	case CTRL('U'):
		take_out(line, 0, line->cursor);
		break;
	case CTRL('W'):
		take_out(line, word_start(line), line->cursor);
		break;
	case ESC:
		line->escape = ESCAPE_STARTED;
		break;
	default:
		bell(line);
		line->is_binary |= byte > DEL;
	}
}

static bool finish(struct line_editor *line)
{
	cursor_set(line, line->len);
	put(line, "\n", 1);
	line->text[line->len] = '\0';
	if (line->is_too_long)
		line->problem = "line too long: expected at most 255 characters";
	else if (line->is_binary)
		line->problem = "line is no text: expected printable ASCII";
	else
		keep(line);
	return true;
}

bool line_feed(struct line_editor *line, uint8_t byte)
{
	bool was_return = line->was_return;

	line->was_return = byte == '\r';
	if (byte == '\n' && was_return)
		return false;
	if (escape_feed(line, byte))
		return false;
	if (byte == '\r' || byte == '\n')
		return finish(line);
	if (byte >= ' ' && byte < DEL)
		insert(line, (char)byte);
	else
		control_feed(line, byte);
	return false;
}
