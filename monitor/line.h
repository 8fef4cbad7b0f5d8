/* SPDX-License-Identifier: MIT */
/* A line of text from bytes as they come over a serial line, with editing, echo and history. Pure: bytes in,
 * text out, echo to a sink; nothing allocates and nobody waits.
 *
 *   Enter            ends the line (CR, LF or both)      Up Down           older, newer lines
 *   Backspace, DEL   the character before the cursor     Left ^B Right ^F  one character
 *   Delete, ^D       the character under it              Home ^A End ^E    start, end
 *   ^U ^K ^W         to the start, to the end, a word    ^C ^L             drop the line; clear the screen
 *   Tab              complete the word, or list what     ^R                the last line with this text in it,
 *                    it could be                                           again: the one before
 *
 * L1 text[0..len) is printable ASCII; cursor <= len < LINE_SIZE.
 * L2 What a line cannot hold is refused with a bell, and such a line is handed out as `problem`, not as text:
 *    a command cut short or with bytes left out is another command. Control characters without a meaning
 *    here, NUL among them, ring and are no problem.
 * L3 The terminal shows prompt and text, its cursor at text[cursor], after each byte. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>

struct sink;

#define LINE_SIZE    256u /* bytes with the NUL */
#define LINE_HISTORY 16u

struct line_editor {
	struct sink *echo;
	const char *prompt;
	/* The n-th word that could end `before`; NULL behind the last. No function: Tab is a blank. (C) */
	const char *(*complete)(const char *before, unsigned int n);
	const char *problem; /* of the line that is ready: why it cannot be used, or NULL */
	unsigned int len, cursor;
	bool is_too_long, is_binary;
	bool was_too_long, was_binary; /* the unfinished line, while an old one is shown */
	bool was_return;	       /* the last byte was CR: a LF now belongs to it */
	uint8_t escape;		       /* enum escape_state */
	uint8_t escape_number;	       /* n of ESC [ n ~ */
	unsigned int nr_kept;	       /* lines ever kept; the last LINE_HISTORY of them are there */
	unsigned int back;	       /* lines back in history that is shown; 0: the new one */
	char text[LINE_SIZE];	       /* the line; NUL-terminated when it is ready */
	char unfinished[LINE_SIZE];    /* the new line while an old one is shown */
	char kept[LINE_HISTORY][LINE_SIZE];
};

void line_init(struct line_editor *line, const char *prompt, struct sink *echo);

/* An empty line: prints the prompt. */
void line_begin(struct line_editor *line);

/* Result: the line is ready, in text or problem; then line_begin() is due. */
bool line_feed(struct line_editor *line, uint8_t byte);
