/* SPDX-License-Identifier: MIT */
/* Words of a command line and what they mean. Pure: runs on the host, too. */
#pragma once

#include <kernel/lib/compiler.h>
#include <kernel/lib/types.h>
#include <mm/pages/gfp.h>

#define WORDS_MAX 16u
#define SHOWN_MAX 36u /* of a word in a message */

/* Cuts `text` into words at its blanks, in place. Result: how many there are; only WORDS_MAX are in word[].
 */
unsigned int parse_words(char *text, char *word[WORDS_MAX]);

/* A decimal or 0x-hexadecimal number, all of the word and below 2^64. */
bool parse_number(const char *word, uint64_t *value) MUST_CHECK;

/* "#12", from #1 on. */
bool parse_handle(const char *word, unsigned int *number) MUST_CHECK;

/* Names joined by '|', in either case, with or without GFP_ or __GFP_: "kernel", "GFP_DMA|atomic". Result:
 * NULL, or what is wrong with it, for "expected …"; *where, *len: the part at fault. */
const char *parse_flags(const char *word, gfp_t *gfp, const char **where, size_t *len);
