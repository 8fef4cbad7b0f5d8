/* SPDX-License-Identifier: MIT */
/* The tour of the prompt: each rule comes out as the book says, and leaves nothing behind. */
#include <kernel/lib/format.h>
#include <kernel/lib/string.h>
#include <mm/report/validate.h>
#include <monitor/rules.h>
#include <monitor/say.h>
#include <tests/ktest.h>

static void swallow(struct sink *sink, const char *text, size_t len)
{
	(void)sink;
	(void)text;
	(void)len;
}

static bool rule_holds(const struct rule *rule)
{
	struct sink nowhere = {.write = swallow};
	bool ok;

	say_to(&nowhere);
	ok = rule_try(rule);
	say_to(NULL);
	return ok;
}

KTEST(rules, each_rule_of_the_tour_comes_out_as_the_book_says, "D1 C6")
{
	const struct rule *rule;

	reports_capture();
	for (unsigned int n = 0; (rule = rule_at(n)) != NULL; n++) {
		bool ok = rule_holds(rule);

		if (!ok)
			ktest_note("rule %s", rule->name);
		EXPECT(ok);
	}
	EXPECT_EQ(mm_validate(NULL), 0);
}

static const struct rule *rule_named(const char *name)
{
	const struct rule *rule;

	for (unsigned int n = 0; (rule = rule_at(n)) != NULL; n++)
		if (strcmp(rule->name, name) == 0)
			break;
	return rule;
}

KTEST(rules, a_wrong_free_is_told_once_and_by_whom, "P4")
{
	reports_capture();
	EXPECT(rule_holds(rule_named("double-free")));
	EXPECT_EQ(reports_count_bugs(), 1);
	EXPECT(reports_contain("bad page free by try_double_free"));
	EXPECT(rule_holds(rule_named("wrong-free")));
	EXPECT_EQ(reports_count_bugs(), 2);
	EXPECT(reports_contain("bad page free by try_wrong_free"));
}

static size_t column, widest;

static void measure(struct sink *sink, const char *text, size_t len)
{
	(void)sink;
	for (size_t i = 0; i < len; i++) {
		column = text[i] == '\n' ? 0 : column + 1;
		widest = column > widest ? column : widest;
	}
}

KTEST(rules, a_passage_of_a_book_has_room_in_80_columns, "D1")
{
	struct sink ruler = {.write = measure};
	const struct rule *rule;

	column = widest = 0;
	say_to(&ruler);
	for (unsigned int n = 0; (rule = rule_at(n)) != NULL; n++)
		say_text(rule->book);
	EXPECT(column == 0 && widest > 60 && widest < 80);
	say_text("wordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordword");
	say_to(NULL);
	EXPECT(column == 0 && widest == 79);
}
