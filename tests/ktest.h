/* SPDX-License-Identifier: MIT */
/* The test frame of guest and host. A test is one line beside its body:
 *
 *   KTEST(buddy, free_merges_with_buddy_of_same_order, "BUD-06 P2")
 *   {
 *           EXPECT_EQ(x, y);
 *   }
 *
 * The suite is the module's name; the name is a sentence; the last word lists the ids of CONTRACT.md and
 * CASES.md it proves. ktest_run() prints KTAP: one sub-test per suite, one line per test. The first failed
 * EXPECT is printed as a diagnostic; the test runs on unless REQUIRE was used, which returns from it. SKIP
 * names what the machine lacks. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

struct ktest {
	const char *suite, *name, *proves;
	void (*run)(void);
	bool is_by_name; /* its suite is not part of "all" */
};

#define KTEST(suite_, name_, proves_) KTEST_ENTRY(suite_, name_, proves_, false)

/* The same for all tests of a suite that takes long: it runs when its name is in the list. */
#define KTEST_BY_NAME(suite_, name_, proves_) KTEST_ENTRY(suite_, name_, proves_, true)

#define KTEST_ENTRY(suite_, name_, proves_, is_by_name_)                                                     \
	static void t_##suite_##_##name_(void);                                                              \
	static const struct ktest t_entry_##suite_##_##name_ = {#suite_, #name_, proves_,                    \
								t_##suite_##_##name_, is_by_name_};          \
	static const struct ktest *const t_ptr_##suite_##_##name_ __used SECTION("ktests") =                 \
		&t_entry_##suite_##_##name_;                                                                 \
	static void t_##suite_##_##name_(void)

/* Notes an expectation that failed: where, what was expected and what was found. Returns ok. */
bool ktest_check(bool ok, const char *file, int line, const char *expr);
bool ktest_check_eq(uint64_t found, uint64_t expected, const char *file, int line, const char *expr);
void ktest_skip(const char *reason);

#ifdef __KERNEL__
/* In the kernel's image, which is memory, the place says which expectation it was. */
bool ktest_check_here(bool ok, const char *file, int line);
bool ktest_check_eq_here(uint32_t found, uint32_t expected, const char *file, int line);

#define KTEST_CHECK(cond) ktest_check_here(!!(cond), __FILE__, __LINE__)
#define EXPECT_EQ(a, b)                                                                                      \
	((void)(sizeof(a) > 4 || sizeof(b) > 4                                                               \
			? ktest_check_eq((uint64_t)(a), (uint64_t)(b), __FILE__, __LINE__, "equal")          \
			: ktest_check_eq_here((uint32_t)(a), (uint32_t)(b), __FILE__, __LINE__)))
#else
#define KTEST_CHECK(cond) ktest_check(!!(cond), __FILE__, __LINE__, #cond)
#define EXPECT_EQ(a, b)	  ((void)ktest_check_eq((uint64_t)(a), (uint64_t)(b), __FILE__, __LINE__, #a " == " #b))
#endif
#define EXPECT(cond)	   ((void)KTEST_CHECK(cond))
#define EXPECT_NULL(p)	   EXPECT((p) == NULL)
#define EXPECT_NOT_NULL(p) EXPECT((p) != NULL)
#define REQUIRE(cond)                                                                                        \
	do {                                                                                                 \
		if (!KTEST_CHECK(cond))                                                                      \
			return;                                                                              \
	} while (0)
#define SKIP(reason)                                                                                         \
	do {                                                                                                 \
		ktest_skip(reason);                                                                          \
		return;                                                                                      \
	} while (0)

/* A line of diagnostics ("# ..."), shown where the test's result is. */
void ktest_note(const char *fmt, ...) PRINTF(1, 2);

/* Messages mm printed through port_print since the test began: a negative test states the exact report, and
 * that no other appears. While a test has called reports_capture() they are collected instead of shown. A
 * test that ends with an error or warning it did not capture fails. */
void reports_capture(void);
void reports_forget(void); /* those captured so far */
unsigned int reports_count(void);
unsigned int reports_count_bugs(void);	/* that say BUG */
bool reports_contain(const char *text); /* is `text` a part of one of them */
const char *report_at(unsigned int i);	/* "" beyond the last; at most 16 are kept, 192 bytes each */

/* How results are told from now on; at first KTAP, and nobody stops it. */
struct ktest_manner {
	bool is_short;	  /* for a person: a line a suite, failures in full, a tally */
	bool has_colours; /* the terminal understands escapes */
	uint64_t (*now_ms)(void);
	bool (*is_stopped)(void); /* asked before each test; true: what is left is skipped */
};
void ktest_set_manner(const struct ktest_manner *manner);
bool ktest_is_stopped(void);

/* Called at the end of each test, as a part of it: what must hold whatever the test was. NULL: nothing. */
void ktest_set_check(void (*check)(void));

/* From now on each test runs again and again before its turn, with its 1st, 2nd, 3rd ... request for memory failing,
 * until a run sees none. Such a run's expectations do not count, and a REQUIRE ends it: it ran out, as told. What counts
 * is what is behind it: nothing left over, a sound machine, and no report that says BUG, unless the test captures them. */
struct ktest_failures {
	unsigned int all_up_to; /* beyond it not each: the next is twice as far */
	void (*begin)(unsigned int n);
	bool (*end)(void); /* was it reached? */
	bool (*is_sound)(void);
	unsigned int (*alone)(unsigned int (*fn)(unsigned int n),
			      unsigned int n); /* its result; NULL: here */
};
void ktest_set_failures(const struct ktest_failures *failures);

/* Runs the suites of `list` ("all", "none" or names with commas; an unknown name is a failed suite).
 * Result: number of failed tests. */
unsigned int ktest_run(const char *list);

/* The name of the n-th suite; NULL behind the last. */
const char *ktest_suite_at(unsigned int n);

/* For whoever implements port_print: offers a message to the test that runs. true: taken, not to be shown
 * again. `level` is an enum port_level. Context: any. */
bool ktest_report(int level, const char *text);

/* Supplied by whoever links the frame: the machine before a suite; and whether it is the same behind it, each difference
 * told with ktest_note(). A suite's last result is whether it left something behind. */
void leftover_note(void);
bool leftover_none(void);

/* Supplied, too: where KTAP goes. */
void ktest_write(const char *text, size_t len);
