/* SPDX-License-Identifier: MIT */
/* The test frame: finds the tests the linker gathered and runs them suite by suite. How results are told is in
 * ktest_report.c.
 *
 * The idea: a test is a pointer in the section "ktests"; a suite is a name that occurs there. Nothing is
 * allocated and nothing is known of the kernel but ktest_write(), so that the same object runs on the host
 * and before mm is up.
 *
 * Invariants:
 * T1 each test prints exactly one result line, each suite exactly one, after a plan that was printed
 *    before.
 * T2 while a test runs, every message of mm goes to ktest_report(): it is kept if the test captures, else
 *    printed as a diagnostic, and then an error or a warning fails the test.
 * T3 outside a test no message is touched.
 *
 * Context: one thread runs tests; reports may come from interrupts. */
#include <tests/ktest.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <tests/ktest_report.h>

#define KTEST_MAX_REPORTS 64
#define KTEST_REPORT_SIZE 192 /* bytes with the NUL */
#define KTEST_NOTE_SIZE	  240 /* bytes with the NUL */

#define KTEST_LEVEL_INFO  2 /* PORT_INFO; errors and warnings are below */

extern const struct ktest *const __start_ktests[];
extern const struct ktest *const __stop_ktests[];

static struct {
	const struct ktest_failures *failures; /* NULL: none on purpose */
	const struct ktest *starved;	       /* the test whose requests fail */
	bool is_muted;			       /* it runs, and its expectations do not count */
	const char *list;		       /* what was asked for */
	const struct ktest *running;	       /* NULL between tests */
	void (*check)(void);		       /* after each test, or NULL */
	unsigned int nr_failed;		       /* expectations of the running test, and unexpected reports */
	const char *skip_reason;	       /* NULL: not skipped */
	bool is_capturing;
	unsigned int nr_reports; /* captured; may exceed what is kept */
	unsigned int nr_bugs;	 /* reports that say BUG */
	char report[KTEST_MAX_REPORTS][KTEST_REPORT_SIZE];
} ktest;

void ktest_note(const char *fmt, ...)
{
	char text[KTEST_NOTE_SIZE];
	va_list args;

	if (ktest.is_muted)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	report_note(text);
}

/* Only the first failure of a test is shown: the others mostly follow from it. */
static bool ktest_fails_first(void)
{
	return ktest.nr_failed++ == 0;
}

bool ktest_check(bool ok, const char *file, int line, const char *expr)
{
	if (!ok && ktest_fails_first())
		ktest_note("%s:%d: expected %s", file, line, expr);
	return ok;
}

bool ktest_check_eq(uint64_t found, uint64_t expected, const char *file, int line, const char *expr)
{
	bool ok = found == expected;

	if (!ok && ktest_fails_first())
		ktest_note("%s:%d: expected %s: found 0x%llx (%lld), expected 0x%llx (%lld)", file, line,
			   expr, (unsigned long long)found, (long long)found, (unsigned long long)expected,
			   (long long)expected);
	return ok;
}

#ifdef __KERNEL__
bool ktest_check_here(bool ok, const char *file, int line)
{
	return ktest_check(ok, file, line, "otherwise");
}

bool ktest_check_eq_here(uint32_t found, uint32_t expected, const char *file, int line)
{
	return ktest_check_eq(found, expected, file, line, "equal");
}
#endif

void ktest_set_check(void (*check)(void))
{
	ktest.check = check;
}

void ktest_skip(const char *reason)
{
	ktest.skip_reason = reason;
}

void reports_capture(void)
{
	ktest.is_capturing = true;
}

void reports_forget(void)
{
	ktest.nr_reports = ktest.nr_bugs = 0;
}

unsigned int reports_count(void)
{
	return ktest.nr_reports;
}

unsigned int reports_count_bugs(void)
{
	return ktest.nr_bugs;
}

const char *report_at(unsigned int i)
{
	return i < MIN(ktest.nr_reports, KTEST_MAX_REPORTS) ? ktest.report[i] : "";
}

bool reports_contain(const char *text)
{
	unsigned int i;

	for (i = 0; i < MIN(ktest.nr_reports, KTEST_MAX_REPORTS); i++)
		if (strstr(ktest.report[i], text))
			return true;
	return false;
}

bool ktest_report(int level, const char *text)
{
	if (!ktest.running)
		return false;
	if (ktest.is_capturing) {
		if (ktest.nr_reports < KTEST_MAX_REPORTS)
			snprintf(ktest.report[ktest.nr_reports], KTEST_REPORT_SIZE, "%s", text);
		ktest.nr_reports++;
		ktest.nr_bugs += strstr(text, "BUG") != NULL;
	} else if (ktest.is_muted) {
		ktest.nr_bugs += strstr(text, "BUG") != NULL;
		if (strstr(text, "BUG"))
			report_note(text);
	} else if (level < KTEST_LEVEL_INFO) {
		ktest.nr_failed++;
		ktest_note("unexpected report: %s", text);
	} else {
		ktest_note("%s", text);
	}
	return true;
}

static void ktest_note_captured(void)
{
	unsigned int i;

	for (i = 0; i < MIN(ktest.nr_reports, KTEST_MAX_REPORTS); i++)
		ktest_note("captured: %s", ktest.report[i]);
}

/* Length of the name at the front of a list "a,b,c". */
static size_t ktest_word_length(const char *list)
{
	const char *comma = strchr(list, ',');

	return comma ? (size_t)(comma - list) : strlen(list);
}

static const char *ktest_next_word(const char *list)
{
	list += ktest_word_length(list);
	return *list == ',' ? list + 1 : list;
}

static bool ktest_word_is(const char *word, size_t len, const char *name)
{
	return strlen(name) == len && strncmp(word, name, len) == 0;
}

/* "-suite" or "-suite.test": what takes too long, or what a machine lacks that cannot say so itself. */
static bool ktest_word_leaves_out(const char *word, size_t len, const struct ktest *test)
{
	size_t at = strlen(test->suite) + 1;

	if (len < at || word[0] != '-' || strncmp(word + 1, test->suite, at - 1) != 0)
		return false;
	return len == at || (word[at] == '.' && ktest_word_is(word + at + 1, len - at - 1, test->name));
}

static bool ktest_is_left_out(const struct ktest *test)
{
	const char *word;

	for (word = ktest.list; *word; word = ktest_next_word(word))
		if (ktest_word_leaves_out(word, ktest_word_length(word), test))
			return true;
	return false;
}

static enum report_result ktest_result(const struct ktest *test)
{
	if (ktest.nr_failed == 0)
		return ktest.skip_reason ? REPORT_SKIPPED : REPORT_OK;
	ktest_note("%u failed in all; the test proves %s", ktest.nr_failed, test->proves);
	ktest_note_captured();
	return REPORT_FAILED;
}

void ktest_set_failures(const struct ktest_failures *failures)
{
	ktest.failures = failures;
}

static void ktest_start(const struct ktest *test)
{
	ktest.nr_failed = 0;
	ktest.skip_reason = NULL;
	ktest.is_capturing = false;
	ktest.nr_reports = ktest.nr_bugs = 0;
	ktest.running = test;
	test->run();
	if (ktest.check)
		ktest.check();
	ktest.running = NULL;
}

static void ktest_expect_none_left(void)
{
	ktest.nr_failed += !leftover_none();
}

/* --- with requests that fail on purpose --- */

enum attempt { ATTEMPT_SAW_NONE, ATTEMPT_SURVIVED, ATTEMPT_WRONG };

/* Result: enum attempt. */
static unsigned int ktest_attempt(unsigned int n)
{
	bool is_reached, is_good;

	leftover_note();
	ktest.is_muted = true;
	ktest.failures->begin(n);
	ktest_start(ktest.starved);
	is_reached = ktest.failures->end();
	ktest.is_muted = false;
	is_good = ktest.is_capturing || !ktest.nr_bugs;
	is_good &= leftover_none() && ktest.failures->is_sound();
	if (!is_good)
		ktest_note("... behind %s when its request %u failed", ktest.starved->name, n);
	return !is_good ? ATTEMPT_WRONG : is_reached ? ATTEMPT_SURVIVED : ATTEMPT_SAW_NONE;
}

static unsigned int ktest_next_n(unsigned int n)
{
	return n < ktest.failures->all_up_to ? n + 1 : 2 * n;
}

/* Result: is the machine as it was, whichever failed? */
static bool ktest_starve(const struct ktest *test)
{
	unsigned int result = ATTEMPT_SURVIVED, nr = 0;

	ktest.starved = test;
	for (unsigned int n = 1; result == ATTEMPT_SURVIVED && !ktest_is_stopped(); n = ktest_next_n(n)) {
		result = ktest.failures->alone ? ktest.failures->alone(ktest_attempt, n) : ktest_attempt(n);
		nr += result == ATTEMPT_SURVIVED;
	}
	if (nr)
		ktest_note("%u failures", nr);
	return result != ATTEMPT_WRONG;
}

/* Result: 1 when it failed. */
static unsigned int ktest_run_test(const struct ktest *test, unsigned int number)
{
	enum report_result result = REPORT_SKIPPED;
	bool is_good = true;

	report_test_begin();
	if (ktest_is_left_out(test)) {
		ktest.skip_reason = "left out by selftest=";
	} else if (ktest_is_stopped()) {
		ktest.skip_reason = "stopped";
	} else {
		if (ktest.failures && test->run != ktest_expect_none_left)
			is_good = ktest_starve(test);
		ktest_start(test);
		ktest.nr_failed += !is_good;
		result = ktest_result(test);
	}
	report_test_end(test, number, result, ktest.skip_reason);
	return result == REPORT_FAILED;
}

/* The last test of each suite, whatever the list leaves out of it. */
static struct ktest ktest_last_of(const char *suite)
{
	return (struct ktest){suite, "leaves_nothing_behind", "S6 DBG-10", ktest_expect_none_left, false};
}

/* The suite of tests[i], when that test is the first of it; else NULL. */
static const char *ktest_suite_starting_at(const struct ktest *const *test)
{
	const struct ktest *const *before;

	for (before = __start_ktests; before < test; before++)
		if (strcmp((*before)->suite, (*test)->suite) == 0)
			return NULL;
	return (*test)->suite;
}

const char *ktest_suite_at(unsigned int n)
{
	const struct ktest *const *test;

	for (test = __start_ktests; test < __stop_ktests; test++)
		if (ktest_suite_starting_at(test) && n-- == 0)
			return (*test)->suite;
	return NULL;
}

static unsigned int ktest_suite_size(const char *suite)
{
	const struct ktest *const *test;
	unsigned int nr = 0;

	for (test = __start_ktests; test < __stop_ktests; test++)
		nr += strcmp((*test)->suite, suite) == 0;
	return nr;
}

/* Result: number of failed tests. */
static unsigned int ktest_run_suite(const char *suite, unsigned int suite_number)
{
	unsigned int number = 0, nr_failed = 0;
	const struct ktest last = ktest_last_of(suite);
	const struct ktest *const *test;

	report_suite_begin(suite, ktest_suite_size(suite) + 1);
	leftover_note();
	for (test = __start_ktests; test < __stop_ktests; test++)
		if (strcmp((*test)->suite, suite) == 0)
			nr_failed += ktest_run_test(*test, ++number);
	nr_failed += ktest_run_test(&last, ++number);
	report_suite_end(suite, suite_number, nr_failed == 0);
	return nr_failed;
}

static bool ktest_list_has(const char *list, const struct ktest *test)
{
	for (; *list; list = ktest_next_word(list)) {
		size_t len = ktest_word_length(list);

		if ((ktest_word_is(list, len, "all") && !test->is_by_name) ||
		    ktest_word_is(list, len, test->suite))
			return true;
	}
	return false;
}

static bool ktest_word_is_known(const char *word, size_t len)
{
	const struct ktest *const *test;

	if (len == 0 || ktest_word_is(word, len, "all") || ktest_word_is(word, len, "none"))
		return true;
	for (test = __start_ktests; test < __stop_ktests; test++)
		if (ktest_word_is(word, len, (*test)->suite) || ktest_word_leaves_out(word, len, *test))
			return true;
	return false;
}

/* Each name in the list that is no suite: counted, and reported as a failed suite when number is not NULL. */
static unsigned int ktest_unknown_words(const char *list, unsigned int *number)
{
	unsigned int nr_unknown = 0;

	for (; *list; list = ktest_next_word(list)) {
		size_t len = ktest_word_length(list);

		if (ktest_word_is_known(list, len))
			continue;
		nr_unknown++;
		if (number)
			report_unknown_suite(list, len, ++*number);
	}
	return nr_unknown;
}

static unsigned int ktest_nr_suites(const char *list)
{
	const struct ktest *const *test;
	unsigned int nr = 0;

	for (test = __start_ktests; test < __stop_ktests; test++)
		nr += ktest_suite_starting_at(test) && ktest_list_has(list, *test);
	return nr;
}

unsigned int ktest_run(const char *list)
{
	unsigned int nr_failed, nr_planned = ktest_nr_suites(list) + ktest_unknown_words(list, NULL),
				number = 0;
	const struct ktest *const *test;

	ktest.list = list;
	report_begin(nr_planned);
	nr_failed = ktest_unknown_words(list, &number);
	for (test = __start_ktests; test < __stop_ktests; test++)
		if (ktest_suite_starting_at(test) && ktest_list_has(list, *test))
			nr_failed += ktest_run_suite((*test)->suite, ++number);
	if (nr_planned)
		report_end();
	return nr_failed;
}
