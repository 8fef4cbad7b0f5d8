/* SPDX-License-Identifier: MIT */
/* Both ways of telling. For a person notes are held back until the test failed; what does not fit is cut.
 * Context: the thread that runs tests; notes may come from interrupts. */
#include <tests/ktest_report.h>

#include <kernel/lib/align.h>
#include <kernel/lib/format.h>

#define LINE_SIZE    256 /* bytes with the NUL */
#define NOTES_SIZE   2048
#define FAILED_NAMES 16u

static struct {
	struct ktest_manner manner;
	uint64_t began_ms, suite_began_ms;
	unsigned int nr[3], nr_before[3];    /* of each result, and those up to the running suite */
	const char *failed[FAILED_NAMES][2]; /* suite, name */
	size_t notes_len;
	char notes[NOTES_SIZE];
} report;

static void print(const char *fmt, ...) PRINTF(1, 2);

static void print(const char *fmt, ...)
{
	char line[LINE_SIZE];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (len >= (int)sizeof(line)) {
		len = sizeof(line) - 1;
		line[len - 1] = '\n';
	}
	ktest_write(line, (size_t)len);
}

void ktest_set_manner(const struct ktest_manner *manner)
{
	report.manner = *manner;
}

bool ktest_is_stopped(void)
{
	return report.manner.is_stopped && report.manner.is_stopped();
}

static uint64_t now_ms(void)
{
	return report.manner.now_ms ? report.manner.now_ms() : 0;
}

static const char *red(void)
{
	return report.manner.has_colours ? "\033[31m" : "";
}

static const char *plain(void)
{
	return report.manner.has_colours ? "\033[0m" : "";
}

void report_begin(unsigned int nr_suites)
{
	report.nr[REPORT_OK] = report.nr[REPORT_FAILED] = report.nr[REPORT_SKIPPED] = 0;
	report.began_ms = now_ms();
	if (report.manner.is_short)
		return;
	print("KTAP version 1\n");
	print(nr_suites ? "1..%u\n" : "1..%u # SKIP no suite asked for\n", nr_suites);
}

void report_suite_begin(const char *suite, unsigned int nr_tests)
{
	report.suite_began_ms = now_ms();
	for (unsigned int i = 0; i < ARRAY_SIZE(report.nr); i++)
		report.nr_before[i] = report.nr[i];
	if (!report.manner.is_short)
		print("    KTAP version 1\n    # Subtest: %s\n    1..%u\n", suite, nr_tests);
}

static unsigned int nr_in_suite(enum report_result result)
{
	return report.nr[result] - report.nr_before[result];
}

/* "  slab               38 tests, 2 skipped       0.120 s" */
static void print_suite_line(const char *suite, bool ok)
{
	uint64_t ms = now_ms() - report.suite_began_ms;
	unsigned int nr_skipped = nr_in_suite(REPORT_SKIPPED), nr_failed = nr_in_suite(REPORT_FAILED);
	char counts[64];
	int len = scnprintf(counts, sizeof(counts), "%3u passed", nr_in_suite(REPORT_OK));

	if (nr_failed)
		len += scnprintf(counts + len, sizeof(counts) - (size_t)len, ", %u failed", nr_failed);
	if (nr_skipped)
		(void)scnprintf(counts + len, sizeof(counts) - (size_t)len, ", %u skipped", nr_skipped);
	print("  %s%-18s %-36s %3u.%03u s%s\n", ok ? "" : red(), suite, counts, (unsigned int)ms / 1000,
	      (unsigned int)ms % 1000, ok ? "" : plain());
}

void report_suite_end(const char *suite, unsigned int number, bool ok)
{
	if (report.manner.is_short)
		print_suite_line(suite, ok);
	else
		print("%s %u %s\n", ok ? "ok" : "not ok", number, suite);
}

void report_unknown_suite(const char *name, size_t len, unsigned int number)
{
	report.nr[REPORT_FAILED]++;
	if (report.manner.is_short)
		print("  %s%.*s: no suite bears this name%s\n", red(), (int)MIN(len, 40u), name, plain());
	else
		print("# no suite bears this name; expected all, quick, none or names with commas, "
		      "-suite.test\n"
		      "not ok %u %.*s\n",
		      number, (int)MIN(len, 64u), name);
}

void report_end(void)
{
	uint64_t ms = now_ms() - report.began_ms;
	unsigned int nr_failed = report.nr[REPORT_FAILED];

	if (!report.manner.is_short)
		return;
	print("%sself-tests: %u passed, %u failed, %u skipped, in %u.%u s%s\n", nr_failed ? red() : "",
	      report.nr[REPORT_OK], nr_failed, report.nr[REPORT_SKIPPED], (unsigned int)ms / 1000,
	      (unsigned int)ms % 1000 / 100, nr_failed ? plain() : "");
	for (unsigned int i = 0; i < MIN(nr_failed, FAILED_NAMES); i++)
		if (report.failed[i][0])
			print("  failed: %s.%s\n", report.failed[i][0], report.failed[i][1]);
}

void report_test_begin(void)
{
	report.notes_len = 0;
}

void report_note(const char *text)
{
	size_t room = NOTES_SIZE - report.notes_len;

	if (report.manner.is_short)
		report.notes_len +=
			(size_t)scnprintf(report.notes + report.notes_len, room, "      %s\n", text);
	else
		print("    # %s\n", text);
}

static void print_failure(const struct ktest *test)
{
	print("  %sfailed: %s.%s%s\n", red(), test->suite, test->name, plain());
	ktest_write(report.notes, report.notes_len);
}

static void print_result(const struct ktest *test, unsigned int number, enum report_result result,
			 const char *skip_reason)
{
	if (result == REPORT_SKIPPED)
		print("    ok %u %s # SKIP %s\n", number, test->name, skip_reason);
	else
		print("    %s %u %s\n", result == REPORT_OK ? "ok" : "not ok", number, test->name);
}

void report_test_end(const struct ktest *test, unsigned int number, enum report_result result,
		     const char *skip_reason)
{
	if (result == REPORT_FAILED && report.nr[REPORT_FAILED] < FAILED_NAMES) {
		report.failed[report.nr[REPORT_FAILED]][0] = test->suite;
		report.failed[report.nr[REPORT_FAILED]][1] = test->name;
	}
	report.nr[result]++;
	if (!report.manner.is_short)
		print_result(test, number, result, skip_reason);
	else if (result == REPORT_FAILED)
		print_failure(test);
}
