/* SPDX-License-Identifier: MIT */
/* Messages become lines "[    1.234567] text\n"; lines go into the log and to the consoles.
 *
 * The log is a ring of records, each a small header and the text of one line with its newline. Positions only
 * grow (the ring's index is position mod size), so 2^32 bytes of messages later they wrap like any 32-bit
 * count.
 *
 * L1 first <= last, last - first <= LOG_SIZE; both stand on a record's start.
 * L2 A record is complete before `last` includes it; the oldest ones go before their bytes are reused.
 *
 * Lock: `lock`, interrupts off, for log and consoles; and `depth` for what comes nevertheless on the CPU that holds it (an
 * exception inside printk, or a panic there): a nested call leaves the log alone and writes to the consoles only, and from
 * MAX_DEPTH on does nothing at all.
 *
 * A message is made in a buffer of its CPU, not on the stack of who speaks: one for each level of nesting, a thread's, a
 * softirq's, an interrupt's, an exception's, with preemption off. */
#include <kernel/core/printk.h>

#include <kernel/arch/irqflags.h>
#include <kernel/core/console.h>
#include <kernel/core/lockword.h>
#include <kernel/core/preempt.h>
#include <kernel/lib/align.h>
#include <kernel/lib/string.h>

#define LOG_SIZE  16384u /* a power of two */
#define STAMP_MAX 24u	 /* "[4294967295.999999] " */
#define LINE_MAX  (STAMP_MAX + PRINTK_MAX)
#define MAX_DEPTH 3u
#define NR_TEXTS  6u

struct record {
	uint16_t len; /* of the text that follows */
	uint16_t level;
};

STATIC_ASSERT(CONST_IS_POWER_OF_2(LOG_SIZE), "positions are reduced by a mask");

static struct {
	struct console *consoles;
	uint64_t (*now_us)(void);
	bool (*filter)(enum printk_level level, const char *text);
	uint32_t lock; /* see lockword.h; nothing is said of who holds it long */
	unsigned int depth;
	uint32_t first, last; /* positions */
	char line[MAX_DEPTH][LINE_MAX];
	char log[LOG_SIZE];
	bool is_quiet; /* remarks go to the log only */
	bool saw_break;
} printk_state;

DEFINE_PERCPU(uint32_t, printk_nr_texts);
static DEFINE_PERCPU(
	struct { char text[NR_TEXTS][PRINTK_MAX]; }, printk_texts);

/* PRINTK_MAX bytes, until text_give(). An interrupt between the two steps has given back all by its end. */
static char *text_take(void)
{
	uint32_t nr;

	preempt_disable();
	nr = this_cpu_fetch_add(printk_nr_texts, 1u);
	return this_cpu_ptr(printk_texts)->text[MIN(nr, NR_TEXTS - 1)];
}

static void text_give(void)
{
	this_cpu_add(printk_nr_texts, -1u);
	preempt_enable();
}

static void log_write(uint32_t position, const void *from, size_t len)
{
	uint32_t index = position & (LOG_SIZE - 1);
	size_t until_end = MIN(len, LOG_SIZE - index);

	memcpy(printk_state.log + index, from, until_end);
	memcpy(printk_state.log, (const char *)from + until_end, len - until_end);
}

static void log_read(uint32_t position, void *to, size_t len)
{
	uint32_t index = position & (LOG_SIZE - 1);
	size_t until_end = MIN(len, LOG_SIZE - index);

	memcpy(to, printk_state.log + index, until_end);
	memcpy((char *)to + until_end, printk_state.log, len - until_end);
}

static uint32_t log_next(uint32_t position)
{
	struct record record;

	log_read(position, &record, sizeof(record));
	return position + (uint32_t)sizeof(record) + record.len;
}

static void log_append(enum printk_level level, const char *line, size_t len)
{
	struct record record = {.len = (uint16_t)len, .level = (uint16_t)level};
	uint32_t end = printk_state.last + (uint32_t)(sizeof(record) + len);

	while (end - printk_state.first > LOG_SIZE)
		printk_state.first = log_next(printk_state.first);
	log_write(printk_state.last, &record, sizeof(record));
	log_write(printk_state.last + (uint32_t)sizeof(record), line, len);
	printk_state.last = end;
}

/* Copies the record at `position`, which must be in the log. Result: the length of its line. */
static size_t log_fetch(uint32_t position, struct record *record, char line[LINE_MAX])
{
	log_read(position, record, sizeof(*record));
	log_read(position + (uint32_t)sizeof(*record), line, MIN(record->len, LINE_MAX));
	return MIN(record->len, LINE_MAX);
}

/* Whoever held it when a panic stopped its CPU was in the midst of something, and never goes on. */
irqflags_t consoles_lock(void)
{
	irqflags_t flags = irq_save();

	if (!lock_word_is_mine(&printk_state.lock)) {
		if (!lock_word_try(&printk_state.lock))
			lock_word_wait(&printk_state.lock, NULL);
		printk_state.depth = 0;
	}
	printk_state.depth++;
	return flags;
}

void consoles_unlock(irqflags_t flags)
{
	if (--printk_state.depth == 0)
		lock_word_release(&printk_state.lock);
	irq_restore(flags);
}

static bool printk_enter(irqflags_t *flags)
{
	*flags = consoles_lock();
	if (printk_state.depth <= MAX_DEPTH)
		return true;
	consoles_unlock(*flags);
	return false;
}

static void consoles_write(const char *text, size_t len)
{
	for (struct console *con = printk_state.consoles; con != NULL; con = con->next)
		con->write(con, text, len);
}

static uint32_t divide_by_million(uint64_t us, uint32_t *rest)
{
	uint32_t quotient = 0;

	*rest = 0;
	for (int bit = 63; bit >= 0; bit--) {
		*rest = *rest << 1 | (uint32_t)(us >> bit & 1);
		quotient <<= 1;
		if (*rest >= 1000000) {
			*rest -= 1000000;
			quotient |= 1;
		}
	}
	return quotient;
}

static size_t stamp_print(char *line)
{
	uint64_t us = printk_state.now_us != NULL ? printk_state.now_us() : 0;
	uint32_t rest, seconds = divide_by_million(us, &rest);

	return (size_t)scnprintf(line, STAMP_MAX, "[%5u.%06u] ", seconds, rest);
}

static void line_emit(enum printk_level level, const char *text, size_t len)
{
	char *line = printk_state.line[printk_state.depth - 1];
	size_t total = stamp_print(line);

	memcpy(line + total, text, len);
	total += len;
	line[total++] = '\n';
	if (printk_state.depth == 1)
		log_append(level, line, total);
	if (level < PRINTK_INFO || (level == PRINTK_INFO && !printk_state.is_quiet))
		consoles_write(line, total);
}

static void message_emit(enum printk_level level, const char *text, size_t len)
{
	const char *end = text + len;

	do {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline != NULL ? newline : end;

		line_emit(level, text, (size_t)(stop - text));
		text = stop + 1;
	} while (text < end);
}

/* Result: the length of the message without a newline at its end. */
static size_t message_format(char text[PRINTK_MAX], const char *fmt, va_list args)
{
	size_t len = (size_t)vsnprintf(text, PRINTK_MAX, fmt, args);

	if (len >= PRINTK_MAX) {
		memcpy(text + PRINTK_MAX - 4, "...", 4);
		len = PRINTK_MAX - 1;
	}
	return len != 0 && text[len - 1] == '\n' ? len - 1 : len;
}

static bool printk_offer(enum printk_level level, const char *text)
{
	return printk_state.filter && printk_state.filter(level, text);
}

static void print_unless_taken(enum printk_level level, const char *text, size_t len, bool is_offered)
{
	irqflags_t flags;

	if ((is_offered && printk_offer(level, text)) || !printk_enter(&flags))
		return;
	message_emit(level, text, len);
	consoles_unlock(flags);
}

void vprintk_offered(enum printk_level level, const char *fmt, va_list args)
{
	char *text = text_take();
	size_t len = message_format(text, fmt, args);

	print_unless_taken(level, text, len, true);
	text_give();
}

void vprintk(enum printk_level level, const char *fmt, va_list args)
{
	char *text = text_take();
	size_t len = message_format(text, fmt, args);

	print_unless_taken(level, text, len, level < PRINTK_INFO);
	text_give();
}

void printk(enum printk_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintk(level, fmt, args);
	va_end(args);
}

/* <0> to <3> are errors, <4> a warning, <5> and <6> information, <7> debugging. */
static enum printk_level tag_level(char tag)
{
	if (tag <= '3')
		return PRINTK_ERR;
	if (tag == '4')
		return PRINTK_WARN;
	return tag == '7' ? PRINTK_DEBUG : PRINTK_INFO;
}

void printk_tagged(const char *fmt, ...)
{
	bool tagged = fmt[0] == '<' && fmt[1] >= '0' && fmt[1] <= '7' && fmt[2] == '>';
	va_list args;

	va_start(args, fmt);
	vprintk(tagged ? tag_level(fmt[1]) : PRINTK_INFO, tagged ? fmt + 3 : fmt, args);
	va_end(args);
}

void pr_err(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintk(PRINTK_ERR, fmt, args);
	va_end(args);
}

void pr_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintk(PRINTK_WARN, fmt, args);
	va_end(args);
}

void pr_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintk(PRINTK_INFO, fmt, args);
	va_end(args);
}

void pr_debug(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintk(PRINTK_DEBUG, fmt, args);
	va_end(args);
}

void printk_set_filter(bool (*filter)(enum printk_level level, const char *text))
{
	printk_state.filter = filter;
}

void consoles_flush(void)
{
	printk_state.filter = NULL;
	for (struct console *con = printk_state.consoles; con != NULL; con = con->next)
		if (con->flush)
			con->flush(con);
}

void consoles_recover(void)
{
	printk_state.depth = 0;
	if (lock_word_is_mine(&printk_state.lock))
		lock_word_release(&printk_state.lock);
}

void printk_set_clock(uint64_t (*now_us)(void))
{
	printk_state.now_us = now_us;
}

/* A line a step, so that interrupts come in between; what was overwritten meanwhile is passed over. */
void dmesg_print(struct sink *out)
{
	uint32_t position = printk_state.first, end = printk_state.last;

	while ((int32_t)(end - position) > 0) {
		char line[LINE_MAX];
		struct record record;
		irqflags_t flags = consoles_lock();
		size_t len;

		if ((int32_t)(printk_state.first - position) > 0)
			position = printk_state.first;
		len = log_fetch(position, &record, line);
		position = log_next(position);
		consoles_unlock(flags);
		out->write(out, line, len);
	}
}

static void console_replay(struct console *con)
{
	for (uint32_t at = printk_state.first; at != printk_state.last; at = log_next(at)) {
		char line[LINE_MAX];
		struct record record;
		size_t len = log_fetch(at, &record, line);

		if (record.level != PRINTK_DEBUG)
			con->write(con, line, len);
	}
}

void console_register(struct console *con)
{
	irqflags_t flags = consoles_lock();

	console_replay(con);
	con->next = printk_state.consoles;
	printk_state.consoles = con;
	consoles_unlock(flags);
}

static void console_sink_write(struct sink *sink, const char *text, size_t len)
{
	irqflags_t flags;

	(void)sink;
	if (!printk_enter(&flags))
		return;
	consoles_write(text, len);
	consoles_unlock(flags);
}

struct sink *console_sink(void)
{
	static struct sink sink = {.write = console_sink_write};

	return &sink;
}

void printk_set_quiet(bool quiet)
{
	printk_state.is_quiet = quiet;
}

void console_note_break(void)
{
	WRITE_ONCE(printk_state.saw_break, true);
}

bool console_saw_break(void)
{
	return READ_ONCE(printk_state.saw_break);
}

void console_forget_break(void)
{
	WRITE_ONCE(printk_state.saw_break, false);
}
