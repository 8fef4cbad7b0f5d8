/* SPDX-License-Identifier: MIT */
/* Scan codes of set 1 become what a terminal would send. Guest. */
#include <drivers/keyboard.h>

#include <kernel/lib/string.h>
#include <tests/ktest.h>

struct typist {
	struct keyboard_keys keys;
	char typed[32];
};

static void press(struct typist *typist, const char *codes, size_t nr)
{
	char out[KEYBOARD_BYTES + 1];

	for (size_t i = 0; i < nr; i++) {
		const char *text = keyboard_decode(&typist->keys, (uint8_t)codes[i], out);

		for (size_t len = strlen(typist->typed); *text && len + 1 < sizeof(typist->typed); len++)
			typist->typed[len] = *text++;
	}
}

/* Does this sequence of codes type that? */
#define TYPES(codes, expected)                                                                               \
	({                                                                                                   \
		struct typist typist = {.typed = ""};                                                        \
                                                                                                             \
		press(&typist, codes, sizeof(codes) - 1);                                                    \
		if (strcmp(typist.typed, expected) != 0)                                                     \
			ktest_note("typed \"%s\"", typist.typed);                                            \
		strcmp(typist.typed, expected) == 0;                                                         \
	})

KTEST(keyboard, a_key_types_when_it_goes_down_and_not_when_it_comes_up, "D8")
{
	EXPECT(TYPES("\x12\x92\x2e\xae\x23\xa3\x18\x98", "echo"));
	EXPECT(TYPES("\x1e\x1e\x1e\x9e", "aaa")); /* held */
	EXPECT(TYPES("\x02\x0b\x39\x1c\x0e\x0f\x01", "10 \r\b\t\033"));
}

KTEST(keyboard, shift_caps_lock_and_control_change_what_is_typed, "D8")
{
	EXPECT(TYPES("\x2a\x1e\x04\xaa\x1e", "A#a"));
	EXPECT(TYPES("\x36\x2a\xb6\x1e\xaa\x1e", "Aa"));
	EXPECT(TYPES("\x3a\xba\x1e\x02\x2a\x1e\xaa\x3a\xba\x1e", "A1aa"));
	EXPECT(TYPES("\x1d\x2e\x9d\x2e", "\003c"));
	EXPECT(TYPES("\x2a\x2b\xaa", "|"));
}

KTEST(keyboard, arrows_and_their_kind_are_what_a_terminal_sends, "D8")
{
	EXPECT(TYPES("\xe0\x48\xe0\xc8\xe0\x50\xe0\x4d\xe0\x4b", "\033[A\033[B\033[C\033[D"));
	EXPECT(TYPES("\xe0\x47\xe0\x4f\xe0\x53\xe0\x1c", "\033[H\033[F\033[3~\r"));
	EXPECT(TYPES("\xe0\x2a\xe0\x48\xe0\xaa\x1e", "\033[Aa")); /* a shift that nobody pressed */
	EXPECT(TYPES("\xe0\x1d\x2e\xe0\x9d\x2e", "\003c"));	  /* the right Ctrl */
}

KTEST(keyboard, any_codes_type_text_that_fits, "D8")
{
	struct keyboard_keys keys = {.is_extended = false};
	char out[KEYBOARD_BYTES + 1];
	unsigned int nr_long = 0;

	for (unsigned int i = 0; i < 65536; i++) {
		(void)keyboard_decode(&keys, (uint8_t)(i >> 8), out);
		nr_long += strlen(keyboard_decode(&keys, (uint8_t)i, out)) > KEYBOARD_BYTES;
	}
	EXPECT_EQ(nr_long, 0);
}
